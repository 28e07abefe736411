// Keeps the same traces as Honeycomb's Beelines, for fleets in which some services still use them.
#ifndef WAGGLE_SAMPLING_DETERMINISTIC_SAMPLER_HPP
#define WAGGLE_SAMPLING_DETERMINISTIC_SAMPLER_HPP

#include <cstdint>
#include <string>
#include <string_view>

#include "waggle/sampling/sha1.hpp"
#include "waggle/sdk/sampler.hpp"

namespace waggle {
inline namespace abi1 {

// Keeps one of `rate` traces, by the SHA-1 of the trace id's text (beeline-go,
// deterministic_sampler.go). No threshold describes that, so none is passed on; SampleRate is
// `rate`. In a fleet without Beelines RatioSampler is the better choice.
class DeterministicSampler final : public Sampler {
 public:
  // Takes 1 for "all" and 0 for "none".
  explicit DeterministicSampler(std::uint32_t rate) noexcept
      : rate_(rate), highest_(rate == 0 ? 0 : 0xffffffffU / rate) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    detail::drop(request, decision);
    if (rate_ == 0 || !keeps(std::string_view(request.trace_id.hex()))) return;
    decision.decision = Decision::RecordAndSample;
    decision.sample_rate = rate_;
  }

  // Tells whether the trace with this id, in lowercase hexadecimal digits, is kept.
  bool keeps(std::string_view trace_id) const noexcept {
    return rate_ == 1 || detail::Sha1::first_word(trace_id) <= highest_;
  }

  std::string description() const override {
    return "DeterministicSampler{" + std::to_string(rate_) + "}";
  }

 private:
  const std::uint32_t rate_;
  const std::uint32_t highest_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_DETERMINISTIC_SAMPLER_HPP
