// The generator behind trace and span ids: the wyrand sequence (Wang Yi, public domain), one
// instance a thread, seeded by the operating system. Ids need to be unique and uniform, not secret.
#ifndef WAGGLE_CORE_RANDOM_HPP
#define WAGGLE_CORE_RANDOM_HPP

#include <cstdint>

#include "waggle/core/config.hpp"
#include "waggle/core/ids.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

class IdGenerator {
 public:
  // Starts two new sequences.
  void seed(std::uint64_t first, std::uint64_t second) noexcept {
    first_ = first;
    second_ = second;
  }

  // Returns 64 uniform bits, never zero.
  WAGGLE_INLINE SpanId span_id() noexcept { return SpanId{next(first_)}; }

  // Takes each half from a sequence of its own, so that 128 random bits decide. Neither half is
  // zero: Honeycomb shortens ids whose first half is, depending on the encoding.
  TraceId trace_id() noexcept { return TraceId{next(first_), next(second_)}; }

 private:
  // Zero, which comes up once in 2^64 times, would be no id and becomes 1.
  static WAGGLE_INLINE std::uint64_t next(std::uint64_t& state) noexcept {
    state += 0xa0761d6478bd642fU;
    std::uint64_t bits = folded_product(state, state ^ 0xe7037ed1a0b428dbU);
    asm("" : "+r"(bits));  // keeps g++ from comparing the halves of the product instead
    return bits + (bits == 0 ? 1 : 0);
  }

  // Returns both halves of the 128-bit product, combined by exclusive or.
  static WAGGLE_INLINE std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) noexcept {
#if defined(__x86_64__)
    // For the type of 128 bits g++ saves two registers that it does not use.
    std::uint64_t high;
    asm("mulq %2" : "=d"(high), "+a"(b) : "r"(a) : "cc");
    return high ^ b;
#else
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
#endif
  }

  std::uint64_t first_ = 0;
  std::uint64_t second_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_RANDOM_HPP
