// A point on the steady clock by which something must be over. Passed down every layer, so that a
// bound given at the top holds at the bottom.
#ifndef WAGGLE_SDK_DEADLINE_HPP
#define WAGGLE_SDK_DEADLINE_HPP

#include <chrono>

namespace waggle {
inline namespace abi1 {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;
using Milliseconds = std::chrono::milliseconds;

// Marks the instant by which a call has to return.
class Deadline {
 public:
  // Begins a deadline that lies `from_now` ahead.
  static Deadline in(Milliseconds from_now) { return Deadline(SteadyClock::now() + from_now); }

  explicit Deadline(TimePoint at) noexcept : at_(at) {}

  TimePoint at() const noexcept { return at_; }
  bool passed(TimePoint now) const noexcept { return now >= at_; }

  // Returns the whole milliseconds left, rounded up, never negative.
  Milliseconds left(TimePoint now) const {
    if (passed(now)) return Milliseconds(0);
    return std::chrono::ceil<Milliseconds>(at_ - now);
  }

 private:
  TimePoint at_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_DEADLINE_HPP
