// Reads text as UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF), one
// sequence after the other. Pure; any bytes will do.
#ifndef WAGGLE_CORE_UTF8_HPP
#define WAGGLE_CORE_UTF8_HPP

#include <cstddef>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";  // U+FFFD

inline bool is_utf8_continuation(unsigned char byte) noexcept { return (byte & 0xc0) == 0x80; }

// Says how many bytes belong together, and whether they are a character or stand for a bad one.
struct Utf8Sequence {
  std::size_t length;
  bool is_valid;
};

// Says what may follow a first byte: the whole length (1: nothing may), and the range of the second
// byte; the third and fourth are always 80..BF.
struct Utf8Rule {
  std::size_t length;
  unsigned char least;
  unsigned char most;
};

constexpr Utf8Rule utf8_rule(unsigned char first) noexcept {
  if (first >= 0xc2 && first <= 0xdf) return {2, 0x80, 0xbf};
  if (first == 0xe0) return {3, 0xa0, 0xbf};
  if (first == 0xed) return {3, 0x80, 0x9f};
  if (first >= 0xe1 && first <= 0xef) return {3, 0x80, 0xbf};
  if (first == 0xf0) return {4, 0x90, 0xbf};
  if (first >= 0xf1 && first <= 0xf3) return {4, 0x80, 0xbf};
  if (first == 0xf4) return {4, 0x80, 0x8f};
  return {1, 0, 0};
}

// Returns the sequence that `text`, which is not empty, begins with. A bad one is as long as it
// could still have become valid, at least one byte: each such one is replaced by one U+FFFD
// (Unicode, section 3.9, "substitution of maximal subparts"; browsers do the same).
inline Utf8Sequence first_utf8_sequence(std::string_view text) noexcept {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const Utf8Rule rule = utf8_rule(byte(0));
  if (rule.length == 1) return {1, byte(0) < 0x80};
  if (text.size() == 1 || byte(1) < rule.least || byte(1) > rule.most) return {1, false};
  for (std::size_t length = 2; length < rule.length; ++length) {
    if (length == text.size() || !is_utf8_continuation(byte(length))) return {length, false};
  }
  return {rule.length, true};
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_UTF8_HPP
