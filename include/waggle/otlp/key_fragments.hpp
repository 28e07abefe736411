// What stands before an attribute's value, ready-made: the same few keys come again in every span.
#ifndef WAGGLE_OTLP_KEY_FRAGMENTS_HPP
#define WAGGLE_OTLP_KEY_FRAGMENTS_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/core/value_traits.hpp"
#include "waggle/otlp/json_text.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns what a scalar's AnyValue begins with; empty for the kinds that are none.
inline std::string_view value_opening(ValueTag tag) noexcept {
  switch (tag) {
    case ValueTag::Boolean:
      return R"({"boolValue":)";
    case ValueTag::Int64:
      return R"({"intValue":)";
    case ValueTag::Double:
      return R"({"doubleValue":)";
    case ValueTag::Text:
    case ValueTag::MangledType:
    case ValueTag::Unsigned:
      return R"({"stringValue":)";
    case ValueTag::Bytes:
      return R"({"bytesValue":)";
    default:
      return {};
  }
}

// All that tells an attribute's key from others, and its kind of value, in a few words: the key's
// bytes, those where its parts overlap twice.
struct KeyIdentity {
  static constexpr std::size_t kLongestKey = 32;

  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t second = 0;
  std::uint64_t third = 0;
  std::uint64_t kind = 0;

  KeyIdentity() noexcept = default;

  // For keys of up to kLongestKey bytes.
  KeyIdentity(std::string_view key, ValueTag tag) noexcept
      : kind(key.size() << 8 | static_cast<std::uint64_t>(tag)) {
    const char* const begin = key.data();
    const char* const end = begin + key.size();
    if (key.size() < 8) {
      first = load_bytes(begin, key.size());
      return;
    }
    first = load_word(begin);
    last = load_word(end - 8);
    if (key.size() <= 16) return;
    second = load_word(begin + 8);
    third = load_word(end - 16);
  }

  bool operator==(const KeyIdentity& other) const noexcept {
    return ((first ^ other.first) | (last ^ other.last) | (second ^ other.second) |
            (third ^ other.third) | (kind ^ other.kind)) == 0;
  }

  std::uint64_t hash() const noexcept {
    const std::uint64_t sum = first + last * 0x9e3779b97f4a7c15U + kind;
    return (sum ^ sum >> 32) * 0xbf58476d1ce4e5b9U;
  }
};

// What stands before a value: `{"key":"order.id","value":{"intValue":`.
struct KeyFragment {
  static constexpr std::size_t kLongest = 80;

  KeyIdentity identity;
  std::size_t size = 0;  // 0: there is none
  char text[kLongest] = {};
};

// A table in which each key has one place; keys that share theirs push each other out and are
// made anew.
class KeyFragments {
 public:
  // Returns the fragment of a key and a kind of value, null if there is none: the key is too long
  // or has to be escaped, or the value is no scalar. Valid until the next call.
  const KeyFragment* find(std::string_view key, ValueTag tag) noexcept {
    if (key.size() > KeyIdentity::kLongestKey) return nullptr;
    const KeyIdentity identity(key, tag);
    KeyFragment& fragment = fragments_[identity.hash() >> (64 - kBitsOfPlace)];
    if (!(fragment.identity == identity)) make(fragment, key, tag);
    return fragment.size != 0 ? &fragment : nullptr;
  }

 private:
  static constexpr int kBitsOfPlace = 7;

  // Makes the identity anew: one whose address is taken would not stay in registers.
  WAGGLE_OUT_OF_LINE static void make(KeyFragment& fragment, std::string_view key,
                                      ValueTag tag) noexcept {
    const std::string_view opening = value_opening(tag);
    fragment.identity = KeyIdentity(key, tag);
    fragment.size = 0;
    char* to = append(fragment.text, R"({"key":")");
    if (opening.empty() || !copy_plain(key, to)) return;
    to = append(append(to + key.size(), R"(","value":)"), opening);
    fragment.size = static_cast<std::size_t>(to - fragment.text);
  }

  static char* append(char* to, std::string_view text) noexcept {
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
  }

  KeyFragment fragments_[std::size_t{1} << kBitsOfPlace];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_KEY_FRAGMENTS_HPP
