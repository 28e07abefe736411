// How long to wait before the next attempt when the server names no time itself: exponential
// backoff with full jitter, so that the clients of a server that comes back do not return all at
// once. After Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). Pure:
// random bits are handed in, no clock is asked.
#ifndef WAGGLE_PIPELINE_BACKOFF_HPP
#define WAGGLE_PIPELINE_BACKOFF_HPP

#include <algorithm>
#include <cstdint>

#include "waggle/sdk/deadline.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

class Backoff {
 public:
  // Waits up to `first` before the first retry, then up to twice as long each time, never longer
  // than `longest`. Negative times count as 0.
  constexpr explicit Backoff(Milliseconds first = Milliseconds(500),
                             Milliseconds longest = Milliseconds(15000)) noexcept
      : longest_((std::max)(longest, Milliseconds(0))),
        first_((std::min)((std::max)(first, Milliseconds(0)), longest_)),
        ceiling_(first_) {}

  // Returns the time to wait before the next attempt: uniform in [0, min(longest, first * 2^n)] for
  // the n-th call since the last reset(), counted from 0. `random_bits` are 64 uniform bits.
  Milliseconds next(std::uint64_t random_bits) noexcept {
    const auto steps = static_cast<std::uint64_t>(ceiling_.count()) + 1;
    const auto wait = static_cast<Milliseconds::rep>(random_bits % steps);
    // Compared before it is doubled: the ceiling stays put once it is reached, and cannot overflow.
    ceiling_ = ceiling_ > longest_ / 2 ? longest_ : ceiling_ * 2;
    return Milliseconds(wait);
  }

  // Begins again with the first, shortest wait.
  void reset() noexcept { ceiling_ = first_; }

 private:
  Milliseconds longest_;
  Milliseconds first_;
  Milliseconds ceiling_;  // the longest that the next wait can be
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_BACKOFF_HPP
