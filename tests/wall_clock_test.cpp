#include <doctest/doctest.h>

#include <random>
#include <waggle/collect/wall_clock.hpp>

using waggle::detail::ClockSample;
using waggle::detail::WallClock;

namespace {

constexpr std::uint64_t kStart = 1700000000000000000U;

// A counter of 2.5 ticks a nanosecond.
std::uint64_t ticks_at(std::uint64_t nanoseconds) { return nanoseconds * 5 / 2; }

WallClock steady_clock() { return {{ticks_at(0), kStart}, {ticks_at(1000000), kStart + 1000000}}; }

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

}  // namespace

TEST_CASE("ticks become wall-clock time at the measured rate") {
  const WallClock clock = steady_clock();
  CHECK(distance(clock.unix_nanoseconds(ticks_at(5000000)), kStart + 5000000) <= 2);
  CHECK(clock.duration(ticks_at(10), ticks_at(1010)) == 1000);
}

TEST_CASE("an instant before the first sample is extrapolated") {
  const WallClock clock = steady_clock();
  CHECK(distance(clock.unix_nanoseconds(ticks_at(0)), kStart) <= 2);
}

TEST_CASE("a duration in the wrong order is zero") {
  const WallClock clock = steady_clock();
  CHECK(clock.duration(1000, 999) == 0);
}

TEST_CASE("the map is monotone and continuous while it is slewed") {
  WallClock clock = steady_clock();
  std::mt19937_64 random(7);
  std::uint64_t nanoseconds = 1000000;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t step = 500000000 + random() % 1000000000;
    const std::uint64_t before = clock.unix_nanoseconds(ticks_at(nanoseconds + step) - 1);
    nanoseconds += step;
    // The system's clock wanders by up to 50 ms around the counter.
    const std::uint64_t wander = random() % 100000000;
    clock.update({ticks_at(nanoseconds), kStart + nanoseconds + wander - 50000000});
    const std::uint64_t after = clock.unix_nanoseconds(ticks_at(nanoseconds));
    CHECK(after >= before);
    CHECK(after - before <= 4);
  }
}

TEST_CASE("the map follows the system's clock") {
  WallClock clock = steady_clock();
  std::uint64_t nanoseconds = 1000000;
  for (int second = 0; second < 30; ++second) {
    nanoseconds += 1000000000;
    clock.update({ticks_at(nanoseconds), kStart + nanoseconds + 80000});  // 80 us ahead for good
  }
  CHECK(distance(clock.unix_nanoseconds(ticks_at(nanoseconds)), kStart + nanoseconds + 80000) <
        8000);
}

TEST_CASE("a step of the system's clock is for what starts later") {
  WallClock clock = steady_clock();
  const std::uint64_t step_at = 3000000000;
  clock.update({ticks_at(2000000000), kStart + 2000000000});
  constexpr std::uint64_t kHour = 3600000000000U;
  clock.update({ticks_at(step_at), kStart + step_at - kHour});
  CHECK(distance(clock.unix_nanoseconds(ticks_at(step_at + 1000)),
                 kStart + step_at - kHour + 1000) <= 4);
  CHECK(distance(clock.unix_nanoseconds(ticks_at(step_at - 1000)), kStart + step_at - 1000) < 2000);
  CHECK(distance(clock.duration(ticks_at(step_at - 500), ticks_at(step_at + 500)), 1000) <= 1);
}

TEST_CASE("many updates leave instants of long ago near the truth") {
  WallClock clock = steady_clock();
  for (std::uint64_t second = 1; second < 500; ++second) {
    clock.update({ticks_at(second * 1000000000), kStart + second * 1000000000});
  }
  CHECK(distance(clock.unix_nanoseconds(ticks_at(2000000000)), kStart + 2000000000) < 1000);
}

TEST_CASE("real clocks agree with the map") {
  const ClockSample first = waggle::detail::sample_clocks();
  ClockSample second = waggle::detail::sample_clocks();
  while (second.unix_nanoseconds < first.unix_nanoseconds + 2000000) {
    second = waggle::detail::sample_clocks();
  }
  const WallClock clock(first, second);
  const ClockSample now = waggle::detail::sample_clocks();
  CHECK(distance(clock.unix_nanoseconds(now.ticks), now.unix_nanoseconds) < 100000000);
}
