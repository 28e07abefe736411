// The consumer's half of a ring: hands each record to a visitor in the order in which the spans
// ended.
#ifndef WAGGLE_COLLECT_RING_READER_HPP
#define WAGGLE_COLLECT_RING_READER_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/collect/cache_lines.hpp"
#include "waggle/core/record.hpp"
#include "waggle/core/ring.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns how many bytes of a ring are waiting, roughly while it is written to.
inline std::uint64_t bytes_waiting(const Ring& ring) noexcept {
  return RingPosition::distance(load_relaxed(ring.head), load_acquire(ring.tail), ring.size);
}

// Reads records while `visit(std::string_view record)` returns true, and returns how many. The
// bytes are the producer's again once visit returned. Gives space back every 64 records, so that a
// producer in a hurry need not wait for the last.
template <class Visit>
std::size_t read_ring(Ring& ring, Visit&& visit) noexcept {
  const std::uint64_t tail = load_acquire(ring.tail);
  std::uint64_t head = ring.head;
  std::size_t count = 0;
  const bool puts_back = can_put_back_lines();
  while (head != tail) {
    head = RingPosition::wrapped(head, ring.size);
    if (head == tail) break;
    const char* record = ring.bytes + RingPosition::offset(head);
    std::uint16_t words;
    std::memcpy(&words, record, sizeof(words));
    const std::size_t size = std::size_t{words} * 8;
    if (!visit(std::string_view(record, size))) break;
    if (puts_back) put_back_lines(record, record + size);
    head += size;
    if (++count % 64 == 0) store_release(ring.head, head);
  }
  store_release(ring.head, head);
  return count;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RING_READER_HPP
