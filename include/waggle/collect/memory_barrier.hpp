// The memory fence that a rare caller pays for, so that recording threads need none: membarrier(2).
#ifndef WAGGLE_COLLECT_MEMORY_BARRIER_HPP
#define WAGGLE_COLLECT_MEMORY_BARRIER_HPP

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace waggle {
inline namespace abi1 {
namespace detail {

inline bool call_membarrier(int command) noexcept {
  return ::syscall(SYS_membarrier, command, 0, 0) == 0;
}

// Prepares the process for the barrier, once; false if the system has none, or forbids it.
inline bool has_memory_barrier() noexcept {
  static const bool has = call_membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return has;
}

// Makes what each thread of this process wrote before some point of its program visible here, and
// what was written here visible to it behind that point. False if there is no such barrier.
inline bool pass_memory_barrier() noexcept {
  return has_memory_barrier() && call_membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_MEMORY_BARRIER_HPP
