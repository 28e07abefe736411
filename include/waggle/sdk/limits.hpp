// How much of a span is exported (OpenTelemetry, Span Limits and Attribute Limits). Applied by the
// collector; what is cut is counted in the span's dropped counts.
#ifndef WAGGLE_SDK_LIMITS_HPP
#define WAGGLE_SDK_LIMITS_HPP

#include <cstdint>

namespace waggle {
inline namespace abi1 {

// Bounds a span, with the specification's defaults. Lengths are in characters; 0 keeps none. A
// value that is no array or map has depth 1; to be taken by every receiver, OTLP bodies go no
// deeper than 30 in any case.
struct SpanLimits {
  static constexpr std::uint32_t kUnlimited = 0xffffffff;

  std::uint32_t attribute_count = 128;
  std::uint32_t attribute_value_length = kUnlimited;
  std::uint32_t attribute_value_depth = 64;
  std::uint32_t event_count = 128;
  std::uint32_t link_count = 128;
  std::uint32_t attribute_per_event_count = 128;
  std::uint32_t attribute_per_link_count = 128;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_LIMITS_HPP
