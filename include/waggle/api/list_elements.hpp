// How arrays and maps get into a record: their elements one behind the other as chunks, nested ones
// inside the value of theirs. Measured first, since all of a chunk's room is secured before its
// first byte is written.
#ifndef WAGGLE_API_LIST_ELEMENTS_HPP
#define WAGGLE_API_LIST_ELEMENTS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "waggle/api/recorder.hpp"
#include "waggle/core/record.hpp"
#include "waggle/core/value.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Says how much of `text` to keep within `limit` bytes without cutting a UTF-8 sequence in two.
inline std::size_t utf8_prefix(std::string_view text, std::size_t limit) noexcept {
  if (text.size() <= limit) return text.size();
  std::size_t size = limit;
  while (size > 0 && limit - size < 4 && (text[size] & '\xc0') == '\x80') --size;
  return (text[size] & '\xc0') == '\x80' ? limit : size;
}

inline std::string_view clipped_key(std::string_view key) noexcept {
  return key.substr(0, utf8_prefix(key, kMaxKeyBytes));
}

// Lists within lists; what is nested more deeply has no elements.
constexpr int kDeepestList = 64;

// Adds up what a list's elements need.
class ElementMeasure final : public ElementSink {
 public:
  static std::size_t size_of(const AttributeValue& list, int depth = 1) noexcept {
    ElementMeasure measure(depth);
    if (depth <= kDeepestList) list.visit(measure);
    return measure.size_;
  }

  // Returns the size of any value's bytes in a record.
  static std::size_t value_size(const AttributeValue& value, int depth) noexcept {
    if (value.is_list()) return size_of(value, depth);
    return value.is_word() ? sizeof(std::uint64_t) : value.text().size();
  }

  void element(std::string_view key, const AttributeValue& value) noexcept override {
    size_ += sizeof(ChunkHeader) + padded(clipped_key(key).size()) +
             padded(value_size(value, depth_ + 1));
  }

 private:
  explicit ElementMeasure(int depth) noexcept : depth_(depth) {}

  const int depth_;
  std::size_t size_ = 0;
};

// Writes a list's elements into room that has been secured.
class ElementWriter final : public ElementSink {
 public:
  ElementWriter(Recorder& recorder, std::size_t room) noexcept : recorder_(recorder), room_(room) {}

  // Fills the room exactly, also if the list has become another since it was measured.
  void write(const AttributeValue& list) noexcept {
    list.visit(*this);
    while (room_ != 0) append_header({}, Empty{}, 0);
  }

  void element(std::string_view key, const AttributeValue& value) noexcept override {
    key = clipped_key(key);
    const std::size_t size = ElementMeasure::value_size(value, depth_ + 1);
    if (sizeof(ChunkHeader) + padded(key.size()) + padded(size) > room_) return;
    append_header(key, value, size);
    if (!key.empty()) append(key.data(), key.size());
    if (value.is_list()) return nest(value);
    const std::uint64_t bits = value.word();
    if (value.is_word()) {
      append(&bits, sizeof(bits));
    } else if (size != 0) {
      append(value.text().data(), size);
    }
  }

 private:
  void append_header(std::string_view key, const AttributeValue& value, std::size_t size) noexcept {
    const ChunkHeader header{ChunkKind::Element, value.tag(),
                             static_cast<std::uint16_t>(key.size()),
                             static_cast<std::uint32_t>(size)};
    append(&header, sizeof(header));
  }

  void nest(const AttributeValue& list) noexcept {
    ++depth_;
    if (depth_ <= kDeepestList) list.visit(*this);
    --depth_;
  }

  void append(const void* bytes, std::size_t size) noexcept {
    recorder_.append(bytes, size);
    room_ -= padded(size);
  }

  Recorder& recorder_;
  std::size_t room_;
  int depth_ = 1;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_LIST_ELEMENTS_HPP
