// Cuts values to their limits (OpenTelemetry, Attribute Limits): texts to a number of characters,
// where each UTF-8 sequence counts as one and none is cut in its middle; bytes to as many bytes;
// arrays and maps to a depth. Also sees to it that no map has a key twice.
#ifndef WAGGLE_COLLECT_VALUE_LIMIT_HPP
#define WAGGLE_COLLECT_VALUE_LIMIT_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "waggle/collect/text_arena.hpp"
#include "waggle/core/record.hpp"
#include "waggle/otlp/utf8.hpp"
#include "waggle/sdk/finished_span.hpp"
#include "waggle/sdk/limits.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Applies the limits of one span.
class ValueLimit {
 public:
  ValueLimit(const EffectiveLimits& limits, TextArena& texts) noexcept
      : length_(limits.value_length), depth_(limits.value_depth), texts_(texts) {}

  // Tells, at a glance, of most of the values that stay as they are.
  bool is_within(const ValueView& value) const noexcept {
    return !is_list(value) && value.text().size() <= length_;
  }

  // Returns the value within its limits: the same, a part of it, or one kept in the arena. What
  // stands at the top is at depth 1; what is too deep becomes the empty value.
  ValueView limited(const ValueView& value, std::size_t depth = 1) const {
    if (is_list(value)) return depth > depth_ ? ValueView() : limited_list(value, depth);
    if (length_ == SpanLimits::kUnlimited) return value;
    if (value.tag() == ValueTag::Text)
      return {value.tag(), leading_characters(value.text(), length_)};
    if (value.tag() == ValueTag::Bytes) return {value.tag(), value.text().substr(0, length_)};
    return value;
  }

 private:
  static bool is_list(const ValueView& value) noexcept {
    return value.tag() == ValueTag::Array || value.tag() == ValueTag::Map;
  }

  // A list of scalars within its limits stays where it is.
  ValueView limited_list(const ValueView& list, std::size_t depth) const {
    bool stays = list.tag() == ValueTag::Array && length_ == SpanLimits::kUnlimited;
    for (const AttributeView& element : list.elements()) stays = stays && !is_list(element.value);
    return stays ? list : rewritten(list, depth);
  }

  ValueView rewritten(const ValueView& list, std::size_t depth) const {
    std::string copy;
    for (auto element = list.elements().begin(); element != list.elements().end(); ++element) {
      if (list.tag() == ValueTag::Map && is_overwritten(element, list.elements().end())) continue;
      append(copy, element->key, limited(element->value, depth + 1));
    }
    return {list.tag(), texts_.keep(std::move(copy))};
  }

  // The last of equal keys counts, and an empty one is none.
  static bool is_overwritten(ValueView::Elements::Iterator element,
                             const ValueView::Elements::Iterator& end) noexcept {
    const std::string_view key = element->key;
    if (key.empty()) return true;
    for (++element; element != end; ++element) {
      if (element->key == key) return true;
    }
    return false;
  }

  static void append(std::string& copy, std::string_view key, const ValueView& value) {
    const ChunkHeader header{ChunkKind::Element, value.tag(),
                             static_cast<std::uint16_t>(key.size()),
                             static_cast<std::uint32_t>(value.text().size())};
    copy.append(reinterpret_cast<const char*>(&header), sizeof(header));
    copy.append(key).resize(padded(copy.size()));
    copy.append(value.text()).resize(padded(copy.size()));
  }

  const std::size_t length_;
  const std::size_t depth_;
  TextArena& texts_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_VALUE_LIMIT_HPP
