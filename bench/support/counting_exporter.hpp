// The healthy backend of the recording rows: takes every span and only counts it, by the last
// character of its name. It can be told to hold a batch, so that rings fill up.
#ifndef WAGGLE_BENCH_SUPPORT_COUNTING_EXPORTER_HPP
#define WAGGLE_BENCH_SUPPORT_COUNTING_EXPORTER_HPP

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <waggle/sdk/exporter.hpp>

namespace bench {

// What the exporter shares with the program, which outlives it.
struct ExportCounts {
  std::atomic<std::uint64_t> by_mark[256] = {};
  std::atomic<bool> is_hold_wanted{false};
  std::atomic<bool> is_holding{false};

  std::uint64_t of(char mark) const noexcept {
    return by_mark[static_cast<unsigned char>(mark)].load(std::memory_order_acquire);
  }
};

class CountingExporter final : public waggle::Exporter {
 public:
  explicit CountingExporter(ExportCounts& counts) noexcept : counts_(counts) {}

  waggle::ExportResult export_batch(const waggle::Batch& batch,
                                    waggle::Deadline) noexcept override {
    for (const waggle::FinishedSpan& span : batch.spans) {
      const char mark = span.name.empty() ? '\0' : span.name.back();
      counts_.by_mark[static_cast<unsigned char>(mark)].fetch_add(1, std::memory_order_release);
    }
    while (counts_.is_hold_wanted.load(std::memory_order_acquire)) {
      counts_.is_holding.store(true, std::memory_order_release);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    counts_.is_holding.store(false, std::memory_order_release);
    return {};
  }

 private:
  ExportCounts& counts_;
};

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_COUNTING_EXPORTER_HPP
