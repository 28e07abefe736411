// Lets one caller in at a time; the others wait for their turn, for as long as they like. Unlike
// std::timed_mutex it may be asked for by the thread that has it, which is then refused like any
// other: so an exporter that comes back to its tracer does no harm.
#ifndef WAGGLE_PIPELINE_TURN_HPP
#define WAGGLE_PIPELINE_TURN_HPP

#include <condition_variable>
#include <mutex>
#include <utility>

#include "waggle/sdk/deadline.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Taken by std::unique_lock and std::lock_guard, as a mutex is. Any thread.
class Turn {
 public:
  void lock() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !is_taken_; });
    is_taken_ = true;
  }

  bool try_lock() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !std::exchange(is_taken_, true);
  }

  // False at `time`; what is free is given also if that has passed.
  bool try_lock_until(TimePoint time) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_until(lock, time, [this] { return !is_taken_; })) return false;
    is_taken_ = true;
    return true;
  }

  void unlock() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_taken_ = false;
    changed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_taken_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_TURN_HPP
