// Counts traces on many threads at once, without a lock and, once there are many, without all of
// them writing to one place.
#ifndef WAGGLE_SAMPLING_TRACE_COUNTER_HPP
#define WAGGLE_SAMPLING_TRACE_COUNTER_HPP

#include <cstddef>
#include <cstdint>

#include "waggle/core/atomic.hpp"
#include "waggle/core/hub.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns a number below `count`, a power of two, that is the same on each call from a thread that
// records, and mostly another one on another thread.
inline std::size_t thread_share(std::size_t count) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(waggle_abi1_thread);
  return static_cast<std::size_t>((address * 0x9e3779b97f4a7c15U) >> 40) & (count - 1);
}

// Exact up to 1,024; from there on each share counts on its own, up to 15 behind.
class TraceCounter {
 public:
  // Counts one more and returns about which one it is since the last take(), from 1.
  std::uint64_t count() noexcept {
    const std::uint64_t seen = load_relaxed(total_);
    if (seen < kExact) return fetch_add(total_, std::uint64_t{1}) + 1;
    const std::uint64_t mine = fetch_add(shares_[thread_share(kShares)].count, std::uint64_t{1});
    if (mine % kPortion == kPortion - 1) fetch_add(total_, kPortion);
    return seen;
  }

  // Returns how many there were since the last call.
  std::uint64_t take() noexcept { return exchange(total_, std::uint64_t{0}); }

 private:
  static constexpr std::uint64_t kExact = 1024;
  static constexpr std::uint64_t kPortion = 16;
  static constexpr std::size_t kShares = 16;

  struct alignas(kCacheLine) Share {
    std::uint64_t count = 0;
  };

  alignas(kCacheLine) std::uint64_t total_ = 0;
  Share shares_[kShares];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_TRACE_COUNTER_HPP
