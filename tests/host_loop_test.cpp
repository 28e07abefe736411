// Tracing without a thread of its own: the program calls poll().
#include <dirent.h>
#include <doctest/doctest.h>
#include <httplib.h>

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/made_records.hpp"
#include "support/raw_server.hpp"

using std::chrono::microseconds;
using waggle::DropReason;
using waggle::Milliseconds;
using waggle_test::RawConnection;
using waggle_test::RawServer;

namespace {

constexpr microseconds kLongestWait{100000};

// A tracer in the host's loop that exports to memory.
struct Hosted {
  std::shared_ptr<waggle::SpanStore> store = std::make_shared<waggle::SpanStore>();
  waggle::Tracing tracing;

  explicit Hosted(Milliseconds batch_delay = Milliseconds(0)) {
    waggle::Config config;
    config.worker_thread = false;
    config.batch_delay = batch_delay;
    config.exporters.push_back(std::make_unique<waggle::MemoryExporter>(store));
    tracing = waggle::start(std::move(config));
    REQUIRE(tracing.is_on());
  }
};

waggle::Config to(const std::string& url) {
  waggle::Config config;
  config.worker_thread = false;
  config.endpoint = url;
  config.batch_delay = Milliseconds(0);
  config.on_message = [](std::string_view, void*) {};
  return config;
}

// What a test changes in the books.
struct Change {
  waggle::Stats before = waggle::stats();
  std::uint64_t delivered() const { return waggle::stats().delivered - before.delivered; }
  std::uint64_t dropped(DropReason reason) const {
    return waggle::stats().dropped_for(reason) - before.dropped_for(reason);
  }
};

void record(int count) {
  for (int i = 0; i < count; ++i) waggle::Span span{"span"};
}

// Never answers.
void listen_only(RawConnection& connection) {
  while (connection.read_request()) {
  }
}

// Polls as a host would until `is_done`.
template <class IsDone>
void run_loop(waggle::Tracing& tracing, IsDone is_done) {
  while (!is_done()) std::this_thread::sleep_for(tracing.poll(microseconds(1000)));
}

// Returns the names of this process's threads.
std::vector<std::string> thread_names() {
  std::vector<std::string> names;
  DIR* tasks = ::opendir("/proc/self/task");
  REQUIRE(tasks != nullptr);
  while (const dirent* task = ::readdir(tasks)) {
    std::ifstream file("/proc/self/task/" + std::string(task->d_name) + "/comm");
    std::string name;
    if (std::getline(file, name)) names.push_back(name);
  }
  ::closedir(tasks);
  return names;
}

std::size_t count_of(const std::vector<std::string>& names, const std::string& wanted) {
  std::size_t count = 0;
  for (const std::string& name : names) count += name == wanted ? 1U : 0U;
  return count;
}

// Stays inside until the test lets it go.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_entered = false;
  bool is_open = false;

  void pass() {
    std::unique_lock<std::mutex> lock(mutex);
    is_entered = true;
    changed.notify_all();
    changed.wait(lock, [this] { return is_open; });
  }
  void wait_until_entered() {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [this] { return is_entered; });
  }
  void open() {
    const std::lock_guard<std::mutex> lock(mutex);
    is_open = true;
    changed.notify_all();
  }
};

struct GatedExporter final : waggle::Exporter {
  Gate& gate;
  explicit GatedExporter(Gate& given) : gate(given) {}
  waggle::ExportResult export_batch(const waggle::Batch&, waggle::Deadline) noexcept override {
    gate.pass();
    return {};
  }
};

}  // namespace

TEST_CASE("nothing moves until poll() is called") {
  Hosted hosted;
  record(5);
  CHECK(waggle::stats().in_rings == 5);
  CHECK(hosted.store->size() == 0);
  hosted.tracing.poll();
  CHECK(waggle::stats().in_rings == 0);
  CHECK(hosted.store->size() == 5);
}

TEST_CASE("no thread of waggle's exists, unless it is asked for") {
  {
    Hosted hosted;
    record(1);
    hosted.tracing.poll();
    CHECK(count_of(thread_names(), "waggle") == 0);
  }
  RawServer server(&listen_only);
  {
    auto tracing = waggle::start(to(server.url("")));
    record(1);
    CHECK_FALSE(tracing.force_flush(Milliseconds(10)));
    CHECK(count_of(thread_names(), "waggle") == 0);
    tracing.shutdown(Milliseconds(0));
  }
  waggle::Config config;
  config.exporters.push_back(
      std::make_unique<waggle::MemoryExporter>(std::make_shared<waggle::SpanStore>()));
  auto tracing = waggle::start(std::move(config));
  tracing.force_flush();  // then it has its name
  CHECK(count_of(thread_names(), "waggle") == 1);
}

