// Time as a span records it: the processor's own counter, read without a system call, and instants
// given by the caller as nanoseconds since the Unix epoch. The collector turns ticks into wall
// time.
#ifndef WAGGLE_CORE_TICKS_HPP
#define WAGGLE_CORE_TICKS_HPP

#include <cstdint>
#include <type_traits>
#include <utility>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <time.h>
#endif

#include "waggle/core/config.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Reads the processor's constant-rate counter. Not serialising, on purpose: a fence would cost more
// than the span.
WAGGLE_INLINE std::uint64_t read_ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000U +
         static_cast<std::uint64_t>(now.tv_nsec);
#endif
}

}  // namespace detail

// Names an instant as nanoseconds since the Unix epoch, for a start, end or event time known from
// elsewhere. Zero means "now, by waggle's own clock". Converts from any std::chrono::system_clock
// time point; a steady clock does not convert, since its epoch is unknown.
struct Timestamp {
  std::uint64_t unix_nanoseconds = 0;

  constexpr Timestamp() noexcept = default;
  constexpr explicit Timestamp(std::uint64_t nanoseconds) noexcept
      : unix_nanoseconds(nanoseconds) {}

  template <class TimePoint, class Period = typename TimePoint::period,
            class = std::enable_if_t<!TimePoint::clock::is_steady>>
  constexpr Timestamp(const TimePoint& point) noexcept  // NOLINT(google-explicit-constructor)
      : unix_nanoseconds(to_nanoseconds<Period>(point.time_since_epoch().count())) {}

  // Tells whether the caller gave a time at all.
  constexpr bool is_set() const noexcept { return unix_nanoseconds != 0; }

 private:
  // Times before 1970 cannot be written in OTLP and count as the epoch's first nanosecond.
  template <class Period, class Count>
  static constexpr std::uint64_t to_nanoseconds(Count count) noexcept {
    if (count <= 0) return 1;
    constexpr std::uint64_t kPerSecond = 1000000000;
    static_assert(Period::num >= 1 && Period::den >= 1, "not a duration");
    if constexpr (Period::num == 1 && kPerSecond % Period::den == 0) {
      return static_cast<std::uint64_t>(count) * (kPerSecond / Period::den);
    } else {
      return static_cast<std::uint64_t>(static_cast<long double>(count) * Period::num * kPerSecond /
                                        Period::den);
    }
  }
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_TICKS_HPP
