// Cuts values to a number of characters (OpenTelemetry, Attribute Limits): each UTF-8 sequence
// counts as one, and none is cut in its middle.
#ifndef WAGGLE_COLLECT_TEXT_LIMIT_HPP
#define WAGGLE_COLLECT_TEXT_LIMIT_HPP

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "waggle/collect/text_arena.hpp"
#include "waggle/core/record.hpp"
#include "waggle/otlp/utf8.hpp"
#include "waggle/sdk/finished_span.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

inline ValueView limited(const ValueView& value, std::size_t length, TextArena& texts);

// Writes an array or a map once more with each element cut.
inline ValueView limited_elements(const ValueView& value, std::size_t length, TextArena& texts) {
  std::string copy;
  for (const AttributeView& element : value.elements()) {
    const ValueView cut = limited(element.value, length, texts);
    const ChunkHeader header{ChunkKind::Element, cut.tag(),
                             static_cast<std::uint16_t>(element.key.size()),
                             static_cast<std::uint32_t>(cut.text().size())};
    copy.append(reinterpret_cast<const char*>(&header), sizeof(header));
    copy.append(element.key).resize(padded(copy.size()));
    copy.append(cut.text()).resize(padded(copy.size()));
  }
  return {value.tag(), texts.keep(std::move(copy))};
}

// Returns the value with each text in it cut to `length` characters, raw bytes to as many bytes.
inline ValueView limited(const ValueView& value, std::size_t length, TextArena& texts) {
  switch (value.tag()) {
    case ValueTag::Text:
      return {value.tag(), leading_characters(value.text(), length)};
    case ValueTag::Bytes:
      return {value.tag(), value.text().substr(0, length)};
    case ValueTag::Array:
    case ValueTag::Map:
      return limited_elements(value, length, texts);
    default:
      return value;
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_TEXT_LIMIT_HPP
