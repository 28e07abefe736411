// The parts of a span that are of bounded length, each one piece: who it is, what kind, when.
#ifndef WAGGLE_OTLP_SPAN_PIECES_HPP
#define WAGGLE_OTLP_SPAN_PIECES_HPP

#include <cstdint>

#include "waggle/otlp/json_pieces.hpp"
#include "waggle/sdk/finished_span.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// The low byte is W3C's; bit 8 says that bit 9 tells whether the context is remote.
inline char* write_flags(char* to, std::uint8_t trace_flags, bool is_remote) noexcept {
  const std::uint64_t flags = trace_flags | 0x100U | (is_remote ? 0x200U : 0U);
  return write_number(write_json(to, R"(,"flags":)"), flags);
}

// Writes what a span's object begins with.
inline char* write_ids(char* to, const FinishedSpan& span) noexcept {
  to = write_quoted(write_json(to, R"({"traceId":)"), span.trace_id);
  to = write_quoted(write_json(to, R"(,"spanId":)"), span.span_id);
  if (span.parent_id.is_valid()) {
    to = write_quoted(write_json(to, R"(,"parentSpanId":)"), span.parent_id);
  }
  return write_flags(to, span.trace_flags, span.parent_is_remote);
}

inline char* write_kind_and_times(char* to, const FinishedSpan& span) noexcept {
  to = write_json(to, R"(,"kind":)");
  to = write_number(to, static_cast<std::uint64_t>(span.kind));
  to = write_json(to, R"(,"startTimeUnixNano":)");
  to = write_quoted_time(to, span.start_unix_nanoseconds);
  to = write_json(to, R"(,"endTimeUnixNano":)");
  return write_quoted_time(to, span.end_unix_nanoseconds);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_SPAN_PIECES_HPP
