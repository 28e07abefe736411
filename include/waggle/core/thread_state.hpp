// Everything that recording needs of one thread: its current spans, its ring, its id generator. The
// hub's owner allocates it, never frees it, and hands it to another thread once this one is gone;
// so a stale pointer to it is never a pointer to nothing. Its thread is the only one to write it,
// except where a member says otherwise.
#ifndef WAGGLE_CORE_THREAD_STATE_HPP
#define WAGGLE_CORE_THREAD_STATE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "waggle/core/atomic.hpp"
#include "waggle/core/context.hpp"
#include "waggle/core/random.hpp"
#include "waggle/core/ring.hpp"

namespace waggle {
inline namespace abi1 {

class OpenSpan;

// Says why an ended span did not reach its destination. A closed list: each ended span that was
// lost is counted under exactly one.
enum class DropReason : std::uint8_t {
  RingFull,          // the thread made spans faster than they were collected
  MemoryLimit,       // no memory left for this thread's ring
  TooLarge,          // a span that no request can carry
  RejectedStatus,    // the server answered with an error that will not pass
  RetriesExhausted,  // the server could not be reached for too long
  Unconfirmed,       // sent, but nobody knows whether it arrived
  ExporterFailed,    // an exporter of the user's reported a failure
  Filtered,          // left out on request
  ShutdownDeadline,  // still waiting when the time for shutdown was over
  AfterShutdown,     // ended after shutdown
  Reentrant,         // begun inside waggle itself, by a signal handler or an allocator's hook
  Forked,            // open when the process forked, ended in the child
};
constexpr std::size_t kDropReasonCount = 12;

namespace detail {

// One current span or context of a thread. `token` is a random number that tells it from any other
// entry that stood or will stand in its place, and kEnded once its turn is over; any thread may set
// that.
struct CurrentEntry {
  ContextFields context;
  OpenSpan* span = nullptr;  // null if only a context is current
  std::uint64_t token = 1;

  static constexpr std::uint64_t kEnded = 0;
};
static_assert(sizeof(CurrentEntry) == 64, "an entry is one cache line");

constexpr std::uint32_t kMaxCurrentDepth = 64;

struct alignas(kCacheLine) ThreadState {
  // The session of the hub that this state belongs to; 0 while its thread is inside waggle, so that
  // a nested entry (from a signal handler or an allocator's hook) is turned away by the same
  // comparison.
  std::uint32_t session = 0;
  CurrentEntry* top = entries;  // the innermost current entry; entries[0]: none
  RingProducer ring;
  IdGenerator ids;

  // Counters: written by this thread only, read by any.
  alignas(kCacheLine) std::uint64_t recorded = 0;
  std::uint64_t dropped[kDropReasonCount] = {};
  std::uint64_t too_deep = 0;  // spans that could not become current

  // entries[0] stands for "no span" and never changes.
  alignas(kCacheLine) CurrentEntry entries[kMaxCurrentDepth + 1];

  // For the owner only, not for recording.
  void* owner = nullptr;
  std::uint64_t seen_full = 0;
  Ring* draining = nullptr;
  ThreadState* next = nullptr;
  ThreadState** slots[4] = {};
  std::uint32_t phase = 0;

  ThreadState() noexcept = default;
  ThreadState(const ThreadState&) = delete;
  ThreadState& operator=(const ThreadState&) = delete;

  void count_drop(DropReason reason) noexcept {
    add_owned(dropped[static_cast<std::size_t>(reason)], std::uint64_t{1});
  }

  // Closes this state to nested entries; leave() takes what enter() returned.
  WAGGLE_INLINE std::uint32_t enter() noexcept {
    const std::uint32_t open = load_relaxed(session);
    close();
    return open;
  }
  WAGGLE_INLINE void close() noexcept {
    store_relaxed(session, 0U);
    signal_fence();
  }
  // What was done inside happened before somebody sees the state open again.
  WAGGLE_INLINE void leave(std::uint32_t open) noexcept { store_release(session, open); }

  WAGGLE_INLINE bool is_full(const CurrentEntry* innermost) const noexcept {
    return innermost == entries + kMaxCurrentDepth;
  }

  // Makes a context current and returns its entry, or null if the stack is full. The entry takes
  // over one reference to the context's block.
  CurrentEntry* push(const ContextFields& context, OpenSpan* span, std::uint64_t token) noexcept {
    if (is_full(top)) {
      add_owned(too_deep, std::uint64_t{1});
      return nullptr;
    }
    CurrentEntry* entry = top + 1;
    entry->context = context;
    entry->context.settle_inheritance();
    store_relaxed(entry->span, span);
    store_relaxed(entry->token, token);
    top = entry;
    return entry;
  }

  // The same for a child of `parent`, the innermost entry, which has no block; when there is room.
  WAGGLE_INLINE CurrentEntry* push_child(CurrentEntry* parent, SpanId span_id,
                                         OpenSpan* span) noexcept {
    CurrentEntry* entry = parent + 1;
    std::memcpy(static_cast<void*>(&entry->context), &parent->context,
                offsetof(ContextFields, span_id));
    entry->context.span_id = span_id;
    entry->context.block = nullptr;
    store_relaxed(entry->span, span);
    store_relaxed(entry->token, span_id.value);
    top = entry;
    return entry;
  }

  // Tells whether `entry` is the innermost and still the one that was pushed with `token`.
  WAGGLE_INLINE bool is_innermost(const CurrentEntry* entry, std::uint64_t token) const noexcept {
    return top == entry && load_relaxed(entry->token) == token;
  }

  // Tells whether the innermost entry is that of `span`, which has one on this thread.
  WAGGLE_INLINE bool is_innermost(const OpenSpan* span) const noexcept {
    return load_relaxed(top->span) == span;
  }

  // Removes the innermost entry and every one below it that ended before its turn.
  void pop() noexcept {
    release_block(*top);
    --top;
    reap();
  }

  // Drops innermost entries whose span ended on another thread or out of order.
  void reap() noexcept {
    while (has_ended(*top)) {
      release_block(*top);
      --top;
    }
  }

  static WAGGLE_INLINE bool has_ended(const CurrentEntry& entry) noexcept {
    return load_acquire(entry.token) == CurrentEntry::kEnded;
  }

  static void release_block(CurrentEntry& entry) noexcept {
    ContextBlock::release(entry.context.block);
    entry.context.block = nullptr;
  }

  // Marks the entry that was pushed with `token` as ended, from any thread. Does nothing if it is
  // gone.
  static void mark_ended(CurrentEntry& entry, std::uint64_t token) noexcept {
    std::uint64_t expected = token;
    compare_exchange(entry.token, expected, CurrentEntry::kEnded);
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_THREAD_STATE_HPP
