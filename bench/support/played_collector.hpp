// Stands in for the collector where work is counted instead of timed: tracing is on for the calling
// thread alone, and whatever the count runs under, the same instructions are executed each time.
#ifndef WAGGLE_BENCH_SUPPORT_PLAYED_COLLECTOR_HPP
#define WAGGLE_BENCH_SUPPORT_PLAYED_COLLECTOR_HPP

#include <cstddef>
#include <cstdint>
#include <waggle/trace.hpp>

#include "support/span_kinds.hpp"

namespace bench {

// Turns tracing on when it is made; there can be one in a program.
class PlayedCollector {
 public:
  PlayedCollector() noexcept {
    ring_.bytes = bytes_;
    ring_.size = kRingBytes;
    ring_.slack = kSlackBytes;
    thread_.ids.seed(1, 2);
    thread_.ring.attach(&ring_);
    thread_.session = 1;
    waggle_abi1_thread = &thread_;
    waggle_abi1_hub.decide_root = decide_root;
    waggle_abi1_hub.acquire_spill = acquire_spill;
    waggle_abi1_hub.release_spill = release_spill;
    waggle_abi1_hub.wake_collector = []() noexcept {};
    waggle_abi1_hub.session = 1;
  }
  PlayedCollector(const PlayedCollector&) = delete;
  PlayedCollector& operator=(const PlayedCollector&) = delete;

  // Leaves an empty ring behind, as a collector does that has read everything; returns how many
  // bytes were in it.
  std::uint64_t drain() noexcept {
    const std::uint64_t size = ring_.tail;
    ring_.tail = 0;
    thread_.ring.attach(&ring_);
    return size;
  }

  std::uint64_t recorded() const noexcept { return thread_.recorded; }
  std::uint64_t dropped() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : thread_.dropped) sum += count;
    return sum;
  }

 private:
  static constexpr std::size_t kRingBytes = 256 * 1024;
  static constexpr std::size_t kSlackBytes = 17 * 1024;

  static void decide_root(const waggle::detail::RootRequest& request,
                          waggle::detail::RootDecision& answer) noexcept {
    const bool is_dropped = request.name == kUnsampledRoot;
    answer.decision =
        is_dropped ? waggle::detail::Decision::Drop : waggle::detail::Decision::RecordAndSample;
    answer.threshold = 0;
  }

  static inline waggle::detail::SpillBlock spare_block_{};
  static inline bool is_spare_taken_ = false;

  static waggle::detail::SpillBlock* acquire_spill() noexcept {
    if (is_spare_taken_) return nullptr;
    is_spare_taken_ = true;
    return &spare_block_;
  }
  static void release_spill(waggle::detail::SpillBlock*) noexcept { is_spare_taken_ = false; }

  alignas(waggle::detail::kCacheLine) char bytes_[kRingBytes + kSlackBytes +
                                                  2 * waggle::detail::kCopyStep] = {};
  waggle::detail::Ring ring_;
  waggle::detail::ThreadState thread_;
};

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_PLAYED_COLLECTOR_HPP
