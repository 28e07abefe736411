// Variables that hold lists: HTTP headers and the resource's attributes, as name=value pairs
// between commas, percent-encoded.
#ifndef WAGGLE_SETUP_VARIABLE_LISTS_HPP
#define WAGGLE_SETUP_VARIABLE_LISTS_HPP

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/core/config.hpp"
#include "waggle/http/header_lines.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/resource.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

inline int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Decodes %20 and the like (RFC 3986, section 2.1); false if a percent sign is not followed by two
// digits.
WAGGLE_COLD bool percent_decode(std::string_view text, std::string& decoded) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return false;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

// Reads OTEL_EXPORTER_OTLP_HEADERS or its form for traces, `variable`; values are percent-encoded.
// Adds a problem for each member that is no pair, naming its place and never its text: it may be a
// secret.
WAGGLE_COLD HeaderList parse_headers(const char* variable, std::string_view text,
                                     std::vector<std::string>& problems) {
  HeaderList headers;
  int place = 0;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view member = without_blanks(text.substr(0, comma));
    text = comma == text.npos ? std::string_view{} : text.substr(comma + 1);
    ++place;
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    const std::string_view name = without_blanks(member.substr(0, equals));
    std::string value;
    const bool is_pair = equals != member.npos && is_header_name(name) &&
                         percent_decode(without_blanks(member.substr(equals + 1)), value) &&
                         is_header_value(value);
    if (is_pair) {
      headers.push_back({std::string(name), std::move(value)});
    } else {
      problems.push_back(joined({variable, ": entry ", std::to_string(place),
                                 " is not of the form name=value and was left out"}));
    }
  }
  return headers;
}

// Reads OTEL_RESOURCE_ATTRIBUTES: key=value pairs between commas, both percent-encoded. All or
// nothing, as the specification has it: returns the place of the first entry that is wrong, or 0.
WAGGLE_COLD int parse_resource_attributes(std::string_view text, Resource& resource) {
  Resource read;
  for (int place = 1; !text.empty(); ++place) {
    const std::size_t comma = text.find(',');
    const std::string_view member = without_blanks(text.substr(0, comma));
    text = comma == text.npos ? std::string_view{} : text.substr(comma + 1);
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == member.npos) return place;
    std::string key;
    std::string value;
    const bool is_pair = percent_decode(without_blanks(member.substr(0, equals)), key) &&
                         percent_decode(without_blanks(member.substr(equals + 1)), value) &&
                         !key.empty() && member.find('=', equals + 1) == member.npos;
    if (!is_pair) return place;
    read.set(key, value);
  }
  resource.merge(read);
  return 0;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_VARIABLE_LISTS_HPP
