// The forms that a variable's value may have: how each is read, what a person is told if it is not
// of that form, and how it is shown. Pure. Reading leaves `value` alone unless it succeeds.
#ifndef WAGGLE_SETUP_VALUE_FORMS_HPP
#define WAGGLE_SETUP_VALUE_FORMS_HPP

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

#include "waggle/core/config.hpp"
#include "waggle/http/header_lines.hpp"
#include "waggle/sdk/config.hpp"
#include "waggle/sdk/deadline.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Reads all of `text` as a number from `least` to `most`, whatever the program's locale is.
template <class Number>
bool read_number(std::string_view text, Number least, Number most, Number& value) noexcept {
  Number number{};
  const char* const end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, number);
  const bool is_good =
      result.ec == std::errc() && result.ptr == end && number >= least && number <= most;
  if (is_good) value = number;
  return is_good;
}

// Writes a number in the fewest digits that six decimals leave, with a point in every locale.
inline std::string ratio_text(double ratio) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", ratio);
  for (char& c : text) c = c == ',' ? '.' : c;
  return text;
}

// A span of time; 0 is none.
struct DurationForm {
  using Value = Milliseconds;
  static constexpr std::int64_t kMost = 0x7fffffff;
  static constexpr const char* kForm = "a whole number of milliseconds";

  static bool read(std::string_view text, Value& value) noexcept {
    std::int64_t count = 0;
    if (!read_number<std::int64_t>(text, 0, kMost, count)) return false;
    value = Value(count);
    return true;
  }
  WAGGLE_COLD static std::string show(Value value) {
    return joined({std::to_string(value.count()), " ms"});
  }
};

// A span of time in which something has to be done; 0 is no limit.
struct TimeoutForm : DurationForm {
  static constexpr Value kNoLimit{kMost};

  static bool read(std::string_view text, Value& value) noexcept {
    if (!DurationForm::read(text, value)) return false;
    if (value.count() == 0) value = kNoLimit;
    return true;
  }
  WAGGLE_COLD static std::string show(Value value) {
    return value == kNoLimit ? "no limit" : DurationForm::show(value);
  }
};

// How many of something are kept.
struct LimitForm {
  using Value = std::uint32_t;
  static constexpr const char* kForm = "a whole number from 0";

  static bool read(std::string_view text, Value& value) noexcept {
    return read_number<Value>(text, 0, SpanLimits::kUnlimited, value);
  }
  WAGGLE_COLD static std::string show(Value value) {
    return value == SpanLimits::kUnlimited ? "unlimited" : std::to_string(value);
  }
};

// How many of something there are at least one of.
struct SizeForm {
  using Value = std::size_t;
  static constexpr const char* kForm = "a whole number from 1";

  static bool read(std::string_view text, Value& value) noexcept {
    return read_number<Value>(text, 1, 0x7fffffff, value);
  }
  WAGGLE_COLD static std::string show(Value value) { return std::to_string(value); }
};

// A share.
struct RatioForm {
  using Value = double;
  static constexpr const char* kForm = "a number from 0 to 1";

  static bool read(std::string_view text, Value& value) noexcept {
    return read_number<double>(text, 0, 1, value);
  }
  static std::string show(Value value) { return ratio_text(value); }
};

// Yes or no: only "true" is true, in any case (OpenTelemetry, Boolean).
struct BooleanForm {
  using Value = bool;
  static constexpr const char* kForm = "true or false";

  static bool read(std::string_view text, Value& value) noexcept {
    const bool is_true = equals_ignoring_case(text, "true");
    if (!is_true && !equals_ignoring_case(text, "false")) return false;
    value = is_true;
    return true;
  }
  static std::string show(Value value) { return value ? "true" : "false"; }
};

struct CompressionForm {
  using Value = Compression;
  static constexpr const char* kForm = "gzip or none";

  static bool read(std::string_view text, Value& value) noexcept {
    const bool is_gzip = equals_ignoring_case(text, "gzip");
    if (!is_gzip && !equals_ignoring_case(text, "none")) return false;
    value = is_gzip ? Compression::Gzip : Compression::Off;
    return true;
  }
  static std::string show(Value value) { return value == Compression::Gzip ? "gzip" : "none"; }
};

// JSON is all there is, so this decides nothing.
struct ProtocolForm {
  using Value = std::string_view;
  static constexpr const char* kForm = "a protocol that waggle speaks";

  static bool read(std::string_view text, Value&) noexcept {
    return equals_ignoring_case(text, "http/json");
  }
  static std::string show(Value value) { return std::string(value); }
};

struct PathForm {
  using Value = std::string;
  static constexpr const char* kForm = "a path";

  static bool read(std::string_view text, Value& value) {
    value = text;
    return true;
  }
  static std::string show(const Value& value) { return value.empty() ? "none" : value; }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_VALUE_FORMS_HPP
