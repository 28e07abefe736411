// Baggage: names and values that travel with a request through all services that take part in it
// (W3C Baggage). Here as entries of plain text in one piece of memory; what they look like in a
// header is in api/baggage_header.hpp.
#ifndef WAGGLE_CORE_BAGGAGE_HPP
#define WAGGLE_CORE_BAGGAGE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Names one value. Names are case-sensitive; in a header only those arrive that are tokens
// (letters, digits and !#$%&'*+-.^_`|~). Metadata is the header's `;`-separated properties, as they
// stand.
struct BaggageEntry {
  std::string_view name;
  std::string_view value;
  std::string_view metadata;
};

// Views the entries of a context's baggage, in their order; valid as long as that context lives.
class Baggage {
 public:
  class Iterator {
   public:
    explicit Iterator(std::string_view bytes) noexcept : bytes_(bytes) {}
    BaggageEntry operator*() const noexcept {
      return {part(kSizes, size(0)), part(kSizes + size(0), size(1)),
              part(kSizes + size(0) + size(1), size(2))};
    }
    Iterator& operator++() noexcept {
      bytes_.remove_prefix(kSizes + size(0) + size(1) + size(2));
      return *this;
    }
    bool operator!=(const Iterator& other) const noexcept {
      return bytes_.size() != other.bytes_.size();
    }

   private:
    std::size_t size(std::size_t index) const noexcept {
      std::uint16_t sizes[3];
      std::memcpy(sizes, bytes_.data(), sizeof(sizes));
      return sizes[index];
    }
    std::string_view part(std::size_t at, std::size_t size) const noexcept {
      return bytes_.substr(at, size);
    }

    std::string_view bytes_;
  };

  // An entry is the sizes of its three texts and then these.
  static constexpr std::size_t kSizes = 3 * sizeof(std::uint16_t);

  Baggage() noexcept = default;
  explicit Baggage(std::string_view bytes) noexcept : bytes_(bytes) {}

  Iterator begin() const noexcept { return Iterator(bytes_); }
  Iterator end() const noexcept { return Iterator(bytes_.substr(bytes_.size())); }
  bool empty() const noexcept { return bytes_.empty(); }

  // Returns the value under `name`, the last one if a header had several; nothing if there is none.
  std::string_view value(std::string_view name) const noexcept {
    std::string_view found;
    for (const BaggageEntry entry : *this) {
      if (entry.name == name) found = entry.value;
    }
    return found;
  }

  std::string_view bytes() const noexcept { return bytes_; }

 private:
  std::string_view bytes_;
};

namespace detail {

// Baggage being composed: at most 64 entries and 8,192 bytes, as a header would count them (W3C
// Baggage, Limits: so much has to be passed on). What is more is left out, entry by entry.
class BaggageBuffer {
 public:
  static constexpr std::size_t kEntryLimit = 64;
  static constexpr std::size_t kHeaderLimit = 8192;

  BaggageBuffer() noexcept = default;
  BaggageBuffer(const BaggageBuffer&) = delete;
  BaggageBuffer& operator=(const BaggageBuffer&) = delete;

  Baggage view() const noexcept { return Baggage({bytes_, size_}); }

  // Adds an entry whose texts lie elsewhere.
  void add(const BaggageEntry& entry) noexcept {
    const std::size_t size = header_size(entry) + (entries_ != 0);
    if (entry.name.empty() || entries_ == kEntryLimit || size > kHeaderLimit - header_size_) return;
    const std::uint16_t sizes[] = {static_cast<std::uint16_t>(entry.name.size()),
                                   static_cast<std::uint16_t>(entry.value.size()),
                                   static_cast<std::uint16_t>(entry.metadata.size())};
    append({reinterpret_cast<const char*>(sizes), sizeof(sizes)});
    append(entry.name);
    append(entry.value);
    append(entry.metadata);
    header_size_ += size;
    ++entries_;
  }

  // Adds all entries but those of that name.
  void add_others(Baggage baggage, std::string_view name) noexcept {
    for (const BaggageEntry entry : baggage) {
      if (entry.name != name) add(entry);
    }
  }

  // Tells whether a value may hold this character as it is: a percent sign stands for itself only
  // when it begins an escape.
  static constexpr bool is_plain(char c) noexcept {
    return c > ' ' && c <= '~' && c != '"' && c != ',' && c != ';' && c != '\\' && c != '%';
  }

 private:
  static std::size_t header_size(const BaggageEntry& entry) noexcept {
    std::size_t size = entry.name.size() + 1 + entry.value.size();
    for (char c : entry.value) size += is_plain(c) ? 0U : 2U;
    return size + (entry.metadata.empty() ? 0 : 1 + entry.metadata.size());
  }

  void append(std::string_view text) noexcept {
    if (!text.empty()) std::memcpy(bytes_ + size_, text.data(), text.size());
    size_ += text.size();
  }

  std::size_t size_ = 0;
  std::size_t header_size_ = 0;
  std::size_t entries_ = 0;
  char bytes_[kHeaderLimit + kEntryLimit * Baggage::kSizes];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_BAGGAGE_HPP
