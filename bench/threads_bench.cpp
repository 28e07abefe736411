// What a span costs when several threads make them, and what threads cost that come, make a few
// spans, and go.
//   threads_bench [--quick]

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/command_line.hpp"
#include "support/counting_exporter.hpp"
#include "support/drain.hpp"
#include "support/interleaved.hpp"
#include "support/machine.hpp"
#include "support/row.hpp"
#include "support/span_kinds.hpp"
#include "support/start.hpp"

namespace {

constexpr int kMostPerBurst = 256;
constexpr int kSpansPerShortThread = 20;

void sleep_for_microseconds(long microseconds) {
  const timespec time{0, microseconds * 1000};
  ::nanosleep(&time, nullptr);
}

bool is_own_ring_empty() {
  const waggle::detail::Ring& ring = bench::own_ring();
  return waggle::detail::load_acquire(ring.head) == ring.tail;
}

// What one thread measured: bursts of spans and of clock pairs in turns, nanoseconds each.
struct Measured {
  bench::Samples spans;
  bench::Samples clock_pairs;
  std::uint64_t made = 0;
};

// Half the ring, which is small where many threads share the memory.
int spans_per_burst() {
  constexpr std::uint64_t kBytesPerSpan = 88;
  return static_cast<int>(
      (std::min)(bench::own_ring().size / 2 / kBytesPerSpan, std::uint64_t{kMostPerBurst}));
}

// Times bursts while the other threads do the same; between them it waits for the collector.
void measure_bursts(int bursts, Measured& measured) {
  bench::child(0);  // gives the thread its ring
  for (int i = 0; i < bursts; ++i) {
    while (!is_own_ring_empty()) sleep_for_microseconds(200);
    const int runs = spans_per_burst();
    const double factor = bench::nanoseconds_per_tick() / runs;
    measured.clock_pairs.add(static_cast<double>(bench::time_clock_pair(runs)) * factor);
    measured.spans.add(static_cast<double>(bench::child(runs)) * factor);
    measured.made += static_cast<std::uint64_t>(runs);
  }
}

// Runs `threads` of them at once, spread over both cores; the results of all in one.
Measured measure_together(int threads, int bursts) {
  std::vector<Measured> measured(static_cast<std::size_t>(threads));
  std::vector<std::thread> all;
  std::atomic<int> ready{0};
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      bench::pin_to_core(i % 2 == 0 ? bench::kMeasuredCore : bench::kOtherCore);
      ++ready;
      while (ready < threads) sleep_for_microseconds(50);
      measure_bursts(bursts, measured[static_cast<std::size_t>(i)]);
    });
  }
  for (std::thread& thread : all) thread.join();
  Measured result;
  for (const Measured& one : measured) {
    result.spans.append(one.spans);
    result.clock_pairs.append(one.clock_pairs);
    result.made += one.made;
  }
  return result;
}

// The books that a row is checked against.
class Books {
 public:
  Books(const bench::ExportCounts& counts, char mark)
      : counts_(counts), mark_(mark), delivered_before_(counts.of(mark)) {}

  void add_to(bench::Row& row, waggle::Tracing& tracing, std::uint64_t made) const {
    tracing.force_flush();
    const std::uint64_t delivered = counts_.of(mark_) - delivered_before_;
    row.count("spans", made).count("delivered", delivered).count("dropped", made - delivered);
    row.text("verdict", delivered == made ? "ok" : "VOID: spans were dropped");
  }

 private:
  const bench::ExportCounts& counts_;
  const char mark_;
  const std::uint64_t delivered_before_;
};

void add_figures(bench::Row& row, bench::Samples& samples, double clock_pair) {
  row.text("section", "threads").number("median_ns", samples.median());
  row.number("clock_pair_ns", clock_pair).number("ratio", samples.median() / clock_pair);
  row.number("p90_ns", samples.percentile(0.9)).number("p99_ns", samples.percentile(0.99));
}

void report_together(int threads, int bursts, waggle::Tracing& tracing,
                     const bench::ExportCounts& counts) {
  const Books books(counts, 'A');
  Measured measured = measure_together(threads, bursts);
  bench::Row row(std::to_string(threads) + (threads == 1 ? " thread" : " threads at once") +
                 ", a child");
  add_figures(row, measured.spans, measured.clock_pairs.median());
  books.add_to(row, tracing, measured.made);
}

// Returns the nanoseconds that `body` costs in a thread of its own, start and join included.
template <class Body>
double time_thread(Body&& body) {
  const std::uint64_t start = bench::read_ticks();
  std::thread(body).join();
  return static_cast<double>(bench::read_ticks() - start) * bench::nanoseconds_per_tick();
}

// Threads that live for a few spans, in turns with threads that make none: the difference is what
// waggle costs, a span, the thread's first and its leave included.
void report_short_threads(int threads, waggle::Tracing& tracing,
                          const bench::ExportCounts& counts) {
  const Books books(counts, 'B');
  bench::Samples empty;
  bench::Samples recording;
  bench::Samples clock_pairs;
  for (int i = 0; i < threads; ++i) {
    clock_pairs.add(static_cast<double>(bench::time_clock_pair(kSpansPerShortThread)) *
                    bench::nanoseconds_per_tick() / kSpansPerShortThread);
    empty.add(time_thread([] { bench::time_clock_pair(kSpansPerShortThread); }));
    recording.add(time_thread([] { bench::child_with_attribute(kSpansPerShortThread); }));
  }
  {
    bench::Row row("a thread that comes and goes, " + std::to_string(kSpansPerShortThread) +
                   " clock pairs");
    add_figures(row, empty, clock_pairs.median());
    row.count("delivered", 0).count("dropped", 0).text("verdict", "reference");
  }
  bench::Row row("a thread that comes and goes, " + std::to_string(kSpansPerShortThread) +
                 " spans");
  add_figures(row, recording, clock_pairs.median());
  books.add_to(row, tracing, static_cast<std::uint64_t>(threads) * kSpansPerShortThread);
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool is_quick = bench::is_quick(argument_count, arguments);
  bench::nanoseconds_per_tick();
  bench::ExportCounts counts;
  waggle::Config config;
  config.exporters.push_back(std::make_unique<bench::CountingExporter>(counts));
  waggle::Tracing tracing = bench::start_tracing(std::move(config));
  if (!tracing.is_on()) return 1;

  const int bursts = is_quick ? 400 : 4000;
  for (const int threads : {1, 2, 4, 8, 64}) {
    report_together(threads, bursts / threads + 20, tracing, counts);
  }
  report_short_threads(is_quick ? 300 : 3000, tracing, counts);
}
