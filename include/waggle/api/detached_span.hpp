// A span that is not bound to a thread or a scope: for asynchronous work that ends in a callback.
// Never current by itself; a ContextGuard makes it so for a while.
#ifndef WAGGLE_API_DETACHED_SPAN_HPP
#define WAGGLE_API_DETACHED_SPAN_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/api/lifecycle.hpp"
#include "waggle/api/open_span.hpp"
#include "waggle/core/ticks.hpp"

namespace waggle {
inline namespace abi1 {

// Records one operation that may end on another thread than it started. Movable (some 100 bytes and
// what it recorded are copied), default-made as a no-op, and one after it was moved from. Used by
// one thread at a time; handing it over needs the synchronisation that any object needs.
class [[nodiscard]] DetachedSpan : public OpenSpan {
 public:
  DetachedSpan() noexcept { be_off(); }

  // Starts a child of the thread's current span, or what `options` say.
  explicit DetachedSpan(std::string_view name, const SpanOptions& options = {},
                        Attributes attributes = {}, Links links = {}) noexcept {
    begin_with({0, name, options, attributes, links}, false);
  }
  DetachedSpan(const Scope& scope, std::string_view name, const SpanOptions& options = {},
               Attributes attributes = {}, Links links = {}) noexcept {
    begin_with(
        {detail::scope_number(scope, detail::current_session()), name, options, attributes, links},
        false);
  }

  DetachedSpan(DetachedSpan&& other) noexcept {
    be_off();
    take(other);
  }
  DetachedSpan& operator=(DetachedSpan&& other) noexcept {
    if (this == &other) return *this;
    destroy();
    take(other);
    return *this;
  }
  ~DetachedSpan() { destroy(); }

  // Ends the span now, or at `time` if one is given. Only the first end counts.
  void end() noexcept {
    if (state_ != State::Off) finish_in_general();
  }
  void end(Timestamp time) noexcept {
    set_end_time(time);
    end();
  }

 private:
  void destroy() noexcept {
    if (state_ == State::Off) return;
    end();
    release_context();
    state_ = State::Off;
  }

  void take(DetachedSpan& other) noexcept {
    if (other.state_ == State::Off) return;
    const auto* from = reinterpret_cast<const char*>(&other.used_);
    const char* end = other.data_ + other.inline_used();
    std::memcpy(static_cast<void*>(&used_), from, static_cast<std::size_t>(end - from));
    if (!is_spilled_) place_ = data_;
    if (is_current()) detail::store_relaxed(entry_->span, this);
    other.be_off();
  }
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_DETACHED_SPAN_HPP
