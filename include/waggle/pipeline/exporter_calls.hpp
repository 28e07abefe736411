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
#include "waggle/sdk/joined.hpp"

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
      if (!pass(kOurs, kInExporter)) return lost(batch, DropReason::ShutdownDeadline);
      const ExportResult result = exporter->export_batch(batch, deadline);
      if (!pass(kInExporter, kOurs)) break;
      if (result.delivered) continue;
      verdict = lost(batch, DropReason::ExporterFailed);
      diagnostics.once("exporter", joined({"an exporter failed: ", result.reason}));
    }
    return verdict;
  }

  // Lets nobody into an exporter any more, and leaves the thread behind that is in one; false if
  // none is. From any thread.
  bool leave_behind() noexcept {
    for (;;) {
      if (pass(kInExporter, kLeftBehind)) return true;
      if (pass(kOurs, kClosed) || load_acquire(custody_) == kClosed) return false;
    }
  }

  // Tells the thread that it was left behind.
  bool is_left_behind() const noexcept { return load_acquire(custody_) == kLeftBehind; }

 private:
  // Who may touch what the exporters are given: the thread that calls them, or nobody any more.
  enum Custody : std::uint32_t { kOurs, kInExporter, kLeftBehind, kClosed };

  bool pass(Custody from, Custody to) noexcept {
    std::uint32_t expected = from;
    return compare_exchange(custody_, expected, std::uint32_t{to});
  }

  static Verdict lost(const Batch& batch, DropReason reason) {
    Verdict verdict;
    verdict.dropped = batch.spans.size();
    verdict.reason = reason;
    return verdict;
  }

  std::vector<std::unique_ptr<Exporter>> exporters_;
  std::uint32_t custody_ = kOurs;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_EXPORTER_CALLS_HPP
