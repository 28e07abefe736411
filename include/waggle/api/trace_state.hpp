// OpenTelemetry's member of a tracestate, `ot=th:...;rv:...`, which carries the sampling threshold
// from service to service (OpenTelemetry, TraceState Handling). Pure functions on text, without
// allocation; used by inject(), extract(), the samplers and the collector.
#ifndef WAGGLE_API_TRACE_STATE_HPP
#define WAGGLE_API_TRACE_STATE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/api/trace_state_members.hpp"
#include "waggle/core/context.hpp"
#include "waggle/core/ids.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// ---- reading ----

// Thresholds have 56 bits; this is the first number that is none.
constexpr std::uint64_t kThresholdEnd = std::uint64_t{1} << 56;
constexpr std::size_t kThresholdDigits = 14;

// What the `ot` member tells (OpenTelemetry, TraceState Handling).
struct OtelTraceState {
  std::string_view value;        // the member's whole value, for as long as the text
  bool is_well_formed = false;   // a list of unique `key:value`; else nothing is read
  bool names_threshold = false;  // there is a `th`, readable or not
  bool has_randomness = false;   // there is a readable `rv`
  std::uint64_t threshold = kUnknownThreshold;  // from `th`, if that is readable
  std::uint64_t randomness = 0;                 // from `rv`
};

// A threshold as `th` shows it: 1 to 14 hexadecimal digits without trailing zeros.
struct ThresholdText {
  char digits[16];
  std::size_t size;

  operator std::string_view() const noexcept { return {digits + 2, size}; }
};

// Writes a threshold below kThresholdEnd: 0 is "0", one half "8".
inline ThresholdText threshold_text(std::uint64_t threshold) noexcept {
  ThresholdText text{{}, kThresholdDigits};
  write_hex(text.digits, threshold);
  while (text.size > 1 && text.digits[text.size + 1] == '0') --text.size;
  return text;
}

// Reads a `th`: zeros are added at the right until there are 14 digits. Anything but 1 to 14
// lowercase digits gives kUnknownThreshold.
constexpr std::uint64_t read_threshold(std::string_view text) noexcept {
  std::uint64_t threshold = 0;
  if (text.size() > kThresholdDigits || !read_hex(text, threshold)) return kUnknownThreshold;
  return threshold << 4 * (kThresholdDigits - text.size());
}

// Splits `key:value` of the `ot` member; false unless both keep to the grammar.
constexpr bool read_otel_pair(std::string_view pair, std::string_view& key,
                              std::string_view& value) noexcept {
  const std::size_t at = pair.find(':');
  if (at == std::string_view::npos || at == 0 || !is_lowercase_letter(pair.front())) return false;
  key = pair.substr(0, at);
  value = pair.substr(at + 1);
  for (char c : key) {
    if (!is_lowercase_letter(c) && !is_decimal_digit(c)) return false;
  }
  for (char c : value) {
    const bool is_letter = is_lowercase_letter(c) || (c >= 'A' && c <= 'Z');
    if (!is_letter && !is_decimal_digit(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

// Tells whether `key` stands in a well-formed list of pairs.
inline bool has_otel_key(std::string_view list, std::string_view key) noexcept {
  TextPieces pairs(list, ';');
  for (std::string_view pair, other, value; pairs.next(pair);) {
    if (read_otel_pair(pair, other, value) && other == key) return true;
  }
  return false;
}

// Reads the value of an `ot` member. All of it or nothing: a list that breaks the grammar anywhere
// or names a key twice tells nothing.
inline OtelTraceState read_otel_value(std::string_view list) noexcept {
  OtelTraceState told;
  told.value = list;
  if (list.size() > 256) return told;
  TextPieces pairs(list, ';');
  for (std::string_view pair, key, value; pairs.next(pair);) {
    const auto before = static_cast<std::size_t>(pair.data() - list.data());
    const bool is_bad = !read_otel_pair(pair, key, value) ||
                        (before != 0 && has_otel_key(list.substr(0, before - 1), key));
    if (is_bad) return {list, false, false, false, kUnknownThreshold, 0};
    if (key == "th") {
      told.names_threshold = true;
      told.threshold = read_threshold(value);
    } else if (key == "rv") {
      told.has_randomness = value.size() == kThresholdDigits && read_hex(value, told.randomness);
    }
  }
  told.is_well_formed = true;
  return told;
}

constexpr bool is_otel_member(std::string_view member) noexcept {
  return member.substr(0, 3) == "ot=";
}

// Reads the first `ot` member of a tracestate; what it does not tell stays unknown.
inline OtelTraceState parse_otel_member(std::string_view trace_state) noexcept {
  TextPieces members(trace_state, ',');
  for (std::string_view piece; members.next(piece);) {
    const std::string_view member = trim(piece);
    if (is_otel_member(member)) return read_otel_value(member.substr(3));
  }
  return {};
}

// ---- writing ----

// Composes `ot=...` with another threshold; the other pairs stay as they were. Empty if no pair is
// left. Where a `th` would make the value longer than 256 characters there is none.
class OtelMember {
 public:
  OtelMember(const OtelTraceState& told, std::uint64_t threshold) noexcept {
    if (threshold < kThresholdEnd) append("th:", threshold_text(threshold));
    append_others(told);
    if (size_ <= kPrefix + 256) return;
    size_ = kPrefix;
    append_others(told);
  }

  std::string_view view() const noexcept {
    return size_ == kPrefix ? std::string_view{} : std::string_view(text_, size_);
  }

 private:
  static constexpr std::size_t kPrefix = 3;

  // Only lists that were well-formed, and so not over 256 characters, are taken over.
  void append_others(const OtelTraceState& told) noexcept {
    if (!told.is_well_formed) return;
    TextPieces pairs(told.value, ';');
    for (std::string_view pair; pairs.next(pair);) {
      if (pair.substr(0, 3) != "th:") append("", pair);
    }
  }

  void append(std::string_view key, std::string_view rest) noexcept {
    if (size_ != kPrefix) text_[size_++] = ';';
    for (std::string_view part : {key, rest}) {
      std::memcpy(text_ + size_, part.data(), part.size());
      size_ += part.size();
    }
  }

  std::size_t size_ = kPrefix;
  char text_[kPrefix + 256 + 4 + kThresholdDigits] = {'o', 't', '='};
};

// Writes `trace_state`, which lies outside the buffer, with `threshold` as its `th`, or without any
// if the threshold is unknown. Members keep their order; only an `ot` that changes moves to the
// left end (section 3.5), and for one that is new the 33rd member leaves. Text that is no valid
// tracestate is dropped as a whole.
inline void write_trace_state(TraceStateBuffer& buffer, std::string_view trace_state,
                              std::uint64_t threshold) noexcept {
  buffer.clear();
  if (!add_trace_state_line(buffer, trace_state)) {
    buffer.clear();
    trace_state = {};
  }
  const OtelTraceState told = parse_otel_member(trace_state);
  const bool is_known = threshold < kThresholdEnd;
  if (is_known ? told.threshold == threshold : !told.names_threshold) return;
  const OtelMember member(told, threshold);
  buffer.clear();
  if (!member.view().empty()) buffer.add(member.view());
  TextPieces pieces(trace_state, ',');
  for (std::string_view piece; pieces.next(piece);) {
    const std::string_view other = trim(piece);
    if (!other.empty() && !is_otel_member(other)) buffer.add(other);
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_TRACE_STATE_HPP
