// How far apart two cores are at the moment: a cache line goes from one to the other and back. On a
// virtual machine this moves by a factor of eight within seconds, and the cost of everything that
// two threads share moves with it; so each round of measurements takes it anew.
#ifndef WAGGLE_BENCH_SUPPORT_ROUND_TRIP_HPP
#define WAGGLE_BENCH_SUPPORT_ROUND_TRIP_HPP

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "support/machine.hpp"

namespace bench {

// Owns the thread on the other core. It sleeps between samples, and is also the other thread that
// every benchmark needs: a process that never had one runs faster than any real one.
class RoundTrip {
 public:
  RoundTrip() : thread_([this] { answer_all(); }) {}
  RoundTrip(const RoundTrip&) = delete;
  RoundTrip& operator=(const RoundTrip&) = delete;
  ~RoundTrip() {
    set_wanted(kOver);
    thread_.join();
  }

  // Returns the nanoseconds of one round trip; takes some 10 us and the waking of the other thread.
  // 0 if there is no second core.
  double measure() {
    line_.store(0, std::memory_order_relaxed);
    is_ready_.store(false, std::memory_order_relaxed);
    set_wanted(kSample);
    while (!is_ready_.load(std::memory_order_acquire)) __builtin_ia32_pause();
    if (!has_second_core_) return 0;
    exchange(kWarmUp, 0);
    const std::uint64_t start = read_ticks();
    exchange(kTrips, kWarmUp);
    return static_cast<double>(read_ticks() - start) * nanoseconds_per_tick() / kTrips;
  }

 private:
  enum Wanted { kNothing, kSample, kOver };
  static constexpr std::uint32_t kWarmUp = 4;
  static constexpr std::uint32_t kTrips = 32;

  void set_wanted(Wanted wanted) {
    const std::lock_guard<std::mutex> lock(mutex_);
    wanted_ = wanted;
    changed_.notify_one();
  }

  // Odd numbers are ours, even ones the answers.
  void exchange(std::uint32_t trips, std::uint32_t trips_before) noexcept {
    for (std::uint32_t i = trips_before; i < trips_before + trips; ++i) {
      line_.store(2 * i + 1, std::memory_order_release);
      while (line_.load(std::memory_order_acquire) != 2 * i + 2) {
      }
    }
  }

  void answer_all() {
    has_second_core_ = pin_to_core(kOtherCore);
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return wanted_ != kNothing; });
      if (wanted_ == kOver) return;
      wanted_ = kNothing;
      is_ready_.store(true, std::memory_order_release);
      for (std::uint32_t i = 0; has_second_core_ && i < kWarmUp + kTrips; ++i) {
        while (line_.load(std::memory_order_acquire) != 2 * i + 1) {
        }
        line_.store(2 * i + 2, std::memory_order_release);
      }
    }
  }

  alignas(64) std::atomic<std::uint32_t> line_{0};
  alignas(64) std::atomic<bool> is_ready_{false};
  bool has_second_core_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  Wanted wanted_ = kNothing;
  std::thread thread_;
};

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_ROUND_TRIP_HPP
