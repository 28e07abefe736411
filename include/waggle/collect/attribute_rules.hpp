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
  // key counts, also beyond the limit; a new key beyond it is discarded and counted.
  void add(std::vector<AttributeView>& list, std::size_t first, std::size_t limit,
           std::string_view key, const ValueView& value, std::uint32_t& dropped) const {
    if (key.empty()) {
      ++dropped;
      return;
    }
    const bool stays = limit_.is_within(value) && value.tag() != ValueTag::MangledType;
    const ValueView exported = stays ? value : changed(value);
    for (std::size_t index = first; index < list.size(); ++index) {
      if (list[index].key != key) continue;
      list[index].value = exported;
      return;
    }
    if (list.size() - first >= limit) {
      ++dropped;
    } else {
      list.push_back({key, exported});
    }
  }

 private:
  WAGGLE_OUT_OF_LINE ValueView changed(const ValueView& value) const {
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
