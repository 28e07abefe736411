// Counts the heap allocations of the program. Defines malloc(), so one file of a program includes
// it.
#ifndef WAGGLE_BENCH_SUPPORT_COUNTED_MALLOC_HPP
#define WAGGLE_BENCH_SUPPORT_COUNTED_MALLOC_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace bench {

inline std::atomic<std::uint64_t> allocations{0};

}  // namespace bench

extern "C" {
void* __libc_malloc(std::size_t size);  // NOLINT(bugprone-reserved-identifier): glibc's own name
void* malloc(std::size_t size) {
  bench::allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
}

#endif  // WAGGLE_BENCH_SUPPORT_COUNTED_MALLOC_HPP
