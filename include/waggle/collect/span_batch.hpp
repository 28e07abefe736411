// The spans at the front of the queue, made readable and grouped by scope: what exporters and the
// encoder see.
#ifndef WAGGLE_COLLECT_SPAN_BATCH_HPP
#define WAGGLE_COLLECT_SPAN_BATCH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/collect/record_queue.hpp"
#include "waggle/collect/record_reader.hpp"
#include "waggle/core/record.hpp"
#include "waggle/sdk/completes.hpp"
#include "waggle/sdk/finished_span.hpp"
#include "waggle/sdk/span_filter.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Bounds a batch, by its spans and by the memory that they take when read.
struct BatchBounds {
  std::size_t spans;
  std::size_t bytes;
};

// Reused from batch to batch, so that a steady load does not allocate. The records stay in the
// queue while their spans are in use.
class SpanBatch {
 public:
  // Reads the queue's first spans: as many as the bounds allow, one at least. Each group of a scope
  // keeps the order in which it was collected.
  void take(const RecordQueue& queue, BatchBounds bounds, RecordReader& reader) {
    clear();
    reader.clear();
    queue.for_each([&](std::string_view record) {
      if (!records_.empty() && is_full(bounds, reader)) return false;
      ++taken_;  // also what there is no memory for, or it would come back for ever
      reader.expect(record);
      add(record);
      return true;
    });
    group_by_scope();
    reader.reserve();
    spans_.reserve(records_.size());
    for (const Taken& taken : records_) reader.read(taken.record, spans_.emplace_back());
  }

  // Lets the filter change and drop spans; drops those that are recorded for it alone. Returns how
  // many were dropped.
  std::size_t filter(const SpanFilter& filter, SpanEditor::Memory& memory) {
    memory.clear();
    std::size_t kept = 0;
    for (std::size_t index = 0; index < spans_.size(); ++index) {
      SpanEditor editor(spans_[index], memory);
      const bool is_wanted = filter == nullptr || passes(filter, editor);
      if (!is_wanted || is_record_only(records_[index].record)) continue;
      if (kept != index) spans_[kept] = spans_[index];
      ++kept;
    }
    const std::size_t dropped = spans_.size() - kept;
    spans_.resize(kept);
    return dropped;
  }

  void clear() noexcept {
    records_.clear();
    spans_.clear();
    taken_ = 0;
  }

  // Returns how many records the batch holds on to, those of dropped spans included.
  std::size_t taken() const noexcept { return taken_; }

  std::size_t size() const noexcept { return spans_.size(); }
  const FinishedSpan& operator[](std::size_t index) const noexcept { return spans_[index]; }
  ListView<FinishedSpan> spans() const noexcept { return {spans_.data(), spans_.size()}; }

 private:
  struct Taken {
    std::string_view record;
    std::uint16_t scope;
    std::size_t order;
  };

  // Field by field where it stays, for the reason that AttributeRules::add() has.
  void add(std::string_view record) {
    Taken& taken = records_.emplace_back();
    taken.record = record;
    taken.scope = scope_of(record);
    taken.order = records_.size();
  }

  // Most programs have one scope, or batches of one.
  void group_by_scope() {
    const auto is_before = [](const Taken& a, const Taken& b) {
      return a.scope != b.scope ? a.scope < b.scope : a.order < b.order;
    };
    if (std::is_sorted(records_.begin(), records_.end(), is_before)) return;
    std::sort(records_.begin(), records_.end(), is_before);
  }

  bool is_full(BatchBounds bounds, const RecordReader& reader) const noexcept {
    return records_.size() >= bounds.spans ||
           records_.size() * sizeof(FinishedSpan) + reader.expected_bytes() >= bounds.bytes;
  }

  // A filter that fails has not said that the span may be seen.
  static bool passes(const SpanFilter& filter, SpanEditor& editor) {
    bool is_wanted = false;
    return completes([&] { is_wanted = filter(editor); }) && is_wanted;
  }

  static bool is_record_only(std::string_view record) noexcept {
    return (record[offsetof(RecordHeader, marks)] & kRecordOnly) != 0;
  }

  static std::uint16_t scope_of(std::string_view record) noexcept {
    std::uint16_t scope;
    std::memcpy(&scope, record.data() + offsetof(RecordHeader, scope), sizeof(scope));
    return scope;
  }

  std::vector<Taken> records_;
  std::vector<FinishedSpan> spans_;
  std::size_t taken_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SPAN_BATCH_HPP
