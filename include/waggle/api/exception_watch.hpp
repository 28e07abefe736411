// Tells a span that its scope is being left by an exception. Opt-in, so that spans without it pay
// nothing.
#ifndef WAGGLE_API_EXCEPTION_WATCH_HPP
#define WAGGLE_API_EXCEPTION_WATCH_HPP

#include "waggle/api/current.hpp"
#include "waggle/api/open_span.hpp"
#include "waggle/api/staging.hpp"
#include "waggle/core/uncaught_exceptions.hpp"

namespace waggle {
inline namespace abi1 {

// Sets a span's status to Error if the watch's scope is left by an exception, unless a status was
// set before. Declare it behind the span: waggle::Span span{"work"}; waggle::ExceptionWatch
// watch{span}; Right inside destructors that run while another exception is on its way. Which
// exception it is cannot be told then: catch it and call record_exception() to have that. The span
// must outlive the watch, both on one thread; one that ended or was moved away is left alone.
class [[nodiscard]] ExceptionWatch {
 public:
  explicit ExceptionWatch(OpenSpan& span) noexcept : span_(&span) {}
  explicit ExceptionWatch(CurrentSpan span) noexcept : current_(span) {}
  ExceptionWatch(const ExceptionWatch&) = delete;
  ExceptionWatch& operator=(const ExceptionWatch&) = delete;

  ~ExceptionWatch() {
    if (detail::uncaught_exceptions() > uncaught_) fail();
  }

 private:
  WAGGLE_COLD void fail() noexcept {
    OpenSpan* span = span_ != nullptr ? span_ : current_.open_span();
    if (span != nullptr) span->fail_unless_decided("left by an exception");
  }

  OpenSpan* span_ = nullptr;
  CurrentSpan current_;
  const unsigned uncaught_ = detail::uncaught_exceptions();
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_EXCEPTION_WATCH_HPP
