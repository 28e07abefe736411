// How fast the core executes at the moment: times additions that do not depend on each other. A
// processor that shares its core with a neighbour, as virtual ones do, then runs at half its speed;
// the clock pair does not show it, since it waits more than it works, but a span does.
#ifndef WAGGLE_BENCH_SUPPORT_PLAIN_WORK_HPP
#define WAGGLE_BENCH_SUPPORT_PLAIN_WORK_HPP

#include <algorithm>
#include <cstdint>

#include "support/machine.hpp"

namespace bench {

class PlainWork {
 public:
  // Returns the nanoseconds that 12,000 additions take now. Never inlined: copies of the loop would
  // differ in how they lie in memory, and so in speed.
  __attribute__((noinline)) double measure() noexcept {
    std::uint64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
    const std::uint64_t start = read_ticks();
    for (int i = 0; i < 2000; ++i) {
      ++a, ++b, ++c, ++d, ++e, ++f;
      asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
    }
    const auto ticks = static_cast<double>(read_ticks() - start);
    const double result = ticks * nanoseconds_per_tick();
    best_ = (std::min)(best_, result);
    return result;
  }

  // Tells whether a measured value is near the best that this process has seen: the fast state.
  bool is_fast(double value) const noexcept { return value <= kTolerance * best_; }

 private:
  static constexpr double kTolerance = 1.1;

  double best_ = 1e9;
};

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_PLAIN_WORK_HPP
