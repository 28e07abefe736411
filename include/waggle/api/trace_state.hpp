// W3C tracestate as text (Trace Context Level 2, section 3.3): strict validation, bounded
// composition, and OpenTelemetry's member of it, `ot=th:...;rv:...`, which carries the sampling
// threshold from service to service. Pure functions on text, without allocation; used by inject(),
// extract() and the samplers.
#ifndef WAGGLE_API_TRACE_STATE_HPP
#define WAGGLE_API_TRACE_STATE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/core/context.hpp"
#include "waggle/core/ids.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// ---- grammar ----

// Cuts text at each separator; a text without any is one piece, also if it is empty.
class TextPieces {
 public:
  TextPieces(std::string_view text, char separator) noexcept : rest_(text), separator_(separator) {}

  // Moves on to the next piece; false once there is none left.
  bool next(std::string_view& piece) noexcept {
    if (is_done_) return false;
    const std::size_t at = rest_.find(separator_);
    piece = rest_.substr(0, at);
    is_done_ = at == std::string_view::npos;
    if (!is_done_) rest_.remove_prefix(at + 1);
    return true;
  }

 private:
  std::string_view rest_;
  char separator_;
  bool is_done_ = false;
};

constexpr bool is_lowercase_letter(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr bool is_decimal_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_optional_whitespace(char c) noexcept { return c == ' ' || c == '\t'; }

// Removes the spaces and tabs that HTTP allows around a field's value (RFC 9110, section 5.5).
constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_optional_whitespace(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_optional_whitespace(text.back())) text.remove_suffix(1);
  return text;
}

// Section 3.3.1.3.1, as Level 2 has it: `@` is a character like any other but cannot come first.
constexpr bool is_trace_state_key(std::string_view key) noexcept {
  if (key.empty() || key.size() > 256) return false;
  if (!is_lowercase_letter(key.front()) && !is_decimal_digit(key.front())) return false;
  for (char c : key) {
    const bool is_mark = c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
    if (!is_mark && !is_lowercase_letter(c) && !is_decimal_digit(c)) return false;
  }
  return true;
}

// Section 3.3.1.3.2: printable ASCII; spaces in front belong to the value, spaces behind do not.
constexpr bool is_trace_state_value(std::string_view value) noexcept {
  if (value.empty() || value.size() > 256 || value.back() == ' ') return false;
  for (char c : value) {
    if (c < ' ' || c > '~' || c == ',' || c == '=') return false;
  }
  return true;
}

// Tells whether a trimmed piece is `key=value` in full accordance with the grammar.
constexpr bool is_trace_state_member(std::string_view member) noexcept {
  const std::size_t at = member.find('=');
  return at != std::string_view::npos && is_trace_state_key(member.substr(0, at)) &&
         is_trace_state_value(member.substr(at + 1));
}

// ---- composition ----

// A tracestate being composed, valid after every step: at most 32 members and 4,096 bytes (section
// 3.3.1.5 asks for 512). What is too much leaves as whole members: first those over 128 characters,
// then all, each from the right.
class TraceStateBuffer {
 public:
  static constexpr std::size_t kCapacity = 4096;
  static constexpr std::size_t kLongestKept = 128;  // characters; longer members leave first
  static constexpr unsigned kMemberLimit = 32;

  TraceStateBuffer() noexcept = default;
  TraceStateBuffer(const TraceStateBuffer&) = delete;
  TraceStateBuffer& operator=(const TraceStateBuffer&) = delete;

  // Returns the text so far; valid until the next change.
  std::string_view view() const noexcept { return {text_, size_}; }

  // Returns how many members were added, those included that had to leave.
  unsigned member_count() const noexcept { return member_count_; }

  void clear() noexcept {
    size_ = 0;
    member_count_ = 0;
    is_full_ = false;
    is_full_for_long_ = false;
  }

