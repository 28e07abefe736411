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
    if (session == 0) be_off();
    if (session != 0) start_child(session, 0, name.data(), name.size());
  }
  Span(const Scope& scope, std::string_view name) noexcept {
    const std::uint32_t session = detail::current_session();
    if (session == 0) be_off();
    if (session != 0) {
      start_child(session, detail::scope_number(scope, session), name.data(), name.size());
    }
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

  WAGGLE_OUT_OF_LINE void start_child(std::uint32_t session, std::uint16_t scope, const char* name,
                                      std::size_t name_size) noexcept {
    detail::ThreadState* thread = waggle_abi1_thread;
    if (WAGGLE_UNLIKELY(thread == nullptr || thread->session != session)) {
      return begin_named(scope, name, name_size);
    }
    detail::CurrentEntry* parent = thread->top;
    if (WAGGLE_UNLIKELY(thread->is_full(parent) || detail::ThreadState::has_ended(*parent))) {
      return begin_named(scope, name, name_size);
    }
    const detail::Inheritance inheritance = parent->context.traits.inheritance;
    if (inheritance == detail::Inheritance::Unsampled) {
      return begin_unsampled(*thread, parent, session);
    }
    if (WAGGLE_UNLIKELY(inheritance != detail::Inheritance::Sampled || name_size > kLongestName)) {
      return begin_named(scope, name, name_size);
    }
    thread->close();
    owner_ = thread;
    session_ = session;
    block_ = nullptr;
    set_first_word(scope, SpanKind::Internal, parent->context.traits.flags);
    header_.trace_id = parent->context.trace_id;
    header_.parent_id = parent->context.span_id;
    header_.threshold = parent->context.threshold;
    header_.span_id = thread->ids.span_id();
    entry_ = thread->push_child(parent, header_.span_id, this);
    open_record(name, name_size);
    thread->leave(session);
    header_.start = detail::read_ticks();
  }

  // Below an unsampled span: an identity of its own, so that logs and calls carry it, and no more.
  // It is kept in the entry alone as long as the span is open.
  WAGGLE_INLINE void begin_unsampled(detail::ThreadState& thread, detail::CurrentEntry* parent,
                                     std::uint32_t session) noexcept {
    thread.close();
    owner_ = &thread;
    header_.span_id = thread.ids.span_id();
    entry_ = thread.push_child(parent, header_.span_id, this);
    set_state(State::Unsampled, 0, 0);
    thread.leave(session);
  }

  WAGGLE_OUT_OF_LINE void destroy() noexcept {
    detail::ThreadState* thread = waggle_abi1_thread;
    if (state_ == State::Unsampled && thread == owner_ && thread->is_innermost(this)) {
      --thread->top;
      return;
    }
    const std::uint32_t session = detail::current_session();
    if (WAGGLE_UNLIKELY(state_ != State::Recording || thread != owner_ ||
                        thread->session != session || session_ != session ||
                        !thread->is_innermost(this))) {
      return destroy_in_general();
    }
    const std::uint64_t end = detail::read_ticks();
    // Closed before the ring is looked at: a signal handler's span would use up its room.
    thread->close();
    if (WAGGLE_UNLIKELY(!thread->ring.has_room())) return destroy_after_a_look(*thread);
    const std::size_t size = sizeof(header_) + used_;
    write_record(thread->ring.position(), size, end);
    detail::add_owned(thread->recorded, std::uint64_t{1});
    thread->ring.commit(size);
    --thread->top;
    thread->leave(session);
    if (WAGGLE_UNLIKELY(detail::collector_sleeps())) detail::wake_collector();
  }

  // Copies the header's line and the 32 bytes behind it, enough for most names; then whole lines.
  // What is known only now goes into the copy: a wide load would wait for the store just made.
  WAGGLE_INLINE void write_record(char* to, std::size_t size, std::uint64_t end) noexcept {
    constexpr std::size_t kAtLeast = sizeof(header_) + 32;
    const char* from = record_bytes();
    std::memcpy(to, from, kAtLeast);
    detail::store_bytes(to + offsetof(detail::RecordHeader, end), end);
    detail::store_bytes(to, static_cast<std::uint16_t>(size / 8));
    detail::prefetch_for_write(to + kPrefetchAhead);
    detail::prefetch_for_write(to + kPrefetchAhead + detail::kCacheLine);
    for (std::size_t done = kAtLeast; done < size; done += detail::kCopyStep) {
      std::memcpy(to + done, from + done, detail::kCopyStep);
      detail::prefetch_for_write(to + done + kPrefetchAhead);
    }
  }

  // ---- the end of the hot path ----

  // Looks how far the collector has come, some twice a lap. Opens the state, which is closed.
  WAGGLE_OUT_OF_LINE void destroy_after_a_look(detail::ThreadState& thread) noexcept {
    thread.ring.make_room(detail::kMaxHotRecord);
    thread.leave(session_);
    if (!thread.ring.has_room()) return destroy_in_general();
    if (thread.ring.is_half_full()) detail::wake_collector();
    destroy();
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
