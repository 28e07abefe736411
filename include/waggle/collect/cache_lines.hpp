// Whose cache holds a ring's lines. What the collector has read stays in its core's cache; the
// producer that writes there again has to get each line back from that core first, which takes five
// times as long as from memory where the two cores share no cache.
#ifndef WAGGLE_COLLECT_CACHE_LINES_HPP
#define WAGGLE_COLLECT_CACHE_LINES_HPP

#include <cstdint>

#include "waggle/core/ring.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace waggle {
inline namespace abi1 {
namespace detail {

// Tells whether this processor can put a cache line back without waiting for the one before.
inline bool can_put_back_lines() noexcept {
#if defined(__x86_64__)
  static const bool result = [] {
    constexpr unsigned kClflushopt = 1U << 23;
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & kClflushopt) != 0;
  }();
  return result;
#else
  return false;
#endif
}

// Puts the lines that begin in these bytes, or that `begin` stands in, back into memory; not the
// one that `end` stands in. Only if can_put_back_lines().
inline void put_back_lines(const char* begin, const char* end) noexcept {
  constexpr std::uintptr_t kWithinLine = kCacheLine - 1;
  const char* line = begin - (reinterpret_cast<std::uintptr_t>(begin) & kWithinLine);
  for (; line + kCacheLine <= end; line += kCacheLine) {
#if defined(__x86_64__)
    asm volatile("clflushopt %0" : : "m"(*line) : "memory");
#endif
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_CACHE_LINES_HPP
