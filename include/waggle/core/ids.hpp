// Trace and span ids: plain values of 16 and 8 bytes, kept as native integers whose most
// significant byte is the first byte on the wire. All-zero means "none" (W3C Trace Context,
// section 3.2.2).
#ifndef WAGGLE_CORE_IDS_HPP
#define WAGGLE_CORE_IDS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "waggle/core/config.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Writes `value` as 16 lowercase hexadecimal digits.
inline void write_hex(char* out, std::uint64_t value) noexcept {
  constexpr const char* kDigits = "0123456789abcdef";
  for (int digit = 15; digit >= 0; --digit) {
    out[digit] = kDigits[value & 15];
    value >>= 4;
  }
}

// Reads one lowercase hexadecimal digit; -1 for anything else, uppercase included.
constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Reads up to 16 lowercase hexadecimal digits; false if there are more or others.
constexpr bool read_hex(std::string_view text, std::uint64_t& value) noexcept {
  if (text.empty() || text.size() > 16) return false;
  std::uint64_t result = 0;
  for (char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0) return false;
    result = result << 4 | static_cast<std::uint64_t>(digit);
  }
  value = result;
  return true;
}

}  // namespace detail

// Holds an id's hexadecimal digits as text, without allocating; converts to std::string_view, which
// is valid for as long as this object lives.
template <std::size_t Size>
struct HexText {
  char digits[Size];

  std::string_view view() const noexcept { return {digits, Size}; }
  operator std::string_view() const noexcept { return view(); }
};

// Identifies one trace: 128 random bits, shared by all its spans.
struct TraceId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  // Tells whether this is a real id; the all-zero id means "none".
  constexpr bool is_valid() const noexcept { return (high | low) != 0; }

  // Returns the 32 lowercase hexadecimal digits, as log lines and headers show the id.
  HexText<32> hex() const noexcept {
    HexText<32> text;
    detail::write_hex(text.digits, high);
    detail::write_hex(text.digits + 16, low);
    return text;
  }

  // Reads exactly 32 lowercase hexadecimal digits; anything else gives the invalid id.
  static constexpr TraceId from_hex(std::string_view text) noexcept {
    TraceId id;
    if (text.size() != 32 || !detail::read_hex(text.substr(0, 16), id.high) ||
        !detail::read_hex(text.substr(16), id.low)) {
      return TraceId{};
    }
    return id;
  }

  friend constexpr bool operator==(TraceId a, TraceId b) noexcept {
    return a.high == b.high && a.low == b.low;
  }
  friend constexpr bool operator!=(TraceId a, TraceId b) noexcept { return !(a == b); }
};

// Identifies one span within its trace: 64 random bits.
struct SpanId {
  std::uint64_t value = 0;

  // Tells whether this is a real id; the all-zero id means "none".
  constexpr bool is_valid() const noexcept { return value != 0; }

  // Returns the 16 lowercase hexadecimal digits, as log lines and headers show the id.
  HexText<16> hex() const noexcept {
    HexText<16> text;
    detail::write_hex(text.digits, value);
    return text;
  }

  // Reads exactly 16 lowercase hexadecimal digits; anything else gives the invalid id.
  static constexpr SpanId from_hex(std::string_view text) noexcept {
    SpanId id;
    if (text.size() != 16 || !detail::read_hex(text, id.value)) return SpanId{};
    return id;
  }

  friend constexpr bool operator==(SpanId a, SpanId b) noexcept { return a.value == b.value; }
  friend constexpr bool operator!=(SpanId a, SpanId b) noexcept { return !(a == b); }
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_IDS_HPP
