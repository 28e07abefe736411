// A collector that sleeps for good is woken by the first span, once, and no span is left behind:
// neither one of many that end at the same moment, nor one that ends while it falls asleep. How
// often it falls asleep and is called is counted where that becomes a system call.
// run once: bursts
// run once: first_spans
// run once: falling_asleep
#include <dlfcn.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../support/counting_exporter.hpp"

using namespace waggle::detail;
using waggle_test::CountingExporter;
using waggle_test::require;

// ---- the system calls ----

namespace {

std::atomic<int> descriptor{-1};       // that wakes the collector
std::atomic<std::uint64_t> sleeps{0};  // of which the collector asks to be woken
std::atomic<std::uint64_t> calls{0};

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {
ssize_t write(int file, const void* bytes, std::size_t size) {
  static auto* const next = real<ssize_t(int, const void*, std::size_t)>("write");
  if (file == descriptor) ++calls;
  return next(file, bytes, size);
}
long syscall(long number, ...) {
  static auto* const next = real<long(long, ...)>("syscall");
  va_list arguments;
  va_start(arguments, number);
  long words[6];
  for (long& word : words) word = va_arg(arguments, long);
  va_end(arguments);
  if (number == SYS_membarrier && static_cast<int>(words[0]) == MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
    ++sleeps;
  }
  return next(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}
}

namespace {

// Starts as start() does, but for a collector that sleeps after so little time.
Engine& start(Microseconds quiet) {
  constexpr std::size_t kMemory = 16 * 1024 * 1024;
  Engine& engine = *Engine::instance(kMemory);
  descriptor = engine.sleep().descriptor();
  PipelineSettings settings;
  settings.memory = MemoryPlan::of(kMemory, 4096);
  settings.batch_delay = waggle::Milliseconds(0);
  settings.exporters.push_back(std::make_unique<CountingExporter>());
  Session session;
  session.diagnostics = std::make_shared<waggle::Diagnostics>();
  session.sampler =
      std::make_shared<waggle::ParentBasedSampler>(std::make_shared<waggle::RatioSampler>(1.0));
  session.thread_memory = settings.memory.threads;
  WorkerSettings worker;
  worker.quiet = quiet;
  worker.steady = Microseconds(200);
  session.driver =
      std::make_shared<Worker>(std::make_unique<Pipeline>(engine.sources(), std::move(settings),
                                                          session.diagnostics, measured_clock()),
                               engine.sleep(), std::move(worker));
  std::uint32_t number = 0;
  require(engine.open(std::move(session), number) == nullptr, "tracing has started");
  return engine;
}

void wait_for_spans(std::uint64_t count) {
  while (CountingExporter::spans < count) std::this_thread::yield();
}

// Waits until the collector is in a sleep that only a call can end, or falls into it.
void wait_for_sleep() {
  while (load_acquire(waggle_abi1_hub.collector) != kCollectorAsleep) std::this_thread::yield();
}

void require_one_call_a_sleep(Engine& engine, std::uint64_t rounds) {
  wait_for_sleep();
  const std::uint64_t made = calls;
  require(made <= sleeps, "one call for each sleep at most");
  require(made > rounds / 2, "it was asleep, and was woken");
  require(engine.close(0, waggle::Deadline::in(waggle::Milliseconds(10000))), "nothing was lost");
}

// Threads that do the same thing at the same moment, again and again.
template <class Action>
class Chorus {
 public:
  Chorus(int size, Action action) : action_(std::move(action)) {
    for (int number = 0; number < size; ++number) threads_.emplace_back([this] { run(); });
  }
  Chorus(const Chorus&) = delete;
  Chorus& operator=(const Chorus&) = delete;
  ~Chorus() {
    is_over_ = true;
    ++round_;
    for (std::thread& thread : threads_) thread.join();
  }

  void begin_round() { ++round_; }

 private:
  void run() {
    for (std::uint64_t seen = 0;; ++seen) {
      while (round_ == seen) std::this_thread::yield();
      if (is_over_) return;
      action_();
    }
  }

  const Action action_;
  std::atomic<std::uint64_t> round_{0};
  std::atomic<bool> is_over_{false};
  std::vector<std::thread> threads_;
};

void bursts() {
  Engine& engine = start(Microseconds(100));
  Chorus chorus(4, [] {
    for (int number = 0; number < 3; ++number) waggle::Span span{"in a burst"};
  });
  constexpr std::uint64_t kRounds = 3000;
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    wait_for_sleep();
    chorus.begin_round();
    wait_for_spans(12 * round);
  }
  require_one_call_a_sleep(engine, kRounds);
}

// The first span of a thread goes into a ring that the collector has never looked at.
void first_spans() {
  Engine& engine = start(Microseconds(100));
  constexpr std::uint64_t kRounds = 500;
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    wait_for_sleep();
    std::thread([] { waggle::Span span{"first"}; }).join();
    wait_for_spans(round);
  }
  require_one_call_a_sleep(engine, kRounds);
}

// Single spans at random moments; after each its thread waits for it, so that one that is
// overlooked is never made good by the next.
void falling_asleep() {
  Engine& engine = start(Microseconds(0));
  std::mt19937 random(1);
  std::uniform_int_distribution<int> microseconds(0, 400);
  for (std::uint64_t made = 1; made <= 10000; ++made) {
    const auto moment =
        std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds(random));
    while (std::chrono::steady_clock::now() < moment) continue;
    { waggle::Span span{"now or never"}; }
    wait_for_spans(made);
  }
  require_one_call_a_sleep(engine, 0);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  ::alarm(100);  // a span that is overlooked is waited for in vain
  if (name == "bursts") return bursts(), 0;
  if (name == "first_spans") return first_spans(), 0;
  if (name == "falling_asleep") return falling_asleep(), 0;
  return 2;
}
