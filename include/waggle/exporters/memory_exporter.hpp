// Keeps finished spans in memory, for tests: of your instrumentation, and of waggle itself.
#ifndef WAGGLE_EXPORTERS_MEMORY_EXPORTER_HPP
#define WAGGLE_EXPORTERS_MEMORY_EXPORTER_HPP

#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/exporters/recorded_span.hpp"
#include "waggle/sdk/exporter.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {

// Holds the spans of one or several MemoryExporters; outlives them. Thread-safe.
class SpanStore {
 public:
  // Holds any number of spans, or `most_spans` at most.
  explicit SpanStore(std::size_t most_spans = (std::numeric_limits<std::size_t>::max)()) noexcept
      : most_spans_(most_spans) {}

  // Returns all spans so far, in the order in which they were exported.
  std::vector<RecordedSpan> spans() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return spans_;
  }

  // Returns the first span of that name; a default-made one if there is none.
  RecordedSpan find(std::string_view name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const RecordedSpan& span : spans_) {
      if (span.name == name) return span;
    }
    return {};
  }

  std::size_t size() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return spans_.size();
  }

  // Forgets all spans; there is room for new ones.
  void clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    spans_.clear();
  }

  // Adds all of the spans at once, or none and returns false if there is no room for all.
  bool add(std::vector<RecordedSpan> spans) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (spans.size() > most_spans_ - spans_.size()) return false;
    spans_.insert(spans_.end(), std::make_move_iterator(spans.begin()),
                  std::make_move_iterator(spans.end()));
    return true;
  }

  std::size_t most_spans() const noexcept { return most_spans_; }

 private:
  const std::size_t most_spans_;
  mutable std::mutex mutex_;
  std::vector<RecordedSpan> spans_;
};

// Copies every span into a store:
// config.exporters.push_back(std::make_unique<MemoryExporter>(store)).
class MemoryExporter final : public Exporter {
 public:
  explicit MemoryExporter(std::shared_ptr<SpanStore> store) noexcept : store_(std::move(store)) {}

  // Fails if the store has no room for the whole batch.
  ExportResult export_batch(const Batch& batch, Deadline) noexcept override {
    return detail::export_by([&] { return keep(batch); });
  }

 private:
  ExportResult keep(const Batch& batch) {
    std::vector<RecordedSpan> spans;
    spans.reserve(batch.spans.size());
    for (const FinishedSpan& span : batch.spans) spans.push_back(detail::recorded(span));
    if (store_->add(std::move(spans))) return {};
    return ExportResult::failed(detail::joined(
        {"the store holds ", std::to_string(store_->most_spans()), " spans at most"}));
  }

  std::shared_ptr<SpanStore> store_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_MEMORY_EXPORTER_HPP
