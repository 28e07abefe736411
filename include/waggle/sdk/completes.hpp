// For code that allocates where nothing may be thrown: on the collector's thread, in a destructor,
// under a C library. Without exceptions the host has decided what happens when memory runs out.
#ifndef WAGGLE_SDK_COMPLETES_HPP
#define WAGGLE_SDK_COMPLETES_HPP

namespace waggle {
inline namespace abi1 {
namespace detail {

// Runs `work`; false if it ended early by an exception, which as a rule means that there was no
// memory.
template <class Work>
bool completes(Work&& work) noexcept {
#if defined(__cpp_exceptions)
  try {
    work();
  } catch (...) {
    return false;
  }
#else
  work();
#endif
  return true;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_COMPLETES_HPP
