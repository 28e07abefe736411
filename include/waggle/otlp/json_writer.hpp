// Writes JSON by appending to one buffer that is kept from batch to batch: no tree, no look-up, no
// allocation once the buffer has grown. Any bytes in any string give valid JSON.
#ifndef WAGGLE_OTLP_JSON_WRITER_HPP
#define WAGGLE_OTLP_JSON_WRITER_HPP

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "waggle/core/ids.hpp"
#include "waggle/otlp/utf8.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

class JsonWriter {
 public:
  void clear() noexcept { text_.clear(); }
  const std::string& text() const noexcept { return text_; }
  std::size_t size() const noexcept { return text_.size(); }

  // Appends text that is JSON already.
  void raw(std::string_view json) { text_.append(json); }

  // Appends a string with its quotes; what is no UTF-8 becomes U+FFFD, one for each bad byte.
  void string(std::string_view value) {
    text_.push_back('"');
    std::size_t clean = 0;
    std::size_t at = 0;
    while ((at = clean_end(value, at)) != value.size()) {
      text_.append(value, clean, at - clean);
      at += escape(value.substr(at));
      clean = at;
    }
    text_.append(value, clean, value.npos);
    text_.push_back('"');
  }

  // Appends a 64-bit number as OTLP has it: between quotes (protobuf's JSON mapping).
  void int64(std::int64_t value) { quoted_number(value); }
  void uint64(std::uint64_t value) { quoted_number(value); }

  // Appends a number of up to 32 bits.
  void uint32(std::uint32_t value) { number(value); }

  // Appends a finite double, in the shortest form that reads back the same, whatever the locale.
  void float64(double value) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value);
    text_.append(digits, end.ptr);
  }

  void id(TraceId trace_id) {
    char digits[34];
    digits[0] = '"';
    write_hex(digits + 1, trace_id.high);
    write_hex(digits + 17, trace_id.low);
    digits[33] = '"';
    text_.append(digits, sizeof(digits));
  }

  void id(SpanId span_id) {
    char digits[18];
    digits[0] = '"';
    write_hex(digits + 1, span_id.value);
    digits[17] = '"';
    text_.append(digits, sizeof(digits));
  }

  // Appends bytes in base64 with padding (RFC 4648, section 4).
  void base64(std::string_view bytes) {
    constexpr const char* kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    text_.push_back('"');
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
      const std::size_t left = bytes.size() - at;
      std::uint32_t group = 0;
      for (std::size_t i = 0; i < 3; ++i) {
        group = group << 8 | (i < left ? static_cast<unsigned char>(bytes[at + i]) : 0U);
      }
      for (std::size_t i = 0; i < 4; ++i) {
        text_.push_back(i <= left ? kDigits[group >> (18 - 6 * i) & 63] : '=');
      }
    }
    text_.push_back('"');
  }

 private:
  static constexpr std::uint64_t kEachByte = 0x0101010101010101U;
  static constexpr std::uint64_t kHighBits = 0x8080808080808080U;

  // Marks, among eight bytes, each that is zero (and perhaps some after the first such).
  static std::uint64_t zero_bytes(std::uint64_t word) noexcept {
    return (word - kEachByte) & ~word & kHighBits;
  }

  // Returns where the next byte stands that has to be looked at: a quote, a backslash, a control
  // character or anything that is not ASCII. Eight bytes at a time.
  static std::size_t clean_end(std::string_view text, std::size_t at) noexcept {
    for (; at + 8 <= text.size(); at += 8) {
      std::uint64_t word;
      std::memcpy(&word, text.data() + at, sizeof(word));
      const std::uint64_t below_space = (word - kEachByte * 0x20) & ~word & kHighBits;
      const std::uint64_t special = zero_bytes(word ^ (kEachByte * '"')) |
                                    zero_bytes(word ^ (kEachByte * '\\')) | below_space |
                                    (word & kHighBits);
      if (special != 0) break;
    }
    while (at < text.size() && is_clean(text[at])) ++at;
    return at;
  }

  static bool is_clean(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
  }

  // Appends what stands for the beginning of `text`, and returns how many bytes that was.
  std::size_t escape(std::string_view text) {
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte >= 0x80) {
      const std::size_t length = utf8_sequence_length(text);
      text_.append(length == 0 ? kReplacementCharacter : text.substr(0, length));
      return length == 0 ? 1 : length;
    }
    switch (byte) {
      case '"':
        text_.append("\\\"");
        break;
      case '\\':
        text_.append("\\\\");
        break;
      case '\n':
        text_.append("\\n");
        break;
      case '\r':
        text_.append("\\r");
        break;
      case '\t':
        text_.append("\\t");
        break;
      default: {
        constexpr const char* kDigits = "0123456789abcdef";
        text_.append("\\u00").push_back(kDigits[byte >> 4]);
        text_.push_back(kDigits[byte & 15]);
      }
    }
    return 1;
  }

  template <class Number>
  void number(Number value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value);
    text_.append(digits, end.ptr);
  }

  template <class Number>
  void quoted_number(Number value) {
    char digits[24];
    digits[0] = '"';
    const auto end = std::to_chars(digits + 1, digits + sizeof(digits) - 1, value);
    *end.ptr = '"';
    text_.append(digits, end.ptr + 1);
  }

  std::string text_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_JSON_WRITER_HPP
