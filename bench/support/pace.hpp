// Makes spans at an even pace, as a program under a steady load does.
#ifndef WAGGLE_BENCH_SUPPORT_PACE_HPP
#define WAGGLE_BENCH_SUPPORT_PACE_HPP

#include <time.h>

#include <algorithm>
#include <cstdint>

#include "support/machine.hpp"

namespace bench {

inline void sleep_until(std::uint64_t nanoseconds) {
  constexpr std::uint64_t kSecond = 1000000000;
  timespec until{};
  until.tv_sec = static_cast<time_t>(nanoseconds / kSecond);
  until.tv_nsec = static_cast<long>(nanoseconds % kSecond);
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

// Makes as many spans as fit into `seconds`, a few every `interval` nanoseconds, and returns how
// many. If the thread was kept from running it does not catch up, which would be a burst.
inline std::uint64_t make_spans(void (*make)(std::uint64_t number), double rate, double seconds,
                                std::uint64_t interval) {
  const auto intervals = static_cast<std::uint64_t>(seconds * 1e9 / static_cast<double>(interval));
  std::uint64_t next = monotonic_nanoseconds();
  std::uint64_t made = 0;
  for (std::uint64_t i = 1; i <= intervals; ++i) {
    const auto due = static_cast<std::uint64_t>(rate * static_cast<double>(i * interval) / 1e9);
    while (made < due) make(made++);
    next = (std::max)(next + interval, monotonic_nanoseconds());
    sleep_until(next);
  }
  return made;
}

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_PACE_HPP
