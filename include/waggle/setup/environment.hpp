// The environment's variables, taken down once so that everything that follows is pure. A variable
// that is empty counts as unset (OpenTelemetry, Environment Variable Specification), and blanks
// around a value do not count.
#ifndef WAGGLE_SETUP_ENVIRONMENT_HPP
#define WAGGLE_SETUP_ENVIRONMENT_HPP

#include <unistd.h>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/core/config.hpp"
#include "waggle/http/header_lines.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Names variables that say the same, the one that wins first.
using VariableNames = std::initializer_list<const char*>;

// A value and who said it: a variable, "code", or "default". Refers to the environment's text.
struct Said {
  std::string_view value;
  const char* by = "default";

  explicit operator bool() const noexcept { return !value.empty(); }
};

// Holds the variables that are tracing's, by name.
class Environment {
 public:
  Environment() = default;
  Environment(std::initializer_list<std::pair<std::string, std::string>> variables)
      : variables_(variables) {}

  // Takes down this process's variables.
  WAGGLE_COLD static Environment read() {
    Environment environment;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
      const std::string_view text(*entry);
      const std::size_t equals = text.find('=');
      if (equals == text.npos || !is_tracings(text.substr(0, equals))) continue;
      environment.add(text.substr(0, equals), text.substr(equals + 1));
    }
    return environment;
  }

  // Sets a variable as if it had always been so.
  void set(std::string_view name, std::string_view value) {
    variables_.emplace(variables_.begin(), name, value);
  }

  // Returns a variable's value, empty if it is unset. The first of two of one name counts, as with
  // getenv.
  WAGGLE_COLD std::string_view value(std::string_view name) const noexcept {
    for (const auto& variable : variables_) {
      if (variable.first == name) return without_blanks(variable.second);
    }
    return {};
  }

  // Returns the first of these that is set.
  WAGGLE_COLD Said first_of(VariableNames names) const noexcept {
    for (const char* name : names) {
      const std::string_view text = value(name);
      if (!text.empty()) return {text, name};
    }
    return {};
  }

 private:
  void add(std::string_view name, std::string_view value) {
    std::pair<std::string, std::string> variable(name, value);
    variables_.push_back(std::move(variable));
  }

  static bool is_tracings(std::string_view name) noexcept {
    for (std::string_view prefix : {"OTEL_", "HONEYCOMB_", "LIBHONEY_"}) {
      if (name.substr(0, prefix.size()) == prefix) return true;
    }
    return name == "SAMPLE_RATE" || name == "DEBUG" || name == "SERVICE_NAME" ||
           name == "SERVICE_VERSION";
  }

  std::vector<std::pair<std::string, std::string>> variables_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_ENVIRONMENT_HPP
