// How many exceptions are on their way, without <exception>.
#ifndef WAGGLE_CORE_UNCAUGHT_EXCEPTIONS_HPP
#define WAGGLE_CORE_UNCAUGHT_EXCEPTIONS_HPP

#include <cstddef>
#include <cstring>

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
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_UNCAUGHT_EXCEPTIONS_HPP
