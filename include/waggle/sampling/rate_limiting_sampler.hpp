// Keeps about so many traces a second, however many there are, and says what each stands for.
#ifndef WAGGLE_SAMPLING_RATE_LIMITING_SAMPLER_HPP
#define WAGGLE_SAMPLING_RATE_LIMITING_SAMPLER_HPP

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

#include "waggle/sampling/threshold.hpp"
#include "waggle/sampling/trace_counter.hpp"
#include "waggle/sdk/sampler.hpp"

namespace waggle {
inline namespace abi1 {

// Keeps a share of the traces, chosen once a second so that the traffic of the last seconds would
// have given `traces_per_second`. Within a second in which more come than that the share falls from
// trace to trace: a burst of b times the usual traffic keeps 1 + ln(b) times the limit. The share
// is settled before a trace's random bits are looked at, so weighted counts are right whatever the
// traffic does.
class RateLimitingSampler final : public Sampler {
 public:
  explicit RateLimitingSampler(double traces_per_second) noexcept
      : limit_(traces_per_second > 0 ? traces_per_second : 0) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    const auto place = static_cast<double>(counter_.count());
    const double share = (std::min)(share_of(place), share_of(detail::load_relaxed(usual_)));
    detail::decide_by_threshold(request, threshold_of_probability(share), decision);
    detail::wake_for_root();
  }

  void maintain(TimePoint now) const noexcept override {
    if (begin_ == TimePoint{}) begin_ = now;
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    if (seconds < 1) return;
    begin_ = now;
    const double rate = static_cast<double>(counter_.take()) / seconds;
    average_ = rate + (average_ - rate) * std::exp2(-seconds);
    detail::store_relaxed(usual_, static_cast<std::uint64_t>(std::llround(average_)));
  }

  std::string description() const override {
    char text[64];
    std::snprintf(text, sizeof(text), "RateLimitingSampler{%.0f/s}", limit_);
    return text;
  }

 private:
  // Returns what share of so many traces a second may be kept.
  double share_of(double traces) const noexcept { return traces <= limit_ ? 1.0 : limit_ / traces; }
  double share_of(std::uint64_t traces) const noexcept {
    return share_of(static_cast<double>(traces));
  }

  const double limit_;
  mutable detail::TraceCounter counter_;
  mutable std::uint64_t usual_ = 0;  // traces a second so far

  // For the collector only.
  mutable TimePoint begin_{};   // of this second
  mutable double average_ = 0;  // traces a second, of which the last second makes up a half
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_RATE_LIMITING_SAMPLER_HPP
