// Keeps a share of all traces, the same ones in every service.
#ifndef WAGGLE_SAMPLING_RATIO_SAMPLER_HPP
#define WAGGLE_SAMPLING_RATIO_SAMPLER_HPP

#include <cstdint>
#include <cstdio>
#include <string>

#include "waggle/sampling/threshold.hpp"
#include "waggle/sdk/sampler.hpp"

namespace waggle {
inline namespace abi1 {

// Keeps a share of all traces, by their random bits: any two services with the same ratio keep the
// same traces, and one with a larger ratio keeps a superset (OpenTelemetry, consistent probability
// sampling).
class RatioSampler final : public Sampler {
 public:
  // Keeps `ratio` of the traces, from 0 (none) to 1 (all), to four significant digits of the
  // threshold.
  explicit RatioSampler(double ratio) noexcept
      : ratio_(ratio), threshold_(threshold_of_probability(ratio)) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    detail::decide_by_threshold(request, threshold_, decision);
  }

  std::string description() const override {
    char text[64];
    std::snprintf(text, sizeof(text), "TraceIdRatioBased{%.6f}", ratio_);
    for (char& c : text) c = c == ',' ? '.' : c;  // some locales have a decimal comma
    return text;
  }

 private:
  const double ratio_;
  const std::uint64_t threshold_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_RATIO_SAMPLER_HPP
