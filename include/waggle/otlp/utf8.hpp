// Finds out which bytes of a text are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing
// past U+10FFFF.
#ifndef WAGGLE_OTLP_UTF8_HPP
#define WAGGLE_OTLP_UTF8_HPP

#include <cstddef>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";  // U+FFFD

inline bool is_utf8_continuation(unsigned char byte) noexcept { return (byte & 0xc0) == 0x80; }

// Returns the range that the second byte of a sequence may lie in; an empty one if `first` begins
// no sequence of several bytes.
struct SecondByte {
  unsigned char least;
  unsigned char most;
  std::size_t length;

  static SecondByte after(unsigned char first) noexcept {
    if (first >= 0xc2 && first <= 0xdf) return {0x80, 0xbf, 2};
    if (first == 0xe0) return {0xa0, 0xbf, 3};
    if (first == 0xed) return {0x80, 0x9f, 3};
    if (first >= 0xe1 && first <= 0xef) return {0x80, 0xbf, 3};
    if (first == 0xf0) return {0x90, 0xbf, 4};
    if (first >= 0xf1 && first <= 0xf3) return {0x80, 0xbf, 4};
    if (first == 0xf4) return {0x80, 0x8f, 4};
    return {1, 0, 0};
  }
};

// Returns the length of the valid sequence that `text` begins with, 0 if it begins with none.
inline std::size_t utf8_sequence_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  if (text.empty()) return 0;
  if (byte(0) < 0x80) return 1;
  const SecondByte second = SecondByte::after(byte(0));
  if (second.length == 0 || text.size() < second.length) return 0;
  if (byte(1) < second.least || byte(1) > second.most) return 0;
  for (std::size_t index = 2; index < second.length; ++index) {
    if (!is_utf8_continuation(byte(index))) return 0;
  }
  return second.length;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_UTF8_HPP
