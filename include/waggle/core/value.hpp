// Attribute values at the call site: AttributeValue is a short-lived view of one value, made by
// implicit conversion, copied into the span before the call returns. What each C++ type means is
// decided in value_traits.hpp.
#ifndef WAGGLE_CORE_VALUE_HPP
#define WAGGLE_CORE_VALUE_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>

#include "waggle/core/value_traits.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Receives the elements of an array or a map, one call each; first to be measured, then to be
// written. An array's have no key.
class ElementSink {
 public:
  virtual void element(std::string_view key, const AttributeValue& value) noexcept = 0;

 protected:
  ~ElementSink() = default;
};

template <class Range>
void visit_elements(const void* object, ElementSink& sink) noexcept;

}  // namespace detail

// Views one attribute value for the duration of a call. Takes
//   - bool; every integer (beyond int64's range as decimal text) and enumeration; every floating
//     type; anything convertible to std::string_view;
//   - bytes: Bytes, and contiguous ranges of std::byte or unsigned char;
//   - any range or braced list of attribute values: an array; a range of pairs of text and a value:
//     a map; both nested as deeply as the types are. List and Map, below, are for values of
//     several kinds;
//   - an optional: its value, or none; Empty.
// A pointer other than `const char*` and a lone character do not compile: the first would be read
// as true, the second as a number.
class AttributeValue {
 public:
  template <class T, class = std::enable_if_t<!std::is_same_v<T, AttributeValue>>>
  AttributeValue(const T& value) noexcept {  // NOLINT(google-explicit-constructor)
    static_assert(
        detail::IsAttributeValue<T>::value,
        "not an attribute value: pass a bool, a number, text, bytes, or a range of these");
    set(value);
  }

  // Views a braced list: {1, 2, 3}.
  template <class T>
  AttributeValue(const std::initializer_list<T>& values) noexcept {  // NOLINT
    set_elements(ValueTag::Array, values);
  }

  // Views text under another tag: raw bytes, or a type's mangled name.
  AttributeValue(ValueTag tag, std::string_view text) noexcept : tag_(tag), text_(text) {}

  // Neither copied nor moved, so that it cannot outlive the temporaries it looks at.
  AttributeValue(const AttributeValue&) = delete;
  AttributeValue& operator=(const AttributeValue&) = delete;

  ValueTag tag() const noexcept { return tag_; }
  std::uint64_t word() const noexcept { return word_; }
  std::string_view text() const noexcept { return text_; }
  void visit(detail::ElementSink& sink) const noexcept { visit_(object_, sink); }

  // Tells whether the value is one 64-bit word rather than text or a list.
  bool is_word() const noexcept {
    return tag_ == ValueTag::Boolean || tag_ == ValueTag::Int64 || tag_ == ValueTag::Double ||
           tag_ == ValueTag::Unsigned;
  }

  // Tells whether the value has elements.
  bool is_list() const noexcept { return visit_ != nullptr; }

 private:
  template <class T>
  void set(const T& value) noexcept {
    if constexpr (detail::is_scalar_value_v<T>) {
      const detail::Word word = detail::to_word(value);
      tag_ = word.tag;
      word_ = word.bits;
    } else if constexpr (detail::is_text_v<T>) {
      text_ = detail::to_text(value);
      tag_ = text_.data() == nullptr ? ValueTag::Empty : ValueTag::Text;
    } else if constexpr (std::is_same_v<T, Bytes>) {
      tag_ = ValueTag::Bytes;
      text_ = value.view();
    } else if constexpr (detail::is_byte_range_v<T>) {
      set_bytes(value);
    } else if constexpr (detail::is_optional_v<T>) {
      if (value.has_value()) set(*value);
    } else if constexpr (!std::is_same_v<T, Empty>) {
      set_elements(detail::is_map_value_v<T> ? ValueTag::Map : ValueTag::Array, value);
    }
  }

  template <class T>
  void set_bytes(const T& range) noexcept {
    if constexpr (std::is_array_v<T>) {
      set(Bytes(range, sizeof(range)));
    } else {
      set(Bytes(range.data(), range.size()));
    }
  }

  template <class Range>
  void set_elements(ValueTag tag, const Range& range) noexcept {
    tag_ = tag;
    object_ = &range;
    visit_ = &detail::visit_elements<Range>;
  }

  ValueTag tag_ = ValueTag::Empty;
  std::uint64_t word_ = 0;
  std::string_view text_;
  const void* object_ = nullptr;
  void (*visit_)(const void*, detail::ElementSink&) = nullptr;
};

// Pairs a key with a value, for lists of attributes: {{"order.id", 42}, {"paid", true}}.
struct Attribute {
  std::string_view key;
  AttributeValue value;
};

namespace detail {

// Views a contiguous list that lives somewhere else, for the duration of a call.
template <class T>
class Slice {
 public:
  constexpr Slice() noexcept = default;
  constexpr Slice(const T* data, std::size_t size) noexcept : data_(data), size_(size) {}
  constexpr Slice(std::initializer_list<T> list) noexcept  // NOLINT(google-explicit-constructor)
      : Slice(list.begin(), list.size()) {}

  constexpr const T* begin() const noexcept { return data_; }
  constexpr const T* end() const noexcept { return data_ + size_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr const T& operator[](std::size_t index) const noexcept { return data_[index]; }

 private:
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace detail

// Views a braced list of attributes for the duration of a call; a type for parameters only.
using Attributes = detail::Slice<Attribute>;

// Views an array or a map whose values are of several kinds, for the duration of a call:
//   span.set_attribute("cart", waggle::Map{{"id", 7}, {"items", waggle::List{"tea", 2, 4.5}}});
// Of a List with one List in it, some compilers make a copy of that one (CWG 2137).
using List = detail::Slice<AttributeValue>;
using Map = Attributes;

namespace detail {

template <class Range>
void visit_elements(const void* object, ElementSink& sink) noexcept {
  using Element = RangeElementOf<Range>;
  for (const auto& element : *static_cast<const Range*>(object)) {
    if constexpr (std::is_same_v<Element, Attribute>) {
      sink.element(element.key, element.value);
    } else if constexpr (std::is_same_v<Element, AttributeValue>) {
      sink.element({}, element);
    } else if constexpr (is_map_value_v<Range>) {
      sink.element(to_text(element.first), AttributeValue(element.second));
    } else if constexpr (is_bool_range_v<Range>) {
      sink.element({}, AttributeValue(static_cast<bool>(element)));
    } else {
      sink.element({}, AttributeValue(static_cast<const Element&>(element)));
    }
  }
}

}  // namespace detail

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_VALUE_HPP
