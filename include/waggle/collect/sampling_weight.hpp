// From a sampling threshold to the weight of a span: how many traces a kept one stands for.
#ifndef WAGGLE_COLLECT_SAMPLING_WEIGHT_HPP
#define WAGGLE_COLLECT_SAMPLING_WEIGHT_HPP

#include <cstdint>

#include "waggle/api/trace_state.hpp"
#include "waggle/core/context.hpp"
#include "waggle/core/ids.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr double kTwoTo56 = 72057594037927936.0;

// Spreads a trace id over 64 bits, independently of the bits that the sampling decision looked at.
inline std::uint64_t hash_of(TraceId id) noexcept {
  std::uint64_t hash = id.high ^ (id.low * 0x9e3779b97f4a7c15U);
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ hash >> 27) * 0x94d049bb133111ebU;
  return hash ^ hash >> 31;
}

// Returns the whole number of traces that one kept at `threshold` stands for, or the rate that is
// in the threshold's place; 0 if neither is known. A fractional rate becomes its floor or ceiling
// by the trace's id: the same for all its spans, right in the mean over traces.
inline std::uint32_t sample_rate(std::uint64_t threshold, TraceId id) noexcept {
  if (threshold == 0) return 1;  // all are kept, and no division is needed to say so
  if (threshold >= kThresholdEnd) return rate_in_threshold(threshold);
  const double rate = kTwoTo56 / static_cast<double>(kThresholdEnd - threshold);
  constexpr double kMost = 2147483647.0;
  if (rate >= kMost) return static_cast<std::uint32_t>(kMost);
  const auto whole = static_cast<std::uint32_t>(rate);
  const double fraction = rate - whole;
  const double draw = static_cast<double>(hash_of(id) >> 11) / 9007199254740992.0;
  return whole + (draw < fraction ? 1 : 0);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SAMPLING_WEIGHT_HPP