TEST_CASE("poll() says how long nothing is to be done") {
  Hosted hosted(Milliseconds(40));
  CHECK(hosted.tracing.poll() == kLongestWait);  // nothing there
  record(1);
  const microseconds wait = hosted.tracing.poll();
  CHECK(wait <= Milliseconds(40));  // until the span has waited long enough
  CHECK(hosted.store->size() == 0);
  run_loop(hosted.tracing, [&] { return hosted.store->size() == 1; });
  CHECK(hosted.tracing.poll() == kLongestWait);
}

TEST_CASE("a batch that is never due by itself waits for a flush") {
  Hosted hosted(std::chrono::hours(1));
  record(3);
  CHECK(hosted.tracing.poll() == kLongestWait);
  CHECK(waggle::stats().queued == 3);
  CHECK(hosted.tracing.force_flush());
  CHECK(hosted.store->size() == 3);
}

TEST_CASE("a poll without a budget does one step, and asks for the next at once") {
  RawServer server(&listen_only);
  auto tracing = waggle::start(to(server.url("")));
  record(100);
  tracing.poll();
  record(500);  // more than is encoded in one step
  CHECK(tracing.poll() == microseconds(0));
  CHECK(waggle::stats().in_rings == 0);
  int steps = 1;
  while (tracing.poll() == microseconds(0)) REQUIRE(++steps < 100);
  tracing.shutdown(Milliseconds(0));
}

TEST_CASE("force_flush() does the work itself") {
  Hosted hosted(std::chrono::hours(1));
  record(7);
  CHECK(hosted.tracing.force_flush());
  CHECK(hosted.store->size() == 7);
  CHECK(hosted.tracing.force_flush());  // nothing to do
}

TEST_CASE("shutdown() does the work itself") {
  const Change change;
  Hosted hosted(std::chrono::hours(1));
  record(7);
  CHECK(hosted.tracing.shutdown());
  CHECK(hosted.store->size() == 7);
  CHECK(change.delivered() == 7);
  CHECK(hosted.tracing.poll() == std::chrono::hours(24));
  CHECK(hosted.tracing.force_flush());
}

TEST_CASE("a flush without time returns, and goes on where it stopped") {
  RawServer server(&listen_only);
  const Change change;
  auto tracing = waggle::start(to(server.url("")));
  record(3);
  CHECK_FALSE(tracing.force_flush(Milliseconds(0)));
  CHECK_FALSE(tracing.force_flush(Milliseconds(20)));
  CHECK_FALSE(tracing.shutdown(Milliseconds(0)));
  const waggle::Stats stats = waggle::stats();
  CHECK(stats.in_rings + stats.queued + stats.in_flight == 0);
  CHECK(change.dropped(DropReason::Unconfirmed) + change.dropped(DropReason::ShutdownDeadline) ==
        3);
}

TEST_CASE("shutdown without time counts what it gives up") {
  const Change change;
  RawServer server(&listen_only);
  auto tracing = waggle::start(to(server.url("")));
  record(4);
  CHECK_FALSE(tracing.shutdown(Milliseconds(0)));
  CHECK(change.dropped(DropReason::ShutdownDeadline) == 4);
  CHECK(waggle::stats().in_rings == 0);
}

TEST_CASE("a second thread that polls while one is in there returns at once") {
  Gate gate;
  waggle::Config config;
  config.worker_thread = false;
  config.batch_delay = Milliseconds(0);
  config.exporters.push_back(std::make_unique<GatedExporter>(gate));
  auto tracing = waggle::start(std::move(config));
  record(1);
  std::thread first([&] { tracing.poll(); });
  gate.wait_until_entered();
  CHECK(tracing.poll() == kLongestWait);
  CHECK(waggle::stats().in_flight == 1);
  CHECK_FALSE(tracing.force_flush(Milliseconds(1)));  // waits for its turn, but not for ever
  gate.open();
  first.join();
  CHECK(waggle::stats().in_flight == 0);
  CHECK(tracing.force_flush());
}

