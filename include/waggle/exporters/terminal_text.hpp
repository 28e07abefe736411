// Text made fit for a terminal: nothing in a span's name or value may move the cursor, change
// colours or reverse the line.
#ifndef WAGGLE_EXPORTERS_TERMINAL_TEXT_HPP
#define WAGGLE_EXPORTERS_TERMINAL_TEXT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/otlp/utf8.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the code point of a valid sequence.
inline std::uint32_t code_point(std::string_view sequence) noexcept {
  const auto first = static_cast<unsigned char>(sequence.front());
  if (sequence.size() == 1) return first;
  std::uint32_t value = first & (0x7fU >> sequence.size());
  for (char c : sequence.substr(1)) value = value << 6 | (static_cast<unsigned char>(c) & 0x3fU);
  return value;
}

// Tells whether a terminal might act on it: control characters of both sets, and the marks that
// turn the direction of writing (Unicode, UAX #9: Bidi_Control).
inline bool acts_on_terminal(std::uint32_t point) noexcept {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c || point == 0x200e ||
         point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069);
}

// Returns printable text of at most `longest` characters, the last of them … if something was cut
// off; what a terminal might act on, or what is no UTF-8, shows as U+FFFD. `longest` is not 0.
WAGGLE_COLD std::string terminal_text(std::string_view text, std::size_t longest) {
  std::string shown;
  std::size_t cut_at = 0;
  for (std::size_t characters = 0; !text.empty(); ++characters) {
    if (characters == longest) return joined({std::string_view(shown).substr(0, cut_at), "…"});
    cut_at = shown.size();
    const std::size_t length = utf8_sequence_length(text);
    const bool is_shown = length != 0 && !acts_on_terminal(code_point(text.substr(0, length)));
    shown.append(is_shown ? text.substr(0, length) : kReplacementCharacter);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return shown;
}

// Counts the columns of printable text, one a character: wide characters are taken for narrow ones.
inline std::size_t columns(std::string_view text) noexcept {
  std::size_t count = 0;
  for (char c : text) count += is_utf8_continuation(static_cast<unsigned char>(c)) ? 0U : 1U;
  return count;
}

// Fills up with blanks at the right, to `width` columns.
WAGGLE_COLD std::string padded_right(std::string text, std::size_t width) {
  const std::size_t used = columns(text);
  if (used < width) text.append(width - used, ' ');
  return text;
}

// Fills up with blanks at the left, to `width` columns.
WAGGLE_COLD std::string padded_left(const std::string& text, std::size_t width) {
  return joined({std::string(width - (std::min)(width, columns(text)), ' '), text});
}

// Returns a length of time in the unit that suits it: 950ns, 1.25µs, 12.5ms, 3.20s.
WAGGLE_COLD std::string duration_text(std::uint64_t nanoseconds) {
  constexpr const char* kUnits[] = {"ns", "µs", "ms", "s"};
  double value = static_cast<double>(nanoseconds);
  int unit = 0;
  while (unit < 3 && value >= 999.5) {
    value /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f%s", decimals, value, kUnits[unit]);
  return text;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_TERMINAL_TEXT_HPP
