// What became of every span that ended. In each snapshot the books balance:
// ended = delivered + rejected + all of dropped + in_rings + queued + in_flight.
#ifndef WAGGLE_SDK_STATS_HPP
#define WAGGLE_SDK_STATS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "waggle/core/thread_state.hpp"

namespace waggle {
inline namespace abi1 {

// Counts spans since the first start(). Unsampled spans, and spans begun while no tracer ran, are
// not counted.
struct Stats {
  std::uint64_t delivered = 0;  // acknowledged by the destination
  std::uint64_t rejected = 0;   // received by the destination, and refused one by one
  std::uint64_t dropped[kDropReasonCount] = {};
  std::uint64_t in_rings = 0;   // ended, not yet collected
  std::uint64_t queued = 0;     // collected, not yet on their way
  std::uint64_t in_flight = 0;  // on their way, no answer yet

  std::uint64_t dropped_for(DropReason reason) const noexcept {
    return dropped[static_cast<std::size_t>(reason)];
  }

  std::uint64_t dropped_in_all() const noexcept {
    std::uint64_t sum = 0;
    for (std::uint64_t count : dropped) sum += count;
    return sum;
  }

  // Returns how many spans ended in all.
  std::uint64_t ended() const noexcept {
    return delivered + rejected + dropped_in_all() + in_rings + queued + in_flight;
  }
};

// Returns a reason's name as it appears in messages: "ring_full", "memory_limit", ...
constexpr std::string_view to_string(DropReason reason) noexcept {
  constexpr std::string_view kNames[kDropReasonCount] = {
      "ring_full",         "memory_limit",   "too_large",       "rejected_status",
      "retries_exhausted", "unconfirmed",    "exporter_failed", "filtered",
      "shutdown_deadline", "after_shutdown", "reentrant",       "forked"};
  return kNames[static_cast<std::size_t>(reason)];
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_STATS_HPP
