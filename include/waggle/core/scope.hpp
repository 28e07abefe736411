// The instrumentation scope: which library or module recorded a span (OpenTelemetry,
// Instrumentation Scope). Spans carry it as a number; the text is handed to the collector once.
#ifndef WAGGLE_CORE_SCOPE_HPP
#define WAGGLE_CORE_SCOPE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "waggle/core/atomic.hpp"
#include "waggle/core/record.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Takes what Scope is made of. Measures literals by itself: through std::string_view g++ would make
// a static Scope at run time, perhaps after a span of another file has used it.
class ScopeText {
 public:
  constexpr ScopeText() noexcept = default;
  constexpr ScopeText(const char* text) noexcept : text_(text) {  // NOLINT
    while (text != nullptr && text[size_] != '\0') ++size_;
  }
  constexpr ScopeText(std::string_view text) noexcept  // NOLINT(google-explicit-constructor)
      : text_(text.data()), size_(text.size()) {}
  template <class Text, class = std::enable_if_t<std::is_class_v<Text>>>
  constexpr ScopeText(const Text& text) noexcept  // NOLINT(google-explicit-constructor)
      : ScopeText(std::string_view(text)) {}

  constexpr std::size_t size() const noexcept { return size_; }
  constexpr char operator[](std::size_t at) const noexcept { return text_[at]; }

 private:
  const char* text_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace detail

// Names the code that makes spans. Meant for a `static const` object; all is copied, so it may be
// made of temporaries. Name, version and schema URL share 208 bytes, what is longer is cut. Safe to
// use from any thread, also before start() and in static constructors and destructors.
class Scope {
 public:
  constexpr explicit Scope(detail::ScopeText name, detail::ScopeText version = {},
                           detail::ScopeText schema_url = {}) noexcept
      : name_size_(copy(name, 0)),
        version_size_(copy(version, name_size_)),
        schema_url_size_(copy(schema_url, static_cast<std::size_t>(name_size_) + version_size_)) {}

  // The same with attributes: scalars, texts and bytes, 256 bytes in all. What is of another kind,
  // does not fit or has an empty key is counted as dropped; of equal keys the last one counts.
  Scope(detail::ScopeText name, detail::ScopeText version, detail::ScopeText schema_url,
        Attributes attributes) noexcept
      : Scope(name, version, schema_url) {
    for (const Attribute& attribute : attributes) {
      if (!is_overwritten(attribute, attributes.end()) && !add(attribute)) ++dropped_attributes_;
    }
  }

  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  std::string_view name() const noexcept { return {text_, name_size_}; }
  std::string_view version() const noexcept { return {text_ + name_size_, version_size_}; }
  std::string_view schema_url() const noexcept {
    return {text_ + name_size_ + version_size_, schema_url_size_};
  }

  // Returns the attributes as chunks, as they lie in a record.
  std::string_view attributes() const noexcept { return {attributes_, attributes_size_}; }
  std::uint32_t dropped_attributes() const noexcept { return dropped_attributes_; }

  // The number that the collector of session `session` gave to this scope, beside that session.
  std::uint64_t cached_number() const noexcept { return detail::load_relaxed(cached_number_); }
  void cache_number(std::uint32_t session, std::uint16_t number) const noexcept {
    detail::store_relaxed(cached_number_, std::uint64_t{session} << 32 | number);
  }

 private:
  static constexpr std::size_t kCapacity = 208;
  static constexpr std::size_t kAttributeBytes = 256;

  constexpr std::uint8_t copy(const detail::ScopeText& part, std::size_t at) noexcept {
    std::size_t size = part.size() < kCapacity - at ? part.size() : kCapacity - at;
    while (size < part.size() && size > 0 && is_continuation(part[size])) --size;
    for (std::size_t i = 0; i < size; ++i) text_[at + i] = part[i];
    return static_cast<std::uint8_t>(size);
  }

  // A UTF-8 sequence is never cut in its middle.
  static constexpr bool is_continuation(char c) noexcept { return (c & '\xc0') == '\x80'; }

  // Attributes lie in one list, so the ones behind this one are those up to the list's end.
  static bool is_overwritten(const Attribute& attribute, const Attribute* end) noexcept {
    for (const Attribute* later = &attribute + 1; later != end; ++later) {
      if (later->key == attribute.key) return true;
    }
    return false;
  }

  bool add(const Attribute& attribute) noexcept {
    const std::uint64_t word = attribute.value.word();
    const bool is_word = attribute.value.is_word();
    const char* const value =
        is_word ? reinterpret_cast<const char*>(&word) : attribute.value.text().data();
    const std::size_t value_size = is_word ? sizeof(word) : attribute.value.text().size();
    const std::size_t value_at = sizeof(detail::ChunkHeader) + detail::padded(attribute.key.size());
    const std::size_t size = value_at + detail::padded(value_size);
    const bool fits = size <= kAttributeBytes - attributes_size_;
    if (attribute.key.empty() || attribute.value.is_list() || !fits) return false;
    char* const chunk = attributes_ + attributes_size_;
    detail::store_bytes(chunk,
                        detail::ChunkHeader{detail::ChunkKind::Element, attribute.value.tag(),
                                            static_cast<std::uint16_t>(attribute.key.size()),
                                            static_cast<std::uint32_t>(value_size)});
    std::memcpy(chunk + sizeof(detail::ChunkHeader), attribute.key.data(), attribute.key.size());
    if (value_size != 0) std::memcpy(chunk + value_at, value, value_size);
    attributes_size_ = static_cast<std::uint16_t>(attributes_size_ + size);
    return true;
  }

  char text_[kCapacity] = {};
  char attributes_[kAttributeBytes] = {};
  std::uint8_t name_size_;
  std::uint8_t version_size_;
  std::uint8_t schema_url_size_;
  std::uint16_t attributes_size_ = 0;
  std::uint16_t dropped_attributes_ = 0;
  mutable std::uint64_t cached_number_ = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_SCOPE_HPP
