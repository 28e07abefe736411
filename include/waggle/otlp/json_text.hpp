// The inside of a JSON string, any bytes given: plain ASCII a word of eight bytes at once, the rest
// escaped or mended (RFC 8259, section 7; what is not UTF-8 becomes U+FFFD).
#ifndef WAGGLE_OTLP_JSON_TEXT_HPP
#define WAGGLE_OTLP_JSON_TEXT_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/otlp/number_text.hpp"
#include "waggle/otlp/utf8.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

inline std::uint64_t load_word(const char* from) noexcept {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// Loads `size` bytes, fewer than eight, the first into the lowest byte; zeros fill the rest.
inline std::uint64_t load_bytes(const char* from, std::size_t size) noexcept {
  std::uint64_t word = 0;
  if (size >= 4) {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::memcpy(&low, from, 4);
    std::memcpy(&high, from + size - 4, 4);
    word = low | std::uint64_t{high} << (size - 4) * 8;
  } else {
    for (std::size_t i = size; i-- > 0;) word = word << 8 | static_cast<unsigned char>(from[i]);
  }
  return word;
}

// Marks, by its highest bit, each byte that JSON does not take as it is: a quote, a backslash, a
// control character, or none of ASCII. Bytes behind the first of them may be marked too, none
// before it.
inline std::uint64_t marked_bytes(std::uint64_t word) noexcept {
  const std::uint64_t quote = word ^ (kEachByte * '"');
  const std::uint64_t backslash = word ^ (kEachByte * '\\');
  const std::uint64_t marks = ((quote - kEachByte) & ~quote) |
                              ((backslash - kEachByte) & ~backslash) |
                              ((word - kEachByte * 0x20) & ~word) | word;
  return marks & (kEachByte * 0x80);
}

// Returns how many of the word's bytes, the lowest first, JSON takes as they are.
inline std::size_t count_plain_bytes(std::uint64_t word) noexcept {
  const std::uint64_t marks = marked_bytes(word);
  return marks == 0 ? 8 : static_cast<std::size_t>(__builtin_ctzll(marks)) / 8;
}

// Copies a text and tells whether JSON takes it as it is. Writes eight bytes at least, however
// short it is.
inline bool copy_plain(std::string_view text, char* to) noexcept {
  if (text.size() < 8) {
    const std::uint64_t word = load_bytes(text.data(), text.size());
    store_word(to, word);
    // What fills the word up is no mark.
    return marked_bytes(word | (kEachByte * ' ' << text.size() * 8)) == 0;
  }
  std::uint64_t marks = 0;
  const std::size_t last = text.size() - 8;
  for (std::size_t at = 0; at < last; at += 8) {
    const std::uint64_t word = load_word(text.data() + at);
    store_word(to + at, word);
    marks |= marked_bytes(word);
  }
  const std::uint64_t word = load_word(text.data() + last);
  store_word(to + last, word);
  return (marks | marked_bytes(word)) == 0;
}

// A string of more bytes is written in parts.
constexpr std::size_t kShortText = 64;

// Writes a string with its quotes; null, with nothing written that counts, if it is long or has to
// be escaped.
inline char* write_short_string(char* to, std::string_view text) noexcept {
  if (text.size() > kShortText || !copy_plain(text, to + 1)) return nullptr;
  *to = '"';
  to[1 + text.size()] = '"';
  return to + text.size() + 2;
}

inline char* copy_sequence(std::string_view& text, char* to) noexcept {
  const Utf8Sequence sequence = first_utf8_sequence(text);
  const std::string_view valid =
      sequence.is_valid ? text.substr(0, sequence.length) : kReplacementCharacter;
  std::memcpy(to, valid.data(), valid.size());
  text.remove_prefix(sequence.length);
  return to + valid.size();
}

// Writes what stands for the beginning of `text`, and takes that away.
inline char* escape(std::string_view& text, char* to) noexcept {
  const auto byte = static_cast<unsigned char>(text.front());
  if (byte >= 0x80) return copy_sequence(text, to);
  text.remove_prefix(1);
  *to++ = '\\';
  switch (byte) {
    case '"':
    case '\\':
      *to++ = static_cast<char>(byte);
      return to;
    case '\n':
      *to++ = 'n';
      return to;
    case '\r':
      *to++ = 'r';
      return to;
    case '\t':
      *to++ = 't';
      return to;
    default:
      to[0] = 'u';
      to[1] = '0';
      to[2] = '0';
      to[3] = static_cast<char>('0' + (byte >> 4));
      to[4] = "0123456789abcdef"[byte & 15];
      return to + 5;
  }
}

// Writes up to eight plain bytes of `text`, which is not empty, and what comes after them if it has
// to be looked at; takes away what was written. At most 14 bytes.
inline char* escape_some(std::string_view& text, char* to) noexcept {
  const std::size_t size = text.size() < 8 ? text.size() : 8;
  const std::uint64_t word = size == 8 ? load_word(text.data()) : load_bytes(text.data(), size);
  store_word(to, word);
  // The zeros behind a short end are no plain bytes either.
  const std::size_t plain = count_plain_bytes(word);
  text.remove_prefix(plain);
  to += plain;
  return plain == size ? to : escape(text, to);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_JSON_TEXT_HPP
