// What threads that record spans cost in memory, with the default limit: of the process, as the
// kernel counts it, and of waggle's own budget. Each number of threads has a process of its own;
// the same threads, with tracing off, are there before.
//   memory_bench

#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/backend.hpp"
#include "support/drain.hpp"
#include "support/machine.hpp"
#include "support/row.hpp"
#include "support/start.hpp"

namespace {

constexpr int kSpansPerThread = 8;

// Returns the resident bytes of this process, counted page by page.
std::uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/smaps_rollup", "r");
  if (file == nullptr) return 0;
  char line[256];
  unsigned long long kilobytes = 0;
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    if (std::sscanf(line, "Rss: %llu kB", &kilobytes) == 1) break;
  }
  std::fclose(file);
  return kilobytes * 1024;
}

std::uint64_t budget_used() {
  return waggle::detail::Engine::instance(0)->sources().threads.budget().used();
}

void make_spans() {
  for (int i = 0; i < kSpansPerThread; ++i) waggle::Span span{"span of a thread"};
}

// Threads that make spans when it is their turn, and sleep before and after.
class Threads {
 public:
  explicit Threads(int count) : count_(count) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this, i] { run(i); });
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() {
    set_turn(kOver);
    for (std::thread& thread : threads_) thread.join();
  }

  // Lets each make its spans, and returns when the last is done.
  void make_spans_in_turn() {
    for (int i = 0; i < count_; ++i) {
      set_turn(i);
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, [this] { return turn_ == kNobody; });
    }
  }

 private:
  static constexpr int kNobody = -1;
  static constexpr int kOver = -2;

  void set_turn(int turn) {
    const std::lock_guard<std::mutex> lock(mutex_);
    turn_ = turn;
    if (turn == kOver) {
      for (Bell& bell : bells_) bell.notify_all();
    } else {
      bells_[static_cast<std::size_t>(turn)].notify_all();
    }
  }

  void run(int number) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      bells_[static_cast<std::size_t>(number)].wait(
          lock, [&] { return turn_ == number || turn_ == kOver; });
      if (turn_ == kOver) return;
      make_spans();
      turn_ = kNobody;
      done_.notify_all();
    }
  }

  using Bell = std::condition_variable;

  const int count_;
  std::mutex mutex_;
  std::vector<Bell> bells_{static_cast<std::size_t>(count_)};
  Bell done_;
  int turn_ = kNobody;
  std::vector<std::thread> threads_;
};

// Sends a few batches, so that queue and bodies have the size that they need.
void warm_up(waggle::Tracing& tracing) {
  bench::grow_ring();
  for (int i = 0; i < 30; ++i) {
    for (int k = 0; k < 1000; ++k) waggle::Span span{"warm-up"};
    bench::wait_until_drained();
  }
  tracing.force_flush();
}

void measure(int count, const bench::Backend& backend) {
  Threads threads(count);
  threads.make_spans_in_turn();
  const std::uint64_t before_start = resident_bytes();
  waggle::Config config;
  config.service_name = "bench";
  config.endpoint = backend.url();
  waggle::Tracing tracing = bench::start_tracing(std::move(config));
  if (!tracing.is_on()) return;
  warm_up(tracing);
  const std::uint64_t warm = resident_bytes();
  const std::uint64_t warm_budget = budget_used();
  const std::uint64_t delivered_before = waggle::stats().delivered;
  threads.make_spans_in_turn();
  tracing.force_flush();

  const waggle::Stats after = waggle::stats();
  const std::uint64_t resident = resident_bytes();
  const auto spans = static_cast<std::uint64_t>(count * kSpansPerThread);
  const auto per_thread = [&](std::uint64_t more, std::uint64_t less) {
    return (static_cast<double>(more) - static_cast<double>(less)) / count;
  };
  bench::Row row(std::to_string(count) + (count == 1 ? " thread" : " threads") + " that recorded");
  row.text("section", "memory").count("spans", spans);
  row.count("delivered", after.delivered - delivered_before);
  row.count("dropped", after.dropped_in_all());
  row.number("rss_bytes_per_thread", per_thread(resident, warm));
  row.number("budget_bytes_per_thread", per_thread(budget_used(), warm_budget));
  row.number("rss_bytes", static_cast<double>(resident));
  row.number("rss_bytes_of_tracing", per_thread(resident, before_start) * count);
  row.number("budget_bytes", static_cast<double>(budget_used()));
  row.text("verdict", after.dropped_in_all() == 0 ? "ok" : "not all threads got a ring");
}

}  // namespace

int main() {
  const bench::Backend backend;
  if (!backend.is_running()) return 1;
  for (const int count : {1, 64, 1000}) {
    const pid_t process = ::fork();
    if (process == 0) {
      measure(count, backend);
      std::fflush(stdout);
      ::_exit(0);
    }
    int status = 0;
    if (process < 0 || ::waitpid(process, &status, 0) != process || status != 0) return 1;
  }
}
