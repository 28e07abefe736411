// The thread that drives the pipeline: looks at the rings as often as they fill, sleeps for good
// when nothing happens, and ends by a deadline even if an exporter does not let go of it.
#ifndef WAGGLE_PIPELINE_WORKER_HPP
#define WAGGLE_PIPELINE_WORKER_HPP

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "waggle/pipeline/collector_sleep.hpp"
#include "waggle/pipeline/pipeline.hpp"
#include "waggle/sdk/deadline.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Owns the pipeline's thread. The thread holds its own reference to all that it uses, so it can be
// left behind.
class Worker : public std::enable_shared_from_this<Worker> {
 public:
  Worker(std::unique_ptr<Pipeline> pipeline, CollectorSleep& sleep)
      : pipeline_(std::move(pipeline)), sleep_(sleep) {}

  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread, with all signals blocked: they are the host's. False if there is no thread
  // or descriptor to be had.
  bool start() {
    if (sleep_.descriptor() < 0) return false;
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool is_started = start_thread();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return is_started;
  }

  // Waits until all spans that ended before the call have met their fate; false after the deadline.
  bool flush(Deadline deadline) {
    std::unique_lock<std::mutex> lock(mutex_);
    const std::uint64_t wanted = ++flushes_wanted_;
    sleep_.wake();
    return changed_.wait_until(lock, deadline.at(),
                               [&] { return flushes_done_ >= wanted || is_over_; });
  }

  // Flushes, ends the thread and waits for it; false if something had to be given up. An exporter
  // that still blocks at the deadline is left behind with the thread that is in it.
  bool stop(Deadline deadline) {
    std::unique_lock<std::mutex> lock(mutex_);
    stop_deadline_ = deadline;
    is_stopping_ = true;
    sleep_.wake();
    changed_.wait_until(lock, deadline.at(), [&] { return is_over_; });
    lock.unlock();
    if (pipeline_->leave_exporter_behind()) {
      thread_.detach();
      return false;
    }
    // Outside an exporter the thread heeds the deadline by itself, within milliseconds.
    thread_.join();
    return is_complete_;
  }

 private:
  bool start_thread() {
#if defined(__cpp_exceptions)
    try {
      thread_ = std::thread([self = shared_from_this()] { self->run(); });
    } catch (const std::system_error&) {
      return false;
    }
#else
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
#endif
    return true;
  }

  void run() {
    ::pthread_setname_np(::pthread_self(), "waggle");
    while (!is_finished()) {
      const std::uint64_t wanted = flush_wanted();
      const bool is_flushing = wanted != flushes_done_;
      const TimePoint now = SteadyClock::now();
      const std::size_t collected = pipeline_->step(now, is_flushing);
      if (pipeline_->is_left_behind()) return;
      if (!is_flushing || !is_flushed(wanted)) rest(now, collected, is_flushing);
    }
    const bool is_complete = pipeline_->give_up_the_rest();
    const std::lock_guard<std::mutex> lock(mutex_);
    is_complete_ = is_complete;
    is_over_ = true;
    changed_.notify_all();
  }

  // Stopping is a flush that ends the loop, when done or at the deadline.
  bool is_finished() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!is_stopping_) return false;
    const bool is_flushed = flushes_done_ == flushes_wanted_ + 1;
    return is_flushed || stop_deadline_.passed(SteadyClock::now());
  }

  std::uint64_t flush_wanted() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return flushes_wanted_ + (is_stopping_ ? 1 : 0);
  }

  // A flush is for the spans that the first step after the call found; later ones do not hold it
  // up.
  bool is_flushed(std::uint64_t wanted) {
    if (flush_in_hand_ != wanted) {
      if (!pipeline_->has_collected_all()) return false;
      flush_in_hand_ = wanted;
      flush_until_ = pipeline_->collected();
    }
    if (pipeline_->settled() < flush_until_) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    flushes_done_ = wanted;
    changed_.notify_all();
    return true;
  }

  // Sleeps as long as nothing can have happened: the busier the rings, the shorter.
  void rest(TimePoint now, std::size_t collected, bool is_flushing) {
    if (collected > 0) {
      last_collected_ = now;
      interval_ = (std::max)(kShortest, interval_ / 4);
    } else {
      interval_ = (std::min)(kLongest, interval_ * 2);
    }
    if (is_flushing) interval_ = kShortest;
    const bool is_quiet = now - last_collected_ > kQuiet && pipeline_->is_idle();
    if (is_quiet && sleep_.fall_asleep()) {
      wait(now, Milliseconds(-1));
      sleep_.wake_up();
      last_collected_ = SteadyClock::now();
      interval_ = kShortest;
      return;
    }
    const bool is_dozing = interval_ > kDozing;
    if (is_dozing) sleep_.doze();
    wait(now, std::chrono::ceil<Milliseconds>(interval_));
    if (is_dozing) sleep_.wake_up();
  }

  void wait(TimePoint now, Milliseconds longest) {
    if (pipeline_->is_sending()) {
      pipeline_->wait_for_sender(sleep_.descriptor(), longest);
    } else {
      if (pipeline_->due_time() != (TimePoint::max)()) {
        longest = (std::min)(longest, Deadline(pipeline_->due_time()).left(now));
      }
      pollfd descriptor{sleep_.descriptor(), POLLIN, 0};
      ::poll(&descriptor, 1, static_cast<int>(longest.count()));
    }
    sleep_.reset();
  }

  using Interval = std::chrono::microseconds;
  static constexpr Interval kShortest{200};
  static constexpr Interval kDozing{2000};
  static constexpr Interval kLongest{100000};
  static constexpr std::chrono::seconds kQuiet{2};

  std::unique_ptr<Pipeline> pipeline_;
  CollectorSleep& sleep_;
  std::thread thread_;
  Interval interval_{kShortest};
  TimePoint last_collected_ = SteadyClock::now();
  std::uint64_t flush_in_hand_ = 0;
  std::uint64_t flush_until_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::uint64_t flushes_wanted_ = 0;
  std::uint64_t flushes_done_ = 0;  // written by the thread, which may read it without the lock
  bool is_stopping_ = false;
  bool is_over_ = false;
  bool is_complete_ = false;
  Deadline stop_deadline_{TimePoint{}};
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_WORKER_HPP
