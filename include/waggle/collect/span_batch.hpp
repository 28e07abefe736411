// Collected records, waiting to be sent: copied out of the rings as they are, made into finished
// spans when their batch is due.
#ifndef WAGGLE_COLLECT_SPAN_BATCH_HPP
#define WAGGLE_COLLECT_SPAN_BATCH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "waggle/collect/record_reader.hpp"
#include "waggle/core/record.hpp"
#include "waggle/sdk/finished_span.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Reused from batch to batch, so that a steady load does not allocate.
class SpanBatch {
 public:
  // Copies a record in.
  void append(std::string_view record) {
    offsets_.push_back(bytes_.size());
    bytes_.insert(bytes_.end(), record.begin(), record.end());
  }

  std::size_t size() const noexcept { return offsets_.size(); }
  std::size_t bytes() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return offsets_.empty(); }

  // Makes the finished spans, grouped by scope, each group in the order in which they were
  // collected. They are valid until the next call to this batch or to `reader`.
  ListView<FinishedSpan> finish(RecordReader& reader) {
    std::sort(offsets_.begin(), offsets_.end(), [this](std::size_t a, std::size_t b) {
      const std::uint16_t scope_a = field(a + offsetof(RecordHeader, scope));
      const std::uint16_t scope_b = field(b + offsetof(RecordHeader, scope));
      return scope_a != scope_b ? scope_a < scope_b : a < b;
    });
    reader.clear();
    for (std::size_t offset : offsets_) reader.expect(record(offset));
    reader.reserve();
    spans_.clear();
    for (std::size_t offset : offsets_) spans_.push_back(reader.read(record(offset)));
    return {spans_.data(), spans_.size()};
  }

  void clear() noexcept {
    bytes_.clear();
    offsets_.clear();
    spans_.clear();
  }

 private:
  std::uint16_t field(std::size_t position) const noexcept {
    std::uint16_t value;
    std::memcpy(&value, bytes_.data() + position, sizeof(value));
    return value;
  }

  std::string_view record(std::size_t offset) const noexcept {
    const std::size_t words = field(offset + offsetof(RecordHeader, words));
    return {bytes_.data() + offset, words * 8};
  }

  std::vector<char> bytes_;
  std::vector<std::size_t> offsets_;
  std::vector<FinishedSpan> spans_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SPAN_BATCH_HPP
