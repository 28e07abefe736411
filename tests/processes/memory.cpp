// Memory stays within its limit and does not grow, whatever the server does: for many rounds, in
// each of which more is recorded than the limit takes. Outside of the limit are libcurl, OpenSSL
// and the exporters with what they allocate, and what the C library's allocator keeps for itself:
// kBeside bounds all of that together.
// run once: closed_port
// run once: hanging_server
// run once: thousand_threads 16
// run once: thousand_threads 2
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "../support/counting_exporter.hpp"
#include "../support/raw_server.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif

using waggle::Milliseconds;
using waggle_test::require;

namespace {

constexpr std::size_t kMegabyte = 1024 * 1024;
constexpr std::size_t kBeside = 4 * kMegabyte;

// Returns how many bytes of the program are in memory.
std::size_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long all = 0;
  unsigned long resident = 0;
  require(file != nullptr && std::fscanf(file, "%lu %lu", &all, &resident) == 2, "there is statm");
  std::fclose(file);
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void require_complete_books(std::uint64_t made) {
  const waggle::Stats stats = waggle::stats();
  require(stats.in_rings + stats.queued + stats.in_flight == 0, "nothing is left on its way");
  require(stats.ended() == made, "every span is in the books once");
}

// Records about 1 KB.
void record_span(const std::string& text) {
  waggle::Span span{"span"};
  span.set_attribute("number", 7);
  span.set_attribute("text", text);
  span.add_event("event", {{"key", 1}});
}

constexpr std::size_t kLimit = 2 * kMegabyte;
constexpr int kThreads = 3;
constexpr int kSpansInRound = 3000;  // of each thread: four times the limit in all

void record_round() {
  std::vector<std::thread> threads;
  for (int number = 0; number < kThreads; ++number) {
    threads.emplace_back([] {
      const std::string text(900, 'x');
      for (int span = 0; span < kSpansInRound; ++span) {
        record_span(text);
        if (span % 100 == 0) std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void require_flat(const std::string& endpoint) {
  constexpr std::size_t kRounds = 90;
  waggle::Config config;
  config.endpoint = endpoint;
  config.memory_limit = kLimit;
  config.batch_delay = Milliseconds(1);
  config.attempt_timeout = config.retry_for = Milliseconds(30);
  config.retry_backoff_first = config.retry_backoff_longest = Milliseconds(5);
  config.on_message = [](std::string_view, void*) {};
  require(waggle::initialise_curl().ok(), "libcurl is initialised");
  const std::size_t before = resident_bytes();
  waggle::Tracing tracing = waggle::start(std::move(config));
  require(tracing.is_on(), "tracing is on");
  std::vector<std::size_t> sizes;
  for (std::size_t round = 0; round < kRounds; ++round) {
    record_round();
    tracing.force_flush(Milliseconds(20));
    sizes.push_back(resident_bytes());
  }
  const auto third = static_cast<std::ptrdiff_t>(kRounds / 3);
  const std::size_t middle = *std::max_element(sizes.begin() + third, sizes.begin() + 2 * third);
  const std::size_t last = *std::max_element(sizes.begin() + 2 * third, sizes.end());
  std::printf("%zu KB in the second third of the rounds, %zu KB in the last; limit %zu KB\n",
              (middle - before) / 1024, (last - before) / 1024, kLimit / 1024);
  require(last <= middle + kMegabyte, "memory does not grow");
  require(last <= before + kLimit + kBeside, "memory stays within its limit");
  tracing.shutdown(Milliseconds(100));
  require_complete_books(kRounds * kThreads * kSpansInRound);
  require(waggle::stats().delivered == 0, "nothing arrived");
}

// A server that takes connections and says nothing.
void require_flat_with_hanging_server() {
  waggle_test::RawServer server(
      [](waggle_test::RawConnection& connection) { connection.wait_for_server_end(); });
  require_flat("http://" + server.authority());
}

// Makes sure that no page of the stack is new later on.
void touch_stack() {
  volatile char pages[64 * 1024];
  for (std::size_t at = 0; at < sizeof(pages); at += 1024) pages[at] = 0;
}

// Where threads wait for each other, and for the one that measures.
class MeetingPoint {
 public:
  // For those that take part: waits until it is opened that often.
  void arrive_and_wait(int times) {
    std::unique_lock<std::mutex> lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return opened_ >= times; });
  }

  void wait_for(std::uint64_t arrived) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= arrived; });
  }

  void open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++opened_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t arrived_ = 0;
  int opened_ = 0;
};

void thousand_threads(std::size_t limit) {
  constexpr std::uint64_t kMany = 1000;
  constexpr std::uint64_t kSpans = 50;
  waggle::Config config;
  config.memory_limit = limit;
  waggle::Tracing tracing = waggle_test::start_counting(std::move(config));
  MeetingPoint meeting;
  std::vector<std::thread> threads;
  for (std::uint64_t number = 0; number < kMany; ++number) {
    threads.emplace_back([&] {
      const std::string text(900, 'x');
      touch_stack();
      meeting.arrive_and_wait(1);
      for (std::uint64_t span = 0; span < kSpans; ++span) record_span(text);
      meeting.arrive_and_wait(2);
    });
  }
  meeting.wait_for(kMany);
  const std::size_t before = resident_bytes();
  meeting.open();
  meeting.wait_for(2 * kMany);
  const std::size_t after = resident_bytes();
  meeting.open();
  for (std::thread& thread : threads) thread.join();
  std::printf("%zu KB for %d threads; limit %zu KB\n", (after - before) / 1024,
              static_cast<int>(kMany), limit / 1024);
  require(after <= before + limit + kBeside, "memory stays within its limit");
  tracing.shutdown(Milliseconds(10000));
  require_complete_books(kMany * kSpans);
  require(waggle::stats().delivered > 0, "some threads have a ring");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
#ifdef UNDER_SANITIZER
  (void)&require_flat_with_hanging_server;
  (void)&thousand_threads;
  (void)&require_flat;
  return name.empty() ? 2 : 77;
#else
  if (name == "closed_port") {
    return require_flat("http://127.0.0.1:" + std::to_string(waggle_test::unused_port())), 0;
  }
  if (name == "hanging_server") return require_flat_with_hanging_server(), 0;
  if (name == "thousand_threads" && argc == 3) {
    return thousand_threads(std::strtoul(argv[2], nullptr, 10) * kMegabyte), 0;
  }
  return 2;
#endif
}
