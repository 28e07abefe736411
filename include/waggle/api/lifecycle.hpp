// The general half of a span's life: roots, remote and unsampled parents, options at the start;
// ends out of order, on another thread, after shutdown, or with a record that outgrew the span.
#ifndef WAGGLE_API_LIFECYCLE_HPP
#define WAGGLE_API_LIFECYCLE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/api/open_span.hpp"
#include "waggle/api/staging.hpp"
#include "waggle/core/hub.hpp"
#include "waggle/core/ticks.hpp"

namespace waggle {
inline namespace abi1 {

// ---- the start ----

// What the hot path hands over: a root, a parent of another kind, a long name, or a thread that has
// no state yet.
WAGGLE_OUT_OF_LINE void OpenSpan::begin_named(std::uint16_t scope, const char* name,
                                              std::size_t name_size) noexcept {
  begin_with({scope, {name, name_size}, SpanOptions{}, {}, {}}, true);
}

WAGGLE_OUT_OF_LINE void OpenSpan::begin_with(const detail::Beginning& beginning,
                                             bool make_current) noexcept {
  be_off();
  const std::uint32_t session = detail::current_session();
  detail::ThreadState* thread = session != 0 ? detail::thread_state(session) : nullptr;
  if (thread == nullptr) return pass_on(beginning.options.parent.context());
  begin_in_general(*thread, session, beginning, make_current);
}

// With nobody to record it the span still hands its parent on, so that a trace survives a process
// without a tracer (OpenTelemetry, API behaviour without an SDK).
WAGGLE_COLD void OpenSpan::pass_on(const SpanContext& parent) noexcept {
  const detail::ContextFields& fields = parent.fields();
  if (!parent.is_valid() && fields.block == nullptr) return;
  header_.trace_id = fields.trace_id;
  header_.span_id = fields.span_id;
  header_.threshold = fields.threshold;
  header_.trace_flags = fields.traits.flags;
  is_remote_ = fields.traits.is_remote;
  entry_ = nullptr;
  block_ = fields.block;
  detail::ContextBlock::retain(block_);
  state_ = State::PassedOn;
}

WAGGLE_OUT_OF_LINE void OpenSpan::begin_in_general(detail::ThreadState& thread,
                                                   std::uint32_t session,
                                                   const detail::Beginning& beginning,
                                                   bool make_current) noexcept {
  const SpanOptions& options = beginning.options;
  const std::uint32_t open = thread.enter();
  thread.reap();
  open_record(beginning.name.data(), detail::utf8_prefix(beginning.name, kLongestName));
  owner_ = &thread;
  session_ = session;
  entry_ = nullptr;
  block_ = nullptr;
  header_.span_id = thread.ids.span_id();
  set_first_word(beginning.scope, options.kind, 0);
  const detail::ContextFields& parent =
      options.parent.is_given() ? options.parent.context().fields() : thread.top->context;
  header_.parent_id = parent.is_valid() ? parent.span_id : SpanId{};
  if (parent.is_valid() && !parent.traits.is_remote) {
    inherit(parent);
  } else {
    decide(thread, parent, beginning);
  }
  if (make_current) become_current(thread);
  if (is_recording()) stage_beginning(beginning);
  thread.leave(open);
  if ((header_.marks & detail::kExplicitStart) == 0) header_.start = detail::read_ticks();
}

// A local parent has decided for its whole trace in this process.
inline void OpenSpan::inherit(const detail::ContextFields& parent) noexcept {
  header_.trace_id = parent.trace_id;
  header_.threshold = parent.threshold;
  header_.trace_flags = parent.traits.flags;
  block_ = parent.block;
  detail::ContextBlock::retain(block_);
  if (parent.traits.is_record_only) header_.marks |= detail::kRecordOnly;
  settle(parent.is_sampled() || parent.traits.is_record_only);
}

// The root of this process's part of a trace: the sampler decides.
WAGGLE_OUT_OF_LINE void OpenSpan::decide(detail::ThreadState& thread,
                                         const detail::ContextFields& parent,
                                         const detail::Beginning& beginning) noexcept {
  const bool has_parent = parent.is_valid();
  const SpanContext remote_parent = has_parent ? SpanContext(parent) : SpanContext{};
  header_.trace_id = has_parent ? parent.trace_id : thread.ids.trace_id();
  if (has_parent) header_.marks |= detail::kParentIsRemote;
  const detail::RootRequest request{sizeof(request),      header_.kind,
                                    header_.scope,        header_.trace_id,
                                    beginning.name,       has_parent ? &remote_parent : nullptr,
                                    beginning.attributes, beginning.links};
  detail::RootDecision decision{sizeof(decision),
                                detail::Decision::Drop,
                                kUnknownThreshold,
                                nullptr,
                                this,
                                &add_sampler_attribute,
                                0};
  waggle_abi1_hub.decide_root(request, decision);
  const bool is_sampled = decision.decision == detail::Decision::RecordAndSample;
  const int random = has_parent ? parent.traits.flags & kTraceFlagRandom : kTraceFlagRandom;
  header_.trace_flags = static_cast<std::uint8_t>(random | (is_sampled ? kTraceFlagSampled : 0));
  header_.threshold = decision.threshold != kUnknownThreshold
                          ? decision.threshold
                          : detail::rate_as_threshold(decision.sample_rate);
  block_ = detail::ContextBlock::with_baggage(decision.block, parent.block);
  if (decision.decision == detail::Decision::RecordOnly) header_.marks |= detail::kRecordOnly;
  settle(decision.decision != detail::Decision::Drop);
}

inline void OpenSpan::add_sampler_attribute(void* span, const Attribute& attribute) noexcept {
  static_cast<OpenSpan*>(span)->set_value(attribute.key, attribute.value);
}

inline void OpenSpan::settle(bool is_recorded) noexcept {
  if (is_recorded) {
    if (block_ != nullptr) call_for_general_end();
    return;
  }
  if (is_spilled_) waggle_abi1_hub.release_spill(spill_);
  is_spilled_ = false;
  state_ = State::UnsampledApart;
  capacity_ = 0;
}

inline void OpenSpan::become_current(detail::ThreadState& thread) noexcept {
  detail::ContextBlock::retain(block_);
  entry_ = thread.push(identity(), this, token());
  if (entry_ != nullptr) return;
  detail::ContextBlock::release(block_);
  if (is_recording()) call_for_general_end();
}

// Writes what was known at the start; a name too long for the fast way is staged once more in full.
inline void OpenSpan::stage_beginning(const detail::Beginning& beginning) noexcept {
  if (beginning.name.size() > kLongestName) update_name(beginning.name);
  if (block_ != nullptr) stage_context();
  set_start_time(beginning.options.start_time);
  set_attributes(beginning.attributes);
  for (const Link& link : beginning.links) add_link(link.context, link.attributes);
}

inline void OpenSpan::stage_context() noexcept {
  const std::string_view trace_state = block_->trace_state();
  const std::string_view baggage = block_->baggage().bytes();
  if (!trace_state.empty()) {
    stage(detail::ChunkKind::TraceState, ValueTag::Text, {}, trace_state.data(),
          trace_state.size());
  }
  if (!baggage.empty() && detail::load_relaxed(waggle_abi1_hub.records_baggage) != 0) {
    stage(detail::ChunkKind::Baggage, ValueTag::Bytes, {}, baggage.data(), baggage.size());
  }
}

// ---- identity ----

inline detail::ContextFields OpenSpan::identity() const noexcept {
  if (state_ == State::Unsampled) return entry_->context;
  detail::ContextFields fields;
  fields.trace_id = header_.trace_id;
  fields.span_id = header_.span_id;
  fields.threshold = header_.threshold;
  fields.block = block_;
  fields.traits.flags = header_.trace_flags;
  fields.traits.is_remote = state_ == State::PassedOn && is_remote_;
  fields.traits.is_record_only =
      state_ != State::PassedOn && (header_.marks & detail::kRecordOnly) != 0;
  return fields;
}

// Takes over what only the entry of an unsampled span knew.
inline void OpenSpan::keep_identity() noexcept {
  const detail::ContextFields fields = identity();
  header_.trace_id = fields.trace_id;
  header_.threshold = fields.threshold;
  header_.trace_flags = fields.traits.flags;
  header_.marks = 0;
  block_ = nullptr;
}

inline SpanContext OpenSpan::context() const noexcept {
  return state_ == State::Off ? SpanContext{} : SpanContext(identity());
}

inline bool OpenSpan::is_current() const noexcept {
  return entry_ != nullptr && detail::load_relaxed(entry_->token) == token();
}

// Takes over the entry that a guard just pushed for this span under its token(), so that the entry
// reaches the span and ends with it.
inline void OpenSpan::adopt_entry(detail::ThreadState& thread,
                                  detail::CurrentEntry* entry) noexcept {
  owner_ = &thread;
  entry_ = entry;
  detail::store_relaxed(entry->span, this);
}

// ---- the end ----

inline void OpenSpan::set_end_time(Timestamp time) noexcept {
  if (!is_recording() || !time.is_set()) return;
  header_.end = time.unix_nanoseconds;
  header_.marks |= detail::kExplicitEnd;
  call_for_general_end();
}

// Ends a span of any state; a second end does nothing.
WAGGLE_OUT_OF_LINE void OpenSpan::finish_in_general() noexcept {
  if (state_ == State::PassedOn || state_ == State::Ended) return;
  const bool was_recording = is_recording();
  const std::uint64_t now = was_recording ? detail::read_ticks() : 0;
  if (state_ == State::Unsampled) keep_identity();
  state_ = State::Ended;
  capacity_ = 0;
  if (entry_ != nullptr) detail::leave_entry(*entry_, token());
  if (!was_recording) return;
  if ((header_.marks & detail::kExplicitEnd) == 0) header_.end = now;
  if (session_ != detail::current_session()) {
    waggle_abi1_hub.count_drop(DropReason::AfterShutdown);
  } else if (detail::ThreadState* thread = detail::thread_state(session_)) {
    submit(*thread);
  }
  if (is_spilled_) waggle_abi1_hub.release_spill(spill_);
}

inline void OpenSpan::submit(detail::ThreadState& thread) noexcept {
  const std::uint32_t open = thread.enter();
  Recorder recorder(*this);
  const detail::DroppedCounts none{};
  if (std::memcmp(&lost_, &none, sizeof(none)) != 0) recorder.append_dropped_counts();
  const std::size_t size = recorder.record_size();
  header_.words = static_cast<std::uint16_t>(size / 8);
  if (thread.ring.make_room(size)) {
    recorder.copy_to(thread.ring.position());
    detail::add_owned(thread.recorded, std::uint64_t{1});
    thread.ring.commit(size);
  } else {
    thread.count_drop(DropReason::RingFull);
  }
  thread.leave(open);
  if (detail::collector_sleeps() || thread.ring.is_half_full()) detail::wake_collector();
}

WAGGLE_COLD void OpenSpan::release_context() noexcept {
  detail::ContextBlock::release(block_);
  block_ = nullptr;
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_LIFECYCLE_HPP
