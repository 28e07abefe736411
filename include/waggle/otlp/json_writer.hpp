// Writes JSON by appending: no tree, no look-up, no allocation once the text has been as long
// before. Any bytes in any string give valid JSON. Pieces are gathered in a block of a few
// kilobytes, so that most appends are a comparison and a copy of known size.
#ifndef WAGGLE_OTLP_JSON_WRITER_HPP
#define WAGGLE_OTLP_JSON_WRITER_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/core/ids.hpp"
#include "waggle/otlp/json_pieces.hpp"
#include "waggle/otlp/json_text.hpp"
#include "waggle/otlp/number_text.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

class JsonWriter {
 public:
  // The most that one piece may take.
  static constexpr std::size_t kLongestPiece = 256;

  void clear() noexcept {
    text_.clear();
    pending_ = 0;
  }

  // Returns all that was written; valid until the next call of another function.
  const std::string& text() {
    flush();
    return text_;
  }
  std::size_t size() const noexcept { return text_.size() + pending_; }

  // Takes everything behind the first `size` bytes back.
  void truncate(std::size_t size) {
    flush();
    text_.resize(size);
  }

  void reserve(std::size_t bytes) { text_.reserve(bytes); }

  // Appends what `write` puts there, given where; it returns where that ends.
  template <class Write>
  WAGGLE_INLINE void piece(Write&& write) {
    advance(write(room()));
  }

  // The same, if it is not null what that returns; else tells so.
  template <class Write>
  WAGGLE_INLINE bool try_piece(Write&& write) {
    const char* const end = write(room());
    if (end != nullptr) advance(end);
    return end != nullptr;
  }

  // Appends text that is JSON already.
  WAGGLE_INLINE void raw(std::string_view json) {
    if (json.size() > kLongestPiece) return append(json);
    std::memcpy(room(), json.data(), json.size());
    pending_ += json.size();
  }

  // Appends a string with its quotes; what is not UTF-8 becomes U+FFFD.
  void string(std::string_view value) {
    if (!try_piece([&](char* to) { return write_short_string(to, value); })) any_string(value);
  }

  // Appends a 64-bit number as OTLP has it: between quotes.
  void int64(std::int64_t value) { advance(write_quoted_number(room(), value)); }
  void uint64(std::uint64_t value) { advance(write_quoted_time(room(), value)); }

  // Appends a number of up to 32 bits.
  void uint32(std::uint32_t value) { advance(write_number(room(), std::uint64_t{value})); }

  void id(TraceId trace_id) { advance(write_quoted(room(), trace_id)); }
  void id(SpanId span_id) { advance(write_quoted(room(), span_id)); }

  // Appends bytes in base64 with padding (RFC 4648, section 4).
  void base64(std::string_view bytes) {
    raw("\"");
    for (; bytes.size() >= 3; bytes.remove_prefix(3)) base64_group(bytes, 3);
    if (!bytes.empty()) base64_group(bytes, bytes.size());
    raw("\"");
  }

 private:
  static constexpr std::size_t kBlock = 4096;

  // Returns where the next kLongestPiece bytes may be written.
  WAGGLE_INLINE char* room() {
    if (pending_ > kBlock - kLongestPiece) flush();
    return block_ + pending_;
  }
  // The same, after what stands before `to`.
  char* room_behind(const char* to) {
    advance(to);
    return room();
  }
  void advance(const char* end) noexcept { pending_ = static_cast<std::size_t>(end - block_); }

  WAGGLE_OUT_OF_LINE void flush() {
    text_.append(block_, pending_);
    pending_ = 0;
  }
  void append(std::string_view json) {
    flush();
    text_.append(json);
  }

  // Appends a string of any length and any bytes.
  WAGGLE_OUT_OF_LINE void any_string(std::string_view value) {
    char* to = room();
    *to++ = '"';
    while (!value.empty()) {
      to = room_behind(to);
      const std::string_view part = value.substr(0, kShortText);
      if (copy_plain(part, to)) {
        to += part.size();
        value.remove_prefix(part.size());
        continue;
      }
      const std::size_t rest = value.size() - part.size();
      while (value.size() > rest) to = escape_some(value, room_behind(to));
    }
    *to++ = '"';
    advance(to);
  }

  // Writes one to three bytes as four digits.
  void base64_group(std::string_view bytes, std::size_t size) {
    constexpr const char* kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto byte = [&](std::size_t i) {
      return i < size ? std::uint32_t{static_cast<unsigned char>(bytes[i])} : 0U;
    };
    const std::uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    char* to = room();
    to[0] = kDigits[group >> 18];
    to[1] = kDigits[group >> 12 & 63];
    to[2] = size > 1 ? kDigits[group >> 6 & 63] : '=';
    to[3] = size > 2 ? kDigits[group & 63] : '=';
    pending_ += 4;
  }

  std::string text_;
  std::size_t pending_ = 0;
  char block_[kBlock];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_JSON_WRITER_HPP
