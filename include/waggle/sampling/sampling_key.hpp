// What makes traces be of one kind for a DynamicSampler: the values of some fields, as one text.
#ifndef WAGGLE_SAMPLING_SAMPLING_KEY_HPP
#define WAGGLE_SAMPLING_SAMPLING_KEY_HPP

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "waggle/sdk/sampler.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Holds one key, written as Refinery writes those of a trace of one span: each field's value, with
// a bullet and a comma behind it. Fields that are missing leave a comma. At most 120 bytes count.
class SamplingKey {
 public:
  static constexpr std::size_t kBytes = 120;

  // Reads `fields` of a trace's first span: start attributes, and "name" for its name.
  SamplingKey(const std::vector<std::string>& fields, const RootRequest& request) noexcept {
    for (const std::string& field : fields) {
      if (field == "name") {
        add(request.name);
        add("\u2022");
      } else {
        add_attribute(field, request.attributes);
      }
      add(",");
    }
  }

  std::string_view text() const noexcept { return {text_, size_}; }

  // Tells the key from others; never 0.
  std::uint64_t hash() const noexcept {
    std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a, then mixed
    for (const char c : text()) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93U;
    return (hash ^ hash >> 32) | 1U;
  }

 private:
  void add_attribute(const std::string& key, Attributes attributes) noexcept {
    const AttributeValue* value = nullptr;
    for (const Attribute& attribute : attributes) {
      if (attribute.key == key) value = &attribute.value;
    }
    if (value == nullptr) return;
    add_value(*value);
    add("\u2022");
  }

  // Of lists and the like it only counts that they are there.
  void add_value(const AttributeValue& value) noexcept {
    const std::uint64_t bits = value.word();
    double real = 0;
    std::memcpy(&real, &bits, sizeof(real));
    switch (value.tag()) {
      case ValueTag::Text:
        return add(value.text());
      case ValueTag::Boolean:
        return add(bits != 0 ? "true" : "false");
      case ValueTag::Int64:
        return add_number(static_cast<std::int64_t>(bits));
      case ValueTag::Unsigned:
        return add_number(bits);
      case ValueTag::Double:
        return add_number(real);
      default:
        return;
    }
  }

  template <class Number>
  void add_number(Number number) noexcept {
    char digits[32];
    const std::to_chars_result end = std::to_chars(digits, std::end(digits), number);
    add({digits, static_cast<std::size_t>(end.ptr - digits)});
  }

  void add(std::string_view text) noexcept {
    const std::size_t size = (std::min)(text.size(), kBytes - size_);
    if (size != 0) std::memcpy(text_ + size_, text.data(), size);
    size_ += size;
  }

  char text_[kBytes];
  std::size_t size_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_SAMPLING_KEY_HPP
