// The members of a W3C tracestate header (Trace Context Level 2, section 3.3): strict validation
// and bounded composition, as text and without allocation. What OpenTelemetry's own member says is
// read and written in trace_state.hpp.
#ifndef WAGGLE_API_TRACE_STATE_MEMBERS_HPP
#define WAGGLE_API_TRACE_STATE_MEMBERS_HPP

#include <cstddef>
#include <cstring>
#include <string_view>

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
    has_dropped_long_ = false;
  }

  // Adds a valid member, which lies outside this buffer, at the right.
  void add(std::string_view member) noexcept {
    if (++member_count_ > kMemberLimit) return;
    const bool is_long = member.size() > kLongestKept;
    // Once a long member had to leave, long ones to the right of it leave too, even if they fit.
    if (is_long && has_dropped_long_) return;
    while (!is_long && !has_room(member) && drop_last_long()) {
    }
    if (has_room(member)) return append(member);
    if (is_long) has_dropped_long_ = true;
  }

 private:
  static_assert((kMemberLimit - 1) * (kLongestKept + 1) <= kCapacity,
                "of members that are not long only the last one allowed can lack room");

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
        has_dropped_long_ = true;
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
  bool has_dropped_long_ = false;
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

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_TRACE_STATE_MEMBERS_HPP
