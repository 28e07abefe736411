// From a probability or a rate to the threshold below which a trace's random bits drop it
// (OpenTelemetry, TraceState: Probability Sampling).
#ifndef WAGGLE_SAMPLING_THRESHOLD_HPP
#define WAGGLE_SAMPLING_THRESHOLD_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "waggle/api/trace_state.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Rounds a threshold to four significant digits behind its leading f's. The specification's sample
// code stops at twelve digits, and so gives all small probabilities the same threshold; here it is
// all fourteen.
inline std::uint64_t rounded_threshold(std::uint64_t threshold, double probability) noexcept {
  constexpr int kPrecision = 4;
  int exponent = 0;
  std::frexp(probability, &exponent);
  const int leading = (std::max)(0, -exponent / 4);
  const int digits = (std::min)(static_cast<int>(kThresholdDigits), kPrecision + leading);
  const int shift = 4 * (static_cast<int>(kThresholdDigits) - digits);
  if (shift == 0) return threshold;
  const std::uint64_t half = std::uint64_t{1} << (shift - 1);
  return (threshold + half) >> shift << shift;
}

}  // namespace detail

// Returns the threshold that keeps a trace with this probability; one that keeps none for 0, for
// less, and for what is no number. Anything above 0 keeps at least one of 2^56.
inline std::uint64_t threshold_of_probability(double probability) noexcept {
  if (!(probability > 0)) return detail::kThresholdEnd;
  if (probability >= 1) return 0;
  const double scaled = std::round(probability * static_cast<double>(detail::kThresholdEnd));
  const auto kept = (std::max)(std::uint64_t{1}, static_cast<std::uint64_t>(scaled));
  return detail::rounded_threshold(detail::kThresholdEnd - kept, probability);
}

// Returns the threshold that keeps one of `rate` traces, exactly enough for SampleRate to be `rate`
// on each; one that keeps none for 0.
inline std::uint64_t threshold_of_rate(std::uint32_t rate) noexcept {
  return rate == 0 ? detail::kThresholdEnd : detail::kThresholdEnd - detail::kThresholdEnd / rate;
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_THRESHOLD_HPP
