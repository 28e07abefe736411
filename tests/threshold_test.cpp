#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <waggle/collect/sampling_weight.hpp>
#include <waggle/sampling/threshold.hpp>

using namespace waggle;

namespace {

std::string text(double probability) {
  return std::string(
      std::string_view(detail::threshold_text(threshold_of_probability(probability))));
}

double probability_of(std::uint64_t threshold) {
  return static_cast<double>(detail::kThresholdEnd - threshold) / detail::kTwoTo56;
}

}  // namespace

TEST_CASE("T58: probabilities have the thresholds that the specification lists") {
  CHECK(text(1) == "0");
  CHECK(text(0.5) == "8");
  CHECK(text(1.0 / 3) == "aaab");
  CHECK(text(0.25) == "c");
  CHECK(text(0.1) == "e666");
  CHECK(text(0.01) == "fd70a");
  CHECK(text(0.001) == "ffbe77");
  CHECK(text(1e-4) == "fff9724");
  CHECK(text(1e-5) == "ffff583a");
  CHECK(text(1e-6) == "ffffef39");
}

TEST_CASE("T58: the mistakes of the specification's sample code are not repeated") {
  CHECK(text(0.999999) == "0");
  CHECK(text(1 - std::ldexp(12, -8)) == "0c");
  CHECK(text(std::ldexp(1, -56)) == "ffffffffffffff");
  CHECK(text(std::ldexp(1, -50)) == "ffffffffffffc");
  CHECK(text(std::ldexp(1, -52)) == "fffffffffffff");
}

TEST_CASE("T53: precision does not suffer over the whole range, and no threshold is past the end") {
  for (double probability = 1; probability > std::ldexp(1, -56); probability *= 0.83) {
    const std::uint64_t threshold = threshold_of_probability(probability);
    REQUIRE(threshold < detail::kThresholdEnd);
    const double error = std::abs(probability_of(threshold) / probability - 1);
    CHECK(error < (probability > std::ldexp(1, -40) ? 1.0 / 4096 : 1));
  }
}

TEST_CASE("what is no probability keeps nothing or all") {
  CHECK(threshold_of_probability(0) == detail::kThresholdEnd);
  CHECK(threshold_of_probability(-1) == detail::kThresholdEnd);
  CHECK(threshold_of_probability(std::nan("")) == detail::kThresholdEnd);
  CHECK(threshold_of_probability(7) == 0);
  CHECK(threshold_of_probability(std::numeric_limits<double>::denorm_min()) ==
        detail::kThresholdEnd - 1);
}

TEST_CASE("a rate comes back as the SampleRate of every trace") {
  CHECK(threshold_of_rate(0) == detail::kThresholdEnd);
  CHECK(threshold_of_rate(1) == 0);
  for (std::uint32_t rate : {1U, 2U, 3U, 7U, 10U, 17U, 100U, 1000U, 99991U, 1000000U}) {
    for (std::uint64_t id = 1; id < 200; ++id) {
      CHECK(detail::sample_rate(threshold_of_rate(rate), TraceId{id, id * 7919}) == rate);
    }
  }
}
