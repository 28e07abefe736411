// Rings for threads, in four sizes, from one budget: generous while memory is plenty, small when
// many threads share it. A ring given back is kept for the next thread.
#ifndef WAGGLE_COLLECT_RING_POOL_HPP
#define WAGGLE_COLLECT_RING_POOL_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "waggle/collect/memory_budget.hpp"
#include "waggle/core/ring.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

struct RingSize {
  std::size_t bytes;
  std::size_t slack;

  std::size_t memory() const noexcept { return sizeof(Ring) + bytes + slack + 2 * kCopyStep; }
};

// The slack of all but the smallest takes the largest record there is.
constexpr RingSize kRingSizes[] = {{3 * 1024, 2 * 1024},
                                   {64 * 1024, 17 * 1024},
                                   {256 * 1024, 17 * 1024},
                                   {1024 * 1024, 17 * 1024}};
constexpr int kLargestRing = 3;

// Makes and keeps rings. Not thread-safe: the registry's lock guards it.
class RingPool {
 public:
  explicit RingPool(MemoryBudget& budget) noexcept : budget_(budget) {}
  RingPool(const RingPool&) = delete;
  RingPool& operator=(const RingPool&) = delete;
  ~RingPool() {
    for (Ring*& kept : kept_) {
      while (kept != nullptr) {
        Ring* next = kept->successor;
        std::free(kept);
        kept = next;
      }
    }
  }

  // Returns a thread's first ring, or null if the budget is used up: of the middle size while less
  // than an eighth of the budget is taken, else of the smallest.
  Ring* first() noexcept {
    Ring* ring = budget_.used() < budget_.limit() / 8 ? acquire(1) : nullptr;
    return ring != nullptr ? ring : acquire(0);
  }

  // Returns a ring of the next larger size than `ring`, while half of the budget is left, and no
  // ring takes more than a quarter of it; else null.
  Ring* larger_than(const Ring& ring) noexcept {
    const int size = size_of(ring) + 1;
    if (size > kLargestRing || budget_.used() > budget_.limit() / 2) return nullptr;
    return kRingSizes[size].memory() <= budget_.limit() / 4 ? acquire(size) : nullptr;
  }

  void give_back(Ring* ring) noexcept {
    Ring*& kept = kept_[size_of(*ring)];
    char* bytes = ring->bytes;
    const RingSize size = kRingSizes[size_of(*ring)];
    kept = reset(ring, bytes, size, kept);
  }

 private:
  static int size_of(const Ring& ring) noexcept {
    int size = 0;
    while (kRingSizes[size].bytes != ring.size) ++size;
    return size;
  }

  static Ring* reset(void* memory, char* bytes, RingSize size, Ring* next) noexcept {
    Ring* ring = new (memory) Ring;
    ring->bytes = bytes;
    ring->size = size.bytes;
    ring->slack = size.slack;
    ring->successor = next;
    return ring;
  }

  Ring* acquire(int index) noexcept {
    if (Ring* ring = kept_[index]) {
      kept_[index] = ring->successor;
      ring->successor = nullptr;
      return ring;
    }
    const RingSize size = kRingSizes[index];
    if (!budget_.take(size.memory())) return nullptr;
    void* memory = std::aligned_alloc(kCacheLine, rounded(size.memory()));
    if (memory == nullptr) {
      budget_.give_back(size.memory());
      return nullptr;
    }
    // Touched now, so that page faults are not left to spans.
    std::memset(memory, 0, size.memory());
    return reset(memory, static_cast<char*>(memory) + sizeof(Ring), size, nullptr);
  }

  static std::size_t rounded(std::size_t size) noexcept {
    return (size + kCacheLine - 1) / kCacheLine * kCacheLine;
  }

  MemoryBudget& budget_;
  Ring* kept_[kLargestRing + 1] = {};
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RING_POOL_HPP
