// Decides by rules on what is known of a trace at its start.
#ifndef WAGGLE_SAMPLING_RULE_SAMPLER_HPP
#define WAGGLE_SAMPLING_RULE_SAMPLER_HPP

#include <string>
#include <utility>
#include <vector>

#include "waggle/sampling/sampling_rule.hpp"
#include "waggle/sdk/sampler.hpp"

namespace waggle {
inline namespace abi1 {

// Goes by the first rule that fits; a trace that fits none is kept. Only what a span is given at
// its start is looked at: its name, its kind, its attributes.
//
//   config.sampler = std::make_shared<RuleSampler>(std::vector<SamplingRule>{
//       SamplingRule::drop().name("GET /health"),
//       SamplingRule::keep().attribute("customer.tier", "gold"),
//       SamplingRule::one_in(100)});
class RuleSampler final : public Sampler {
 public:
  explicit RuleSampler(std::vector<SamplingRule> rules) noexcept : rules_(std::move(rules)) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    for (const SamplingRule& rule : rules_) {
      if (rule.fits(request)) return rule.decide(request, decision);
    }
    detail::decide_by_threshold(request, 0, decision);
  }

  void maintain(TimePoint now) const noexcept override {
    for (const SamplingRule& rule : rules_) rule.maintain(now);
  }

  std::string description() const override {
    return "RuleSampler{" + std::to_string(rules_.size()) + " rules}";
  }

 private:
  const std::vector<SamplingRule> rules_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_RULE_SAMPLER_HPP
