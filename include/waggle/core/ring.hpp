// The way from a recording thread to the collector: a byte ring with one producer and one consumer.
// A record that starts before the ring's end may run over it into the slack behind; the next one
// then starts at the ring's first byte. So records are never split or padded, and one release store
// publishes each. A position counts laps in its upper bits and bytes within the lap in its lower
// ones. This header holds the producer's half.
#ifndef WAGGLE_CORE_RING_HPP
#define WAGGLE_CORE_RING_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "waggle/core/atomic.hpp"
#include "waggle/core/record.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::size_t kCacheLine = 64;

// Copies are made in steps of 64 bytes and may touch up to 63 bytes behind a record.
constexpr std::size_t kCopyStep = 64;

// The largest record that the hot path writes; every ring's slack has room for it.
constexpr std::size_t kMaxHotRecord = 384;

// The place of a byte in a ring, over all laps.
struct RingPosition {
  static constexpr int kOffsetBits = 24;
  static constexpr std::uint64_t kOffsetMask = (std::uint64_t{1} << kOffsetBits) - 1;

  static constexpr std::uint64_t offset(std::uint64_t position) noexcept {
    return position & kOffsetMask;
  }
  static constexpr std::uint64_t lap(std::uint64_t position) noexcept {
    return position >> kOffsetBits;
  }
  static constexpr std::uint64_t at(std::uint64_t lap, std::uint64_t offset) noexcept {
    return lap << kOffsetBits | offset;
  }
  // A lap ends with the first record that reaches the ring's end.
  static constexpr std::uint64_t wrapped(std::uint64_t position, std::uint64_t size) noexcept {
    return offset(position) < size ? position : at(lap(position) + 1, 0);
  }
  // Returns about how many bytes lie between two positions of a ring of `size` bytes.
  static constexpr std::uint64_t distance(std::uint64_t from, std::uint64_t to,
                                          std::uint64_t size) noexcept {
    from = wrapped(from, size);
    to = wrapped(to, size);
    return (lap(to) - lap(from)) * size + offset(to) - offset(from);
  }
};

// What both halves share. Made, replaced and freed by the collector; producer and consumer write to
// different cache lines.
struct Ring {
  alignas(kCacheLine) std::uint64_t tail = 0;  // written by the producer: all before it is readable
  std::uint32_t retired = 0;                   // set by the producer once it left for the successor
  alignas(kCacheLine) std::uint64_t head = 0;  // written by the consumer: all before it is free
  alignas(kCacheLine) Ring* successor = nullptr;  // posted by the consumer: a larger ring
  char* bytes = nullptr;
  std::uint64_t size = 0;   // at most 8 MiB
  std::uint64_t slack = 0;  // bytes behind `size`
};

// Asks for the cache line at `address` in writable state: the consumer has read it, and fetching it
// back at the moment of the store is what costs tail latency. The builtin compiles to a shared
// prefetch, which would still need the upgrade.
WAGGLE_INLINE void prefetch_for_write(const char* address) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*address));
#else
  __builtin_prefetch(address, 1);
#endif
}

// The producer's private view of its ring; lives in the thread's state.
class RingProducer {
 public:
  void attach(Ring* ring) noexcept {
    ring_ = ring;
    bytes_ = ring->bytes;
    tail_ = load_relaxed(ring->tail);
    look_again();
  }

  Ring* ring() const noexcept { return ring_; }

  // Tells whether a record of up to kMaxHotRecord bytes has room, by what is known of the consumer.
  WAGGLE_INLINE bool has_room() const noexcept { return tail_ <= limit_; }

  // Tells whether a record of any size has room, after a look at the consumer's line; moves to a
  // larger ring if one was posted. Called at most a few times a lap.
  bool make_room(std::size_t size) noexcept {
    if (Ring* successor = load_acquire(ring_->successor)) {
      store_release(ring_->retired, 1U);
      attach(successor);
    } else {
      look_again();
    }
    const std::uint64_t free_end = end_of_free(load_acquire(ring_->head));
    return RingPosition::offset(tail_) + size + kCopyStep <= free_end;
  }

  // Tells whether the collector had better come soon; looks at its line, so not for every span.
  bool is_half_full() const noexcept {
    return RingPosition::distance(load_relaxed(ring_->head), tail_, ring_->size) > ring_->size / 2;
  }

  // Returns where the next record is written.
  WAGGLE_INLINE char* position() const noexcept { return bytes_ + RingPosition::offset(tail_); }

  // Publishes the record of `size` bytes written at position().
  WAGGLE_INLINE void commit(std::size_t size) noexcept {
    tail_ += size;
    store_release(ring_->tail, tail_);
  }

 private:
  // Returns the offset up to which bytes may be written in this lap: to the slack's end, or to
  // where the consumer still is in the lap before.
  std::uint64_t end_of_free(std::uint64_t head) const noexcept {
    head = RingPosition::wrapped(head, ring_->size);
    const bool is_same_lap = RingPosition::lap(head) == RingPosition::lap(tail_);
    return is_same_lap ? ring_->size + ring_->slack : RingPosition::offset(head);
  }

  // Learns how far the hot path may go without asking again: at most half a lap, so that a
  // collector that sleeps is woken in time. A limit before the tail means "no room".
  void look_again() noexcept {
    tail_ = RingPosition::wrapped(tail_, ring_->size);
    const std::uint64_t lap_start = RingPosition::at(RingPosition::lap(tail_), 0);
    const std::uint64_t half_lap = RingPosition::offset(tail_) + ring_->size / 2;
    const std::uint64_t free_end = end_of_free(load_acquire(ring_->head));
    constexpr std::uint64_t kNeeded = kMaxHotRecord + kCopyStep;
    std::uint64_t last = half_lap < ring_->size ? half_lap : ring_->size - 1;
    if (last + kNeeded > free_end) last = free_end - kNeeded;
    limit_ = lap_start + last;
    if (free_end < kNeeded) limit_ = 0;
  }

  Ring* ring_ = nullptr;
  char* bytes_ = nullptr;
  std::uint64_t tail_ = 0;
  std::uint64_t limit_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_RING_HPP
