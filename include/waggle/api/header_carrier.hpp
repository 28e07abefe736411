// The headers of a request or a message, whatever holds them: a container of pairs of text, or a
// function. How inject() and extract(), in propagation.hpp, write and read them.
#ifndef WAGGLE_API_HEADER_CARRIER_HPP
#define WAGGLE_API_HEADER_CARRIER_HPP

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include "waggle/core/value.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Receives the values of one header name.
class HeaderReader {
 public:
  virtual void read(std::string_view value) noexcept = 0;

 protected:
  ~HeaderReader() = default;
};

constexpr char to_lowercase(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Compares a header's name with one of ours, which are lowercase.
inline bool is_header_name(std::string_view text, std::string_view name) noexcept {
  if (text.size() != name.size()) return false;
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (to_lowercase(text[at]) != name[at]) return false;
  }
  return true;
}

template <class Pair, class = void>
constexpr bool is_text_pair_v = false;
template <class Pair>
constexpr bool is_text_pair_v<Pair, std::void_t<decltype(std::declval<const Pair&>().first),
                                                decltype(std::declval<const Pair&>().second)>> =
    is_text_v<decltype(Pair::first)>&& is_text_v<decltype(Pair::second)>;

template <class Carrier>
constexpr bool is_header_range_v = is_text_pair_v<typename RangeElement<Carrier>::Type>;

template <class Carrier>
constexpr bool is_setter_v = std::is_invocable_v<Carrier&, std::string_view, std::string_view>;

}  // namespace detail

// Takes the values of a header from a carrier that is a function: to be called once a value, in the
// order of the header's lines. For the duration of that function's call only.
class HeaderSink {
 public:
  explicit HeaderSink(detail::HeaderReader& reader) noexcept : reader_(&reader) {}

  // Takes text or a `const char*`; null stands for no value.
  template <class Text>
  void operator()(const Text& value) const noexcept {
    reader_->read(detail::to_text(value));
  }

 private:
  detail::HeaderReader* reader_;
};

namespace detail {

template <class Carrier>
constexpr bool is_lister_v = std::is_invocable_v<const Carrier&, std::string_view, HeaderSink>;

template <class Carrier>
constexpr bool is_getter_v = std::is_invocable_v<const Carrier&, std::string_view>;

// Reads every value that a carrier has under `name`, in order.
template <class Carrier>
void read_header(const Carrier& carrier, std::string_view name, HeaderReader& reader) {
  if constexpr (is_header_range_v<Carrier>) {
    for (const auto& header : carrier) {
      if (is_header_name(to_text(header.first), name)) reader.read(to_text(header.second));
    }
  } else if constexpr (is_lister_v<Carrier>) {
    carrier(name, HeaderSink(reader));
  } else {
    static_assert(is_getter_v<Carrier>,
                  "not a carrier: pass a range of pairs of text, or a function of a header's name");
    const auto& value = carrier(name);
    reader.read(to_text(value));
  }
}

// Removes every header of this name, in whatever case.
template <class Container>
void erase_header(Container& headers, std::string_view name) {
  for (auto header = headers.begin(); header != headers.end();) {
    if (is_header_name(header->first, name)) {
      header = headers.erase(header);
    } else {
      ++header;
    }
  }
}

// Replaces a header; an empty value only removes it.
template <class Carrier>
void write_header(Carrier& carrier, std::string_view name, std::string_view value) {
  if constexpr (is_setter_v<Carrier>) {
    if (!value.empty()) carrier(name, value);
  } else {
    static_assert(is_header_range_v<Carrier>,
                  "not a carrier: pass a container of pairs of strings, or a function that takes a "
                  "header's name and value as std::string_view");
    using Pair = typename Carrier::value_type;
    using Name = Bare<typename Pair::first_type>;
    using Value = typename Pair::second_type;
    static_assert(!std::is_trivially_copyable_v<Name> && !std::is_trivially_copyable_v<Value>,
                  "the container has to own its text: std::string, not std::string_view");
    erase_header(carrier, name);
    if (value.empty()) return;
    carrier.insert(carrier.end(),
                   Pair(Name(name.data(), name.size()), Value(value.data(), value.size())));
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_HEADER_CARRIER_HPP
