// How much of a span is exported (OpenTelemetry, Span Limits and Attribute Limits). Applied by the
// collector; what is cut is counted in the span's dropped counts.
#ifndef WAGGLE_SDK_LIMITS_HPP
#define WAGGLE_SDK_LIMITS_HPP

#include <cstdint>
#include <optional>

namespace waggle {
inline namespace abi1 {

// Bounds the attributes of whatever has no limit of its own. The resource's have none at all.
struct AttributeLimits {
  std::optional<std::uint32_t> count;
  std::optional<std::uint32_t> value_length;
  std::optional<std::uint32_t> value_depth;
};

// Bounds a span. What is not set here follows AttributeLimits; what is not set there either is 128
// attributes, of any length, 64 deep. 0 keeps none.
struct SpanLimits {
  static constexpr std::uint32_t kUnlimited = 0xffffffff;

  std::optional<std::uint32_t> attribute_count;

  // In characters, of raw bytes in bytes; holds inside arrays and maps too, not for keys.
  std::optional<std::uint32_t> attribute_value_length;

  // How deep arrays and maps may be nested: 1 for a list of scalars. One that lies deeper becomes
  // an empty value. To be taken by every receiver, OTLP bodies go no deeper than 30 in any case.
  std::optional<std::uint32_t> attribute_value_depth;

  // Of each 128 unless set.
  std::optional<std::uint32_t> event_count;
  std::optional<std::uint32_t> link_count;
  std::optional<std::uint32_t> attribute_per_event_count;
  std::optional<std::uint32_t> attribute_per_link_count;
};

namespace detail {

// The limits as plain numbers.
struct EffectiveLimits {
  std::uint32_t attribute_count = 128;
  std::uint32_t value_length = SpanLimits::kUnlimited;
  std::uint32_t value_depth = 64;
  std::uint32_t event_count = 128;
  std::uint32_t link_count = 128;
  std::uint32_t attribute_per_event_count = 128;
  std::uint32_t attribute_per_link_count = 128;

  // A span's own limit goes before the general one, and that before the default.
  static EffectiveLimits of(const SpanLimits& span, const AttributeLimits& general) noexcept {
    EffectiveLimits limits;
    const std::optional<std::uint32_t> none;
    const auto settle = [](std::uint32_t& limit, auto own, auto otherwise) {
      limit = own.value_or(otherwise.value_or(limit));
    };
    settle(limits.attribute_count, span.attribute_count, general.count);
    settle(limits.value_length, span.attribute_value_length, general.value_length);
    settle(limits.value_depth, span.attribute_value_depth, general.value_depth);
    settle(limits.event_count, span.event_count, none);
    settle(limits.link_count, span.link_count, none);
    settle(limits.attribute_per_event_count, span.attribute_per_event_count, none);
    settle(limits.attribute_per_link_count, span.attribute_per_link_count, none);
    return limits;
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_LIMITS_HPP
