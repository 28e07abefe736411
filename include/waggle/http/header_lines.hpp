// HTTP header lines as text: which names and values may be sent, how libcurl wants them written,
// and how a reply's lines are read. Pure; used by the HTTP transport.
#ifndef WAGGLE_HTTP_HEADER_LINES_HPP
#define WAGGLE_HTTP_HEADER_LINES_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Lowers an ASCII letter, whatever the program's locale is.
constexpr char lowered(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Compares ASCII text without regard to case, as header names (RFC 9110, section 5.1), hosts and
// schemes are compared.
constexpr bool equals_ignoring_case(std::string_view left, std::string_view right) noexcept {
  if (left.size() != right.size()) return false;
  for (std::size_t index = 0; index < left.size(); ++index) {
    if (lowered(left[index]) != lowered(right[index])) return false;
  }
  return true;
}

// Tells whether `name` is a token (RFC 9110, section 5.6.2), so that it cannot end its line early.
constexpr bool is_header_name(std::string_view name) noexcept {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  for (char c : name) {
    const bool letter_or_digit = (lowered(c) >= 'a' && lowered(c) <= 'z') || (c >= '0' && c <= '9');
    if (!letter_or_digit && kMarks.find(c) == std::string_view::npos) return false;
  }
  return !name.empty();
}

// Tells whether `value` keeps to its line (RFC 9110, section 5.5).
constexpr bool is_header_value(std::string_view value) noexcept {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// Removes the blanks around a header's value.
constexpr std::string_view without_blanks(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Says what is wrong with the headers of a request; empty if nothing is. Names a header whose value
// is at fault, and never repeats a value; a name that is no name may be a value gone astray, so it
// is not repeated either.
WAGGLE_COLD std::string header_problem(const HeaderList& headers) {
  for (const auto& [name, value] : headers) {
    if (!is_header_name(name)) {
      return "a header's name is empty or holds a character that names may not have; check the "
             "configured headers";
    }
    if (!is_header_value(value)) {
      return joined({"the value of header ", name, " holds a line break or a NUL; remove it"});
    }
    for (const char* own : {"Content-Length", "Transfer-Encoding", "Expect"}) {
      if (equals_ignoring_case(name, own)) {
        return joined({"the header ", name, " cannot be configured: it follows from the body"});
      }
    }
  }
  return {};
}

// Replaces each header's value that `text` repeats, so that no key ends up in a log.
inline std::string without_values(std::string text, const HeaderList& headers) {
  constexpr std::size_t kShortestSecret = 6;
  for (const auto& header : headers) {
    const std::string& value = header.second;
    if (value.size() < kShortestSecret) continue;
    for (std::size_t at = text.find(value); at != text.npos; at = text.find(value, at)) {
      text.replace(at, value.size(), "***");
    }
  }
  return text;
}

// Writes a header for libcurl's list, where "Name:" would remove a header and "Name;" sends one
// without a value.
inline std::string header_line(std::string_view name, std::string_view value) {
  const std::string_view text = without_blanks(value);
  return joined({name, text.empty() ? ";" : ": ", text});
}

// Takes the value of `line` into `value` if the line is the header `name`; a value longer than
// `longest` is left out, since nothing sensible is so long.
inline void read_header_line(std::string_view line, std::string_view name, std::size_t longest,
                             std::string& value) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !equals_ignoring_case(line.substr(0, colon), name)) return;
  const std::string_view text = without_blanks(line.substr(colon + 1));
  if (text.size() <= longest) value.assign(text);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_HEADER_LINES_HPP
