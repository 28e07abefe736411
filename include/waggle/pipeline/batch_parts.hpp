// The parts of a batch that are not settled yet: the whole at first, halves of halves once a server
// finds it too large.
#ifndef WAGGLE_PIPELINE_BATCH_PARTS_HPP
#define WAGGLE_PIPELINE_BATCH_PARTS_HPP

#include <cstddef>
#include <cstdint>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Some neighbouring spans of a batch.
struct BatchPart {
  std::size_t first;
  std::size_t count;
  bool may_have_arrived;  // at an attempt that had no answer
};

// Counts own spans apart from the loss report, which comes last in its batch and is in nobody's
// books.
class BatchParts {
 public:
  BatchParts() { parts_.reserve(kMost); }

  void begin(std::size_t spans, bool has_report) {
    spans_ = spans;
    has_report_ = has_report;
    parts_.assign(1, BatchPart{0, spans, false});
  }

  bool empty() const noexcept { return parts_.empty(); }
  void clear() noexcept { parts_.clear(); }

  // Returns the part whose turn it is.
  BatchPart& current() noexcept { return parts_.back(); }
  const BatchPart& current() const noexcept { return parts_.back(); }

  // Goes on to the next one.
  void pop() noexcept { parts_.pop_back(); }

  // Halves the current part; false if it is one span, which no other request would carry either.
  bool split() {
    const BatchPart part = current();
    if (part.count < 2) return false;
    const std::size_t half = part.count / 2;
    current() = {part.first + half, part.count - half, part.may_have_arrived};
    parts_.push_back({part.first, half, part.may_have_arrived});
    return true;
  }

  bool holds_report(const BatchPart& part) const noexcept {
    return has_report_ && part.first + part.count == spans_;
  }

  std::uint64_t own_spans(const BatchPart& part) const noexcept {
    return part.count - (holds_report(part) ? 1 : 0);
  }

  std::uint64_t own_spans() const noexcept {
    std::uint64_t sum = 0;
    for (const BatchPart& part : parts_) sum += own_spans(part);
    return sum;
  }

  // Returns how many of these may have arrived.
  std::uint64_t unconfirmed_spans() const noexcept {
    std::uint64_t sum = 0;
    for (const BatchPart& part : parts_) sum += part.may_have_arrived ? own_spans(part) : 0;
    return sum;
  }

 private:
  // Halving leaves one part more each time, and no batch has more than 2^24 spans.
  static constexpr std::size_t kMost = 26;

  std::vector<BatchPart> parts_;
  std::size_t spans_ = 0;
  bool has_report_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_BATCH_PARTS_HPP
