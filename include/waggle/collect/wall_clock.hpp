// Turns ticks into wall-clock time: one map, monotone and continuous, that is slewed towards the
// system's clock. Only a step of the system's clock by more than 100 ms breaks it, for what starts
// later. Durations come from the tick difference alone.
#ifndef WAGGLE_COLLECT_WALL_CLOCK_HPP
#define WAGGLE_COLLECT_WALL_CLOCK_HPP

#include <time.h>

#include <cstddef>
#include <cstdint>

#include "waggle/core/ticks.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// What both clocks showed at one moment.
struct ClockSample {
  std::uint64_t ticks;
  std::uint64_t unix_nanoseconds;
};

inline std::uint64_t read_realtime() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Reads both clocks; of a few tries the one in which the least time passed between them.
inline ClockSample sample_clocks() noexcept {
  ClockSample best{};
  std::uint64_t least = ~std::uint64_t{0};
  for (int attempt = 0; attempt < 5; ++attempt) {
    const std::uint64_t before = read_ticks();
    const std::uint64_t wall = read_realtime();
    const std::uint64_t width = read_ticks() - before;
    if (width >= least) continue;
    least = width;
    best = {before + width / 2, wall};
  }
  return best;
}

// Keeps the map. For the collector only.
class WallClock {
 public:
  // Begins with a rate measured between two samples, some milliseconds apart.
  WallClock(ClockSample first, ClockSample second) noexcept
      : anchor_(first), nanoseconds_per_tick_(rate(first, second)) {
    append(second.ticks, second.unix_nanoseconds, nanoseconds_per_tick_);
  }

  // Takes in a new sample; about once a second is enough.
  void update(ClockSample now) noexcept {
    const std::uint64_t predicted = unix_nanoseconds(now.ticks);
    const auto error = static_cast<std::int64_t>(now.unix_nanoseconds - predicted);
    if (error > kStep || error < -kStep) {
      anchor_ = now;
      return append(now.ticks, now.unix_nanoseconds, nanoseconds_per_tick_);
    }
    nanoseconds_per_tick_ = rate(anchor_, now);
    append(now.ticks, predicted, nanoseconds_per_tick_ * (1.0 + slew(error)));
  }

  // Returns the wall-clock time of a tick count, also of one before the first sample.
  std::uint64_t unix_nanoseconds(std::uint64_t ticks) const noexcept {
    const Segment& segment = segment_of(ticks);
    const auto distance = static_cast<std::int64_t>(ticks - segment.ticks);
    return segment.unix_nanoseconds + static_cast<std::uint64_t>(static_cast<std::int64_t>(
                                          static_cast<double>(distance) * segment.rate));
  }

  // Returns the length of time between two tick counts, 0 if they are in the wrong order.
  std::uint64_t duration(std::uint64_t from, std::uint64_t to) const noexcept {
    const auto ticks = static_cast<std::int64_t>(to - from);
    if (ticks <= 0) return 0;
    return static_cast<std::uint64_t>(static_cast<double>(ticks) * nanoseconds_per_tick_);
  }

 private:
  struct Segment {
    std::uint64_t ticks = 0;
    std::uint64_t unix_nanoseconds = 0;
    double rate = 1;
  };

  static constexpr std::int64_t kStep = 100000000;
  static constexpr std::size_t kSegments = 64;

  static double rate(ClockSample from, ClockSample to) noexcept {
    if (to.ticks <= from.ticks || to.unix_nanoseconds <= from.unix_nanoseconds) return 1;
    return static_cast<double>(to.unix_nanoseconds - from.unix_nanoseconds) /
           static_cast<double>(to.ticks - from.ticks);
  }

  // Half of the error is made up for within a second, by 500 ppm at most.
  static double slew(std::int64_t error) noexcept {
    const double wanted = static_cast<double>(error) / 2e9;
    constexpr double kMost = 500e-6;
    return wanted > kMost ? kMost : wanted < -kMost ? -kMost : wanted;
  }

  void append(std::uint64_t ticks, std::uint64_t unix_nanoseconds, double rate) noexcept {
    segments_[count_++ % kSegments] = {ticks, unix_nanoseconds, rate};
  }

  // Searches backwards: nearly every span began within the last segment.
  const Segment& segment_of(std::uint64_t ticks) const noexcept {
    const std::size_t oldest = count_ > kSegments ? count_ - kSegments : 0;
    std::size_t index = count_ - 1;
    while (index > oldest &&
           static_cast<std::int64_t>(ticks - segments_[index % kSegments].ticks) < 0) {
      --index;
    }
    return segments_[index % kSegments];
  }

  ClockSample anchor_;
  double nanoseconds_per_tick_;
  Segment segments_[kSegments];
  std::size_t count_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_WALL_CLOCK_HPP
