// Values of a request's or a response's headers, read from any carrier into fixed buffers.
#ifndef WAGGLE_INSTRUMENT_HEADER_VALUES_HPP
#define WAGGLE_INSTRUMENT_HEADER_VALUES_HPP

#include <cstddef>
#include <string_view>

#include "waggle/api/header_carrier.hpp"
#include "waggle/core/value.hpp"
#include "waggle/instrument/url.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Keeps the first value of a header, at most Capacity bytes of it.
template <std::size_t Capacity>
class FirstHeader final : public HeaderReader {
 public:
  template <class Carrier>
  FirstHeader(const Carrier& carrier, std::string_view name) {
    read_header(carrier, name, *this);
  }

  void read(std::string_view value) noexcept override {
    if (text_.view().empty()) text_.append(trim(value));
  }
  std::string_view view() const noexcept { return text_.view(); }

 private:
  BoundedText<Capacity> text_;
};

// Keeps the values of a header in order: at most eight, 2,048 bytes in all.
class AllHeaders final : public HeaderReader {
 public:
  template <class Carrier>
  AllHeaders(const Carrier& carrier, std::string_view name) {
    read_header(carrier, name, *this);
  }

  void read(std::string_view value) noexcept override {
    if (value.data() == nullptr || count_ == kMost) return;
    const std::size_t before = text_.view().size();
    text_.append(trim(value));
    values_[count_++] = text_.view().substr(before);
  }

  bool empty() const noexcept { return count_ == 0; }
  Slice<std::string_view> values() const noexcept { return {values_, count_}; }

 private:
  static constexpr std::size_t kMost = 8;
  std::size_t count_ = 0;
  std::string_view values_[kMost];
  BoundedText<2048> text_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_HEADER_VALUES_HPP
