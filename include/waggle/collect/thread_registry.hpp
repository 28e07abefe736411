// All threads that ever recorded a span: gives each its state and ring at its first span, takes
// them back after its end, and lets the collector visit them. States are never freed, so that a
// span that outlives its thread points to something.
#ifndef WAGGLE_COLLECT_THREAD_REGISTRY_HPP
#define WAGGLE_COLLECT_THREAD_REGISTRY_HPP

#include <pthread.h>
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

#include "waggle/collect/memory_budget.hpp"
#include "waggle/collect/ring_pool.hpp"
#include "waggle/collect/ring_reader.hpp"
#include "waggle/core/hub.hpp"
#include "waggle/core/ticks.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Fills `seed` with the system's random numbers, or else with what differs from thread to thread.
inline void random_seed(std::uint64_t (&seed)[2]) noexcept {
  if (::getrandom(seed, sizeof(seed), 0) == sizeof(seed)) return;
  seed[0] = read_ticks() ^ reinterpret_cast<std::uintptr_t>(&seed);
  seed[1] = static_cast<std::uint64_t>(::pthread_self()) ^ read_ticks() << 32;
}

// Where a state is in its life; moved on by its thread (to Ended) and by the collector.
enum ThreadPhase : std::uint32_t { kThreadFree = 0, kThreadLive = 1, kThreadEnded = 2 };

class ThreadRegistry {
 public:
  explicit ThreadRegistry(std::size_t memory_limit) noexcept
      : budget_(memory_limit), rings_(budget_) {
    has_key_ = ::pthread_key_create(&key_, &ThreadRegistry::on_thread_exit) == 0;
  }

  ThreadRegistry(const ThreadRegistry&) = delete;
  ThreadRegistry& operator=(const ThreadRegistry&) = delete;

  // Only where no thread is left that could record: never in a program that traces.
  ~ThreadRegistry() {
    if (has_key_) ::pthread_key_delete(key_);
    while (ThreadState* state = states_) {
      states_ = state->next;
      if (state->draining != nullptr) give_back(state->draining);
      std::free(state);
    }
  }

  MemoryBudget& budget() noexcept { return budget_; }

  // Returns the calling thread's state in the hub's session and remembers where the thread caches
  // it; null, and counted, if there is no memory left or the thread is past its end.
  ThreadState* acquire(Hub& hub, ThreadState*& slot) noexcept {
    if (slot != nullptr && slot == tombstone()) return refuse(DropReason::AfterShutdown);
    const bool is_inside = slot != nullptr && slot->session == 0;
    if (is_inside || acquiring() != 0) return refuse(DropReason::Reentrant);
    const std::uint32_t session = load_acquire(hub.session);
    if (session == 0) return refuse(DropReason::AfterShutdown);
    acquiring() = 1;
    auto* state = static_cast<ThreadState*>(has_key_ ? ::pthread_getspecific(key_) : nullptr);
    if (state == nullptr) state = adopt_thread();
    acquiring() = 0;
    if (state == nullptr) return refuse(DropReason::MemoryLimit);
    remember(*state, slot);
    store_release(state->session, session);
    slot = state;
    return state;
  }

