// Holds the sampler that decides now, and lets it be replaced while threads are asking the old one:
// that is freed once none of them can be inside it any more. Asking takes no lock.
#ifndef WAGGLE_COLLECT_SAMPLER_SWITCH_HPP
#define WAGGLE_COLLECT_SAMPLER_SWITCH_HPP

#include <time.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "waggle/collect/memory_barrier.hpp"
#include "waggle/collect/thread_registry.hpp"
#include "waggle/sdk/deadline.hpp"
#include "waggle/sdk/sampler.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

class SamplerSwitch {
 public:
  explicit SamplerSwitch(const ThreadRegistry& threads) noexcept : threads_(threads) {}
  SamplerSwitch(const SamplerSwitch&) = delete;
  SamplerSwitch& operator=(const SamplerSwitch&) = delete;

  // Asks the sampler of now; on a thread that is inside waggle, once there is one.
  void decide(const RootRequest& request, RootDecision& decision) const noexcept {
    load_acquire(current_)->decide(request, decision);
  }

  // Replaces the sampler and frees the ones before it. Waits a moment for threads that are inside
  // them; one that does not come out leaves them to the next call. Any thread.
  void set(std::shared_ptr<const Sampler> sampler) {
    std::vector<std::shared_ptr<const Sampler>> leaving;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      leaving.reserve(retired_.size() + 1);
      retired_.reserve(retired_.size() + 1);
      leaving.swap(retired_);
      leaving.push_back(std::exchange(owned_, std::move(sampler)));
      store_release(current_, owned_.get());
    }
    if (have_left()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto& each : leaving) retired_.push_back(std::move(each));
  }

  // Lets the sampler adapt to what it has seen; on the collector's thread, at each of its steps.
  void maintain(TimePoint now) noexcept {
    if (now < next_time_) return;
    next_time_ = now + std::chrono::milliseconds(10);
    if (const std::shared_ptr<const Sampler> sampler = owned()) sampler->maintain(now);
  }

 private:
  std::shared_ptr<const Sampler> owned() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return owned_;
  }

  // A thread asks a sampler only while its state's session is 0. Behind the barrier each thread
  // either has the new one in sight, or shows that it is inside: until it was seen outside once.
  bool have_left() const noexcept {
    const Deadline deadline = Deadline::in(Milliseconds(100));
    if (!pass_memory_barrier()) pause(Milliseconds(10));  // no store stays unseen for that long
    bool all = true;
    threads_.for_each([&](const ThreadState& state) {
      while (is_inside(state)) {
        if (deadline.passed(SteadyClock::now())) return static_cast<void>(all = false);
        pause(std::chrono::microseconds(20));
      }
    });
    return all;
  }

  static bool is_inside(const ThreadState& state) noexcept {
    return load_acquire(state.phase) == kThreadLive && load_acquire(state.session) == 0;
  }

  static void pause(std::chrono::nanoseconds length) noexcept {
    const timespec time{0, static_cast<long>(length.count())};
    ::nanosleep(&time, nullptr);
  }

  const ThreadRegistry& threads_;
  const Sampler* current_ = nullptr;  // read without the lock
  TimePoint next_time_{};             // of maintain()

  std::mutex mutex_;  // guards what follows
  std::shared_ptr<const Sampler> owned_;
  std::vector<std::shared_ptr<const Sampler>> retired_;  // somebody was inside when last looked
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SAMPLER_SWITCH_HPP
