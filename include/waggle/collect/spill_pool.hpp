// Blocks of 4 KiB for spans that outgrow their own buffer: taken and given back by recording
// threads without a lock or an allocation, topped up by the collector.
#ifndef WAGGLE_COLLECT_SPILL_POOL_HPP
#define WAGGLE_COLLECT_SPILL_POOL_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "waggle/collect/memory_budget.hpp"
#include "waggle/core/hub.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Keeps free blocks on a stack of indexes; the head carries a count of its changes, so that a head
// that came back to the same index is told from one that never left.
class SpillPool {
 public:
  static constexpr std::size_t kMostBlocks = 512;

  explicit SpillPool(MemoryBudget& budget) noexcept
      : budget_(budget),
        most_(lesser(kMostBlocks, budget.limit() / 8 / SpillBlock::kBytes)),
        blocks_(static_cast<SpillBlock*>(
            std::aligned_alloc(SpillBlock::kBytes, kMostBlocks * SpillBlock::kBytes))) {
    top_up();
  }

  SpillPool(const SpillPool&) = delete;
  SpillPool& operator=(const SpillPool&) = delete;
  ~SpillPool() { std::free(blocks_); }

  // Returns a block, or null if none is free at the moment. Any thread.
  SpillBlock* acquire() noexcept {
    std::uint64_t head = load_acquire(head_);
    while (index_of(head) != kNone) {
      const std::uint32_t next = load_relaxed(next_[index_of(head)]);
      if (compare_exchange(head_, head, changed(head, next))) {
        fetch_add(free_, ~std::size_t{0});
        return blocks_ + index_of(head);
      }
    }
    return nullptr;
  }

  // Takes back a chain of blocks. Any thread.
  void release(SpillBlock* chain) noexcept {
    while (chain != nullptr) {
      SpillBlock* next = chain->next;
      push(static_cast<std::uint32_t>(chain - blocks_));
      chain = next;
    }
  }

  // Makes sure that some blocks are free, as far as the budget goes; touches them, so that no page
  // fault is left to the span that takes them. For the collector only.
  void top_up() noexcept {
    while (blocks_ != nullptr && load_relaxed(free_) < kSpare && made_ < most_ &&
           budget_.take(SpillBlock::kBytes)) {
      std::memset(static_cast<void*>(blocks_ + made_), 0, sizeof(SpillBlock));
      push(static_cast<std::uint32_t>(made_++));
    }
  }

 private:
  static constexpr std::size_t kSpare = 32;
  static constexpr std::uint32_t kNone = 0xffffffff;

  static constexpr std::size_t lesser(std::size_t a, std::size_t b) noexcept {
    return a < b ? a : b;
  }
  static std::uint32_t index_of(std::uint64_t head) noexcept {
    return static_cast<std::uint32_t>(head);
  }
  static std::uint64_t changed(std::uint64_t head, std::uint32_t index) noexcept {
    return ((head >> 32) + 1) << 32 | index;
  }

  void push(std::uint32_t index) noexcept {
    std::uint64_t head = load_acquire(head_);
    do {
      store_relaxed(next_[index], index_of(head));
    } while (!compare_exchange(head_, head, changed(head, index)));
    fetch_add(free_, std::size_t{1});
  }

  MemoryBudget& budget_;
  const std::size_t most_;
  SpillBlock* const blocks_;
  std::size_t made_ = 0;
  std::size_t free_ = 0;
  std::uint64_t head_ = kNone;
  std::uint32_t next_[kMostBlocks];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SPILL_POOL_HPP
