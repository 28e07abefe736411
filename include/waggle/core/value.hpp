// Attribute values at the call site: AttributeValue is a short-lived view of one value, made by
// implicit conversion, copied into the span before the call returns. The conversions decide once
// and for all what each C++ type means, so that no type slips through a wrong overload.
#ifndef WAGGLE_CORE_VALUE_HPP
#define WAGGLE_CORE_VALUE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>

#include "waggle/core/config.hpp"

namespace waggle {
inline namespace abi1 {

// Names the alternatives of OTLP's AnyValue, and two that the collector turns into text.
enum class ValueTag : std::uint8_t {
  Empty = 0,
  Boolean = 1,
  Int64 = 2,
  Double = 3,
  Text = 4,
  Bytes = 5,
  Array = 6,
  Map = 7,
  Unsigned = 8,     // above the int64 range: written as decimal text
  MangledType = 9,  // a type's mangled name: demangled by the collector
};

namespace detail {

// Receives the elements of an array, one call each; first to be measured, then to be written.
class ElementSink {
 public:
  virtual void word(ValueTag tag, std::uint64_t bits) noexcept = 0;
  virtual void text(std::string_view value) noexcept = 0;

 protected:
  ~ElementSink() = default;
};

template <class T>
using Bare = std::remove_cv_t<std::remove_reference_t<T>>;

template <class T>
constexpr bool is_character_v = std::is_same_v<T, char> || std::is_same_v<T, wchar_t> ||
#if defined(__cpp_char8_t)
                                std::is_same_v<T, char8_t> ||
#endif
                                std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;

template <class T>
constexpr bool is_integer_v = (std::is_integral_v<T> ||
                               std::is_enum_v<T>)&&!std::is_same_v<T, bool> &&
                              !is_character_v<T> && sizeof(T) <= sizeof(std::uint64_t);

template <class T>
constexpr bool is_scalar_value_v =
    std::is_same_v<T, bool> || is_integer_v<T> || std::is_floating_point_v<T>;

template <class T>
constexpr bool is_text_v =
    std::is_convertible_v<const T&, std::string_view> && !std::is_same_v<T, std::nullptr_t>;

struct NotARange {};

template <class T, class = void>
struct RangeElement {
  using Type = NotARange;
};
template <class T>
struct RangeElement<T, std::void_t<decltype(*std::declval<const T&>().begin()),
                                   decltype(std::declval<const T&>().end())>> {
  using Type = Bare<decltype(*std::declval<const T&>().begin())>;
};
template <class T, std::size_t Size>
struct RangeElement<T[Size], void> {
  using Type = Bare<T>;
};

template <class Element>
constexpr bool is_element_v = is_scalar_value_v<Element> || is_text_v<Element>;

// vector<bool>'s proxy is the one element that is neither a scalar nor text but still means bool.
template <class T>
constexpr bool is_bool_range_v = std::is_convertible_v<typename RangeElement<T>::Type, bool>&&
                                     std::is_class_v<typename RangeElement<T>::Type> &&
                                 !is_text_v<typename RangeElement<T>::Type>;

template <class T>
constexpr bool is_array_value_v =
    !is_text_v<T> && (is_element_v<typename RangeElement<T>::Type> || is_bool_range_v<T>);

template <class T>
constexpr bool is_attribute_value_v =
    is_scalar_value_v<T> || (is_text_v<T> && !std::is_null_pointer_v<T>) || is_array_value_v<T>;

// A scalar as it lies in the record: its tag and its 64 bits.
struct Word {
  ValueTag tag;
  std::uint64_t bits;
};

template <class T>
WAGGLE_INLINE Word to_word(T value) noexcept {
  if constexpr (std::is_same_v<T, bool>) {
    return {ValueTag::Boolean, value ? 1U : 0U};
  } else if constexpr (std::is_floating_point_v<T>) {
    const double number = static_cast<double>(value);
    Word word{ValueTag::Double, 0};
    std::memcpy(&word.bits, &number, sizeof(number));
    return word;
  } else if constexpr (std::is_enum_v<T>) {
    return to_word(static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_unsigned_v<T>) {
    const std::uint64_t bits = value;
    return {bits >> 63 ? ValueTag::Unsigned : ValueTag::Int64, bits};
  } else {
    return {ValueTag::Int64, static_cast<std::uint64_t>(static_cast<std::int64_t>(value))};
  }
}

// A null `const char*` is no text at all; everything else converts as std::string_view does.
template <class T>
WAGGLE_INLINE std::string_view to_text(const T& value) noexcept {
  if constexpr (std::is_pointer_v<T>) {
    return value == nullptr ? std::string_view{} : std::string_view(value);
  } else {
    return std::string_view(value);
  }
}

template <class Range>
void visit_elements(const void* object, ElementSink& sink) noexcept {
  using Element = typename RangeElement<Range>::Type;
  for (const auto& element : *static_cast<const Range*>(object)) {
    if constexpr (is_bool_range_v<Range>) {
      const Word word = to_word(static_cast<bool>(element));
      sink.word(word.tag, word.bits);
    } else if constexpr (is_scalar_value_v<Element>) {
      const Word word = to_word(static_cast<Element>(element));
      sink.word(word.tag, word.bits);
    } else {
      sink.text(to_text(element));
    }
  }
}

}  // namespace detail

// Views one attribute value for the duration of a call. Takes bool; every integer (beyond int64's
// range as decimal text) and enumeration; every floating type; anything convertible to
// std::string_view; and any range or braced list of these. A pointer other than `const char*` and a
// lone character do not compile: the first would be read as true, the second as a number.
class AttributeValue {
 public:
  template <class T, class = std::enable_if_t<!std::is_same_v<T, AttributeValue>>>
  AttributeValue(const T& value) noexcept {  // NOLINT(google-explicit-constructor)
    static_assert(detail::is_attribute_value_v<T>,
                  "not an attribute value: pass a bool, a number, text, or a range of these");
    if constexpr (detail::is_scalar_value_v<T>) {
      const detail::Word word = detail::to_word(value);
      tag_ = word.tag;
      word_ = word.bits;
    } else if constexpr (detail::is_text_v<T>) {
      text_ = detail::to_text(value);
      tag_ = text_.data() == nullptr ? ValueTag::Empty : ValueTag::Text;
    } else {
      set_elements(&value, &detail::visit_elements<T>);
    }
  }

  // Views a braced list: {1, 2, 3}.
  template <class T>
  AttributeValue(const std::initializer_list<T>& values) noexcept {  // NOLINT
    set_elements(&values, &detail::visit_elements<std::initializer_list<T>>);
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

 private:
  void set_elements(const void* object,
                    void (*visit_elements)(const void*, detail::ElementSink&)) noexcept {
    tag_ = ValueTag::Array;
    object_ = object;
    visit_ = visit_elements;
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

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_VALUE_HPP
