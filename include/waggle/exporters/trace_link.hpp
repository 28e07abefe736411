// Where people look at a trace: its page in Honeycomb's user interface. Pure.
#ifndef WAGGLE_EXPORTERS_TRACE_LINK_HPP
#define WAGGLE_EXPORTERS_TRACE_LINK_HPP

#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/core/ids.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Encodes a name as one segment of a path (RFC 3986, section 2.3).
WAGGLE_COLD std::string path_segment(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kMarks = "-._~";
  std::string text;
  for (char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool is_digit = c >= '0' && c <= '9';
    if (is_letter || is_digit || kMarks.find(c) != kMarks.npos) {
      text += c;
    } else {
      text.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  return text;
}

// What traces have in common that a key sends. A classic key has no environment.
struct TracePages {
  std::string user_interface;
  std::string team;
  std::string environment;
  std::string dataset;

  WAGGLE_COLD std::string link(TraceId trace) const {
    return joined({user_interface, "/", path_segment(team),
                   environment.empty() ? "" : "/environments/", path_segment(environment),
                   "/datasets/", path_segment(dataset), "/trace?trace_id=", trace.hex()});
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_TRACE_LINK_HPP
