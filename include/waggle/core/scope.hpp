// The instrumentation scope: which library or module recorded a span (OpenTelemetry,
// Instrumentation Scope). Spans carry it as a number; the text is handed to the collector once.
#ifndef WAGGLE_CORE_SCOPE_HPP
#define WAGGLE_CORE_SCOPE_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "waggle/core/atomic.hpp"

namespace waggle {
inline namespace abi1 {

// Names the code that makes spans. Meant for a `static const` object; its texts are copied, so they
// may be temporaries. Name, version and schema URL share 208 bytes, what is longer is cut. Safe to
// use from any thread, also before start() and in static constructors and destructors.
class Scope {
 public:
  constexpr explicit Scope(std::string_view name, std::string_view version = {},
                           std::string_view schema_url = {}) noexcept
      : name_size_(copy(name, 0)),
        version_size_(copy(version, name_size_)),
        schema_url_size_(copy(schema_url, static_cast<std::size_t>(name_size_) + version_size_)) {}

  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  std::string_view name() const noexcept { return {text_, name_size_}; }
  std::string_view version() const noexcept { return {text_ + name_size_, version_size_}; }
  std::string_view schema_url() const noexcept {
    return {text_ + name_size_ + version_size_, schema_url_size_};
  }

  // The number that the collector of session `session` gave to this scope, beside that session.
  std::uint64_t cached_number() const noexcept { return detail::load_relaxed(cached_number_); }
  void cache_number(std::uint32_t session, std::uint16_t number) const noexcept {
    detail::store_relaxed(cached_number_, std::uint64_t{session} << 32 | number);
  }

 private:
  static constexpr std::size_t kCapacity = 208;

  constexpr std::uint8_t copy(std::string_view part, std::size_t at) noexcept {
    std::size_t size = part.size() < kCapacity - at ? part.size() : kCapacity - at;
    while (size < part.size() && size > 0 && is_continuation(part[size])) --size;
    for (std::size_t i = 0; i < size; ++i) text_[at + i] = part[i];
    return static_cast<std::uint8_t>(size);
  }

  // A UTF-8 sequence is never cut in its middle.
  static constexpr bool is_continuation(char c) noexcept { return (c & '\xc0') == '\x80'; }

  char text_[kCapacity] = {};
  std::uint8_t name_size_;
  std::uint8_t version_size_;
  std::uint8_t schema_url_size_;
  mutable std::uint64_t cached_number_ = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_SCOPE_HPP
