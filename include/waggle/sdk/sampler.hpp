// Who decides which traces are recorded: asked once a trace, at its first span in this process; all
// spans below inherit the decision. Built-in samplers are immutable.
#ifndef WAGGLE_SDK_SAMPLER_HPP
#define WAGGLE_SDK_SAMPLER_HPP

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "waggle/api/trace_state.hpp"
#include "waggle/core/hub.hpp"

namespace waggle {
inline namespace abi1 {

using detail::Decision;
using detail::RootDecision;
using detail::RootRequest;

// Decides at local roots. Called on recording threads, so it must be thread-safe and quick.
class Sampler {
 public:
  virtual ~Sampler() = default;

  // Fills in `decision`, which says "drop" until then. A tracestate to carry on is handed over as
  // one reference to a ContextBlock; attributes by calling decision.add_attribute.
  virtual void decide(const RootRequest& request, RootDecision& decision) const noexcept = 0;
};

namespace detail {

// Returns the tracestate that goes with a decision: the parent's, with the threshold in force.
inline ContextBlock* tracestate_block(const RootRequest& request,
                                      std::uint64_t threshold) noexcept {
  if (request.parent == nullptr || request.parent->trace_state().empty()) return nullptr;
  TraceStateBuffer buffer;
  write_trace_state(buffer, request.parent->trace_state(), threshold);
  return ContextBlock::create(buffer.view());
}

// Returns the 56 random bits of a trace: those told by its first participant, else those of its id
// (OpenTelemetry, TraceState: explicit randomness).
inline std::uint64_t randomness(const RootRequest& request) noexcept {
  constexpr std::uint64_t kLow56 = (std::uint64_t{1} << 56) - 1;
  if (request.parent != nullptr) {
    const OtelTraceState told = parse_otel_member(request.parent->trace_state());
    if (told.has_randomness) return told.randomness;
  }
  return request.trace_id.low & kLow56;
}

}  // namespace detail

// Keeps a share of all traces, by their random bits: any two services with the same ratio keep the
// same traces, and one with a larger ratio keeps a superset (OpenTelemetry, consistent probability
// sampling).
class RatioSampler final : public Sampler {
 public:
  // Keeps `ratio` of the traces, from 0 (none) to 1 (all); the threshold is rounded to 56 bits.
  explicit RatioSampler(double ratio) noexcept : threshold_(threshold_of(ratio)) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    const bool is_kept =
        threshold_ < detail::kThresholdEnd && detail::randomness(request) >= threshold_;
    decision.decision = is_kept ? Decision::RecordAndSample : Decision::Drop;
    decision.threshold = is_kept ? threshold_ : kUnknownThreshold;
    decision.block = detail::tracestate_block(request, decision.threshold);
  }

 private:
  static std::uint64_t threshold_of(double ratio) noexcept {
    if (!(ratio > 0)) return detail::kThresholdEnd;
    if (ratio >= 1) return 0;
    const auto kept =
        static_cast<std::uint64_t>(ratio * static_cast<double>(detail::kThresholdEnd));
    return kept == 0 ? detail::kThresholdEnd - 1 : detail::kThresholdEnd - kept;
  }

  const std::uint64_t threshold_;
};

// Follows a remote parent's decision; asks another sampler for traces that begin here.
class ParentBasedSampler final : public Sampler {
 public:
  explicit ParentBasedSampler(std::shared_ptr<const Sampler> root) noexcept
      : root_(std::move(root)) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    if (request.parent == nullptr) return root_->decide(request, decision);
    const bool is_kept = request.parent->is_sampled();
    decision.decision = is_kept ? Decision::RecordAndSample : Decision::Drop;
    decision.threshold = is_kept ? request.parent->sampling_threshold() : kUnknownThreshold;
    decision.block = detail::tracestate_block(request, decision.threshold);
  }

 private:
  std::shared_ptr<const Sampler> root_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_SAMPLER_HPP
