// The fields that Honeycomb makes of a span itself: an attribute of the same name would overwrite
// them (what Honeycomb's OTLP reader, husky, writes for each span).
#ifndef WAGGLE_COLLECT_FIELD_NAMES_HPP
#define WAGGLE_COLLECT_FIELD_NAMES_HPP

#include <cstddef>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

inline bool begins_with(std::string_view text, std::string_view prefix) noexcept {
  return text.substr(0, prefix.size()) == prefix;
}

// Tells whether a span's attribute of that name takes the place of one of Honeycomb's own fields.
// The length is asked first: it settles nearly every key.
inline bool is_honeycomb_field(std::string_view key) noexcept {
  if (begins_with(key, "meta.") || begins_with(key, "trace.link.")) return true;
  switch (key.size()) {
    case 4:
      return key == "name" || key == "type";
    case 5:
      return key == "error";
    case 9:
      return key == "span.kind";
    case 11:
      return key == "duration_ms" || key == "status_code";
    case 12:
      return key == "library.name";
    case 13:
      return key == "trace.span_id";
    case 14:
      return key == "trace.trace_id" || key == "status_message" || key == "span.num_links";
    case 15:
      return key == "trace.parent_id" || key == "library.version" || key == "span.num_events";
    case 17:
      return key == "trace.trace_state";
    default:
      return false;
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_FIELD_NAMES_HPP
