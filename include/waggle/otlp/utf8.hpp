// Whole texts as UTF-8: whether they are valid, what they are once mended, their first characters.
// Pure; any bytes will do.
#ifndef WAGGLE_OTLP_UTF8_HPP
#define WAGGLE_OTLP_UTF8_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include "waggle/core/utf8.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the length of the valid sequence that `text` begins with, 0 if it begins with none.
inline std::size_t utf8_sequence_length(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const Utf8Sequence sequence = first_utf8_sequence(text);
  return sequence.is_valid ? sequence.length : 0;
}

// Tells whether all of `text` is valid.
inline bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const Utf8Sequence sequence = first_utf8_sequence(text);
    if (!sequence.is_valid) return false;
    text.remove_prefix(sequence.length);
  }
  return true;
}

// Returns the text with U+FFFD in place of what is not valid.
inline std::string repaired_utf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Utf8Sequence sequence = first_utf8_sequence(text);
    result += sequence.is_valid ? text.substr(0, sequence.length) : kReplacementCharacter;
    text.remove_prefix(sequence.length);
  }
  return result;
}

// Returns the first `count` characters of `text`; what becomes one U+FFFD counts as one.
inline std::string_view leading_characters(std::string_view text, std::size_t count) noexcept {
  if (text.size() <= count) return text;
  std::size_t end = 0;
  for (; count != 0 && end != text.size(); --count) {
    end += first_utf8_sequence(text.substr(end)).length;
  }
  return text.substr(0, end);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_UTF8_HPP
