// Times single things, each under one outer clock pair and with a gap behind it; what came of them
// makes the tails' rows.
#ifndef WAGGLE_BENCH_SUPPORT_SINGLE_SPANS_HPP
#define WAGGLE_BENCH_SUPPORT_SINGLE_SPANS_HPP

#include <cstdint>
#include <waggle/trace.hpp>

#include "support/interleaved.hpp"
#include "support/machine.hpp"
#include "support/row.hpp"

namespace bench {

// Returns the nanoseconds that `body` takes.
template <class Body>
inline __attribute__((always_inline)) double time_one(Body&& body) {
  const std::uint64_t start = read_ticks();
  body();
  const std::uint64_t ticks = read_ticks() - start;
  return static_cast<double>(ticks) * nanoseconds_per_tick();
}

inline void leave_gap(double nanoseconds) noexcept { spin_for_ticks(to_ticks(nanoseconds)); }

// Leaves a gap; true if it did not last much longer. Else something else ran on this core, and what
// comes next finds its cache lines gone: a span has to fetch some, a clock pair has none.
inline bool leave_calm_gap(double nanoseconds) noexcept {
  constexpr double kDelay = 3000;
  const std::uint64_t start = read_ticks();
  leave_gap(nanoseconds);
  return read_ticks() - start < to_ticks(nanoseconds + kDelay);
}

// Single child spans and single clock pairs, in turns, and the machine's state meanwhile.
struct Tails {
  Samples clock_pairs;
  Samples spans;
  Samples fast_clock_pairs;  // those that met the machine in its fast state
  Samples fast_spans;
  Samples calm_clock_pairs;  // those with nothing else on their core in the gap before
  Samples calm_spans;
  Samples distances;

  double fast_share() const noexcept {
    return static_cast<double>(fast_spans.size()) / static_cast<double>(spans.size());
  }
  double calm_share() const noexcept {
    return static_cast<double>(calm_spans.size()) / static_cast<double>(spans.size());
  }

  void append(const Tails& more) {
    clock_pairs.append(more.clock_pairs);
    spans.append(more.spans);
    fast_clock_pairs.append(more.fast_clock_pairs);
    fast_spans.append(more.fast_spans);
    calm_clock_pairs.append(more.calm_clock_pairs);
    calm_spans.append(more.calm_spans);
    distances.append(more.distances);
  }
};

// Takes `runs` times 64 samples of either kind, `gap` nanoseconds apart. The first after each look
// at the other core is not counted: it would find its cache line there.
inline void measure_tails(int runs, double gap, Tails& tails, Probes& probes) {
  constexpr int kSamplesPerRun = 64;
  constexpr int kRunsPerLook = 50;
  const waggle::Span parent{"parent"};
  Samples clock_pairs;
  Samples spans;
  for (int run = 0; run < runs; ++run) {
    if (run % kRunsPerLook == 0) tails.distances.add(probes.look_at_distance());
    clock_pairs.clear();
    spans.clear();
    bool is_calm = leave_calm_gap(gap);
    for (int i = 0; i < kSamplesPerRun; ++i) {
      const double clock_pair = time_one(read_clock_pair);
      clock_pairs.add(clock_pair);
      if (is_calm) tails.calm_clock_pairs.add(clock_pair);
      is_calm = leave_calm_gap(gap);
      const double span = time_one([] { const waggle::Span span{"child span A"}; });
      spans.add(span);
      if (is_calm) tails.calm_spans.add(span);
      is_calm = leave_calm_gap(gap);
    }
    tails.clock_pairs.append(clock_pairs);
    tails.spans.append(spans);
    if (!probes.is_full_speed(probes.measure_plain_work()) || !probes.is_near()) continue;
    tails.fast_clock_pairs.append(clock_pairs);
    tails.fast_spans.append(spans);
  }
}

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_SINGLE_SPANS_HPP
