// What a span is told when it starts, besides its name.
#ifndef WAGGLE_API_SPAN_OPTIONS_HPP
#define WAGGLE_API_SPAN_OPTIONS_HPP

#include <cstdint>
#include <string_view>

#include "waggle/core/context.hpp"
#include "waggle/core/link.hpp"
#include "waggle/core/record.hpp"
#include "waggle/core/ticks.hpp"

namespace waggle {
inline namespace abi1 {

// Gives a new span its parent: by default the thread's current span; root() for none; any
// SpanContext, of which an invalid one counts as none.
class Parent {
 public:
  Parent() noexcept = default;
  Parent(SpanContext context) noexcept  // NOLINT(google-explicit-constructor)
      : context_(static_cast<SpanContext&&>(context)), is_given_(true) {}

  // Begins a new trace whatever is current.
  static Parent root() noexcept { return Parent(SpanContext{}); }

  // Tells whether the thread's current span is not to be asked.
  bool is_given() const noexcept { return is_given_; }
  const SpanContext& context() const noexcept { return context_; }

 private:
  SpanContext context_;
  bool is_given_ = false;
};

// Holds what else can be said about a span when it starts. Owns all it holds and may be kept.
struct SpanOptions {
  SpanKind kind = SpanKind::Internal;
  Parent parent;
  Timestamp start_time;
};

namespace detail {

// All that a span starts with, for the duration of the call.
struct Beginning {
  std::uint16_t scope;
  std::string_view name;
  const SpanOptions& options;
  Attributes attributes;
  Links links;
};

}  // namespace detail

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_SPAN_OPTIONS_HPP
