// What is current on a thread: the innermost open span or context. New spans become its children.
#ifndef WAGGLE_API_CURRENT_HPP
#define WAGGLE_API_CURRENT_HPP

#include <cstdint>
#include <string_view>

#include "waggle/api/lifecycle.hpp"
#include "waggle/api/open_span.hpp"
#include "waggle/core/hub.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns this thread's state without asking for one, or null.
inline ThreadState* known_thread_state() noexcept {
  ThreadState* thread = waggle_abi1_thread;
  const bool is_known = thread != nullptr && thread->session == current_session();
  return is_known ? thread : nullptr;
}

// Returns the innermost entry; or, if a guard raised a context there whose span is open further out
// on this thread, that span's own entry.
inline const CurrentEntry* entry_with_span(const ThreadState& thread) noexcept {
  const SpanId current = thread.top->context.span_id;
  for (const CurrentEntry* entry = thread.top; entry != thread.entries; --entry) {
    if (entry->context.span_id != current || ThreadState::has_ended(*entry)) continue;
    if (load_relaxed(entry->span) != nullptr) return entry;
  }
  return thread.top;
}

}  // namespace detail

// Refers to a span of this thread without owning it. Safe to keep: once the span has ended, or if
// there was none, every call does nothing. For the thread that got it only.
class CurrentSpan {
 public:
  CurrentSpan() noexcept = default;

  // Tells whether what is set now will be kept.
  bool is_recording() const noexcept {
    const OpenSpan* span = open_span();
    return span != nullptr && span->is_recording();
  }

  // Returns the identity of the span or context that was current; invalid once it ended.
  SpanContext context() const noexcept {
    return is_open() ? SpanContext(entry_->context) : SpanContext{};
  }

  // The calls of OpenSpan.
  template <class T>
  void set_attribute(std::string_view key, const T& value) noexcept {
    if (OpenSpan* span = open_span()) span->set_attribute(key, value);
  }
  template <class T>
  void set_attribute(std::string_view key, const std::initializer_list<T>& values) noexcept {
    if (OpenSpan* span = open_span()) span->set_attribute(key, values);
  }
  void set_attributes(Attributes attributes) noexcept {
    if (OpenSpan* span = open_span()) span->set_attributes(attributes);
  }
  void add_event(std::string_view name, Attributes attributes = {},
                 Timestamp time = Timestamp{}) noexcept {
    if (OpenSpan* span = open_span()) span->add_event(name, attributes, time);
  }
  void add_link(const SpanContext& linked, Attributes attributes = {}) noexcept {
    if (OpenSpan* span = open_span()) span->add_link(linked, attributes);
  }
  void set_status(StatusCode code, std::string_view description = {}) noexcept {
    if (OpenSpan* span = open_span()) span->set_status(code, description);
  }
  template <class Exception, class TypeName = detail::ExceptionTypeName>
  void record_exception(const Exception& exception, Attributes attributes = {}) noexcept {
    if (OpenSpan* span = open_span()) {
      span->record_exception<Exception, TypeName>(exception, attributes);
    }
  }
  void record_exception(const ExceptionDetails& details, Attributes attributes = {}) noexcept {
    if (OpenSpan* span = open_span()) span->record_exception(details, attributes);
  }
  void update_name(std::string_view name) noexcept {
    if (OpenSpan* span = open_span()) span->update_name(name);
  }

 private:
  friend CurrentSpan current_span() noexcept;
  friend class ExceptionWatch;

  CurrentSpan(const detail::ThreadState& thread, const detail::CurrentEntry* entry) noexcept
      : thread_(&thread), entry_(entry), token_(detail::load_relaxed(entry->token)) {}

  bool is_open() const noexcept {
    return entry_ != nullptr && thread_->top >= entry_ &&
           detail::load_acquire(entry_->token) == token_;
  }

  OpenSpan* open_span() const noexcept {
    return is_open() ? detail::load_relaxed(entry_->span) : nullptr;
  }

  const detail::ThreadState* thread_ = nullptr;
  const detail::CurrentEntry* entry_ = nullptr;
  std::uint64_t token_ = 0;
};

// Returns the thread's current span. Never null: without one, the calls do nothing.
inline CurrentSpan current_span() noexcept {
  detail::ThreadState* thread = detail::known_thread_state();
  if (thread == nullptr) return {};
  thread->reap();
  const bool is_none = thread->top == thread->entries;
  return is_none ? CurrentSpan{} : CurrentSpan(*thread, detail::entry_with_span(*thread));
}

// Returns the context that a new span would have as its parent; invalid if it would be a root.
inline SpanContext current_context() noexcept { return current_span().context(); }

// Makes a span or a context the current one of this thread until the guard is destroyed, without
// ending anything then. What a callback, a task or a coroutine opens when it takes up a request's
// work. Movable; guards may be destroyed in any order and on any thread.
class [[nodiscard]] ContextGuard {
 public:
  ContextGuard() noexcept = default;

  explicit ContextGuard(const SpanContext& context) noexcept { enter(context, nullptr); }

  // Makes `span` current, so that current_span() reaches it until it ends.
  explicit ContextGuard(OpenSpan& span) noexcept { enter(span.context(), &span); }

  ContextGuard(ContextGuard&& other) noexcept : entry_(other.entry_), token_(other.token_) {
    other.entry_ = nullptr;
  }
  ContextGuard& operator=(ContextGuard&& other) noexcept {
    if (this == &other) return *this;
    leave();
    entry_ = other.entry_;
    token_ = other.token_;
    other.entry_ = nullptr;
    return *this;
  }
  ~ContextGuard() { leave(); }

 private:
  void enter(const SpanContext& context, OpenSpan* span) noexcept {
    const std::uint32_t session = detail::current_session();
    if (session == 0 || (!context.is_valid() && context.baggage().empty())) return;
    detail::ThreadState* thread = detail::thread_state(session);
    if (thread == nullptr) return;
    thread->enter();
    thread->reap();
    // A span that is current nowhere lends the entry its own token and takes it over.
    const bool is_lent = span != nullptr && span->is_recording() && !span->is_current();
    token_ = is_lent ? span->token() : thread->ids.span_id().value;
    detail::ContextBlock::retain(context.fields().block);
    entry_ = thread->push(context.fields(), nullptr, token_);
    if (entry_ == nullptr) detail::ContextBlock::release(context.fields().block);
    if (entry_ != nullptr && is_lent) span->adopt_entry(*thread, entry_);
    thread->leave(session);
  }

  void leave() noexcept {
    if (entry_ != nullptr) detail::leave_entry(*entry_, token_);
    entry_ = nullptr;
  }

  detail::CurrentEntry* entry_ = nullptr;
  std::uint64_t token_ = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_CURRENT_HPP
