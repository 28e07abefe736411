// Memory runs out at the k-th allocation, for every k, while tracing starts, records, exports and
// stops: nothing crashes, hangs or throws, and what was lost is in the books. Each k has a process
// of its own, and each is tried twice: only that allocation fails, or all from there on do.
// run once: server
// run once: host_loop
// run once: memory
// run once: console
// run once: file
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "../support/raw_server.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif

using namespace waggle_test;
using waggle::DropReason;
using waggle::Milliseconds;

// ---- the allocator ----

namespace {

enum class Failing { Never, Once, FromThereOn };

std::atomic<Failing> failing{Failing::Never};
std::atomic<long> allocations_left{0};  // until the first that fails
thread_local bool is_spared = false;    // the test's own allocations do not fail

[[maybe_unused]] bool must_fail() {
  const Failing mode = failing;
  if (mode == Failing::Never || is_spared) return false;
  const long left = --allocations_left;
  const bool fails = mode == Failing::Once ? left == 0 : left <= 0;
  if (fails) errno = ENOMEM;
  return fails;
}

// Lets the test itself allocate.
struct Spared {
  Spared() { is_spared = true; }
  ~Spared() { is_spared = false; }
};

}  // namespace

#ifndef UNDER_SANITIZER
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) { return must_fail() ? nullptr : __libc_malloc(size); }
void* realloc(void* memory, std::size_t size) {
  return size != 0 && must_fail() ? nullptr : __libc_realloc(memory, size);
}
void* calloc(std::size_t number, std::size_t size) {
  return must_fail() ? nullptr : __libc_calloc(number, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return must_fail() ? nullptr : __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  *memory = must_fail() ? nullptr : __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}
#endif

namespace {

// ---- the process in which memory runs out ----

constexpr std::uint64_t kSpans = 3 * 4;

// What the process tells the one that judges it.
struct Outcome {
  bool was_reached;  // the allocation that was to fail
  bool was_on;
  std::uint64_t delivered;
  std::uint64_t unconfirmed;
};

struct Case {
  std::string name;
  std::string url;
  std::string path;
  Outcome* outcome;  // in memory that both processes see
};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::_Exit(1);
}

const std::string long_text(3000, 'x');

void record(std::int64_t first_number) {
  static const waggle::Scope scope{"allocation failure", "1"};
  for (std::int64_t number = first_number; number < first_number + 4; ++number) {
    waggle::Span span{scope, "span"};
    span.set_attribute("number", number);
    span.set_attribute("long", long_text);
    span.add_event("event", {{"key", 1}, {"list", {1, 2, 3}}});
    span.set_status(waggle::StatusCode::Error, "a description that fits no short string");
  }
}

void record_on_new_thread(std::int64_t first_number) {
  std::thread thread;
  {
    const Spared spared;
    thread = std::thread([first_number] { record(first_number); });
  }
  thread.join();
}

std::shared_ptr<waggle::SpanStore> store;

waggle::Config config_for(const Case& tested) {
  waggle::Config config;
  config.batch_delay = Milliseconds(1);
  config.retry_backoff_first = config.retry_backoff_longest = Milliseconds(1);
  config.retry_for = Milliseconds(200);
  config.worker_thread = tested.name != "host_loop";
  config.on_message = [](std::string_view, void*) {};
  if (tested.name == "memory") {
    store = std::make_shared<waggle::SpanStore>();
    config.exporters.push_back(std::make_unique<waggle::MemoryExporter>(store));
  } else if (tested.name == "console") {
    waggle::ConsoleOptions options;
    options.descriptor = ::open(tested.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    config.exporters.push_back(std::make_unique<waggle::ConsoleExporter>(options));
  } else if (tested.name == "file") {
    auto exporter = waggle::FileExporter::open(tested.path);
    require(exporter.ok(), "there is a file");
    config.exporters.push_back(std::move(exporter.value()));
  } else {
    config.endpoint = tested.url;
  }
  return config;
}

void judge_books(bool was_on) {
  const waggle::Stats stats = waggle::stats();
  require(stats.in_rings + stats.queued + stats.in_flight == 0, "each span met its fate");
  require(stats.ended() == (was_on ? kSpans : 0), "each span is in the books");
  // A ring that could not grow is soon full.
  std::uint64_t lost_for_memory = 0;
  for (const DropReason reason :
       {DropReason::MemoryLimit, DropReason::RingFull, DropReason::ExporterFailed,
        DropReason::RetriesExhausted, DropReason::Unconfirmed}) {
    lost_for_memory += stats.dropped_for(reason);
  }
  require(stats.dropped_in_all() == lost_for_memory, "the reason has to do with memory");
}

// Nothing may be thrown out of any call, hence noexcept.
void start_record_and_stop(const Case& tested, Failing mode, long number) noexcept {
  waggle::Config config = config_for(tested);
  allocations_left = number;
  failing = mode;
  waggle::Tracing tracing = waggle::start(std::move(config));
  const bool was_on = tracing.is_on();
  require(tracing.ok() == was_on, "it is started, or says that it is not");
  record(0);
  record_on_new_thread(4);
  tracing.force_flush(Milliseconds(2000));
  record_on_new_thread(8);
  tracing.shutdown(Milliseconds(2000));
  failing = Failing::Never;
  judge_books(was_on);
  const waggle::Stats stats = waggle::stats();
  *tested.outcome = {allocations_left <= 0, was_on, stats.delivered,
                     stats.dropped_for(DropReason::Unconfirmed)};
  // Once there is memory again, tracing can be started again.
  waggle::Tracing again = waggle::start(config_for(tested));
  require(again.is_on(), "it can be started again");
}

// ---- the process that judges ----

// Returns the numbers of all spans in some OTLP/JSON.
void collect_numbers(const std::string& json, std::set<int>& numbers) {
  constexpr std::string_view kBefore = "\"number\",\"value\":{\"intValue\":\"";
  for (std::size_t at = json.find(kBefore); at != json.npos; at = json.find(kBefore, at)) {
    at += kBefore.size();
    numbers.insert(std::atoi(json.c_str() + at));
  }
}

bool is_true(const Outcome& outcome, const RawServer& server) {
  std::set<int> arrived;
  for (const RawRequest& request : server.requests()) collect_numbers(request.body, arrived);
  return outcome.delivered <= arrived.size() &&
         arrived.size() <= outcome.delivered + outcome.unconfirmed;
}

// Tries one number; false if it went wrong.
bool try_number(Case& tested, Failing mode, long number) {
  RawServer server([](RawConnection& connection) {
    while (connection.read_request()) {
      connection.send(http_reply(
          200, R"({"partialSuccess":{"rejectedSpans":"0","errorMessage":"use the new URL"}})"));
    }
  });
  tested.url = "http://" + server.authority();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    start_record_and_stop(tested, mode, number);
    std::exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const char* const kind = mode == Failing::Once ? "only allocation" : "all from allocation";
  if (WIFSIGNALED(status)) std::printf("%s %ld: signal %d\n", kind, number, WTERMSIG(status));
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) std::printf("%s %ld: failed\n", kind, number);
  if (status != 0) return false;
  const bool has_server = tested.name == "server" || tested.name == "host_loop";
  if (!has_server || is_true(*tested.outcome, server)) return true;
  std::printf("%s %ld: the books are not true\n", kind, number);
  return false;
}

bool try_all_numbers(Case& tested, Failing mode) {
  int failures = 0;
  long number = 0;
  do {
    ++number;
    *tested.outcome = {true, false, 0, 0};
    if (!try_number(tested, mode, number)) ++failures;
  } while (tested.outcome->was_reached && failures < 20);
  std::printf("%s: %ld allocations, %d failures\n", tested.name.c_str(), number - 1, failures);
  return failures == 0;
}

// What libcurl and OpenSSL do once in a process comes first: it does not survive this.
int run_case(const std::string& name) {
  require(waggle::initialise_curl().ok(), "libcurl is initialised");
  void* memory =
      ::mmap(nullptr, sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Case tested{name, "", std::filesystem::temp_directory_path() / "waggle-allocation-failure",
              static_cast<Outcome*>(memory)};
  const bool once = try_all_numbers(tested, Failing::Once);
  const bool from_there_on = try_all_numbers(tested, Failing::FromThereOn);
  std::filesystem::remove(tested.path);
  return once && from_there_on ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
#ifdef UNDER_SANITIZER
  (void)argc;
  (void)argv;
  (void)&run_case;
  return 77;
#else
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  return argc == 2 ? run_case(argv[1]) : 2;
#endif
}
