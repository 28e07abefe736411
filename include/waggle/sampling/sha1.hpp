// SHA-1 of a short text (RFC 3174), since Honeycomb's Beelines decide by it. Not for secrets.
#ifndef WAGGLE_SAMPLING_SHA1_HPP
#define WAGGLE_SAMPLING_SHA1_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Takes one block of 64 bytes into the five words of a digest.
class Sha1 {
 public:
  // Returns the digest's first 32 bits. The text may have 55 bytes at most: one block.
  static std::uint32_t first_word(std::string_view text) noexcept {
    unsigned char block[64] = {};
    const std::size_t size = text.size() < 55 ? text.size() : 55;
    std::memcpy(block, text.data(), size);
    block[size] = 0x80;
    block[62] = static_cast<unsigned char>(size * 8 >> 8);
    block[63] = static_cast<unsigned char>(size * 8);
    return Sha1(block).first_;
  }

 private:
  explicit Sha1(const unsigned char (&block)[64]) noexcept {
    std::uint32_t words[80];
    for (int t = 0; t < 16; ++t) words[t] = big_endian(block + 4 * t);
    for (int t = 16; t < 80; ++t) {
      words[t] = rotated(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
    }
    std::uint32_t a = kFirst;
    std::uint32_t b = 0xefcdab89;
    std::uint32_t c = 0x98badcfe;
    std::uint32_t d = 0x10325476;
    std::uint32_t e = 0xc3d2e1f0;
    for (int t = 0; t < 80; ++t) {
      const std::uint32_t next = rotated(a, 5) + mixed(t, b, c, d) + e + words[t];
      e = d;
      d = c;
      c = rotated(b, 30);
      b = a;
      a = next;
    }
    first_ = kFirst + a;
  }

  static std::uint32_t big_endian(const unsigned char* bytes) noexcept {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
           std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
  }

  static std::uint32_t rotated(std::uint32_t word, int bits) noexcept {
    return word << bits | word >> (32 - bits);
  }

  // The function and the constant of a step (section 5).
  static std::uint32_t mixed(int step, std::uint32_t b, std::uint32_t c, std::uint32_t d) noexcept {
    if (step < 20) return ((b & c) | (~b & d)) + 0x5a827999;
    if (step < 40) return (b ^ c ^ d) + 0x6ed9eba1;
    if (step < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
  }

  static constexpr std::uint32_t kFirst = 0x67452301;
  std::uint32_t first_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_SHA1_HPP
