// The light band with WAGGLE_DISABLED defined: the same calls, and nothing behind them. They
// compile to no code and bring no symbol; what is passed in is still evaluated. In a namespace of
// its own, so that files with and without the definition may stand in one program. No context goes
// in or out: a service that only hands traces on has to be compiled without it.
#ifndef WAGGLE_API_DISABLED_HPP
#define WAGGLE_API_DISABLED_HPP

#include <initializer_list>
#include <string_view>

#include "waggle/api/exception.hpp"
#include "waggle/api/span_options.hpp"
#include "waggle/core/context.hpp"
#include "waggle/core/link.hpp"
#include "waggle/core/scope.hpp"
#include "waggle/core/ticks.hpp"
#include "waggle/core/value.hpp"

namespace waggle {
inline namespace disabled1 {
namespace detail {
using namespace abi1::detail;  // NOLINT(google-build-using-namespace): what both bands share
}  // namespace detail

// Stands for OpenSpan, and for all that is told to a span.
class OpenSpan {
 public:
  constexpr bool is_recording() const noexcept { return false; }
  SpanContext context() const noexcept { return {}; }

  template <class T>
  void set_attribute(std::string_view, const T&) noexcept {}
  template <class T>
  void set_attribute(std::string_view, const std::initializer_list<T>&) noexcept {}
  void set_attribute(std::string_view, const AttributeValue&) noexcept {}
  void set_attributes(Attributes) noexcept {}
  void add_event(std::string_view, Attributes = {}, Timestamp = Timestamp{}) noexcept {}
  void add_link(const SpanContext&, Attributes = {}) noexcept {}
  void set_status(StatusCode, std::string_view = {}) noexcept {}
  template <class Exception>
  void record_exception(const Exception&, Attributes = {}) noexcept {}
  void record_exception(const ExceptionDetails&, Attributes = {}) noexcept {}
  void update_name(std::string_view) noexcept {}
  void set_start_time(Timestamp) noexcept {}
  void end() noexcept {}
  void end(Timestamp) noexcept {}

 protected:
  OpenSpan() noexcept = default;
  ~OpenSpan() = default;
};

class [[nodiscard]] [[maybe_unused]] Span : public OpenSpan {
 public:
  explicit Span(std::string_view) noexcept {}
  Span(const Scope&, std::string_view) noexcept {}
  Span(std::string_view, const SpanOptions&, Attributes = {}, Links = {}) noexcept {}
  Span(const Scope&, std::string_view, const SpanOptions&, Attributes = {}, Links = {}) noexcept {}
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;
};

class [[nodiscard]] [[maybe_unused]] DetachedSpan : public OpenSpan {
 public:
  DetachedSpan() noexcept = default;
  explicit DetachedSpan(std::string_view, const SpanOptions& = {}, Attributes = {},
                        Links = {}) noexcept {}
  DetachedSpan(const Scope&, std::string_view, const SpanOptions& = {}, Attributes = {},
               Links = {}) noexcept {}
  DetachedSpan(DetachedSpan&&) noexcept {}
  DetachedSpan& operator=(DetachedSpan&&) noexcept { return *this; }
};

class CurrentSpan : public OpenSpan {
 public:
  CurrentSpan() noexcept = default;
};

inline CurrentSpan current_span() noexcept { return CurrentSpan(); }
inline SpanContext current_context() noexcept { return {}; }

class [[nodiscard]] [[maybe_unused]] ContextGuard {
 public:
  ContextGuard() noexcept = default;
  explicit ContextGuard(const SpanContext&) noexcept {}
  explicit ContextGuard(OpenSpan&) noexcept {}
  ContextGuard(ContextGuard&&) noexcept {}
  ContextGuard& operator=(ContextGuard&&) noexcept { return *this; }
};

class [[nodiscard]] [[maybe_unused]] ExceptionWatch {
 public:
  explicit ExceptionWatch(OpenSpan&) noexcept {}
  explicit ExceptionWatch(CurrentSpan) noexcept {}
  ExceptionWatch(const ExceptionWatch&) = delete;
  ExceptionWatch& operator=(const ExceptionWatch&) = delete;
};

template <class Carrier>
void inject(const SpanContext&, Carrier&&) noexcept {}
template <class Carrier>
void inject(Carrier&&) noexcept {}
template <class Carrier>
SpanContext extract(const Carrier&) noexcept {
  return {};
}

struct Runtime {};
inline Runtime& runtime() noexcept {
  static Runtime none;
  return none;
}
inline bool attach(Runtime&) noexcept { return false; }

}  // namespace disabled1
}  // namespace waggle

#endif  // WAGGLE_API_DISABLED_HPP
