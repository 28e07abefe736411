// The simplest samplers: all, none, and all for the filter's eyes.
#ifndef WAGGLE_SAMPLING_ALWAYS_SAMPLER_HPP
#define WAGGLE_SAMPLING_ALWAYS_SAMPLER_HPP

#include <memory>
#include <string>
#include <utility>

#include "waggle/sdk/sampler.hpp"

namespace waggle {
inline namespace abi1 {

// Keeps every trace.
class AlwaysOnSampler final : public Sampler {
 public:
  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    detail::decide_by_threshold(request, 0, decision);
  }
  std::string description() const override { return "AlwaysOnSampler"; }
};

// Keeps none. Its spans still have ids, and tell the services that they call not to sample either.
class AlwaysOffSampler final : public Sampler {
 public:
  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    detail::drop(request, decision);
  }
  std::string description() const override { return "AlwaysOffSampler"; }
};

// Records what another sampler drops all the same, for Config::filter to see: such spans, and all
// below them, are never exported and count as filtered (OpenTelemetry, AlwaysRecord).
class AlwaysRecordSampler final : public Sampler {
 public:
  explicit AlwaysRecordSampler(std::shared_ptr<const Sampler> inner) noexcept
      : inner_(std::move(inner)) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    inner_->decide(request, decision);
    if (decision.decision == Decision::Drop) decision.decision = Decision::RecordOnly;
  }
  void maintain(TimePoint now) const noexcept override { inner_->maintain(now); }
  std::string description() const override { return "AlwaysRecord{" + inner_->description() + "}"; }

 private:
  std::shared_ptr<const Sampler> inner_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_ALWAYS_SAMPLER_HPP
