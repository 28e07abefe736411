#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <vector>
#include <waggle/pipeline/backoff.hpp>

using waggle::Milliseconds;
using waggle::detail::Backoff;

namespace {

// Moves a backoff on by `attempts` attempts.
void fail(Backoff& backoff, int attempts) {
  for (; attempts != 0; --attempts) backoff.next(0);
}

// Returns the longest of many waits that follow `attempts` failed attempts, or a negative one.
Milliseconds longest_wait(Backoff start, int attempts, std::mt19937_64& random) {
  fail(start, attempts);
  Milliseconds longest{0};
  for (int i = 0; i < 20000; ++i) {
    Backoff backoff = start;
    const Milliseconds wait = backoff.next(random());
    if (wait.count() < 0) return wait;
    if (wait > longest) longest = wait;
  }
  return longest;
}

}  // namespace

TEST_CASE("each wait may be twice as long as the one before, up to the longest") {
  std::mt19937_64 random(1);
  const std::vector<int> ceilings = {500, 1000, 2000, 4000, 8000, 15000, 15000, 15000};
  for (std::size_t attempt = 0; attempt < ceilings.size(); ++attempt) {
    CAPTURE(attempt);
    const auto longest = longest_wait(Backoff(), static_cast<int>(attempt), random).count();
    CHECK_LE(longest, ceilings[attempt]);
    CHECK_GE(longest, ceilings[attempt] * 99 / 100);
  }
}

TEST_CASE("both ends of the range come up") {
  std::mt19937_64 random(2);
  std::set<Milliseconds::rep> waits;
  for (int i = 0; i < 1000; ++i) {
    Backoff backoff(Milliseconds(3), Milliseconds(100));
    waits.insert(backoff.next(random()).count());
  }
  CHECK(waits == std::set<Milliseconds::rep>{0, 1, 2, 3});
}

TEST_CASE("the waits are spread evenly") {
  constexpr int kDraws = 200000;
  constexpr int kBuckets = 10;
  for (const int attempts : {0, 3, 9}) {
    CAPTURE(attempts);
    std::mt19937_64 random(3);
    Backoff start(Milliseconds(499), Milliseconds(14999));
    fail(start, attempts);
    const std::int64_t steps = attempts == 0 ? 500 : attempts == 3 ? 3993 : 15000;
    int counts[kBuckets] = {};
    for (int i = 0; i < kDraws; ++i) {
      Backoff backoff = start;
      const std::int64_t wait = backoff.next(random()).count();
      REQUIRE_LT(wait, steps);
      ++counts[wait * kBuckets / steps];
    }
    for (const int count : counts) {
      CHECK_GT(count, kDraws / kBuckets * 96 / 100);
      CHECK_LT(count, kDraws / kBuckets * 104 / 100);
    }
  }
}

TEST_CASE("the same random bits give the same waits") {
  Backoff first;
  Backoff second;
  std::mt19937_64 random(4);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t bits = random();
    CHECK(first.next(bits) == second.next(bits));
  }
}

TEST_CASE("a reset begins again with the first wait") {
  std::mt19937_64 random(5);
  Backoff backoff;
  fail(backoff, 50);
  CHECK_GT(longest_wait(backoff, 0, random).count(), 500);
  backoff.reset();
  CHECK_LE(longest_wait(backoff, 0, random).count(), 500);
  CHECK_GT(longest_wait(backoff, 1, random).count(), 500);
}

TEST_CASE("no number of attempts overflows") {
  std::mt19937_64 random(6);
  for (const Milliseconds longest : {Milliseconds(15000), Milliseconds::max()}) {
    Backoff backoff(Milliseconds(1), longest);
    for (int i = 0; i < 20000; ++i) {
      const Milliseconds wait = backoff.next(random());
      REQUIRE_GE(wait.count(), 0);
      REQUIRE_LE(wait.count(), longest.count());
    }
    CHECK(longest_wait(backoff, 0, random) > longest / 100 * 99);
  }
}

TEST_CASE("odd limits are taken for what they can mean") {
  std::mt19937_64 random(7);
  CHECK_EQ(longest_wait(Backoff(Milliseconds(0), Milliseconds(100)), 20, random).count(), 0);
  CHECK_EQ(longest_wait(Backoff(Milliseconds(100), Milliseconds(0)), 20, random).count(), 0);
  CHECK_EQ(longest_wait(Backoff(Milliseconds(-5), Milliseconds(100)), 20, random).count(), 0);
  CHECK_EQ(longest_wait(Backoff(Milliseconds(5), Milliseconds(-100)), 20, random).count(), 0);
  CHECK_EQ(longest_wait(Backoff(Milliseconds(50), Milliseconds(7)), 0, random).count(), 7);
  CHECK_EQ(longest_wait(Backoff(Milliseconds(2), Milliseconds(5)), 2, random).count(), 5);
  CHECK_EQ(longest_wait(Backoff(Milliseconds(1), Milliseconds(1)), 20, random).count(), 1);
}
