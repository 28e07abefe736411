// What a list of attributes is exported as: keys once and not empty, values within their limits, no
// more of them than allowed (OpenTelemetry, Attribute Collections and Attribute Limits).
#ifndef WAGGLE_COLLECT_ATTRIBUTE_RULES_HPP
#define WAGGLE_COLLECT_ATTRIBUTE_RULES_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "waggle/collect/record_chunks.hpp"
#include "waggle/collect/text_arena.hpp"
#include "waggle/collect/value_limit.hpp"
#include "waggle/core/config.hpp"
#include "waggle/sdk/finished_span.hpp"
#include "waggle/sdk/limits.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Adds attributes to lists that lie one behind the other. Texts that have to be made are kept in
// the arena.
class AttributeRules {
 public:
  AttributeRules(const EffectiveLimits& limits, TextArena& texts) noexcept
      : limit_(limits, texts), texts_(texts) {}

  // Adds one to the list that begins at `first` and may have `limit` of them. The last value of a
  // key counts, also beyond the limit; a new key beyond it is discarded and counted. Inline, so
  // that a value goes from registers to its place: to copy one that was just put together waits for
  // its parts to be written.
  WAGGLE_INLINE void add(std::vector<AttributeView>& list, std::size_t first, std::size_t limit,
                         std::string_view key, const ValueView& value,
                         std::uint32_t& dropped) const {
    ValueView* const place = place_of(key, list, first, limit);
    if (place == nullptr) {
      ++dropped;
    } else if (limit_.is_within(value) && value.tag() != ValueTag::MangledType) {
      *place = value;
    } else {
      *place = changed(value);
    }
  }

 private:
  // Returns where a key's value goes, null if the key is empty or one too many.
  WAGGLE_OUT_OF_LINE static ValueView* place_of(std::string_view key,
                                                std::vector<AttributeView>& list, std::size_t first,
                                                std::size_t limit) {
    if (key.empty()) return nullptr;
    const auto begin = list.begin() + static_cast<std::ptrdiff_t>(first);
    for (auto known = begin; known != list.end(); ++known) {
      if (known->key == key) return &known->value;
    }
    if (static_cast<std::size_t>(list.end() - begin) >= limit) return nullptr;
    AttributeView& added = list.emplace_back();
    added.key = key;
    return &added.value;
  }

  WAGGLE_OUT_OF_LINE ValueView changed(ValueView value) const {
    if (value.tag() != ValueTag::MangledType) return limit_.limited(value);
    return limit_.limited({ValueTag::Text, texts_.keep(demangled(value.text()))});
  }

  const ValueLimit limit_;
  TextArena& texts_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_ATTRIBUTE_RULES_HPP
