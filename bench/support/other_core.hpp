// A thread on the other core that does something when asked: for spans that end on another thread
// than they began on.
#ifndef WAGGLE_BENCH_SUPPORT_OTHER_CORE_HPP
#define WAGGLE_BENCH_SUPPORT_OTHER_CORE_HPP

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "support/machine.hpp"

namespace bench {

class OtherCore {
 public:
  OtherCore() : thread_([this] { serve(); }) {}
  OtherCore(const OtherCore&) = delete;
  OtherCore& operator=(const OtherCore&) = delete;
  ~OtherCore() {
    ask(nullptr, 0);
    thread_.join();
  }

  // Returns what work(runs) returns there. For one thread at a time.
  std::uint64_t run(std::uint64_t (*work)(int runs), int runs) {
    ask(work, runs);
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !is_asked_; });
    return result_;
  }

 private:
  void ask(std::uint64_t (*work)(int runs), int runs) {
    const std::lock_guard<std::mutex> lock(mutex_);
    work_ = work;
    runs_ = runs;
    is_asked_ = true;
    changed_.notify_all();
  }

  void serve() {
    pin_to_core(kOtherCore);
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return is_asked_; });
      if (work_ == nullptr) return;
      result_ = work_(runs_);
      is_asked_ = false;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t (*work_)(int runs) = nullptr;
  int runs_ = 0;
  std::uint64_t result_ = 0;
  bool is_asked_ = false;
  std::thread thread_;
};

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_OTHER_CORE_HPP
