// Calls the exporters, which may block for ever: another thread can take everything over from the
// one that is in there, which then must touch nothing any more.
#ifndef WAGGLE_PIPELINE_EXPORTER_CALLS_HPP
#define WAGGLE_PIPELINE_EXPORTER_CALLS_HPP

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "waggle/core/atomic.hpp"
#include "waggle/pipeline/verdict.hpp"
#include "waggle/sdk/diagnostics.hpp"
#include "waggle/sdk/exporter.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

class ExporterCalls {
 public:
  explicit ExporterCalls(std::vector<std::unique_ptr<Exporter>> exporters)
      : exporters_(std::move(exporters)) {}

  bool empty() const noexcept { return exporters_.empty(); }

  // Hands the batch to each exporter. The spans count as delivered if all of them say so.
  Verdict export_batch(const Batch& batch, Deadline deadline, Diagnostics& diagnostics) {
    Verdict verdict;
    verdict.delivered = batch.spans.size();
    for (const std::unique_ptr<Exporter>& exporter : exporters_) {
      store_release(custody_, std::uint32_t{kInExporter});
      const ExportResult result = exporter->export_batch(batch, deadline);
      std::uint32_t expected = kInExporter;
      if (!compare_exchange(custody_, expected, std::uint32_t{kOurs})) break;
      if (result.delivered) continue;
      verdict.delivered = 0;
      verdict.dropped = batch.spans.size();
      verdict.reason = DropReason::ExporterFailed;
      diagnostics.once("exporter", "an exporter failed: " + result.reason);
    }
    return verdict;
  }

  // Leaves the thread behind that is in an exporter; false if none is. From any thread.
  bool leave_behind() noexcept {
    std::uint32_t expected = kInExporter;
    return compare_exchange(custody_, expected, std::uint32_t{kLeftBehind});
  }

  // Tells the thread that it was left behind.
  bool is_left_behind() const noexcept { return load_acquire(custody_) == kLeftBehind; }

 private:
  // Who may touch what the exporters are given: the thread that calls them, or nobody any more.
  enum : std::uint32_t { kOurs = 0, kInExporter = 1, kLeftBehind = 2 };

  std::vector<std::unique_ptr<Exporter>> exporters_;
  std::uint32_t custody_ = kOurs;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_EXPORTER_CALLS_HPP
