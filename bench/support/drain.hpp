// Keeps the ring of the measuring thread from filling up: waits between bursts until the collector
// has emptied it, and finds out how many spans make half of it.
#ifndef WAGGLE_BENCH_SUPPORT_DRAIN_HPP
#define WAGGLE_BENCH_SUPPORT_DRAIN_HPP

#include <algorithm>
#include <cstdint>
#include <waggle/collect/ring_pool.hpp>
#include <waggle/sdk.hpp>

#include "support/interleaved.hpp"
#include "support/machine.hpp"

namespace bench {

// Waits until all that was recorded is collected. Looks only now and then, since a look takes cache
// lines away from the collector; stays on the core, since one that slept is slow at first.
inline void wait_until_drained() {
  constexpr double kBetweenLooks = 50000;
  while (waggle::stats().in_rings != 0) spin_for_ticks(to_ticks(kBetweenLooks));
}

inline const waggle::detail::Ring& own_ring() { return *waggle_abi1_thread->ring.ring(); }

// Makes so many spans that the collector gives this thread its largest ring.
inline void grow_ring() {
  const std::uint64_t largest = waggle::detail::kRingSizes[waggle::detail::kLargestRing].bytes;
  constexpr std::uint64_t kBytesPerSpan = 96;
  { waggle::Span first{"gets the first ring"}; }
  do {
    const std::uint64_t a_third = own_ring().size / 3 / kBytesPerSpan;
    for (std::uint64_t i = 0; i < a_third; ++i) waggle::Span span{"makes the ring grow"};
    wait_until_drained();
  } while (own_ring().size < largest);
}

// Returns how many bytes of the ring one run of `variant` takes, 0 if it records nothing.
inline std::uint64_t bytes_per_run(const Variant& variant) {
  using waggle::detail::RingPosition;
  constexpr int kRuns = 8;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  do {
    wait_until_drained();
    before = own_ring().tail;
    variant.time_burst(kRuns);
    after = own_ring().tail;
  } while (RingPosition::lap(before) != RingPosition::lap(after));
  wait_until_drained();
  return (after - before + kRuns - 1) / kRuns;
}

// Sets the size of a variant's bursts: at most half the ring, and no more than is needed to time
// it well.
inline void fit_burst(Variant& variant) {
  constexpr std::uint64_t kSpans = 512;
  std::uint64_t runs = kSpans / static_cast<std::uint64_t>(variant.spans_per_run);
  const std::uint64_t bytes = bytes_per_run(variant);
  if (bytes != 0) runs = (std::min)(runs, own_ring().size / 2 / bytes);
  variant.runs = static_cast<int>(runs);
}

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_DRAIN_HPP
