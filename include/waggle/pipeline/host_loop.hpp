// Drives the pipeline on the host's own threads, for programs that start no others: a bit of work
// each time they ask for it, and all of it at a flush.
#ifndef WAGGLE_PIPELINE_HOST_LOOP_HPP
#define WAGGLE_PIPELINE_HOST_LOOP_HPP

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "waggle/pipeline/driver.hpp"
#include "waggle/pipeline/turn.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

class HostLoop : public Driver {
 public:
  explicit HostLoop(std::unique_ptr<Pipeline> pipeline) : Driver(std::move(pipeline)) {}

  bool start() override { return true; }

  // Does the work itself. Beside another call that does, it waits for its turn.
  bool flush(Deadline deadline) override {
    std::unique_lock<Turn> lock(turn_, std::defer_lock);
    if (!lock.try_lock_until(deadline.at()) || is_over_) return false;
    const std::uint64_t wanted = ++flushes_wanted_;
    pipeline_->begin_flush(wanted);
    return drive([&](TimePoint) { return pipeline_->flushed() >= wanted; }, deadline);
  }

  // Does the work itself. An exporter that blocks is waited for: there is no other thread to leave
  // it to.
  bool stop(Deadline deadline) override {
    store_release(is_stopping_, 1U);  // a flush on another thread gives way
    const std::lock_guard<Turn> lock(turn_);
    pipeline_->begin_shutdown(++flushes_wanted_, SteadyClock::now(), deadline.at());
    drive([&](TimePoint now) { return pipeline_->is_over(now); }, deadline);
    is_over_ = true;
    return pipeline_->give_up_the_rest();
  }

  // Makes one step at least, and more as long as there is something to do and the budget lasts.
  // Does nothing while another thread is here.
  Microseconds poll(Microseconds budget) override {
    const std::unique_lock<Turn> lock(turn_, std::try_to_lock);
    const TimePoint begin = SteadyClock::now();
    TimePoint now = begin;
    if (!lock.owns_lock() || is_over_) return kLongest;
    while (pipeline_->step(now).is_busy) {
      now = SteadyClock::now();
      if (now - begin >= budget) return Microseconds(0);
    }
    return rest(now);
  }

 private:
  template <class IsDone>
  bool drive(IsDone&& is_done, Deadline deadline) {
    for (;;) {
      const TimePoint now = SteadyClock::now();
      const StepResult result = pipeline_->step(now);
      if (is_done(now)) return true;
      const bool gives_way = load_acquire(is_stopping_) != 0 && !pipeline_->is_stopping();
      if (gives_way || deadline.passed(now)) return false;
      if (!result.is_busy) wait((std::min)(rest(now), left(deadline, now)));
    }
  }

  // Returns until when no step has anything to do but to collect.
  Microseconds rest(TimePoint now) const noexcept {
    const TimePoint next = pipeline_->next_time(now);
    const Microseconds longest = pipeline_->is_in_flight() ? kPolling : kLongest;
    if (next >= now + longest) return longest;
    return (std::max)(Microseconds(0), std::chrono::ceil<Microseconds>(next - now));
  }

  static Microseconds left(Deadline deadline, TimePoint now) noexcept {
    return std::chrono::ceil<Microseconds>(deadline.at() - now);
  }

  void wait(Microseconds longest) noexcept {
    if (pipeline_->is_in_flight()) {
      pipeline_->wait_for_reply(-1, std::chrono::ceil<Milliseconds>(longest));
    } else {
      ::usleep(static_cast<useconds_t>(longest.count()));
    }
  }

  static constexpr Microseconds kPolling{10000};
  static constexpr Microseconds kLongest{100000};

  std::uint32_t is_stopping_ = 0;
  Turn turn_;  // guards the pipeline and what follows
  std::uint64_t flushes_wanted_ = 0;
  bool is_over_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_HOST_LOOP_HPP