  // Gives out a state with a ring, for a thread or whoever plays one; null without memory for it.
  ThreadState* enlist() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    ThreadState* state = free_state();
    Ring* ring = state != nullptr ? rings_.first() : nullptr;
    if (ring == nullptr) {
      store_relaxed(is_exhausted_, 1U);
      return nullptr;
    }
    std::uint64_t seed[2];
    random_seed(seed);
    state->ids.seed(seed[0], seed[1]);
    state->top = state->entries;
    state->ring.attach(ring);
    state->draining = ring;
    store_release(state->phase, kThreadLive);
    return state;
  }

  // Lets threads ask again that there was no memory for: each failure keeps all from asking, so
  // that spans without a ring cost no lock.
  void try_again() noexcept { store_relaxed(is_exhausted_, 0U); }

  // Takes note that nobody will write to a state any more: what is in its ring is still collected.
  static void retire(ThreadState& state) noexcept { store_release(state.phase, kThreadEnded); }

  // Counts a span that was lost where there is no thread state to count it in.
  void count_drop(DropReason reason) noexcept {
    fetch_add(stateless_drops_[static_cast<std::size_t>(reason)], std::uint64_t{1});
  }

  // Reads what was lost on the threads' side, for one reason or in all. Any thread.
  std::uint64_t dropped(DropReason reason) const noexcept {
    const auto index = static_cast<std::size_t>(reason);
    std::uint64_t sum = load_relaxed(stateless_drops_[index]);
    for_each([&](const ThreadState& state) { sum += load_relaxed(state.dropped[index]); });
    return sum;
  }

  // Reads how many spans went into rings. Any thread.
  std::uint64_t recorded() const noexcept {
    std::uint64_t sum = 0;
    for_each([&](const ThreadState& state) { sum += load_relaxed(state.recorded); });
    return sum;
  }

  // Returns the first of all states; the others follow by `next`. Any thread.
  ThreadState* first() const noexcept { return load_acquire(states_); }

  // Visits all states, also of threads that are gone. Any thread; never blocks.
  template <class Visit>
  void for_each(Visit&& visit) const noexcept {
    for (ThreadState* state = first(); state != nullptr; state = state->next) {
      visit(*state);
    }
  }

  // Returns how many bytes a thread's rings hold at most. For the collector only.
  static std::uint64_t bytes_at_most(const ThreadState& state) noexcept {
    if (load_acquire(state.phase) == kThreadFree) return 0;
    std::uint64_t sum = 0;
    for (const Ring* ring = state.draining; ring != nullptr; ring = ring->successor) {
      sum += bytes_waiting(*ring) + ring->slack;  // a lap's last record runs over its end
    }
    return sum;
  }

  // Returns how full the ring is that is drained next, in percent; of the largest as if it were the
  // one before, for it is there for times when the collector is late. For the collector only, and
  // for a thread that has one.
  static std::uint64_t fill(const ThreadState& state) noexcept {
    const std::uint64_t usual = kRingSizes[kLargestRing - 1].bytes;
    const std::uint64_t size = state.draining->size < usual ? state.draining->size : usual;
    return bytes_waiting(*state.draining) * 100 / size;
  }

  // Drains one thread's rings into `visit`, replaces a ring that proved too small, and frees the
  // state of a thread that is gone. For the collector only. Returns the number of records.
  template <class Visit>
  std::size_t drain(ThreadState& state, Visit&& visit) noexcept {
    if (load_acquire(state.phase) == kThreadFree) return 0;
    const bool has_ended = load_acquire(state.phase) == kThreadEnded;
    const bool was_crowded = is_crowded(state);
    std::size_t count = 0;
    for (;;) {
      // Asked first: what a producer wrote before it left is then all in the ring.
      const bool is_last = load_acquire(state.draining->retired) == 0;
      count += read_ring(*state.draining, visit);
      if (is_last || !is_empty(*state.draining)) break;
      Ring* old = state.draining;
      state.draining = old->successor;
      const std::lock_guard<std::mutex> lock(mutex_);
      rings_.give_back(old);
    }
    if (was_crowded && !has_ended) grow(state);
    if (has_ended && is_empty(*state.draining)) recycle(state);
    return count;
  }

 private:
  static bool is_empty(const Ring& ring) noexcept { return bytes_waiting(ring) == 0; }

  // The one that ended threads keep: never valid in any session.
  static ThreadState* tombstone() noexcept {
    static ThreadState state;
    return &state;
  }

  // Set while this thread is in acquire(): an allocator's hook or a signal handler may come back
  // here.
  static std::uint32_t& acquiring() noexcept {
    static thread_local std::uint32_t flag = 0;
    return flag;
  }

  void give_back(Ring* ring) noexcept {
    if (ring->successor != nullptr) rings_.give_back(ring->successor);
    rings_.give_back(ring);
  }

  ThreadState* refuse(DropReason reason) noexcept {
    count_drop(reason);
    return nullptr;
  }

  ThreadState* adopt_thread() noexcept {
    if (!has_key_ || load_relaxed(is_exhausted_) != 0) return nullptr;
    ThreadState* state = enlist();
    if (state == nullptr || ::pthread_setspecific(key_, state) == 0) return state;
    retire(*state);
    return nullptr;
  }

  // Returns a state whose thread is gone and drained, or a new one.
  ThreadState* free_state() noexcept {
    for (ThreadState* state = states_; state != nullptr; state = state->next) {
      if (load_acquire(state->phase) == kThreadFree) return state;
    }
    if (!budget_.take(sizeof(ThreadState))) return nullptr;
    void* memory = std::aligned_alloc(alignof(ThreadState), sizeof(ThreadState));
    if (memory == nullptr) {
      budget_.give_back(sizeof(ThreadState));
      return nullptr;
    }
    auto* state = new (memory) ThreadState;
    state->owner = this;
    state->next = states_;
    store_release(states_, state);
    return state;
  }

  static void remember(ThreadState& state, ThreadState*& slot) noexcept {
    for (ThreadState**& known : state.slots) {
      if (known == &slot) return;
      if (known != nullptr) continue;
      known = &slot;
      return;
    }
  }

  // Runs on the thread that ends, after the destructors of its thread_local objects.
  static void on_thread_exit(void* argument) noexcept {
    auto* state = static_cast<ThreadState*>(argument);
    store_relaxed(state->session, 0U);
    for (ThreadState**& slot : state->slots) {
      if (slot != nullptr) *slot = tombstone();
      slot = nullptr;
    }
    while (state->top != state->entries) {
      ThreadState::release_block(*state->top);
      --state->top;
    }
    retire(*state);
  }

  bool is_crowded(ThreadState& state) noexcept {
    const std::uint64_t full =
        load_relaxed(state.dropped[static_cast<std::size_t>(DropReason::RingFull)]);
    const bool has_lost = full != state.seen_full;
    state.seen_full = full;
    return has_lost || bytes_waiting(*state.draining) > state.draining->size / 4;
  }

  void grow(ThreadState& state) noexcept {
    if (state.draining->successor != nullptr) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (Ring* larger = rings_.larger_than(*state.draining)) {
      store_release(state.draining->successor, larger);
    }
  }

  void recycle(ThreadState& state) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    give_back(state.draining);
    state.draining = nullptr;
    store_release(state.phase, kThreadFree);
    store_relaxed(is_exhausted_, 0U);
  }

  MemoryBudget budget_;
  std::mutex mutex_;  // guards rings_ and the making of states
  RingPool rings_;
  ThreadState* states_ = nullptr;
  std::uint32_t is_exhausted_ = 0;
  std::uint64_t stateless_drops_[kDropReasonCount] = {};
  pthread_key_t key_{};
  bool has_key_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_THREAD_REGISTRY_HPP
