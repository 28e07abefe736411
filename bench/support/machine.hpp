// What the benchmarks need to know of the machine: how long a tick is, and on which core a thread
// runs.
#ifndef WAGGLE_BENCH_SUPPORT_MACHINE_HPP
#define WAGGLE_BENCH_SUPPORT_MACHINE_HPP

#include <sched.h>
#include <time.h>

#include <cstdint>
#include <waggle/core/ticks.hpp>

namespace bench {

using waggle::abi1::detail::read_ticks;

inline std::uint64_t monotonic_nanoseconds() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Waits without leaving the core, so that it keeps its speed.
inline void spin_for_ticks(std::uint64_t ticks) noexcept {
  const std::uint64_t start = read_ticks();
  while (read_ticks() - start < ticks) __builtin_ia32_pause();
}

// Measures how many nanoseconds a tick lasts, once.
inline double nanoseconds_per_tick() noexcept {
  static const double ratio = [] {
    const std::uint64_t start_time = monotonic_nanoseconds();
    const std::uint64_t start_ticks = read_ticks();
    constexpr std::uint64_t kLongEnough = 50000000;
    while (monotonic_nanoseconds() - start_time < kLongEnough) __builtin_ia32_pause();
    const std::uint64_t time = monotonic_nanoseconds() - start_time;
    return static_cast<double>(time) / static_cast<double>(read_ticks() - start_ticks);
  }();
  return ratio;
}

inline std::uint64_t to_ticks(double nanoseconds) noexcept {
  return static_cast<std::uint64_t>(nanoseconds / nanoseconds_per_tick());
}

// Binds the calling thread, and the threads it starts from now on, to one core; false if there is
// no such core.
inline bool pin_to_core(int core) noexcept {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(core), &cores);
  return ::sched_setaffinity(0, sizeof(cores), &cores) == 0;
}

constexpr int kMeasuredCore = 0;
constexpr int kOtherCore = 1;

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_MACHINE_HPP
