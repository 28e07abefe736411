// How a span lies in memory from its first attribute to the collector: a header of one cache line,
// then chunks padded to 8 bytes, one for each thing that was recorded. Nothing in it points
// anywhere, so a record can be copied, mapped from a file or read after its library is gone.
#ifndef WAGGLE_CORE_RECORD_HPP
#define WAGGLE_CORE_RECORD_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "waggle/core/ids.hpp"
#include "waggle/core/value.hpp"

namespace waggle {
inline namespace abi1 {

// Says which role a span plays in a remote call (OpenTelemetry, SpanKind); numbered as in OTLP.
enum class SpanKind : std::uint8_t {
  Internal = 1,
  Server = 2,
  Client = 3,
  Producer = 4,
  Consumer = 5,
};

// Says how the work of a span went; numbered as in OTLP. Ok is final, Error can still become Ok.
enum class StatusCode : std::uint8_t {
  Unset = 0,
  Ok = 1,
  Error = 2,
};

namespace detail {

// Marks of a record that are neither ids nor chunks.
enum RecordMarks : std::uint8_t {
  kParentIsRemote = 0x01,
  kExplicitStart = 0x02,  // start is in Unix nanoseconds, not ticks
  kExplicitEnd = 0x04,    // end is in Unix nanoseconds, not ticks
  kRecordOnly = 0x08,     // recorded for the filter's eyes, never exported
};

struct RecordHeader {
  std::uint16_t words;  // size of the whole record in 8-byte words
  std::uint16_t scope;
  SpanKind kind;
  StatusCode status;
  std::uint8_t trace_flags;
  std::uint8_t marks;
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t threshold;
};
static_assert(sizeof(RecordHeader) == 64, "the header is one cache line");
static_assert(offsetof(RecordHeader, scope) == 2 && offsetof(RecordHeader, kind) == 4 &&
                  offsetof(RecordHeader, trace_flags) == 6,
              "OpenSpan::set_first_word() composes these");

enum class ChunkKind : std::uint8_t {
  Name = 1,        // value: the name; the last one counts
  Attribute,       // key and value
  StatusMessage,   // value: the description; the last one counts
  TraceState,      // value: the tracestate header
  Event,           // key: its name; value: its time; its attributes follow
  EventAttribute,  // belongs to the last event
  Link,            // value: LinkFields and the linked tracestate; its attributes follow
  LinkAttribute,   // belongs to the last link
  Dropped,         // value: DroppedCounts
  Element,         // stands inside an array's or map's value
  Baggage,         // value: the context's baggage, if the collector wants it
};

// Opens each chunk. Key and value follow, each padded to 8 bytes; a scalar's value is 8 bytes.
struct ChunkHeader {
  ChunkKind kind;
  ValueTag tag;
  std::uint16_t key_size;
  std::uint32_t value_size;
};
static_assert(sizeof(ChunkHeader) == 8, "chunks are counted in 8-byte words");

// The time of an Event chunk is in ticks under this tag, in Unix nanoseconds under ValueTag::Int64.
constexpr ValueTag kTickTime = ValueTag::Empty;

struct LinkFields {
  TraceId trace_id;
  SpanId span_id;
  std::uint64_t flags;  // trace flags in the low byte, bit 8: the linked context is remote
};

// What the span itself had to leave out, by kind.
struct DroppedCounts {
  std::uint16_t attributes;
  std::uint16_t events;
  std::uint16_t links;
  std::uint16_t cut_values;
};

constexpr std::size_t kMaxRecordBytes = 16 * 1024;
constexpr std::size_t kMaxKeyBytes = 1024;

constexpr std::size_t padded(std::size_t size) noexcept { return (size + 7) & ~std::size_t{7}; }

template <class Word>
WAGGLE_INLINE void store_bytes(char* to, const Word& word) noexcept {
  std::memcpy(to, &word, sizeof(word));
}

// Copies `size` bytes and zeroes the padding behind them; may zero up to 8 bytes more. Never reads
// past the source's end: short texts are copied by two loads that overlap.
WAGGLE_INLINE void copy_padded(char* to, const char* from, std::size_t size) noexcept {
  store_bytes(to + (size & ~std::size_t{7}), std::uint64_t{0});
  if (size > 16) {
    std::size_t done = 0;
    do {
      std::memcpy(to + done, from + done, 16);
      done += 16;
      asm volatile("");  // clang would turn the loop into a call to memcpy, which costs more
    } while (done + 16 < size);
    std::memcpy(to + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else if (size != 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_RECORD_HPP
