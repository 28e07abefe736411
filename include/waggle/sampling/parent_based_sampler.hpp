// Follows the decision of whoever began the trace.
#ifndef WAGGLE_SAMPLING_PARENT_BASED_SAMPLER_HPP
#define WAGGLE_SAMPLING_PARENT_BASED_SAMPLER_HPP

#include <memory>
#include <string>
#include <utility>

#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/sampler.hpp"

namespace waggle {
inline namespace abi1 {

// Asks another sampler for traces that begin here and follows a remote parent, unless a sampler of
// its own stands for parents that were sampled or for those that were not. For local parents nobody
// is asked: their spans inherit the decision (OpenTelemetry, ParentBased, has two more delegates).
class ParentBasedSampler final : public Sampler {
 public:
  explicit ParentBasedSampler(std::shared_ptr<const Sampler> root,
                              std::shared_ptr<const Sampler> remote_sampled = nullptr,
                              std::shared_ptr<const Sampler> remote_not_sampled = nullptr) noexcept
      : root_(std::move(root)),
        remote_sampled_(std::move(remote_sampled)),
        remote_not_sampled_(std::move(remote_not_sampled)) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    if (request.parent == nullptr) return root_->decide(request, decision);
    const Sampler* asked =
        request.parent->is_sampled() ? remote_sampled_.get() : remote_not_sampled_.get();
    if (asked != nullptr) return asked->decide(request, decision);
    if (!request.parent->is_sampled()) return detail::drop(request, decision);
    decision.decision = Decision::RecordAndSample;
    decision.threshold = request.parent->sampling_threshold();
    decision.block = detail::tracestate_block(request, decision.threshold);
  }

  void maintain(TimePoint now) const noexcept override {
    for (const Sampler* each : {root_.get(), remote_sampled_.get(), remote_not_sampled_.get()}) {
      if (each != nullptr) each->maintain(now);
    }
  }

  // Makes one that asks `root` instead, and the same ones for remote parents.
  std::shared_ptr<const ParentBasedSampler> with_root(std::shared_ptr<const Sampler> root) const {
    return std::make_shared<ParentBasedSampler>(std::move(root), remote_sampled_,
                                                remote_not_sampled_);
  }

  std::string description() const override {
    return detail::joined(
        {"ParentBased{root=", root_->description(),
         ",remoteParentSampled=", described(remote_sampled_, "AlwaysOnSampler"),
         ",remoteParentNotSampled=", described(remote_not_sampled_, "AlwaysOffSampler"), "}"});
  }

 private:
  static std::string described(const std::shared_ptr<const Sampler>& sampler, const char* none) {
    return sampler == nullptr ? none : sampler->description();
  }

  std::shared_ptr<const Sampler> root_;
  std::shared_ptr<const Sampler> remote_sampled_;
  std::shared_ptr<const Sampler> remote_not_sampled_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_PARENT_BASED_SAMPLER_HPP
