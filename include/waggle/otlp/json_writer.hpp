// Writes JSON by appending: no tree, no look-up, no allocation once the text has been as long
// before. Any bytes in any string give valid JSON. Small pieces are gathered in a block of a few
// kilobytes, so that most appends are a comparison and a copy of known size.
#ifndef WAGGLE_OTLP_JSON_WRITER_HPP
#define WAGGLE_OTLP_JSON_WRITER_HPP

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/core/ids.hpp"
#include "waggle/otlp/utf8.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::uint64_t kEachByte = 0x0101010101010101U;

// Loads `size` bytes, at most eight, the first into the lowest byte; zeros fill the rest.
inline std::uint64_t load_bytes(const char* from, std::size_t size) noexcept {
  std::uint64_t word = 0;
  if (size >= 8) {
    std::memcpy(&word, from, 8);
  } else if (size >= 4) {
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

// Returns how many of the word's bytes, the lowest first, JSON takes as they are: not a quote, a
// backslash or a control character, and ASCII. Each term marks the bytes it looks for, and perhaps
// some behind the first of them, never one before it.
inline std::size_t count_plain_bytes(std::uint64_t word) noexcept {
  const std::uint64_t quote = word ^ (kEachByte * '"');
  const std::uint64_t backslash = word ^ (kEachByte * '\\');
  const std::uint64_t marks = ((quote - kEachByte) & ~quote) |
                              ((backslash - kEachByte) & ~backslash) |
                              ((word - kEachByte * 0x20) & ~word) | word;
  const std::uint64_t special = marks & (kEachByte * 0x80);
  return special == 0 ? 8 : static_cast<std::size_t>(__builtin_ctzll(special)) / 8;
}

// Returns the eight lowercase hexadecimal digits of a number, the first in the lowest byte.
inline std::uint64_t hex_digits(std::uint32_t number) noexcept {
  std::uint64_t digits = std::uint64_t{number} << 32 | number >> 16;
  digits = (digits & 0x000000ff000000ff) << 16 | (digits & 0x0000ff000000ff00) >> 8;
  digits = (digits & 0x000f000f000f000f) << 8 | (digits & 0x00f000f000f000f0) >> 4;
  const std::uint64_t is_letter = (digits + kEachByte * 6) >> 4 & kEachByte;
  return digits + kEachByte * '0' + is_letter * ('a' - '0' - 10);
}

// Returns the eight decimal digits of a number below 100,000,000, the first in the lowest byte: the
// number is cut in halves three times, all parts of a step at once.
inline std::uint64_t decimal_digits(std::uint64_t number) noexcept {
  const std::uint64_t fours = number / 10000 | (number % 10000) << 32;
  const std::uint64_t hundreds = (fours * 10486) >> 20 & 0x0000007f0000007f;
  const std::uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
  const std::uint64_t tens = (twos * 103) >> 10 & 0x000f000f000f000f;
  return (tens | (twos - tens * 10) << 8) + kEachByte * '0';
}

class JsonWriter {
 public:
  void clear() noexcept {
    text_.clear();
    pending_ = 0;
  }

  // Returns all that was written; valid until the next call of another function.
  const std::string& text() {
    flush();
    return text_;
  }
  std::size_t size() const noexcept { return text_.size() + pending_; }

  // Takes everything behind the first `size` bytes back.
  void truncate(std::size_t size) {
    flush();
    text_.resize(size);
  }

  void reserve(std::size_t bytes) { text_.reserve(bytes); }

  // Appends text that is JSON already.
  WAGGLE_INLINE void raw(std::string_view json) {
    if (json.size() > kLongestPiece) return append(json);
    std::memcpy(room(), json.data(), json.size());
    pending_ += json.size();
  }

  // Appends a string with its quotes; what is not UTF-8 becomes U+FFFD.
  void string(std::string_view value) {
    char* to = room();
    *to++ = '"';
    while (!value.empty()) {
      if (to > block_ + kBlock - kLongestPiece) to = flush_up_to(to);
      to = copy_some(value, to);
    }
    *to++ = '"';
    pending_ = static_cast<std::size_t>(to - block_);
  }

  // Appends a 64-bit number as OTLP has it: between quotes (protobuf's JSON mapping).
  void int64(std::int64_t value) { quoted_number(value); }

  // The same; a time of our days, which has 19 digits, is the fastest.
  void uint64(std::uint64_t value) {
    constexpr std::uint64_t kLeast = 1000000000000000000U;
    if (value - kLeast >= 9 * kLeast) return quoted_number(value);
    constexpr std::uint64_t kEightDigits = 100000000U;
    const std::uint64_t first_eleven = value / kEightDigits;
    char* to = room();
    to[0] = '"';
    // The first three digits come as the last of eight; the zeros before them are overwritten.
    store(to + 1, decimal_digits(first_eleven / kEightDigits) >> 40);
    store(to + 4, decimal_digits(first_eleven % kEightDigits));
    store(to + 12, decimal_digits(value % kEightDigits));
    to[20] = '"';
    pending_ += 21;
  }

  // Appends a number of up to 32 bits.
  void uint32(std::uint32_t value) { advance(std::to_chars(room(), end_of_room(), value).ptr); }

  // Appends a finite double, in the shortest form that reads back the same, whatever the locale.
  void float64(double value) { advance(std::to_chars(room(), end_of_room(), value).ptr); }

  void id(TraceId trace_id) {
    char* to = room();
    to[0] = '"';
    write_id(to + 1, trace_id.high);
    write_id(to + 17, trace_id.low);
    to[33] = '"';
    pending_ += 34;
  }

  void id(SpanId span_id) {
    char* to = room();
    to[0] = '"';
    write_id(to + 1, span_id.value);
    to[17] = '"';
    pending_ += 18;
  }

  // Appends bytes in base64 with padding (RFC 4648, section 4).
  void base64(std::string_view bytes) {
    raw("\"");
    for (; bytes.size() >= 3; bytes.remove_prefix(3)) base64_group(bytes, 3);
    if (!bytes.empty()) base64_group(bytes, bytes.size());
    raw("\"");
  }

 private:
  static constexpr std::size_t kBlock = 4096;
  // The most that one step writes; as much room there is behind room().
  static constexpr std::size_t kLongestPiece = 64;

  // Returns where the next kLongestPiece bytes may be written.
  WAGGLE_INLINE char* room() {
    if (pending_ > kBlock - kLongestPiece) flush();
    return block_ + pending_;
  }
  char* end_of_room() noexcept { return block_ + pending_ + kLongestPiece; }
  void advance(const char* end) noexcept { pending_ = static_cast<std::size_t>(end - block_); }

  WAGGLE_OUT_OF_LINE void flush() {
    text_.append(block_, pending_);
    pending_ = 0;
  }
  char* flush_up_to(const char* end) {
    advance(end);
    flush();
    return block_;
  }
  void append(std::string_view json) {
    flush();
    text_.append(json);
  }

  static void store(char* to, std::uint64_t word) noexcept { std::memcpy(to, &word, sizeof(word)); }

  static void write_id(char* to, std::uint64_t value) noexcept {
    store(to, hex_digits(static_cast<std::uint32_t>(value >> 32)));
    store(to + 8, hex_digits(static_cast<std::uint32_t>(value)));
  }

  // Writes up to eight plain bytes of `value` and what comes after them if it has to be looked at;
  // takes away what was written. At most 14 bytes.
  static char* copy_some(std::string_view& value, char* to) noexcept {
    const std::size_t size = value.size() < 8 ? value.size() : 8;
    const std::uint64_t word = load_bytes(value.data(), size);
    store(to, word);
    // The zeros behind a short end are no plain bytes either.
    const std::size_t plain = count_plain_bytes(word);
    value.remove_prefix(plain);
    to += plain;
    return plain == size ? to : escape(value, to);
  }

  // Writes what stands for the beginning of `value`, and takes that away.
  static char* escape(std::string_view& value, char* to) noexcept {
    const auto byte = static_cast<unsigned char>(value.front());
    if (byte >= 0x80) return copy_sequence(value, to);
    value.remove_prefix(1);
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

  static char* copy_sequence(std::string_view& value, char* to) noexcept {
    const Utf8Sequence sequence = first_utf8_sequence(value);
    const std::string_view text =
        sequence.is_valid ? value.substr(0, sequence.length) : kReplacementCharacter;
    std::memcpy(to, text.data(), text.size());
    value.remove_prefix(sequence.length);
    return to + text.size();
  }

  // Writes one to three bytes as four digits.
  void base64_group(std::string_view bytes, std::size_t size) {
    constexpr const char* kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto byte = [&](std::size_t i) {
      return i < size ? std::uint32_t{static_cast<unsigned char>(bytes[i])} : 0U;
    };
    const std::uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    char* to = room();
    to[0] = kDigits[group >> 18];
    to[1] = kDigits[group >> 12 & 63];
    to[2] = size > 1 ? kDigits[group >> 6 & 63] : '=';
    to[3] = size > 2 ? kDigits[group & 63] : '=';
    pending_ += 4;
  }

  template <class Number>
  void quoted_number(Number value) {
    char* to = room();
    to[0] = '"';
    to = std::to_chars(to + 1, end_of_room(), value).ptr;
    *to++ = '"';
    advance(to);
  }

  std::string text_;
  std::size_t pending_ = 0;
  char block_[kBlock];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_JSON_WRITER_HPP
