// A request's body in the making, and the bodies of its parts once a server finds it too large: cut
// by its encoded size and by its number of spans.
#ifndef WAGGLE_PIPELINE_ENCODED_BATCH_HPP
#define WAGGLE_PIPELINE_ENCODED_BATCH_HPP

#include <cstddef>
#include <cstdint>
#include <string>

#include "waggle/collect/span_cutter.hpp"
#include "waggle/otlp/encoder.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Bounds a body. A last span is taken back rather than let it grow beyond.
struct BodyBounds {
  std::size_t spans = 4096;
  std::size_t bytes = 4 * 1024 * 1024;
};

enum class Fit : std::uint8_t { Added, Full, TooLarge };

// Encodes spans until the body is full. Keeps its memory from one body to the next.
class EncodedBatch {
 public:
  EncodedBatch(OtlpEncoderOptions options, BodyBounds bounds) noexcept
      : encoder_(options), bounds_(bounds) {}

  void begin(const Resource& resource) {
    encoder_.reserve(bounds_.bytes + bounds_.bytes / 4);
    encoder_.begin(resource);
    spans_ = 0;
  }

  // Adds a span unless the body is full. One that is too large alone is cut to fit; TooLarge means
  // that not even its name does.
  Fit add(const FinishedSpan& span) {
    if (spans_ == bounds_.spans) return Fit::Full;
    const Fit fit = try_to_add(span);
    if (fit == Fit::Added || spans_ > 0) return fit;
    SpanCutter cutter(span);
    while (cutter.cut()) {
      if (try_to_add(cutter.span()) == Fit::Added) return Fit::Added;
    }
    return Fit::TooLarge;
  }

  // Adds a span of the SDK's own, whatever the bounds. It counts as one of the spans.
  void add_own(const FinishedSpan& span) {
    encoder_.add(span);
    ++spans_;
  }

  void finish() { encoder_.finish(); }

  std::size_t size() const noexcept { return spans_; }
  bool empty() const noexcept { return spans_ == 0; }

  // Returns the body of `count` of the spans, from number `first` on; valid until the next call.
  const std::string& body(std::size_t first, std::size_t count) {
    if (count == spans_) return encoder_.text();
    encoder_.copy_part(first, count, part_);
    return part_;
  }

  // Returns how many values were left out so far for not being finite.
  std::uint64_t omitted_values() const noexcept { return encoder_.omitted_values(); }

 private:
  // What finish() adds: brackets and schema URLs.
  static constexpr std::size_t kTail = 256;

  Fit try_to_add(const FinishedSpan& span) {
    const OtlpEncoder::Mark mark = encoder_.mark();
    if (encoder_.add(span) + kTail > bounds_.bytes) {
      encoder_.take_back(mark);
      return Fit::Full;
    }
    ++spans_;
    return Fit::Added;
  }

  OtlpEncoder encoder_;
  BodyBounds bounds_;
  std::string part_;
  std::size_t spans_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_ENCODED_BATCH_HPP