TEST_CASE("an exporter that comes back to its tracer does no harm") {
  struct Curious final : waggle::Exporter {
    waggle::Tracing*& tracing;
    explicit Curious(waggle::Tracing*& given) : tracing(given) {}
    waggle::ExportResult export_batch(const waggle::Batch&, waggle::Deadline) noexcept override {
      CHECK(tracing->poll() == kLongestWait);
      CHECK_FALSE(tracing->force_flush(Milliseconds(1)));
      return {};
    }
  };
  waggle::Tracing* known = nullptr;
  waggle::Config config;
  config.worker_thread = false;
  config.exporters.push_back(std::make_unique<Curious>(known));
  auto tracing = waggle::start(std::move(config));
  known = &tracing;
  record(1);
  CHECK(tracing.force_flush());
}

TEST_CASE("threads may record while another one polls") {
  Hosted hosted;
  const Change change;
  std::vector<std::thread> threads;
  constexpr int kThreads = 4;
  constexpr int kSpans = 2000;
  std::mutex mutex;
  int running = kThreads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      record(kSpans);
      const std::lock_guard<std::mutex> lock(mutex);
      --running;
    });
  }
  for (;;) {
    hosted.tracing.poll();
    const std::lock_guard<std::mutex> lock(mutex);
    if (running == 0) break;
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(hosted.tracing.shutdown());
  CHECK(change.delivered() + change.dropped(DropReason::RingFull) == kThreads * kSpans);
  CHECK(hosted.store->size() == change.delivered());
}

TEST_CASE("spans reach a server by polling alone") {
  httplib::Server server;
  std::mutex mutex;
  std::vector<std::string> names;
  server.Post("/v1/traces", [&](const httplib::Request& request, httplib::Response& response) {
    const auto body = nlohmann::json::parse(request.body);
    const std::lock_guard<std::mutex> lock(mutex);
    for (const auto& span : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) {
      names.push_back(span["name"]);
    }
    response.set_content("{}", "application/json");
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread listener([&] { server.listen_after_bind(); });
  const Change change;
  auto tracing = waggle::start(to("http://127.0.0.1:" + std::to_string(port)));
  { waggle::Span span{"first"}; }
  run_loop(tracing, [&] { return change.delivered() == 1; });
  { waggle::Span span{"second"}; }
  run_loop(tracing, [&] { return change.delivered() == 2; });
  { waggle::Span span{"third"}; }
  CHECK(tracing.force_flush(Milliseconds(30000)));
  { waggle::Span span{"fourth"}; }
  CHECK(tracing.shutdown(Milliseconds(30000)));
  server.stop();
  listener.join();
  CHECK(names == std::vector<std::string>{"first", "second", "third", "fourth"});
  CHECK(change.delivered() == 4);
}

TEST_CASE("a flush that comes after the end touches nothing") {
  namespace detail = waggle::detail;
  detail::ThreadRegistry threads(1024 * 1024);
  detail::SpillPool spill(threads.budget());
  detail::ScopeTable scopes;
  detail::Ledger ledger;
  detail::PipelineSettings settings;
  settings.memory = detail::MemoryPlan::of(1024 * 1024, 100);
  settings.exporters.push_back(
      std::make_unique<waggle::MemoryExporter>(std::make_shared<waggle::SpanStore>()));
  detail::ThreadState* state = threads.enlist();
  REQUIRE(state != nullptr);
  const detail::ClockSample clock = detail::sample_clocks();
  detail::HostLoop loop(std::make_unique<detail::Pipeline>(
      detail::PipelineSources{threads, spill, scopes, ledger}, std::move(settings),
      std::make_shared<waggle::Diagnostics>(), detail::WallClock(clock, clock)));
  const waggle::Deadline soon = waggle::Deadline::in(Milliseconds(30000));
  waggle_test::write_record(*state, waggle_test::made_record(1, 64));
  CHECK(loop.flush(soon));
  CHECK(loop.stop(soon));
  CHECK(ledger.snapshot(threads).in_rings == 0);
  waggle_test::write_record(*state, waggle_test::made_record(2, 64));  // in the next session, say
  CHECK_FALSE(loop.flush(soon));
  CHECK(loop.poll(microseconds(0)) == kLongestWait);
  CHECK(ledger.snapshot(threads).in_rings == 1);
}
