// The seam for destinations that may block: console, file, memory, the user's own. One call a
// batch, on the collector's thread.
#ifndef WAGGLE_SDK_EXPORTER_HPP
#define WAGGLE_SDK_EXPORTER_HPP

#include <string>
#include <utility>

#include "waggle/sdk/completes.hpp"
#include "waggle/sdk/deadline.hpp"
#include "waggle/sdk/finished_span.hpp"
#include "waggle/sdk/resource.hpp"

namespace waggle {
inline namespace abi1 {

// Holds ended spans, grouped by scope; valid during export_batch() only.
struct Batch {
  const Resource& resource;
  ListView<FinishedSpan> spans;
};

// Says what became of a batch: all of it was delivered, or none and why.
struct ExportResult {
  bool delivered = true;
  std::string reason;

  static ExportResult failed(std::string reason) { return {false, std::move(reason)}; }
};

// Takes finished spans somewhere. Calls never overlap.
class Exporter {
 public:
  virtual ~Exporter() = default;

  // Exports all spans of the batch. May block; after the deadline the collector stops waiting and
  // counts the batch as unconfirmed.
  virtual ExportResult export_batch(const Batch& batch, Deadline deadline) noexcept = 0;
};

namespace detail {

// Returns what `work` returns; a failed result if there is no memory for it. Its reason is short
// enough to need none.
template <class Work>
ExportResult export_by(Work&& work) noexcept {
  ExportResult result{false, "no memory"};
  completes([&] { result = work(); });
  return result;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_EXPORTER_HPP
