// Which C++ types can be attribute values, and what each of them means. The decisions are taken
// here once, so that no type slips through a wrong overload.
#ifndef WAGGLE_CORE_VALUE_TRAITS_HPP
#define WAGGLE_CORE_VALUE_TRAITS_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
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

// Stands for a value that is not there, which is not the same as no attribute.
struct Empty {};

// Views raw bytes for the duration of a call.
class Bytes {
 public:
  Bytes(const void* data, std::size_t size) noexcept
      : bytes_(static_cast<const char*>(data), size) {}
  std::string_view view() const noexcept { return bytes_; }

 private:
  std::string_view bytes_;
};

class AttributeValue;
struct Attribute;

namespace detail {

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
                              !is_character_v<T> && !std::is_same_v<T, std::byte> &&
                              sizeof(T) <= sizeof(std::uint64_t);

template <class T>
constexpr bool is_scalar_value_v =
    std::is_same_v<T, bool> || is_integer_v<T> || std::is_floating_point_v<T>;

template <class T>
constexpr bool is_text_v =
    std::is_convertible_v<const T&, std::string_view> && !std::is_same_v<T, std::nullptr_t>;

// ---- ranges ----

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
template <class T>
using RangeElementOf = typename RangeElement<T>::Type;

// Bytes lie one behind the other: std::byte, or unsigned char as OpenTelemetry's API has it.
template <class T>
constexpr bool is_byte_v = std::is_same_v<T, std::byte> || std::is_same_v<T, unsigned char>;

template <class T, class = void>
constexpr bool is_byte_range_v = false;
template <class T>
constexpr bool is_byte_range_v<T, std::void_t<decltype(std::declval<const T&>().data()),
                                              decltype(std::declval<const T&>().size())>> =
    is_byte_v<RangeElementOf<T>>;
template <class T, std::size_t Size>
constexpr bool is_byte_range_v<T[Size], void> = is_byte_v<Bare<T>>;

// vector<bool>'s proxy is the one element that is neither a scalar nor text but still means bool.
template <class T>
constexpr bool is_bool_range_v =
    std::is_convertible_v<RangeElementOf<T>, bool>&& std::is_class_v<RangeElementOf<T>> &&
    !is_text_v<RangeElementOf<T>>;

template <class T, class = void>
constexpr bool is_optional_v = false;
template <class T>
constexpr bool is_optional_v<T, std::void_t<decltype(std::declval<const T&>().has_value()),
                                            decltype(*std::declval<const T&>())>> = true;

template <class T>
struct IsAttributeValue;

// A map's element: a pair of text and a value, or an Attribute.
template <class T, class = void>
struct IsMapElement : std::is_same<T, Attribute> {};
template <class T>
struct IsMapElement<T, std::void_t<decltype(std::declval<const T&>().first),
                                   decltype(std::declval<const T&>().second)>>
    : std::bool_constant<is_text_v<Bare<decltype(T::first)>> &&
                         IsAttributeValue<Bare<decltype(T::second)>>::value> {};

template <class T>
constexpr bool is_map_value_v = IsMapElement<RangeElementOf<T>>::value;

// A type that is a range of itself, as a path is, is none for us.
template <class T, class Element = RangeElementOf<T>>
struct IsArrayValue : std::bool_constant<is_bool_range_v<T> || IsAttributeValue<Element>::value> {};
template <class T>
struct IsArrayValue<T, NotARange> : std::false_type {};
template <class T>
struct IsArrayValue<T, AttributeValue> : std::true_type {};
template <class T>
struct IsArrayValue<T, T> : std::false_type {};

template <class T, bool = is_optional_v<T>>
struct IsOptionalValue : std::false_type {};
template <class T>
struct IsOptionalValue<T, true> : IsAttributeValue<Bare<decltype(*std::declval<const T&>())>> {};

template <class T>
constexpr bool is_plain_value_v =
    is_scalar_value_v<T> || is_text_v<T> || std::is_same_v<T, Empty> || std::is_same_v<T, Bytes> ||
    is_byte_range_v<T>;

template <class T>
struct IsAttributeValue
    : std::disjunction<std::bool_constant<is_plain_value_v<T>>, IsOptionalValue<T>,
                       IsMapElement<RangeElementOf<T>>, IsArrayValue<T>> {};

template <class T>
constexpr bool is_attribute_value_v = IsAttributeValue<T>::value;

// ---- what they mean ----

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

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_VALUE_TRAITS_HPP
