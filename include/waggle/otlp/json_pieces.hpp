// Short pieces of JSON, each written where the caller has room for it. They return where they end:
// so that place stays in a register from one piece to the next.
#ifndef WAGGLE_OTLP_JSON_PIECES_HPP
#define WAGGLE_OTLP_JSON_PIECES_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "waggle/core/config.hpp"
#include "waggle/core/ids.hpp"
#include "waggle/otlp/number_text.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Writes what is JSON already.
template <std::size_t Size>
WAGGLE_INLINE char* write_json(char* to, const char (&json)[Size]) noexcept {
  std::memcpy(to, json, Size - 1);
  return to + Size - 1;
}

inline char* write_hex_digits(char* to, std::uint64_t value) noexcept {
  store_word(to, hex_digits(static_cast<std::uint32_t>(value >> 32)));
  store_word(to + 8, hex_digits(static_cast<std::uint32_t>(value)));
  return to + 16;
}

// Each writes its value between quotes: ids as OTLP/JSON has them, in hexadecimal digits, and
// 64-bit numbers as protobuf's JSON mapping has them.
inline char* write_quoted(char* to, TraceId id) noexcept {
  *to = '"';
  to = write_hex_digits(write_hex_digits(to + 1, id.high), id.low);
  return write_json(to, "\"");
}

inline char* write_quoted(char* to, SpanId id) noexcept {
  *to = '"';
  return write_json(write_hex_digits(to + 1, id.value), "\"");
}

template <class Number>
char* write_quoted_number(char* to, Number value) noexcept {
  *to = '"';
  return write_json(write_number(to + 1, value), "\"");
}

// The same, fastest for a time of our days, which has 19 digits.
inline char* write_quoted_time(char* to, std::uint64_t value) noexcept {
  constexpr std::uint64_t kLeast = 1000000000000000000U;
  if (value - kLeast >= 9 * kLeast) return write_quoted_number(to, value);
  const std::uint64_t first_eleven = value / kEightDigits;
  *to = '"';
  // The first three digits come as the last of eight; the zeros before them are overwritten.
  store_word(to + 1, decimal_digits(first_eleven / kEightDigits) >> 40);
  store_word(to + 4, decimal_digits(first_eleven % kEightDigits));
  store_word(to + 12, decimal_digits(value % kEightDigits));
  return write_json(to + 20, "\"");
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_JSON_PIECES_HPP
