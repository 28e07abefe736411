// The thread that drives the pipeline: looks at the rings as often as they fill, sleeps for good
// when nothing happens, and ends by a deadline even if an exporter does not let go of it.
#ifndef WAGGLE_PIPELINE_WORKER_HPP
#define WAGGLE_PIPELINE_WORKER_HPP

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "waggle/pipeline/collector_sleep.hpp"
#include "waggle/pipeline/driver.hpp"
#include "waggle/sdk/completes.hpp"
#include "waggle/sdk/config.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

struct WorkerSettings {
  std::string name = "waggle";
  ThreadHook on_start = nullptr;
  void* on_start_user = nullptr;
  std::chrono::microseconds quiet{2000000};  // how long without a span before it sleeps for good
  std::chrono::microseconds steady{5000};    // how long it sleeps at most while spans come
};

// Owns the pipeline's thread. The thread holds its own reference to all that it uses, so it can be
// left behind.
class Worker : public Driver {
 public:
  Worker(std::unique_ptr<Pipeline> pipeline, CollectorSleep& sleep, WorkerSettings settings)
      : Driver(std::move(pipeline)), sleep_(sleep), settings_(std::move(settings)) {}

  // Starts the thread, with all signals blocked: they are the host's.
  bool start() override {
    if (sleep_.descriptor() < 0) return false;
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool is_started = start_thread();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return is_started;
  }

  bool flush(Deadline deadline) override {
    std::unique_lock<std::mutex> lock(mutex_);
    const std::uint64_t wanted = ++flushes_wanted_;
    sleep_.wake();
    return changed_.wait_until(lock, deadline.at(), [&] {
      return flushes_done_ >= wanted || is_over_;
    }) && flushes_done_ >= wanted;
  }

  // An exporter that still blocks at the deadline is left behind with the thread that is in it.
  bool stop(Deadline deadline) override {
    std::unique_lock<std::mutex> lock(mutex_);
    stop_deadline_ = deadline;
    last_flush_ = ++flushes_wanted_;
    sleep_.wake();
    changed_.wait_until(lock, deadline.at(), [&] { return is_over_; });
    lock.unlock();
    if (pipeline_->leave_exporter_behind()) {
      thread_.detach();
      release_flushes();
      return false;
    }
    // Outside an exporter the thread heeds the deadline by itself, within milliseconds.
    thread_.join();
    return is_complete_;
  }

  // The thread does the work.
  Microseconds poll(Microseconds) override { return std::chrono::hours(24); }

 private:
  bool start_thread() {
    auto self = std::static_pointer_cast<Worker>(shared_from_this());
    return completes([&] { thread_ = std::thread([self] { self->run(); }); });
  }

  void run() noexcept {
    ::pthread_setname_np(::pthread_self(), settings_.name.substr(0, 15).c_str());
    if (settings_.on_start != nullptr) settings_.on_start(settings_.on_start_user);
    for (;;) {
      const TimePoint now = SteadyClock::now();
      heed_requests(now);
      const StepResult result = pipeline_->step(now);
      if (pipeline_->is_left_behind()) return;
      tell_flushed();
      if (pipeline_->is_over(now)) break;
      take_note(now, result);
      if (!result.is_busy) rest(now);
    }
    const bool is_complete = pipeline_->give_up_the_rest();
    const std::lock_guard<std::mutex> lock(mutex_);
    is_complete_ = is_complete;
    is_over_ = true;
    changed_.notify_all();
  }

  void heed_requests(TimePoint now) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    pipeline_->begin_flush(flushes_wanted_);
    if (last_flush_ == 0 || is_stopping_) return;
    is_stopping_ = true;
    pipeline_->begin_shutdown(last_flush_, now, stop_deadline_.at());
  }

  void tell_flushed() noexcept {
    if (pipeline_->flushed() == flushes_told_) return;
    flushes_told_ = pipeline_->flushed();
    const std::lock_guard<std::mutex> lock(mutex_);
    flushes_done_ = flushes_told_;
    changed_.notify_all();
  }

  // Those who wait for a flush beside shutdown need not wait for their own deadlines.
  void release_flushes() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_over_ = true;
    changed_.notify_all();
  }

  // ---- sleep ----

  void take_note(TimePoint now, const StepResult& result) noexcept {
    fullest_ = (std::max)(fullest_, result.fullest);
    if (result.collected == 0) return;
    last_collected_ = now;
    has_collected_ = true;
  }

  // Sleeps for about as long as the rings take to fill by a fifth: to look more often costs
  // processor time, to look more seldom leaves too little room for a burst.
  void rest(TimePoint now) noexcept {
    constexpr std::uint64_t kTooFull = 25;
    constexpr std::uint64_t kNearlyEmpty = 12;
    if (fullest_ > kTooFull) interval_ = (std::max)(kShortest, interval_ / 4);
    if (fullest_ < kNearlyEmpty) interval_ *= 2;
    interval_ = (std::min)(interval_, has_collected_ ? settings_.steady : kLongest);
    fullest_ = 0;
    has_collected_ = false;
    if (pipeline_->is_flushing()) interval_ = kShortest;
    const bool is_quiet = now - last_collected_ > settings_.quiet && pipeline_->is_idle();
    if (is_quiet && sleep_.fall_asleep()) return sleep_till_woken();
    const bool is_dozing = interval_ > kDozing;
    if (is_dozing) sleep_.doze();
    wait(now);
    if (is_dozing) sleep_.wake_up();
  }

  void sleep_till_woken() noexcept {
    wait_for_call(nullptr);
    sleep_.wake_up();
    last_collected_ = SteadyClock::now();
    interval_ = kShortest;
  }

  // Waits for a reply where there is one to come, for the time at which something is due, for a
  // call; at most for the interval.
  void wait(TimePoint now) noexcept {
    using std::chrono::nanoseconds;
    const TimePoint until = (std::min)(now + interval_, pipeline_->next_time(now));
    const nanoseconds longest = (std::max)(nanoseconds(0), nanoseconds(until - now));
    if (pipeline_->is_in_flight() && longest >= Milliseconds(1)) {
      pipeline_->wait_for_reply(sleep_.descriptor(), std::chrono::ceil<Milliseconds>(longest));
      sleep_.reset();
    } else {
      const timespec time{static_cast<time_t>(longest.count() / 1000000000),
                          static_cast<long>(longest.count() % 1000000000)};
      wait_for_call(&time);
    }
  }

  void wait_for_call(const timespec* longest) noexcept {
    pollfd descriptor{sleep_.descriptor(), POLLIN, 0};
    if (::ppoll(&descriptor, 1, longest, nullptr) > 0) sleep_.reset();
  }

  static constexpr Microseconds kShortest{200};
  static constexpr Microseconds kDozing{2000};
  static constexpr Microseconds kLongest{100000};

  CollectorSleep& sleep_;
  const WorkerSettings settings_;
  std::thread thread_;

  // For the thread only.
  Microseconds interval_{kShortest};
  std::uint64_t fullest_ = 0;   // ring since it rested last, in percent
  bool has_collected_ = false;  // since then
  TimePoint last_collected_ = SteadyClock::now();
  std::uint64_t flushes_told_ = 0;
  bool is_stopping_ = false;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::uint64_t flushes_wanted_ = 0;
  std::uint64_t flushes_done_ = 0;
  std::uint64_t last_flush_ = 0;  // the one that shutdown waits for; 0 before
  bool is_over_ = false;
  bool is_complete_ = false;
  Deadline stop_deadline_{TimePoint{}};
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_WORKER_HPP
