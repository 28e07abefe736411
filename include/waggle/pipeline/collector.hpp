// Looks at all rings in turn and takes what is there into the queue. When the queue is full it
// stops, and goes on at the same thread later: no thread is passed over.
#ifndef WAGGLE_PIPELINE_COLLECTOR_HPP
#define WAGGLE_PIPELINE_COLLECTOR_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "waggle/collect/record_queue.hpp"
#include "waggle/collect/thread_registry.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

class Collector {
 public:
  explicit Collector(ThreadRegistry& threads) noexcept : threads_(threads) {}

  // Collects until all threads were visited or the queue is full; returns how many records.
  std::size_t collect(RecordQueue& queue) noexcept {
    std::size_t count = 0;
    ThreadState* thread = next_ != nullptr ? next_ : threads_.first();
    for (; thread != nullptr; thread = thread->next) {
      bool is_full = false;
      count += threads_.drain(*thread, [&](std::string_view record) {
        is_full = !queue.append(record);
        return !is_full;
      });
      if (is_full) break;
    }
    next_ = thread;
    if (thread == nullptr) ++passes_;
    return count;
  }

  // Throws away what is in the rings; returns how many records.
  std::size_t discard() noexcept {
    std::size_t count = 0;
    threads_.for_each([&](ThreadState& thread) {
      count += threads_.drain(thread, [](std::string_view) { return true; });
    });
    next_ = nullptr;
    return count;
  }

  // Returns how many times all threads were visited.
  std::uint64_t passes() const noexcept { return passes_; }

  // Returns what passes() is at least once all threads were visited anew.
  std::uint64_t next_whole_pass() const noexcept { return passes_ + (next_ != nullptr ? 2 : 1); }

 private:
  ThreadRegistry& threads_;
  ThreadState* next_ = nullptr;  // where the pass that is under way goes on
  std::uint64_t passes_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_COLLECTOR_HPP
