// Threads come and go by the thousand, and signal handlers and allocators make spans of their own:
// rings are reclaimed, memory stays within its limit, and every span is in the books.
// run once: churn
// run once: small_memory
// run once: signals
// run once: allocator
#include <sys/time.h>

#include <csignal>
#include <cstdlib>
#include <new>
#include <string_view>
#include <thread>
#include <vector>

#include "../support/counting_exporter.hpp"

using waggle::DropReason;
using waggle_test::dropped;
using waggle_test::require;
using waggle_test::start_counting;

namespace {

thread_local bool allocator_traces = false;
std::uint64_t spans_in_allocator = 0;

// What an allocator's hook does.
void trace_allocation() {
  static const waggle::Scope scope{"allocator"};
  if (!allocator_traces) return;
  waggle::Span span{scope, "allocation"};
  ++spans_in_allocator;
}

void require_complete_books(std::uint64_t made) {
  const waggle::Stats stats = waggle::stats();
  require(stats.in_rings + stats.queued + stats.in_flight == 0, "nothing is left on its way");
  require(stats.delivered == waggle_test::CountingExporter::spans, "delivered is what arrived");
  require(stats.ended() == made, "every span is in the books once");
}

void churn() {
  auto tracing = start_counting();
  constexpr std::uint64_t kThreads = 5000;
  for (std::uint64_t i = 0; i < kThreads; i += 4) {
    std::vector<std::thread> batch;
    for (int j = 0; j < 4; ++j) {
      batch.emplace_back([] {
        waggle::Span span{"short-lived"};
        waggle::Span inner{"inner"};
      });
    }
    for (std::thread& thread : batch) thread.join();
  }
  require(tracing.force_flush(waggle::Milliseconds(60000)), "flush");
  require_complete_books(2 * kThreads);
  require(dropped(DropReason::MemoryLimit) == 0, "rings are reclaimed");
}

void small_memory() {
  waggle::Config config;
  config.memory_limit = 512 * 1024;
  auto tracing = start_counting(std::move(config));
  constexpr std::uint64_t kThreads = 300;
  std::uint64_t made = 0;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::thread> all;
    std::uint32_t arrived = 0;
    const std::uint64_t lost_before = dropped(DropReason::MemoryLimit);
    for (std::uint64_t i = 0; i < kThreads; ++i) {
      all.emplace_back([&arrived] {
        { waggle::Span span{"one of many"}; }
        waggle::detail::fetch_add(arrived, 1U);
        while (waggle::detail::load_acquire(arrived) < kThreads) std::this_thread::yield();
      });
    }
    for (std::thread& thread : all) thread.join();
    made += kThreads;
    require(tracing.force_flush(waggle::Milliseconds(60000)), "flush");
    require_complete_books(made);
    const std::uint64_t lost = dropped(DropReason::MemoryLimit) - lost_before;
    require(lost > 0 && lost < kThreads, "some threads are served, the others are counted");
  }
}

std::uint64_t spans_in_handler = 0;

void on_signal(int) {
  waggle::Span span{"in a signal handler"};
  span.set_attribute("key", 1);
  ++spans_in_handler;
}

void signals() {
  auto tracing = start_counting();
  { waggle::Span warm{"warm"}; }
  std::signal(SIGALRM, &on_signal);
  const itimerval often{{0, 50}, {0, 50}};
  setitimer(ITIMER_REAL, &often, nullptr);
  std::uint64_t made = 1;
  while (spans_in_handler < 3000) {
    waggle::Span outer{"outer"};
    waggle::Span inner{"inner"};
    inner.set_attribute("text", "value");
    made += 2;
  }
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  require(tracing.force_flush(waggle::Milliseconds(60000)), "flush");
  require_complete_books(made + spans_in_handler);
}

void allocator() {
  auto tracing = start_counting();
  std::uint64_t made = 0;
  std::thread([&made] {
    allocator_traces = true;
    for (int i = 0; i < 100; ++i) {
      waggle::Span span{"first on its thread, and its scope is new"};
      const std::string text(1000, 'x');
      span.set_attribute("text", text);
      ++made;
    }
    allocator_traces = false;
  }).join();
  require(tracing.force_flush(waggle::Milliseconds(60000)), "flush");
  require_complete_books(made + spans_in_allocator);
}

}  // namespace

__attribute__((noinline)) void* operator new(std::size_t size) {
  trace_allocation();
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
__attribute__((noinline)) void operator delete(void* memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "churn") return churn(), 0;
  if (name == "small_memory") return small_memory(), 0;
  if (name == "signals") return signals(), 0;
  if (name == "allocator") return allocator(), 0;
  return 2;
}
