// The `baggage` header (W3C Baggage, section 3): read leniently, entry by entry, and written so
// that the strictest reader takes it. Without allocation.
#ifndef WAGGLE_API_BAGGAGE_HEADER_HPP
#define WAGGLE_API_BAGGAGE_HEADER_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/api/header_carrier.hpp"
#include "waggle/api/trace_state_members.hpp"
#include "waggle/core/baggage.hpp"
#include "waggle/core/header_names.hpp"
#include "waggle/core/ids.hpp"
#include "waggle/core/utf8.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// RFC 9110, section 5.6.2.
constexpr bool is_token(std::string_view text) noexcept {
  for (char c : text) {
    const bool is_letter = is_lowercase_letter(to_lowercase(c));
    const bool is_mark = std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    if (!is_letter && !is_decimal_digit(c) && !is_mark) return false;
  }
  return !text.empty();
}

// Tells whether a value keeps to the grammar before it is decoded.
constexpr bool is_encoded_value(std::string_view text) noexcept {
  for (char c : text) {
    if (c != '%' && !BaggageBuffer::is_plain(c)) return false;
  }
  return true;
}

// Tells whether properties can stand in a header as they are.
constexpr bool is_metadata(std::string_view text) noexcept {
  for (char c : text) {
    if ((c < ' ' && c != '\t') || c > '~' || c == ',') return false;
  }
  return true;
}

// ---- reading ----

// Percent-decodes a value, with U+FFFD for what is not UTF-8 then. A percent sign that begins no
// escape stands for itself. No result is longer than its source.
class BaggageValue {
 public:
  explicit BaggageValue(std::string_view encoded) noexcept {
    char ahead[4];
    std::size_t count = 0;
    for (;;) {
      while (count < sizeof(ahead) && !encoded.empty()) ahead[count++] = take_byte(encoded);
      if (count == 0) return;
      const Utf8Sequence sequence = first_utf8_sequence({ahead, count});
      append(sequence.is_valid ? std::string_view(ahead, sequence.length) : kReplacementCharacter);
      count -= sequence.length;
      std::memmove(ahead, ahead + sequence.length, count);
    }
  }

  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  static char take_byte(std::string_view& encoded) noexcept {
    const char first = encoded.front();
    std::uint64_t byte = 0;
    char digits[2] = {};
    const bool is_escape = first == '%' && encoded.size() > 2;
    if (is_escape) {
      digits[0] = to_lowercase(encoded[1]);
      digits[1] = to_lowercase(encoded[2]);
    }
    const bool is_decoded = is_escape && read_hex({digits, 2}, byte);
    encoded.remove_prefix(is_decoded ? 3 : 1);
    return is_decoded ? static_cast<char>(byte) : first;
  }

  void append(std::string_view text) noexcept {
    if (text.size() > sizeof(text_) - size_) return;
    std::memcpy(text_ + size_, text.data(), text.size());
    size_ += text.size();
  }

  std::size_t size_ = 0;
  char text_[BaggageBuffer::kHeaderLimit];
};

// Reads the lines of a header in order; members that break the grammar are skipped.
class BaggageReader final : public HeaderReader {
 public:
  void read(std::string_view line) noexcept override {
    TextPieces pieces(line, ',');
    for (std::string_view piece; pieces.next(piece);) add_member(piece);
  }

  Baggage baggage() const noexcept { return buffer_.view(); }

 private:
  void add_member(std::string_view member) noexcept {
    const std::size_t end = member.find(';');
    const std::string_view pair = member.substr(0, end);
    const std::string_view metadata =
        end == std::string_view::npos ? std::string_view{} : trim(member.substr(end + 1));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || !is_metadata(metadata)) return;
    const std::string_view name = trim(pair.substr(0, equals));
    const std::string_view value = trim(pair.substr(equals + 1));
    if (!is_token(name) || !is_encoded_value(value)) return;
    buffer_.add({name, BaggageValue(value).view(), metadata});
  }

  BaggageBuffer buffer_;
};

// ---- writing ----

// Composes the header's value. Entries whose name is no token are left out, as is metadata that
// would not arrive as it is.
class BaggageHeader {
 public:
  explicit BaggageHeader(Baggage baggage) noexcept {
    for (const BaggageEntry entry : baggage) {
      if (is_token(entry.name)) append(entry);
    }
  }

  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  // There is room: a BaggageBuffer counts in the header's bytes.
  void append(const BaggageEntry& entry) noexcept {
    if (size_ != 0) append(",");
    append(entry.name);
    append("=");
    for (char c : entry.value) append_encoded(c);
    if (entry.metadata.empty() || !is_metadata(entry.metadata)) return;
    append(";");
    append(entry.metadata);
  }

  void append_encoded(char c) noexcept {
    constexpr char kDigits[] = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    const char escape[] = {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    append(BaggageBuffer::is_plain(c) ? std::string_view(&c, 1) : std::string_view(escape, 3));
  }

  void append(std::string_view text) noexcept {
    std::memcpy(text_ + size_, text.data(), text.size());
    size_ += text.size();
  }

  std::size_t size_ = 0;
  char text_[BaggageBuffer::kHeaderLimit];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_BAGGAGE_HEADER_HPP
