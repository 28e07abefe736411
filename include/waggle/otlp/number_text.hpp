// Numbers as digits, without a look-up table or a loop a digit: what the encoder writes most,
// times, ids, counts and short decimals, a word of eight digits at once.
#ifndef WAGGLE_OTLP_NUMBER_TEXT_HPP
#define WAGGLE_OTLP_NUMBER_TEXT_HPP

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::uint64_t kEachByte = 0x0101010101010101U;
constexpr std::uint64_t kEightZeros = kEachByte * '0';
constexpr std::uint64_t kEightDigits = 100000000U;  // the least number that needs nine

// The most that write_number() and write_float64() may touch.
constexpr std::size_t kLongestNumber = 32;

inline void store_word(char* to, std::uint64_t word) noexcept {
  std::memcpy(to, &word, sizeof(word));
}

// Returns the eight lowercase hexadecimal digits of a number, the first in the lowest byte.
inline std::uint64_t hex_digits(std::uint32_t number) noexcept {
  std::uint64_t digits = std::uint64_t{number} << 32 | number >> 16;
  digits = (digits & 0x000000ff000000ff) << 16 | (digits & 0x0000ff000000ff00) >> 8;
  digits = (digits & 0x000f000f000f000f) << 8 | (digits & 0x00f000f000f000f0) >> 4;
  const std::uint64_t is_letter = (digits + kEachByte * 6) >> 4 & kEachByte;
  return digits + kEightZeros + is_letter * ('a' - '0' - 10);
}

// Returns the eight decimal digits of a number below 100,000,000, the first in the lowest byte: the
// number is cut in halves three times, all parts of a step at once.
inline std::uint64_t decimal_digits(std::uint64_t number) noexcept {
  const std::uint64_t fours = number / 10000 | (number % 10000) << 32;
  const std::uint64_t hundreds = (fours * 10486) >> 20 & 0x0000007f0000007f;
  const std::uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
  const std::uint64_t tens = (twos * 103) >> 10 & 0x000f000f000f000f;
  return (tens | (twos - tens * 10) << 8) + kEightZeros;
}

// Returns how many of the digits before the last `needed` ones are zeros, at the front.
inline unsigned leading_zeros(std::uint64_t digits, unsigned needed) noexcept {
  const std::uint64_t last_counts = std::uint64_t{1} << (8 - needed) * 8;
  return static_cast<unsigned>(__builtin_ctzll((digits ^ kEightZeros) | last_counts)) / 8;
}

// Writes a number and returns where it ends.
inline char* write_number(char* to, std::uint64_t number) noexcept {
  if (number >= kEightDigits) return std::to_chars(to, to + kLongestNumber, number).ptr;
  const std::uint64_t digits = decimal_digits(number);
  const unsigned zeros = leading_zeros(digits, 1);
  store_word(to, digits >> zeros * 8);
  return to + 8 - zeros;
}

inline char* write_number(char* to, std::int64_t number) noexcept {
  const auto bits = static_cast<std::uint64_t>(number);
  if (number >= 0) return write_number(to, bits);
  *to++ = '-';
  return write_number(to, 0 - bits);
}

// Writes `thousandths` / 1000, which is below 100,000, without zeros that say nothing.
inline char* write_thousandths(char* to, std::uint64_t thousandths) noexcept {
  const std::uint64_t digits = decimal_digits(thousandths);
  const unsigned zeros = leading_zeros(digits, 4);
  store_word(to, digits >> zeros * 8);
  to += 5 - zeros;
  const std::uint64_t decimals = (digits ^ kEightZeros) >> 40;
  if (decimals == 0) return to;
  *to++ = '.';
  store_word(to, digits >> 40);
  return to + 8 - static_cast<unsigned>(__builtin_clzll(decimals)) / 8;
}

// Writes a finite number in the shortest form that reads back the same, whatever the locale, and
// returns where it ends. Prices and ratios, which commonly have three decimals at most, need no
// search for that form: two decimals of up to 15 digits never read as the same double.
inline char* write_float64(char* to, double number) noexcept {
  const double magnitude = std::fabs(number);
  if (magnitude < 100000) {
    // Rounded wrongly it would be noticed at once: it has to give the number back.
    const auto thousandths = static_cast<std::uint64_t>(magnitude * 1000 + 0.5);  // NOLINT
    if (static_cast<double>(thousandths) / 1000 == magnitude) {
      if (std::signbit(number)) *to++ = '-';
      return write_thousandths(to, thousandths);
    }
  }
  return std::to_chars(to, to + kLongestNumber, number).ptr;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_NUMBER_TEXT_HPP
