// One bound for all the memory that tracing takes: rings, spill blocks, thread states, queue,
// bodies.
#ifndef WAGGLE_COLLECT_MEMORY_BUDGET_HPP
#define WAGGLE_COLLECT_MEMORY_BUDGET_HPP

#include <cstddef>

#include "waggle/core/atomic.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Counts bytes against a limit. Any thread; no lock.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit) noexcept : limit_(limit) {}

  // Takes `bytes` if they are left.
  bool take(std::size_t bytes) noexcept {
    const std::size_t before = fetch_add(used_, bytes);
    if (before + bytes <= limit()) return true;
    give_back(bytes);
    return false;
  }

  void give_back(std::size_t bytes) noexcept { fetch_add(used_, ~bytes + 1); }

  std::size_t used() const noexcept { return load_relaxed(used_); }
  std::size_t limit() const noexcept { return load_relaxed(limit_); }
  void set_limit(std::size_t limit) noexcept { store_relaxed(limit_, limit); }

 private:
  std::size_t used_ = 0;
  std::size_t limit_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_MEMORY_BUDGET_HPP
