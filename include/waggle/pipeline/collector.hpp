// Looks at all rings in turn and takes what is there into the queue. When the queue is full it
// stops, and goes on at the same thread later. What a thread records meanwhile is left for the next
// turn: no thread is passed over, however much another one records.
#ifndef WAGGLE_PIPELINE_COLLECTOR_HPP
#define WAGGLE_PIPELINE_COLLECTOR_HPP

#include <algorithm>
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
    fullest_ = 0;
    if (next_ == nullptr) visit(threads_.first());
    while (next_ != nullptr) {
      bool is_full = false;
      count += threads_.drain(*next_, [&](std::string_view record) {
        if (record.size() > left_) return false;
        is_full = !queue.append(record);
        if (!is_full) left_ -= record.size();
        return !is_full;
      });
      if (is_full) return count;
      visit(next_->next);
    }
    ++passes_;
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

  // Returns how full the fullest ring was that the last call of collect() came to, in percent.
  std::uint64_t fullest() const noexcept { return fullest_; }

  // Tells whether the last record that was looked at found no room.
  bool is_held_up() const noexcept { return next_ != nullptr; }

  // Returns how many times all threads were visited.
  std::uint64_t passes() const noexcept { return passes_; }

  // Returns what passes() is at least once all threads were visited anew.
  std::uint64_t next_whole_pass() const noexcept { return passes_ + (next_ != nullptr ? 2 : 1); }

 private:
  void visit(ThreadState* thread) noexcept {
    next_ = thread;
    left_ = thread != nullptr ? ThreadRegistry::bytes_at_most(*thread) : 0;
    if (left_ != 0) fullest_ = (std::max)(fullest_, ThreadRegistry::fill(*thread));
  }

  ThreadRegistry& threads_;
  ThreadState* next_ = nullptr;  // where the pass that is under way goes on
  std::uint64_t left_ = 0;       // bytes that it takes at most before it leaves that thread
  std::uint64_t passes_ = 0;
  std::uint64_t fullest_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_COLLECTOR_HPP
