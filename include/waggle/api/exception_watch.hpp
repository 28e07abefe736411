// Tells a span that its scope is being left by an exception. Opt-in, so that spans without it pay
// nothing.
#ifndef WAGGLE_API_EXCEPTION_WATCH_HPP
#define WAGGLE_API_EXCEPTION_WATCH_HPP

#include <cstddef>
#include <cstring>

#include "waggle/api/current.hpp"
#include "waggle/api/open_span.hpp"
#include "waggle/api/staging.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// The C++ ABI's own function behind std::uncaught_exceptions(): <exception> costs more lines than
// are left to an instrumented file. Weak: a program that throws nothing need not have it.
void* exception_globals() noexcept __asm__("__cxa_get_globals") __attribute__((weak));

// Returns how many exceptions of this thread are on their way to a handler.
inline unsigned uncaught_exceptions() noexcept {
  if (exception_globals == nullptr) return 0;
  unsigned count = 0;  // behind the pointer to the caught ones (Itanium C++ ABI, 2.2.2)
  std::memcpy(&count, static_cast<const char*>(exception_globals()) + sizeof(void*), sizeof(count));
  return count;
}

}  // namespace detail

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
