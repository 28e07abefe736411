// Span: one timed operation, from its construction to the end of its scope. Start and end are the
// hot path: about two clock reads, no lock, no allocation, no system call. Each rare case is one
// call to a function in lifecycle.hpp.
#ifndef WAGGLE_API_SPAN_HPP
#define WAGGLE_API_SPAN_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/api/open_span.hpp"
#include "waggle/core/hub.hpp"
#include "waggle/core/ticks.hpp"

namespace waggle {
inline namespace abi1 {

// Records one operation on the thread that runs it: becomes the thread's current span, ends with
// its scope or by end(). Ending out of order or on another thread is defined: the span is recorded,
// and it is current no longer. Write braces, Span span{"name"}: with parentheses and a conversion
// inside, C++ reads a function's declaration.
class [[nodiscard]] Span : public OpenSpan {
 public:
  // Starts a child of the thread's current span, or a new trace if there is none.
  explicit Span(std::string_view name) noexcept {
    const std::uint32_t session = detail::current_session();
    if (session != 0) start_child(name.data(), name.size(), session, 0);
  }
  Span(const Scope& scope, std::string_view name) noexcept {
    const std::uint32_t session = detail::current_session();
    if (session == 0) return;
    start_child(name.data(), name.size(), session, detail::scope_number(scope, session));
  }

  // Starts a span with a kind, a parent, a start time, attributes or links of its own. Samplers see
  // these attributes and links, and no later ones.
  Span(std::string_view name, const SpanOptions& options, Attributes attributes = {},
       Links links = {}) noexcept {
    begin_with({0, name, options, attributes, links}, true);
  }
  Span(const Scope& scope, std::string_view name, const SpanOptions& options,
       Attributes attributes = {}, Links links = {}) noexcept {
    begin_with(
        {detail::scope_number(scope, detail::current_session()), name, options, attributes, links},
        true);
  }

  ~Span() {
    if (state_ != State::Off) destroy();
  }

  // Ends the span now, or at `time` if one is given. Only the first end counts.
  void end() noexcept {
    if (state_ != State::Off) finish_in_general();
  }
  void end(Timestamp time) noexcept {
    set_end_time(time);
    end();
  }

 private:
  // ---- the hot path ----

  WAGGLE_OUT_OF_LINE void start_child(const char* name, std::size_t name_size,
                                      std::uint32_t session, std::uint16_t scope) noexcept {
    detail::ThreadState* thread = waggle_abi1_thread;
    if (WAGGLE_UNLIKELY(thread == nullptr || thread->session != session || thread->is_full() ||
                        detail::ThreadState::has_ended(*thread->top) || name_size > kLongestName)) {
      return begin_named(name, name_size, scope);
    }
    detail::CurrentEntry* innermost = thread->top;
    const detail::ContextFields& parent = innermost->context;
    const detail::ContextTraits traits = parent.traits;
    if (WAGGLE_UNLIKELY(traits.inheritance != detail::Inheritance::Sampled)) {
      if (traits.inheritance == detail::Inheritance::Unsampled) return begin_unsampled(*thread);
      return begin_named(name, name_size, scope);
    }
    thread->close();
    owner_ = thread;
    session_ = session;
    block_ = nullptr;
    set_first_word(scope, SpanKind::Internal, traits.flags);
    header_.trace_id.high = parent.trace_id.high;
    header_.parent_id = parent.span_id;
    header_.trace_id.low = parent.trace_id.low;
    header_.threshold = parent.threshold;
    header_.span_id = thread->ids.span_id();
    entry_ = thread->push_child(innermost, header_.span_id, this);
    open_record(name, name_size);
    thread->leave(session);
    header_.start = detail::read_ticks();
  }

  WAGGLE_OUT_OF_LINE void destroy() noexcept {
    detail::ThreadState* thread = waggle_abi1_thread;
    if (WAGGLE_UNLIKELY(state_ != State::Recording)) return destroy_unrecorded(thread);
    if (WAGGLE_UNLIKELY(thread != owner_ || thread->session != session_ ||
                        session_ != detail::current_session() ||
                        !thread->is_innermost(entry_, token()) || !thread->ring.has_room())) {
      return destroy_in_general();
    }
    const std::size_t size = sizeof(header_) + used_;
    header_.end = detail::read_ticks();
    header_.words = static_cast<std::uint16_t>(size / 8);
    thread->close();
    write_record(thread->ring.position(), size);
    detail::add_owned(thread->recorded, std::uint64_t{1});
    thread->ring.commit(size);
    --thread->top;
    thread->leave(session_);
    if (WAGGLE_UNLIKELY(detail::collector_sleeps())) detail::wake_collector();
  }

  // The header's line first, which is always whole; then what was staged, which is at least a name.
  WAGGLE_INLINE void write_record(char* to, std::size_t size) noexcept {
    const char* from = record_bytes();
    std::memcpy(to, from, sizeof(header_));
    detail::prefetch_for_write(to + kPrefetchAhead);
    std::size_t done = sizeof(header_);
    do {
      std::memcpy(to + done, from + done, detail::kCopyStep);
      detail::prefetch_for_write(to + done + kPrefetchAhead);
      done += detail::kCopyStep;
    } while (done < size);
  }

  // ---- the end of the hot path ----

  // An unsampled span only has to give its place back.
  WAGGLE_INLINE void destroy_unrecorded(detail::ThreadState* thread) noexcept {
    if (state_ != State::Unsampled || thread == nullptr || !thread->is_innermost(entry_, token())) {
      return destroy_in_general();
    }
    --thread->top;
  }

  WAGGLE_OUT_OF_LINE void destroy_in_general() noexcept {
    finish_in_general();
    release_context();
  }

  static constexpr std::size_t kPrefetchAhead = 768;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_SPAN_HPP