  // Adds a valid member, which lies outside this buffer, at the right.
  void add(std::string_view member) noexcept {
    if (++member_count_ > kMemberLimit) return;
    const bool is_long = member.size() > kLongestKept;
    while (!has_room(member) && !is_long && drop_last_long()) is_full_for_long_ = true;
    // Once a member had to leave, those to the right of it leave too, even if they would fit.
    if (is_full_ || (is_long && is_full_for_long_)) return;
    if (has_room(member)) return append(member);
    (is_long ? is_full_for_long_ : is_full_) = true;
  }

 private:
  bool has_room(std::string_view member) const noexcept {
    return size_ + (size_ != 0) + member.size() <= kCapacity;
  }

  void append(std::string_view member) noexcept {
    if (size_ != 0) text_[size_++] = ',';
    std::memcpy(text_ + size_, member.data(), member.size());
    size_ += member.size();
  }

  // Removes the rightmost member over 128 characters, with one comma; false if there is none.
  bool drop_last_long() noexcept {
    std::size_t end = size_;
    while (end != 0) {
      const std::size_t comma = view().rfind(',', end - 1);
      const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
      if (end - begin > kLongestKept) {
        erase(begin, end);
        return true;
      }
      end = begin == 0 ? 0 : comma;
    }
    return false;
  }

  void erase(std::size_t begin, std::size_t end) noexcept {
    if (end != size_) {
      ++end;
    } else if (begin != 0) {
      --begin;
    }
    std::memmove(text_ + begin, text_ + end, size_ - end);
    size_ -= end - begin;
  }

  std::size_t size_ = 0;
  unsigned member_count_ = 0;
  bool is_full_ = false;           // a member had to leave
  bool is_full_for_long_ = false;  // one over 128 characters had to
  char text_[kCapacity];
};

// Adds one header line to what the lines before it gave (RFC 9110, section 5.3: lines are joined in
// order). Empty members are skipped, duplicate keys kept as they came. Returns false, and the whole
// tracestate is then to be dropped, if any member is invalid or there are more than 32.
inline bool add_trace_state_line(TraceStateBuffer& buffer, std::string_view line) noexcept {
  TextPieces pieces(line, ',');
  for (std::string_view piece; pieces.next(piece);) {
    const std::string_view member = trim(piece);
    if (member.empty()) continue;
    if (!is_trace_state_member(member)) return false;
    buffer.add(member);
    if (buffer.member_count() > TraceStateBuffer::kMemberLimit) return false;
  }
  return true;
}

// ---- OpenTelemetry's member ----

// Thresholds have 56 bits; this is the first number that is none.
constexpr std::uint64_t kThresholdEnd = std::uint64_t{1} << 56;
constexpr std::size_t kThresholdDigits = 14;

// What the `ot` member tells (OpenTelemetry, TraceState Handling).
struct OtelTraceState {
  std::string_view value;                       // the member's whole value, for as long as the text
  bool is_well_formed = false;                  // a list of unique `key:value`; else nothing is read
  bool names_threshold = false;                 // there is a `th`, readable or not
  bool has_randomness = false;                  // there is a readable `rv`
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
  TextPieces pairs(list, ';');
  for (std::string_view pair, key, value; pairs.next(pair);) {
    const auto before = static_cast<std::size_t>(pair.data() - list.data());
    const bool is_bad = list.size() > 256 || !read_otel_pair(pair, key, value) ||
                        (before != 0 && has_otel_key(list.substr(0, before - 1), key));
    if (is_bad) return {list, false, false, false, kUnknownThreshold, 0};
    if (key == "th") {
      told.names_threshold = true;
      told.threshold = read_threshold(value);
    } else if (key == "rv") {
      told.has_randomness =
          value.size() == kThresholdDigits && read_hex(value, told.randomness);
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

// ---- update ----

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
      if (pair.substr(0, 3) != "th:") append({}, pair);
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
// if the threshold is unknown. Members keep their order; only an `ot` that changes moves to the left
// end (section 3.5), and for one that is new the 33rd member leaves. Text that is no valid
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
