// How the collector goes to sleep without missing a span, although recording threads only look at
// one plain word: whoever falls asleep pays for the fence that they spare (membarrier(2)).
#ifndef WAGGLE_PIPELINE_COLLECTOR_SLEEP_HPP
#define WAGGLE_PIPELINE_COLLECTOR_SLEEP_HPP

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "waggle/collect/memory_barrier.hpp"
#include "waggle/collect/ring_reader.hpp"
#include "waggle/collect/thread_registry.hpp"
#include "waggle/core/hub.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

class CollectorSleep {
 public:
  explicit CollectorSleep(const ThreadRegistry& threads) noexcept
      : threads_(threads),
        descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        has_barrier_(has_memory_barrier()) {}

  CollectorSleep(const CollectorSleep&) = delete;
  CollectorSleep& operator=(const CollectorSleep&) = delete;

  // Returns the descriptor that becomes readable when the collector is woken; -1 if there was none
  // to be had.
  int descriptor() const noexcept { return descriptor_; }

  // Asks recording threads to wake the collector; false if there is something to collect, or no way
  // to make sure that they heed it.
  bool fall_asleep() noexcept {
    if (!has_barrier_) return false;
    store(kCollectorAsleep);
    // From here on each of them either sees the request, or its span is seen below.
    if (!pass_memory_barrier() || has_records()) {
      store(kCollectorAwake);
      return false;
    }
    return true;
  }

  // Asks recording threads to wake the collector before their ring is full.
  void doze() noexcept { store(kCollectorDozing); }

  void wake_up() noexcept { store(kCollectorAwake); }

  // Wakes the collector if it sleeps; of many callers one does. Any thread, also a signal handler;
  // never blocks.
  void wake_for_span() noexcept {
    if (load_relaxed(waggle_abi1_hub.collector) == kCollectorAwake) return;
    if (exchange(waggle_abi1_hub.collector, kCollectorAwake) != kCollectorAwake) wake();
  }

  // Wakes the collector whatever it does.
  void wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, &one, sizeof(one));
  }

  // Forgets the calls so far.
  void reset() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = ::read(descriptor_, &count, sizeof(count));
  }

 private:
  static void store(std::uint32_t value) noexcept {
    for (Hub* hub = &waggle_abi1_hub; hub != nullptr; hub = load_acquire(hub->next_follower)) {
      store_release(hub->collector, value);
    }
  }

  bool has_records() const noexcept {
    bool found = false;
    threads_.for_each([&](const ThreadState& state) {
      if (load_acquire(state.phase) == kThreadFree) return;
      if (bytes_waiting(*state.draining) != 0 || state.draining->retired != 0) found = true;
    });
    return found;
  }

  const ThreadRegistry& threads_;
  const int descriptor_;
  const bool has_barrier_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_COLLECTOR_SLEEP_HPP
