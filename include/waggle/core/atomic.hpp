// The few atomic operations that the light band needs, over the compiler's builtins: <atomic> alone
// would cost more lines than the whole band may have. Plain members are accessed through these
// functions whenever another thread or a signal handler can see them.
#ifndef WAGGLE_CORE_ATOMIC_HPP
#define WAGGLE_CORE_ATOMIC_HPP

#include "waggle/core/config.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

template <class T>
WAGGLE_INLINE T load_relaxed(const T& object) noexcept {
  return __atomic_load_n(&object, __ATOMIC_RELAXED);
}

template <class T>
WAGGLE_INLINE T load_acquire(const T& object) noexcept {
  return __atomic_load_n(&object, __ATOMIC_ACQUIRE);
}

template <class T, class U>
WAGGLE_INLINE void store_relaxed(T& object, U value) noexcept {
  __atomic_store_n(&object, static_cast<T>(value), __ATOMIC_RELAXED);
}

template <class T, class U>
WAGGLE_INLINE void store_release(T& object, U value) noexcept {
  __atomic_store_n(&object, static_cast<T>(value), __ATOMIC_RELEASE);
}

template <class T, class U>
WAGGLE_INLINE T exchange(T& object, U value) noexcept {
  return __atomic_exchange_n(&object, static_cast<T>(value), __ATOMIC_ACQ_REL);
}

template <class T>
WAGGLE_INLINE bool compare_exchange(T& object, T& expected, T desired) noexcept {
  return __atomic_compare_exchange_n(&object, &expected, desired, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE);
}

template <class T>
WAGGLE_INLINE T fetch_add(T& object, T amount) noexcept {
  return __atomic_fetch_add(&object, amount, __ATOMIC_ACQ_REL);
}

// Adds to a counter that only its owning thread writes and others may read: no locked instruction.
template <class T>
WAGGLE_INLINE void add_owned(T& counter, T amount) noexcept {
  store_relaxed(counter, static_cast<T>(load_relaxed(counter) + amount));
}

// Keeps the compiler from moving memory accesses across this point, for a signal handler's eyes.
WAGGLE_INLINE void signal_fence() noexcept { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_ATOMIC_HPP
