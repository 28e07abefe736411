// Who decides which traces are recorded: asked once a trace, at its first span in this process; all
// spans below inherit the decision. The samplers that come with waggle are in sampling/.
#ifndef WAGGLE_SDK_SAMPLER_HPP
#define WAGGLE_SDK_SAMPLER_HPP

#include <cstdint>
#include <string>

#include "waggle/api/trace_state.hpp"
#include "waggle/core/hub.hpp"
#include "waggle/sdk/deadline.hpp"

namespace waggle {
inline namespace abi1 {

using detail::Decision;
using detail::RootDecision;
using detail::RootRequest;

// Decides at local roots. Called on recording threads, so it must be thread-safe and quick.
class Sampler {
 public:
  virtual ~Sampler() = default;

  // Fills in `decision`, which says "drop" until then. The rate is told as a threshold if the
  // decision went by the trace's random bits, else as a whole number in `sample_rate`; so every
  // span gets its SampleRate. A tracestate to carry on is handed over as one reference to a
  // ContextBlock, none clears it; attributes by calling decision.add_attribute.
  virtual void decide(const RootRequest& request, RootDecision& decision) const noexcept = 0;

  // Adapts to what was asked since the last time. Called by the collector every 10 to 100 ms while
  // it is awake, by one thread at a time; a sampler that counts wakes it by
  // detail::wake_for_root().
  virtual void maintain(TimePoint) const noexcept {}

  // Returns what it is and does, for people.
  virtual std::string description() const { return "a sampler of the program's own"; }
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

// Wakes a sleeping collector, so that a sampler can adapt although it keeps nothing.
inline void wake_for_root() noexcept {
  if (collector_sleeps()) wake_collector();
}

// Drops a trace; the tracestate is carried on without a threshold.
inline void drop(const RootRequest& request, RootDecision& decision) noexcept {
  decision.decision = Decision::Drop;
  decision.threshold = kUnknownThreshold;
  decision.block = tracestate_block(request, kUnknownThreshold);
}

// Keeps a trace if its random bits are not below `threshold`.
inline void decide_by_threshold(const RootRequest& request, std::uint64_t threshold,
                                RootDecision& decision) noexcept {
  if (threshold >= kThresholdEnd || randomness(request) < threshold) return drop(request, decision);
  decision.decision = Decision::RecordAndSample;
  decision.threshold = threshold;
  decision.block = tracestate_block(request, threshold);
}

}  // namespace detail

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_SAMPLER_HPP
