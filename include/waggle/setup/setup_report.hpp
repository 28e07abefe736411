// What there is to tell about a configuration: mistakes, warnings, and each option's value with who
// said it. Written for people; no key is ever shown.
#ifndef WAGGLE_SETUP_SETUP_REPORT_HPP
#define WAGGLE_SETUP_SETUP_REPORT_HPP

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/core/config.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns text that can stand in a line: without control characters, and not endless.
WAGGLE_COLD std::string one_line(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  std::string line(text.substr(0, kLongest));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (text.size() > kLongest) line += "...";
  return line;
}

WAGGLE_COLD std::string in_quotes(std::string_view text) {
  return joined({"\"", one_line(text), "\""});
}

// Returns what tells one key from another without giving it away. None has fewer than 20
// characters.
WAGGLE_COLD std::string masked(std::string_view key) {
  return joined({"***", key.size() < 20 ? std::string_view{} : key.substr(key.size() - 3)});
}

// Collects while start() makes up its mind. `errors` keep tracing from starting; `warnings` do not.
struct SetupReport {
  struct Line {
    std::string option;
    std::string value;
    std::string source;  // "code", "default", or the variable's name
  };

  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  std::vector<Line> lines;

  void error(std::string text) { errors.push_back(std::move(text)); }
  void warn(std::string text) { warnings.push_back(std::move(text)); }
  WAGGLE_COLD void add(std::string_view option, std::string_view value, std::string_view source) {
    lines.push_back({std::string(option), one_line(value), std::string(source)});
  }

  // Lays all of it out: three columns, then what is wrong.
  WAGGLE_COLD std::string text() const {
    std::size_t option_width = 0;
    std::size_t value_width = 0;
    constexpr std::size_t kWidest = 44;
    for (const Line& line : lines) {
      option_width = (std::max)(option_width, line.option.size());
      value_width = (std::max)(value_width, (std::min)(line.value.size(), kWidest));
    }
    std::string text;
    for (const Line& line : lines) {
      text += joined({padded(line.option, option_width), "  ", padded(line.value, value_width),
                      "  ", line.source, "\n"});
    }
    for (const std::string& error : errors) text += joined({"error: ", error, "\n"});
    for (const std::string& warning : warnings) text += joined({"warning: ", warning, "\n"});
    return text;
  }

 private:
  WAGGLE_COLD static std::string padded(std::string text, std::size_t width) {
    text.resize((std::max)(text.size(), width), ' ');
    return text;
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_SETUP_REPORT_HPP
