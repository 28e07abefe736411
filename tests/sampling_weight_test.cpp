#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <waggle/collect/sampling_weight.hpp>

using waggle::TraceId;
using waggle::detail::kThresholdEnd;
using waggle::detail::sample_rate;

TEST_CASE("an unknown threshold has no rate, and a threshold of nothing has rate 1") {
  CHECK(sample_rate(waggle::kUnknownThreshold, TraceId{1, 2}) == 0);
  CHECK(sample_rate(0, TraceId{1, 2}) == 1);
}

TEST_CASE("a whole rate is the same for every trace") {
  std::mt19937_64 random(5);
  for (int i = 0; i < 1000; ++i) {
    CHECK(sample_rate(kThresholdEnd / 2, TraceId{random(), random()}) == 2);
    CHECK(sample_rate(kThresholdEnd - kThresholdEnd / 16, TraceId{random(), random()}) == 16);
  }
}

TEST_CASE("a fractional rate is right in the mean and fixed for a trace") {
  const std::uint64_t threshold = kThresholdEnd - kThresholdEnd / 5 * 2;  // 2.5
  std::mt19937_64 random(6);
  double sum = 0;
  constexpr int kTraces = 40000;
  for (int i = 0; i < kTraces; ++i) {
    const TraceId id{random(), random()};
    const std::uint32_t rate = sample_rate(threshold, id);
    CHECK((rate == 2 || rate == 3));
    CHECK(rate == sample_rate(threshold, id));
    sum += rate;
  }
  CHECK(std::abs(sum / kTraces - 2.5) < 0.02);
}

TEST_CASE("the smallest ratio does not overflow the rate") {
  CHECK(sample_rate(kThresholdEnd - 1, TraceId{1, 2}) == 2147483647);
}
