// waggle 0.1.0: tracing for C++17 that writes OTLP/JSON to Honeycomb. Everything in one file.
//
// In files that make spans:                 #include "waggle.hpp"
// In the one file that configures tracing:  #define WAGGLE_IMPLEMENTATION
//                                           #include "waggle.hpp"
// Only that one needs libcurl, zlib and nlohmann_json: link -lcurl -lz -pthread.
//
// For waggle/instrument/http.hpp define WAGGLE_INSTRUMENT_HTTP before it; likewise WAGGLE_INSTRUMENT_BIND,
// _HTTPLIB, _CURL and _ASIO.
//
// Made by single_include/generate.py from include/waggle; changes belong there.
// MIT License
//
// Copyright (c) 2026 the waggle authors
//
// Permission is hereby granted, free of charge, to any person obtaining a copy
// of this software and associated documentation files (the "Software"), to deal
// in the Software without restriction, including without limitation the rights
// to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
// copies of the Software, and to permit persons to whom the Software is
// furnished to do so, subject to the following conditions:
//
// The above copyright notice and this permission notice shall be included in all
// copies or substantial portions of the Software.
//
// THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
// IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
// FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
// AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
// LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
// OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
// SOFTWARE.

// ---- waggle/core/config.hpp ----

// Compiler hints used by every other header. None of them changes a type's layout or an inline
// function's meaning, so files compiled with different flags can be linked together.
#ifndef WAGGLE_CORE_CONFIG_HPP
#define WAGGLE_CORE_CONFIG_HPP

#if !defined(__GNUC__)
#error "waggle needs g++ or clang: it uses their atomic and thread-local builtins"
#endif

#define WAGGLE_LIKELY(condition) __builtin_expect(static_cast<bool>(condition), true)
#define WAGGLE_UNLIKELY(condition) __builtin_expect(static_cast<bool>(condition), false)

// Folded into the call site: bodies that shrink to a few instructions once their arguments are
// known.
#define WAGGLE_INLINE inline __attribute__((always_inline))
// Kept out of the call site, but expected to run often.
#define WAGGLE_OUT_OF_LINE inline __attribute__((noinline))
// Kept out of the call site and out of the hot text: the rare branch of a hot function.
#define WAGGLE_COLD inline __attribute__((noinline, cold))

// The inline namespace of what is made of spans: with WAGGLE_DISABLED other classes, hence another
// one.
#ifdef WAGGLE_DISABLED
#define WAGGLE_SPANS_NAMESPACE disabled1
#else
#define WAGGLE_SPANS_NAMESPACE abi1
#endif

#endif  // WAGGLE_CORE_CONFIG_HPP

// ---- waggle/core/value_traits.hpp ----

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

// ---- waggle/core/value.hpp ----

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

// ---- waggle/api/exception.hpp ----

// What a span can tell about an exception: its type's name and its message. With RTTI the name is
// that of the dynamic type, still mangled (the collector demangles it); without, the static type's
// name is cut from the compiler's own text. Both ways have a type of their own, so files compiled
// either way can be linked together.
#ifndef WAGGLE_API_EXCEPTION_HPP
#define WAGGLE_API_EXCEPTION_HPP

#include <string_view>
#include <type_traits>
#if defined(__cpp_rtti) || defined(__GXX_RTTI)
#include <typeinfo>
#endif

namespace waggle {
inline namespace abi1 {

// Tells about an exception that is not at hand as a C++ object: one of another language, or one
// whose stack trace is known. What is empty is left out. A view, for the duration of a call.
struct ExceptionDetails {
  std::string_view type{};
  std::string_view message{};
  std::string_view stacktrace{};
  bool escaped = false;  // exception.escaped, deprecated by OpenTelemetry; written if true
};

namespace detail {

#if defined(__cpp_rtti) || defined(__GXX_RTTI)
struct DynamicTypeName {
  template <class Exception>
  static AttributeValue of(const Exception& exception) noexcept {
    return {ValueTag::MangledType, typeid(exception).name()};
  }
};
using ExceptionTypeName = DynamicTypeName;
#else
struct StaticTypeName {
  // "... [with Exception = std::runtime_error; ...]" in g++, "... [Exception = std::runtime_error]"
  // in clang.
  template <class Exception>
  static AttributeValue of(const Exception&) noexcept {
    std::string_view text = __PRETTY_FUNCTION__;
    constexpr std::string_view kMark = "Exception = ";
    text.remove_prefix(text.rfind(kMark) + kMark.size());
    return {ValueTag::Text, text.substr(0, text.find_first_of(";]"))};
  }
};
using ExceptionTypeName = StaticTypeName;
#endif

template <class Exception, class = void>
struct HasWhat : std::false_type {};
template <class Exception>
struct HasWhat<Exception, std::void_t<decltype(std::declval<const Exception&>().what())>>
    : std::true_type {};

// Anything may be thrown in C++; what has no what() has no message.
template <class Exception>
std::string_view exception_message(const Exception& exception) noexcept {
  if constexpr (HasWhat<Exception>::value) {
    return to_text(exception.what());
  } else if constexpr (is_text_v<Exception>) {
    return to_text(exception);
  } else {
    return {};
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_EXCEPTION_HPP

// ---- waggle/core/atomic.hpp ----

// The few atomic operations that the light band needs, over the compiler's builtins: <atomic> alone
// would cost more lines than the whole band may have. Plain members are accessed through these
// functions whenever another thread or a signal handler can see them.
#ifndef WAGGLE_CORE_ATOMIC_HPP
#define WAGGLE_CORE_ATOMIC_HPP

namespace waggle {
inline namespace abi1 {
namespace detail {

template <class T>
WAGGLE_INLINE T load_relaxed(const T& object) noexcept {
  return __atomic_load_n(&object, __ATOMIC_RELAXED);
}

template <class T>
WAGGLE_INLINE T load_acquire(const T& object) noexcept {
  return __atomic_load_n(&object, __ATOMIC_ACQUIRE);
}

template <class T, class U>
WAGGLE_INLINE void store_relaxed(T& object, U value) noexcept {
  __atomic_store_n(&object, static_cast<T>(value), __ATOMIC_RELAXED);
}

template <class T, class U>
WAGGLE_INLINE void store_release(T& object, U value) noexcept {
  __atomic_store_n(&object, static_cast<T>(value), __ATOMIC_RELEASE);
}

template <class T, class U>
WAGGLE_INLINE T exchange(T& object, U value) noexcept {
  return __atomic_exchange_n(&object, static_cast<T>(value), __ATOMIC_ACQ_REL);
}

template <class T>
WAGGLE_INLINE bool compare_exchange(T& object, T& expected, T desired) noexcept {
  return __atomic_compare_exchange_n(&object, &expected, desired, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE);
}

template <class T>
WAGGLE_INLINE T fetch_add(T& object, T amount) noexcept {
  return __atomic_fetch_add(&object, amount, __ATOMIC_ACQ_REL);
}

// Adds to a counter that only its owning thread writes and others may read: no locked instruction.
template <class T>
WAGGLE_INLINE void add_owned(T& counter, T amount) noexcept {
  store_relaxed(counter, static_cast<T>(load_relaxed(counter) + amount));
}

// Keeps the compiler from moving memory accesses across this point, for a signal handler's eyes.
WAGGLE_INLINE void signal_fence() noexcept { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_ATOMIC_HPP

// ---- waggle/core/baggage.hpp ----

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

// ---- waggle/core/ids.hpp ----

// Trace and span ids: plain values of 16 and 8 bytes, kept as native integers whose most
// significant byte is the first byte on the wire. All-zero means "none" (W3C Trace Context,
// section 3.2.2).
#ifndef WAGGLE_CORE_IDS_HPP
#define WAGGLE_CORE_IDS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Writes `value` as 16 lowercase hexadecimal digits.
inline void write_hex(char* out, std::uint64_t value) noexcept {
  constexpr const char* kDigits = "0123456789abcdef";
  for (int digit = 15; digit >= 0; --digit) {
    out[digit] = kDigits[value & 15];
    value >>= 4;
  }
}

// Reads one lowercase hexadecimal digit; -1 for anything else, uppercase included.
constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Reads up to 16 lowercase hexadecimal digits; false if there are more or others.
constexpr bool read_hex(std::string_view text, std::uint64_t& value) noexcept {
  if (text.empty() || text.size() > 16) return false;
  std::uint64_t result = 0;
  for (char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0) return false;
    result = result << 4 | static_cast<std::uint64_t>(digit);
  }
  value = result;
  return true;
}

}  // namespace detail

// Holds an id's hexadecimal digits as text, without allocating; converts to std::string_view, which
// is valid for as long as this object lives.
template <std::size_t Size>
struct HexText {
  char digits[Size];

  std::string_view view() const noexcept { return {digits, Size}; }
  operator std::string_view() const noexcept { return view(); }
};

// Identifies one trace: 128 random bits, shared by all its spans.
struct TraceId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  // Tells whether this is a real id; the all-zero id means "none".
  constexpr bool is_valid() const noexcept { return (high | low) != 0; }

  // Returns the 32 lowercase hexadecimal digits, as log lines and headers show the id.
  HexText<32> hex() const noexcept {
    HexText<32> text;
    detail::write_hex(text.digits, high);
    detail::write_hex(text.digits + 16, low);
    return text;
  }

  // Reads exactly 32 lowercase hexadecimal digits; anything else gives the invalid id.
  static constexpr TraceId from_hex(std::string_view text) noexcept {
    TraceId id;
    if (text.size() != 32 || !detail::read_hex(text.substr(0, 16), id.high) ||
        !detail::read_hex(text.substr(16), id.low)) {
      return TraceId{};
    }
    return id;
  }

  friend constexpr bool operator==(TraceId a, TraceId b) noexcept {
    return a.high == b.high && a.low == b.low;
  }
  friend constexpr bool operator!=(TraceId a, TraceId b) noexcept { return !(a == b); }
};

// Identifies one span within its trace: 64 random bits.
struct SpanId {
  std::uint64_t value = 0;

  // Tells whether this is a real id; the all-zero id means "none".
  constexpr bool is_valid() const noexcept { return value != 0; }

  // Returns the 16 lowercase hexadecimal digits, as log lines and headers show the id.
  HexText<16> hex() const noexcept {
    HexText<16> text;
    detail::write_hex(text.digits, value);
    return text;
  }

  // Reads exactly 16 lowercase hexadecimal digits; anything else gives the invalid id.
  static constexpr SpanId from_hex(std::string_view text) noexcept {
    SpanId id;
    if (text.size() != 16 || !detail::read_hex(text, id.value)) return SpanId{};
    return id;
  }

  friend constexpr bool operator==(SpanId a, SpanId b) noexcept { return a.value == b.value; }
  friend constexpr bool operator!=(SpanId a, SpanId b) noexcept { return !(a == b); }
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_IDS_HPP

// ---- waggle/core/context.hpp ----

// What identifies a span to its children, on this thread, another thread or another machine: ids,
// flags, the sampling threshold, a remote parent's tracestate, baggage. A value that may be copied
// freely and kept; immutable once made.
#ifndef WAGGLE_CORE_CONTEXT_HPP
#define WAGGLE_CORE_CONTEXT_HPP

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// The bits of W3C's trace-flags that are defined today (Trace Context Level 2, section 3.2.2.5).
enum TraceFlags : std::uint8_t {
  kTraceFlagSampled = 0x01,
  kTraceFlagRandom = 0x02,
};

// The sampling threshold's value when nobody told at which rate the trace was sampled.
constexpr std::uint64_t kUnknownThreshold = ~std::uint64_t{0};

namespace detail {

// Stands in a threshold's place where only the rate is known: this mark, and the rate below it.
constexpr std::uint64_t kRateMark = std::uint64_t{1} << 63;

constexpr std::uint64_t rate_as_threshold(std::uint32_t rate) noexcept {
  return rate == 0 ? kUnknownThreshold : kRateMark | rate;
}

// Returns the rate that stands in a threshold's place, 0 if none does.
constexpr std::uint32_t rate_in_threshold(std::uint64_t threshold) noexcept {
  const bool is_rate = threshold >> 32 == kRateMark >> 32;
  return is_rate ? static_cast<std::uint32_t>(threshold) : 0;
}

// Text that travels with a context: immutable, counted, freed by whoever drops the last reference.
// Null for traces that began here, which is the common case and costs nothing.
struct ContextBlock {
  std::uint32_t references;
  std::uint16_t trace_state_size;
  std::uint16_t baggage_size;

  std::string_view trace_state() const noexcept { return {bytes(), trace_state_size}; }
  Baggage baggage() const noexcept { return Baggage({bytes() + trace_state_size, baggage_size}); }

  // Returns a block with one reference, or null where there is nothing to keep, it is too long, or
  // memory is out.
  static ContextBlock* create(std::string_view trace_state, Baggage baggage = {}) noexcept {
    const std::string_view entries = baggage.bytes();
    const std::size_t size = trace_state.size() + entries.size();
    if (size == 0 || trace_state.size() > 0xffff || entries.size() > 0xffff) return nullptr;
    void* memory = std::malloc(sizeof(ContextBlock) + size);
    if (memory == nullptr) return nullptr;
    auto* block = new (memory) ContextBlock{1, static_cast<std::uint16_t>(trace_state.size()),
                                            static_cast<std::uint16_t>(entries.size())};
    char* to = reinterpret_cast<char*>(block + 1);
    if (!trace_state.empty()) std::memcpy(to, trace_state.data(), trace_state.size());
    if (!entries.empty()) std::memcpy(to + trace_state.size(), entries.data(), entries.size());
    return block;
  }

  // Takes one reference to `block` and returns one to a block with the baggage of `other` as well;
  // both may be null.
  static ContextBlock* with_baggage(ContextBlock* block, const ContextBlock* other) noexcept {
    if (other == nullptr || other->baggage_size == 0) return block;
    ContextBlock* const both =
        create(block == nullptr ? std::string_view{} : block->trace_state(), other->baggage());
    if (both == nullptr) return block;
    release(block);
    return both;
  }

  static void retain(ContextBlock* block) noexcept {
    if (block != nullptr) fetch_add(block->references, 1U);
  }

  static void release(ContextBlock* block) noexcept {
    if (block != nullptr && fetch_add(block->references, ~0U) == 1) std::free(block);
  }

 private:
  const char* bytes() const noexcept { return reinterpret_cast<const char*>(this + 1); }
};

// How a child takes over from a context, decided once when the context becomes current.
enum class Inheritance : std::uint8_t {
  Ask = 0,    // no parent, a remote one, or one with text to carry on: the general way
  Sampled,    // copy the ids and record
  Unsampled,  // copy the ids and do not record
};

// A context's small parts, of the size of one word so that a child takes them over at once.
struct ContextTraits {
  std::uint8_t flags = 0;
  bool is_remote = false;
  Inheritance inheritance = Inheritance::Ask;
  bool is_record_only = false;  // recorded, but not sampled
  std::uint8_t spare[4] = {};
};

// A context's plain parts, as the thread's stack of current spans keeps them.
struct ContextFields {
  // What a child shares with its parent comes first.
  TraceId trace_id;
  std::uint64_t threshold = kUnknownThreshold;
  ContextTraits traits;
  SpanId span_id;
  ContextBlock* block = nullptr;

  bool is_valid() const noexcept { return trace_id.is_valid() && span_id.is_valid(); }
  bool is_sampled() const noexcept { return (traits.flags & kTraceFlagSampled) != 0; }

  void settle_inheritance() noexcept {
    const bool is_simple =
        is_valid() && !traits.is_remote && !traits.is_record_only && block == nullptr;
    traits.inheritance = !is_simple     ? Inheritance::Ask
                         : is_sampled() ? Inheritance::Sampled
                                        : Inheritance::Unsampled;
  }
};

}  // namespace detail

// Identifies a span: the value to hand to another thread, to inject into a request or to link to.
// A default-made one is invalid and stands for "no span". Copying is cheap and safe on any thread.
class SpanContext {
 public:
  SpanContext() noexcept = default;

  // Makes a context from ids known from elsewhere, as an own carrier or a test would.
  SpanContext(TraceId trace_id, SpanId span_id, std::uint8_t flags, bool is_remote,
              std::uint64_t threshold = kUnknownThreshold, std::string_view trace_state = {},
              Baggage baggage = {}) noexcept
      : fields_{
            trace_id, threshold, {}, span_id, detail::ContextBlock::create(trace_state, baggage)} {
    fields_.traits.flags = flags;
    fields_.traits.is_remote = is_remote;
  }

  // Shares the block that `fields` names.
  explicit SpanContext(const detail::ContextFields& fields) noexcept : fields_(fields) {
    detail::ContextBlock::retain(fields_.block);
  }

  SpanContext(const SpanContext& other) noexcept : SpanContext(other.fields_) {}
  SpanContext(SpanContext&& other) noexcept : fields_(other.fields_) {
    other.fields_.block = nullptr;
  }
  SpanContext& operator=(SpanContext other) noexcept {
    const detail::ContextFields mine = fields_;
    fields_ = other.fields_;
    other.fields_ = mine;
    return *this;
  }
  ~SpanContext() {
    if (WAGGLE_UNLIKELY(fields_.block != nullptr)) detail::ContextBlock::release(fields_.block);
  }

  TraceId trace_id() const noexcept { return fields_.trace_id; }
  SpanId span_id() const noexcept { return fields_.span_id; }

  // Returns all eight bits of the flags as they were received or decided; see TraceFlags.
  std::uint8_t trace_flags() const noexcept { return fields_.traits.flags; }

  // Tells whether the trace is being recorded.
  bool is_sampled() const noexcept { return fields_.is_sampled(); }

  // Tells whether this came from another process by way of extract().
  bool is_remote() const noexcept { return fields_.traits.is_remote; }

  // Tells whether both ids are set; an invalid context counts as "no parent".
  bool is_valid() const noexcept { return fields_.is_valid(); }

  // Returns the 56-bit rejection threshold (`th`): a trace is sampled if its random bits are not
  // below it; 0 means always, kUnknownThreshold that nobody told, or a rate only.
  std::uint64_t sampling_threshold() const noexcept {
    return fields_.threshold >> 56 == 0 ? fields_.threshold : kUnknownThreshold;
  }

  // Returns the tracestate header that arrived with the context, or nothing; valid for as long as
  // this object lives.
  std::string_view trace_state() const noexcept {
    return fields_.block == nullptr ? std::string_view{} : fields_.block->trace_state();
  }

  // Returns what travels with the request; valid for as long as this object lives.
  Baggage baggage() const noexcept {
    return fields_.block == nullptr ? Baggage{} : fields_.block->baggage();
  }

  // Returns the same context with another value under `name`; or without `name`; or without any
  // baggage. Baggage needs no span: SpanContext{}.with_baggage("tenant", "7") carries it to
  // whatever is begun with it as parent or current. What goes beyond 64 entries or 8,192 bytes is
  // left out, and so is all baggage if there is no memory.
  SpanContext with_baggage(std::string_view name, std::string_view value,
                           std::string_view metadata = {}) const noexcept {
    detail::BaggageBuffer entries;
    entries.add_others(baggage(), name);
    entries.add({name, value, metadata});
    return with(entries.view());
  }
  SpanContext without_baggage(std::string_view name) const noexcept {
    detail::BaggageBuffer entries;
    entries.add_others(baggage(), name);
    return with(entries.view());
  }
  SpanContext without_baggage() const noexcept { return with(Baggage{}); }

  const detail::ContextFields& fields() const noexcept { return fields_; }

 private:
  SpanContext with(Baggage baggage) const noexcept {
    SpanContext context;
    context.fields_ = fields_;
    context.fields_.block = detail::ContextBlock::create(trace_state(), baggage);
    return context;
  }

  detail::ContextFields fields_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_CONTEXT_HPP

// ---- waggle/core/link.hpp ----

// Links between spans of different places in a trace, or of different traces.
#ifndef WAGGLE_CORE_LINK_HPP
#define WAGGLE_CORE_LINK_HPP

namespace waggle {
inline namespace abi1 {

// Points to a span elsewhere that caused this one, with attributes of its own.
struct Link {
  SpanContext context;
  Attributes attributes;
};

// Views a braced list of links for the duration of a call; a type for parameters only.
using Links = detail::Slice<Link>;

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_LINK_HPP

// ---- waggle/core/record.hpp ----

// How a span lies in memory from its first attribute to the collector: a header of one cache line,
// then chunks padded to 8 bytes, one for each thing that was recorded. Nothing in it points
// anywhere, so a record can be copied, mapped from a file or read after its library is gone.
#ifndef WAGGLE_CORE_RECORD_HPP
#define WAGGLE_CORE_RECORD_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace waggle {
inline namespace abi1 {

// Says which role a span plays in a remote call (OpenTelemetry, SpanKind); numbered as in OTLP.
enum class SpanKind : std::uint8_t {
  Internal = 1,
  Server = 2,
  Client = 3,
  Producer = 4,
  Consumer = 5,
};

// Says how the work of a span went; numbered as in OTLP. Ok is final, Error can still become Ok.
enum class StatusCode : std::uint8_t {
  Unset = 0,
  Ok = 1,
  Error = 2,
};

namespace detail {

// Marks of a record that are neither ids nor chunks.
enum RecordMarks : std::uint8_t {
  kParentIsRemote = 0x01,
  kExplicitStart = 0x02,  // start is in Unix nanoseconds, not ticks
  kExplicitEnd = 0x04,    // end is in Unix nanoseconds, not ticks
  kRecordOnly = 0x08,     // recorded for the filter's eyes, never exported
};

struct RecordHeader {
  std::uint16_t words;  // size of the whole record in 8-byte words
  std::uint16_t scope;
  SpanKind kind;
  StatusCode status;
  std::uint8_t trace_flags;
  std::uint8_t marks;
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t threshold;
};
static_assert(sizeof(RecordHeader) == 64, "the header is one cache line");
static_assert(offsetof(RecordHeader, scope) == 2 && offsetof(RecordHeader, kind) == 4 &&
                  offsetof(RecordHeader, trace_flags) == 6,
              "OpenSpan::set_first_word() composes these");

enum class ChunkKind : std::uint8_t {
  Name = 1,        // value: the name; the last one counts
  Attribute,       // key and value
  StatusMessage,   // value: the description; the last one counts
  TraceState,      // value: the tracestate header
  Event,           // key: its name; value: its time; its attributes follow
  EventAttribute,  // belongs to the last event
  Link,            // value: LinkFields and the linked tracestate; its attributes follow
  LinkAttribute,   // belongs to the last link
  Dropped,         // value: DroppedCounts
  Element,         // stands inside an array's or map's value
  Baggage,         // value: the context's baggage, if the collector wants it
};

// Opens each chunk. Key and value follow, each padded to 8 bytes; a scalar's value is 8 bytes.
struct ChunkHeader {
  ChunkKind kind;
  ValueTag tag;
  std::uint16_t key_size;
  std::uint32_t value_size;
};
static_assert(sizeof(ChunkHeader) == 8, "chunks are counted in 8-byte words");

// The time of an Event chunk is in ticks under this tag, in Unix nanoseconds under ValueTag::Int64.
constexpr ValueTag kTickTime = ValueTag::Empty;

struct LinkFields {
  TraceId trace_id;
  SpanId span_id;
  std::uint64_t flags;  // trace flags in the low byte, bit 8: the linked context is remote
};

// What the span itself had to leave out, by kind.
struct DroppedCounts {
  std::uint16_t attributes;
  std::uint16_t events;
  std::uint16_t links;
  std::uint16_t cut_values;
};

constexpr std::size_t kMaxRecordBytes = 16 * 1024;
constexpr std::size_t kMaxKeyBytes = 1024;

constexpr std::size_t padded(std::size_t size) noexcept { return (size + 7) & ~std::size_t{7}; }

template <class Word>
WAGGLE_INLINE void store_bytes(char* to, const Word& word) noexcept {
  std::memcpy(to, &word, sizeof(word));
}

// Copies `size` bytes and zeroes the padding behind them; may zero up to 8 bytes more. Never reads
// past the source's end: short texts are copied by two loads that overlap.
WAGGLE_INLINE void copy_padded(char* to, const char* from, std::size_t size) noexcept {
  store_bytes(to + (size & ~std::size_t{7}), std::uint64_t{0});
  if (size > 16) {
    std::size_t done = 0;
    do {
      std::memcpy(to + done, from + done, 16);
      done += 16;
      asm volatile("");  // clang would turn the loop into a call to memcpy, which costs more
    } while (done + 16 < size);
    std::memcpy(to + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else if (size != 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_RECORD_HPP

// ---- waggle/core/ticks.hpp ----

// Time as a span records it: the processor's own counter, read without a system call, and instants
// given by the caller as nanoseconds since the Unix epoch. The collector turns ticks into wall
// time.
#ifndef WAGGLE_CORE_TICKS_HPP
#define WAGGLE_CORE_TICKS_HPP

#include <cstdint>
#include <type_traits>
#include <utility>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <time.h>
#endif

namespace waggle {
inline namespace abi1 {
namespace detail {

// Reads the processor's constant-rate counter. Not serialising, on purpose: a fence would cost more
// than the span.
WAGGLE_INLINE std::uint64_t read_ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000U +
         static_cast<std::uint64_t>(now.tv_nsec);
#endif
}

}  // namespace detail

// Names an instant as nanoseconds since the Unix epoch, for a start, end or event time known from
// elsewhere. Zero means "now, by waggle's own clock". Converts from any std::chrono::system_clock
// time point; a steady clock does not convert, since its epoch is unknown.
struct Timestamp {
  std::uint64_t unix_nanoseconds = 0;

  constexpr Timestamp() noexcept = default;
  constexpr explicit Timestamp(std::uint64_t nanoseconds) noexcept
      : unix_nanoseconds(nanoseconds) {}

  template <class TimePoint, class Period = typename TimePoint::period,
            class = std::enable_if_t<!TimePoint::clock::is_steady>>
  constexpr Timestamp(const TimePoint& point) noexcept  // NOLINT(google-explicit-constructor)
      : unix_nanoseconds(to_nanoseconds<Period>(point.time_since_epoch().count())) {}

  // Tells whether the caller gave a time at all.
  constexpr bool is_set() const noexcept { return unix_nanoseconds != 0; }

 private:
  // Times before 1970 cannot be written in OTLP and count as the epoch's first nanosecond.
  template <class Period, class Count>
  static constexpr std::uint64_t to_nanoseconds(Count count) noexcept {
    if (count <= 0) return 1;
    constexpr std::uint64_t kPerSecond = 1000000000;
    static_assert(Period::num >= 1 && Period::den >= 1, "not a duration");
    if constexpr (Period::num == 1 && kPerSecond % Period::den == 0) {
      return static_cast<std::uint64_t>(count) * (kPerSecond / Period::den);
    } else {
      return static_cast<std::uint64_t>(static_cast<long double>(count) * Period::num * kPerSecond /
                                        Period::den);
    }
  }
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_TICKS_HPP

// ---- waggle/api/span_options.hpp ----

// What a span is told when it starts, besides its name.
#ifndef WAGGLE_API_SPAN_OPTIONS_HPP
#define WAGGLE_API_SPAN_OPTIONS_HPP

#include <cstdint>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Gives a new span its parent: by default the thread's current span; root() for none; any
// SpanContext, of which an invalid one counts as none.
class Parent {
 public:
  Parent() noexcept = default;
  Parent(SpanContext context) noexcept  // NOLINT(google-explicit-constructor)
      : context_(static_cast<SpanContext&&>(context)), is_given_(true) {}

  // Begins a new trace whatever is current.
  static Parent root() noexcept { return Parent(SpanContext{}); }

  // Tells whether the thread's current span is not to be asked.
  bool is_given() const noexcept { return is_given_; }
  const SpanContext& context() const noexcept { return context_; }

 private:
  SpanContext context_;
  bool is_given_ = false;
};

// Holds what else can be said about a span when it starts. Owns all it holds and may be kept.
struct SpanOptions {
  SpanKind kind = SpanKind::Internal;
  Parent parent;
  Timestamp start_time;
};

namespace detail {

// All that a span starts with, for the duration of the call.
struct Beginning {
  std::uint16_t scope;
  std::string_view name;
  const SpanOptions& options;
  Attributes attributes;
  Links links;
};

}  // namespace detail

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_SPAN_OPTIONS_HPP

// ---- waggle/core/scope.hpp ----

// The instrumentation scope: which library or module recorded a span (OpenTelemetry,
// Instrumentation Scope). Spans carry it as a number; the text is handed to the collector once.
#ifndef WAGGLE_CORE_SCOPE_HPP
#define WAGGLE_CORE_SCOPE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

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

// ---- waggle/api/header_carrier.hpp ----

// The headers of a request or a message, whatever holds them: a container of pairs of text, or a
// function. How inject() and extract(), in propagation.hpp, write and read them.
#ifndef WAGGLE_API_HEADER_CARRIER_HPP
#define WAGGLE_API_HEADER_CARRIER_HPP

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

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

// ---- waggle/api/trace_state_members.hpp ----

// The members of a W3C tracestate header (Trace Context Level 2, section 3.3): strict validation
// and bounded composition, as text and without allocation. What OpenTelemetry's own member says is
// read and written in trace_state.hpp.
#ifndef WAGGLE_API_TRACE_STATE_MEMBERS_HPP
#define WAGGLE_API_TRACE_STATE_MEMBERS_HPP

#include <cstddef>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// ---- grammar ----

// Cuts text at each separator; a text without any is one piece, also if it is empty.
class TextPieces {
 public:
  TextPieces(std::string_view text, char separator) noexcept : rest_(text), separator_(separator) {}

  // Moves on to the next piece; false once there is none left.
  bool next(std::string_view& piece) noexcept {
    if (is_done_) return false;
    const std::size_t at = rest_.find(separator_);
    piece = rest_.substr(0, at);
    is_done_ = at == std::string_view::npos;
    if (!is_done_) rest_.remove_prefix(at + 1);
    return true;
  }

 private:
  std::string_view rest_;
  char separator_;
  bool is_done_ = false;
};

constexpr bool is_lowercase_letter(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr bool is_decimal_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_optional_whitespace(char c) noexcept { return c == ' ' || c == '\t'; }

// Removes the spaces and tabs that HTTP allows around a field's value (RFC 9110, section 5.5).
constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_optional_whitespace(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_optional_whitespace(text.back())) text.remove_suffix(1);
  return text;
}

// Section 3.3.1.3.1, as Level 2 has it: `@` is a character like any other but cannot come first.
constexpr bool is_trace_state_key(std::string_view key) noexcept {
  if (key.empty() || key.size() > 256) return false;
  if (!is_lowercase_letter(key.front()) && !is_decimal_digit(key.front())) return false;
  for (char c : key) {
    const bool is_mark = c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
    if (!is_mark && !is_lowercase_letter(c) && !is_decimal_digit(c)) return false;
  }
  return true;
}

// Section 3.3.1.3.2: printable ASCII; spaces in front belong to the value, spaces behind do not.
constexpr bool is_trace_state_value(std::string_view value) noexcept {
  if (value.empty() || value.size() > 256 || value.back() == ' ') return false;
  for (char c : value) {
    if (c < ' ' || c > '~' || c == ',' || c == '=') return false;
  }
  return true;
}

// Tells whether a trimmed piece is `key=value` in full accordance with the grammar.
constexpr bool is_trace_state_member(std::string_view member) noexcept {
  const std::size_t at = member.find('=');
  return at != std::string_view::npos && is_trace_state_key(member.substr(0, at)) &&
         is_trace_state_value(member.substr(at + 1));
}

// ---- composition ----

// A tracestate being composed, valid after every step: at most 32 members and 4,096 bytes (section
// 3.3.1.5 asks for 512). What is too much leaves as whole members: first those over 128 characters,
// then all, each from the right.
class TraceStateBuffer {
 public:
  static constexpr std::size_t kCapacity = 4096;
  static constexpr std::size_t kLongestKept = 128;  // characters; longer members leave first
  static constexpr unsigned kMemberLimit = 32;

  TraceStateBuffer() noexcept = default;
  TraceStateBuffer(const TraceStateBuffer&) = delete;
  TraceStateBuffer& operator=(const TraceStateBuffer&) = delete;

  // Returns the text so far; valid until the next change.
  std::string_view view() const noexcept { return {text_, size_}; }

  // Returns how many members were added, those included that had to leave.
  unsigned member_count() const noexcept { return member_count_; }

  void clear() noexcept {
    size_ = 0;
    member_count_ = 0;
    has_dropped_long_ = false;
  }

  // Adds a valid member, which lies outside this buffer, at the right.
  void add(std::string_view member) noexcept {
    if (++member_count_ > kMemberLimit) return;
    const bool is_long = member.size() > kLongestKept;
    // Once a long member had to leave, long ones to the right of it leave too, even if they fit.
    if (is_long && has_dropped_long_) return;
    while (!is_long && !has_room(member) && drop_last_long()) {
    }
    if (has_room(member)) return append(member);
    if (is_long) has_dropped_long_ = true;
  }

 private:
  static_assert((kMemberLimit - 1) * (kLongestKept + 1) <= kCapacity,
                "of members that are not long only the last one allowed can lack room");

  bool has_room(std::string_view member) const noexcept {
    return size_ + (size_ != 0) + member.size() <= kCapacity;
  }

  void append(std::string_view member) noexcept {
    if (size_ != 0) text_[size_++] = ',';
    std::memcpy(text_ + size_, member.data(), member.size());
    size_ += member.size();
  }

  // Removes the rightmost member over 128 characters, with one comma; false if there is none.
  bool drop_last_long() noexcept {
    std::size_t end = size_;
    while (end != 0) {
      const std::size_t comma = view().rfind(',', end - 1);
      const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
      if (end - begin > kLongestKept) {
        erase(begin, end);
        has_dropped_long_ = true;
        return true;
      }
      end = begin == 0 ? 0 : comma;
    }
    return false;
  }

  void erase(std::size_t begin, std::size_t end) noexcept {
    if (end != size_) {
      ++end;
    } else if (begin != 0) {
      --begin;
    }
    std::memmove(text_ + begin, text_ + end, size_ - end);
    size_ -= end - begin;
  }

  std::size_t size_ = 0;
  unsigned member_count_ = 0;
  bool has_dropped_long_ = false;
  char text_[kCapacity];
};

// Adds one header line to what the lines before it gave (RFC 9110, section 5.3: lines are joined in
// order). Empty members are skipped, duplicate keys kept as they came. Returns false, and the whole
// tracestate is then to be dropped, if any member is invalid or there are more than 32.
inline bool add_trace_state_line(TraceStateBuffer& buffer, std::string_view line) noexcept {
  TextPieces pieces(line, ',');
  for (std::string_view piece; pieces.next(piece);) {
    const std::string_view member = trim(piece);
    if (member.empty()) continue;
    if (!is_trace_state_member(member)) return false;
    buffer.add(member);
    if (buffer.member_count() > TraceStateBuffer::kMemberLimit) return false;
  }
  return true;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_TRACE_STATE_MEMBERS_HPP

// ---- waggle/core/uncaught_exceptions.hpp ----

// How many exceptions are on their way, without <exception>.
#ifndef WAGGLE_CORE_UNCAUGHT_EXCEPTIONS_HPP
#define WAGGLE_CORE_UNCAUGHT_EXCEPTIONS_HPP

#include <cstddef>
#include <cstring>

namespace waggle {
inline namespace abi1 {
namespace detail {

// The C++ ABI's own function behind std::uncaught_exceptions(): <exception> costs more lines than
// are left to an instrumented file. Weak: a program that throws nothing need not have it.
void* exception_globals() noexcept __asm__("__cxa_get_globals") __attribute__((weak));

// Returns how many exceptions of this thread are on their way to a handler.
inline unsigned uncaught_exceptions() noexcept {
  if (exception_globals == nullptr) return 0;
  unsigned count = 0;  // behind the pointer to the caught ones (Itanium C++ ABI, 2.2.2)
  std::memcpy(&count, static_cast<const char*>(exception_globals()) + sizeof(void*), sizeof(count));
  return count;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_UNCAUGHT_EXCEPTIONS_HPP

// ---- waggle/core/version.hpp ----

// The release number of this library, in one place; the build files and the tests read it from
// here.
#ifndef WAGGLE_CORE_VERSION_HPP
#define WAGGLE_CORE_VERSION_HPP

#define WAGGLE_VERSION_MAJOR 0
#define WAGGLE_VERSION_MINOR 1
#define WAGGLE_VERSION_PATCH 0
#define WAGGLE_VERSION "0.1.0"

#endif  // WAGGLE_CORE_VERSION_HPP

// ---- waggle/core/header_names.hpp ----

// The names of the headers in which contexts travel (W3C Trace Context, W3C Baggage).
#ifndef WAGGLE_CORE_HEADER_NAMES_HPP
#define WAGGLE_CORE_HEADER_NAMES_HPP

#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::string_view kTraceParentName = "traceparent";
constexpr std::string_view kTraceStateName = "tracestate";
constexpr std::string_view kBaggageName = "baggage";

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_HEADER_NAMES_HPP

#if defined(WAGGLE_DISABLED)

// ---- waggle/api/disabled.hpp ----

// The light band with WAGGLE_DISABLED defined: the same calls, and nothing behind them. They
// compile to no code and bring no symbol; what is passed in is still evaluated. In a namespace of
// its own, so that files with and without the definition may stand in one program. No context goes
// in or out: a service that only hands traces on has to be compiled without it.
#ifndef WAGGLE_API_DISABLED_HPP
#define WAGGLE_API_DISABLED_HPP

#include <initializer_list>
#include <string_view>

namespace waggle {
inline namespace disabled1 {
namespace detail {
using namespace abi1::detail;  // NOLINT(google-build-using-namespace): what both bands share
}  // namespace detail

// Stands for OpenSpan, and for all that is told to a span.
class OpenSpan {
 public:
  constexpr bool is_recording() const noexcept { return false; }
  SpanContext context() const noexcept { return {}; }

  template <class T>
  void set_attribute(std::string_view, const T&) noexcept {}
  template <class T>
  void set_attribute(std::string_view, const std::initializer_list<T>&) noexcept {}
  void set_attribute(std::string_view, const AttributeValue&) noexcept {}
  void set_attributes(Attributes) noexcept {}
  void add_event(std::string_view, Attributes = {}, Timestamp = Timestamp{}) noexcept {}
  void add_link(const SpanContext&, Attributes = {}) noexcept {}
  void set_status(StatusCode, std::string_view = {}) noexcept {}
  template <class Exception>
  void record_exception(const Exception&, Attributes = {}) noexcept {}
  void record_exception(const ExceptionDetails&, Attributes = {}) noexcept {}
  void update_name(std::string_view) noexcept {}
  void set_start_time(Timestamp) noexcept {}
  void end() noexcept {}
  void end(Timestamp) noexcept {}

 protected:
  OpenSpan() noexcept = default;
  ~OpenSpan() = default;
};

class [[nodiscard]] [[maybe_unused]] Span : public OpenSpan {
 public:
  explicit Span(std::string_view) noexcept {}
  Span(const Scope&, std::string_view) noexcept {}
  Span(std::string_view, const SpanOptions&, Attributes = {}, Links = {}) noexcept {}
  Span(const Scope&, std::string_view, const SpanOptions&, Attributes = {}, Links = {}) noexcept {}
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;
};

class [[nodiscard]] [[maybe_unused]] DetachedSpan : public OpenSpan {
 public:
  DetachedSpan() noexcept = default;
  explicit DetachedSpan(std::string_view, const SpanOptions& = {}, Attributes = {},
                        Links = {}) noexcept {}
  DetachedSpan(const Scope&, std::string_view, const SpanOptions& = {}, Attributes = {},
               Links = {}) noexcept {}
  DetachedSpan(DetachedSpan&&) noexcept {}
  DetachedSpan& operator=(DetachedSpan&&) noexcept { return *this; }
};

class CurrentSpan : public OpenSpan {
 public:
  CurrentSpan() noexcept = default;
};

inline CurrentSpan current_span() noexcept { return CurrentSpan(); }
inline SpanContext current_context() noexcept { return {}; }

class [[nodiscard]] [[maybe_unused]] ContextGuard {
 public:
  ContextGuard() noexcept = default;
  explicit ContextGuard(const SpanContext&) noexcept {}
  explicit ContextGuard(OpenSpan&) noexcept {}
  ContextGuard(ContextGuard&&) noexcept {}
  ContextGuard& operator=(ContextGuard&&) noexcept { return *this; }
};

class [[nodiscard]] [[maybe_unused]] ExceptionWatch {
 public:
  explicit ExceptionWatch(OpenSpan&) noexcept {}
  explicit ExceptionWatch(CurrentSpan) noexcept {}
  ExceptionWatch(const ExceptionWatch&) = delete;
  ExceptionWatch& operator=(const ExceptionWatch&) = delete;
};

template <class Carrier>
void inject(const SpanContext&, Carrier&&) noexcept {}
template <class Carrier>
void inject(Carrier&&) noexcept {}
template <class Carrier>
SpanContext extract(const Carrier&) noexcept {
  return {};
}

struct Runtime {};
inline Runtime& runtime() noexcept {
  static Runtime none;
  return none;
}
inline bool attach(Runtime&) noexcept { return false; }

}  // namespace disabled1
}  // namespace waggle

#endif  // WAGGLE_API_DISABLED_HPP

#endif  // defined(WAGGLE_DISABLED)

#if !defined(WAGGLE_DISABLED) || defined(WAGGLE_IMPLEMENTATION)

// ---- waggle/core/random.hpp ----

// The generator behind trace and span ids: the wyrand sequence (Wang Yi, public domain), one
// instance a thread, seeded by the operating system. Ids need to be unique and uniform, not secret.
#ifndef WAGGLE_CORE_RANDOM_HPP
#define WAGGLE_CORE_RANDOM_HPP

#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

class IdGenerator {
 public:
  // Starts two new sequences.
  void seed(std::uint64_t first, std::uint64_t second) noexcept {
    first_ = first;
    second_ = second;
  }

  // Returns 64 uniform bits, never zero.
  WAGGLE_INLINE SpanId span_id() noexcept { return SpanId{next(first_)}; }

  // Takes each half from a sequence of its own, so that 128 random bits decide. Neither half is
  // zero: Honeycomb shortens ids whose first half is, depending on the encoding.
  TraceId trace_id() noexcept { return TraceId{next(first_), next(second_)}; }

 private:
  // Zero, which comes up once in 2^64 times, would be no id and becomes 1.
  static WAGGLE_INLINE std::uint64_t next(std::uint64_t& state) noexcept {
    state += 0xa0761d6478bd642fU;
    std::uint64_t bits = folded_product(state, state ^ 0xe7037ed1a0b428dbU);
    asm("" : "+r"(bits));  // keeps g++ from comparing the halves of the product instead
    return bits + (bits == 0 ? 1 : 0);
  }

  // Returns both halves of the 128-bit product, combined by exclusive or.
  static WAGGLE_INLINE std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) noexcept {
#if defined(__x86_64__)
    // For the type of 128 bits g++ saves two registers that it does not use.
    std::uint64_t high;
    asm("mulq %2" : "=d"(high), "+a"(b) : "r"(a) : "cc");
    return high ^ b;
#else
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product);
#endif
  }

  std::uint64_t first_ = 0;
  std::uint64_t second_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_RANDOM_HPP

// ---- waggle/core/ring.hpp ----

// The way from a recording thread to the collector: a byte ring with one producer and one consumer.
// A record that starts before the ring's end may run over it into the slack behind; the next one
// then starts at the ring's first byte. So records are never split or padded, and one release store
// publishes each. A position counts laps in its upper bits and bytes within the lap in its lower
// ones. This header holds the producer's half.
#ifndef WAGGLE_CORE_RING_HPP
#define WAGGLE_CORE_RING_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::size_t kCacheLine = 64;

// Copies are made in steps of 64 bytes and may touch up to 63 bytes behind a record.
constexpr std::size_t kCopyStep = 64;

// The largest record that the hot path writes; every ring's slack has room for it.
constexpr std::size_t kMaxHotRecord = 384;

// The place of a byte in a ring, over all laps.
struct RingPosition {
  static constexpr int kOffsetBits = 24;
  static constexpr std::uint64_t kOffsetMask = (std::uint64_t{1} << kOffsetBits) - 1;

  static constexpr std::uint64_t offset(std::uint64_t position) noexcept {
    return position & kOffsetMask;
  }
  static constexpr std::uint64_t lap(std::uint64_t position) noexcept {
    return position >> kOffsetBits;
  }
  static constexpr std::uint64_t at(std::uint64_t lap, std::uint64_t offset) noexcept {
    return lap << kOffsetBits | offset;
  }
  // A lap ends with the first record that reaches the ring's end.
  static constexpr std::uint64_t wrapped(std::uint64_t position, std::uint64_t size) noexcept {
    return offset(position) < size ? position : at(lap(position) + 1, 0);
  }
  // Returns about how many bytes lie between two positions of a ring of `size` bytes.
  static constexpr std::uint64_t distance(std::uint64_t from, std::uint64_t to,
                                          std::uint64_t size) noexcept {
    from = wrapped(from, size);
    to = wrapped(to, size);
    return (lap(to) - lap(from)) * size + offset(to) - offset(from);
  }
};

// What both halves share. Made, replaced and freed by the collector; producer and consumer write to
// different cache lines.
struct Ring {
  alignas(kCacheLine) std::uint64_t tail = 0;  // written by the producer: all before it is readable
  std::uint32_t retired = 0;                   // set by the producer once it left for the successor
  alignas(kCacheLine) std::uint64_t head = 0;  // written by the consumer: all before it is free
  alignas(kCacheLine) Ring* successor = nullptr;  // posted by the consumer: a larger ring
  char* bytes = nullptr;
  std::uint64_t size = 0;   // at most 8 MiB
  std::uint64_t slack = 0;  // bytes behind `size`
};

// Asks for the cache line at `address` in writable state: the consumer has read it, and fetching it
// back at the moment of the store is what costs tail latency. The builtin compiles to a shared
// prefetch, which would still need the upgrade.
WAGGLE_INLINE void prefetch_for_write(const char* address) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*address));
#else
  __builtin_prefetch(address, 1);
#endif
}

// The producer's private view of its ring; lives in the thread's state.
class RingProducer {
 public:
  void attach(Ring* ring) noexcept {
    ring_ = ring;
    bytes_ = ring->bytes;
    tail_ = load_relaxed(ring->tail);
    look_again();
  }

  Ring* ring() const noexcept { return ring_; }

  // Tells whether a record of up to kMaxHotRecord bytes has room, by what is known of the consumer.
  WAGGLE_INLINE bool has_room() const noexcept { return tail_ <= limit_; }

  // Tells whether a record of any size has room, after a look at the consumer's line; moves to a
  // larger ring if one was posted. Called at most a few times a lap.
  bool make_room(std::size_t size) noexcept {
    if (Ring* successor = load_acquire(ring_->successor)) {
      store_release(ring_->retired, 1U);
      attach(successor);
    } else {
      look_again();
    }
    const std::uint64_t free_end = end_of_free(load_acquire(ring_->head));
    return RingPosition::offset(tail_) + size + kCopyStep <= free_end;
  }

  // Tells whether the collector had better come soon; looks at its line, so not for every span.
  bool is_half_full() const noexcept {
    return RingPosition::distance(load_relaxed(ring_->head), tail_, ring_->size) > ring_->size / 2;
  }

  // Returns where the next record is written.
  WAGGLE_INLINE char* position() const noexcept { return bytes_ + RingPosition::offset(tail_); }

  // Publishes the record of `size` bytes written at position().
  WAGGLE_INLINE void commit(std::size_t size) noexcept {
    tail_ += size;
    store_release(ring_->tail, tail_);
  }

 private:
  // Returns the offset up to which bytes may be written in this lap: to the slack's end, or to
  // where the consumer still is in the lap before.
  std::uint64_t end_of_free(std::uint64_t head) const noexcept {
    head = RingPosition::wrapped(head, ring_->size);
    const bool is_same_lap = RingPosition::lap(head) == RingPosition::lap(tail_);
    return is_same_lap ? ring_->size + ring_->slack : RingPosition::offset(head);
  }

  // Learns how far the hot path may go without asking again: at most half a lap, so that a
  // collector that sleeps is woken in time. A limit before the tail means "no room".
  void look_again() noexcept {
    tail_ = RingPosition::wrapped(tail_, ring_->size);
    const std::uint64_t lap_start = RingPosition::at(RingPosition::lap(tail_), 0);
    const std::uint64_t half_lap = RingPosition::offset(tail_) + ring_->size / 2;
    const std::uint64_t free_end = end_of_free(load_acquire(ring_->head));
    constexpr std::uint64_t kNeeded = kMaxHotRecord + kCopyStep;
    std::uint64_t last = half_lap < ring_->size ? half_lap : ring_->size - 1;
    if (last + kNeeded > free_end) last = free_end - kNeeded;
    limit_ = lap_start + last;
    if (free_end < kNeeded) limit_ = 0;
  }

  Ring* ring_ = nullptr;
  char* bytes_ = nullptr;
  std::uint64_t tail_ = 0;
  std::uint64_t limit_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_RING_HPP

// ---- waggle/core/thread_state.hpp ----

// Everything that recording needs of one thread: its current spans, its ring, its id generator. The
// hub's owner allocates it, never frees it, and hands it to another thread once this one is gone;
// so a stale pointer to it is never a pointer to nothing. Its thread is the only one to write it,
// except where a member says otherwise.
#ifndef WAGGLE_CORE_THREAD_STATE_HPP
#define WAGGLE_CORE_THREAD_STATE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace waggle {
inline namespace abi1 {

class OpenSpan;

// Says why an ended span did not reach its destination. A closed list: each ended span that was
// lost is counted under exactly one.
enum class DropReason : std::uint8_t {
  RingFull,          // the thread made spans faster than they were collected
  MemoryLimit,       // no memory left for this thread's ring
  TooLarge,          // a span that no request can carry
  RejectedStatus,    // the server answered with an error that will not pass
  RetriesExhausted,  // the server could not be reached for too long
  Unconfirmed,       // sent, but nobody knows whether it arrived
  ExporterFailed,    // an exporter of the user's reported a failure
  Filtered,          // left out on request
  ShutdownDeadline,  // still waiting when the time for shutdown was over
  AfterShutdown,     // ended after shutdown
  Reentrant,         // begun inside waggle itself, by a signal handler or an allocator's hook
  Forked,            // open when the process forked, ended in the child
};
constexpr std::size_t kDropReasonCount = 12;

namespace detail {

// One current span or context of a thread. `token` is a random number that tells it from any other
// entry that stood or will stand in its place, and kEnded once its turn is over; any thread may set
// that.
struct CurrentEntry {
  ContextFields context;
  OpenSpan* span = nullptr;  // null if only a context is current
  std::uint64_t token = 1;

  static constexpr std::uint64_t kEnded = 0;
};
static_assert(sizeof(CurrentEntry) == 64, "an entry is one cache line");

constexpr std::uint32_t kMaxCurrentDepth = 64;

struct alignas(kCacheLine) ThreadState {
  // The session of the hub that this state belongs to; 0 while its thread is inside waggle, so that
  // a nested entry (from a signal handler or an allocator's hook) is turned away by the same
  // comparison.
  std::uint32_t session = 0;
  CurrentEntry* top = entries;  // the innermost current entry; entries[0]: none
  RingProducer ring;
  IdGenerator ids;

  // Counters: written by this thread only, read by any.
  alignas(kCacheLine) std::uint64_t recorded = 0;
  std::uint64_t dropped[kDropReasonCount] = {};
  std::uint64_t too_deep = 0;  // spans that could not become current

  // entries[0] stands for "no span" and never changes.
  alignas(kCacheLine) CurrentEntry entries[kMaxCurrentDepth + 1];

  // For the owner only, not for recording.
  void* owner = nullptr;
  std::uint64_t seen_full = 0;
  Ring* draining = nullptr;
  ThreadState* next = nullptr;
  ThreadState** slots[4] = {};
  std::uint32_t phase = 0;

  ThreadState() noexcept = default;
  ThreadState(const ThreadState&) = delete;
  ThreadState& operator=(const ThreadState&) = delete;

  void count_drop(DropReason reason) noexcept {
    add_owned(dropped[static_cast<std::size_t>(reason)], std::uint64_t{1});
  }

  // Closes this state to nested entries; leave() takes what enter() returned.
  WAGGLE_INLINE std::uint32_t enter() noexcept {
    const std::uint32_t open = load_relaxed(session);
    close();
    return open;
  }
  WAGGLE_INLINE void close() noexcept {
    store_relaxed(session, 0U);
    signal_fence();
  }
  // What was done inside happened before somebody sees the state open again.
  WAGGLE_INLINE void leave(std::uint32_t open) noexcept { store_release(session, open); }

  WAGGLE_INLINE bool is_full(const CurrentEntry* innermost) const noexcept {
    return innermost == entries + kMaxCurrentDepth;
  }

  // Makes a context current and returns its entry, or null if the stack is full. The entry takes
  // over one reference to the context's block.
  CurrentEntry* push(const ContextFields& context, OpenSpan* span, std::uint64_t token) noexcept {
    if (is_full(top)) {
      add_owned(too_deep, std::uint64_t{1});
      return nullptr;
    }
    CurrentEntry* entry = top + 1;
    entry->context = context;
    entry->context.settle_inheritance();
    store_relaxed(entry->span, span);
    store_relaxed(entry->token, token);
    top = entry;
    return entry;
  }

  // The same for a child of `parent`, the innermost entry, which has no block; when there is room.
  WAGGLE_INLINE CurrentEntry* push_child(CurrentEntry* parent, SpanId span_id,
                                         OpenSpan* span) noexcept {
    CurrentEntry* entry = parent + 1;
    std::memcpy(static_cast<void*>(&entry->context), &parent->context,
                offsetof(ContextFields, span_id));
    entry->context.span_id = span_id;
    entry->context.block = nullptr;
    store_relaxed(entry->span, span);
    store_relaxed(entry->token, span_id.value);
    top = entry;
    return entry;
  }

  // Tells whether `entry` is the innermost and still the one that was pushed with `token`.
  WAGGLE_INLINE bool is_innermost(const CurrentEntry* entry, std::uint64_t token) const noexcept {
    return top == entry && load_relaxed(entry->token) == token;
  }

  // Tells whether the innermost entry is that of `span`, which has one on this thread.
  WAGGLE_INLINE bool is_innermost(const OpenSpan* span) const noexcept {
    return load_relaxed(top->span) == span;
  }

  // Removes the innermost entry and every one below it that ended before its turn.
  void pop() noexcept {
    release_block(*top);
    --top;
    reap();
  }

  // Drops innermost entries whose span ended on another thread or out of order.
  void reap() noexcept {
    while (has_ended(*top)) {
      release_block(*top);
      --top;
    }
  }

  static WAGGLE_INLINE bool has_ended(const CurrentEntry& entry) noexcept {
    return load_acquire(entry.token) == CurrentEntry::kEnded;
  }

  static void release_block(CurrentEntry& entry) noexcept {
    ContextBlock::release(entry.context.block);
    entry.context.block = nullptr;
  }

  // Marks the entry that was pushed with `token` as ended, from any thread. Does nothing if it is
  // gone.
  static void mark_ended(CurrentEntry& entry, std::uint64_t token) noexcept {
    std::uint64_t expected = token;
    compare_exchange(entry.token, expected, CurrentEntry::kEnded);
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_THREAD_STATE_HPP

// ---- waggle/core/hub.hpp ----

// The seam between the bands: one plain struct that the light band reads and the SDK fills. It and
// one thread-local pointer are the only names that waggle exports; both are weak, so that a program
// and its libraries, each with its own copy of this header, end up with one of each. Before start()
// and after shutdown the hub is off and every call is a no-op.
#ifndef WAGGLE_CORE_HUB_HPP
#define WAGGLE_CORE_HUB_HPP

#include <cstdint>
#include <string_view>

namespace waggle {
inline namespace abi1 {

namespace detail {

// What a sampler is asked about the root of this process's part of a trace. Fields are only
// appended; `size` tells a sampler of another release how many there are.
struct RootRequest {
  std::uint32_t size;
  SpanKind kind;
  std::uint16_t scope;
  TraceId trace_id;
  std::string_view name;
  const SpanContext* parent;  // remote, or null for a trace that begins here
  Attributes attributes;
  Links links;
};

enum class Decision : std::uint8_t { Drop, RecordOnly, RecordAndSample };

// What it answers. `block` is the tracestate to carry on (one reference passes to the span);
// attributes are added by calling `add_attribute` while deciding.
struct RootDecision {
  std::uint32_t size;
  Decision decision;
  std::uint64_t threshold;
  ContextBlock* block;
  void* span;
  void (*add_attribute)(void* span, const Attribute& attribute) noexcept;
  std::uint32_t sample_rate;  // of a sampler that knows no threshold; 0: of one that does
};

// A piece of memory for what does not fit into a span itself; from the bounded pool.
struct SpillBlock {
  static constexpr std::size_t kBytes = 4096;
  static constexpr std::size_t kCapacity = kBytes - 2 * sizeof(void*);

  SpillBlock* next;
  std::uint64_t used;
  char bytes[kCapacity];
};
static_assert(sizeof(SpillBlock) == SpillBlock::kBytes, "one page");

constexpr std::uint32_t kAbi = 1;

// How deeply the collector sleeps: awake it comes by itself, asleep it must be woken.
enum : std::uint32_t { kCollectorAwake = 0, kCollectorDozing = 1, kCollectorAsleep = 2 };

// Fields are only appended: a library may have been compiled with an older header than the program.
struct Hub {
  std::uint32_t abi;
  std::uint32_t size;

  // Read by every span. 0: off; else the number of the current session, never used twice.
  std::uint32_t session = 0;
  std::uint32_t collector = kCollectorAwake;

  // The rare calls. Never null once `session` was not 0; safe on any thread.
  ThreadState* (*acquire_thread)(Hub& hub, ThreadState*& slot) noexcept = nullptr;
  void (*decide_root)(const RootRequest& request, RootDecision& decision) noexcept = nullptr;
  std::uint16_t (*intern_scope)(const Scope& scope) noexcept = nullptr;
  SpillBlock* (*acquire_spill)() noexcept = nullptr;
  void (*release_spill)(SpillBlock* chain) noexcept = nullptr;
  void (*count_drop)(DropReason reason) noexcept = nullptr;  // where there is no thread state
  void (*wake_collector)() noexcept = nullptr;
  bool (*attach)(Hub& follower) noexcept = nullptr;

  const void* owner = nullptr;        // whose functions these are
  Hub* next_follower = nullptr;       // of the hubs that follow this one's session
  std::uint32_t last_session = 0;     // the highest number that a session ever had
  std::uint32_t records_baggage = 0;  // whether the collector wants the baggage of spans
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

// Not inline: g++ gives inline variables a symbol kind that keeps a library from ever being
// unloaded.
extern "C" {
__attribute__((weak, visibility("default"))) waggle::abi1::detail::Hub waggle_abi1_hub = {
    waggle::abi1::detail::kAbi, sizeof(waggle::abi1::detail::Hub)};

__attribute__((
    weak, visibility("default"),
    tls_model("initial-exec"))) __thread waggle::abi1::detail::ThreadState* waggle_abi1_thread =
    nullptr;
}

namespace waggle {
inline namespace abi1 {
namespace detail {

WAGGLE_INLINE std::uint32_t current_session() noexcept {
  return load_relaxed(waggle_abi1_hub.session);
}

// Fetches this thread's state from the hub's owner: on a thread's first span, and after start()
// again. Null if there is no memory for another thread, or if this thread is past its end.
WAGGLE_COLD ThreadState* acquire_thread() noexcept {
  if (load_acquire(waggle_abi1_hub.session) == 0) return nullptr;
  return waggle_abi1_hub.acquire_thread(waggle_abi1_hub, waggle_abi1_thread);
}

// Returns this thread's state in session `session`; null, and the loss counted, if it has none or
// is inside waggle already.
inline ThreadState* thread_state(std::uint32_t session) noexcept {
  ThreadState* thread = waggle_abi1_thread;
  return thread != nullptr && thread->session == session ? thread : acquire_thread();
}

WAGGLE_COLD std::uint16_t intern_scope(const Scope& scope, std::uint32_t session) noexcept {
  if (session == 0) return 0;
  const std::uint16_t number = waggle_abi1_hub.intern_scope(scope);
  scope.cache_number(session, number);
  return number;
}

// Returns the number under which the collector of this session knows `scope`; 0 is the empty scope.
WAGGLE_INLINE std::uint16_t scope_number(const Scope& scope, std::uint32_t session) noexcept {
  const std::uint64_t cached = scope.cached_number();
  if (WAGGLE_LIKELY(cached >> 32 == session)) return static_cast<std::uint16_t>(cached);
  return intern_scope(scope, session);
}

WAGGLE_INLINE bool collector_sleeps() noexcept {
  return load_relaxed(waggle_abi1_hub.collector) == kCollectorAsleep;
}

// Ends an entry's turn as current: at once if it is the innermost of this thread, else by a mark
// that its thread heeds when it gets there.
inline void leave_entry(CurrentEntry& entry, std::uint64_t token) noexcept {
  ThreadState* thread = waggle_abi1_thread;
  if (thread != nullptr && thread->session != 0 && thread->is_innermost(&entry, token)) {
    const std::uint32_t session = thread->enter();
    thread->pop();
    thread->leave(session);
  } else {
    ThreadState::mark_ended(entry, token);
  }
}

WAGGLE_COLD void wake_collector() noexcept { waggle_abi1_hub.wake_collector(); }

}  // namespace detail

// Stands for the tracer that this program or library sees. Opaque: for attach() only.
using Runtime = detail::Hub;

// Returns the tracer that the calling program or library sees.
inline Runtime& runtime() noexcept { return waggle_abi1_hub; }

// Makes the calling library follow a program's tracer, for a library that was loaded by dlopen()
// into a program that does not export waggle's two symbols. Call it once, from the library's own
// code, with what runtime() returned in the program; the library is not unloaded from then on.
// Returns false if the program never started tracing or was built with another ABI.
inline bool attach(Runtime& program) noexcept {
  if (&program == &waggle_abi1_hub) return true;
  if (program.abi != detail::kAbi || program.attach == nullptr) return false;
  return program.attach(waggle_abi1_hub);
}
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_HUB_HPP

// ---- waggle/core/utf8.hpp ----

// Reads text as UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF), one
// sequence after the other. Pure; any bytes will do.
#ifndef WAGGLE_CORE_UTF8_HPP
#define WAGGLE_CORE_UTF8_HPP

#include <cstddef>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";  // U+FFFD

inline bool is_utf8_continuation(unsigned char byte) noexcept { return (byte & 0xc0) == 0x80; }

// Says how many bytes belong together, and whether they are a character or stand for a bad one.
struct Utf8Sequence {
  std::size_t length;
  bool is_valid;
};

// Says what may follow a first byte: the whole length (1: nothing may), and the range of the second
// byte; the third and fourth are always 80..BF.
struct Utf8Rule {
  std::size_t length;
  unsigned char least;
  unsigned char most;
};

constexpr Utf8Rule utf8_rule(unsigned char first) noexcept {
  if (first >= 0xc2 && first <= 0xdf) return {2, 0x80, 0xbf};
  if (first == 0xe0) return {3, 0xa0, 0xbf};
  if (first == 0xed) return {3, 0x80, 0x9f};
  if (first >= 0xe1 && first <= 0xef) return {3, 0x80, 0xbf};
  if (first == 0xf0) return {4, 0x90, 0xbf};
  if (first >= 0xf1 && first <= 0xf3) return {4, 0x80, 0xbf};
  if (first == 0xf4) return {4, 0x80, 0x8f};
  return {1, 0, 0};
}

// Returns the sequence that `text`, which is not empty, begins with. A bad one is as long as it
// could still have become valid, at least one byte: each such one is replaced by one U+FFFD
// (Unicode, section 3.9, "substitution of maximal subparts"; browsers do the same).
inline Utf8Sequence first_utf8_sequence(std::string_view text) noexcept {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const Utf8Rule rule = utf8_rule(byte(0));
  if (rule.length == 1) return {1, byte(0) < 0x80};
  if (text.size() == 1 || byte(1) < rule.least || byte(1) > rule.most) return {1, false};
  for (std::size_t length = 2; length < rule.length; ++length) {
    if (length == text.size() || !is_utf8_continuation(byte(length))) return {length, false};
  }
  return {rule.length, true};
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_UTF8_HPP

// ---- waggle/api/trace_state.hpp ----

// OpenTelemetry's member of a tracestate, `ot=th:...;rv:...`, which carries the sampling threshold
// from service to service (OpenTelemetry, TraceState Handling). Pure functions on text, without
// allocation; used by inject(), extract(), the samplers and the collector.
#ifndef WAGGLE_API_TRACE_STATE_HPP
#define WAGGLE_API_TRACE_STATE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// ---- reading ----

// Thresholds have 56 bits; this is the first number that is none.
constexpr std::uint64_t kThresholdEnd = std::uint64_t{1} << 56;
constexpr std::size_t kThresholdDigits = 14;

// What the `ot` member tells (OpenTelemetry, TraceState Handling).
struct OtelTraceState {
  std::string_view value;        // the member's whole value, for as long as the text
  bool is_well_formed = false;   // a list of unique `key:value`; else nothing is read
  bool names_threshold = false;  // there is a `th`, readable or not
  bool has_randomness = false;   // there is a readable `rv`
  std::uint64_t threshold = kUnknownThreshold;  // from `th`, if that is readable
  std::uint64_t randomness = 0;                 // from `rv`
};

// A threshold as `th` shows it: 1 to 14 hexadecimal digits without trailing zeros.
struct ThresholdText {
  char digits[16];
  std::size_t size;

  operator std::string_view() const noexcept { return {digits + 2, size}; }
};

// Writes a threshold below kThresholdEnd: 0 is "0", one half "8".
inline ThresholdText threshold_text(std::uint64_t threshold) noexcept {
  ThresholdText text{{}, kThresholdDigits};
  write_hex(text.digits, threshold);
  while (text.size > 1 && text.digits[text.size + 1] == '0') --text.size;
  return text;
}

// Reads a `th`: zeros are added at the right until there are 14 digits. Anything but 1 to 14
// lowercase digits gives kUnknownThreshold.
constexpr std::uint64_t read_threshold(std::string_view text) noexcept {
  std::uint64_t threshold = 0;
  if (text.size() > kThresholdDigits || !read_hex(text, threshold)) return kUnknownThreshold;
  return threshold << 4 * (kThresholdDigits - text.size());
}

// Splits `key:value` of the `ot` member; false unless both keep to the grammar.
constexpr bool read_otel_pair(std::string_view pair, std::string_view& key,
                              std::string_view& value) noexcept {
  const std::size_t at = pair.find(':');
  if (at == std::string_view::npos || at == 0 || !is_lowercase_letter(pair.front())) return false;
  key = pair.substr(0, at);
  value = pair.substr(at + 1);
  for (char c : key) {
    if (!is_lowercase_letter(c) && !is_decimal_digit(c)) return false;
  }
  for (char c : value) {
    const bool is_letter = is_lowercase_letter(c) || (c >= 'A' && c <= 'Z');
    if (!is_letter && !is_decimal_digit(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

// Tells whether `key` stands in a well-formed list of pairs.
inline bool has_otel_key(std::string_view list, std::string_view key) noexcept {
  TextPieces pairs(list, ';');
  for (std::string_view pair, other, value; pairs.next(pair);) {
    if (read_otel_pair(pair, other, value) && other == key) return true;
  }
  return false;
}

// Reads the value of an `ot` member. All of it or nothing: a list that breaks the grammar anywhere
// or names a key twice tells nothing.
inline OtelTraceState read_otel_value(std::string_view list) noexcept {
  OtelTraceState told;
  told.value = list;
  if (list.size() > 256) return told;
  TextPieces pairs(list, ';');
  for (std::string_view pair, key, value; pairs.next(pair);) {
    const auto before = static_cast<std::size_t>(pair.data() - list.data());
    const bool is_bad = !read_otel_pair(pair, key, value) ||
                        (before != 0 && has_otel_key(list.substr(0, before - 1), key));
    if (is_bad) return {list, false, false, false, kUnknownThreshold, 0};
    if (key == "th") {
      told.names_threshold = true;
      told.threshold = read_threshold(value);
    } else if (key == "rv") {
      told.has_randomness = value.size() == kThresholdDigits && read_hex(value, told.randomness);
    }
  }
  told.is_well_formed = true;
  return told;
}

constexpr bool is_otel_member(std::string_view member) noexcept {
  return member.substr(0, 3) == "ot=";
}

// Reads the first `ot` member of a tracestate; what it does not tell stays unknown.
inline OtelTraceState parse_otel_member(std::string_view trace_state) noexcept {
  TextPieces members(trace_state, ',');
  for (std::string_view piece; members.next(piece);) {
    const std::string_view member = trim(piece);
    if (is_otel_member(member)) return read_otel_value(member.substr(3));
  }
  return {};
}

// ---- writing ----

// Composes `ot=...` with another threshold; the other pairs stay as they were. Empty if no pair is
// left. Where a `th` would make the value longer than 256 characters there is none.
class OtelMember {
 public:
  OtelMember(const OtelTraceState& told, std::uint64_t threshold) noexcept {
    if (threshold < kThresholdEnd) append("th:", threshold_text(threshold));
    append_others(told);
    if (size_ <= kPrefix + 256) return;
    size_ = kPrefix;
    append_others(told);
  }

  std::string_view view() const noexcept {
    return size_ == kPrefix ? std::string_view{} : std::string_view(text_, size_);
  }

 private:
  static constexpr std::size_t kPrefix = 3;

  // Only lists that were well-formed, and so not over 256 characters, are taken over.
  void append_others(const OtelTraceState& told) noexcept {
    if (!told.is_well_formed) return;
    TextPieces pairs(told.value, ';');
    for (std::string_view pair; pairs.next(pair);) {
      if (pair.substr(0, 3) != "th:") append("", pair);
    }
  }

  void append(std::string_view key, std::string_view rest) noexcept {
    if (size_ != kPrefix) text_[size_++] = ';';
    for (std::string_view part : {key, rest}) {
      std::memcpy(text_ + size_, part.data(), part.size());
      size_ += part.size();
    }
  }

  std::size_t size_ = kPrefix;
  char text_[kPrefix + 256 + 4 + kThresholdDigits] = {'o', 't', '='};
};

// Writes `trace_state`, which lies outside the buffer, with `threshold` as its `th`, or without any
// if the threshold is unknown. Members keep their order; only an `ot` that changes moves to the
// left end (section 3.5), and for one that is new the 33rd member leaves. Text that is no valid
// tracestate is dropped as a whole.
inline void write_trace_state(TraceStateBuffer& buffer, std::string_view trace_state,
                              std::uint64_t threshold) noexcept {
  buffer.clear();
  if (!add_trace_state_line(buffer, trace_state)) {
    buffer.clear();
    trace_state = {};
  }
  const OtelTraceState told = parse_otel_member(trace_state);
  const bool is_known = threshold < kThresholdEnd;
  if (is_known ? told.threshold == threshold : !told.names_threshold) return;
  const OtelMember member(told, threshold);
  buffer.clear();
  if (!member.view().empty()) buffer.add(member.view());
  TextPieces pieces(trace_state, ',');
  for (std::string_view piece; pieces.next(piece);) {
    const std::string_view other = trim(piece);
    if (!other.empty() && !is_otel_member(other)) buffer.add(other);
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_TRACE_STATE_HPP

#endif  // !defined(WAGGLE_DISABLED) || defined(WAGGLE_IMPLEMENTATION)

#if !defined(WAGGLE_DISABLED)

// ---- waggle/api/open_span.hpp ----

// A span while it is open: the record it carries and the calls that write to it. Span and
// DetachedSpan are made of it; functions that add to a span of either kind take an OpenSpan&.
// Whatever is passed in is copied before the call returns. No call can fail visibly, throw or
// block; none is meant for two threads at once. Memory: some 256 bytes inside the span, then 4 KiB
// blocks from the collector's bounded pool, 16 KiB in all; what does not fit is left out and
// counted in the span.
#ifndef WAGGLE_API_OPEN_SPAN_HPP
#define WAGGLE_API_OPEN_SPAN_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Holds what Span and DetachedSpan have in common. Not made by itself.
class OpenSpan {
 public:
  OpenSpan(const OpenSpan&) = delete;
  OpenSpan& operator=(const OpenSpan&) = delete;

  // Tells whether what is set now will be kept: false for an unsampled or ended span, and for every
  // span while no tracer runs. Worth asking only before work done for an attribute's sake.
  bool is_recording() const noexcept { return state_ >= State::Recording; }

  // Returns the span's identity, also after its end. Invalid if no tracer ran when it started and
  // no parent was given; with a parent given, that parent.
  SpanContext context() const noexcept;

  // Sets an attribute; of equal keys the last one counts. Keys are non-empty text of at most 1,024
  // bytes. See AttributeValue for the types; a null `const char*` becomes an empty value.
  template <class T>
  WAGGLE_INLINE void set_attribute(std::string_view key, const T& value) noexcept {
    if constexpr (detail::is_scalar_value_v<T>) {
      stage_word(key, detail::to_word(value));
    } else if constexpr (detail::is_text_v<T>) {
      stage_text(key, detail::to_text(value));
    } else {
      set_value(key, AttributeValue(value));
    }
  }
  template <class T>
  void set_attribute(std::string_view key, const std::initializer_list<T>& values) noexcept {
    set_value(key, AttributeValue(values));
  }
  void set_attribute(std::string_view key, const AttributeValue& value) noexcept {
    set_value(key, value);
  }

  // Sets several attributes.
  void set_attributes(Attributes attributes) noexcept {
    for (const Attribute& attribute : attributes) set_value(attribute.key, attribute.value);
  }

  // Adds an event that happened at `time`, now by default. At most 128 events with 128 attributes
  // each are exported; what is beyond is counted as dropped.
  void add_event(std::string_view name, Attributes attributes = {},
                 Timestamp time = Timestamp{}) noexcept;

  // Adds a link to another span. Links known at the start are better given in SpanOptions: samplers
  // see only those.
  void add_link(const SpanContext& linked, Attributes attributes = {}) noexcept;

  // Sets the status. Ok is final; Unset is ignored; a description is kept with Error only
  // (OpenTelemetry, Set Status).
  void set_status(StatusCode code, std::string_view description = {}) noexcept;

  // Records an exception as an event named "exception", with its dynamic type (the static one when
  // compiled without RTTI) and its what(). Attributes given here win over these two. The status is
  // not touched: set it where the span failed by it.
  template <class Exception, class TypeName = detail::ExceptionTypeName>
  void record_exception(const Exception& exception, Attributes attributes = {}) noexcept {
    add_exception(TypeName::of(exception), {{}, detail::exception_message(exception)}, attributes);
  }

  // Records an exception of which you know more than C++ does. Attributes given here win as well.
  void record_exception(const ExceptionDetails& details, Attributes attributes = {}) noexcept {
    add_exception(AttributeValue(details.type), details, attributes);
  }

  // Replaces the name. The sampling decision stands.
  void update_name(std::string_view name) noexcept;

  // Replaces the start time.
  void set_start_time(Timestamp time) noexcept;

 protected:
  enum class State : std::uint8_t {
    Off = 0,         // no identity
    PassedOn,        // not recording, with the identity of the given parent
    Unsampled,       // not recording, with an identity that its entry holds
    UnsampledApart,  // not recording, with an identity of its own
    Ended,           // recording no more
    Recording,      // all of the record is in the span itself, and nothing is special about its end
    RecordingRare,  // recording, with something for the general way to do at its end
  };

  // Whoever derives from it begins with be_off() or a start.
  OpenSpan() noexcept {}  // NOLINT(modernize-use-equals-default): that one would be deleted
  ~OpenSpan() = default;

  static constexpr std::size_t kInlineBytes = 256;
  static constexpr std::size_t kDroppedChunk =
      sizeof(detail::ChunkHeader) + sizeof(detail::DroppedCounts);

  // In one store by set_state(). Whatever follows is written before state_ leaves Off, and what a
  // state does not need is never read in it.
  std::uint32_t used_;      // bytes staged at place_
  std::uint16_t capacity_;  // of place_; 0 when not recording
  State state_;
  bool is_spilled_;  // place_ is in a block of the pool

  bool is_remote_;             // with PassedOn: the parent is remote
  std::uint16_t inline_used_;  // once spilled: bytes staged in data_
  std::uint32_t session_;
  detail::DroppedCounts lost_;
  detail::ThreadState* owner_;
  detail::CurrentEntry* entry_;  // its entry among the owner's current spans; null: not current
  detail::ContextBlock* block_;
  detail::SpillBlock* spill_;  // the first block of what did not fit
  char* place_;                // what is being filled: data_, or the bytes of one of these blocks
  union {                      // so that its ids are not set to zero first
    alignas(16) detail::RecordHeader header_;  // NOLINT(readability-identifier-naming)
  };
  char data_[kInlineBytes + kDroppedChunk + detail::kCopyStep];

  // Returns where the header and, right behind it, what was staged lie.
  WAGGLE_INLINE const char* record_bytes() const noexcept {
    return reinterpret_cast<const char*>(this) + (data_ - reinterpret_cast<const char*>(this)) -
           sizeof(detail::RecordHeader);
  }

  // Sets the header's fields before the trace id, in one store.
  WAGGLE_INLINE void set_first_word(std::uint16_t scope, SpanKind kind,
                                    std::uint8_t trace_flags) noexcept {
    detail::store_bytes(reinterpret_cast<char*>(&header_),
                        std::uint64_t{scope} << 16 |
                            std::uint64_t{static_cast<std::uint8_t>(kind)} << 32 |
                            std::uint64_t{trace_flags} << 48);
  }

  // The longest name that is copied in the fast way.
  static constexpr std::size_t kLongestName = kInlineBytes - sizeof(detail::ChunkHeader);

  std::size_t inline_used() const noexcept { return is_spilled_ ? inline_used_ : used_; }

  // Opens the record with its name, at most kLongestName bytes of it.
  WAGGLE_INLINE void open_record(const char* name, std::size_t name_size) noexcept {
    detail::store_bytes(data_, detail::ChunkHeader{detail::ChunkKind::Name, ValueTag::Text, 0,
                                                   static_cast<std::uint32_t>(name_size)});
    detail::copy_padded(data_ + sizeof(detail::ChunkHeader), name, name_size);
    lost_ = {};
    place_ = data_;
    set_state(State::Recording, kInlineBytes,
              sizeof(detail::ChunkHeader) + detail::padded(name_size));
  }

  WAGGLE_INLINE void be_off() noexcept { set_state(State::Off, 0, 0); }

  // Sets the members of the first word.
  WAGGLE_INLINE void set_state(State state, std::uint64_t capacity, std::uint64_t used) noexcept {
    detail::store_bytes(
        reinterpret_cast<char*>(this),
        used | capacity << 32 | std::uint64_t{static_cast<std::uint8_t>(state)} << 48);
  }

  // ---- the rare cases of a span's life, in lifecycle.hpp ----

  void begin_named(std::uint16_t scope, const char* name, std::size_t name_size) noexcept;
  void begin_with(const detail::Beginning& beginning, bool make_current) noexcept;
  void set_end_time(Timestamp time) noexcept;
  void finish_in_general() noexcept;
  void release_context() noexcept;
  bool is_current() const noexcept;

  // Tells this span's entry from any other's.
  std::uint64_t token() const noexcept { return header_.span_id.value; }

 private:
  friend class ContextGuard;
  friend class ExceptionWatch;
  friend class Recorder;

  void begin_in_general(detail::ThreadState& thread, std::uint32_t session,
                        const detail::Beginning& beginning, bool make_current) noexcept;
  void pass_on(const SpanContext& parent) noexcept;
  void inherit(const detail::ContextFields& parent) noexcept;
  void decide(detail::ThreadState& thread, const detail::ContextFields& parent,
              const detail::Beginning& beginning) noexcept;
  static void add_sampler_attribute(void* span, const Attribute& attribute) noexcept;
  void settle(bool is_recorded) noexcept;
  void stage_beginning(const detail::Beginning& beginning) noexcept;
  void stage_context() noexcept;
  detail::ContextFields identity() const noexcept;
  void keep_identity() noexcept;
  void become_current(detail::ThreadState& thread) noexcept;
  void adopt_entry(detail::ThreadState& thread, detail::CurrentEntry* entry) noexcept;
  void call_for_general_end() noexcept { state_ = State::RecordingRare; }
  void submit(detail::ThreadState& thread) noexcept;

  // ---- staging: append a chunk at place_, or leave the rare cases to the cold twin ----

  WAGGLE_INLINE void stage_word(std::string_view key, detail::Word word) noexcept {
    const std::size_t value_at = sizeof(detail::ChunkHeader) + detail::padded(key.size());
    if (WAGGLE_LIKELY(used_ + value_at + sizeof(word.bits) <= capacity_)) {
      char* chunk = place_ + used_;
      detail::store_bytes(
          chunk, detail::ChunkHeader{detail::ChunkKind::Attribute, word.tag,
                                     static_cast<std::uint16_t>(key.size()), sizeof(word.bits)});
      detail::copy_padded(chunk + sizeof(detail::ChunkHeader), key.data(), key.size());
      detail::store_bytes(chunk + value_at, word.bits);
      used_ += static_cast<std::uint32_t>(value_at + sizeof(word.bits));
    } else if (is_recording()) {
      stage_word_cold(key, word);
    }
  }

  WAGGLE_INLINE void stage_text(std::string_view key, std::string_view text) noexcept {
    const std::size_t value_at = sizeof(detail::ChunkHeader) + detail::padded(key.size());
    const std::size_t size = value_at + detail::padded(text.size());
    if (WAGGLE_LIKELY(text.data() != nullptr && text.size() <= kInlineBytes &&
                      used_ + size <= capacity_)) {
      char* chunk = place_ + used_;
      detail::store_bytes(chunk, detail::ChunkHeader{detail::ChunkKind::Attribute, ValueTag::Text,
                                                     static_cast<std::uint16_t>(key.size()),
                                                     static_cast<std::uint32_t>(text.size())});
      detail::copy_padded(chunk + sizeof(detail::ChunkHeader), key.data(), key.size());
      copy_text(chunk + value_at, text.data(), text.size());
      used_ += static_cast<std::uint32_t>(size);
    } else if (is_recording()) {
      stage_text_cold(key, text);
    }
  }

  // Keys are nearly always literals, which copy as a few moves at the call site; texts are not.
  static WAGGLE_OUT_OF_LINE void copy_text(char* to, const char* text, std::size_t size) noexcept {
    detail::copy_padded(to, text, size);
  }

  // ---- the rare cases, in staging.hpp ----

  void set_value(std::string_view key, const AttributeValue& value) noexcept;
  void stage_word_cold(std::string_view key, detail::Word word) noexcept;
  void stage_text_cold(std::string_view key, std::string_view text) noexcept;
  bool stage_event(std::string_view name, Timestamp time) noexcept;
  void add_exception(const AttributeValue& type, const ExceptionDetails& details,
                     Attributes attributes) noexcept;
  void fail_unless_decided(std::string_view description) noexcept;
  bool stage_value(detail::ChunkKind kind, std::string_view key,
                   const AttributeValue& value) noexcept;
  bool stage(detail::ChunkKind kind, ValueTag tag, std::string_view key, const void* value,
             std::size_t value_size) noexcept;
  bool stage_in_pieces(const detail::ChunkHeader& header, std::string_view key,
                       const void* value) noexcept;
  void stage_counted(detail::ChunkKind kind, std::string_view key,
                     const AttributeValue& value) noexcept;
  void stage_list(detail::ChunkKind kind, Attributes attributes) noexcept;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_OPEN_SPAN_HPP

// ---- waggle/api/recorder.hpp ----

// A span's record as a stream of bytes: first the span's own buffer, then blocks of the pool. The
// slow way in; the quick one is in open_span.hpp.
#ifndef WAGGLE_API_RECORDER_HPP
#define WAGGLE_API_RECORDER_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace waggle {
inline namespace abi1 {

// Appends to an open span as to a stream of bytes: first its own buffer, then blocks of the pool.
// All of a chunk's room is secured before its first byte is written, so a chunk is in the record
// whole or not at all.
class Recorder {
 public:
  explicit Recorder(OpenSpan& span) noexcept : span_(span) {}

  // Returns how many bytes may be appended without asking the pool.
  std::size_t room() const noexcept {
    std::size_t free = span_.capacity_ - span_.used_;
    if (!span_.is_spilled_) return free;
    for (const auto* block = being_filled()->next; block != nullptr; block = block->next) {
      free += kBlockRoom;
    }
    return free;
  }

  // Secures `size` bytes, a multiple of 8, for append(). False if the pool or the record is full.
  bool secure(std::size_t size) noexcept {
    if (size <= room()) return true;
    if (size > left_in_record()) return false;
    detail::SpillBlock* blocks = nullptr;
    const std::size_t here = span_.is_spilled_ ? room() : 0;
    for (std::size_t got = here; got < size; got += kBlockRoom) {
      detail::SpillBlock* block = waggle_abi1_hub.acquire_spill();
      if (block == nullptr) {
        if (blocks != nullptr) waggle_abi1_hub.release_spill(blocks);
        return false;
      }
      block->used = 0;
      block->next = blocks;
      blocks = block;
    }
    chain(blocks);
    return true;
  }

  // Appends bytes and pads them to 8; the room has been secured.
  void append(const void* bytes, std::size_t size) noexcept {
    const char* from = static_cast<const char*>(bytes);
    constexpr char kZeros[8] = {};
    append_raw(from, size);
    append_raw(kZeros, detail::padded(size) - size);
  }

  // Returns the size that the record has now.
  std::size_t record_size() const noexcept {
    std::size_t size = sizeof(detail::RecordHeader) + span_.used_;
    if (!span_.is_spilled_) return size;
    for (const auto* block = span_.spill_; block != being_filled(); block = block->next) {
      size += static_cast<std::size_t>(block->used);
    }
    return size + span_.inline_used_;
  }

  std::size_t left_in_record() const noexcept {
    const std::size_t size = record_size() + OpenSpan::kDroppedChunk;
    return size < detail::kMaxRecordBytes ? detail::kMaxRecordBytes - size : 0;
  }

  // Copies the whole record, its header first, to `to`, which has room for it and a copy step more.
  void copy_to(char* to) const noexcept {
    to = copy(to, &span_.header_, sizeof(span_.header_));
    to = copy(to, span_.data_, span_.inline_used());
    if (!span_.is_spilled_) return;
    for (const auto* block = span_.spill_; block != being_filled(); block = block->next) {
      to = copy(to, block->bytes, static_cast<std::size_t>(block->used));
    }
    copy(to, span_.place_, span_.used_);
  }

  // Puts what was left out into the record, behind the span's own bytes, where its place was kept.
  void append_dropped_counts() noexcept {
    const detail::ChunkHeader chunk{detail::ChunkKind::Dropped, ValueTag::Empty, 0,
                                    sizeof(detail::DroppedCounts)};
    char* to = span_.data_ + span_.inline_used();
    copy(copy(to, &chunk, sizeof(chunk)), &span_.lost_, sizeof(span_.lost_));
    if (span_.is_spilled_) {
      span_.inline_used_ += static_cast<std::uint16_t>(OpenSpan::kDroppedChunk);
    } else {
      span_.used_ += static_cast<std::uint32_t>(OpenSpan::kDroppedChunk);
    }
  }

 private:
  // Short of the whole block: the fast way may zero a word behind what it writes.
  static constexpr std::size_t kBlockRoom = detail::SpillBlock::kCapacity - sizeof(std::uint64_t);

  static char* copy(char* to, const void* from, std::size_t size) noexcept {
    std::memcpy(to, from, size);
    return to + size;
  }

  void append_raw(const char* from, std::size_t size) noexcept {
    while (size > 0) {
      if (span_.used_ == span_.capacity_) go_on_in_next();
      const std::size_t free = span_.capacity_ - span_.used_;
      const std::size_t part = size < free ? size : free;
      copy(span_.place_ + span_.used_, from, part);
      span_.used_ += static_cast<std::uint32_t>(part);
      from += part;
      size -= part;
    }
  }

  // Once spilled: the block that place_ is in.
  detail::SpillBlock* being_filled() const noexcept {
    return reinterpret_cast<detail::SpillBlock*>(span_.place_ -
                                                 offsetof(detail::SpillBlock, bytes));
  }

  // secure() made sure that there is one.
  void go_on_in_next() noexcept {
    being_filled()->used = span_.used_;
    fill(*being_filled()->next);
  }

  void fill(detail::SpillBlock& block) noexcept {
    span_.place_ = block.bytes;
    span_.capacity_ = kBlockRoom;
    span_.used_ = 0;
  }

  void chain(detail::SpillBlock* blocks) noexcept {
    if (span_.is_spilled_) {
      detail::SpillBlock* last = being_filled();
      while (last->next != nullptr) last = last->next;
      last->next = blocks;
      return;
    }
    span_.call_for_general_end();
    span_.is_spilled_ = true;
    span_.inline_used_ = static_cast<std::uint16_t>(span_.used_);
    span_.spill_ = blocks;
    fill(*blocks);
  }

  OpenSpan& span_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_RECORDER_HPP

// ---- waggle/api/list_elements.hpp ----

// How arrays and maps get into a record: their elements one behind the other as chunks, nested ones
// inside the value of theirs. Measured first, since all of a chunk's room is secured before its
// first byte is written.
#ifndef WAGGLE_API_LIST_ELEMENTS_HPP
#define WAGGLE_API_LIST_ELEMENTS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Says how much of `text` to keep within `limit` bytes without cutting a UTF-8 sequence in two.
inline std::size_t utf8_prefix(std::string_view text, std::size_t limit) noexcept {
  if (text.size() <= limit) return text.size();
  std::size_t size = limit;
  while (size > 0 && limit - size < 4 && (text[size] & '\xc0') == '\x80') --size;
  return (text[size] & '\xc0') == '\x80' ? limit : size;
}

inline std::string_view clipped_key(std::string_view key) noexcept {
  return key.substr(0, utf8_prefix(key, kMaxKeyBytes));
}

// Lists within lists; what is nested more deeply has no elements.
constexpr int kDeepestList = 64;

// Adds up what a list's elements need.
class ElementMeasure final : public ElementSink {
 public:
  static std::size_t size_of(const AttributeValue& list, int depth = 1) noexcept {
    ElementMeasure measure(depth);
    if (depth <= kDeepestList) list.visit(measure);
    return measure.size_;
  }

  // Returns the size of any value's bytes in a record.
  static std::size_t value_size(const AttributeValue& value, int depth) noexcept {
    if (value.is_list()) return size_of(value, depth);
    return value.is_word() ? sizeof(std::uint64_t) : value.text().size();
  }

  void element(std::string_view key, const AttributeValue& value) noexcept override {
    size_ += sizeof(ChunkHeader) + padded(clipped_key(key).size()) +
             padded(value_size(value, depth_ + 1));
  }

 private:
  explicit ElementMeasure(int depth) noexcept : depth_(depth) {}

  const int depth_;
  std::size_t size_ = 0;
};

// Writes a list's elements into room that has been secured.
class ElementWriter final : public ElementSink {
 public:
  ElementWriter(Recorder& recorder, std::size_t room) noexcept : recorder_(recorder), room_(room) {}

  // Fills the room exactly, also if the list has become another since it was measured.
  void write(const AttributeValue& list) noexcept {
    list.visit(*this);
    while (room_ != 0) append_header({}, Empty{}, 0);
  }

  void element(std::string_view key, const AttributeValue& value) noexcept override {
    key = clipped_key(key);
    const std::size_t size = ElementMeasure::value_size(value, depth_ + 1);
    if (sizeof(ChunkHeader) + padded(key.size()) + padded(size) > room_) return;
    append_header(key, value, size);
    if (!key.empty()) append(key.data(), key.size());
    if (value.is_list()) return nest(value);
    const std::uint64_t bits = value.word();
    if (value.is_word()) {
      append(&bits, sizeof(bits));
    } else if (size != 0) {
      append(value.text().data(), size);
    }
  }

 private:
  void append_header(std::string_view key, const AttributeValue& value, std::size_t size) noexcept {
    const ChunkHeader header{ChunkKind::Element, value.tag(),
                             static_cast<std::uint16_t>(key.size()),
                             static_cast<std::uint32_t>(size)};
    append(&header, sizeof(header));
  }

  void nest(const AttributeValue& list) noexcept {
    ++depth_;
    if (depth_ <= kDeepestList) list.visit(*this);
    --depth_;
  }

  void append(const void* bytes, std::size_t size) noexcept {
    recorder_.append(bytes, size);
    room_ -= padded(size);
  }

  Recorder& recorder_;
  std::size_t room_;
  int depth_ = 1;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_LIST_ELEMENTS_HPP

// ---- waggle/api/staging.hpp ----

// The rare half of recording: events, links, lists, and everything that does not fit into the
// span's own buffer. Correct first; the fast cases are in open_span.hpp.
#ifndef WAGGLE_API_STAGING_HPP
#define WAGGLE_API_STAGING_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

inline void count_lost(std::uint16_t& counter) noexcept {
  if (counter != 0xffff) ++counter;
}

}  // namespace detail

WAGGLE_COLD bool OpenSpan::stage(detail::ChunkKind kind, ValueTag tag, std::string_view key,
                                 const void* value, std::size_t value_size) noexcept {
  key = key.substr(0, detail::utf8_prefix(key, detail::kMaxKeyBytes));
  const detail::ChunkHeader header{kind, tag, static_cast<std::uint16_t>(key.size()),
                                   static_cast<std::uint32_t>(value_size)};
  const std::size_t value_at = sizeof(header) + detail::padded(key.size());
  const std::size_t size = value_at + detail::padded(value_size);
  if (used_ + size > capacity_ && !Recorder(*this).secure(size)) return false;
  if (used_ + size > capacity_) return stage_in_pieces(header, key, value);
  char* chunk = place_ + used_;
  detail::store_bytes(chunk, header);
  detail::copy_padded(chunk + sizeof(header), key.data(), key.size());
  if (value != nullptr) {
    detail::copy_padded(chunk + value_at, static_cast<const char*>(value), value_size);
  }
  used_ += static_cast<std::uint32_t>(value != nullptr ? size : value_at);
  return true;
}

// For a chunk that no block has room for as a whole; the room has been secured.
WAGGLE_COLD bool OpenSpan::stage_in_pieces(const detail::ChunkHeader& header, std::string_view key,
                                           const void* value) noexcept {
  Recorder recorder(*this);
  recorder.append(&header, sizeof(header));
  if (!key.empty()) recorder.append(key.data(), key.size());
  if (value != nullptr && header.value_size != 0) recorder.append(value, header.value_size);
  return true;
}

// Text too long for the record is cut to what is left, rather than lost.
WAGGLE_COLD bool OpenSpan::stage_value(detail::ChunkKind kind, std::string_view key,
                                       const AttributeValue& value) noexcept {
  if (value.is_word()) {
    const std::uint64_t bits = value.word();
    return stage(kind, value.tag(), key, &bits, sizeof(bits));
  }
  if (value.is_list()) {
    const std::size_t size = detail::ElementMeasure::size_of(value);
    if (size > detail::kMaxRecordBytes) return false;
    if (!stage(kind, value.tag(), key, nullptr, size)) return false;
    Recorder recorder(*this);
    detail::ElementWriter(recorder, size).write(value);
    return true;
  }
  std::string_view text = value.text();
  const std::size_t overhead = sizeof(detail::ChunkHeader) + detail::padded(key.size());
  const std::size_t left = Recorder(*this).left_in_record();
  const std::size_t longest = left > overhead ? left - overhead : 0;
  if (text.size() > longest) {
    text = text.substr(0, detail::utf8_prefix(text, longest));
    if (text.empty()) return false;
    detail::count_lost(lost_.cut_values);
    call_for_general_end();
  }
  return stage(kind, value.tag(), key, text.data(), text.size());
}

WAGGLE_COLD void OpenSpan::set_value(std::string_view key, const AttributeValue& value) noexcept {
  if (is_recording()) stage_counted(detail::ChunkKind::Attribute, key, value);
}

WAGGLE_COLD void OpenSpan::stage_word_cold(std::string_view key, detail::Word word) noexcept {
  if (!stage(detail::ChunkKind::Attribute, word.tag, key, &word.bits, sizeof(word.bits))) {
    detail::count_lost(lost_.attributes);
    call_for_general_end();
  }
}

WAGGLE_COLD void OpenSpan::stage_text_cold(std::string_view key, std::string_view text) noexcept {
  set_value(key, AttributeValue(text));
}

WAGGLE_COLD void OpenSpan::stage_counted(detail::ChunkKind kind, std::string_view key,
                                         const AttributeValue& value) noexcept {
  if (stage_value(kind, key, value)) return;
  detail::count_lost(lost_.attributes);
  call_for_general_end();
}

inline void OpenSpan::stage_list(detail::ChunkKind kind, Attributes attributes) noexcept {
  for (const Attribute& attribute : attributes) {
    stage_counted(kind, attribute.key, attribute.value);
  }
}

WAGGLE_COLD bool OpenSpan::stage_event(std::string_view name, Timestamp time) noexcept {
  const std::uint64_t at = time.is_set() ? time.unix_nanoseconds : detail::read_ticks();
  const ValueTag tag = time.is_set() ? ValueTag::Int64 : detail::kTickTime;
  if (stage(detail::ChunkKind::Event, tag, name, &at, sizeof(at))) return true;
  detail::count_lost(lost_.events);
  call_for_general_end();
  return false;
}

WAGGLE_OUT_OF_LINE void OpenSpan::add_event(std::string_view name, Attributes attributes,
                                            Timestamp time) noexcept {
  if (!is_recording() || !stage_event(name, time)) return;
  stage_list(detail::ChunkKind::EventAttribute, attributes);
}

WAGGLE_OUT_OF_LINE void OpenSpan::add_link(const SpanContext& linked,
                                           Attributes attributes) noexcept {
  if (!is_recording()) return;
  const std::string_view trace_state = linked.trace_state();
  const bool is_empty = !linked.is_valid() && trace_state.empty() && attributes.empty();
  if (is_empty) return;
  const detail::LinkFields fields{
      linked.trace_id(), linked.span_id(),
      linked.trace_flags() | (linked.is_remote() ? std::uint64_t{0x100} : std::uint64_t{0})};
  if (!stage(detail::ChunkKind::Link, ValueTag::Bytes, {}, nullptr,
             sizeof(fields) + trace_state.size())) {
    detail::count_lost(lost_.links);
    call_for_general_end();
    return;
  }
  Recorder recorder(*this);
  recorder.append(&fields, sizeof(fields));
  recorder.append(trace_state.data(), trace_state.size());
  stage_list(detail::ChunkKind::LinkAttribute, attributes);
}

inline void OpenSpan::set_status(StatusCode code, std::string_view description) noexcept {
  if (!is_recording() || code == StatusCode::Unset) return;
  if (header_.status == StatusCode::Ok) return;
  header_.status = code;
  if (code == StatusCode::Error) {
    stage_value(detail::ChunkKind::StatusMessage, {}, AttributeValue(description));
  }
}

inline void OpenSpan::update_name(std::string_view name) noexcept {
  if (!is_recording()) return;
  stage_value(detail::ChunkKind::Name, {}, AttributeValue(name));
}

inline void OpenSpan::set_start_time(Timestamp time) noexcept {
  if (!is_recording() || !time.is_set()) return;
  header_.start = time.unix_nanoseconds;
  header_.marks |= detail::kExplicitStart;
}

// The attributes that are given stand behind the generated ones: the last of a key counts.
WAGGLE_COLD void OpenSpan::add_exception(const AttributeValue& type,
                                         const ExceptionDetails& details,
                                         Attributes attributes) noexcept {
  if (!is_recording() || !stage_event("exception", {})) return;
  const auto add = [this](std::string_view key, const AttributeValue& value) noexcept {
    if (!value.is_word() && value.text().empty()) return;
    stage_counted(detail::ChunkKind::EventAttribute, key, value);
  };
  add("exception.type", type);
  add("exception.message", details.message);
  add("exception.stacktrace", details.stacktrace);
  if (details.escaped) add("exception.escaped", true);
  stage_list(detail::ChunkKind::EventAttribute, attributes);
}

WAGGLE_COLD void OpenSpan::fail_unless_decided(std::string_view description) noexcept {
  if (is_recording() && header_.status == StatusCode::Unset) {
    set_status(StatusCode::Error, description);
  }
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_STAGING_HPP

// ---- waggle/api/lifecycle.hpp ----

// The general half of a span's life: roots, remote and unsampled parents, options at the start;
// ends out of order, on another thread, after shutdown, or with a record that outgrew the span.
#ifndef WAGGLE_API_LIFECYCLE_HPP
#define WAGGLE_API_LIFECYCLE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// ---- the start ----

// What the hot path hands over: a root, a parent of another kind, a long name, or a thread that has
// no state yet.
WAGGLE_OUT_OF_LINE void OpenSpan::begin_named(std::uint16_t scope, const char* name,
                                              std::size_t name_size) noexcept {
  begin_with({scope, {name, name_size}, SpanOptions{}, {}, {}}, true);
}

WAGGLE_OUT_OF_LINE void OpenSpan::begin_with(const detail::Beginning& beginning,
                                             bool make_current) noexcept {
  be_off();
  const std::uint32_t session = detail::current_session();
  detail::ThreadState* thread = session != 0 ? detail::thread_state(session) : nullptr;
  if (thread == nullptr) return pass_on(beginning.options.parent.context());
  begin_in_general(*thread, session, beginning, make_current);
}

// With nobody to record it the span still hands its parent on, so that a trace survives a process
// without a tracer (OpenTelemetry, API behaviour without an SDK).
WAGGLE_COLD void OpenSpan::pass_on(const SpanContext& parent) noexcept {
  const detail::ContextFields& fields = parent.fields();
  if (!parent.is_valid() && fields.block == nullptr) return;
  header_.trace_id = fields.trace_id;
  header_.span_id = fields.span_id;
  header_.threshold = fields.threshold;
  header_.trace_flags = fields.traits.flags;
  is_remote_ = fields.traits.is_remote;
  entry_ = nullptr;
  block_ = fields.block;
  detail::ContextBlock::retain(block_);
  state_ = State::PassedOn;
}

WAGGLE_OUT_OF_LINE void OpenSpan::begin_in_general(detail::ThreadState& thread,
                                                   std::uint32_t session,
                                                   const detail::Beginning& beginning,
                                                   bool make_current) noexcept {
  const SpanOptions& options = beginning.options;
  const std::uint32_t open = thread.enter();
  thread.reap();
  open_record(beginning.name.data(), detail::utf8_prefix(beginning.name, kLongestName));
  owner_ = &thread;
  session_ = session;
  entry_ = nullptr;
  block_ = nullptr;
  header_.span_id = thread.ids.span_id();
  set_first_word(beginning.scope, options.kind, 0);
  const detail::ContextFields& parent =
      options.parent.is_given() ? options.parent.context().fields() : thread.top->context;
  header_.parent_id = parent.is_valid() ? parent.span_id : SpanId{};
  if (parent.is_valid() && !parent.traits.is_remote) {
    inherit(parent);
  } else {
    decide(thread, parent, beginning);
  }
  if (make_current) become_current(thread);
  if (is_recording()) stage_beginning(beginning);
  thread.leave(open);
  if ((header_.marks & detail::kExplicitStart) == 0) header_.start = detail::read_ticks();
}

// A local parent has decided for its whole trace in this process.
inline void OpenSpan::inherit(const detail::ContextFields& parent) noexcept {
  header_.trace_id = parent.trace_id;
  header_.threshold = parent.threshold;
  header_.trace_flags = parent.traits.flags;
  block_ = parent.block;
  detail::ContextBlock::retain(block_);
  if (parent.traits.is_record_only) header_.marks |= detail::kRecordOnly;
  settle(parent.is_sampled() || parent.traits.is_record_only);
}

// The root of this process's part of a trace: the sampler decides.
WAGGLE_OUT_OF_LINE void OpenSpan::decide(detail::ThreadState& thread,
                                         const detail::ContextFields& parent,
                                         const detail::Beginning& beginning) noexcept {
  const bool has_parent = parent.is_valid();
  const SpanContext remote_parent = has_parent ? SpanContext(parent) : SpanContext{};
  header_.trace_id = has_parent ? parent.trace_id : thread.ids.trace_id();
  if (has_parent) header_.marks |= detail::kParentIsRemote;
  const detail::RootRequest request{sizeof(request),      header_.kind,
                                    header_.scope,        header_.trace_id,
                                    beginning.name,       has_parent ? &remote_parent : nullptr,
                                    beginning.attributes, beginning.links};
  detail::RootDecision decision{sizeof(decision),
                                detail::Decision::Drop,
                                kUnknownThreshold,
                                nullptr,
                                this,
                                &add_sampler_attribute,
                                0};
  waggle_abi1_hub.decide_root(request, decision);
  const bool is_sampled = decision.decision == detail::Decision::RecordAndSample;
  const int random = has_parent ? parent.traits.flags & kTraceFlagRandom : kTraceFlagRandom;
  header_.trace_flags = static_cast<std::uint8_t>(random | (is_sampled ? kTraceFlagSampled : 0));
  header_.threshold = decision.threshold != kUnknownThreshold
                          ? decision.threshold
                          : detail::rate_as_threshold(decision.sample_rate);
  block_ = detail::ContextBlock::with_baggage(decision.block, parent.block);
  if (decision.decision == detail::Decision::RecordOnly) header_.marks |= detail::kRecordOnly;
  settle(decision.decision != detail::Decision::Drop);
}

inline void OpenSpan::add_sampler_attribute(void* span, const Attribute& attribute) noexcept {
  static_cast<OpenSpan*>(span)->set_value(attribute.key, attribute.value);
}

inline void OpenSpan::settle(bool is_recorded) noexcept {
  if (is_recorded) {
    if (block_ != nullptr) call_for_general_end();
    return;
  }
  if (is_spilled_) waggle_abi1_hub.release_spill(spill_);
  is_spilled_ = false;
  state_ = State::UnsampledApart;
  capacity_ = 0;
}

inline void OpenSpan::become_current(detail::ThreadState& thread) noexcept {
  detail::ContextBlock::retain(block_);
  entry_ = thread.push(identity(), this, token());
  if (entry_ != nullptr) return;
  detail::ContextBlock::release(block_);
  if (is_recording()) call_for_general_end();
}

// Writes what was known at the start; a name too long for the fast way is staged once more in full.
inline void OpenSpan::stage_beginning(const detail::Beginning& beginning) noexcept {
  if (beginning.name.size() > kLongestName) update_name(beginning.name);
  if (block_ != nullptr) stage_context();
  set_start_time(beginning.options.start_time);
  set_attributes(beginning.attributes);
  for (const Link& link : beginning.links) add_link(link.context, link.attributes);
}

inline void OpenSpan::stage_context() noexcept {
  const std::string_view trace_state = block_->trace_state();
  const std::string_view baggage = block_->baggage().bytes();
  if (!trace_state.empty()) {
    stage(detail::ChunkKind::TraceState, ValueTag::Text, {}, trace_state.data(),
          trace_state.size());
  }
  if (!baggage.empty() && detail::load_relaxed(waggle_abi1_hub.records_baggage) != 0) {
    stage(detail::ChunkKind::Baggage, ValueTag::Bytes, {}, baggage.data(), baggage.size());
  }
}

// ---- identity ----

inline detail::ContextFields OpenSpan::identity() const noexcept {
  if (state_ == State::Unsampled) return entry_->context;
  detail::ContextFields fields;
  fields.trace_id = header_.trace_id;
  fields.span_id = header_.span_id;
  fields.threshold = header_.threshold;
  fields.block = block_;
  fields.traits.flags = header_.trace_flags;
  fields.traits.is_remote = state_ == State::PassedOn && is_remote_;
  fields.traits.is_record_only =
      state_ != State::PassedOn && (header_.marks & detail::kRecordOnly) != 0;
  return fields;
}

// Takes over what only the entry of an unsampled span knew.
inline void OpenSpan::keep_identity() noexcept {
  const detail::ContextFields fields = identity();
  header_.trace_id = fields.trace_id;
  header_.threshold = fields.threshold;
  header_.trace_flags = fields.traits.flags;
  header_.marks = 0;
  block_ = nullptr;
}

inline SpanContext OpenSpan::context() const noexcept {
  return state_ == State::Off ? SpanContext{} : SpanContext(identity());
}

inline bool OpenSpan::is_current() const noexcept {
  return entry_ != nullptr && detail::load_relaxed(entry_->token) == token();
}

// Takes over the entry that a guard just pushed for this span under its token(), so that the entry
// reaches the span and ends with it.
inline void OpenSpan::adopt_entry(detail::ThreadState& thread,
                                  detail::CurrentEntry* entry) noexcept {
  owner_ = &thread;
  entry_ = entry;
  detail::store_relaxed(entry->span, this);
}

// ---- the end ----

inline void OpenSpan::set_end_time(Timestamp time) noexcept {
  if (!is_recording() || !time.is_set()) return;
  header_.end = time.unix_nanoseconds;
  header_.marks |= detail::kExplicitEnd;
  call_for_general_end();
}

// Ends a span of any state; a second end does nothing.
WAGGLE_OUT_OF_LINE void OpenSpan::finish_in_general() noexcept {
  if (state_ == State::PassedOn || state_ == State::Ended) return;
  const bool was_recording = is_recording();
  const std::uint64_t now = was_recording ? detail::read_ticks() : 0;
  if (state_ == State::Unsampled) keep_identity();
  state_ = State::Ended;
  capacity_ = 0;
  if (entry_ != nullptr) detail::leave_entry(*entry_, token());
  if (!was_recording) return;
  if ((header_.marks & detail::kExplicitEnd) == 0) header_.end = now;
  if (session_ != detail::current_session()) {
    waggle_abi1_hub.count_drop(DropReason::AfterShutdown);
  } else if (detail::ThreadState* thread = detail::thread_state(session_)) {
    submit(*thread);
  }
  if (is_spilled_) waggle_abi1_hub.release_spill(spill_);
}

inline void OpenSpan::submit(detail::ThreadState& thread) noexcept {
  const std::uint32_t open = thread.enter();
  Recorder recorder(*this);
  const detail::DroppedCounts none{};
  if (std::memcmp(&lost_, &none, sizeof(none)) != 0) recorder.append_dropped_counts();
  const std::size_t size = recorder.record_size();
  header_.words = static_cast<std::uint16_t>(size / 8);
  if (thread.ring.make_room(size)) {
    recorder.copy_to(thread.ring.position());
    detail::add_owned(thread.recorded, std::uint64_t{1});
    thread.ring.commit(size);
  } else {
    thread.count_drop(DropReason::RingFull);
  }
  thread.leave(open);
  if (detail::collector_sleeps() || thread.ring.is_half_full()) detail::wake_collector();
}

WAGGLE_COLD void OpenSpan::release_context() noexcept {
  detail::ContextBlock::release(block_);
  block_ = nullptr;
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_LIFECYCLE_HPP

// ---- waggle/api/current.hpp ----

// What is current on a thread: the innermost open span or context. New spans become its children.
#ifndef WAGGLE_API_CURRENT_HPP
#define WAGGLE_API_CURRENT_HPP

#include <cstdint>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns this thread's state without asking for one, or null.
inline ThreadState* known_thread_state() noexcept {
  ThreadState* thread = waggle_abi1_thread;
  const bool is_known = thread != nullptr && thread->session == current_session();
  return is_known ? thread : nullptr;
}

// Returns the innermost entry; or, if a guard raised a context there whose span is open further out
// on this thread, that span's own entry.
inline const CurrentEntry* entry_with_span(const ThreadState& thread) noexcept {
  const SpanId current = thread.top->context.span_id;
  for (const CurrentEntry* entry = thread.top; entry != thread.entries; --entry) {
    if (entry->context.span_id != current || ThreadState::has_ended(*entry)) continue;
    if (load_relaxed(entry->span) != nullptr) return entry;
  }
  return thread.top;
}

}  // namespace detail

// Refers to a span of this thread without owning it. Safe to keep: once the span has ended, or if
// there was none, every call does nothing. For the thread that got it only.
class CurrentSpan {
 public:
  CurrentSpan() noexcept = default;

  // Tells whether what is set now will be kept.
  bool is_recording() const noexcept {
    const OpenSpan* span = open_span();
    return span != nullptr && span->is_recording();
  }

  // Returns the identity of the span or context that was current; invalid once it ended.
  SpanContext context() const noexcept {
    return is_open() ? SpanContext(entry_->context) : SpanContext{};
  }

  // The calls of OpenSpan.
  template <class T>
  void set_attribute(std::string_view key, const T& value) noexcept {
    if (OpenSpan* span = open_span()) span->set_attribute(key, value);
  }
  template <class T>
  void set_attribute(std::string_view key, const std::initializer_list<T>& values) noexcept {
    if (OpenSpan* span = open_span()) span->set_attribute(key, values);
  }
  void set_attributes(Attributes attributes) noexcept {
    if (OpenSpan* span = open_span()) span->set_attributes(attributes);
  }
  void add_event(std::string_view name, Attributes attributes = {},
                 Timestamp time = Timestamp{}) noexcept {
    if (OpenSpan* span = open_span()) span->add_event(name, attributes, time);
  }
  void add_link(const SpanContext& linked, Attributes attributes = {}) noexcept {
    if (OpenSpan* span = open_span()) span->add_link(linked, attributes);
  }
  void set_status(StatusCode code, std::string_view description = {}) noexcept {
    if (OpenSpan* span = open_span()) span->set_status(code, description);
  }
  template <class Exception, class TypeName = detail::ExceptionTypeName>
  void record_exception(const Exception& exception, Attributes attributes = {}) noexcept {
    if (OpenSpan* span = open_span()) {
      span->record_exception<Exception, TypeName>(exception, attributes);
    }
  }
  void record_exception(const ExceptionDetails& details, Attributes attributes = {}) noexcept {
    if (OpenSpan* span = open_span()) span->record_exception(details, attributes);
  }
  void update_name(std::string_view name) noexcept {
    if (OpenSpan* span = open_span()) span->update_name(name);
  }

 private:
  friend CurrentSpan current_span() noexcept;
  friend class ExceptionWatch;

  CurrentSpan(const detail::ThreadState& thread, const detail::CurrentEntry* entry) noexcept
      : thread_(&thread), entry_(entry), token_(detail::load_relaxed(entry->token)) {}

  bool is_open() const noexcept {
    return entry_ != nullptr && thread_->top >= entry_ &&
           detail::load_acquire(entry_->token) == token_;
  }

  OpenSpan* open_span() const noexcept {
    return is_open() ? detail::load_relaxed(entry_->span) : nullptr;
  }

  const detail::ThreadState* thread_ = nullptr;
  const detail::CurrentEntry* entry_ = nullptr;
  std::uint64_t token_ = 0;
};

// Returns the thread's current span. Never null: without one, the calls do nothing.
inline CurrentSpan current_span() noexcept {
  detail::ThreadState* thread = detail::known_thread_state();
  if (thread == nullptr) return {};
  thread->reap();
  const bool is_none = thread->top == thread->entries;
  return is_none ? CurrentSpan{} : CurrentSpan(*thread, detail::entry_with_span(*thread));
}

// Returns the context that a new span would have as its parent; invalid if it would be a root.
inline SpanContext current_context() noexcept { return current_span().context(); }

// Makes a span or a context the current one of this thread until the guard is destroyed, without
// ending anything then. What a callback, a task or a coroutine opens when it takes up a request's
// work. Movable; guards may be destroyed in any order and on any thread.
class [[nodiscard]] ContextGuard {
 public:
  ContextGuard() noexcept = default;

  explicit ContextGuard(const SpanContext& context) noexcept { enter(context, nullptr); }

  // Makes `span` current, so that current_span() reaches it until it ends.
  explicit ContextGuard(OpenSpan& span) noexcept { enter(span.context(), &span); }

  ContextGuard(ContextGuard&& other) noexcept : entry_(other.entry_), token_(other.token_) {
    other.entry_ = nullptr;
  }
  ContextGuard& operator=(ContextGuard&& other) noexcept {
    if (this == &other) return *this;
    leave();
    entry_ = other.entry_;
    token_ = other.token_;
    other.entry_ = nullptr;
    return *this;
  }
  ~ContextGuard() { leave(); }

 private:
  void enter(const SpanContext& context, OpenSpan* span) noexcept {
    const std::uint32_t session = detail::current_session();
    if (session == 0 || (!context.is_valid() && context.baggage().empty())) return;
    detail::ThreadState* thread = detail::thread_state(session);
    if (thread == nullptr) return;
    thread->enter();
    thread->reap();
    // A span that is current nowhere lends the entry its own token and takes it over.
    const bool is_lent = span != nullptr && span->is_recording() && !span->is_current();
    token_ = is_lent ? span->token() : thread->ids.span_id().value;
    detail::ContextBlock::retain(context.fields().block);
    entry_ = thread->push(context.fields(), nullptr, token_);
    if (entry_ == nullptr) detail::ContextBlock::release(context.fields().block);
    if (entry_ != nullptr && is_lent) span->adopt_entry(*thread, entry_);
    thread->leave(session);
  }

  void leave() noexcept {
    if (entry_ != nullptr) detail::leave_entry(*entry_, token_);
    entry_ = nullptr;
  }

  detail::CurrentEntry* entry_ = nullptr;
  std::uint64_t token_ = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_CURRENT_HPP

// ---- waggle/api/detached_span.hpp ----

// A span that is not bound to a thread or a scope: for asynchronous work that ends in a callback.
// Never current by itself; a ContextGuard makes it so for a while.
#ifndef WAGGLE_API_DETACHED_SPAN_HPP
#define WAGGLE_API_DETACHED_SPAN_HPP

#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Records one operation that may end on another thread than it started. Movable (some 100 bytes and
// what it recorded are copied), default-made as a no-op, and one after it was moved from. Used by
// one thread at a time; handing it over needs the synchronisation that any object needs.
class [[nodiscard]] DetachedSpan : public OpenSpan {
 public:
  DetachedSpan() noexcept { be_off(); }

  // Starts a child of the thread's current span, or what `options` say.
  explicit DetachedSpan(std::string_view name, const SpanOptions& options = {},
                        Attributes attributes = {}, Links links = {}) noexcept {
    begin_with({0, name, options, attributes, links}, false);
  }
  DetachedSpan(const Scope& scope, std::string_view name, const SpanOptions& options = {},
               Attributes attributes = {}, Links links = {}) noexcept {
    begin_with(
        {detail::scope_number(scope, detail::current_session()), name, options, attributes, links},
        false);
  }

  DetachedSpan(DetachedSpan&& other) noexcept {
    be_off();
    take(other);
  }
  DetachedSpan& operator=(DetachedSpan&& other) noexcept {
    if (this == &other) return *this;
    destroy();
    take(other);
    return *this;
  }
  ~DetachedSpan() { destroy(); }

  // Ends the span now, or at `time` if one is given. Only the first end counts.
  void end() noexcept {
    if (state_ != State::Off) finish_in_general();
  }
  void end(Timestamp time) noexcept {
    set_end_time(time);
    end();
  }

 private:
  void destroy() noexcept {
    if (state_ == State::Off) return;
    end();
    release_context();
    state_ = State::Off;
  }

  void take(DetachedSpan& other) noexcept {
    if (other.state_ == State::Off) return;
    const auto* from = reinterpret_cast<const char*>(&other.used_);
    const char* end = other.data_ + other.inline_used();
    std::memcpy(static_cast<void*>(&used_), from, static_cast<std::size_t>(end - from));
    if (!is_spilled_) place_ = data_;
    if (is_current()) detail::store_relaxed(entry_->span, this);
    other.be_off();
  }
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_DETACHED_SPAN_HPP

// ---- waggle/api/exception_watch.hpp ----

// Tells a span that its scope is being left by an exception. Opt-in, so that spans without it pay
// nothing.
#ifndef WAGGLE_API_EXCEPTION_WATCH_HPP
#define WAGGLE_API_EXCEPTION_WATCH_HPP

namespace waggle {
inline namespace abi1 {

// Sets a span's status to Error if the watch's scope is left by an exception, unless a status was
// set before. Declare it behind the span: waggle::Span span{"work"}; waggle::ExceptionWatch
// watch{span}; Right inside destructors that run while another exception is on its way. Which
// exception it is cannot be told then: catch it and call record_exception() to have that. The span
// must outlive the watch, both on one thread; one that ended or was moved away is left alone.
class [[nodiscard]] ExceptionWatch {
 public:
  explicit ExceptionWatch(OpenSpan& span) noexcept : span_(&span) {}
  explicit ExceptionWatch(CurrentSpan span) noexcept : current_(span) {}
  ExceptionWatch(const ExceptionWatch&) = delete;
  ExceptionWatch& operator=(const ExceptionWatch&) = delete;

  ~ExceptionWatch() {
    if (detail::uncaught_exceptions() > uncaught_) fail();
  }

 private:
  WAGGLE_COLD void fail() noexcept {
    OpenSpan* span = span_ != nullptr ? span_ : current_.open_span();
    if (span != nullptr) span->fail_unless_decided("left by an exception");
  }

  OpenSpan* span_ = nullptr;
  CurrentSpan current_;
  const unsigned uncaught_ = detail::uncaught_exceptions();
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_EXCEPTION_WATCH_HPP

// ---- waggle/api/baggage_header.hpp ----

// The `baggage` header (W3C Baggage, section 3): read leniently, entry by entry, and written so
// that the strictest reader takes it. Without allocation.
#ifndef WAGGLE_API_BAGGAGE_HEADER_HPP
#define WAGGLE_API_BAGGAGE_HEADER_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// RFC 9110, section 5.6.2.
constexpr bool is_token(std::string_view text) noexcept {
  for (char c : text) {
    const bool is_letter = is_lowercase_letter(to_lowercase(c));
    const bool is_mark = std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    if (!is_letter && !is_decimal_digit(c) && !is_mark) return false;
  }
  return !text.empty();
}

// Tells whether a value keeps to the grammar before it is decoded.
constexpr bool is_encoded_value(std::string_view text) noexcept {
  for (char c : text) {
    if (c != '%' && !BaggageBuffer::is_plain(c)) return false;
  }
  return true;
}

// Tells whether properties can stand in a header as they are.
constexpr bool is_metadata(std::string_view text) noexcept {
  for (char c : text) {
    if ((c < ' ' && c != '\t') || c > '~' || c == ',') return false;
  }
  return true;
}

// ---- reading ----

// Percent-decodes a value, with U+FFFD for what is not UTF-8 then. A percent sign that begins no
// escape stands for itself. No result is longer than its source.
class BaggageValue {
 public:
  explicit BaggageValue(std::string_view encoded) noexcept {
    char ahead[4];
    std::size_t count = 0;
    for (;;) {
      while (count < sizeof(ahead) && !encoded.empty()) ahead[count++] = take_byte(encoded);
      if (count == 0) return;
      const Utf8Sequence sequence = first_utf8_sequence({ahead, count});
      append(sequence.is_valid ? std::string_view(ahead, sequence.length) : kReplacementCharacter);
      count -= sequence.length;
      std::memmove(ahead, ahead + sequence.length, count);
    }
  }

  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  static char take_byte(std::string_view& encoded) noexcept {
    const char first = encoded.front();
    std::uint64_t byte = 0;
    char digits[2] = {};
    const bool is_escape = first == '%' && encoded.size() > 2;
    if (is_escape) {
      digits[0] = to_lowercase(encoded[1]);
      digits[1] = to_lowercase(encoded[2]);
    }
    const bool is_decoded = is_escape && read_hex({digits, 2}, byte);
    encoded.remove_prefix(is_decoded ? 3 : 1);
    return is_decoded ? static_cast<char>(byte) : first;
  }

  void append(std::string_view text) noexcept {
    if (text.size() > sizeof(text_) - size_) return;
    std::memcpy(text_ + size_, text.data(), text.size());
    size_ += text.size();
  }

  std::size_t size_ = 0;
  char text_[BaggageBuffer::kHeaderLimit];
};

// Reads the lines of a header in order; members that break the grammar are skipped.
class BaggageReader final : public HeaderReader {
 public:
  void read(std::string_view line) noexcept override {
    TextPieces pieces(line, ',');
    for (std::string_view piece; pieces.next(piece);) add_member(piece);
  }

  Baggage baggage() const noexcept { return buffer_.view(); }

 private:
  void add_member(std::string_view member) noexcept {
    const std::size_t end = member.find(';');
    const std::string_view pair = member.substr(0, end);
    const std::string_view metadata =
        end == std::string_view::npos ? std::string_view{} : trim(member.substr(end + 1));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || !is_metadata(metadata)) return;
    const std::string_view name = trim(pair.substr(0, equals));
    const std::string_view value = trim(pair.substr(equals + 1));
    if (!is_token(name) || !is_encoded_value(value)) return;
    buffer_.add({name, BaggageValue(value).view(), metadata});
  }

  BaggageBuffer buffer_;
};

// ---- writing ----

// Composes the header's value. Entries whose name is no token are left out, as is metadata that
// would not arrive as it is.
class BaggageHeader {
 public:
  explicit BaggageHeader(Baggage baggage) noexcept {
    for (const BaggageEntry entry : baggage) {
      if (is_token(entry.name)) append(entry);
    }
  }

  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  // There is room: a BaggageBuffer counts in the header's bytes.
  void append(const BaggageEntry& entry) noexcept {
    if (size_ != 0) append(",");
    append(entry.name);
    append("=");
    for (char c : entry.value) append_encoded(c);
    if (entry.metadata.empty() || !is_metadata(entry.metadata)) return;
    append(";");
    append(entry.metadata);
  }

  void append_encoded(char c) noexcept {
    constexpr char kDigits[] = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    const char escape[] = {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    append(BaggageBuffer::is_plain(c) ? std::string_view(&c, 1) : std::string_view(escape, 3));
  }

  void append(std::string_view text) noexcept {
    std::memcpy(text_ + size_, text.data(), text.size());
    size_ += text.size();
  }

  std::size_t size_ = 0;
  char text_[BaggageBuffer::kHeaderLimit];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_BAGGAGE_HEADER_HPP

// ---- waggle/api/propagation.hpp ----

// Carries a context from process to process in the headers of W3C Trace Context (Level 2),
// `traceparent` and `tracestate`, and of W3C Baggage, `baggage`. The carrier is whatever holds the
// headers of a request or a message: a map, a list of pairs, or a function. Needs no tracer: a
// service that records nothing still hands a trace on. Other formats are not read.
//
//   httplib::Headers headers;                     // a client: into the request
//   waggle::inject(span.context(), headers);
//   client.Get("/cart", headers);
//
//   waggle::SpanOptions options;                  // a server: out of the request
//   options.kind = waggle::SpanKind::Server;
//   options.parent = waggle::extract(request.headers);
//   waggle::Span span{"GET /cart", options};
#ifndef WAGGLE_API_PROPAGATION_HPP
#define WAGGLE_API_PROPAGATION_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

// ---- traceparent ----

constexpr std::size_t kTraceParentSize = 55;

// Writes version 00; of the flags only those that are defined today (section 3.2.2.5: all others
// must be zero).
inline HexText<kTraceParentSize> trace_parent_text(const SpanContext& context) noexcept {
  HexText<kTraceParentSize> text;
  char* out = text.digits;
  out[0] = out[1] = '0';
  out[2] = out[35] = out[52] = '-';
  write_hex(out + 3, context.trace_id().high);
  write_hex(out + 19, context.trace_id().low);
  write_hex(out + 36, context.span_id().value);
  out[53] = '0';
  out[54] =
      static_cast<char>('0' + (context.trace_flags() & (kTraceFlagSampled | kTraceFlagRandom)));
  return text;
}

// Reads one header value into fields; they stay invalid unless it keeps to section 3.2.2 in all.
// Versions from 01 to fe are read as far as version 00 goes (section 3.2.4).
inline ContextFields parse_trace_parent(std::string_view value) noexcept {
  const std::string_view text = trim(value);
  if (text.size() < kTraceParentSize) return {};
  std::uint64_t version = 0;
  std::uint64_t flags = 0;
  if (!read_hex(text.substr(0, 2), version) || version == 0xff) return {};
  if (!read_hex(text.substr(53, 2), flags)) return {};
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  const bool is_longer = text.size() > kTraceParentSize;
  if (is_longer && (version == 0 || text[kTraceParentSize] != '-')) return {};
  ContextFields fields;
  fields.trace_id = TraceId::from_hex(text.substr(3, 32));
  fields.span_id = SpanId::from_hex(text.substr(36, 16));
  fields.traits.flags = static_cast<std::uint8_t>(flags);
  return fields;
}

// ---- the threshold ----

// Tells whether the sampled flag is what the threshold makes of the trace's 56 random bits; if not,
// somebody decided otherwise, and the threshold says nothing about the trace (OpenTelemetry,
// TraceState: Probability Sampling, general requirements).
inline bool agrees_with_flag(const OtelTraceState& told, TraceId trace_id,
                             bool is_sampled) noexcept {
  const std::uint64_t randomness =
      told.has_randomness ? told.randomness : trace_id.low & (kThresholdEnd - 1);
  return is_sampled == (randomness >= told.threshold);
}

// Returns the threshold that a tracestate tells, unless the sampled flag contradicts it.
inline std::uint64_t reliable_threshold(std::string_view trace_state, TraceId trace_id,
                                        bool is_sampled) noexcept {
  const OtelTraceState told = parse_otel_member(trace_state);
  return agrees_with_flag(told, trace_id, is_sampled) ? told.threshold : kUnknownThreshold;
}

// Writes the tracestate that goes out with a context: with its own threshold if it is sampled and
// has one, else with what the text tells, as far as that is reliable.
inline void write_outgoing_trace_state(TraceStateBuffer& buffer,
                                       const SpanContext& context) noexcept {
  const bool is_own = context.is_sampled() && context.sampling_threshold() < kThresholdEnd;
  write_trace_state(
      buffer, context.trace_state(),
      is_own ? context.sampling_threshold()
             : reliable_threshold(context.trace_state(), context.trace_id(), context.is_sampled()));
}

// ---- extraction ----

class TraceParentReader final : public HeaderReader {
 public:
  void read(std::string_view value) noexcept override {
    if (value.data() == nullptr) return;
    ++line_count_;
    fields_ = parse_trace_parent(value);
  }

  // Two lines contradict each other, so neither counts.
  ContextFields fields() const noexcept { return line_count_ == 1 ? fields_ : ContextFields{}; }

 private:
  unsigned line_count_ = 0;
  ContextFields fields_;
};

class TraceStateReader final : public HeaderReader {
 public:
  void read(std::string_view value) noexcept override {
    is_valid_ = is_valid_ && add_trace_state_line(buffer_, value);
  }

  std::string_view text() const noexcept { return is_valid_ ? buffer_.view() : std::string_view{}; }

 private:
  TraceStateBuffer buffer_;
  bool is_valid_ = true;
};

// Makes the context of a remote parent. A threshold that the flag contradicts is taken out of the
// text as well, so that nobody who reads it later counts with it.
inline SpanContext remote_context(const ContextFields& fields, std::string_view trace_state,
                                  Baggage baggage) noexcept {
  const std::uint64_t threshold =
      reliable_threshold(trace_state, fields.trace_id, fields.is_sampled());
  TraceStateBuffer buffer;
  write_trace_state(buffer, trace_state, threshold);
  return SpanContext(fields.trace_id, fields.span_id, fields.traits.flags, true, threshold,
                     buffer.view(), baggage);
}

}  // namespace detail

// Writes `traceparent`, and `tracestate` and `baggage` if there are any, into a request's headers,
// in place of what was there under these names. The receiver's spans become children of the span
// that `context` identifies. An invalid context writes its baggage only. The carrier is one of
//   - a container of pairs of strings: std::map, std::unordered_map, their multi kinds (such as
//     httplib::Headers), std::vector or std::list; names are compared without regard to case;
//   - a function called as set(name, value) with two std::string_view that are valid during the
//     call; it should replace what its carrier holds under that name:
//
//   waggle::inject(span.context(), [&](std::string_view name, std::string_view value) {
//     message.set_property(std::string(name), std::string(value));
//   });
//
// A sampled context whose sampling threshold is known sends it as `ot=th:...` in the tracestate.
// Throws only what the carrier throws.
template <class Carrier>
void inject(const SpanContext& context, Carrier&& carrier) {
  if (!context.baggage().empty()) {
    detail::write_header(carrier, detail::kBaggageName,
                         detail::BaggageHeader(context.baggage()).view());
  }
  if (!context.is_valid()) return;
  detail::TraceStateBuffer trace_state;
  detail::write_outgoing_trace_state(trace_state, context);
  detail::write_header(carrier, detail::kTraceParentName, detail::trace_parent_text(context));
  detail::write_header(carrier, detail::kTraceStateName, trace_state.view());
}

// Writes the context of this thread's current span; see above.
//
//   std::map<std::string, std::string> headers;
//   waggle::inject(headers);
template <class Carrier>
void inject(Carrier&& carrier) {
  inject(current_context(), std::forward<Carrier>(carrier));
}

// Reads the context that a request's headers carry: the parent to give to the first span of the
// work for it. Remote; invalid, and so no parent, if there is no `traceparent`, more than one, or
// one that is not valid: then it has only the `baggage`, which is independent of the others. An
// invalid `tracestate` is dropped as a whole and takes nothing else with it; at most 4,096 bytes of
// it are kept. Of `baggage`, members that are not valid are skipped, and so are those beyond 64
// members or 8,192 bytes. The carrier is one of
//   - a range of pairs of text, as for inject(); names are compared without regard to case, several
//     `tracestate` lines are joined;
//   - a function of the header's name that returns text or a `const char*`, null for "absent":
//
//   waggle::extract([&](std::string_view name) { return message.property(name); });
//
//   - a function of the name and a HeaderSink, which is called with each value in order. For
//     carriers that can hold a name more than once, since only so a second `traceparent` shows:
//
//   waggle::extract([&](std::string_view name, waggle::HeaderSink sink) {
//     for (const auto& header : request.all(name)) sink(header.value);
//   });
//
// Names are asked for in lowercase. Whatever the headers hold, this neither fails nor throws,
// unless the carrier throws.
template <class Carrier>
SpanContext extract(const Carrier& carrier) {
  detail::TraceParentReader trace_parent;
  detail::read_header(carrier, detail::kTraceParentName, trace_parent);
  detail::BaggageReader entries;
  detail::read_header(carrier, detail::kBaggageName, entries);
  const detail::ContextFields fields = trace_parent.fields();
  if (!fields.is_valid()) {
    return SpanContext({}, {}, 0, false, kUnknownThreshold, {}, entries.baggage());
  }
  detail::TraceStateReader trace_state;
  detail::read_header(carrier, detail::kTraceStateName, trace_state);
  return detail::remote_context(fields, trace_state.text(), entries.baggage());
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_PROPAGATION_HPP

// ---- waggle/api/span.hpp ----

// Span: one timed operation, from its construction to the end of its scope. Start and end are the
// hot path: about two clock reads, no lock, no allocation, no system call. Each rare case is one
// call to a function in lifecycle.hpp.
#ifndef WAGGLE_API_SPAN_HPP
#define WAGGLE_API_SPAN_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Records one operation on the thread that runs it: becomes the thread's current span, ends with
// its scope or by end(). Ending out of order or on another thread is defined: the span is recorded,
// and it is current no longer. Write braces, Span span{"name"}: with parentheses and a conversion
// inside, C++ reads a function's declaration.
class [[nodiscard]] Span : public OpenSpan {
 public:
  // Starts a child of the thread's current span, or a new trace if there is none.
  explicit Span(std::string_view name) noexcept {
    const std::uint32_t session = detail::current_session();
    if (session == 0) be_off();
    if (session != 0) start_child(session, 0, name.data(), name.size());
  }
  Span(const Scope& scope, std::string_view name) noexcept {
    const std::uint32_t session = detail::current_session();
    if (session == 0) be_off();
    if (session != 0) {
      start_child(session, detail::scope_number(scope, session), name.data(), name.size());
    }
  }

  // Starts a span with a kind, a parent, a start time, attributes or links of its own. Samplers see
  // these attributes and links, and no later ones.
  Span(std::string_view name, const SpanOptions& options, Attributes attributes = {},
       Links links = {}) noexcept {
    begin_with({0, name, options, attributes, links}, true);
  }
  Span(const Scope& scope, std::string_view name, const SpanOptions& options,
       Attributes attributes = {}, Links links = {}) noexcept {
    begin_with(
        {detail::scope_number(scope, detail::current_session()), name, options, attributes, links},
        true);
  }

  ~Span() {
    if (state_ != State::Off) destroy();
  }

  // Ends the span now, or at `time` if one is given. Only the first end counts.
  void end() noexcept {
    if (state_ != State::Off) finish_in_general();
  }
  void end(Timestamp time) noexcept {
    set_end_time(time);
    end();
  }

 private:
  // ---- the hot path ----

  WAGGLE_OUT_OF_LINE void start_child(std::uint32_t session, std::uint16_t scope, const char* name,
                                      std::size_t name_size) noexcept {
    detail::ThreadState* thread = waggle_abi1_thread;
    if (WAGGLE_UNLIKELY(thread == nullptr || thread->session != session)) {
      return begin_named(scope, name, name_size);
    }
    detail::CurrentEntry* parent = thread->top;
    if (WAGGLE_UNLIKELY(thread->is_full(parent) || detail::ThreadState::has_ended(*parent))) {
      return begin_named(scope, name, name_size);
    }
    const detail::Inheritance inheritance = parent->context.traits.inheritance;
    if (inheritance == detail::Inheritance::Unsampled) {
      return begin_unsampled(*thread, parent, session);
    }
    if (WAGGLE_UNLIKELY(inheritance != detail::Inheritance::Sampled || name_size > kLongestName)) {
      return begin_named(scope, name, name_size);
    }
    thread->close();
    owner_ = thread;
    session_ = session;
    block_ = nullptr;
    set_first_word(scope, SpanKind::Internal, parent->context.traits.flags);
    header_.trace_id = parent->context.trace_id;
    header_.parent_id = parent->context.span_id;
    header_.threshold = parent->context.threshold;
    header_.span_id = thread->ids.span_id();
    entry_ = thread->push_child(parent, header_.span_id, this);
    open_record(name, name_size);
    thread->leave(session);
    header_.start = detail::read_ticks();
  }

  // Below an unsampled span: an identity of its own, so that logs and calls carry it, and no more.
  // It is kept in the entry alone as long as the span is open.
  WAGGLE_INLINE void begin_unsampled(detail::ThreadState& thread, detail::CurrentEntry* parent,
                                     std::uint32_t session) noexcept {
    thread.close();
    owner_ = &thread;
    header_.span_id = thread.ids.span_id();
    entry_ = thread.push_child(parent, header_.span_id, this);
    set_state(State::Unsampled, 0, 0);
    thread.leave(session);
  }

  WAGGLE_OUT_OF_LINE void destroy() noexcept {
    detail::ThreadState* thread = waggle_abi1_thread;
    if (state_ == State::Unsampled && thread == owner_ && thread->is_innermost(this)) {
      --thread->top;
      return;
    }
    const std::uint32_t session = detail::current_session();
    if (WAGGLE_UNLIKELY(state_ != State::Recording || thread != owner_ ||
                        thread->session != session || session_ != session ||
                        !thread->is_innermost(this))) {
      return destroy_in_general();
    }
    const std::uint64_t end = detail::read_ticks();
    // Closed before the ring is looked at: a signal handler's span would use up its room.
    thread->close();
    if (WAGGLE_UNLIKELY(!thread->ring.has_room())) return destroy_after_a_look(*thread);
    const std::size_t size = sizeof(header_) + used_;
    write_record(thread->ring.position(), size, end);
    detail::add_owned(thread->recorded, std::uint64_t{1});
    thread->ring.commit(size);
    --thread->top;
    thread->leave(session);
    if (WAGGLE_UNLIKELY(detail::collector_sleeps())) detail::wake_collector();
  }

  // Copies the header's line and the 32 bytes behind it, enough for most names; then whole lines.
  // What is known only now goes into the copy: a wide load would wait for the store just made.
  WAGGLE_INLINE void write_record(char* to, std::size_t size, std::uint64_t end) noexcept {
    constexpr std::size_t kAtLeast = sizeof(header_) + 32;
    const char* from = record_bytes();
    std::memcpy(to, from, kAtLeast);
    detail::store_bytes(to + offsetof(detail::RecordHeader, end), end);
    detail::store_bytes(to, static_cast<std::uint16_t>(size / 8));
    detail::prefetch_for_write(to + kPrefetchAhead);
    detail::prefetch_for_write(to + kPrefetchAhead + detail::kCacheLine);
    for (std::size_t done = kAtLeast; done < size; done += detail::kCopyStep) {
      std::memcpy(to + done, from + done, detail::kCopyStep);
      detail::prefetch_for_write(to + done + kPrefetchAhead);
    }
  }

  // ---- the end of the hot path ----

  // Looks how far the collector has come, some twice a lap. Opens the state, which is closed.
  WAGGLE_OUT_OF_LINE void destroy_after_a_look(detail::ThreadState& thread) noexcept {
    thread.ring.make_room(detail::kMaxHotRecord);
    thread.leave(session_);
    if (!thread.ring.has_room()) return destroy_in_general();
    if (thread.ring.is_half_full()) detail::wake_collector();
    destroy();
  }

  WAGGLE_OUT_OF_LINE void destroy_in_general() noexcept {
    finish_in_general();
    release_context();
  }

  static constexpr std::size_t kPrefetchAhead = 768;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_SPAN_HPP

#endif  // !defined(WAGGLE_DISABLED)

#if defined(WAGGLE_INSTRUMENT_BIND) || defined(WAGGLE_INSTRUMENT_ASIO)

// ---- waggle/instrument/bind.hpp ----

// Takes the current context along to where work runs: to a thread, a task, a callback, an executor.
//
//   std::thread worker{waggle::bind(index_pages), first, last};
//   auto sum = std::async(std::launch::async, waggle::bind([&] { return add_up(orders); }));
//   asio::post(pool, waggle::bind([] { send_mail(); }));
//   waggle::ContextExecutor executor{pool.executor()};  // binds whatever it is given
//
// Spans that the work starts are children of the span that was current where bind() was called,
// also when that one has ended by then.
#ifndef WAGGLE_INSTRUMENT_BIND_HPP
#define WAGGLE_INSTRUMENT_BIND_HPP

#include <type_traits>
#include <utility>

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {

// Calls what it was made of, with a context as the current one. May be moved, copied if its
// callable may, and called on any thread and as often as the callable. Where no context was current
// nothing is changed for the call.
template <class Callable>
class BoundCallable {
 public:
  template <class Argument>
  BoundCallable(SpanContext context, Argument&& callable)
      : context_(std::move(context)), callable_(std::forward<Argument>(callable)) {}

  template <class... Arguments>
  std::invoke_result_t<Callable&, Arguments...> operator()(Arguments&&... arguments) & {
    const ContextGuard guard{context_};
    return callable_(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  std::invoke_result_t<const Callable&, Arguments...> operator()(Arguments&&... arguments) const& {
    const ContextGuard guard{context_};
    return callable_(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  std::invoke_result_t<Callable&&, Arguments...> operator()(Arguments&&... arguments) && {
    const ContextGuard guard{context_};
    return std::move(callable_)(std::forward<Arguments>(arguments)...);
  }

  // Returns what is current during the call.
  const SpanContext& context() const noexcept { return context_; }

 private:
  SpanContext context_;
  Callable callable_;
};

// Returns `callable` with the given context.
template <class Callable>
BoundCallable<std::decay_t<Callable>> bind(const SpanContext& context, Callable&& callable) {
  return {context, std::forward<Callable>(callable)};
}

// Returns `callable` with the context that is current here and now.
template <class Callable>
BoundCallable<std::decay_t<Callable>> bind(Callable&& callable) {
  return WAGGLE_SPANS_NAMESPACE::bind(current_context(), std::forward<Callable>(callable));
}

// Gives work to an executor, anything with execute(callable), and binds it to the context that is
// current where it is given. As copyable and thread-safe as that executor. For asio's there is
// AsioContextExecutor.
template <class Executor>
class ContextExecutor {
 public:
  explicit ContextExecutor(Executor executor) : executor_(std::move(executor)) {}

  template <class Callable>
  void execute(Callable&& callable) const {
    executor_.execute(WAGGLE_SPANS_NAMESPACE::bind(std::forward<Callable>(callable)));
  }

  friend bool operator==(const ContextExecutor& left, const ContextExecutor& right) noexcept {
    return left.executor_ == right.executor_;
  }
  friend bool operator!=(const ContextExecutor& left, const ContextExecutor& right) noexcept {
    return !(left == right);
  }

 private:
  Executor executor_;
};

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_BIND_HPP

#endif  // defined(WAGGLE_INSTRUMENT_BIND) || defined(WAGGLE_INSTRUMENT_ASIO)

#if defined(WAGGLE_INSTRUMENT_HTTP) || defined(WAGGLE_INSTRUMENT_HTTPLIB) || defined(WAGGLE_INSTRUMENT_CURL)

// ---- waggle/instrument/url.hpp ----

// URLs as HTTP spans need them: their parts, and their text without the secrets in it. Pure views
// and fixed buffers, nothing is allocated.
#ifndef WAGGLE_INSTRUMENT_URL_HPP
#define WAGGLE_INSTRUMENT_URL_HPP

#include <cstddef>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Names, separated by commas, the query parameters whose values are signatures or keys of a cloud
// provider (OpenTelemetry, HTTP spans, url.full).
constexpr std::string_view kRedactedQueryKeys =
    "X-Amz-Signature,X-Amz-Credential,X-Amz-Security-Token,AWSAccessKeyId,Signature,sig,"
    "X-Goog-Signature";

namespace detail {

// Collects text up to a fixed size; what is longer is cut.
template <std::size_t Capacity>
class BoundedText {
 public:
  BoundedText() noexcept = default;
  explicit BoundedText(std::string_view text) noexcept { append(text); }

  void append(std::string_view text) noexcept {
    const std::size_t room = Capacity - size_;
    const std::size_t size = text.size() < room ? text.size() : room;
    if (size != 0) std::memcpy(text_ + size_, text.data(), size);
    size_ += size;
  }

  // Appends a number that is not negative.
  void append_number(long number) noexcept {
    if (number > 9) append_number(number / 10);
    const char digit = static_cast<char>('0' + number % 10);
    append({&digit, 1});
  }

  void clear() noexcept { size_ = 0; }
  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  std::size_t size_ = 0;
  char text_[Capacity];
};

// Tells whether a list that is separated by commas holds `name`, in the same case.
inline bool list_holds(std::string_view list, std::string_view name) noexcept {
  TextPieces pieces(list, ',');
  for (std::string_view piece; pieces.next(piece);) {
    if (!name.empty() && trim(piece) == name) return true;
  }
  return false;
}

// A host's name or address, without brackets, and a port, 0 if none is told.
struct HostPort {
  std::string_view host;
  int port = 0;
};

// Reads a port, 0 if it is none.
inline int parse_port(std::string_view text) noexcept {
  int port = 0;
  for (char c : text) {
    if (!is_decimal_digit(c) || port > 65535) return 0;
    port = port * 10 + (c - '0');
  }
  return port > 65535 ? 0 : port;
}

// Splits "host", "host:80", "[::1]:80" or "::1".
inline HostPort split_host_port(std::string_view text) noexcept {
  constexpr std::size_t kNone = std::string_view::npos;
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == kNone) return {};
    const std::string_view rest = text.substr(end + 1);
    const bool has_port = !rest.empty() && rest.front() == ':';
    return {text.substr(1, end - 1), has_port ? parse_port(rest.substr(1)) : 0};
  }
  const std::size_t colon = text.find(':');
  if (colon == kNone || text.find(':', colon + 1) != kNone) return {text, 0};
  return {text.substr(0, colon), parse_port(text.substr(colon + 1))};
}

// The port that a scheme implies, 0 if unknown.
inline int default_port(std::string_view scheme) noexcept {
  if (is_header_name(scheme, "http")) return 80;
  return is_header_name(scheme, "https") ? 443 : 0;
}

// Views the parts of an absolute URL; without a scheme it counts as http, as curl has it.
struct TargetUrl {
  explicit TargetUrl(std::string_view url) noexcept {
    const std::size_t colon = url.find("://");
    const std::size_t query_at = url.find_first_of("?#");
    const bool has_scheme = colon < query_at;
    if (has_scheme) scheme = url.substr(0, colon);
    const std::string_view rest = has_scheme ? url.substr(colon + 3) : url;
    const std::size_t end = rest.find_first_of("/?#");
    const std::string_view authority = rest.substr(0, end);
    const std::size_t at = authority.rfind('@');
    has_credentials = at != std::string_view::npos;
    host_text = has_credentials ? authority.substr(at + 1) : authority;
    if (end != std::string_view::npos) rest_text = rest.substr(end);
    server = split_host_port(host_text);
    if (server.port == 0) server.port = default_port(scheme);
  }

  std::string_view scheme = "http";
  bool has_credentials = false;
  std::string_view host_text;  // as written: with port and brackets
  HostPort server;             // with the scheme's port if there is none
  std::string_view rest_text;  // path, query, fragment
};

// Appends a query, without its question mark, with REDACTED for the values of `keys`.
template <class Text>
void append_redacted_query(Text& to, std::string_view query, std::string_view keys) noexcept {
  const std::size_t fragment = query.find('#');
  TextPieces pieces(query.substr(0, fragment), '&');
  bool is_first = true;
  for (std::string_view piece; pieces.next(piece); is_first = false) {
    if (!is_first) to.append("&");
    const std::size_t equals = piece.find('=');
    const bool is_secret = equals != piece.npos && list_holds(keys, piece.substr(0, equals));
    to.append(is_secret ? piece.substr(0, equals + 1) : piece);
    if (is_secret) to.append("REDACTED");
  }
  if (fragment != query.npos) to.append(query.substr(fragment));
}

// Appends a URL with REDACTED for its credentials and for the values of `keys`.
template <class Text>
void append_redacted_url(Text& to, const TargetUrl& url, std::string_view keys) noexcept {
  to.append(url.scheme);
  to.append("://");
  if (url.has_credentials) to.append("REDACTED:REDACTED@");
  to.append(url.host_text);
  const std::size_t query = url.rest_text.find('?');
  if (query > url.rest_text.find('#') || query == url.rest_text.npos) {
    return to.append(url.rest_text);
  }
  to.append(url.rest_text.substr(0, query + 1));
  append_redacted_query(to, url.rest_text.substr(query + 1), keys);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_URL_HPP

// ---- waggle/instrument/header_values.hpp ----

// Values of a request's or a response's headers, read from any carrier into fixed buffers.
#ifndef WAGGLE_INSTRUMENT_HEADER_VALUES_HPP
#define WAGGLE_INSTRUMENT_HEADER_VALUES_HPP

#include <cstddef>
#include <string_view>

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

// ---- waggle/instrument/forwarded.hpp ----

// What the headers of a request tell a server about the way it took: the client's address, the host
// that it asked for and the scheme, through proxies (RFC 7239's Forwarded, and X-Forwarded-*).
// Anyone can send these headers: what they say is good for a trace, and for nothing else.
#ifndef WAGGLE_INSTRUMENT_FORWARDED_HPP
#define WAGGLE_INSTRUMENT_FORWARDED_HPP

#include <cstddef>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the text up to one of `ends` that stands outside of quotes.
inline std::string_view before_unquoted(std::string_view text, std::string_view ends) noexcept {
  bool is_quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') is_quoted = !is_quoted;
    if (!is_quoted && ends.find(text[at]) != ends.npos) return text.substr(0, at);
  }
  return text;
}

// Returns the value of `name` in the first element of a Forwarded header, the one that the proxy
// next to the client wrote; empty if it has none.
inline std::string_view forwarded_value(std::string_view header, std::string_view name) noexcept {
  std::string_view element = before_unquoted(header, ",");
  while (!element.empty()) {
    const std::string_view pair = before_unquoted(element, ";");
    element.remove_prefix(pair.size() < element.size() ? pair.size() + 1 : pair.size());
    const std::size_t equals = pair.find('=');
    if (equals == pair.npos || !is_header_name(trim(pair.substr(0, equals)), name)) continue;
    std::string_view value = trim(pair.substr(equals + 1));
    const bool is_quoted = value.size() > 1 && value.front() == '"' && value.back() == '"';
    return is_quoted ? value.substr(1, value.size() - 2) : value;
  }
  return {};
}

constexpr std::string_view first_element(std::string_view list) noexcept {
  return trim(list.substr(0, list.find(',')));
}

constexpr std::string_view first_told(std::string_view one, std::string_view other) noexcept {
  return one.empty() ? other : one;
}

// Reads what the headers tell, from a carrier as for extract().
class RequestPath {
 public:
  template <class Carrier>
  explicit RequestPath(const Carrier& headers)
      : forwarded_(headers, "forwarded"),
        forwarded_for_(headers, "x-forwarded-for"),
        forwarded_host_(headers, "x-forwarded-host"),
        forwarded_proto_(headers, "x-forwarded-proto"),
        authority_(headers, ":authority"),
        host_(headers, "host"),
        user_agent_(headers, "user-agent") {}

  // Returns the address of the client, `peer` if no proxy told it.
  std::string_view client(std::string_view peer) const noexcept {
    const std::string_view told =
        first_told(forwarded_value(forwarded_.view(), "for"), first_element(forwarded_for_.view()));
    const std::string_view address = split_host_port(told).host;
    return address.empty() || is_header_name(address, "unknown") ? peer : address;
  }

  // Returns the scheme of the client's URL: http or https, if the headers tell one of them.
  std::string_view scheme(std::string_view own) const noexcept {
    const std::string_view told = first_told(forwarded_value(forwarded_.view(), "proto"),
                                             first_element(forwarded_proto_.view()));
    if (is_header_name(told, "https")) return "https";
    return is_header_name(told, "http") ? "http" : own;
  }

  // Returns the host and the port of the client's URL.
  HostPort server(std::string_view url_scheme) const noexcept {
    const std::string_view told = first_told(forwarded_value(forwarded_.view(), "host"),
                                             first_element(forwarded_host_.view()));
    HostPort server =
        split_host_port(first_told(told, first_told(authority_.view(), host_.view())));
    if (server.port == 0) server.port = default_port(url_scheme);
    return server;
  }

  std::string_view user_agent() const noexcept { return user_agent_.view(); }

 private:
  FirstHeader<512> forwarded_;
  FirstHeader<256> forwarded_for_;
  FirstHeader<256> forwarded_host_;
  FirstHeader<16> forwarded_proto_;
  FirstHeader<256> authority_;
  FirstHeader<256> host_;
  FirstHeader<512> user_agent_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_FORWARDED_HPP

// ---- waggle/instrument/http_span.hpp ----

// What the spans of HTTP servers and clients have in common: the method, the name, the status.
// Included by waggle/instrument/http.hpp.
#ifndef WAGGLE_INSTRUMENT_HTTP_SPAN_HPP
#define WAGGLE_INSTRUMENT_HTTP_SPAN_HPP

#include <cstddef>
#include <new>
#include <string_view>
#include <type_traits>

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {

// Names, separated by commas, the methods that spans tell by name.
constexpr std::string_view kKnownHttpMethods =
    "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,TRACE";

// Holds what may be decided otherwise than OpenTelemetry does by default; lists are separated by
// commas. Any other method counts as `_OTHER`. Views.
struct HttpConventions {
  std::string_view known_methods = kKnownHttpMethods;
  std::string_view redacted_query_keys = kRedactedQueryKeys;
};

// Tells whether a status is a failure: on a server 5xx, on a client 4xx as well, and on both what
// is no status at all.
constexpr bool is_http_error(SpanKind kind, int status_code) noexcept {
  return status_code < 100 || status_code >= (kind == SpanKind::Server ? 500 : 400);
}

namespace detail {

// Collects the attributes that a span starts with; views what they are made of.
class StartAttributes {
 public:
  StartAttributes() noexcept = default;
  StartAttributes(const StartAttributes&) = delete;
  StartAttributes& operator=(const StartAttributes&) = delete;

  void add(std::string_view key, std::string_view text) noexcept {
    if (!text.empty()) new (slot()) Attribute{key, AttributeValue(text)};
    if (!text.empty()) ++size_;
  }
  void add(std::string_view key, int number) noexcept {
    if (number != 0) new (slot()) Attribute{key, AttributeValue(number)};
    if (number != 0) ++size_;
  }

  Attributes view() const noexcept {
    return {std::launder(reinterpret_cast<const Attribute*>(bytes_)), size_};
  }

 private:
  void* slot() noexcept { return bytes_ + size_ * sizeof(Attribute); }

  static constexpr std::size_t kMost = 16;
  std::size_t size_ = 0;
  alignas(Attribute) unsigned char bytes_[kMost * sizeof(Attribute)];
};

// Tells whether any span may be recorded.
inline bool may_record() noexcept {
#ifdef WAGGLE_DISABLED
  return false;
#else
  return current_session() != 0;
#endif
}

// The method as spans tell it.
struct HttpMethod {
  HttpMethod(std::string_view method, const HttpConventions& conventions) noexcept
      : is_known(list_holds(conventions.known_methods, method)),
        told(is_known ? method : "_OTHER"),
        original(is_known ? std::string_view{} : method),
        in_name(is_known ? method : "HTTP") {}

  void add_to(StartAttributes& attributes) const noexcept {
    attributes.add("http.request.method", told);
    attributes.add("http.request.method_original", original);
  }

  bool is_known;
  std::string_view told;
  std::string_view original;
  std::string_view in_name;
};

// Returns "1.1" of "HTTP/1.1", as some libraries write it.
constexpr std::string_view http_version(std::string_view text) noexcept {
  return text.substr(0, 5) == "HTTP/" ? text.substr(5) : text;
}

// A span's name: the method, and the pattern if there is one. Never the path, which is anyone's.
class HttpSpanName {
 public:
  HttpSpanName(std::string_view method, std::string_view pattern) noexcept : text_(method) {
    if (!pattern.empty()) text_.append(" ");
    text_.append(pattern);
  }
  std::string_view view() const noexcept { return text_.view(); }

 private:
  BoundedText<256> text_;
};

}  // namespace detail

// Holds what the spans of both sides have in common. Not made by itself.
template <class AnySpan>
class BasicHttpSpan {
 public:
  BasicHttpSpan(BasicHttpSpan&&) noexcept = default;
  BasicHttpSpan& operator=(BasicHttpSpan&&) noexcept = default;

  // Ends the span. One of a scope that is left by an exception has failed, unless its outcome was
  // told before.
  ~BasicHttpSpan() {
    if constexpr (std::is_same_v<AnySpan, Span>) {
      const bool is_left = detail::uncaught_exceptions() > uncaught_;
      if (is_left && !has_outcome_) fail("_OTHER", "left by an exception");
    }
  }

  // Returns the span, for attributes of your own, events and exceptions.
  AnySpan& span() noexcept { return span_; }

  // Returns the span's identity.
  SpanContext context() const noexcept { return span_.context(); }

  // Tells that there was no proper answer, and why: `error_type` is one of a few fixed texts, such
  // as "timeout". Cancelling a request is no failure.
  void fail(std::string_view error_type, std::string_view description = {}) noexcept {
    has_outcome_ = true;
    has_error_type_ = true;
    span_.set_attribute("error.type", error_type.empty() ? "_OTHER" : error_type);
    span_.set_status(StatusCode::Error, description);
  }

  // Tells the answer's status; what counts as a failure is is_http_error().
  void set_status_code(int status_code) noexcept {
    has_outcome_ = true;
    span_.set_attribute("http.response.status_code", status_code);
    if (!is_http_error(kind_, status_code)) return;
    span_.set_status(StatusCode::Error);
    if (has_error_type_) return;
    detail::BoundedText<12> text;
    text.append_number(status_code < 0 ? 0 : status_code);
    span_.set_attribute("error.type", text.view());
  }

  // Tells the version that was spoken: "1.1" or "HTTP/1.1", "2".
  void set_protocol_version(std::string_view version) noexcept {
    const std::string_view number = detail::http_version(version);
    if (!number.empty()) span_.set_attribute("network.protocol.version", number);
  }

  // Keeps a header that you have chosen, since headers may hold secrets: all its values, in
  // http.request.header.<name>. `name` is in lowercase.
  template <class Carrier>
  void capture_request_header(const Carrier& headers, std::string_view name) {
    capture("http.request.header.", headers, name);
  }
  template <class Carrier>
  void capture_response_header(const Carrier& headers, std::string_view name) {
    capture("http.response.header.", headers, name);
  }

  // Ends the span now instead of with its scope.
  void end() noexcept { span_.end(); }

 protected:
  // `start` returns the span: one that cannot be moved is made where it stays.
  template <class Start>
  BasicHttpSpan(SpanKind kind, std::string_view method, Start start)
      : kind_(kind), method_(method), span_(start()) {}

  void set_method(const detail::HttpMethod& method) noexcept {
    method_ = detail::BoundedText<24>(method.in_name);
    span_.set_attribute("http.request.method", method.told);
    if (!method.is_known) span_.set_attribute("http.request.method_original", method.original);
  }

  void set_pattern(std::string_view key, std::string_view pattern) noexcept {
    if (!span_.is_recording()) return;
    span_.update_name(detail::HttpSpanName(method_.view(), pattern).view());
    if (!pattern.empty()) span_.set_attribute(key, pattern);
  }

 private:
  template <class Carrier>
  void capture(std::string_view prefix, const Carrier& headers, std::string_view name) {
    if (!span_.is_recording()) return;
    const detail::AllHeaders all(headers, name);
    detail::BoundedText<128> key(prefix);
    key.append(name);
    if (!all.empty()) span_.set_attribute(key.view(), all.values());
  }

  SpanKind kind_;
  bool has_outcome_ = false;
  bool has_error_type_ = false;
  unsigned uncaught_ = detail::uncaught_exceptions();
  detail::BoundedText<24> method_;
  AnySpan span_;
};

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_HTTP_SPAN_HPP

// ---- waggle/instrument/http.hpp ----

// Spans of HTTP requests after OpenTelemetry's semantic conventions (HTTP spans, stable), for any
// server and any client; waggle/instrument/httplib.hpp and curl.hpp do it for these two. Needs no
// library, like waggle/trace.hpp. Five lines make any other server traced:
//
//   void handle(const Request& request, Response& response) {
//     waggle::HttpServerSpan span{{request.method, request.target, "/users/{id}"},
//                                 request.headers};
//     answer(request, response);
//     span.set_status_code(response.status);
//   }                                            // left by an exception, it has failed
//
// and four any client:
//
//   waggle::HttpClientSpan span{{"GET", url, "/users/{id}"}};
//   span.inject(headers);
//   const Reply reply = send("GET", url, headers);
//   reply ? span.set_status_code(reply.status) : span.fail("connection_refused");
//
// What is set before the span starts is what samplers see. Bodies are never looked at, headers only
// for what is listed here.
#ifndef WAGGLE_INSTRUMENT_HTTP_HPP
#define WAGGLE_INSTRUMENT_HTTP_HPP

#include <cstddef>
#include <string_view>

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {

// Tells what a server knows of a request before it reads the headers. Views, for the duration of
// the call; what is empty or 0 is unknown.
struct HttpServerRequest {
  std::string_view method{};
  std::string_view target{};  // as in the request line: "/users/7?page=2"
  std::string_view route{};   // the pattern: "/users/{id}"; set_route() tells it later
  std::string_view scheme = "http";
  std::string_view peer_address{};  // who is connected: the client, or the nearest proxy
  int peer_port = 0;
  std::string_view protocol_version{};  // "1.1" or "HTTP/1.1", "2"
  HttpConventions conventions{};
};

// Tells what a client knows of a request before it is sent. Views, for the duration of the call.
struct HttpClientRequest {
  std::string_view method{};
  std::string_view url{};           // absolute; credentials in it are not recorded
  std::string_view url_template{};  // the pattern: "/users/{id}"; empty: the method is the name
  int resend_count = 0;             // 1 for the first repetition, a span each
  HttpConventions conventions{};
};

namespace detail {

// Weak and not inline: g++ gives inline variables a symbol kind that keeps a library from ever
// being unloaded.
__attribute__((weak, visibility("hidden")))
Scope http_server_scope{"waggle.http.server", WAGGLE_VERSION};
__attribute__((weak, visibility("hidden")))
Scope http_client_scope{"waggle.http.client", WAGGLE_VERSION};

}  // namespace detail

// Records a request that this program answers, as a child of the span that the request's headers
// name.
template <class AnySpan>
class BasicHttpServerSpan : public BasicHttpSpan<AnySpan> {
 public:
  // `headers` is a carrier as for extract(): a range of pairs, or a function.
  template <class Carrier>
  BasicHttpServerSpan(const HttpServerRequest& request, const Carrier& headers)
      : BasicHttpSpan<AnySpan>(SpanKind::Server,
                               detail::HttpMethod(request.method, request.conventions).in_name,
                               [&] { return start(request, headers); }) {}

  // Tells the pattern that the request matched, once it is known: "/users/{id}".
  void set_route(std::string_view route) noexcept { this->set_pattern("http.route", route); }

 private:
  template <class Carrier>
  static AnySpan start(const HttpServerRequest& request, const Carrier& headers) {
    SpanOptions options;
    options.kind = SpanKind::Server;
    options.parent = extract(headers);
    const detail::HttpMethod method(request.method, request.conventions);
    const detail::HttpSpanName name(method.in_name, request.route);
    // With no tracer running, a span is but its parent's identity.
    if (!detail::may_record()) return AnySpan{name.view(), options};
    return start(request, method, name.view(), options, detail::RequestPath(headers));
  }

  static AnySpan start(const HttpServerRequest& request, const detail::HttpMethod& method,
                       std::string_view name, const SpanOptions& options,
                       const detail::RequestPath& way) noexcept {
    const std::string_view scheme = way.scheme(request.scheme);
    const detail::HostPort server = way.server(scheme);
    const std::string_view target = request.target.substr(0, request.target.find('#'));
    const std::size_t question = target.find('?');
    detail::BoundedText<2048> query;
    if (question != target.npos) {
      detail::append_redacted_query(query, target.substr(question + 1),
                                    request.conventions.redacted_query_keys);
    }
    detail::StartAttributes attributes;
    method.add_to(attributes);
    attributes.add("http.route", request.route);
    attributes.add("url.path", target.substr(0, question));
    attributes.add("url.query", query.view());
    attributes.add("url.scheme", scheme);
    attributes.add("server.address", server.host);
    attributes.add("server.port", server.host.empty() ? 0 : server.port);
    attributes.add("client.address", way.client(request.peer_address));
    attributes.add("network.peer.address", request.peer_address);
    attributes.add("network.peer.port", request.peer_port);
    attributes.add("network.protocol.version", detail::http_version(request.protocol_version));
    attributes.add("user_agent.original", way.user_agent());
    return AnySpan{detail::http_server_scope, name, options, attributes.view()};
  }
};

// Records a request that this program makes, one span for each time that it is sent.
template <class AnySpan>
class BasicHttpClientSpan : public BasicHttpSpan<AnySpan> {
 public:
  explicit BasicHttpClientSpan(const HttpClientRequest& request) noexcept
      : BasicHttpSpan<AnySpan>(SpanKind::Client,
                               detail::HttpMethod(request.method, request.conventions).in_name,
                               [&] { return start(request); }) {}

  // Writes the span's identity into the headers of the request, a carrier as for waggle::inject().
  template <class Carrier>
  void inject(Carrier&& headers) const {
    WAGGLE_SPANS_NAMESPACE::inject(this->context(), headers);
  }

  // Tells which address answered: "192.0.2.7", 443.
  void set_peer(std::string_view address, int port) noexcept {
    if (address.empty()) return;
    this->span().set_attribute("network.peer.address", address);
    if (port > 0) this->span().set_attribute("network.peer.port", port);
  }

  // Tells how often the request was sent again, if at all.
  void set_resend_count(int count) noexcept {
    if (count > 0) this->span().set_attribute("http.request.resend_count", count);
  }

  // Tells method, pattern and URL if they turn out to be others than the span started with; what is
  // empty stays.
  void correct(const HttpClientRequest& request) noexcept {
    if (!request.method.empty()) {
      this->set_method(detail::HttpMethod(request.method, request.conventions));
      this->set_pattern("url.template", request.url_template);
    }
    const StartUrl url(request);
    this->span().set_attributes(url.attributes.view());
  }

 private:
  // What the URL makes known.
  struct StartUrl {
    explicit StartUrl(const HttpClientRequest& request) noexcept : parts(request.url) {
      if (request.url.empty()) return;
      detail::append_redacted_url(full, parts, request.conventions.redacted_query_keys);
      attributes.add("url.full", full.view());
      attributes.add("server.address", parts.server.host);
      attributes.add("server.port", parts.server.port);
    }

    detail::TargetUrl parts;
    detail::BoundedText<4096> full;
    detail::StartAttributes attributes;
  };

  static AnySpan start(const HttpClientRequest& request) noexcept {
    SpanOptions options;
    options.kind = SpanKind::Client;
    const detail::HttpMethod method(request.method, request.conventions);
    const detail::HttpSpanName name(method.in_name, request.url_template);
    if (!detail::may_record()) return AnySpan{name.view(), options};
    StartUrl url(request);
    method.add_to(url.attributes);
    url.attributes.add("url.template", request.url_template);
    url.attributes.add("http.request.resend_count", request.resend_count);
    return AnySpan{detail::http_client_scope, name.view(), options, url.attributes.view()};
  }
};

// For handlers that answer before they return, and requests that are waited for. The span is the
// thread's current one.
using HttpServerSpan = BasicHttpServerSpan<Span>;
using HttpClientSpan = BasicHttpClientSpan<Span>;

// For asynchronous servers and clients: may end on another thread; a ContextGuard makes the span
// current for a while.
using DetachedHttpServerSpan = BasicHttpServerSpan<DetachedSpan>;
using DetachedHttpClientSpan = BasicHttpClientSpan<DetachedSpan>;

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_HTTP_HPP

#endif  // defined(WAGGLE_INSTRUMENT_HTTP) || defined(WAGGLE_INSTRUMENT_HTTPLIB) || defined(WAGGLE_INSTRUMENT_CURL)

#if defined(WAGGLE_INSTRUMENT_HTTPLIB)

// ---- waggle/instrument/httplib_client.hpp ----

// A cpp-httplib client whose requests are recorded; waggle/instrument/httplib.hpp says more.
#ifndef WAGGLE_INSTRUMENT_HTTPLIB_CLIENT_HPP
#define WAGGLE_INSTRUMENT_HTTPLIB_CLIENT_HPP

#include <httplib.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {
namespace detail {

// Returns one of a few fixed texts, so that failures can be counted by it.
inline std::string_view httplib_error_type(httplib::Error error) noexcept {
  switch (error) {
    case httplib::Error::Connection:
      return "connection_failed";
    case httplib::Error::ConnectionTimeout:
      return "timeout";
    case httplib::Error::BindIPAddress:
      return "bind_failed";
    case httplib::Error::Read:
      return "read_failed";
    case httplib::Error::Write:
      return "write_failed";
    case httplib::Error::ExceedRedirectCount:
      return "too_many_redirects";
    case httplib::Error::SSLConnection:
      return "tls_failed";
    case httplib::Error::SSLLoadingCerts:
      return "certificates_unreadable";
    case httplib::Error::SSLServerVerification:
      return "server_certificate_invalid";
    case httplib::Error::Compression:
      return "compression_failed";
    default:
      return "_OTHER";
  }
}

}  // namespace detail

// Sends requests, a client span each, whose identity goes along in the headers. Each call takes
// what httplib's call of that name takes: headers, if any, come right behind the path.
//
// NOLINTBEGIN(readability-identifier-naming): httplib's names
class HttplibCalls {
  // Tells what else may follow a path from headers and parameters, which have overloads.
  template <class First, class... Others>
  using IfNone = std::enable_if_t<!(std::is_same_v<std::decay_t<First>, Others> || ...)>;

 public:
  using Result = httplib::Result;
  using Headers = httplib::Headers;
  using Params = httplib::Params;

  Result Get(const std::string& path, const Headers& headers = {}) {
    return traced("GET", path, headers,
                  [&](const Headers& sent) { return client_->Get(path, sent); });
  }
  template <class... More>
  Result Get(const std::string& path, const Headers& headers, More&&... more) {
    return traced("GET", path, headers, [&](const Headers& sent) {
      return client_->Get(path, sent, std::forward<More>(more)...);
    });
  }
  template <class First, class... More, class = IfNone<First, Headers, Params>>
  Result Get(const std::string& path, First&& first, More&&... more) {
    return Get(path, Headers{}, std::forward<First>(first), std::forward<More>(more)...);
  }
  template <class... More>
  Result Get(const std::string& path, const Params& params, const Headers& headers,
             More&&... more) {
    return Get(httplib::append_query_params(path, params), headers, std::forward<More>(more)...);
  }
  Result Head(const std::string& path, const Headers& headers = {}) {
    return traced("HEAD", path, headers,
                  [&](const Headers& sent) { return client_->Head(path, sent); });
  }
  Result Post(const std::string& path, const Headers& headers = {}) {
    return traced("POST", path, headers,
                  [&](const Headers& sent) { return client_->Post(path, sent); });
  }
  template <class... More>
  Result Post(const std::string& path, const Headers& headers, More&&... more) {
    return traced("POST", path, headers, [&](const Headers& sent) {
      return client_->Post(path, sent, std::forward<More>(more)...);
    });
  }
  template <class First, class... More, class = IfNone<First, Headers>>
  Result Post(const std::string& path, First&& first, More&&... more) {
    return Post(path, Headers{}, std::forward<First>(first), std::forward<More>(more)...);
  }
  Result Put(const std::string& path, const Headers& headers = {}) {
    return traced("PUT", path, headers, [&](const Headers& sent) {
      return client_->Put(path, sent, std::string(), std::string());
    });
  }
  template <class... More>
  Result Put(const std::string& path, const Headers& headers, More&&... more) {
    return traced("PUT", path, headers, [&](const Headers& sent) {
      return client_->Put(path, sent, std::forward<More>(more)...);
    });
  }
  template <class First, class... More, class = IfNone<First, Headers>>
  Result Put(const std::string& path, First&& first, More&&... more) {
    return Put(path, Headers{}, std::forward<First>(first), std::forward<More>(more)...);
  }
  Result Patch(const std::string& path, const Headers& headers = {}) {
    return traced("PATCH", path, headers, [&](const Headers& sent) {
      return client_->Patch(path, sent, std::string(), std::string());
    });
  }
  template <class... More>
  Result Patch(const std::string& path, const Headers& headers, More&&... more) {
    return traced("PATCH", path, headers, [&](const Headers& sent) {
      return client_->Patch(path, sent, std::forward<More>(more)...);
    });
  }
  template <class First, class... More, class = IfNone<First, Headers>>
  Result Patch(const std::string& path, First&& first, More&&... more) {
    return Patch(path, Headers{}, std::forward<First>(first), std::forward<More>(more)...);
  }
  Result Delete(const std::string& path, const Headers& headers = {}) {
    return traced("DELETE", path, headers,
                  [&](const Headers& sent) { return client_->Delete(path, sent); });
  }
  template <class... More>
  Result Delete(const std::string& path, const Headers& headers, More&&... more) {
    return traced("DELETE", path, headers, [&](const Headers& sent) {
      return client_->Delete(path, sent, std::forward<More>(more)...);
    });
  }
  template <class First, class... More, class = IfNone<First, Headers>>
  Result Delete(const std::string& path, First&& first, More&&... more) {
    return Delete(path, Headers{}, std::forward<First>(first), std::forward<More>(more)...);
  }
  Result Options(const std::string& path, const Headers& headers = {}) {
    return traced("OPTIONS", path, headers,
                  [&](const Headers& sent) { return client_->Options(path, sent); });
  }

  // Sends any other request.
  Result send(httplib::Request request) {
    return traced(request.method, request.path, request.headers, [&](const Headers& headers) {
      request.headers = headers;
      return client_->send(request);
    });
  }

 protected:
  HttplibCalls(httplib::Client& client, const std::string& origin, std::string url_template)
      : client_(&client), origin_(&origin), url_template_(std::move(url_template)) {}

 private:
  friend class HttplibClient;

  template <class Call>
  Result traced(std::string_view method, const std::string& path, Headers headers, Call call) {
    HttpClientSpan span{{method, *origin_ + path, url_template_}};
    span.inject(headers);
    Result result = call(headers);
    if (result) {
      span.set_status_code(result->status);
      span.set_protocol_version(result->version);
    } else if (result.error() != httplib::Error::Canceled) {
      span.fail(detail::httplib_error_type(result.error()));
    }
    return result;
  }

  httplib::Client* client_;
  const std::string* origin_;
  std::string url_template_;
};
// NOLINTEND(readability-identifier-naming)

// Owns an httplib::Client whose requests are traced; as thread-safe as that one. Redirects that it
// follows are part of the one span.
class HttplibClient : public HttplibCalls {
 public:
  // Takes "http://host:port" or "https://host"; or a host and a port.
  explicit HttplibClient(const std::string& scheme_host_port)
      : HttplibCalls(client_, origin_, {}), origin_(scheme_host_port), client_(scheme_host_port) {}
  HttplibClient(const std::string& host, int port)
      : HttplibCalls(client_, origin_, {}),
        origin_("http://" + (host.find(':') == host.npos ? host : "[" + host + "]") + ":" +
                std::to_string(port)),
        client_(host, port) {}
  HttplibClient(const HttplibClient&) = delete;
  HttplibClient& operator=(const HttplibClient&) = delete;

  // Returns the same calls with a pattern to name the span after:
  // at("/users/{id}").Get("/users/7"). Valid as long as the client.
  HttplibCalls at(std::string url_template) {
    return HttplibCalls(client_, origin_, std::move(url_template));
  }

  // Reaches the client itself, for its settings: client->set_read_timeout(5).
  httplib::Client* operator->() noexcept { return &client_; }

 private:
  std::string origin_;
  httplib::Client client_;
};

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_HTTPLIB_CLIENT_HPP

// ---- waggle/instrument/httplib_server.hpp ----

// A cpp-httplib server whose requests are recorded; waggle/instrument/httplib.hpp says more.
#ifndef WAGGLE_INSTRUMENT_HTTPLIB_SERVER_HPP
#define WAGGLE_INSTRUMENT_HTTPLIB_SERVER_HPP

#include <httplib.h>

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {
namespace detail {

inline std::string_view scheme_of(const httplib::Request& request) noexcept {
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  if (request.ssl != nullptr) return "https";
#endif
  static_cast<void>(request);
  return "http";
}

// The span of the request that this thread answers: httplib does all of it on one thread.
inline std::optional<HttpServerSpan>& httplib_request() {
  thread_local std::optional<HttpServerSpan> span;
  return span;
}

inline HttpServerSpan& begin_httplib_request(const httplib::Request& request) {
  HttpServerRequest begun;
  begun.method = request.method;
  begun.target = request.target;
  begun.scheme = scheme_of(request);
  begun.peer_address = request.remote_addr;
  begun.peer_port = request.remote_port;
  begun.protocol_version = request.version;
  httplib_request().reset();
  return httplib_request().emplace(begun, request.headers);
}

// Ends the request's span, and begins it first where httplib refused the request unseen.
inline void end_httplib_request(const httplib::Request& request,
                                const httplib::Response& response) {
  HttpServerSpan& span = httplib_request() ? *httplib_request() : begin_httplib_request(request);
  span.set_status_code(response.status);
  httplib_request().reset();
}

#if defined(__cpp_exceptions)
// Keeps an exception that leaves a handler as an event of the span; httplib, or the program's own
// exception handler, makes an answer of it.
struct RecordingCall {
  template <class Call>
  static auto run(Call call) {
    try {
      return call();
    } catch (const std::exception& exception) {
      current_span().record_exception(exception);
      throw;
    } catch (...) {
      current_span().record_exception(ExceptionDetails{"unknown", {}, {}});
      throw;
    }
  }
};
using HandlerCall = RecordingCall;
#else
struct PlainCall {
  template <class Call>
  static auto run(Call call) {
    return call();
  }
};
using HandlerCall = PlainCall;
#endif

// Returns the handler as httplib takes it, of either kind: it tells the route, and what it throws
// is recorded.
template <class Server, class Call, class Handler>
auto traced_handler(std::string route, Handler handler) {
  using Request = const httplib::Request&;
  using Response = httplib::Response&;
  constexpr bool kIsPlain = std::is_invocable_v<Handler&, Request, Response>;
  using Taken = std::conditional_t<kIsPlain, typename Server::Handler,
                                   typename Server::HandlerWithContentReader>;
  return Taken{
      [route = std::move(route), handler = std::move(handler)](auto&&... arguments) mutable {
        if (httplib_request()) httplib_request()->set_route(route);
        Call::run([&] { handler(std::forward<decltype(arguments)>(arguments)...); });
      }};
}

}  // namespace detail

// Serves as `Base`, httplib::Server or httplib::SSLServer, and records a span of each request that
// arrives, also of those without a handler, refused as malformed, or answered by a hook. The span
// is current in handlers and hooks, ends once the answer is written, and is named after the method
// and the route. Set hooks on this class, not on a reference to its base.
//
// NOLINTBEGIN(readability-identifier-naming): httplib's names
template <class Base, class Call = detail::HandlerCall>
class BasicHttplibServer : public Base {
 public:
  using typename Base::HandlerWithResponse;

  // Takes what Base takes.
  template <class... Arguments>
  explicit BasicHttplibServer(Arguments&&... arguments)
      : Base(std::forward<Arguments>(arguments)...) {
    set_pre_routing_handler({});
    set_logger({});
  }

  // Answer requests whose path matches `pattern`. `route` is the pattern for people, such as
  // "/users/{id}"; without one it is `pattern` itself.
  template <class Handler>
  BasicHttplibServer& Get(const std::string& pattern, std::string route, Handler handler) {
    Base::Get(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Get(const std::string& pattern, Handler handler) {
    return Get(pattern, pattern, std::move(handler));
  }
  template <class Handler>
  BasicHttplibServer& Post(const std::string& pattern, std::string route, Handler handler) {
    Base::Post(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Post(const std::string& pattern, Handler handler) {
    return Post(pattern, pattern, std::move(handler));
  }
  template <class Handler>
  BasicHttplibServer& Put(const std::string& pattern, std::string route, Handler handler) {
    Base::Put(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Put(const std::string& pattern, Handler handler) {
    return Put(pattern, pattern, std::move(handler));
  }
  template <class Handler>
  BasicHttplibServer& Patch(const std::string& pattern, std::string route, Handler handler) {
    Base::Patch(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Patch(const std::string& pattern, Handler handler) {
    return Patch(pattern, pattern, std::move(handler));
  }
  template <class Handler>
  BasicHttplibServer& Delete(const std::string& pattern, std::string route, Handler handler) {
    Base::Delete(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Delete(const std::string& pattern, Handler handler) {
    return Delete(pattern, pattern, std::move(handler));
  }
  template <class Handler>
  BasicHttplibServer& Options(const std::string& pattern, std::string route, Handler handler) {
    Base::Options(pattern, traced(std::move(route), std::move(handler)));
    return *this;
  }
  template <class Handler>
  BasicHttplibServer& Options(const std::string& pattern, Handler handler) {
    return Options(pattern, pattern, std::move(handler));
  }

  // Replace the program's own hook, which runs inside the request's span.
  BasicHttplibServer& set_pre_routing_handler(HandlerWithResponse hook) {
    Base::set_pre_routing_handler(
        [hook = std::move(hook)](const httplib::Request& request, httplib::Response& response) {
          detail::begin_httplib_request(request);
          if (!hook) return Base::HandlerResponse::Unhandled;
          return Call::run([&] { return hook(request, response); });
        });
    return *this;
  }
  BasicHttplibServer& set_logger(httplib::Logger logger) {
    Base::set_logger([logger = std::move(logger)](const httplib::Request& request,
                                                  const httplib::Response& response) {
      if (logger) logger(request, response);
      detail::end_httplib_request(request, response);
    });
    return *this;
  }

 private:
  template <class Handler>
  static auto traced(std::string route, Handler handler) {
    return detail::traced_handler<Base, Call>(std::move(route), std::move(handler));
  }
};
// NOLINTEND(readability-identifier-naming)

using HttplibServer = BasicHttplibServer<httplib::Server>;
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
using HttplibSslServer = BasicHttplibServer<httplib::SSLServer>;
#endif

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_HTTPLIB_SERVER_HPP

// ---- waggle/instrument/httplib.hpp ----

// Spans of cpp-httplib's servers and clients (0.11 or newer). Include it in place of <httplib.h>,
// and compile with cpp-httplib's flags (pkg-config cpp-httplib); waggle links with nothing for it.
//
//   waggle::HttplibServer server;                  // was: httplib::Server server;
//   server.Get("/users/([^/]+)", "/users/{id}", get_user);
//
//   waggle::HttplibClient client{"http://users.example"};
//   client.at("/users/{id}").Get("/users/7");
#ifndef WAGGLE_INSTRUMENT_HTTPLIB_HPP
#define WAGGLE_INSTRUMENT_HTTPLIB_HPP

#endif  // WAGGLE_INSTRUMENT_HTTPLIB_HPP

#endif  // defined(WAGGLE_INSTRUMENT_HTTPLIB)

#if defined(WAGGLE_INSTRUMENT_CURL)

// ---- waggle/instrument/curl_details.hpp ----

// What CurlRequest, in curl.hpp, asks of libcurl: a handle's facts, names of its error codes, and
// lists of headers.
#ifndef WAGGLE_INSTRUMENT_CURL_DETAILS_HPP
#define WAGGLE_INSTRUMENT_CURL_DETAILS_HPP

#include <curl/curl.h>

#include <memory>
#include <mutex>
#include <new>
#include <string_view>

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {
namespace detail {

inline std::string_view curl_text(CURL* easy, CURLINFO which) noexcept {
  const char* text = nullptr;
  curl_easy_getinfo(easy, which, &text);
  return to_text(text);
}

inline long curl_number(CURL* easy, CURLINFO which) noexcept {
  long number = 0;
  curl_easy_getinfo(easy, which, &number);
  return number;
}

// The method of the last request, before the first one GET or a method of your own.
inline std::string_view curl_method(CURL* easy) noexcept {
#if LIBCURL_VERSION_NUM >= 0x074800
  return curl_text(easy, CURLINFO_EFFECTIVE_METHOD);
#else
  static_cast<void>(easy);
  return "GET";
#endif
}

inline std::string_view curl_http_version(CURL* easy) noexcept {
  switch (curl_number(easy, CURLINFO_HTTP_VERSION)) {
    case CURL_HTTP_VERSION_1_0:
      return "1.0";
    case CURL_HTTP_VERSION_1_1:
      return "1.1";
    case CURL_HTTP_VERSION_2_0:
      return "2";
    case CURL_HTTP_VERSION_3:
      return "3";
    default:
      return {};
  }
}

// Names of the codes that requests end with; libcurl has words for them only.
struct CurlCodeName {
  CURLcode code;
  std::string_view name;
};
constexpr CurlCodeName kCurlCodeNames[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, "CURLE_UNSUPPORTED_PROTOCOL"},
    {CURLE_URL_MALFORMAT, "CURLE_URL_MALFORMAT"},
    {CURLE_COULDNT_RESOLVE_PROXY, "CURLE_COULDNT_RESOLVE_PROXY"},
    {CURLE_COULDNT_RESOLVE_HOST, "CURLE_COULDNT_RESOLVE_HOST"},
    {CURLE_COULDNT_CONNECT, "CURLE_COULDNT_CONNECT"},
    {CURLE_WEIRD_SERVER_REPLY, "CURLE_WEIRD_SERVER_REPLY"},
    {CURLE_PARTIAL_FILE, "CURLE_PARTIAL_FILE"},
    {CURLE_WRITE_ERROR, "CURLE_WRITE_ERROR"},
    {CURLE_READ_ERROR, "CURLE_READ_ERROR"},
    {CURLE_OUT_OF_MEMORY, "CURLE_OUT_OF_MEMORY"},
    {CURLE_OPERATION_TIMEDOUT, "CURLE_OPERATION_TIMEDOUT"},
    {CURLE_SSL_CONNECT_ERROR, "CURLE_SSL_CONNECT_ERROR"},
    {CURLE_TOO_MANY_REDIRECTS, "CURLE_TOO_MANY_REDIRECTS"},
    {CURLE_GOT_NOTHING, "CURLE_GOT_NOTHING"},
    {CURLE_SEND_ERROR, "CURLE_SEND_ERROR"},
    {CURLE_RECV_ERROR, "CURLE_RECV_ERROR"},
    {CURLE_SSL_CERTPROBLEM, "CURLE_SSL_CERTPROBLEM"},
    {CURLE_PEER_FAILED_VERIFICATION, "CURLE_PEER_FAILED_VERIFICATION"},
    {CURLE_BAD_CONTENT_ENCODING, "CURLE_BAD_CONTENT_ENCODING"},
    {CURLE_FILESIZE_EXCEEDED, "CURLE_FILESIZE_EXCEEDED"},
    {CURLE_SSL_CACERT_BADFILE, "CURLE_SSL_CACERT_BADFILE"},
    {CURLE_HTTP2, "CURLE_HTTP2"},
    {CURLE_HTTP2_STREAM, "CURLE_HTTP2_STREAM"},
};

// Returns "CURLE_COULDNT_CONNECT", or "CURLE_" and the number of a rare code.
class CurlErrorType {
 public:
  explicit CurlErrorType(CURLcode code) noexcept {
    for (const CurlCodeName& known : kCurlCodeNames) {
      if (known.code == code) text_.append(known.name);
    }
    if (!text_.view().empty()) return;
    text_.append("CURLE_");
    text_.append_number(static_cast<long>(code));
  }
  std::string_view view() const noexcept { return text_.view(); }

 private:
  BoundedText<40> text_;
};

struct FreeHeaders {
  void operator()(curl_slist* headers) const noexcept { curl_slist_free_all(headers); }
};
using CurlHeaderList = std::unique_ptr<curl_slist, FreeHeaders>;

// Appends a line; a list that has failed once stays null.
inline void append_header(CurlHeaderList& list, const char* line, bool& is_complete) noexcept {
  curl_slist* const longer = curl_slist_append(list.get(), line);
  if (longer == nullptr) {
    is_complete = false;
    return;
  }
  static_cast<void>(list.release());
  list.reset(longer);
}

// Tells whether a header of the program's own stands in the way of one that the context writes.
inline bool is_replaced(std::string_view line, const SpanContext& context) noexcept {
  const std::string_view name = line.substr(0, line.find_first_of(":;"));
  if (is_header_name(name, kBaggageName)) return !context.baggage().empty();
  return is_header_name(name, kTraceParentName) || is_header_name(name, kTraceStateName);
}

// Returns a new list of `own` headers and those of the context; null if there is nothing to add, or
// no memory for it.
inline curl_slist* merged_headers(const curl_slist* own, const SpanContext& context) noexcept {
  if (!context.is_valid() && context.baggage().empty()) return nullptr;
  CurlHeaderList list;
  bool is_complete = true;
  constexpr std::string_view kEnd("\0", 1);
  for (; own != nullptr; own = own->next) {
    if (!is_replaced(own->data, context)) append_header(list, own->data, is_complete);
  }
  WAGGLE_SPANS_NAMESPACE::inject(context, [&](std::string_view name, std::string_view value) {
    BoundedText<BaggageBuffer::kHeaderLimit + 64> line(name);
    line.append(": ");
    line.append(value);
    line.append(kEnd);
    append_header(list, line.view().data(), is_complete);
  });
  return is_complete ? list.release() : nullptr;
}

// Keeps the headers of requests that ended without finish(), since nobody can tell whether their
// handle is gone: until a request takes up a handle of the same address, or for good. So a program
// that cancels transfers keeps at most one list for each handle that it ever had at a time.
class ParkedHeaders {
 public:
  static void keep(CURL* easy, curl_slist* headers) noexcept {
    if (headers == nullptr) return;
    ParkedHeaders& all = instance();
    const std::lock_guard<std::mutex> lock(all.mutex_);
    auto* const parked = new (std::nothrow) Parked{easy, headers, all.first_};
    if (parked != nullptr) all.first_ = parked;
  }

  // To be called once the handle has other headers.
  static void release(CURL* easy) noexcept {
    ParkedHeaders& all = instance();
    const std::lock_guard<std::mutex> lock(all.mutex_);
    for (Parked** link = &all.first_; *link != nullptr;) {
      Parked* const parked = *link;
      if (parked->easy != easy) {
        link = &parked->next;
        continue;
      }
      *link = parked->next;
      curl_slist_free_all(parked->headers);
      delete parked;
    }
  }

 private:
  struct Parked {
    CURL* easy;
    curl_slist* headers;
    Parked* next;
  };

  // Handles may outlive static objects, so nothing is freed at the end.
  static ParkedHeaders& instance() noexcept {
    static ParkedHeaders all;
    return all;
  }

  std::mutex mutex_;
  Parked* first_ = nullptr;
};

}  // namespace detail
}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_CURL_DETAILS_HPP

// ---- waggle/instrument/curl.hpp ----

// Spans of requests made with libcurl, 7.68 or newer, by the easy and the multi interface. Your
// handle, its options and its callbacks stay your own:
//
//   curl_easy_setopt(easy, CURLOPT_URL, "http://users.example/users/7");
//   waggle::CurlRequest request{easy, {"GET", "/users/{id}", headers}};
//   const CURLcode code = request.perform();  // was: curl_easy_perform(easy)
//
// With the multi interface, keep the request where you keep what belongs to the transfer, and call
// request.finish(message->data.result) on CURLMSG_DONE instead of perform().
#ifndef WAGGLE_INSTRUMENT_CURL_HPP
#define WAGGLE_INSTRUMENT_CURL_HPP

#include <string_view>
#include <utility>

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {

// Tells what libcurl's handle cannot tell about a request. Views, for the duration of the call; but
// `headers` and `conventions` until the request is finished.
struct CurlRequestOptions {
  std::string_view method{};        // empty: what libcurl says, which before the request is a guess
  std::string_view url_template{};  // the pattern, such as "/users/{id}": names the span
  curl_slist* headers = nullptr;    // what you would give to CURLOPT_HTTPHEADER, and as long-lived
  HttpConventions conventions{};
};

// Records one transfer of a handle as a client span, a child of what was current when the request
// was made, and sends the span's identity in `traceparent`, `tracestate` and `baggage`, beside your
// headers and in place of any of these among them. Used by one thread at a time. Request and handle
// may be destroyed in either order, also while a multi handle works on it: a request that ends
// without finish() counts as cancelled, and then its headers stay valid for the handle. Redirects
// that libcurl follows are part of the one span. Movable.
class [[nodiscard]] CurlRequest {
 public:
  // Takes up a handle whose CURLOPT_URL is set. Sets its CURLOPT_HTTPHEADER; do not set that until
  // finish(), which sets it to `options.headers`.
  explicit CurlRequest(CURL* easy, const CurlRequestOptions& options = {}) noexcept
      : easy_(easy),
        own_headers_(options.headers),
        url_template_(options.url_template),
        conventions_(options.conventions),
        is_method_given_(!options.method.empty()),
        is_url_known_(!detail::curl_text(easy, CURLINFO_EFFECTIVE_URL).empty()),
        span_(begun(easy, options)) {
    headers_.reset(detail::merged_headers(options.headers, span_.context()));
    send_headers(headers_ != nullptr ? headers_.get() : own_headers_);
    detail::ParkedHeaders::release(easy_);
  }
  CurlRequest(CurlRequest&& other) noexcept
      : easy_(std::exchange(other.easy_, nullptr)),
        own_headers_(other.own_headers_),
        headers_(std::move(other.headers_)),
        url_template_(other.url_template_),
        conventions_(other.conventions_),
        is_method_given_(other.is_method_given_),
        is_url_known_(other.is_url_known_),
        span_(std::move(other.span_)) {}
  CurlRequest& operator=(CurlRequest&&) = delete;

  // Ends the span, as that of a cancelled request unless finish() was called. Leaves the handle
  // alone, which may be gone.
  ~CurlRequest() {
    if (easy_ != nullptr) detail::ParkedHeaders::keep(easy_, headers_.release());
  }

  // Returns the span, for attributes of your own and events.
  DetachedSpan& span() noexcept { return span_.span(); }
  SpanContext context() const noexcept { return span_.context(); }

  // Performs the request as curl_easy_perform() does, with the span as the current one for your
  // callbacks, and finishes it.
  CURLcode perform() {
    const ContextGuard guard{span_.span()};
    const CURLcode code = curl_easy_perform(easy_);
    finish(code);
    return code;
  }

  // Tells the span how the transfer ended, ends it, and gives the handle your own headers back. The
  // handle has to be there still. Only the first call counts.
  void finish(CURLcode code) noexcept {
    if (easy_ == nullptr) return;
    tell_what_was_sent();
    tell_outcome(code);
    span_.end();
    send_headers(own_headers_);
    headers_.reset();
    easy_ = nullptr;
  }

 private:
  static DetachedHttpClientSpan begun(CURL* easy, const CurlRequestOptions& options) noexcept {
    HttpClientRequest request;
    request.method = options.method.empty() ? detail::curl_method(easy) : options.method;
    request.url = detail::curl_text(easy, CURLINFO_EFFECTIVE_URL);
    request.url_template = options.url_template;
    request.conventions = options.conventions;
    return DetachedHttpClientSpan{request};
  }

  void send_headers(curl_slist* headers) noexcept {
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers);
  }

  // What the handle did not tell, or told wrongly, before the transfer.
  void tell_what_was_sent() noexcept {
    const long redirects = detail::curl_number(easy_, CURLINFO_REDIRECT_COUNT);
    span_.set_resend_count(static_cast<int>(redirects));
    span_.set_peer(detail::curl_text(easy_, CURLINFO_PRIMARY_IP),
                   static_cast<int>(detail::curl_number(easy_, CURLINFO_PRIMARY_PORT)));
    span_.set_protocol_version(detail::curl_http_version(easy_));
    if (redirects != 0) return;  // these would be the last request's
    HttpClientRequest request;
    if (!is_method_given_) request.method = detail::curl_method(easy_);
    if (!is_url_known_) request.url = detail::curl_text(easy_, CURLINFO_EFFECTIVE_URL);
    request.url_template = url_template_.view();
    request.conventions = conventions_;
    span_.correct(request);
  }

  void tell_outcome(CURLcode code) noexcept {
    const bool is_failed = code != CURLE_OK && code != CURLE_ABORTED_BY_CALLBACK &&
                           code != CURLE_HTTP_RETURNED_ERROR;  // which the status tells
    if (is_failed) span_.fail(detail::CurlErrorType(code).view(), curl_easy_strerror(code));
    const long status = detail::curl_number(easy_, CURLINFO_RESPONSE_CODE);
    if (status != 0) span_.set_status_code(static_cast<int>(status));
  }

  CURL* easy_;  // null once finished
  curl_slist* own_headers_;
  detail::CurlHeaderList headers_;
  detail::BoundedText<256> url_template_;
  HttpConventions conventions_;
  bool is_method_given_;
  bool is_url_known_;  // not with CURLOPT_CURLU
  DetachedHttpClientSpan span_;
};

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_CURL_HPP

#endif  // defined(WAGGLE_INSTRUMENT_CURL)

#if defined(WAGGLE_INSTRUMENT_ASIO)

// ---- waggle/instrument/asio.hpp ----

// An executor of asio's (1.18 or newer) that takes the current context along:
//
//   waggle::AsioContextExecutor executor{pool.get_executor()};
//   asio::post(executor, [] { send_mail(); });
//
// A handler of an asynchronous operation runs long after that was begun: bind the handler itself,
// timer.async_wait(waggle::bind(on_timer)). Empty where exceptions are off, unless asio was told
// so.
#ifndef WAGGLE_INSTRUMENT_ASIO_HPP
#define WAGGLE_INSTRUMENT_ASIO_HPP

#if defined(__cpp_exceptions) || defined(ASIO_NO_EXCEPTIONS)

#include <asio/execution/execute.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>
#include <type_traits>
#include <utility>

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {

// Binds the work that it is given, as ContextExecutor does, and has the properties of `Executor`.
template <class Executor>
class AsioContextExecutor {
 public:
  explicit AsioContextExecutor(Executor executor) noexcept : executor_(std::move(executor)) {}

  template <class Callable>
  void execute(Callable&& callable) const {
    asio::execution::execute(executor_,
                             WAGGLE_SPANS_NAMESPACE::bind(std::forward<Callable>(callable)));
  }

  // Tell a property, or return an executor with another one; called by asio.
  template <class Property>
  auto query(const Property& property) const
      -> decltype(asio::query(std::declval<const Executor&>(), property)) {
    return asio::query(executor_, property);
  }
  template <class Property>
  auto require(const Property& property) const -> AsioContextExecutor<
      std::decay_t<decltype(asio::require(std::declval<const Executor&>(), property))>> {
    return wrapped(asio::require(executor_, property));
  }
  template <class Property>
  auto prefer(const Property& property) const -> AsioContextExecutor<
      std::decay_t<decltype(asio::prefer(std::declval<const Executor&>(), property))>> {
    return wrapped(asio::prefer(executor_, property));
  }

  friend bool operator==(const AsioContextExecutor& left,
                         const AsioContextExecutor& right) noexcept {
    return left.executor_ == right.executor_;
  }
  friend bool operator!=(const AsioContextExecutor& left,
                         const AsioContextExecutor& right) noexcept {
    return !(left == right);
  }

 private:
  template <class Other>
  static AsioContextExecutor<Other> wrapped(Other executor) noexcept {
    return AsioContextExecutor<Other>(std::move(executor));
  }

  Executor executor_;
};

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif

#endif  // WAGGLE_INSTRUMENT_ASIO_HPP

#endif  // defined(WAGGLE_INSTRUMENT_ASIO)

#if !defined(WAGGLE_IMPLEMENTATION) && !defined(WAGGLE_WITHOUT_IMPLEMENTATION)
#define WAGGLE_WITHOUT_IMPLEMENTATION

namespace waggle {
inline namespace abi1 {

struct Config;  // to have it, define WAGGLE_IMPLEMENTATION before this file is included

// Stands in for what the definition brings, to say so.
template <class... Arguments>
int start(Arguments&&...) {
  static_assert(sizeof...(Arguments) > 1000,
                "define WAGGLE_IMPLEMENTATION before waggle.hpp is included, in the one file that "
                "configures tracing");
  return 0;
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_IMPLEMENTATION

#if defined(WAGGLE_IMPLEMENTATION)

// ---- waggle/http/sigpipe_guard.hpp ----

// Keeps a SIGPIPE that a write inside the guarded scope raises from reaching the host program, and
// leaves its signal disposition alone. TLS libraries below libcurl write without MSG_NOSIGNAL in
// some versions (libcurl before 7.87 with OpenSSL), and the default action ends the process.
#ifndef WAGGLE_HTTP_SIGPIPE_GUARD_HPP
#define WAGGLE_HTTP_SIGPIPE_GUARD_HPP

#include <pthread.h>
#include <signal.h>
#include <time.h>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Blocks SIGPIPE on the calling thread for the guard's life and takes back one that arrived
// meanwhile. Does nothing on a thread that has the signal blocked already.
class SigpipeGuard {
 public:
  SigpipeGuard() noexcept {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    sigset_t before;
    if (pthread_sigmask(SIG_BLOCK, &sigpipe_, &before) != 0) return;
    blocked_here_ = sigismember(&before, SIGPIPE) == 0;
  }

  SigpipeGuard(const SigpipeGuard&) = delete;
  SigpipeGuard& operator=(const SigpipeGuard&) = delete;

  // A broken pipe's signal goes to the writing thread, so the pending one is ours. Nothing could
  // have been pending before: the signal was not blocked.
  ~SigpipeGuard() {
    if (!blocked_here_) return;
    const timespec no_wait{};
    sigtimedwait(&sigpipe_, nullptr, &no_wait);
    pthread_sigmask(SIG_UNBLOCK, &sigpipe_, nullptr);
  }

 private:
  sigset_t sigpipe_;
  bool blocked_here_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_SIGPIPE_GUARD_HPP

// ---- waggle/sdk/deadline.hpp ----

// A point on the steady clock by which something must be over. Passed down every layer, so that a
// bound given at the top holds at the bottom.
#ifndef WAGGLE_SDK_DEADLINE_HPP
#define WAGGLE_SDK_DEADLINE_HPP

#include <chrono>

namespace waggle {
inline namespace abi1 {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;
using Milliseconds = std::chrono::milliseconds;

// Marks the instant by which a call has to return.
class Deadline {
 public:
  // Begins a deadline that lies `from_now` ahead.
  static Deadline in(Milliseconds from_now) { return Deadline(SteadyClock::now() + from_now); }

  explicit Deadline(TimePoint at) noexcept : at_(at) {}

  TimePoint at() const noexcept { return at_; }
  bool passed(TimePoint now) const noexcept { return now >= at_; }

  // Returns the whole milliseconds left, rounded up, never negative.
  Milliseconds left(TimePoint now) const {
    if (passed(now)) return Milliseconds(0);
    return std::chrono::ceil<Milliseconds>(at_ - now);
  }

 private:
  TimePoint at_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_DEADLINE_HPP

// ---- waggle/sdk/joined.hpp ----

// Puts messages together. One call for a whole sentence is a tenth of the code that a chain of
// std::string and + becomes, and of the time that a compiler takes for it.
#ifndef WAGGLE_SDK_JOINED_HPP
#define WAGGLE_SDK_JOINED_HPP

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns `parts` as one text, each right behind the one before.
WAGGLE_OUT_OF_LINE std::string joined(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  std::string text;
  text.reserve(size);
  for (const std::string_view part : parts) text.append(part);
  return text;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_JOINED_HPP

// ---- waggle/exporters/descriptor_writer.hpp ----

// Writes to a file descriptor by a deadline, whatever is at its other end: a stopped terminal, a
// full pipe, a reader that is gone. Never changes the flags of a descriptor that others may share.
#ifndef WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP
#define WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Waits until the descriptor takes bytes or says what is wrong. False at the deadline.
inline bool wait_until_writable(int descriptor, Deadline deadline) noexcept {
  for (;;) {
    const auto left = deadline.left(SteadyClock::now()).count();
    pollfd state{descriptor, POLLOUT, 0};
    const int ready = ::poll(&state, 1, left < INT_MAX ? static_cast<int>(left) : INT_MAX);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// Writes some of the text; -1 and errno as write() has them. A socket is never waited for.
inline ssize_t write_some(int descriptor, std::string_view text) noexcept {
  const ssize_t sent = ::send(descriptor, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) return sent;
  return ::write(descriptor, text.data(), text.size());
}

// Writes `text` and takes from its front what was written; says why anything is left, or nothing.
// Tries once even if the deadline has passed. Returns by the deadline if the descriptor does not
// block.
WAGGLE_COLD std::string write_by(int descriptor, std::string_view& text, Deadline deadline) {
  constexpr const char* kIsFull = "it takes no more output";
  constexpr timespec kMoment{0, 1'000'000};
  const SigpipeGuard guard;
  while (!text.empty()) {
    if (!wait_until_writable(descriptor, deadline)) return kIsFull;
    const ssize_t size = write_some(descriptor, text);
    if (size > 0) {
      text.remove_prefix(static_cast<std::size_t>(size));
    } else if (size == 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
      // A terminal may have room, yet not the two bytes that a line break becomes.
      ::nanosleep(&kMoment, nullptr);
    } else if (errno != EINTR) {
      return std::strerror(errno);
    }
    // A reader may take a little now and then, for ever.
    if (!text.empty() && deadline.passed(SteadyClock::now())) return kIsFull;
  }
  return {};
}

// Says in words why open() failed with O_NONBLOCK.
inline const char* reason_not_opened(int error) noexcept {
  return error == ENXIO ? "a pipe that nobody reads, or a socket" : std::strerror(error);
}

// Leads to where a shared descriptor leads, without blocking. The flag that says so belongs to the
// open file, which the host program shares; so a terminal or pipe is opened once more, and not
// written at all if that is impossible: after poll() said that there is room, another program may
// fill it or stop the terminal, and even a small write() would wait for as long as that lasts.
// Sockets need no opening, and files do not wait; opened again, a file would get a second position
// and overwrite what the host writes.
class NonBlockingDescriptor {
 public:
  explicit NonBlockingDescriptor(int shared) noexcept : shared_(shared) {
    const bool is_terminal = ::isatty(shared) == 1;
    if (!is_terminal && !is_pipe(shared)) return;
    own_ = is_terminal ? open_terminal(shared) : open_again(shared);
    if (own_ < 0) problem_ = errno;
  }
  NonBlockingDescriptor(const NonBlockingDescriptor&) = delete;
  NonBlockingDescriptor& operator=(const NonBlockingDescriptor&) = delete;
  ~NonBlockingDescriptor() {
    if (own_ >= 0) ::close(own_);
  }

  // As write_by().
  std::string write(std::string_view& text, Deadline deadline) const {
    if (problem_ == 0) return write_by(own_ >= 0 ? own_ : shared_, text, deadline);
    return joined({"it cannot be opened to write without waiting: ", reason_not_opened(problem_)});
  }

 private:
  static bool is_pipe(int descriptor) noexcept {
    struct stat about {};
    return ::fstat(descriptor, &about) == 0 && S_ISFIFO(about.st_mode);
  }

  static int open_path(const char* path) noexcept {
    return ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  }

  static int open_again(int shared) noexcept {
    char path[32];
    std::snprintf(path, sizeof(path), "/proc/self/fd/%d", shared);
    return open_path(path);
  }

  // Without /proc a terminal has a name still, and one that belongs to another user (as after su)
  // can be opened as this process's own. The controlling end of a pseudo-terminal must not be: it
  // would become a new one.
  static int open_terminal(int shared) noexcept {
    unsigned number = 0;
    if (::ioctl(shared, TIOCGPTN, &number) == 0) {
      errno = ENOTTY;
      return -1;
    }
    int own = open_again(shared);
    const int problem = errno;
    char name[64];
    if (own < 0 && ::ttyname_r(shared, name, sizeof(name)) == 0) own = open_path(name);
    if (own < 0 && ::tcgetsid(shared) >= 0) own = open_path("/dev/tty");
    errno = problem;
    return own;
  }

  const int shared_;
  int own_ = -1;
  int problem_ = 0;
};

// Tells whether what was written of `text` ends within a line; `otherwise` if nothing was.
inline bool is_cut_off(std::string_view text, std::string_view left, bool otherwise) noexcept {
  const std::size_t written = text.size() - left.size();
  return written == 0 ? otherwise : text[written - 1] != '\n';
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP

// ---- waggle/otlp/utf8.hpp ----

// Whole texts as UTF-8: whether they are valid, what they are once mended, their first characters.
// Pure; any bytes will do.
#ifndef WAGGLE_OTLP_UTF8_HPP
#define WAGGLE_OTLP_UTF8_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the length of the valid sequence that `text` begins with, 0 if it begins with none.
inline std::size_t utf8_sequence_length(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const Utf8Sequence sequence = first_utf8_sequence(text);
  return sequence.is_valid ? sequence.length : 0;
}

// Tells whether all of `text` is valid.
inline bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const Utf8Sequence sequence = first_utf8_sequence(text);
    if (!sequence.is_valid) return false;
    text.remove_prefix(sequence.length);
  }
  return true;
}

// Returns the text with U+FFFD in place of what is not valid.
inline std::string repaired_utf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Utf8Sequence sequence = first_utf8_sequence(text);
    result += sequence.is_valid ? text.substr(0, sequence.length) : kReplacementCharacter;
    text.remove_prefix(sequence.length);
  }
  return result;
}

// Returns the first `count` characters of `text`; what becomes one U+FFFD counts as one.
inline std::string_view leading_characters(std::string_view text, std::size_t count) noexcept {
  if (text.size() <= count) return text;
  std::size_t end = 0;
  for (; count != 0 && end != text.size(); --count) {
    end += first_utf8_sequence(text.substr(end)).length;
  }
  return text.substr(0, end);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_UTF8_HPP

// ---- waggle/exporters/terminal_text.hpp ----

// Text made fit for a terminal: nothing in a span's name or value may move the cursor, change
// colours or reverse the line.
#ifndef WAGGLE_EXPORTERS_TERMINAL_TEXT_HPP
#define WAGGLE_EXPORTERS_TERMINAL_TEXT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the code point of a valid sequence.
inline std::uint32_t code_point(std::string_view sequence) noexcept {
  const auto first = static_cast<unsigned char>(sequence.front());
  if (sequence.size() == 1) return first;
  std::uint32_t value = first & (0x7fU >> sequence.size());
  for (char c : sequence.substr(1)) value = value << 6 | (static_cast<unsigned char>(c) & 0x3fU);
  return value;
}

// Tells whether a terminal might act on it: control characters of both sets, and the marks that
// turn the direction of writing (Unicode, UAX #9: Bidi_Control).
inline bool acts_on_terminal(std::uint32_t point) noexcept {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c || point == 0x200e ||
         point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069);
}

// Returns printable text of at most `longest` characters, the last of them … if something was cut
// off; what a terminal might act on, or what is no UTF-8, shows as U+FFFD. `longest` is not 0.
WAGGLE_COLD std::string terminal_text(std::string_view text, std::size_t longest) {
  std::string shown;
  std::size_t cut_at = 0;
  for (std::size_t characters = 0; !text.empty(); ++characters) {
    if (characters == longest) return joined({std::string_view(shown).substr(0, cut_at), "…"});
    cut_at = shown.size();
    const std::size_t length = utf8_sequence_length(text);
    const bool is_shown = length != 0 && !acts_on_terminal(code_point(text.substr(0, length)));
    shown.append(is_shown ? text.substr(0, length) : kReplacementCharacter);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return shown;
}

// Counts the columns of printable text, one a character: wide characters are taken for narrow ones.
inline std::size_t columns(std::string_view text) noexcept {
  std::size_t count = 0;
  for (char c : text) count += is_utf8_continuation(static_cast<unsigned char>(c)) ? 0U : 1U;
  return count;
}

// Fills up with blanks at the right, to `width` columns.
WAGGLE_COLD std::string padded_right(std::string text, std::size_t width) {
  const std::size_t used = columns(text);
  if (used < width) text.append(width - used, ' ');
  return text;
}

// Fills up with blanks at the left, to `width` columns.
WAGGLE_COLD std::string padded_left(const std::string& text, std::size_t width) {
  return joined({std::string(width - (std::min)(width, columns(text)), ' '), text});
}

// Returns a length of time in the unit that suits it: 950ns, 1.25µs, 12.5ms, 3.20s.
WAGGLE_COLD std::string duration_text(std::uint64_t nanoseconds) {
  constexpr const char* kUnits[] = {"ns", "µs", "ms", "s"};
  double value = static_cast<double>(nanoseconds);
  int unit = 0;
  while (unit < 3 && value >= 999.5) {
    value /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f%s", decimals, value, kUnits[unit]);
  return text;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_TERMINAL_TEXT_HPP

// ---- waggle/sdk/finished_span.hpp ----

// An ended span as exporters and filters see it: everything that was recorded, in wall-clock time,
// with duplicate keys settled and limits applied. All views point into the Batch that holds it.
#ifndef WAGGLE_SDK_FINISHED_SPAN_HPP
#define WAGGLE_SDK_FINISHED_SPAN_HPP

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Views one attribute value of any AnyValue kind. Arrays and maps are walked by elements().
class ValueView {
 public:
  class Elements;

  ValueView() noexcept = default;
  ValueView(ValueTag tag, std::string_view payload) noexcept : tag_(tag), payload_(payload) {}

  ValueTag tag() const noexcept { return tag_; }
  bool boolean() const noexcept { return word() != 0; }
  std::int64_t int64() const noexcept { return static_cast<std::int64_t>(word()); }
  std::uint64_t word() const noexcept { return read<std::uint64_t>(); }
  double float64() const noexcept { return read<double>(); }

  // Returns the text, the raw bytes, or an array's encoded elements.
  std::string_view text() const noexcept { return payload_; }

  // Returns the elements of an array or a map, to be walked in a range-for.
  Elements elements() const noexcept;

 private:
  template <class T>
  T read() const noexcept {
    T value{};
    if (payload_.size() >= sizeof(T)) std::memcpy(&value, payload_.data(), sizeof(T));
    return value;
  }

  ValueTag tag_ = ValueTag::Empty;
  std::string_view payload_;
};

// Pairs a key with a value; a map's element has a key, an array's has none.
struct AttributeView {
  std::string_view key;
  ValueView value;
};

// Walks chunks that lie one behind the other; stops early rather than read past the end.
class ValueView::Elements {
 public:
  class Iterator {
   public:
    Iterator(std::string_view rest) noexcept : rest_(rest) { read(); }  // NOLINT
    const AttributeView& operator*() const noexcept { return element_; }
    const AttributeView* operator->() const noexcept { return &element_; }
    Iterator& operator++() noexcept {
      rest_.remove_prefix(size_);
      read();
      return *this;
    }
    bool operator!=(const Iterator& other) const noexcept {
      return rest_.size() != other.rest_.size();
    }

   private:
    // What is cut off ends the walk.
    void read() noexcept {
      detail::ChunkHeader header;
      const std::string_view rest = rest_;
      rest_ = rest.substr(rest.size());
      if (rest.size() < sizeof(header)) return;
      std::memcpy(&header, rest.data(), sizeof(header));
      const std::size_t value_at = sizeof(header) + detail::padded(header.key_size);
      const std::size_t size = value_at + detail::padded(header.value_size);
      if (size > rest.size()) return;
      rest_ = rest;
      size_ = size;
      element_ = {rest.substr(sizeof(header), header.key_size),
                  ValueView(header.tag, rest.substr(value_at, header.value_size))};
    }

    std::string_view rest_;
    std::size_t size_ = 0;
    AttributeView element_;
  };

  explicit Elements(std::string_view payload) noexcept : payload_(payload) {}
  Iterator begin() const noexcept { return {payload_}; }
  Iterator end() const noexcept { return {payload_.substr(payload_.size())}; }

 private:
  std::string_view payload_;
};

inline ValueView::Elements ValueView::elements() const noexcept { return Elements(payload_); }

// Views a contiguous list inside a Batch.
template <class T>
class ListView {
 public:
  ListView() noexcept = default;
  ListView(const T* data, std::size_t size) noexcept : data_(data), size_(size) {}

  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const T& operator[](std::size_t index) const noexcept { return data_[index]; }

 private:
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

struct EventView {
  std::string_view name;
  std::uint64_t unix_nanoseconds = 0;
  ListView<AttributeView> attributes;
  std::uint32_t dropped_attributes = 0;
};

struct LinkView {
  TraceId trace_id;
  SpanId span_id;
  std::uint8_t trace_flags = 0;
  bool is_remote = false;
  std::string_view trace_state;
  ListView<AttributeView> attributes;
  std::uint32_t dropped_attributes = 0;
};

// Names the instrumentation scope of a span.
struct ScopeView {
  std::string_view name;
  std::string_view version;
  std::string_view schema_url;
  ValueView attributes{};  // a map, or empty
  std::uint32_t dropped_attributes = 0;

  // Tells whether it has any, or would have if there had been room.
  bool has_attributes() const noexcept {
    return !attributes.text().empty() || dropped_attributes != 0;
  }
};

struct FinishedSpan {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;               // invalid for the first span of a trace
  bool parent_is_remote = false;  // the parent is a span of another process
  std::uint8_t trace_flags = 0;

  // The tracestate as it is exported, `ot=th:…` included.
  std::string_view trace_state;

  // How many traces this one stands for, a whole number with the right mean; 0 if nobody told.
  std::uint32_t sample_rate = 0;

  std::string_view name;
  SpanKind kind = SpanKind::Internal;
  std::uint64_t start_unix_nanoseconds = 0;
  std::uint64_t end_unix_nanoseconds = 0;  // never before the start
  StatusCode status = StatusCode::Unset;
  std::string_view status_message;  // with StatusCode::Error only
  ScopeView scope;

  ListView<AttributeView> attributes;  // keys are unique and not empty
  ListView<EventView> events;
  ListView<LinkView> links;
  std::uint32_t dropped_attributes = 0;
  std::uint32_t dropped_events = 0;
  std::uint32_t dropped_links = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_FINISHED_SPAN_HPP

// ---- waggle/exporters/span_notes.hpp ----

// What a drawing says about a span beside its bar: its kind, why it failed, its attributes, its
// events. Pure: a span in, short printable texts out.
#ifndef WAGGLE_EXPORTERS_SPAN_NOTES_HPP
#define WAGGLE_EXPORTERS_SPAN_NOTES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the kind's name, nothing for the usual one.
inline const char* kind_text(SpanKind kind) noexcept {
  switch (kind) {
    case SpanKind::Server:
      return "server";
    case SpanKind::Client:
      return "client";
    case SpanKind::Producer:
      return "producer";
    case SpanKind::Consumer:
      return "consumer";
    default:
      return "";
  }
}

// Holds one note; the label is drawn paler than the text that follows it.
struct SpanNote {
  std::string label;
  std::string text;
  bool is_error = false;
};

// Of attributes, elements and events, those beyond are only counted.
constexpr std::size_t kShownNotes = 6;

inline std::string value_text(const ValueView& value);

// Returns [1, 2, 3] for an array, {key=1} for a map.
WAGGLE_COLD std::string list_text(const ValueView& list) {
  const bool is_map = list.tag() == ValueTag::Map;
  std::string text = is_map ? "{" : "[";
  std::size_t shown = 0;
  for (const AttributeView& element : list.elements()) {
    if (shown != 0) text += ", ";
    if (shown++ == kShownNotes) {
      text += "…";
      break;
    }
    if (is_map) text += joined({terminal_text(element.key, 24), "="});
    text += value_text(element.value);
  }
  text += is_map ? "}" : "]";
  return text;
}

inline std::string number_text(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", number);
  return text;
}

// Returns a value in one line; of raw bytes their number only.
inline std::string value_text(const ValueView& value) {
  switch (value.tag()) {
    case ValueTag::Empty:
      return {};
    case ValueTag::Boolean:
      return value.boolean() ? "true" : "false";
    case ValueTag::Int64:
      return std::to_string(value.int64());
    case ValueTag::Unsigned:
      return std::to_string(value.word());
    case ValueTag::Double:
      return number_text(value.float64());
    case ValueTag::Array:
    case ValueTag::Map:
      return list_text(value);
    case ValueTag::Bytes:
      return joined({std::to_string(value.text().size()), " bytes"});
    default:
      return terminal_text(value.text(), 60);
  }
}

// An event shows its name only, an exception also what it was.
WAGGLE_COLD SpanNote event_note(const EventView& event) {
  SpanNote note{"◆ ", terminal_text(event.name, 32)};
  for (const AttributeView& attribute : event.attributes) {
    if (attribute.key == "exception.type" || attribute.key == "exception.message") {
      note.text += joined({" ", value_text(attribute.value)});
    }
  }
  return note;
}

// Tells whether people look for it first: what was asked of whom and why it failed (OpenTelemetry
// semantic conventions), and what the application says of itself.
inline bool is_key_attribute(std::string_view key) noexcept {
  for (std::string_view prefix : {"http.", "db.", "app."}) {
    if (key.substr(0, prefix.size()) == prefix) return true;
  }
  return key == "error.type";
}

// Returns the attributes that are shown: key attributes before others, each in their order.
WAGGLE_COLD std::vector<const AttributeView*> shown_attributes(ListView<AttributeView> attributes) {
  std::vector<const AttributeView*> shown;
  for (bool is_key : {true, false}) {
    for (const AttributeView& attribute : attributes) {
      if (shown.size() == kShownNotes) return shown;
      if (is_key_attribute(attribute.key) == is_key) shown.push_back(&attribute);
    }
  }
  return shown;
}

// Returns what there is to say about a span, the most important first.
WAGGLE_COLD std::vector<SpanNote> span_notes(const FinishedSpan& span) {
  std::vector<SpanNote> notes;
  const auto count_rest = [&](std::size_t size) {
    if (size > kShownNotes)
      notes.push_back({joined({"+", std::to_string(size - kShownNotes), " more"}), {}});
  };
  if (span.status == StatusCode::Error) {
    const std::string message = terminal_text(span.status_message, 80);
    notes.push_back({{}, joined({"error", message.empty() ? "" : ": ", message}), true});
  }
  for (const AttributeView* attribute : shown_attributes(span.attributes)) {
    notes.push_back(
        {joined({terminal_text(attribute->key, 32), "="}), value_text(attribute->value)});
  }
  count_rest(span.attributes.size());
  for (std::size_t i = 0; i < (std::min)(span.events.size(), kShownNotes); ++i) {
    notes.push_back(event_note(span.events[i]));
  }
  count_rest(span.events.size());
  return notes;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_SPAN_NOTES_HPP

// ---- waggle/exporters/waterfall.hpp ----

// Draws traces as text: one line a span, indented below its parent, with a bar that shows when it
// ran; what else is known stands at the line's end if it fits there, or below. Pure: spans in, text
// out. Time grows hardly faster than the number of spans, however deep they are nested.
#ifndef WAGGLE_EXPORTERS_WATERFALL_HPP
#define WAGGLE_EXPORTERS_WATERFALL_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Says how to draw. A width below 60 columns is too little for the bars; the lines get longer then.
struct WaterfallStyle {
  bool has_colour = false;
  std::size_t width = 100;
};

using SpanList = std::vector<const FinishedSpan*>;

// Where something stands that has an id. One type for traces and spans: compiling a map takes long.
using IndexById = std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t>;

// Groups spans by trace, in the order in which the traces' first spans stand.
WAGGLE_COLD std::vector<SpanList> by_trace(ListView<FinishedSpan> spans) {
  std::vector<SpanList> traces;
  IndexById known;
  for (const FinishedSpan& span : spans) {
    const TraceId id = span.trace_id;
    const auto [place, is_new] = known.insert({{id.high, id.low}, traces.size()});
    if (is_new) traces.emplace_back();
    traces[place->second].push_back(&span);
  }
  return traces;
}

// Draws one trace, of one span at least. Spans whose parent is not among them stand at the top.
class Waterfall {
 public:
  Waterfall(SpanList spans, std::string_view service, WaterfallStyle style)
      : spans_(std::move(spans)),
        service_(service),
        style_(style),
        bar_width_(style.width / 4),
        name_width_((std::min)(style.width * 2 / 5, kWidestName)),
        deepest_(name_width_ > kShortestName ? (name_width_ - kShortestName) / kStep : 1) {
    // Spans that start together keep their order: in a batch they stand one behind the other.
    std::sort(spans_.begin(), spans_.end(), [](const auto* a, const auto* b) {
      return std::pair(a->start_unix_nanoseconds, a) < std::pair(b->start_unix_nanoseconds, b);
    });
    begin_ = spans_.front()->start_unix_nanoseconds;
    for (const FinishedSpan* span : spans_) end_ = (std::max)(end_, span->end_unix_nanoseconds);
    link();
  }

  WAGGLE_COLD std::string draw() {
    head();
    for (std::size_t top : tops_) tree(top);
    // Parents in a circle, which only broken input has, lead up to no top.
    for (std::size_t index = 0; index < spans_.size(); ++index) {
      if (is_drawn_[index] == 0) tree(index);
    }
    return std::move(text_);
  }

 private:
  static constexpr std::size_t kWidestName = 48;    // columns for stem and name
  static constexpr std::size_t kShortestName = 14;  // columns that the stem leaves to the name
  static constexpr std::size_t kStep = 3;           // columns a level
  static constexpr std::size_t kKindWidth = 9;
  static constexpr std::size_t kDurationWidth = 8;
  static constexpr std::size_t kGap = 2;  // columns between notes

  struct Place {
    std::size_t index;
    std::size_t depth;
    bool has_more;  // siblings follow
  };

  // ---- the tree ----

  WAGGLE_COLD void link() {
    IndexById index_of;
    for (std::size_t i = 0; i < spans_.size(); ++i) {
      index_of.insert({{0, spans_[i]->span_id.value}, i});
    }
    children_.resize(spans_.size());
    is_drawn_.resize(spans_.size());
    for (std::size_t i = 0; i < spans_.size(); ++i) {
      const auto parent = index_of.find({0, spans_[i]->parent_id.value});
      (parent != index_of.end() ? children_[parent->second] : tops_).push_back(i);
    }
  }

  WAGGLE_COLD void tree(std::size_t top) {
    std::vector<Place> waiting{{top, 0, false}};
    while (!waiting.empty()) {
      const Place place = waiting.back();
      waiting.pop_back();
      is_drawn_[place.index] = 1;
      has_more_.resize(place.depth);
      has_more_.push_back(place.has_more ? 1 : 0);
      const std::size_t first = waiting.size();
      for (std::size_t child : children_[place.index]) {
        if (is_drawn_[child] == 0) waiting.push_back({child, place.depth + 1, true});
      }
      const bool has_children = waiting.size() != first;
      if (has_children) waiting.back().has_more = false;
      std::reverse(waiting.begin() + static_cast<std::ptrdiff_t>(first), waiting.end());
      line(*spans_[place.index], place.depth, has_children);
    }
  }

  // ---- what stands left of the names ----

  // Continues the lines of all levels to `depth` that have more to come.
  WAGGLE_COLD std::string margin(std::size_t depth) const {
    std::string text = "  ";
    for (std::size_t level = 1; level <= depth; ++level) {
      text += has_more_[level] != 0 ? "│  " : "   ";
    }
    return text;
  }

  // Levels too deep to be indented stand below each other and say how deep they are.
  WAGGLE_COLD std::string stem(std::size_t depth) const {
    if (depth == 0) return margin(0);
    if (depth > deepest_) return joined({margin(deepest_ - 1), "┊", std::to_string(depth), " "});
    return joined({margin(depth - 1), has_more_[depth] != 0 ? "├─ " : "└─ "});
  }

  WAGGLE_COLD std::string note_stem(std::size_t depth, bool has_children) const {
    if (depth > deepest_) return joined({margin(deepest_ - 1), "┊    "});
    return joined({margin(depth), has_children ? "│ " : "  "});
  }

  // ---- lines ----

  WAGGLE_COLD void head() {
    const std::string sums =
        joined({"  ", duration_text(end_ - begin_), "  ", std::to_string(spans_.size()),
                spans_.size() == 1 ? " span\n" : " spans\n"});
    paint(kBold, joined({"trace ", spans_.front()->trace_id.hex()}));
    const std::size_t used = 39 + columns(sums);  // "trace ", the id, a gap, no line break
    const std::size_t room = style_.width > used ? style_.width - used : 1;
    if (!service_.empty()) text_ += joined({"  ", terminal_text(service_, room)});
    text_ += sums;
  }

  WAGGLE_COLD void line(const FinishedSpan& span, std::size_t depth, bool has_children) {
    const std::string before = stem(depth);
    const std::size_t name_end = name_width_ + 1;  // a blank before the next column is sure
    const std::size_t room = name_end - (std::min)(columns(before), name_end - 1);
    text_ += padded_right(joined({before, terminal_text(span.name, room)}), name_width_ + 2);
    paint(kDim, padded_right(kind_text(span.kind), kKindWidth));
    paint(span.status == StatusCode::Error ? kRed : kCyan, bar(span));
    const std::uint64_t lasted = span.end_unix_nanoseconds - span.start_unix_nanoseconds;
    text_ += padded_left(duration_text(lasted), kDurationWidth);
    notes(span_notes(span), note_stem(depth, has_children));
    text_ += '\n';
  }

  // Returns where a point in time lies in the bar, in columns and parts of them.
  double column(std::uint64_t time) const noexcept {
    const auto whole = static_cast<double>((std::max)(end_ - begin_, std::uint64_t{1}));
    return static_cast<double>(time - begin_) / whole * static_cast<double>(bar_width_);
  }

  // Every span fills one column at least; one that ends where another begins shares none with it.
  WAGGLE_COLD std::string bar(const FinishedSpan& span) const {
    const auto begin = static_cast<std::size_t>(column(span.start_unix_nanoseconds));
    const auto end = static_cast<std::size_t>(std::ceil(column(span.end_unix_nanoseconds)));
    const std::size_t first = (std::min)(begin, bar_width_ - 1);
    const std::size_t past = (std::max)(first + 1, (std::min)(end, bar_width_));
    std::string drawn = "▏";
    drawn.append(first, ' ');
    for (std::size_t i = first; i < past; ++i) drawn += "█";
    drawn.append(bar_width_ - past, ' ').append("▕");
    return drawn;
  }

  // ---- notes ----

  static std::size_t width_of(const SpanNote& note) noexcept {
    return columns(note.label) + columns(note.text);
  }

  // Writes all notes behind the duration if they fit there, else all below.
  WAGGLE_COLD void notes(const std::vector<SpanNote>& all, const std::string& before) {
    std::size_t used = name_width_ + 2 + kKindWidth + bar_width_ + 2 + kDurationWidth;
    std::size_t wanted = used;
    for (const SpanNote& note : all) wanted += kGap + width_of(note);
    if (wanted > style_.width) used = style_.width;
    for (const SpanNote& note : all) {
      if (used + kGap + width_of(note) > style_.width) {
        text_ += joined({"\n", before});
        used = columns(before);
      } else {
        text_.append(kGap, ' ');
        used += kGap;
      }
      write(note, style_.width - (std::min)(style_.width, used));
      used += width_of(note);
    }
  }

  WAGGLE_COLD void write(const SpanNote& note, std::size_t room) {
    if (!note.label.empty()) paint(kDim, note.label);
    const std::size_t label = columns(note.label);
    const std::size_t left = room > label ? room - label : 1;
    paint(note.is_error ? kRed : kPlain, terminal_text(note.text, left));
  }

  WAGGLE_COLD void paint(std::string_view colour, std::string_view text) {
    const bool is_plain = !style_.has_colour || colour == kPlain;
    text_ += is_plain ? text : joined({colour, text, "\033[0m"});
  }

  static constexpr std::string_view kPlain = "";
  static constexpr std::string_view kBold = "\033[1m";
  static constexpr std::string_view kDim = "\033[2m";
  static constexpr std::string_view kRed = "\033[31m";
  static constexpr std::string_view kCyan = "\033[36m";

  SpanList spans_;
  const std::string_view service_;
  const WaterfallStyle style_;
  const std::size_t bar_width_;
  const std::size_t name_width_;
  const std::size_t deepest_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::vector<std::size_t> tops_;
  std::vector<std::vector<std::size_t>> children_;
  std::vector<char> is_drawn_;  // not bool, for which a vector is another class to compile
  std::vector<char> has_more_;  // by level, on the way from the top to the span being drawn
  std::string text_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_WATERFALL_HPP

// ---- waggle/sdk/completes.hpp ----

// For code that allocates where nothing may be thrown: on the collector's thread, in a destructor,
// under a C library. Without exceptions the host has decided what happens when memory runs out.
#ifndef WAGGLE_SDK_COMPLETES_HPP
#define WAGGLE_SDK_COMPLETES_HPP

namespace waggle {
inline namespace abi1 {
namespace detail {

// Runs `work`; false if it ended early by an exception, which as a rule means that there was no
// memory.
template <class Work>
bool completes(Work&& work) noexcept {
#if defined(__cpp_exceptions)
  try {
    work();
  } catch (...) {
    return false;
  }
#else
  work();
#endif
  return true;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_COMPLETES_HPP

// ---- waggle/sdk/resource.hpp ----

// The resource: which process the spans come from (OpenTelemetry, Resource SDK). Fixed when tracing
// starts and sent once a batch.
#ifndef WAGGLE_SDK_RESOURCE_HPP
#define WAGGLE_SDK_RESOURCE_HPP

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Holds one attribute of the resource: text, or a whole number where `is_number` says so.
struct ResourceAttribute {
  std::string key;
  std::string text;
  std::int64_t number = 0;
  bool is_number = false;
};

// Holds the attributes of the resource, each key once.
class Resource {
 public:
  // Sets an attribute; a later value replaces an earlier one of the same key.
  WAGGLE_COLD void set(std::string_view key, std::string_view text) {
    at(key) = {std::string(key), std::string(text), 0, false};
  }
  WAGGLE_COLD void set(std::string_view key, std::int64_t number) {
    at(key) = {std::string(key), {}, number, true};
  }

  // Takes over every attribute of `newer`, whose values win, also empty ones (OpenTelemetry,
  // Resource Merge). Its schema URL wins if it has one.
  WAGGLE_COLD void merge(const Resource& newer) {
    for (const ResourceAttribute& attribute : newer.attributes_) at(attribute.key) = attribute;
    if (!newer.schema_url_.empty()) schema_url_ = newer.schema_url_;
  }

  // Returns the text under `key`, empty if there is none.
  std::string_view text(std::string_view key) const noexcept {
    for (const ResourceAttribute& attribute : attributes_) {
      if (attribute.key == key) return attribute.text;
    }
    return {};
  }

  const std::vector<ResourceAttribute>& attributes() const noexcept { return attributes_; }
  const std::string& schema_url() const noexcept { return schema_url_; }
  void set_schema_url(std::string_view url) { schema_url_ = url; }

 private:
  ResourceAttribute& at(std::string_view key) {
    for (ResourceAttribute& attribute : attributes_) {
      if (attribute.key == key) return attribute;
    }
    return attributes_.emplace_back();
  }

  std::vector<ResourceAttribute> attributes_;
  std::string schema_url_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_RESOURCE_HPP

// ---- waggle/sdk/exporter.hpp ----

// The seam for destinations that may block: console, file, memory, the user's own. One call a
// batch, on the collector's thread.
#ifndef WAGGLE_SDK_EXPORTER_HPP
#define WAGGLE_SDK_EXPORTER_HPP

#include <string>
#include <utility>

namespace waggle {
inline namespace abi1 {

// Holds ended spans, grouped by scope; valid during export_batch() only.
struct Batch {
  const Resource& resource;
  ListView<FinishedSpan> spans;
};

// Says what became of a batch: all of it was delivered, or none and why.
struct ExportResult {
  bool delivered = true;
  std::string reason;

  static ExportResult failed(std::string reason) { return {false, std::move(reason)}; }
};

// Takes finished spans somewhere. Calls never overlap.
class Exporter {
 public:
  virtual ~Exporter() = default;

  // Exports all spans of the batch. May block; after the deadline the collector stops waiting and
  // counts the batch as unconfirmed.
  virtual ExportResult export_batch(const Batch& batch, Deadline deadline) noexcept = 0;
};

namespace detail {

// Returns what `work` returns; a failed result if there is no memory for it. Its reason is short
// enough to need none.
template <class Work>
ExportResult export_by(Work&& work) noexcept {
  ExportResult result{false, "no memory"};
  completes([&] { result = work(); });
  return result;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_EXPORTER_HPP

// ---- waggle/exporters/console_exporter.hpp ----

// Draws each trace on a terminal, for development: what start() chooses when nobody said where
// traces go and a person is watching.
#ifndef WAGGLE_EXPORTERS_CONSOLE_EXPORTER_HPP
#define WAGGLE_EXPORTERS_CONSOLE_EXPORTER_HPP

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace waggle {
inline namespace abi1 {

struct ConsoleOptions {
  int descriptor = STDERR_FILENO;

  // What is beyond is not drawn, but counted in a line of its own.
  unsigned traces_per_second = 20;
};

// Draws the traces of a batch as waterfalls. Colours and the window's width are used on a terminal
// only (and no colours if NO_COLOR is set or TERM is dumb); elsewhere lines are laid out for 100
// columns. NO_COLOR and TERM are read once, when it is made: the worker must not read an
// environment that the host may be changing. A trace whose spans come in several batches is drawn
// once a batch.
class ConsoleExporter final : public Exporter {
 public:
  explicit ConsoleExporter(ConsoleOptions options = {}) noexcept
      : options_(options), may_colour_(environment_allows_colour()) {}
  ConsoleExporter(const ConsoleExporter&) = delete;
  ConsoleExporter& operator=(const ConsoleExporter&) = delete;

  // Says how many traces the last seconds left out, if that can be written at once.
  ~ConsoleExporter() override {
    detail::completes([this] {
      write(skipped_ != 0 ? skipped_text() : std::string(), Deadline::in(Milliseconds(0)));
    });
  }

  // Fails by the deadline if the terminal takes no more; what it has not taken is given up. Fails
  // at once if there is no way to write without waiting. Never changes the descriptor's flags.
  ExportResult export_batch(const Batch& batch, Deadline deadline) noexcept override {
    return detail::export_by([&] { return draw(batch, deadline); });
  }

 private:
  WAGGLE_COLD ExportResult draw(const Batch& batch, Deadline deadline) {
    const detail::WaterfallStyle style = this->style();
    const std::string_view service = batch.resource.text("service.name");
    std::string text;
    for (detail::SpanList& trace : detail::by_trace(batch.spans)) {
      if (!may_draw()) continue;
      if (skipped_ != 0) text += skipped_text();
      text += detail::Waterfall(std::move(trace), service, style).draw();
    }
    const std::string problem = write(std::move(text), deadline);
    if (problem.empty()) return {};
    return ExportResult::failed(detail::joined({"the terminal: ", problem}));
  }

  static bool environment_allows_colour() noexcept {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    const bool is_dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
    return !is_dumb && (no_colour == nullptr || no_colour[0] == '\0');
  }

  detail::WaterfallStyle style() const noexcept {
    detail::WaterfallStyle style;
    if (::isatty(options_.descriptor) != 1) return style;
    style.has_colour = may_colour_;
    winsize size{};
    if (::ioctl(options_.descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
      style.width = std::clamp(std::size_t{size.ws_col}, kNarrowest, kWidest);
    }
    return style;
  }

  // What was given up within a line, perhaps within a colour, is ended before the next text, or
  // alone if there is none.
  WAGGLE_COLD std::string write(std::string text, Deadline deadline) {
    if (is_cut_off_) text.insert(0, style().has_colour ? "\033[0m\n" : "\n");
    if (text.empty()) return {};
    std::string_view left = text;
    const detail::NonBlockingDescriptor descriptor(options_.descriptor);
    std::string problem = descriptor.write(left, deadline);
    is_cut_off_ = detail::is_cut_off(text, left, is_cut_off_);
    return problem;
  }

  // A second's allowance begins with its first trace.
  bool may_draw() noexcept {
    const TimePoint now = SteadyClock::now();
    if (now - second_began_ >= std::chrono::seconds(1)) {
      second_began_ = now;
      drawn_ = 0;
    }
    if (drawn_ == options_.traces_per_second) {
      ++skipped_;
      return false;
    }
    ++drawn_;
    return true;
  }

  WAGGLE_COLD std::string skipped_text() {
    const char* what = skipped_ == 1 ? " trace was" : " traces were";
    const std::string count = std::to_string(std::exchange(skipped_, 0));
    return detail::joined({"(", count, what, " not drawn: more than ",
                           std::to_string(options_.traces_per_second), " a second)\n"});
  }

  static constexpr std::size_t kNarrowest = 60;  // columns; the bars need them
  static constexpr std::size_t kWidest = 240;

  const ConsoleOptions options_;
  const bool may_colour_;
  bool is_cut_off_ = false;
  TimePoint second_began_{};
  unsigned drawn_ = 0;
  std::size_t skipped_ = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_CONSOLE_EXPORTER_HPP

// ---- waggle/otlp/number_text.hpp ----

// Numbers as digits, without a look-up table or a loop a digit: what the encoder writes most,
// times, ids, counts and short decimals, a word of eight digits at once.
#ifndef WAGGLE_OTLP_NUMBER_TEXT_HPP
#define WAGGLE_OTLP_NUMBER_TEXT_HPP

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::uint64_t kEachByte = 0x0101010101010101U;
constexpr std::uint64_t kEightZeros = kEachByte * '0';
constexpr std::uint64_t kEightDigits = 100000000U;  // the least number that needs nine

// The most that write_number() and write_float64() may touch.
constexpr std::size_t kLongestNumber = 32;

inline void store_word(char* to, std::uint64_t word) noexcept {
  std::memcpy(to, &word, sizeof(word));
}

// Returns the eight lowercase hexadecimal digits of a number, the first in the lowest byte.
inline std::uint64_t hex_digits(std::uint32_t number) noexcept {
  std::uint64_t digits = std::uint64_t{number} << 32 | number >> 16;
  digits = (digits & 0x000000ff000000ff) << 16 | (digits & 0x0000ff000000ff00) >> 8;
  digits = (digits & 0x000f000f000f000f) << 8 | (digits & 0x00f000f000f000f0) >> 4;
  const std::uint64_t is_letter = (digits + kEachByte * 6) >> 4 & kEachByte;
  return digits + kEightZeros + is_letter * ('a' - '0' - 10);
}

// Returns the eight decimal digits of a number below 100,000,000, the first in the lowest byte: the
// number is cut in halves three times, all parts of a step at once.
inline std::uint64_t decimal_digits(std::uint64_t number) noexcept {
  const std::uint64_t fours = number / 10000 | (number % 10000) << 32;
  const std::uint64_t hundreds = (fours * 10486) >> 20 & 0x0000007f0000007f;
  const std::uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
  const std::uint64_t tens = (twos * 103) >> 10 & 0x000f000f000f000f;
  return (tens | (twos - tens * 10) << 8) + kEightZeros;
}

// Returns how many of the digits before the last `needed` ones are zeros, at the front.
inline unsigned leading_zeros(std::uint64_t digits, unsigned needed) noexcept {
  const std::uint64_t last_counts = std::uint64_t{1} << (8 - needed) * 8;
  return static_cast<unsigned>(__builtin_ctzll((digits ^ kEightZeros) | last_counts)) / 8;
}

// Writes a number and returns where it ends.
inline char* write_number(char* to, std::uint64_t number) noexcept {
  if (number >= kEightDigits) return std::to_chars(to, to + kLongestNumber, number).ptr;
  const std::uint64_t digits = decimal_digits(number);
  const unsigned zeros = leading_zeros(digits, 1);
  store_word(to, digits >> zeros * 8);
  return to + 8 - zeros;
}

inline char* write_number(char* to, std::int64_t number) noexcept {
  const auto bits = static_cast<std::uint64_t>(number);
  if (number >= 0) return write_number(to, bits);
  *to++ = '-';
  return write_number(to, 0 - bits);
}

// Writes `thousandths` / 1000, which is below 100,000, without zeros that say nothing.
inline char* write_thousandths(char* to, std::uint64_t thousandths) noexcept {
  const std::uint64_t digits = decimal_digits(thousandths);
  const unsigned zeros = leading_zeros(digits, 4);
  store_word(to, digits >> zeros * 8);
  to += 5 - zeros;
  const std::uint64_t decimals = (digits ^ kEightZeros) >> 40;
  if (decimals == 0) return to;
  *to++ = '.';
  store_word(to, digits >> 40);
  return to + 8 - static_cast<unsigned>(__builtin_clzll(decimals)) / 8;
}

// Writes a finite number in the shortest form that reads back the same, whatever the locale, and
// returns where it ends. Prices and ratios, which commonly have three decimals at most, need no
// search for that form: two decimals of up to 15 digits never read as the same double.
inline char* write_float64(char* to, double number) noexcept {
  const double magnitude = std::fabs(number);
  if (magnitude < 100000) {
    // Rounded wrongly it would be noticed at once: it has to give the number back.
    const auto thousandths = static_cast<std::uint64_t>(magnitude * 1000 + 0.5);  // NOLINT
    if (static_cast<double>(thousandths) / 1000 == magnitude) {
      if (std::signbit(number)) *to++ = '-';
      return write_thousandths(to, thousandths);
    }
  }
  return std::to_chars(to, to + kLongestNumber, number).ptr;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_NUMBER_TEXT_HPP

// ---- waggle/otlp/json_pieces.hpp ----

// Short pieces of JSON, each written where the caller has room for it. They return where they end:
// so that place stays in a register from one piece to the next.
#ifndef WAGGLE_OTLP_JSON_PIECES_HPP
#define WAGGLE_OTLP_JSON_PIECES_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Writes what is JSON already.
template <std::size_t Size>
WAGGLE_INLINE char* write_json(char* to, const char (&json)[Size]) noexcept {
  std::memcpy(to, json, Size - 1);
  return to + Size - 1;
}

inline char* write_hex_digits(char* to, std::uint64_t value) noexcept {
  store_word(to, hex_digits(static_cast<std::uint32_t>(value >> 32)));
  store_word(to + 8, hex_digits(static_cast<std::uint32_t>(value)));
  return to + 16;
}

// Each writes its value between quotes: ids as OTLP/JSON has them, in hexadecimal digits, and
// 64-bit numbers as protobuf's JSON mapping has them.
inline char* write_quoted(char* to, TraceId id) noexcept {
  *to = '"';
  to = write_hex_digits(write_hex_digits(to + 1, id.high), id.low);
  return write_json(to, "\"");
}

inline char* write_quoted(char* to, SpanId id) noexcept {
  *to = '"';
  return write_json(write_hex_digits(to + 1, id.value), "\"");
}

template <class Number>
char* write_quoted_number(char* to, Number value) noexcept {
  *to = '"';
  return write_json(write_number(to + 1, value), "\"");
}

// The same, fastest for a time of our days, which has 19 digits.
inline char* write_quoted_time(char* to, std::uint64_t value) noexcept {
  constexpr std::uint64_t kLeast = 1000000000000000000U;
  if (value - kLeast >= 9 * kLeast) return write_quoted_number(to, value);
  const std::uint64_t first_eleven = value / kEightDigits;
  *to = '"';
  // The first three digits come as the last of eight; the zeros before them are overwritten.
  store_word(to + 1, decimal_digits(first_eleven / kEightDigits) >> 40);
  store_word(to + 4, decimal_digits(first_eleven % kEightDigits));
  store_word(to + 12, decimal_digits(value % kEightDigits));
  return write_json(to + 20, "\"");
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_JSON_PIECES_HPP

// ---- waggle/otlp/json_text.hpp ----

// The inside of a JSON string, any bytes given: plain ASCII a word of eight bytes at once, the rest
// escaped or mended (RFC 8259, section 7; what is not UTF-8 becomes U+FFFD).
#ifndef WAGGLE_OTLP_JSON_TEXT_HPP
#define WAGGLE_OTLP_JSON_TEXT_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

inline std::uint64_t load_word(const char* from) noexcept {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof(word));
  return word;
}

// Loads `size` bytes, fewer than eight, the first into the lowest byte; zeros fill the rest.
inline std::uint64_t load_bytes(const char* from, std::size_t size) noexcept {
  std::uint64_t word = 0;
  if (size >= 4) {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::memcpy(&low, from, 4);
    std::memcpy(&high, from + size - 4, 4);
    word = low | std::uint64_t{high} << (size - 4) * 8;
  } else {
    for (std::size_t i = size; i-- > 0;) word = word << 8 | static_cast<unsigned char>(from[i]);
  }
  return word;
}

// Marks, by its highest bit, each byte that JSON does not take as it is: a quote, a backslash, a
// control character, or none of ASCII. Bytes behind the first of them may be marked too, none
// before it.
inline std::uint64_t marked_bytes(std::uint64_t word) noexcept {
  const std::uint64_t quote = word ^ (kEachByte * '"');
  const std::uint64_t backslash = word ^ (kEachByte * '\\');
  const std::uint64_t marks = ((quote - kEachByte) & ~quote) |
                              ((backslash - kEachByte) & ~backslash) |
                              ((word - kEachByte * 0x20) & ~word) | word;
  return marks & (kEachByte * 0x80);
}

// Returns how many of the word's bytes, the lowest first, JSON takes as they are.
inline std::size_t count_plain_bytes(std::uint64_t word) noexcept {
  const std::uint64_t marks = marked_bytes(word);
  return marks == 0 ? 8 : static_cast<std::size_t>(__builtin_ctzll(marks)) / 8;
}

// Copies a text and tells whether JSON takes it as it is. Writes eight bytes at least, however
// short it is.
inline bool copy_plain(std::string_view text, char* to) noexcept {
  if (text.size() < 8) {
    const std::uint64_t word = load_bytes(text.data(), text.size());
    store_word(to, word);
    // What fills the word up is no mark.
    return marked_bytes(word | (kEachByte * ' ' << text.size() * 8)) == 0;
  }
  std::uint64_t marks = 0;
  const std::size_t last = text.size() - 8;
  for (std::size_t at = 0; at < last; at += 8) {
    const std::uint64_t word = load_word(text.data() + at);
    store_word(to + at, word);
    marks |= marked_bytes(word);
  }
  const std::uint64_t word = load_word(text.data() + last);
  store_word(to + last, word);
  return (marks | marked_bytes(word)) == 0;
}

// A string of more bytes is written in parts.
constexpr std::size_t kShortText = 64;

// Writes a string with its quotes; null, with nothing written that counts, if it is long or has to
// be escaped.
inline char* write_short_string(char* to, std::string_view text) noexcept {
  if (text.size() > kShortText || !copy_plain(text, to + 1)) return nullptr;
  *to = '"';
  to[1 + text.size()] = '"';
  return to + text.size() + 2;
}

inline char* copy_sequence(std::string_view& text, char* to) noexcept {
  const Utf8Sequence sequence = first_utf8_sequence(text);
  const std::string_view valid =
      sequence.is_valid ? text.substr(0, sequence.length) : kReplacementCharacter;
  std::memcpy(to, valid.data(), valid.size());
  text.remove_prefix(sequence.length);
  return to + valid.size();
}

// Writes what stands for the beginning of `text`, and takes that away.
inline char* escape(std::string_view& text, char* to) noexcept {
  const auto byte = static_cast<unsigned char>(text.front());
  if (byte >= 0x80) return copy_sequence(text, to);
  text.remove_prefix(1);
  *to++ = '\\';
  switch (byte) {
    case '"':
    case '\\':
      *to++ = static_cast<char>(byte);
      return to;
    case '\n':
      *to++ = 'n';
      return to;
    case '\r':
      *to++ = 'r';
      return to;
    case '\t':
      *to++ = 't';
      return to;
    default:
      to[0] = 'u';
      to[1] = '0';
      to[2] = '0';
      to[3] = static_cast<char>('0' + (byte >> 4));
      to[4] = "0123456789abcdef"[byte & 15];
      return to + 5;
  }
}

// Writes up to eight plain bytes of `text`, which is not empty, and what comes after them if it has
// to be looked at; takes away what was written. At most 14 bytes.
inline char* escape_some(std::string_view& text, char* to) noexcept {
  const std::size_t size = text.size() < 8 ? text.size() : 8;
  const std::uint64_t word = size == 8 ? load_word(text.data()) : load_bytes(text.data(), size);
  store_word(to, word);
  // The zeros behind a short end are no plain bytes either.
  const std::size_t plain = count_plain_bytes(word);
  text.remove_prefix(plain);
  to += plain;
  return plain == size ? to : escape(text, to);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_JSON_TEXT_HPP

// ---- waggle/otlp/json_writer.hpp ----

// Writes JSON by appending: no tree, no look-up, no allocation once the text has been as long
// before. Any bytes in any string give valid JSON. Pieces are gathered in a block of a few
// kilobytes, so that most appends are a comparison and a copy of known size.
#ifndef WAGGLE_OTLP_JSON_WRITER_HPP
#define WAGGLE_OTLP_JSON_WRITER_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

class JsonWriter {
 public:
  // The most that one piece may take.
  static constexpr std::size_t kLongestPiece = 256;

  void clear() noexcept {
    text_.clear();
    pending_ = 0;
  }

  // Returns all that was written; valid until the next call of another function.
  const std::string& text() {
    flush();
    return text_;
  }
  std::size_t size() const noexcept { return text_.size() + pending_; }

  // Takes everything behind the first `size` bytes back.
  void truncate(std::size_t size) {
    flush();
    text_.resize(size);
  }

  void reserve(std::size_t bytes) { text_.reserve(bytes); }

  // Appends what `write` puts there, given where; it returns where that ends.
  template <class Write>
  WAGGLE_INLINE void piece(Write&& write) {
    advance(write(room()));
  }

  // The same, if it is not null what that returns; else tells so.
  template <class Write>
  WAGGLE_INLINE bool try_piece(Write&& write) {
    const char* const end = write(room());
    if (end != nullptr) advance(end);
    return end != nullptr;
  }

  // Appends text that is JSON already.
  WAGGLE_INLINE void raw(std::string_view json) {
    if (json.size() > kLongestPiece) return append(json);
    std::memcpy(room(), json.data(), json.size());
    pending_ += json.size();
  }

  // Appends a string with its quotes; what is not UTF-8 becomes U+FFFD.
  void string(std::string_view value) {
    if (!try_piece([&](char* to) { return write_short_string(to, value); })) any_string(value);
  }

  // Appends a 64-bit number as OTLP has it: between quotes.
  void int64(std::int64_t value) { advance(write_quoted_number(room(), value)); }
  void uint64(std::uint64_t value) { advance(write_quoted_time(room(), value)); }

  // Appends a number of up to 32 bits.
  void uint32(std::uint32_t value) { advance(write_number(room(), std::uint64_t{value})); }

  void id(TraceId trace_id) { advance(write_quoted(room(), trace_id)); }
  void id(SpanId span_id) { advance(write_quoted(room(), span_id)); }

  // Appends bytes in base64 with padding (RFC 4648, section 4).
  void base64(std::string_view bytes) {
    raw("\"");
    for (; bytes.size() >= 3; bytes.remove_prefix(3)) base64_group(bytes, 3);
    if (!bytes.empty()) base64_group(bytes, bytes.size());
    raw("\"");
  }

 private:
  static constexpr std::size_t kBlock = 4096;

  // Returns where the next kLongestPiece bytes may be written.
  WAGGLE_INLINE char* room() {
    if (pending_ > kBlock - kLongestPiece) flush();
    return block_ + pending_;
  }
  // The same, after what stands before `to`.
  char* room_behind(const char* to) {
    advance(to);
    return room();
  }
  void advance(const char* end) noexcept { pending_ = static_cast<std::size_t>(end - block_); }

  WAGGLE_OUT_OF_LINE void flush() {
    text_.append(block_, pending_);
    pending_ = 0;
  }
  void append(std::string_view json) {
    flush();
    text_.append(json);
  }

  // Appends a string of any length and any bytes.
  WAGGLE_OUT_OF_LINE void any_string(std::string_view value) {
    char* to = room();
    *to++ = '"';
    while (!value.empty()) {
      to = room_behind(to);
      const std::string_view part = value.substr(0, kShortText);
      if (copy_plain(part, to)) {
        to += part.size();
        value.remove_prefix(part.size());
        continue;
      }
      const std::size_t rest = value.size() - part.size();
      while (value.size() > rest) to = escape_some(value, room_behind(to));
    }
    *to++ = '"';
    advance(to);
  }

  // Writes one to three bytes as four digits.
  void base64_group(std::string_view bytes, std::size_t size) {
    constexpr const char* kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto byte = [&](std::size_t i) {
      return i < size ? std::uint32_t{static_cast<unsigned char>(bytes[i])} : 0U;
    };
    const std::uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    char* to = room();
    to[0] = kDigits[group >> 18];
    to[1] = kDigits[group >> 12 & 63];
    to[2] = size > 1 ? kDigits[group >> 6 & 63] : '=';
    to[3] = size > 2 ? kDigits[group & 63] : '=';
    pending_ += 4;
  }

  std::string text_;
  std::size_t pending_ = 0;
  char block_[kBlock];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_JSON_WRITER_HPP

// ---- waggle/otlp/key_fragments.hpp ----

// What stands before an attribute's value, ready-made: the same few keys come again in every span.
#ifndef WAGGLE_OTLP_KEY_FRAGMENTS_HPP
#define WAGGLE_OTLP_KEY_FRAGMENTS_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

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

// ---- waggle/otlp/attribute_writer.hpp ----

// Writes lists of attributes as OTLP/JSON: KeyValue and AnyValue of every kind, nested to any depth
// that a receiver's parser takes.
#ifndef WAGGLE_OTLP_ATTRIBUTE_WRITER_HPP
#define WAGGLE_OTLP_ATTRIBUTE_WRITER_HPP

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {

struct OtlpEncoderOptions {
  // Leave doubles that are not finite out, and count them: one of Honeycomb's decoders reads them
  // as 0. Else they are written as the mapping's strings.
  bool omit_non_finite = false;
};

namespace detail {

// Writes `,"attributes":[...]` between open() and close(), or nothing if nothing is added.
class AttributeWriter {
 public:
  AttributeWriter(JsonWriter& json, OtlpEncoderOptions options) noexcept
      : json_(json), options_(options) {}

  void open() noexcept { is_empty_ = true; }

  void add(const AttributeView& attribute) {
    if (is_left_out(attribute.value)) return;
    const KeyFragment* fragment = fragments_.find(attribute.key, attribute.value.tag());
    if (fragment == nullptr || !add_short(*fragment, attribute.value)) {
      json_.piece([this](char* to) { return separated(to); });
      element(attribute, true, 1);
    }
    is_empty_ = false;
  }

  void add(std::string_view key, std::int64_t number) {
    const std::string_view bytes(reinterpret_cast<const char*>(&number), sizeof(number));
    add({key, {ValueTag::Int64, bytes}});
  }

  void close() {
    if (!is_empty_) json_.raw("]");
  }

  // Returns how many values were left out so far, for not being finite.
  std::uint64_t omitted_values() const noexcept { return omitted_values_; }

 private:
  // Where only scalars may stand: a map costs three nested messages, and a receiver's protobuf
  // parser commonly takes a hundred.
  static constexpr int kDeepest = 30;

  bool is_left_out(const ValueView& value) noexcept {
    const bool is_left_out = options_.omit_non_finite && value.tag() == ValueTag::Double &&
                             !std::isfinite(value.float64());
    if (is_left_out) ++omitted_values_;
    return is_left_out;
  }

  char* separated(char* to) const noexcept {
    return is_empty_ ? write_json(to, R"(,"attributes":[)") : write_json(to, ",");
  }

  // Adds an attribute by its fragment; false if its value is none of the short ones.
  bool add_short(const KeyFragment& fragment, const ValueView& value) {
    return json_.try_piece([&](char* to) -> char* {
      to = separated(to);
      std::memcpy(to, fragment.text, KeyFragment::kLongest);
      to = write_short(to + fragment.size, value);
      return to != nullptr ? write_json(to, "}}") : nullptr;
    });
  }

  // Writes a scalar that is one piece; null if it is none.
  static char* write_short(char* to, const ValueView& value) noexcept {
    switch (value.tag()) {
      case ValueTag::Boolean:
        return value.boolean() ? write_json(to, "true") : write_json(to, "false");
      case ValueTag::Int64:
        return write_quoted_number(to, value.int64());
      case ValueTag::Unsigned:
        return write_quoted_number(to, value.word());
      case ValueTag::Double:
        return std::isfinite(value.float64()) ? write_float64(to, value.float64()) : nullptr;
      case ValueTag::Text:
      case ValueTag::MangledType:
        return write_short_string(to, value.text());
      default:
        return nullptr;
    }
  }

  void value(const ValueView& value, int depth) {
    if (value.tag() == ValueTag::Array) return elements(value, depth, R"({"arrayValue":{)");
    if (value.tag() == ValueTag::Map) return elements(value, depth, R"({"kvlistValue":{)");
    if (value.tag() == ValueTag::Empty) return json_.raw("{}");
    json_.raw(value_opening(value.tag()));
    if (!json_.try_piece([&](char* to) { return write_short(to, value); })) write_rest(value);
    json_.raw("}");
  }

  // Writes a scalar that may be long, or no number.
  void write_rest(const ValueView& value) {
    if (value.tag() == ValueTag::Bytes) return json_.base64(value.text());
    if (value.tag() != ValueTag::Double) return json_.string(value.text());
    const double number = value.float64();
    json_.raw(std::isnan(number) ? R"("NaN")" : number > 0 ? R"("Infinity")" : R"("-Infinity")");
  }

  // A list that is nested too deeply becomes the empty value: to call it an empty list were wrong.
  void elements(const ValueView& list, int depth, std::string_view opening) {
    if (depth == kDeepest) return json_.raw("{}");
    json_.raw(opening);
    bool is_first = true;
    for (const AttributeView& item : list.elements()) {
      if (is_left_out(item.value)) continue;
      json_.raw(is_first ? R"("values":[)" : ",");
      is_first = false;
      element(item, list.tag() == ValueTag::Map, depth + 1);
    }
    json_.raw(is_first ? "}}" : "]}}");
  }

  void element(const AttributeView& item, bool has_key, int depth) {
    if (!has_key) return value(item.value, depth);
    json_.raw(R"({"key":)");
    json_.string(item.key);
    json_.raw(R"(,"value":)");
    value(item.value, depth);
    json_.raw("}");
  }

  JsonWriter& json_;
  const OtlpEncoderOptions options_;
  KeyFragments fragments_;
  bool is_empty_ = true;
  std::uint64_t omitted_values_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_ATTRIBUTE_WRITER_HPP

// ---- waggle/otlp/body_parts.hpp ----

// Remembers where everything stands in an encoded body, so that the body of some of its spans can
// be copied out of it, without encoding a span again: for batches that a server finds too large.
#ifndef WAGGLE_OTLP_BODY_PARTS_HPP
#define WAGGLE_OTLP_BODY_PARTS_HPP

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Says where something stands in a body, in bytes.
struct ByteRange {
  std::size_t begin;
  std::size_t end;
};

namespace detail {

// A body is a head with the resource, scopes with a comma between them, and a tail; a scope is an
// opening, spans with a comma between them, and a closing.
class BodyParts {
 public:
  void clear() noexcept {
    spans_.clear();
    scopes_.clear();
  }

  // Each is told as it is written, from the front to the back.
  void end_head(std::size_t end) noexcept { head_end_ = end; }
  void open_scope(ByteRange opening) { scopes_.push_back({spans_.size(), opening, {0, 0}}); }
  void add_span(ByteRange span) { spans_.push_back(span); }
  void close_scope(ByteRange closing) noexcept { scopes_.back().closing = closing; }
  void begin_tail(std::size_t begin) noexcept { tail_begin_ = begin; }

  // Forgets what was told since there were `spans` and `scopes`; the last of these is open again.
  void restore(std::size_t spans, std::size_t scopes) {
    spans_.resize(spans);
    scopes_.resize(scopes, Scope{0, {0, 0}, {0, 0}});
  }

  std::size_t scope_count() const noexcept { return scopes_.size(); }
  bool has_scope() const noexcept { return !scopes_.empty(); }
  const std::vector<ByteRange>& spans() const noexcept { return spans_; }

  // Makes `part` the body of the spans `first` to before `end`, which are some at least.
  void copy(const std::string& whole, std::size_t first, std::size_t end, std::string& part) const {
    part.assign(whole, 0, head_end_);
    for (std::size_t index = 0; index < scopes_.size(); ++index) {
      const std::size_t from = (std::max)(first, scopes_[index].first_span);
      const std::size_t to = (std::min)(end, end_of_scope(index));
      if (from >= to) continue;
      if (part.size() != head_end_) part += ',';
      append(part, whole, scopes_[index].opening);
      append(part, whole, {spans_[from].begin, spans_[to - 1].end});
      append(part, whole, scopes_[index].closing);
    }
    part.append(whole, tail_begin_, std::string::npos);
  }

 private:
  struct Scope {
    std::size_t first_span;
    ByteRange opening;
    ByteRange closing;
  };

  std::size_t end_of_scope(std::size_t index) const noexcept {
    return index + 1 < scopes_.size() ? scopes_[index + 1].first_span : spans_.size();
  }

  static void append(std::string& part, const std::string& whole, ByteRange range) {
    part.append(whole, range.begin, range.end - range.begin);
  }

  std::vector<ByteRange> spans_;
  std::vector<Scope> scopes_;
  std::size_t head_end_ = 0;
  std::size_t tail_begin_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_BODY_PARTS_HPP

// ---- waggle/otlp/span_pieces.hpp ----

// The parts of a span that are of bounded length, each one piece: who it is, what kind, when.
#ifndef WAGGLE_OTLP_SPAN_PIECES_HPP
#define WAGGLE_OTLP_SPAN_PIECES_HPP

#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

// The low byte is W3C's; bit 8 says that bit 9 tells whether the context is remote.
inline char* write_flags(char* to, std::uint8_t trace_flags, bool is_remote) noexcept {
  const std::uint64_t flags = trace_flags | 0x100U | (is_remote ? 0x200U : 0U);
  return write_number(write_json(to, R"(,"flags":)"), flags);
}

// Writes what a span's object begins with.
inline char* write_ids(char* to, const FinishedSpan& span) noexcept {
  to = write_quoted(write_json(to, R"({"traceId":)"), span.trace_id);
  to = write_quoted(write_json(to, R"(,"spanId":)"), span.span_id);
  if (span.parent_id.is_valid()) {
    to = write_quoted(write_json(to, R"(,"parentSpanId":)"), span.parent_id);
  }
  return write_flags(to, span.trace_flags, span.parent_is_remote);
}

inline char* write_kind_and_times(char* to, const FinishedSpan& span) noexcept {
  to = write_json(to, R"(,"kind":)");
  to = write_number(to, static_cast<std::uint64_t>(span.kind));
  to = write_json(to, R"(,"startTimeUnixNano":)");
  to = write_quoted_time(to, span.start_unix_nanoseconds);
  to = write_json(to, R"(,"endTimeUnixNano":)");
  return write_quoted_time(to, span.end_unix_nanoseconds);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_SPAN_PIECES_HPP

// ---- waggle/otlp/encoder.hpp ----

// Encodes batches as OTLP/JSON (opentelemetry-proto, JSON Protobuf Encoding): pure, one pass, a
// scope after the other. Right under both of Honeycomb's decoders: times and 64-bit numbers are
// strings, unknown fields are never written, default values are left out.
#ifndef WAGGLE_OTLP_ENCODER_HPP
#define WAGGLE_OTLP_ENCODER_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Encodes one batch after the other. For one thread; keeps its memory from batch to batch.
class OtlpEncoder {
 public:
  explicit OtlpEncoder(OtlpEncoderOptions options = {}) noexcept : attributes_(json_, options) {}
  OtlpEncoder(const OtlpEncoder&) = delete;
  OtlpEncoder& operator=(const OtlpEncoder&) = delete;

  // Encodes a whole batch; the text is valid until the next call. Empty for a batch without spans:
  // an envelope without any is never sent (OTLP, Empty Telemetry Envelopes).
  const std::string& encode(const Batch& batch) {
    begin(batch.resource);
    for (const FinishedSpan& span : batch.spans) add(span);
    return finish();
  }

  // The same in steps, for a caller that watches the size: begin(), add() for each span, grouped by
  // scope, then finish(). What the scopes' views point to has to stay until then.
  void begin(const Resource& resource) {
    json_.clear();
    parts_.clear();
    resource_schema_url_ = resource.schema_url();
    json_.raw(R"({"resourceSpans":[{"resource":{)");
    const char* before = R"("attributes":[)";
    for (const ResourceAttribute& attribute : resource.attributes()) {
      json_.raw(before);
      before = ",";
      resource_attribute(attribute);
    }
    if (!resource.attributes().empty()) json_.raw("]");
    json_.raw(R"(},"scopeSpans":[)");
    parts_.end_head(json_.size());
  }

  // Adds a span and returns the size so far; finish() adds some brackets and the schema URLs.
  std::size_t add(const FinishedSpan& span) {
    if (!parts_.has_scope() || !is_same_scope(span.scope)) {
      open_scope(span.scope);
    } else {
      json_.raw(",");
    }
    const std::size_t begin = json_.size();
    write_span(span);
    parts_.add_span({begin, json_.size()});
    return json_.size();
  }

  // Marks the place between two spans, for take_back().
  struct Mark {
    std::size_t bytes;
    std::size_t spans;
    std::size_t scopes;
    ScopeView scope;
  };
  Mark mark() const noexcept {
    return {json_.size(), parts_.spans().size(), parts_.scope_count(), scope_};
  }

  // Takes the spans back that were added since the mark.
  void take_back(const Mark& mark) {
    json_.truncate(mark.bytes);
    parts_.restore(mark.spans, mark.scopes);
    scope_ = mark.scope;
  }

  // Makes room for bodies of that size in advance.
  void reserve(std::size_t bytes) { json_.reserve(bytes); }

  // Returns the whole body, as encode() does.
  const std::string& finish() {
    if (!parts_.has_scope()) {
      json_.clear();
      return json_.text();
    }
    close_scope();
    parts_.begin_tail(json_.size());
    json_.raw("]");
    schema_url(resource_schema_url_);
    json_.raw("}]}");
    return json_.text();
  }

  // Returns the body that was finished last.
  const std::string& text() { return json_.text(); }

  // Returns where each span's object stands in the body, in the order of add().
  const std::vector<ByteRange>& span_ranges() const noexcept { return parts_.spans(); }

  // Makes `body` what encode() would give for `count` of the spans, from number `first` on, by
  // copying. Only after finish(), and for spans that are there; empty if `count` is 0.
  void copy_part(std::size_t first, std::size_t count, std::string& body) {
    body.clear();
    if (count != 0) parts_.copy(json_.text(), first, first + count, body);
  }

  // Returns how many values were left out since the encoder was made, for not being finite.
  std::uint64_t omitted_values() const noexcept { return attributes_.omitted_values(); }

 private:
  // ---- scopes ----

  bool is_same_scope(const ScopeView& scope) const noexcept {
    return scope.name == scope_.name && scope.version == scope_.version &&
           scope.schema_url == scope_.schema_url &&
           scope.attributes.text() == scope_.attributes.text();
  }

  void open_scope(const ScopeView& scope) {
    if (parts_.has_scope()) {
      close_scope();
      json_.raw(",");
    }
    scope_ = scope;
    const std::size_t begin = json_.size();
    json_.raw(R"({"scope":{)");
    const bool is_named = !scope.name.empty() || scope.has_attributes();
    if (is_named) text_field(R"("name":)", scope.name);
    if (!scope.version.empty()) {
      text_field(is_named ? R"(,"version":)" : R"("version":)", scope.version);
    }
    attributes_.open();
    for (const AttributeView& attribute : scope.attributes.elements()) attributes_.add(attribute);
    attributes_.close();
    count(R"(,"droppedAttributesCount":)", scope.dropped_attributes);
    json_.raw(R"(},"spans":[)");
    parts_.open_scope({begin, json_.size()});
  }

  void close_scope() {
    const std::size_t begin = json_.size();
    json_.raw("]");
    schema_url(scope_.schema_url);
    json_.raw("}");
    parts_.close_scope({begin, json_.size()});
  }

  void schema_url(std::string_view url) {
    if (!url.empty()) text_field(R"(,"schemaUrl":)", url);
  }

  void resource_attribute(const ResourceAttribute& attribute) {
    text_field(R"({"key":)", attribute.key);
    if (attribute.is_number) {
      json_.raw(R"(,"value":{"intValue":)");
      json_.int64(attribute.number);
    } else {
      json_.raw(R"(,"value":{"stringValue":)");
      json_.string(attribute.text);
    }
    json_.raw("}}");
  }

  // ---- spans ----

  void write_span(const FinishedSpan& span) {
    json_.piece([&](char* to) { return detail::write_ids(to, span); });
    if (!span.trace_state.empty()) text_field(R"(,"traceState":)", span.trace_state);
    text_field(R"(,"name":)", span.name);
    json_.piece([&](char* to) { return detail::write_kind_and_times(to, span); });
    span_attributes(span);
    count(R"(,"droppedAttributesCount":)", span.dropped_attributes);
    events(span);
    count(R"(,"droppedEventsCount":)", span.dropped_events);
    links(span);
    count(R"(,"droppedLinksCount":)", span.dropped_links);
    status(span);
    json_.raw("}");
  }

  void span_attributes(const FinishedSpan& span) {
    const bool has_rate = span.sample_rate != 0 && !names_sample_rate(span.attributes);
    attributes_.open();
    for (const AttributeView& attribute : span.attributes) attributes_.add(attribute);
    if (has_rate) attributes_.add("SampleRate", std::int64_t{span.sample_rate});
    attributes_.close();
  }

  static bool names_sample_rate(ListView<AttributeView> attributes) noexcept {
    for (const AttributeView& attribute : attributes) {
      if (attribute.key == "SampleRate" || attribute.key == "sampleRate") return true;
    }
    return false;
  }

  void events(const FinishedSpan& span) {
    if (span.events.empty()) return;
    const char* before = R"(,"events":[{)";
    for (const EventView& event : span.events) {
      json_.raw(before);
      before = ",{";
      time(R"("timeUnixNano":)", event.unix_nanoseconds);
      text_field(R"(,"name":)", event.name);
      nested(event.attributes, event.dropped_attributes);
    }
    json_.raw("]");
  }

  void links(const FinishedSpan& span) {
    if (span.links.empty()) return;
    const char* before = R"(,"links":[{"traceId":)";
    for (const LinkView& link : span.links) {
      json_.raw(before);
      before = R"(,{"traceId":)";
      json_.id(link.trace_id);
      json_.raw(R"(,"spanId":)");
      json_.id(link.span_id);
      if (!link.trace_state.empty()) text_field(R"(,"traceState":)", link.trace_state);
      json_.piece(
          [&](char* to) { return detail::write_flags(to, link.trace_flags, link.is_remote); });
      nested(link.attributes, link.dropped_attributes);
    }
    json_.raw("]");
  }

  void nested(ListView<AttributeView> attributes, std::uint32_t dropped) {
    attributes_.open();
    for (const AttributeView& attribute : attributes) attributes_.add(attribute);
    attributes_.close();
    count(R"(,"droppedAttributesCount":)", dropped);
    json_.raw("}");
  }

  void status(const FinishedSpan& span) {
    if (span.status == StatusCode::Unset) return;
    json_.raw(R"(,"status":{"code":)");
    json_.uint32(static_cast<std::uint32_t>(span.status));
    if (!span.status_message.empty()) text_field(R"(,"message":)", span.status_message);
    json_.raw("}");
  }

  // ---- fields ----

  void text_field(std::string_view name, std::string_view text) {
    json_.raw(name);
    json_.string(text);
  }

  void time(std::string_view name, std::uint64_t unix_nanoseconds) {
    json_.raw(name);
    json_.uint64(unix_nanoseconds);
  }

  // A zero is the default and left out.
  void count(std::string_view name, std::uint32_t number) {
    if (number == 0) return;
    json_.raw(name);
    json_.uint32(number);
  }

  detail::JsonWriter json_;
  detail::AttributeWriter attributes_;
  detail::BodyParts parts_;
  std::string resource_schema_url_;
  ScopeView scope_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_ENCODER_HPP

// ---- waggle/sdk/result.hpp ----

// How setup reports mistakes: a value that either holds what was asked for or says what is wrong
// and how to mend it. Nothing in waggle throws.
#ifndef WAGGLE_SDK_RESULT_HPP
#define WAGGLE_SDK_RESULT_HPP

#include <string>
#include <utility>

namespace waggle {
inline namespace abi1 {

// Describes one failure in words for the person who can mend it.
struct Error {
  std::string message;
};

// Holds a value or an Error. Test it before use; value() of a failed Result is a default value.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)), ok_(true) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : error_(std::move(error)), ok_(false) {}  // NOLINT(google-explicit-constructor)

  bool ok() const noexcept { return ok_; }
  explicit operator bool() const noexcept { return ok_; }
  T& value() noexcept { return value_; }
  const T& value() const noexcept { return value_; }
  const std::string& error() const noexcept { return error_.message; }

 private:
  T value_{};
  Error error_;
  bool ok_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_RESULT_HPP

// ---- waggle/exporters/file_exporter.hpp ----

// Appends batches to a file as OTLP/JSON lines (OpenTelemetry, OTLP File Exporter): one complete
// object a line, in the same encoding as over the network.
#ifndef WAGGLE_EXPORTERS_FILE_EXPORTER_HPP
#define WAGGLE_EXPORTERS_FILE_EXPORTER_HPP

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace waggle {
inline namespace abi1 {

// Writes to one file, made readable for its owner only. Several processes may append to the same
// file: each line is one write, unless the disk is full. A named pipe will do too: it must have a
// reader when it is opened, and a batch that it does not take by the deadline fails.
class FileExporter final : public Exporter {
 public:
  // Opens or makes the file; says why it cannot. Never waits.
  static Result<std::unique_ptr<FileExporter>> open(const std::string& path) {
    constexpr int kOwnerOnly = 0600;
    const int descriptor =
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
               kOwnerOnly);
    if (descriptor < 0) {
      return Error{detail::joined({"cannot open ", path, ": ", detail::reason_not_opened(errno)})};
    }
    return std::unique_ptr<FileExporter>(new FileExporter(path, descriptor));
  }

  FileExporter(const FileExporter&) = delete;
  FileExporter& operator=(const FileExporter&) = delete;
  ~FileExporter() override { ::close(descriptor_); }

  ExportResult export_batch(const Batch& batch, Deadline deadline) noexcept override {
    return detail::export_by([&] { return append(batch, deadline); });
  }

 private:
  ExportResult append(const Batch& batch, Deadline deadline) {
    const std::string& object = encoder_.encode(batch);
    if (object.empty()) return {};
    line_.assign(is_cut_off_ ? "\n" : "").append(object) += '\n';
    std::string_view left = line_;
    const std::string problem = detail::write_by(descriptor_, left, deadline);
    is_cut_off_ = detail::is_cut_off(line_, left, is_cut_off_);
    if (problem.empty()) return {};
    return ExportResult::failed(detail::joined({"cannot write to ", path_, ": ", problem}));
  }

  FileExporter(std::string path, int descriptor) noexcept
      : path_(std::move(path)),
        descriptor_(descriptor),
        is_cut_off_(ends_within_line(path_, descriptor)) {}

  // Tells whether the file's last line has no end, as a full disk or a crash leaves it: the first
  // line written now would be lost with it. A file that only may be written is taken for whole.
  static bool ends_within_line(const std::string& path, int descriptor) noexcept {
    struct stat about {};
    if (::fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) return false;
    const int reader = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (reader < 0) return false;
    char last = '\n';
    if (about.st_size > 0 && ::pread(reader, &last, 1, about.st_size - 1) != 1) last = '\n';
    ::close(reader);
    return last != '\n';
  }

  const std::string path_;
  const int descriptor_;
  OtlpEncoder encoder_;
  std::string line_;
  bool is_cut_off_;  // the next line begins with the end of the last one
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_FILE_EXPORTER_HPP

// ---- waggle/exporters/recorded_span.hpp ----

// A finished span that owns all it tells, with values that compare with plain C++ ones: what tests
// look at after a batch is gone.
#ifndef WAGGLE_EXPORTERS_RECORDED_SPAN_HPP
#define WAGGLE_EXPORTERS_RECORDED_SPAN_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Owns one attribute value; compares with plain C++ values: span.attribute("paid") == true.
class RecordedValue {
 public:
  RecordedValue() = default;
  explicit RecordedValue(const ValueView& value) : tag_(value.tag()) {
    if (tag_ == ValueTag::Array || tag_ == ValueTag::Map) {
      for (const AttributeView& element : value.elements()) {
        keys_.emplace_back(element.key);
        elements_.emplace_back(element.value);
      }
    } else {
      payload_ = value.text();
    }
  }

  ValueTag tag() const noexcept { return tag_; }
  bool boolean() const noexcept { return view().boolean(); }
  std::int64_t int64() const noexcept { return view().int64(); }
  std::uint64_t word() const noexcept { return view().word(); }
  double float64() const noexcept { return view().float64(); }
  const std::string& text() const noexcept { return payload_; }

  // The elements of an array or a map; a map's have keys().
  const std::vector<RecordedValue>& elements() const noexcept { return elements_; }
  const std::vector<std::string>& keys() const noexcept { return keys_; }

  // Returns the value as a failed test should show it: "text", 42, 0.5, [1, 2], {"key": true}.
  std::string description() const {
    switch (tag_) {
      case ValueTag::Empty:
        return "(nothing)";
      case ValueTag::Boolean:
        return boolean() ? "true" : "false";
      case ValueTag::Int64:
        return std::to_string(int64());
      case ValueTag::Unsigned:
        return std::to_string(word());
      case ValueTag::Double:
        return described_double();
      case ValueTag::Array:
      case ValueTag::Map:
        return described_elements();
      case ValueTag::Bytes:
        return "(" + std::to_string(payload_.size()) + " bytes)";
      default:
        return '"' + payload_ + '"';
    }
  }

  // Tells whether both the kind and the value are the same. A NaN equals nothing.
  template <class T>
  friend bool operator==(const RecordedValue& recorded, const T& value) {
    if constexpr (std::is_same_v<T, RecordedValue>) {
      return recorded.is_same_as(value);
    } else if constexpr (std::is_same_v<T, bool>) {
      return recorded.tag_ == ValueTag::Boolean && recorded.boolean() == value;
    } else if constexpr (std::is_integral_v<T>) {
      const auto word = static_cast<std::uint64_t>(value);
      const bool is_above_int64 = std::is_unsigned_v<T> && word >> 63 != 0;
      return recorded.tag_ == (is_above_int64 ? ValueTag::Unsigned : ValueTag::Int64) &&
             recorded.word() == word;
    } else if constexpr (std::is_floating_point_v<T>) {
      return recorded.tag_ == ValueTag::Double && recorded.float64() <= value &&
             recorded.float64() >= value;
    } else {
      return recorded.tag_ == ValueTag::Text && recorded.payload_ == std::string_view(value);
    }
  }
  template <class T>
  friend bool operator!=(const RecordedValue& recorded, const T& value) {
    return !(recorded == value);
  }

  // Prints the description; test frameworks find it. A template, so that no stream is included.
  template <class Stream>
  friend auto operator<<(Stream& stream, const RecordedValue& value)
      -> decltype(stream << std::string()) {
    return stream << value.description();
  }

 private:
  ValueView view() const noexcept { return {tag_, payload_}; }

  bool is_same_as(const RecordedValue& other) const {
    if (tag_ != other.tag_) return false;
    if (tag_ == ValueTag::Double) return *this == other.float64();
    return payload_ == other.payload_ && keys_ == other.keys_ && elements_ == other.elements_;
  }

  std::string described_double() const {
    char text[32];
    std::snprintf(text, sizeof(text), "%.17g", float64());
    return text;
  }

  std::string described_elements() const {
    std::string text;
    for (std::size_t index = 0; index < elements_.size(); ++index) {
      if (index != 0) text += ", ";
      if (tag_ == ValueTag::Map) text += '"' + keys_[index] + "\": ";
      text += elements_[index].description();
    }
    return tag_ == ValueTag::Map ? "{" + text + "}" : "[" + text + "]";
  }

  ValueTag tag_ = ValueTag::Empty;
  std::string payload_;
  std::vector<std::string> keys_;
  std::vector<RecordedValue> elements_;
};

using RecordedAttributes = std::map<std::string, RecordedValue>;

struct RecordedEvent {
  std::string name;
  std::uint64_t unix_nanoseconds = 0;
  RecordedAttributes attributes;
  std::uint32_t dropped_attributes = 0;
};

struct RecordedLink {
  TraceId trace_id;
  SpanId span_id;
  std::uint8_t trace_flags = 0;
  bool is_remote = false;
  std::string trace_state;
  RecordedAttributes attributes;
  std::uint32_t dropped_attributes = 0;
};

// Owns all that FinishedSpan views; see there for each member.
struct RecordedSpan {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;
  bool parent_is_remote = false;
  std::uint8_t trace_flags = 0;
  std::string trace_state;
  std::uint32_t sample_rate = 0;
  std::string name;
  SpanKind kind = SpanKind::Internal;
  std::uint64_t start_unix_nanoseconds = 0;
  std::uint64_t end_unix_nanoseconds = 0;
  StatusCode status = StatusCode::Unset;
  std::string status_message;
  std::string scope_name;
  std::string scope_version;
  std::string scope_schema_url;
  RecordedAttributes scope_attributes;
  RecordedAttributes attributes;
  std::vector<RecordedEvent> events;
  std::vector<RecordedLink> links;
  std::uint32_t dropped_attributes = 0;
  std::uint32_t dropped_events = 0;
  std::uint32_t dropped_links = 0;

  // Returns an attribute's value; an empty value if there is no such attribute.
  RecordedValue attribute(const std::string& key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? RecordedValue{} : found->second;
  }
};

namespace detail {

inline RecordedAttributes recorded(ListView<AttributeView> attributes) {
  RecordedAttributes copies;
  for (const AttributeView& attribute : attributes) {
    copies.emplace(attribute.key, RecordedValue(attribute.value));
  }
  return copies;
}

// Copies a span and all that it views.
inline RecordedSpan recorded(const FinishedSpan& span) {
  RecordedSpan copied;
  copied.trace_id = span.trace_id;
  copied.span_id = span.span_id;
  copied.parent_id = span.parent_id;
  copied.parent_is_remote = span.parent_is_remote;
  copied.trace_flags = span.trace_flags;
  copied.trace_state = span.trace_state;
  copied.sample_rate = span.sample_rate;
  copied.name = span.name;
  copied.kind = span.kind;
  copied.start_unix_nanoseconds = span.start_unix_nanoseconds;
  copied.end_unix_nanoseconds = span.end_unix_nanoseconds;
  copied.status = span.status;
  copied.status_message = span.status_message;
  copied.scope_name = span.scope.name;
  copied.scope_version = span.scope.version;
  copied.scope_schema_url = span.scope.schema_url;
  for (const AttributeView& attribute : span.scope.attributes.elements()) {
    copied.scope_attributes.emplace(attribute.key, RecordedValue(attribute.value));
  }
  copied.attributes = recorded(span.attributes);
  for (const EventView& event : span.events) {
    copied.events.push_back({std::string(event.name), event.unix_nanoseconds,
                             recorded(event.attributes), event.dropped_attributes});
  }
  for (const LinkView& link : span.links) {
    copied.links.push_back({link.trace_id, link.span_id, link.trace_flags, link.is_remote,
                            std::string(link.trace_state), recorded(link.attributes),
                            link.dropped_attributes});
  }
  copied.dropped_attributes = span.dropped_attributes;
  copied.dropped_events = span.dropped_events;
  copied.dropped_links = span.dropped_links;
  return copied;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_RECORDED_SPAN_HPP

// ---- waggle/exporters/memory_exporter.hpp ----

// Keeps finished spans in memory, for tests: of your instrumentation, and of waggle itself.
#ifndef WAGGLE_EXPORTERS_MEMORY_EXPORTER_HPP
#define WAGGLE_EXPORTERS_MEMORY_EXPORTER_HPP

#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Holds the spans of one or several MemoryExporters; outlives them. Thread-safe.
class SpanStore {
 public:
  // Holds any number of spans, or `most_spans` at most.
  explicit SpanStore(std::size_t most_spans = (std::numeric_limits<std::size_t>::max)()) noexcept
      : most_spans_(most_spans) {}

  // Returns all spans so far, in the order in which they were exported.
  std::vector<RecordedSpan> spans() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return spans_;
  }

  // Returns the first span of that name; a default-made one if there is none.
  RecordedSpan find(std::string_view name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const RecordedSpan& span : spans_) {
      if (span.name == name) return span;
    }
    return {};
  }

  std::size_t size() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return spans_.size();
  }

  // Forgets all spans; there is room for new ones.
  void clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    spans_.clear();
  }

  // Adds all of the spans at once, or none and returns false if there is no room for all.
  bool add(std::vector<RecordedSpan> spans) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (spans.size() > most_spans_ - spans_.size()) return false;
    spans_.insert(spans_.end(), std::make_move_iterator(spans.begin()),
                  std::make_move_iterator(spans.end()));
    return true;
  }

  std::size_t most_spans() const noexcept { return most_spans_; }

 private:
  const std::size_t most_spans_;
  mutable std::mutex mutex_;
  std::vector<RecordedSpan> spans_;
};

// Copies every span into a store:
// config.exporters.push_back(std::make_unique<MemoryExporter>(store)).
class MemoryExporter final : public Exporter {
 public:
  explicit MemoryExporter(std::shared_ptr<SpanStore> store) noexcept : store_(std::move(store)) {}

  // Fails if the store has no room for the whole batch.
  ExportResult export_batch(const Batch& batch, Deadline) noexcept override {
    return detail::export_by([&] { return keep(batch); });
  }

 private:
  ExportResult keep(const Batch& batch) {
    std::vector<RecordedSpan> spans;
    spans.reserve(batch.spans.size());
    for (const FinishedSpan& span : batch.spans) spans.push_back(detail::recorded(span));
    if (store_->add(std::move(spans))) return {};
    return ExportResult::failed(detail::joined(
        {"the store holds ", std::to_string(store_->most_spans()), " spans at most"}));
  }

  std::shared_ptr<SpanStore> store_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_MEMORY_EXPORTER_HPP

// ---- waggle/sdk/sampler.hpp ----

// Who decides which traces are recorded: asked once a trace, at its first span in this process; all
// spans below inherit the decision. The samplers that come with waggle are in sampling/.
#ifndef WAGGLE_SDK_SAMPLER_HPP
#define WAGGLE_SDK_SAMPLER_HPP

#include <cstdint>
#include <string>

namespace waggle {
inline namespace abi1 {

using detail::Decision;
using detail::RootDecision;
using detail::RootRequest;

// Decides at local roots. Called on recording threads, so it must be thread-safe and quick.
class Sampler {
 public:
  virtual ~Sampler() = default;

  // Fills in `decision`, which says "drop" until then. The rate is told as a threshold if the
  // decision went by the trace's random bits, else as a whole number in `sample_rate`; so every
  // span gets its SampleRate. A tracestate to carry on is handed over as one reference to a
  // ContextBlock, none clears it; attributes by calling decision.add_attribute.
  virtual void decide(const RootRequest& request, RootDecision& decision) const noexcept = 0;

  // Adapts to what was asked since the last time. Called by the collector every 10 to 100 ms while
  // it is awake, by one thread at a time; a sampler that counts wakes it by
  // detail::wake_for_root().
  virtual void maintain(TimePoint) const noexcept {}

  // Returns what it is and does, for people.
  virtual std::string description() const { return "a sampler of the program's own"; }
};

namespace detail {

// Returns the tracestate that goes with a decision: the parent's, with the threshold in force.
inline ContextBlock* tracestate_block(const RootRequest& request,
                                      std::uint64_t threshold) noexcept {
  if (request.parent == nullptr || request.parent->trace_state().empty()) return nullptr;
  TraceStateBuffer buffer;
  write_trace_state(buffer, request.parent->trace_state(), threshold);
  return ContextBlock::create(buffer.view());
}

// Returns the 56 random bits of a trace: those told by its first participant, else those of its id
// (OpenTelemetry, TraceState: explicit randomness).
inline std::uint64_t randomness(const RootRequest& request) noexcept {
  constexpr std::uint64_t kLow56 = (std::uint64_t{1} << 56) - 1;
  if (request.parent != nullptr) {
    const OtelTraceState told = parse_otel_member(request.parent->trace_state());
    if (told.has_randomness) return told.randomness;
  }
  return request.trace_id.low & kLow56;
}

// Wakes a sleeping collector, so that a sampler can adapt although it keeps nothing.
inline void wake_for_root() noexcept {
  if (collector_sleeps()) wake_collector();
}

// Drops a trace; the tracestate is carried on without a threshold.
inline void drop(const RootRequest& request, RootDecision& decision) noexcept {
  decision.decision = Decision::Drop;
  decision.threshold = kUnknownThreshold;
  decision.block = tracestate_block(request, kUnknownThreshold);
}

// Keeps a trace if its random bits are not below `threshold`.
inline void decide_by_threshold(const RootRequest& request, std::uint64_t threshold,
                                RootDecision& decision) noexcept {
  if (threshold >= kThresholdEnd || randomness(request) < threshold) return drop(request, decision);
  decision.decision = Decision::RecordAndSample;
  decision.threshold = threshold;
  decision.block = tracestate_block(request, threshold);
}

}  // namespace detail

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_SAMPLER_HPP

// ---- waggle/sampling/always_sampler.hpp ----

// The simplest samplers: all, none, and all for the filter's eyes.
#ifndef WAGGLE_SAMPLING_ALWAYS_SAMPLER_HPP
#define WAGGLE_SAMPLING_ALWAYS_SAMPLER_HPP

#include <memory>
#include <string>
#include <utility>

namespace waggle {
inline namespace abi1 {

// Keeps every trace.
class AlwaysOnSampler final : public Sampler {
 public:
  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    detail::decide_by_threshold(request, 0, decision);
  }
  std::string description() const override { return "AlwaysOnSampler"; }
};

// Keeps none. Its spans still have ids, and tell the services that they call not to sample either.
class AlwaysOffSampler final : public Sampler {
 public:
  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    detail::drop(request, decision);
  }
  std::string description() const override { return "AlwaysOffSampler"; }
};

// Records what another sampler drops all the same, for Config::filter to see: such spans, and all
// below them, are never exported and count as filtered (OpenTelemetry, AlwaysRecord).
class AlwaysRecordSampler final : public Sampler {
 public:
  explicit AlwaysRecordSampler(std::shared_ptr<const Sampler> inner) noexcept
      : inner_(std::move(inner)) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    inner_->decide(request, decision);
    if (decision.decision == Decision::Drop) decision.decision = Decision::RecordOnly;
  }
  void maintain(TimePoint now) const noexcept override { inner_->maintain(now); }
  std::string description() const override { return "AlwaysRecord{" + inner_->description() + "}"; }

 private:
  std::shared_ptr<const Sampler> inner_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_ALWAYS_SAMPLER_HPP

// ---- waggle/sampling/sha1.hpp ----

// SHA-1 of a short text (RFC 3174), since Honeycomb's Beelines decide by it. Not for secrets.
#ifndef WAGGLE_SAMPLING_SHA1_HPP
#define WAGGLE_SAMPLING_SHA1_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Takes one block of 64 bytes into the five words of a digest.
class Sha1 {
 public:
  // Returns the digest's first 32 bits. The text may have 55 bytes at most: one block.
  static std::uint32_t first_word(std::string_view text) noexcept {
    unsigned char block[64] = {};
    const std::size_t size = text.size() < 55 ? text.size() : 55;
    std::memcpy(block, text.data(), size);
    block[size] = 0x80;
    block[62] = static_cast<unsigned char>(size * 8 >> 8);
    block[63] = static_cast<unsigned char>(size * 8);
    return Sha1(block).first_;
  }

 private:
  explicit Sha1(const unsigned char (&block)[64]) noexcept {
    std::uint32_t words[80];
    for (int t = 0; t < 16; ++t) words[t] = big_endian(block + 4 * t);
    for (int t = 16; t < 80; ++t) {
      words[t] = rotated(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
    }
    std::uint32_t a = kFirst;
    std::uint32_t b = 0xefcdab89;
    std::uint32_t c = 0x98badcfe;
    std::uint32_t d = 0x10325476;
    std::uint32_t e = 0xc3d2e1f0;
    for (int t = 0; t < 80; ++t) {
      const std::uint32_t next = rotated(a, 5) + mixed(t, b, c, d) + e + words[t];
      e = d;
      d = c;
      c = rotated(b, 30);
      b = a;
      a = next;
    }
    first_ = kFirst + a;
  }

  static std::uint32_t big_endian(const unsigned char* bytes) noexcept {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
           std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
  }

  static std::uint32_t rotated(std::uint32_t word, int bits) noexcept {
    return word << bits | word >> (32 - bits);
  }

  // The function and the constant of a step (section 5).
  static std::uint32_t mixed(int step, std::uint32_t b, std::uint32_t c, std::uint32_t d) noexcept {
    if (step < 20) return ((b & c) | (~b & d)) + 0x5a827999;
    if (step < 40) return (b ^ c ^ d) + 0x6ed9eba1;
    if (step < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
  }

  static constexpr std::uint32_t kFirst = 0x67452301;
  std::uint32_t first_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_SHA1_HPP

// ---- waggle/sampling/deterministic_sampler.hpp ----

// Keeps the same traces as Honeycomb's Beelines, for fleets in which some services still use them.
#ifndef WAGGLE_SAMPLING_DETERMINISTIC_SAMPLER_HPP
#define WAGGLE_SAMPLING_DETERMINISTIC_SAMPLER_HPP

#include <cstdint>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Keeps one of `rate` traces, by the SHA-1 of the trace id's text (beeline-go,
// deterministic_sampler.go). No threshold describes that, so none is passed on; SampleRate is
// `rate`. In a fleet without Beelines RatioSampler is the better choice.
class DeterministicSampler final : public Sampler {
 public:
  // Takes 1 for "all" and 0 for "none".
  explicit DeterministicSampler(std::uint32_t rate) noexcept
      : rate_(rate), highest_(rate == 0 ? 0 : 0xffffffffU / rate) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    detail::drop(request, decision);
    if (rate_ == 0 || !keeps(std::string_view(request.trace_id.hex()))) return;
    decision.decision = Decision::RecordAndSample;
    decision.sample_rate = rate_;
  }

  // Tells whether the trace with this id, in lowercase hexadecimal digits, is kept.
  bool keeps(std::string_view trace_id) const noexcept {
    return rate_ == 1 || detail::Sha1::first_word(trace_id) <= highest_;
  }

  std::string description() const override {
    return "DeterministicSampler{" + std::to_string(rate_) + "}";
  }

 private:
  const std::uint32_t rate_;
  const std::uint32_t highest_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_DETERMINISTIC_SAMPLER_HPP

// ---- waggle/sampling/key_rates.hpp ----

// From how often each kind of trace comes to how many of it one kept trace stands for: rare kinds
// are kept whole, frequent ones thinned out, so that the mean is the rate asked for. The formulas
// are those of Honeycomb's dynsampler (EMASampleRate). Pure.
#ifndef WAGGLE_SAMPLING_KEY_RATES_HPP
#define WAGGLE_SAMPLING_KEY_RATES_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// One kind of trace: its key, the moving average of its counts, what comes of that, and where that
// is published.
struct KeyRate {
  std::string_view key;
  double average = 0;
  std::uint32_t rate = 1;
  std::uint32_t* published = nullptr;
};

// Moves an average on by one interval's count.
inline double moved_average(double average, double count, double weight) noexcept {
  return (1 - weight) * average + weight * count;
}

// Counts below 1 are taken for 1: their logarithms would turn the sum around.
inline double counted(const KeyRate& key) noexcept { return (std::max)(1.0, key.average); }

// Returns how many traces an interval has on average.
inline double sum_of_averages(const std::vector<KeyRate>& keys) noexcept {
  double sum = 0;
  for (const KeyRate& key : keys) sum += counted(key);
  return sum;
}

// Settles the rates, so that one of `goal_rate` traces is kept in the mean. Each key may keep as
// many as the logarithm of its count asks for; what a rare key does not need goes to those behind
// it in the order of their text.
inline void settle_rates(std::vector<KeyRate>& keys, double goal_rate) {
  std::sort(keys.begin(), keys.end(),
            [](const KeyRate& left, const KeyRate& right) { return left.key < right.key; });
  double logarithms = 0;
  for (const KeyRate& key : keys) logarithms += std::log10(counted(key));
  const double ratio = sum_of_averages(keys) / goal_rate / logarithms;
  double extra = 0;
  auto left = static_cast<double>(keys.size());
  for (KeyRate& key : keys) {
    const double count = counted(key);
    // Where no key comes more than once there is nothing to divide by, and all are kept.
    const double wanted = logarithms > 0 ? std::log10(count) * ratio : count;
    const double share = extra / left;
    extra -= share;
    left -= 1;
    const double goal = (std::max)(1.0, wanted) + share;
    if (count <= goal) {
      key.rate = 1;
      extra += goal - count;
    } else {
      const double rate = std::ceil(count / goal);
      key.rate = static_cast<std::uint32_t>((std::min)(rate, 2147483647.0));
      extra += goal - count / rate;
    }
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_KEY_RATES_HPP

// ---- waggle/sampling/sampling_key.hpp ----

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

// ---- waggle/sampling/trace_counter.hpp ----

// Counts traces on many threads at once, without a lock and, once there are many, without all of
// them writing to one place.
#ifndef WAGGLE_SAMPLING_TRACE_COUNTER_HPP
#define WAGGLE_SAMPLING_TRACE_COUNTER_HPP

#include <cstddef>
#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns a number below `count`, a power of two, that is the same on each call from a thread that
// records, and mostly another one on another thread.
inline std::size_t thread_share(std::size_t count) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(waggle_abi1_thread);
  return static_cast<std::size_t>((address * 0x9e3779b97f4a7c15U) >> 40) & (count - 1);
}

// Exact up to 1,024; from there on each share counts on its own, up to 15 behind.
class TraceCounter {
 public:
  // Counts one more and returns about which one it is since the last take(), from 1.
  std::uint64_t count() noexcept {
    const std::uint64_t seen = load_relaxed(total_);
    if (seen < kExact) return fetch_add(total_, std::uint64_t{1}) + 1;
    const std::uint64_t mine = fetch_add(shares_[thread_share(kShares)].count, std::uint64_t{1});
    if (mine % kPortion == kPortion - 1) fetch_add(total_, kPortion);
    return seen;
  }

  // Returns how many there were since the last call.
  std::uint64_t take() noexcept { return exchange(total_, std::uint64_t{0}); }

 private:
  static constexpr std::uint64_t kExact = 1024;
  static constexpr std::uint64_t kPortion = 16;
  static constexpr std::size_t kShares = 16;

  struct alignas(kCacheLine) Share {
    std::uint64_t count = 0;
  };

  alignas(kCacheLine) std::uint64_t total_ = 0;
  Share shares_[kShares];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_TRACE_COUNTER_HPP

// ---- waggle/sampling/key_table.hpp ----

// Counts traces by key on many threads at once, in memory of a fixed size and without a lock.
#ifndef WAGGLE_SAMPLING_KEY_TABLE_HPP
#define WAGGLE_SAMPLING_KEY_TABLE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// What is known of one key. Found by its hash alone; the text is for the order of keys.
struct alignas(kCacheLine) KeySlot {
  static constexpr std::size_t kShares = 8;
  static constexpr std::size_t kWords = SamplingKey::kBytes / 8;

  std::uint64_t hash;      // 0: the slot is free
  std::uint32_t is_ready;  // the text is written
  std::uint32_t rate;      // 0: none yet
  std::uint32_t counts[kShares];
  std::uint64_t size;
  std::uint64_t text[kWords];
  double average;  // for the collector only
};

// A key lies in one of the few slots that its hash names, so none ever needs to move. All that
// several threads see is atomic: one that comes late, while its key's slot passes on to another
// key, miscounts by one.
class KeyTable {
 public:
  explicit KeyTable(std::size_t most_keys)
      : most_keys_(most_keys), slots_(new KeySlot[kWays * rows_for(most_keys)]()) {
    rows_ = rows_for(most_keys);
  }

  // Returns the key's slot, a new one if it has none yet; null if there are too many keys.
  KeySlot* find_or_add(const SamplingKey& key) noexcept {
    const std::uint64_t hash = key.hash();
    KeySlot* const row = &slots_[kWays * ((hash >> 32) & (rows_ - 1))];
    for (KeySlot* slot = row; slot != row + kWays; ++slot) {
      if (load_relaxed(slot->hash) == hash) return slot;
    }
    for (KeySlot* slot = row; slot != row + kWays; ++slot) {
      if (take(*slot, hash, key.text())) return slot;
    }
    return nullptr;
  }

  static void count(KeySlot& slot) noexcept {
    fetch_add(slot.counts[thread_share(KeySlot::kShares)], std::uint32_t{1});
  }

  // ---- for the collector only ----

  // Visits all keys.
  template <class Visit>
  void for_each(Visit&& visit) noexcept {
    for (std::size_t index = 0; index < kWays * rows_; ++index) {
      if (load_acquire(slots_[index].is_ready) != 0) visit(slots_[index]);
    }
  }

  static std::uint64_t counted(const KeySlot& slot) noexcept {
    std::uint64_t sum = 0;
    for (const std::uint32_t& count : slot.counts) sum += load_relaxed(count);
    return sum;
  }

  // Returns a key's count and begins it anew.
  static std::uint64_t take_count(KeySlot& slot) noexcept {
    std::uint64_t sum = 0;
    for (std::uint32_t& count : slot.counts) sum += exchange(count, 0U);
    return sum;
  }

  static std::string_view text(const KeySlot& slot) noexcept {
    return {reinterpret_cast<const char*>(slot.text), slot.size};
  }

  void remove(KeySlot& slot) noexcept {
    store_relaxed(slot.is_ready, 0U);
    store_relaxed(slot.rate, 0U);
    slot.average = 0;
    store_release(slot.hash, std::uint64_t{0});
    fetch_add(keys_, ~std::uint64_t{0});
  }

 private:
  static constexpr std::size_t kWays = 16;

  // Eight keys to a row of sixteen in the mean: one in a few hundred finds its row full.
  static std::size_t rows_for(std::size_t keys) noexcept {
    std::size_t rows = 1;
    while (rows * 8 < keys) rows *= 2;
    return rows;
  }

  // Takes a slot that is free; also true if it went to the same key this very moment.
  bool take(KeySlot& slot, std::uint64_t hash, std::string_view text) noexcept {
    std::uint64_t found = load_relaxed(slot.hash);
    if (found != 0 || load_relaxed(keys_) >= most_keys_) return found == hash;
    if (!compare_exchange(slot.hash, found, hash)) return found == hash;
    fetch_add(keys_, std::uint64_t{1});
    std::uint64_t words[KeySlot::kWords] = {};
    std::memcpy(words, text.data(), text.size());
    for (std::size_t index = 0; index < KeySlot::kWords; ++index) {
      store_relaxed(slot.text[index], words[index]);
    }
    store_relaxed(slot.size, text.size());
    store_release(slot.is_ready, 1U);
    return true;
  }

  const std::size_t most_keys_;
  std::size_t rows_ = 0;
  std::unique_ptr<KeySlot[]> slots_;
  std::uint64_t keys_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_KEY_TABLE_HPP

// ---- waggle/sampling/threshold.hpp ----

// From a probability or a rate to the threshold below which a trace's random bits drop it
// (OpenTelemetry, TraceState: Probability Sampling).
#ifndef WAGGLE_SAMPLING_THRESHOLD_HPP
#define WAGGLE_SAMPLING_THRESHOLD_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Rounds a threshold to four significant digits behind its leading f's. The specification's sample
// code stops at twelve digits, and so gives all small probabilities the same threshold; here it is
// all fourteen.
inline std::uint64_t rounded_threshold(std::uint64_t threshold, double probability) noexcept {
  constexpr int kPrecision = 4;
  int exponent = 0;
  std::frexp(probability, &exponent);
  const int leading = (std::max)(0, -exponent / 4);
  const int digits = (std::min)(static_cast<int>(kThresholdDigits), kPrecision + leading);
  const int shift = 4 * (static_cast<int>(kThresholdDigits) - digits);
  if (shift == 0) return threshold;
  const std::uint64_t half = std::uint64_t{1} << (shift - 1);
  return (threshold + half) >> shift << shift;
}

}  // namespace detail

// Returns the threshold that keeps a trace with this probability; one that keeps none for 0, for
// less, and for what is no number. Anything above 0 keeps at least one of 2^56.
inline std::uint64_t threshold_of_probability(double probability) noexcept {
  if (!(probability > 0)) return detail::kThresholdEnd;
  if (probability >= 1) return 0;
  const double scaled = std::round(probability * static_cast<double>(detail::kThresholdEnd));
  const auto kept = (std::max)(std::uint64_t{1}, static_cast<std::uint64_t>(scaled));
  return detail::rounded_threshold(detail::kThresholdEnd - kept, probability);
}

// Returns the threshold that keeps one of `rate` traces, exactly enough for SampleRate to be `rate`
// on each; one that keeps none for 0.
inline std::uint64_t threshold_of_rate(std::uint32_t rate) noexcept {
  return rate == 0 ? detail::kThresholdEnd : detail::kThresholdEnd - detail::kThresholdEnd / rate;
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_THRESHOLD_HPP

// ---- waggle/sampling/dynamic_sampler.hpp ----

// Keeps what is rare and thins out what is frequent, by itself, as the traffic changes.
#ifndef WAGGLE_SAMPLING_DYNAMIC_SAMPLER_HPP
#define WAGGLE_SAMPLING_DYNAMIC_SAMPLER_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Configures a DynamicSampler. Names and defaults are those of Refinery's EMADynamicSampler.
struct DynamicSamplerOptions {
  // Whose values make up a trace's key: attributes that its first span has at its start, and "name"
  // for that span's name. Choose such as have few values: a route, a status, not a user's id.
  std::vector<std::string> fields;

  // How many traces one kept trace stands for, in the mean over all keys; at least 1.
  double goal_sample_rate = 10;

  // How often the rates are adjusted, and how much the last interval counts beside those before it.
  Milliseconds adjustment_interval{15000};
  double weight = 0.5;

  // A key whose average falls below this is forgotten. Negative: `weight`.
  double age_out = -1;

  // Adjusts at once when an interval has so many times the traffic that is usual, but not before so
  // many intervals are over; 0 or less: never.
  double burst_multiple = 2;
  std::uint32_t burst_detection_delay = 3;

  // How many keys are counted. Traces of further ones are all kept.
  std::size_t max_keys = 500;
};

// Chooses a rate for each kind of trace after dynsampler's EMASampleRate, so that frequent kinds
// are thinned out more than rare ones and the mean is the rate asked for. Whether a trace is kept
// then goes by its random bits, as with all samplers here, not by the dice.
class DynamicSampler final : public Sampler {
 public:
  explicit DynamicSampler(DynamicSamplerOptions options)
      : options_(std::move(options)), keys_(options_.max_keys) {
    std::sort(options_.fields.begin(), options_.fields.end());
    options_.goal_sample_rate = (std::max)(1.0, options_.goal_sample_rate);
    if (options_.age_out < 0) options_.age_out = options_.weight;
  }

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    detail::decide_by_threshold(request, threshold_of_rate(rate_of(request)), decision);
    detail::wake_for_root();
  }

  // A first look begins the first interval.
  void maintain(TimePoint now) const noexcept override {
    if (now < next_look_) return;
    next_look_ = now + Milliseconds(100);
    if (begin_ == TimePoint{}) begin_ = now;
    if (now - begin_ < options_.adjustment_interval && !is_burst()) return;
    begin_ = now;
    detail::completes([this] { adjust(); });
  }

  std::string description() const override {
    std::string text = "DynamicSampler{";
    for (const std::string& field : options_.fields) text.append(field).append(",");
    return text + std::to_string(std::lround(options_.goal_sample_rate)) + "}";
  }

 private:
  // A key that was not seen in the last interval is kept; before there is one the goal stands in.
  std::uint32_t rate_of(const RootRequest& request) const noexcept {
    detail::KeySlot* slot = keys_.find_or_add(detail::SamplingKey(options_.fields, request));
    if (slot != nullptr) detail::KeyTable::count(*slot);
    if (detail::load_acquire(has_rates_) == 0) {
      return static_cast<std::uint32_t>(options_.goal_sample_rate);
    }
    return slot == nullptr ? 1 : (std::max)(1U, detail::load_relaxed(slot->rate));
  }

  bool is_burst() const noexcept {
    if (options_.burst_multiple <= 0 || intervals_ < options_.burst_detection_delay) return false;
    std::uint64_t sum = 0;
    keys_.for_each([&](const detail::KeySlot& slot) { sum += detail::KeyTable::counted(slot); });
    return burst_ > 0 && static_cast<double>(sum) >= burst_;
  }

  // An interval without any traffic changes nothing.
  void adjust() const {
    std::uint64_t sum = 0;
    keys_.for_each([&](const detail::KeySlot& slot) { sum += detail::KeyTable::counted(slot); });
    if (sum == 0) return;
    std::vector<detail::KeyRate> rates;
    rates.reserve(options_.max_keys);
    keys_.for_each([&](detail::KeySlot& slot) {
      const auto count = static_cast<double>(detail::KeyTable::take_count(slot));
      slot.average = detail::moved_average(slot.average, count, options_.weight);
      if (slot.average < options_.age_out) return keys_.remove(slot);
      rates.push_back({detail::KeyTable::text(slot), slot.average, 1, &slot.rate});
    });
    burst_ = detail::sum_of_averages(rates) * options_.burst_multiple;
    detail::settle_rates(rates, options_.goal_sample_rate);
    for (const detail::KeyRate& key : rates) detail::store_relaxed(*key.published, key.rate);
    detail::store_release(has_rates_, 1U);
    ++intervals_;
  }

  DynamicSamplerOptions options_;
  mutable detail::KeyTable keys_;
  mutable std::uint32_t has_rates_ = 0;

  // For the collector only.
  mutable TimePoint begin_{};      // of this interval
  mutable TimePoint next_look_{};  // whether there is a burst
  mutable std::uint32_t intervals_ = 0;
  mutable double burst_ = 0;  // so many traces in an interval are a burst
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_DYNAMIC_SAMPLER_HPP

// ---- waggle/sampling/parent_based_sampler.hpp ----

// Follows the decision of whoever began the trace.
#ifndef WAGGLE_SAMPLING_PARENT_BASED_SAMPLER_HPP
#define WAGGLE_SAMPLING_PARENT_BASED_SAMPLER_HPP

#include <memory>
#include <string>
#include <utility>

namespace waggle {
inline namespace abi1 {

// Asks another sampler for traces that begin here and follows a remote parent, unless a sampler of
// its own stands for parents that were sampled or for those that were not. For local parents nobody
// is asked: their spans inherit the decision (OpenTelemetry, ParentBased, has two more delegates).
class ParentBasedSampler final : public Sampler {
 public:
  explicit ParentBasedSampler(std::shared_ptr<const Sampler> root,
                              std::shared_ptr<const Sampler> remote_sampled = nullptr,
                              std::shared_ptr<const Sampler> remote_not_sampled = nullptr) noexcept
      : root_(std::move(root)),
        remote_sampled_(std::move(remote_sampled)),
        remote_not_sampled_(std::move(remote_not_sampled)) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    if (request.parent == nullptr) return root_->decide(request, decision);
    const Sampler* asked =
        request.parent->is_sampled() ? remote_sampled_.get() : remote_not_sampled_.get();
    if (asked != nullptr) return asked->decide(request, decision);
    if (!request.parent->is_sampled()) return detail::drop(request, decision);
    decision.decision = Decision::RecordAndSample;
    decision.threshold = request.parent->sampling_threshold();
    decision.block = detail::tracestate_block(request, decision.threshold);
  }

  void maintain(TimePoint now) const noexcept override {
    for (const Sampler* each : {root_.get(), remote_sampled_.get(), remote_not_sampled_.get()}) {
      if (each != nullptr) each->maintain(now);
    }
  }

  // Makes one that asks `root` instead, and the same ones for remote parents.
  std::shared_ptr<const ParentBasedSampler> with_root(std::shared_ptr<const Sampler> root) const {
    return std::make_shared<ParentBasedSampler>(std::move(root), remote_sampled_,
                                                remote_not_sampled_);
  }

  std::string description() const override {
    return detail::joined(
        {"ParentBased{root=", root_->description(),
         ",remoteParentSampled=", described(remote_sampled_, "AlwaysOnSampler"),
         ",remoteParentNotSampled=", described(remote_not_sampled_, "AlwaysOffSampler"), "}"});
  }

 private:
  static std::string described(const std::shared_ptr<const Sampler>& sampler, const char* none) {
    return sampler == nullptr ? none : sampler->description();
  }

  std::shared_ptr<const Sampler> root_;
  std::shared_ptr<const Sampler> remote_sampled_;
  std::shared_ptr<const Sampler> remote_not_sampled_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_PARENT_BASED_SAMPLER_HPP

// ---- waggle/sampling/rate_limiting_sampler.hpp ----

// Keeps about so many traces a second, however many there are, and says what each stands for.
#ifndef WAGGLE_SAMPLING_RATE_LIMITING_SAMPLER_HPP
#define WAGGLE_SAMPLING_RATE_LIMITING_SAMPLER_HPP

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

namespace waggle {
inline namespace abi1 {

// Keeps a share of the traces, chosen once a second so that the traffic of the last seconds would
// have given `traces_per_second`. Within a second in which more come than that the share falls from
// trace to trace: a burst of b times the usual traffic keeps 1 + ln(b) times the limit. The share
// is settled before a trace's random bits are looked at, so weighted counts are right whatever the
// traffic does.
class RateLimitingSampler final : public Sampler {
 public:
  explicit RateLimitingSampler(double traces_per_second) noexcept
      : limit_(traces_per_second > 0 ? traces_per_second : 0) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    const auto place = static_cast<double>(counter_.count());
    const double share = (std::min)(share_of(place), share_of(detail::load_relaxed(usual_)));
    detail::decide_by_threshold(request, threshold_of_probability(share), decision);
    detail::wake_for_root();
  }

  void maintain(TimePoint now) const noexcept override {
    if (begin_ == TimePoint{}) begin_ = now;
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    if (seconds < 1) return;
    begin_ = now;
    const double rate = static_cast<double>(counter_.take()) / seconds;
    average_ = rate + (average_ - rate) * std::exp2(-seconds);
    detail::store_relaxed(usual_, static_cast<std::uint64_t>(std::llround(average_)));
  }

  std::string description() const override {
    char text[64];
    std::snprintf(text, sizeof(text), "RateLimitingSampler{%.0f/s}", limit_);
    return text;
  }

 private:
  // Returns what share of so many traces a second may be kept.
  double share_of(double traces) const noexcept { return traces <= limit_ ? 1.0 : limit_ / traces; }
  double share_of(std::uint64_t traces) const noexcept {
    return share_of(static_cast<double>(traces));
  }

  const double limit_;
  mutable detail::TraceCounter counter_;
  mutable std::uint64_t usual_ = 0;  // traces a second so far

  // For the collector only.
  mutable TimePoint begin_{};   // of this second
  mutable double average_ = 0;  // traces a second, of which the last second makes up a half
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_RATE_LIMITING_SAMPLER_HPP

// ---- waggle/sampling/ratio_sampler.hpp ----

// Keeps a share of all traces, the same ones in every service.
#ifndef WAGGLE_SAMPLING_RATIO_SAMPLER_HPP
#define WAGGLE_SAMPLING_RATIO_SAMPLER_HPP

#include <cstdint>
#include <cstdio>
#include <string>

namespace waggle {
inline namespace abi1 {

// Keeps a share of all traces, by their random bits: any two services with the same ratio keep the
// same traces, and one with a larger ratio keeps a superset (OpenTelemetry, consistent probability
// sampling).
class RatioSampler final : public Sampler {
 public:
  // Keeps `ratio` of the traces, from 0 (none) to 1 (all), to four significant digits of the
  // threshold.
  explicit RatioSampler(double ratio) noexcept
      : ratio_(ratio), threshold_(threshold_of_probability(ratio)) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    detail::decide_by_threshold(request, threshold_, decision);
  }

  std::string description() const override {
    char text[64];
    std::snprintf(text, sizeof(text), "TraceIdRatioBased{%.6f}", ratio_);
    for (char& c : text) c = c == ',' ? '.' : c;  // some locales have a decimal comma
    return text;
  }

 private:
  const double ratio_;
  const std::uint64_t threshold_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_RATIO_SAMPLER_HPP

// ---- waggle/sampling/sampling_rule.hpp ----

// One rule of a RuleSampler: what it is about, and what becomes of a trace that it fits.
#ifndef WAGGLE_SAMPLING_SAMPLING_RULE_HPP
#define WAGGLE_SAMPLING_SAMPLING_RULE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Tells whether `text` is `pattern`, in which each `*` stands for any text, also none.
inline bool fits_pattern(std::string_view text, std::string_view pattern) noexcept {
  std::size_t in_text = 0;
  std::size_t in_pattern = 0;
  std::size_t star = pattern.npos;  // the last one so far, and what it stands for ends here
  std::size_t star_end = 0;
  while (in_text < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_end = in_text;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] == text[in_text]) {
      ++in_pattern;
      ++in_text;
    } else if (star != pattern.npos) {
      in_pattern = star + 1;
      in_text = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == pattern.npos;
}

// What an attribute has to be like.
struct AttributeCondition {
  enum class Kind { Exists, Equals, Fits, AtLeast, LessThan };

  Kind kind;
  std::string key;
  Word word{};         // to compare with, unless it is text
  std::string text{};  // the same, or the pattern

  // The last of equal keys counts, as it does when the span is exported.
  bool holds(Attributes attributes) const noexcept {
    const AttributeValue* value = nullptr;
    for (const Attribute& attribute : attributes) {
      if (attribute.key == key) value = &attribute.value;
    }
    return value != nullptr && holds(*value);
  }

 private:
  bool holds(const AttributeValue& value) const noexcept {
    switch (kind) {
      case Kind::Exists:
        return true;
      case Kind::Equals:
        return word.tag == ValueTag::Text ? value.tag() == ValueTag::Text && value.text() == text
                                          : value.tag() == word.tag && value.word() == word.bits;
      case Kind::Fits:
        return value.tag() == ValueTag::Text && fits_pattern(value.text(), text);
      case Kind::AtLeast:
        return is_number(value) && number(value.tag(), value.word()) >= limit();
      case Kind::LessThan:
        return is_number(value) && number(value.tag(), value.word()) < limit();
    }
    return false;
  }

  static bool is_number(const AttributeValue& value) noexcept {
    return value.is_word() && value.tag() != ValueTag::Boolean;
  }

  double limit() const noexcept { return number(word.tag, word.bits); }

  static double number(ValueTag tag, std::uint64_t bits) noexcept {
    if (tag == ValueTag::Int64) return static_cast<double>(static_cast<std::int64_t>(bits));
    if (tag == ValueTag::Unsigned) return static_cast<double>(bits);
    double value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
};

}  // namespace detail

// Says what becomes of the traces whose first span in this process fits: kept, dropped, or one in N
// of them kept. Conditions are added one behind the other and all have to hold; none hold always.
//
//   SamplingRule::one_in(10).name("GET /api/*").kind(SpanKind::Server).attribute("tier", "free")
class SamplingRule {
 public:
  static SamplingRule keep() { return one_in(1); }
  static SamplingRule drop() { return one_in(0); }

  // Keeps one of `rate` traces; 0 stands for none.
  static SamplingRule one_in(std::uint32_t rate) { return SamplingRule(rate); }

  // Leaves it to another sampler, such as a RateLimitingSampler.
  static SamplingRule ask(std::shared_ptr<const Sampler> sampler) {
    SamplingRule rule(1);
    rule.sampler_ = std::move(sampler);
    return rule;
  }

  // The span's name is `pattern`, in which `*` stands for any text.
  SamplingRule name(std::string_view pattern) && {
    name_ = pattern;
    has_name_ = true;
    return std::move(*this);
  }

  SamplingRule kind(SpanKind kind) && {
    kind_ = kind;
    has_kind_ = true;
    return std::move(*this);
  }

  // The span has, at its start, an attribute of that key; with that value, of the same type.
  SamplingRule has_attribute(std::string_view key) && {
    return std::move(*this).with({detail::AttributeCondition::Kind::Exists, std::string(key)});
  }
  template <class T>
  SamplingRule attribute(std::string_view key, const T& value) && {
    using Kind = detail::AttributeCondition::Kind;
    if constexpr (detail::is_text_v<T>) {
      return std::move(*this).with({Kind::Equals,
                                    std::string(key),
                                    {ValueTag::Text, 0},
                                    std::string(detail::to_text(value))});
    } else {
      return std::move(*this).with({Kind::Equals, std::string(key), detail::to_word(value)});
    }
  }

  // The attribute is text that fits `pattern`, in which `*` stands for any text.
  SamplingRule attribute_like(std::string_view key, std::string_view pattern) && {
    return std::move(*this).with({detail::AttributeCondition::Kind::Fits,
                                  std::string(key),
                                  {ValueTag::Text, 0},
                                  std::string(pattern)});
  }

  // The attribute is a number of any type, and at least `least`; or below `limit`.
  SamplingRule attribute_at_least(std::string_view key, double least) && {
    return std::move(*this).with(
        {detail::AttributeCondition::Kind::AtLeast, std::string(key), detail::to_word(least)});
  }
  SamplingRule attribute_below(std::string_view key, double limit) && {
    return std::move(*this).with(
        {detail::AttributeCondition::Kind::LessThan, std::string(key), detail::to_word(limit)});
  }

  // Tells whether the rule is about this trace.
  bool fits(const RootRequest& request) const noexcept {
    if (has_name_ && !detail::fits_pattern(request.name, name_)) return false;
    if (has_kind_ && request.kind != kind_) return false;
    for (const detail::AttributeCondition& condition : conditions_) {
      if (!condition.holds(request.attributes)) return false;
    }
    return true;
  }

  // Decides about a trace that it fits.
  void decide(const RootRequest& request, RootDecision& decision) const noexcept {
    if (sampler_ != nullptr) return sampler_->decide(request, decision);
    detail::decide_by_threshold(request, threshold_, decision);
  }

  void maintain(TimePoint now) const noexcept {
    if (sampler_ != nullptr) sampler_->maintain(now);
  }

 private:
  explicit SamplingRule(std::uint32_t rate) : threshold_(threshold_of_rate(rate)) {}

  SamplingRule with(detail::AttributeCondition condition) && {
    conditions_.push_back(std::move(condition));
    return std::move(*this);
  }

  std::uint64_t threshold_;
  std::shared_ptr<const Sampler> sampler_;
  std::string name_;
  SpanKind kind_ = SpanKind::Internal;
  bool has_name_ = false;
  bool has_kind_ = false;
  std::vector<detail::AttributeCondition> conditions_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_SAMPLING_RULE_HPP

// ---- waggle/sampling/rule_sampler.hpp ----

// Decides by rules on what is known of a trace at its start.
#ifndef WAGGLE_SAMPLING_RULE_SAMPLER_HPP
#define WAGGLE_SAMPLING_RULE_SAMPLER_HPP

#include <string>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Goes by the first rule that fits; a trace that fits none is kept. Only what a span is given at
// its start is looked at: its name, its kind, its attributes.
//
//   config.sampler = std::make_shared<RuleSampler>(std::vector<SamplingRule>{
//       SamplingRule::drop().name("GET /health"),
//       SamplingRule::keep().attribute("customer.tier", "gold"),
//       SamplingRule::one_in(100)});
class RuleSampler final : public Sampler {
 public:
  explicit RuleSampler(std::vector<SamplingRule> rules) noexcept : rules_(std::move(rules)) {}

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    for (const SamplingRule& rule : rules_) {
      if (rule.fits(request)) return rule.decide(request, decision);
    }
    detail::decide_by_threshold(request, 0, decision);
  }

  void maintain(TimePoint now) const noexcept override {
    for (const SamplingRule& rule : rules_) rule.maintain(now);
  }

  std::string description() const override {
    return "RuleSampler{" + std::to_string(rules_.size()) + " rules}";
  }

 private:
  const std::vector<SamplingRule> rules_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_RULE_SAMPLER_HPP

// ---- waggle/sdk/transport.hpp ----

// The seam to the network: one request at a time, begun, polled and cancelled, never blocking. The
// pipeline owns the policy (retries, deadlines, splitting); a transport only moves bytes.
#ifndef WAGGLE_SDK_TRANSPORT_HPP
#define WAGGLE_SDK_TRANSPORT_HPP

#include <string>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Lists header names and values in the order in which they are sent.
using HeaderList = std::vector<std::pair<std::string, std::string>>;

// Describes one POST, or one GET if there is no `body`. That must stay alive and unchanged until
// the request is done or cancelled: it is sent from where it lies and may be sent again.
struct HttpRequest {
  std::string url;
  HeaderList headers;
  const std::string* body = nullptr;
  Milliseconds timeout{10000};
};

// Says how far a request came.
enum class TransportOutcome {
  Pending,        // still on its way
  Answered,       // a complete reply was read; look at its status
  NotConnected,   // no byte of the request can have reached the server
  Interrupted,    // the server may or may not have seen the request
  ReplyTooLarge,  // the reply ran past the cap and was dropped
};

// Holds what came back. `message` explains a failed transfer in words, without any secret.
struct HttpReply {
  TransportOutcome outcome = TransportOutcome::Pending;
  int status = 0;
  std::string retry_after;
  std::string content_type;
  std::string body;
  std::string message;
  bool was_repeated = false;  // this answers a second sending, after a first one met silence
};

// Sends requests, one at a time. All calls come from one thread, and none of them waits but wait().
class Transport {
 public:
  virtual ~Transport() = default;

  // Starts a request. Whatever goes wrong is told by the next poll().
  virtual void begin(const HttpRequest& request) noexcept = 0;

  // Moves the request on as far as possible without waiting, and returns the reply so far; once the
  // outcome is not Pending the request is over.
  virtual const HttpReply& poll() noexcept = 0;

  // Gives the request up; the next poll() tells whether the server may have seen it. Returns within
  // milliseconds whatever the network does.
  virtual void cancel() noexcept = 0;

  // Sleeps until the request can move on, `wake_descriptor` becomes readable or `longest` is over.
  virtual void wait(int wake_descriptor, Milliseconds longest) noexcept = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_TRANSPORT_HPP

// ---- waggle/http/header_lines.hpp ----

// HTTP header lines as text: which names and values may be sent, how libcurl wants them written,
// and how a reply's lines are read. Pure; used by the HTTP transport.
#ifndef WAGGLE_HTTP_HEADER_LINES_HPP
#define WAGGLE_HTTP_HEADER_LINES_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Lowers an ASCII letter, whatever the program's locale is.
constexpr char lowered(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Compares ASCII text without regard to case, as header names (RFC 9110, section 5.1), hosts and
// schemes are compared.
constexpr bool equals_ignoring_case(std::string_view left, std::string_view right) noexcept {
  if (left.size() != right.size()) return false;
  for (std::size_t index = 0; index < left.size(); ++index) {
    if (lowered(left[index]) != lowered(right[index])) return false;
  }
  return true;
}

// Tells whether `name` is a token (RFC 9110, section 5.6.2), so that it cannot end its line early.
constexpr bool is_header_name(std::string_view name) noexcept {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  for (char c : name) {
    const bool letter_or_digit = (lowered(c) >= 'a' && lowered(c) <= 'z') || (c >= '0' && c <= '9');
    if (!letter_or_digit && kMarks.find(c) == std::string_view::npos) return false;
  }
  return !name.empty();
}

// Tells whether `value` keeps to its line (RFC 9110, section 5.5).
constexpr bool is_header_value(std::string_view value) noexcept {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// Removes the blanks around a header's value.
constexpr std::string_view without_blanks(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Says what is wrong with the headers of a request; empty if nothing is. Names a header whose value
// is at fault, and never repeats a value; a name that is no name may be a value gone astray, so it
// is not repeated either.
WAGGLE_COLD std::string header_problem(const HeaderList& headers) {
  for (const auto& [name, value] : headers) {
    if (!is_header_name(name)) {
      return "a header's name is empty or holds a character that names may not have; check the "
             "configured headers";
    }
    if (!is_header_value(value)) {
      return joined({"the value of header ", name, " holds a line break or a NUL; remove it"});
    }
    for (const char* own : {"Content-Length", "Transfer-Encoding", "Expect"}) {
      if (equals_ignoring_case(name, own)) {
        return joined({"the header ", name, " cannot be configured: it follows from the body"});
      }
    }
  }
  return {};
}

// Replaces each header's value that `text` repeats, so that no key ends up in a log.
inline std::string without_values(std::string text, const HeaderList& headers) {
  constexpr std::size_t kShortestSecret = 6;
  for (const auto& header : headers) {
    const std::string& value = header.second;
    if (value.size() < kShortestSecret) continue;
    for (std::size_t at = text.find(value); at != text.npos; at = text.find(value, at)) {
      text.replace(at, value.size(), "***");
    }
  }
  return text;
}

// Writes a header for libcurl's list, where "Name:" would remove a header and "Name;" sends one
// without a value.
inline std::string header_line(std::string_view name, std::string_view value) {
  const std::string_view text = without_blanks(value);
  return joined({name, text.empty() ? ";" : ": ", text});
}

// Takes the value of `line` into `value` if the line is the header `name`; a value longer than
// `longest` is left out, since nothing sensible is so long.
inline void read_header_line(std::string_view line, std::string_view name, std::size_t longest,
                             std::string& value) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !equals_ignoring_case(line.substr(0, colon), name)) return;
  const std::string_view text = without_blanks(line.substr(colon + 1));
  if (text.size() <= longest) value.assign(text);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_HEADER_LINES_HPP

// ---- waggle/http/transfer_problem.hpp ----

// Puts a failed transfer into words for the person who can mend it: what failed, where, and what to
// look at. Pure text, no network; used by the HTTP transport. A message names a host, never a
// header, a path, a user name or a password.
#ifndef WAGGLE_HTTP_TRANSFER_PROBLEM_HPP
#define WAGGLE_HTTP_TRANSFER_PROBLEM_HPP

#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Names what can go wrong between begin() and a complete reply.
enum class TransferProblem {
  BadUrl,
  BadScheme,
  UnknownHost,
  UnknownProxy,
  ProxyRefused,
  Unreachable,
  ConnectTimeout,
  TlsRefused,
  CertificateRefused,
  CertificateFileUnreadable,
  ReplyTimeout,
  NotHttp,
  ReplyTooLarge,
  ConnectionLost,
  OutOfMemory,
};

// Describes one failure. `host` is "name" or "name:port"; `reason` is the network library's own
// words, empty where they could repeat a secret.
struct TransferFailure {
  TransferProblem problem;
  std::string host;
  std::string reason;
};

// Pairs words that TLS libraries use with what they mean for the user.
struct CertificateHint {
  std::string_view words;
  const char* meaning;
};

// OpenSSL (1.1 and 3), GnuTLS, mbedTLS, wolfSSL and rustls each have words of their own. Names come
// before issuers: GnuTLS mentions its file of issuers in other complaints too.
constexpr CertificateHint kCertificateHints[] = {
    {"expired", "it has expired: renew it, or check this machine's clock"},
    {"expiration", "it has expired: renew it, or check this machine's clock"},
    {"not yet valid", "it is not valid yet: check this machine's clock"},
    {"activation", "it is not valid yet: check this machine's clock"},
    {"match", "it is for another name: use the host name the certificate was made for"},
    {"NotValidForName", "it is for another name: use the host name the certificate was made for"},
    {"revoked", "it has been revoked: the server needs a new one"},
    {"self-signed", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"self signed", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"issuer", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"Issuer", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"signer", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"trusted", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"CAfile", "its issuer is not trusted here: set the CA file to the issuer's certificate"},
    {"first certificate",
     "its issuer is not trusted here, or the server leaves out an intermediate certificate"},
};

// Says why a server's certificate was not accepted, as far as the TLS library's words tell.
WAGGLE_COLD std::string_view certificate_meaning(std::string_view reason) noexcept {
  for (const CertificateHint& hint : kCertificateHints) {
    if (reason.find(hint.words) != std::string_view::npos) return hint.meaning;
  }
  return "it could not be verified";
}

// Says why a TLS handshake broke off, as far as the TLS library's words tell.
WAGGLE_COLD std::string_view handshake_meaning(std::string_view reason) noexcept {
  const auto says = [reason](std::string_view words) {
    return reason.find(words) != std::string_view::npos;
  };
  if (says("wrong version number") || says("packet length")) {
    return "the port does not speak TLS; use http:// or the port meant for https";
  }
  if (says("protocol version") || says("unsupported protocol")) {
    return "the server offers nothing newer than TLS 1.1; TLS 1.2 is needed";
  }
  if (says("certificate required") || says("handshake failure") || says("bad certificate")) {
    return "the server may ask for a client certificate";
  }
  return "the port may not speak TLS, or something between cut the connection";
}

// Puts the sentence before the network library's own words.
WAGGLE_COLD std::string describe_problem(const TransferFailure& failure) {
  const std::string_view host = failure.host;
  switch (failure.problem) {
    case TransferProblem::BadUrl:
      return "the endpoint is not a URL; it should look like https://api.honeycomb.io/v1/traces";
    case TransferProblem::BadScheme:
      return "the endpoint must begin with http:// or https://, and https needs a libcurl with TLS";
    case TransferProblem::UnknownHost:
      return joined(
          {"cannot find the address of ", host, ": check its spelling and this machine's DNS"});
    case TransferProblem::UnknownProxy:
      return joined({"cannot find the proxy on the way to ", host,
                     ": check http_proxy, https_proxy, all_proxy and no_proxy"});
    case TransferProblem::ProxyRefused:
      return joined({"the proxy refused to connect to ", host,
                     ": check its rules and login, or add the host to no_proxy"});
    case TransferProblem::Unreachable:
      return joined({"cannot connect to ", host,
                     ": check that a server listens there and no firewall or "
                     "proxy setting stands between"});
    case TransferProblem::ConnectTimeout:
      return joined(
          {"no connection to ", host, " in time: check the address, firewalls and proxies"});
    case TransferProblem::TlsRefused:
      return joined({"TLS with ", host, " failed: ", handshake_meaning(failure.reason)});
    case TransferProblem::CertificateRefused:
      return joined(
          {"the certificate of ", host, " was refused: ", certificate_meaning(failure.reason)});
    case TransferProblem::CertificateFileUnreadable:
      return joined({"a certificate or key file cannot be used for ", host,
                     ": check that it exists, is readable and holds PEM"});
    case TransferProblem::ReplyTimeout:
      return joined({host, " took the request but did not answer in time"});
    case TransferProblem::NotHttp:
      return joined({"what answers at ", host,
                     " does not speak HTTP: check scheme and port (OTLP over "
                     "HTTP is usually at 4318, gRPC at 4317)"});
    case TransferProblem::ReplyTooLarge:
      return joined({host, " sent a longer reply than is read; it may not be an OTLP endpoint"});
    case TransferProblem::ConnectionLost:
      return joined({"the connection to ", host, " was lost before a complete reply"});
    case TransferProblem::OutOfMemory:
      return "the request could not be set up: libcurl is out of memory or not initialised";
  }
  return joined({"the transfer to ", host, " failed"});
}

// Returns the whole message of a failed transfer.
inline std::string describe(const TransferFailure& failure) {
  const std::string problem = describe_problem(failure);
  return failure.reason.empty() ? problem : joined({problem, " (", failure.reason, ")"});
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_TRANSFER_PROBLEM_HPP

// ---- waggle/http/curl.hpp ----

// What waggle needs of libcurl (7.68 or newer) besides moving bytes: its process-wide set-up,
// owners for its handles, and what its error codes mean. The only header that includes
// <curl/curl.h>; used by the HTTP transport.
#ifndef WAGGLE_HTTP_CURL_HPP
#define WAGGLE_HTTP_CURL_HPP

#include <curl/curl.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Prepares libcurl for the whole process, once, and returns its version; further calls return the
// first one's result. Harmless beside a host program's own use of libcurl, and never undone. Call
// it before making a CurlTransport, and before starting threads if libcurl is older than 7.84.
inline Result<std::string> initialise_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code == CURLE_OK) return std::string(curl_version());
  return Error{std::string("libcurl cannot be initialised: ") + curl_easy_strerror(code)};
}

// Configures a CurlTransport. Proxies come from http_proxy, https_proxy, all_proxy and no_proxy.
struct CurlOptions {
  std::string user_agent = "waggle-Cpp/" WAGGLE_VERSION;
  std::string ca_file;                    // PEM; trusted instead of the system's; empty: system's
  std::string client_certificate_file;    // PEM, for servers that ask for one; empty: none
  std::string client_key_file;            // PEM; empty: the key is in the certificate's file
  std::size_t largest_reply = 64 * 1024;  // bytes; what is longer ends as ReplyTooLarge
  Milliseconds connect_timeout{5000};     // for name, proxy, TCP and TLS together
};

namespace detail {

// Gives a handle back with libcurl's own function.
template <auto Function>
struct CurlRelease {
  template <class Handle>
  void operator()(Handle* handle) const noexcept {
    Function(handle);
  }
};
using CurlMulti = std::unique_ptr<CURLM, CurlRelease<curl_multi_cleanup>>;
using CurlUrl = std::unique_ptr<CURLU, CurlRelease<curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, CurlRelease<curl_free>>;

// Owns one transfer's handle; null if libcurl had no memory, and then nothing can be set or read.
class CurlEasy {
 public:
  CurlEasy() noexcept : handle_(curl_easy_init()) {}

  explicit operator bool() const noexcept { return handle_ != nullptr; }
  CURL* get() const noexcept { return handle_.get(); }
  void reset() noexcept { handle_.reset(); }

  // Sets an option; false if libcurl has no memory or was built without it.
  template <class Value>
  bool set(CURLoption option, Value value) noexcept {
    return curl_easy_setopt(handle_.get(), option, value) == CURLE_OK;
  }

  // Sets an option to a text, or leaves it as it is if the text is empty.
  bool set_unless_empty(CURLoption option, const std::string& text) noexcept {
    return text.empty() || set(option, text.c_str());
  }

  // Reads a number about the transfer, 0 if there is none.
  long number(CURLINFO which) const noexcept {
    long value = 0;
    if (handle_) curl_easy_getinfo(handle_.get(), which, &value);
    return value;
  }

 private:
  std::unique_ptr<CURL, CurlRelease<curl_easy_cleanup>> handle_;
};

// Sets what every request has in common; false if any of it did not take.
WAGGLE_COLD bool configure_http(CurlEasy& easy, const CurlOptions& options) noexcept {
#if LIBCURL_VERSION_NUM >= 0x075500
  const bool limited = easy.set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  const long allowed = CURLPROTO_HTTP | CURLPROTO_HTTPS;
  const bool limited = easy.set(CURLOPT_PROTOCOLS, allowed);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  easy.set(CURLOPT_QUICK_EXIT, 1L);  // a hanging name resolution is left behind, not waited for
#endif
  // A body goes out in one call or two, not in one for each 64 KiB and rest of the collector.
  constexpr long kUploadBuffer = 512 * 1024;
  return limited && easy.set(CURLOPT_NOSIGNAL, 1L) &&
         easy.set(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer) &&
         easy.set(CURLOPT_FOLLOWLOCATION, 0L) &&
         easy.set(CURLOPT_USERAGENT, options.user_agent.c_str());
}

// Sets how servers are verified; false if any of that did not take. A libcurl built without TLS,
// HTTP/2 or proxies refuses the first options, and has no use for them.
WAGGLE_COLD bool configure_tls(CurlEasy& easy, const CurlOptions& options) noexcept {
  constexpr long kOldestTls = CURL_SSLVERSION_TLSv1_2;
  easy.set(CURLOPT_SSLVERSION, kOldestTls);
  easy.set(CURLOPT_PROXY_SSLVERSION, kOldestTls);
  easy.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  easy.set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  return easy.set(CURLOPT_SSL_VERIFYPEER, 1L) && easy.set(CURLOPT_SSL_VERIFYHOST, 2L) &&
         easy.set_unless_empty(CURLOPT_CAINFO, options.ca_file) &&
         easy.set_unless_empty(CURLOPT_SSLCERT, options.client_certificate_file) &&
         easy.set_unless_empty(CURLOPT_SSLKEY, options.client_key_file);
}

// Owns the list of a request's headers.
class CurlHeaders {
 public:
  // Replaces the list; false if libcurl has no memory. A large body's "Expect", which costs a round
  // trip, is taken out, and so is libcurl's own Content-Type, which is never the right one.
  WAGGLE_COLD bool assign(const HeaderList& headers) {
    list_.reset();
    bool typed = false;
    for (const auto& [name, value] : headers) {
      typed = typed || equals_ignoring_case(name, "Content-Type");
      if (!append(header_line(name, value))) return false;
    }
    return append("Expect:") && (typed || append("Content-Type:"));
  }

  curl_slist* get() const noexcept { return list_.get(); }

 private:
  bool append(const std::string& line) noexcept {
    curl_slist* const longer = curl_slist_append(list_.get(), line.c_str());
    if (longer == nullptr) return false;
    static_cast<void>(list_.release());
    list_.reset(longer);
    return true;
  }

  std::unique_ptr<curl_slist, CurlRelease<curl_slist_free_all>> list_;
};

// Reads "name" or "name:port" out of `url` for the messages, with libcurl's own parser, so that no
// part of a password is taken for it.
inline CURLcode read_url_host(const std::string& url, std::string& host) {
  const CurlUrl parsed(curl_url());
  if (!parsed) return CURLE_OUT_OF_MEMORY;
  const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0);
  if (code == CURLUE_UNSUPPORTED_SCHEME || code == CURLUE_BAD_SCHEME) {
    return CURLE_UNSUPPORTED_PROTOCOL;
  }
  if (code != CURLUE_OK) return CURLE_URL_MALFORMAT;
  char* name = nullptr;
  // Only the likes of file: have no host.
  if (curl_url_get(parsed.get(), CURLUPART_HOST, &name, 0) != CURLUE_OK) {
    return CURLE_UNSUPPORTED_PROTOCOL;
  }
  host = CurlText(name).get();
  char* port = nullptr;
  if (curl_url_get(parsed.get(), CURLUPART_PORT, &port, 0) == CURLUE_OK) {
    host += joined({":", CurlText(port).get()});
  }
  return CURLE_OK;
}

// Says what a code means, given whether the request had been let out and libcurl's words.
inline TransferProblem transfer_problem(CURLcode code, bool sent, std::string_view words) noexcept {
  using Problem = TransferProblem;
  switch (code) {
    case CURLE_URL_MALFORMAT:
      return Problem::BadUrl;
    case CURLE_UNSUPPORTED_PROTOCOL:  // also stands for a reply without a status line
      return sent ? Problem::NotHttp : Problem::BadScheme;
    case CURLE_WEIRD_SERVER_REPLY:
      return Problem::NotHttp;
    case CURLE_COULDNT_RESOLVE_HOST:
      return Problem::UnknownHost;
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Problem::UnknownProxy;
    case CURLE_COULDNT_CONNECT:
      return Problem::Unreachable;
    case CURLE_OPERATION_TIMEDOUT:
      return sent ? Problem::ReplyTimeout : Problem::ConnectTimeout;
    case CURLE_SSL_CONNECT_ERROR:
      return Problem::TlsRefused;
    case CURLE_PEER_FAILED_VERIFICATION:
      return Problem::CertificateRefused;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return Problem::CertificateFileUnreadable;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
      return Problem::OutOfMemory;
    default:  // TLS 1.3 tells a client that its certificate is refused only after the handshake
      return words.find("alert") == std::string_view::npos ? Problem::ConnectionLost
                                                           : Problem::TlsRefused;
  }
}

// Returns libcurl's own words where they speak of hosts, ports, files and TLS. Elsewhere they may
// repeat a proxy's URL with its password, and the code's fixed words have to do.
WAGGLE_COLD std::string transfer_reason(CURLcode code, std::string_view words, long system_error) {
  switch (code) {
    case CURLE_COULDNT_CONNECT: {
      const bool about_host = words.substr(0, 17) == "Failed to connect";
      const std::string_view reason(about_host ? words : curl_easy_strerror(code));
      if (system_error == 0) return std::string(reason);
      return joined({reason, ": ", std::strerror(static_cast<int>(system_error))});
    }
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      if (!words.empty()) return std::string(words);
      break;
    default:
      break;
  }
  return curl_easy_strerror(code);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_CURL_HPP

// ---- waggle/http/curl_transport.hpp ----

// The network as seen by waggle: a Transport over libcurl, with one connection that is kept between
// requests. Nothing here waits but wait(), provided that libcurl resolves names on a thread of its
// own ("AsynchDNS" in what `curl -V` prints, which is the rule).
#ifndef WAGGLE_HTTP_CURL_TRANSPORT_HPP
#define WAGGLE_HTTP_CURL_TRANSPORT_HPP

#include <poll.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Sends requests with libcurl, over HTTP/1.1 or, where TLS negotiates it, HTTP/2. Servers are
// always verified, with TLS 1.2 or newer; redirects are not followed. Used by one thread.
class CurlTransport final : public Transport {
 public:
  // Sets up libcurl's handles. If that fails every request ends as NotConnected and says so. The
  // same goes for a request that there is no memory for.
  explicit CurlTransport(const CurlOptions& options = CurlOptions{}) noexcept
      : largest_reply_(options.largest_reply),
        connect_timeout_(options.connect_timeout),
        multi_(curl_multi_init()) {
    if (!easy_ || !multi_) return;
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, 1L);
    configured_ = detail::configure_http(easy_, options) && detail::configure_tls(easy_, options) &&
                  configure_callbacks();
  }

  // libcurl holds this object's address.
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  ~CurlTransport() override {
    const detail::SigpipeGuard guard;  // closing writes TLS's farewell
    detach();
    easy_.reset();
    multi_.reset();
  }

  // Tells whether libcurl's handles could be set up.
  bool is_ready() const noexcept { return configured_; }

  void begin(const HttpRequest& request) noexcept override {
    cancel();
    reply_ = HttpReply{};
    may_have_left_ = false;
    too_large_ = false;
    is_head_whole_ = false;
    host_.clear();
    error_text_[0] = '\0';
    if (!detail::completes([&] { try_to_begin(request); })) finish(CURLE_OUT_OF_MEMORY);
    unread_ = reply_.outcome != TransportOutcome::Pending;
  }

  const HttpReply& poll() noexcept override {
    unread_ = false;
    if (!attached_) return reply_;
    const detail::SigpipeGuard guard;
    int running = 0;
    if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) finish(CURLE_OUT_OF_MEMORY);
    int left = 0;
    while (const CURLMsg* news = attached_ ? curl_multi_info_read(multi_.get(), &left) : nullptr) {
      if (news->msg == CURLMSG_DONE) finish(news->data.result);
    }
    return reply_;
  }

  // The next poll() tells whether the server may have seen the request that was given up.
  void cancel() noexcept override {
    unread_ = false;
    if (!attached_) return;
    const detail::SigpipeGuard guard;
    const TransportOutcome outcome = failed_outcome();
    detach();
    reply_ = HttpReply{};
    settle(outcome, [] { return "the request was given up"; });
  }

  void wait(int wake_descriptor, Milliseconds longest) noexcept override {
    if (unread_) return;
    const int timeout = static_cast<int>(in_range(longest, 0, INT_MAX));
    if (!multi_) {
      pollfd wake{wake_descriptor, POLLIN, 0};
      ::poll(&wake, 1, timeout);
      return;
    }
    curl_waitfd wake{};
    wake.fd = wake_descriptor;
    wake.events = CURL_WAIT_POLLIN;
    curl_multi_poll(multi_.get(), &wake, wake_descriptor < 0 ? 0 : 1, timeout, nullptr);
  }

 private:
  static constexpr std::size_t kLongestHeader = 256;

  static long in_range(Milliseconds time, long least, long most) noexcept {
    return static_cast<long>(std::clamp<Milliseconds::rep>(time.count(), least, most));
  }

  bool configure_callbacks() noexcept {
    void* const self = this;
#if LIBCURL_VERSION_NUM >= 0x075000
    const bool observed = easy_.set(CURLOPT_PREREQFUNCTION, &CurlTransport::on_request) &&
                          easy_.set(CURLOPT_PREREQDATA, self);
#else
    const bool observed = true;
#endif
    return observed && easy_.set(CURLOPT_ERRORBUFFER, error_text_) &&
           easy_.set(CURLOPT_WRITEFUNCTION, &CurlTransport::on_body) &&
           easy_.set(CURLOPT_WRITEDATA, self) &&
           easy_.set(CURLOPT_HEADERFUNCTION, &CurlTransport::on_header) &&
           easy_.set(CURLOPT_HEADERDATA, self);
  }

  WAGGLE_COLD void try_to_begin(const HttpRequest& request) {
    std::string problem = detail::header_problem(request.headers);
    if (!problem.empty()) {
      settle(TransportOutcome::NotConnected, [&] { return problem; });
    } else if (const CURLcode code = start(request); code != CURLE_OK) {
      finish(code);
    }
  }

  CURLcode start(const HttpRequest& request) {
    if (!configured_) return CURLE_FAILED_INIT;
    const CURLcode code = detail::read_url_host(request.url, host_);
    if (code != CURLE_OK) return code;
    if (!headers_.assign(request.headers)) return CURLE_OUT_OF_MEMORY;
    const long timeout = in_range(request.timeout, 1, INT_MAX);
    attached_ = easy_.set(CURLOPT_URL, request.url.c_str()) &&
                easy_.set(CURLOPT_HTTPHEADER, headers_.get()) && set_body(request.body) &&
                easy_.set(CURLOPT_TIMEOUT_MS, timeout) &&
                easy_.set(CURLOPT_CONNECTTIMEOUT_MS, in_range(connect_timeout_, 1, timeout)) &&
                curl_multi_add_handle(multi_.get(), easy_.get()) == CURLM_OK;
    return attached_ ? CURLE_OK : CURLE_OUT_OF_MEMORY;
  }

  // Which of the options comes last decides about the method.
  bool set_body(const std::string* body) noexcept {
    if (body == nullptr) return easy_.set(CURLOPT_HTTPGET, 1L);
    return easy_.set(CURLOPT_POST, 1L) && easy_.set(CURLOPT_POSTFIELDS, body->data()) &&
           easy_.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
  }

  void detach() noexcept {
    if (attached_) curl_multi_remove_handle(multi_.get(), easy_.get());
    attached_ = false;
  }

  // Where there is no memory for the message there is none.
  template <class Message>
  void settle(TransportOutcome outcome, Message&& message) noexcept {
    reply_.outcome = outcome;
    detail::completes([&] { reply_.message = message(); });
  }

  WAGGLE_COLD void finish(CURLcode code) noexcept {
    // libcurl takes a head that ends with the connection for a whole one (RFC 9112, section 8).
    if (code == CURLE_OK && !is_head_whole_) code = CURLE_PARTIAL_FILE;
    reply_.status = static_cast<int>(easy_.number(CURLINFO_RESPONSE_CODE));
    if (code == CURLE_OK) {
      reply_.outcome = TransportOutcome::Answered;
    } else {
      reply_.body.clear();
      const long system_error = easy_.number(CURLINFO_OS_ERRNO);
      settle(failed_outcome(), [&] {
        return detail::describe(
            {problem_of(code), host_, detail::transfer_reason(code, error_text_, system_error)});
      });
    }
    detach();
  }

  // Older versions count a proxy's CONNECT as part of the request, which errs on the safe side.
  bool sent() const noexcept {
#if LIBCURL_VERSION_NUM >= 0x075000
    return may_have_left_;
#else
    return easy_.number(CURLINFO_REQUEST_SIZE) > 0;
#endif
  }

  TransportOutcome failed_outcome() const noexcept {
    if (too_large_) return TransportOutcome::ReplyTooLarge;
    return sent() ? TransportOutcome::Interrupted : TransportOutcome::NotConnected;
  }

  detail::TransferProblem problem_of(CURLcode code) const noexcept {
    if (too_large_) return detail::TransferProblem::ReplyTooLarge;
    const bool refused_by_proxy = !sent() && easy_.number(CURLINFO_HTTP_CONNECTCODE) >= 300;
    if (refused_by_proxy) return detail::TransferProblem::ProxyRefused;
    return detail::transfer_problem(code, sent(), error_text_);
  }

#if LIBCURL_VERSION_NUM >= 0x075000
  // Called with the connection made and verified, before the first byte of the request; once more
  // if a kept connection ended without a reply, after which libcurl sends again by itself. Versions
  // before 7.80 do that untold.
  static int on_request(void* self, char*, char*, int, int) noexcept {
    auto& transport = *static_cast<CurlTransport*>(self);
    transport.reply_.was_repeated = transport.may_have_left_;
    transport.may_have_left_ = true;
    return CURL_PREREQFUNC_OK;
  }
#endif

  static std::size_t on_body(char* bytes, std::size_t, std::size_t count, void* self) noexcept {
    auto& transport = *static_cast<CurlTransport*>(self);
    std::string& body = transport.reply_.body;
    transport.too_large_ = count > transport.largest_reply_ - body.size();
    if (transport.too_large_) return 0;
    return detail::completes([&] { body.append(bytes, count); }) ? count : 0;
  }

  static std::size_t on_header(char* bytes, std::size_t, std::size_t count, void* self) noexcept {
    auto& transport = *static_cast<CurlTransport*>(self);
    HttpReply& reply = transport.reply_;
    const std::string_view line(bytes, count);
    if (line == "\r\n" || line == "\n") transport.is_head_whole_ = true;
    if (line.substr(0, 5) == "HTTP/") {  // an interim reply (1xx) may have come before this one
      transport.is_head_whole_ = false;
      reply.retry_after.clear();
      reply.content_type.clear();
    }
    const bool has_memory = detail::completes([&] {
      detail::read_header_line(line, "Retry-After", kLongestHeader, reply.retry_after);
      detail::read_header_line(line, "Content-Type", kLongestHeader, reply.content_type);
    });
    return has_memory ? count : 0;
  }

  const std::size_t largest_reply_;
  const Milliseconds connect_timeout_;
  bool configured_ = false;
  bool attached_ = false;       // a request is under way
  bool unread_ = false;         // begin() failed, and poll() has not told so yet
  bool may_have_left_ = false;  // the first byte of the request may be with the server
  bool too_large_ = false;
  bool is_head_whole_ = false;
  char error_text_[CURL_ERROR_SIZE] = {};
  std::string host_;
  HttpReply reply_;
  detail::CurlHeaders headers_;
  detail::CurlEasy easy_;
  detail::CurlMulti multi_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_CURL_TRANSPORT_HPP

// ---- waggle/collect/record_queue.hpp ----

// Records on their way from the rings to their batch, in the order in which they were collected.
// Bounded and made once: when it is full collecting stops, and what is lost then is lost in the
// ring of the thread that makes too much.
#ifndef WAGGLE_COLLECT_RECORD_QUEUE_HPP
#define WAGGLE_COLLECT_RECORD_QUEUE_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Keeps records whole in one block of memory that is used round and round. For one thread.
class RecordQueue {
 public:
  // Its memory is touched only as far as it is used. Without memory the queue is always full.
  explicit RecordQueue(std::size_t capacity) noexcept
      : bytes_(static_cast<char*>(std::malloc(capacity))),
        capacity_(bytes_ != nullptr ? capacity : 0) {}
  RecordQueue(const RecordQueue&) = delete;
  RecordQueue& operator=(const RecordQueue&) = delete;
  ~RecordQueue() { std::free(bytes_); }

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return used_; }
  bool empty() const noexcept { return count_ == 0; }

  // Tells whether the queue had better be emptied soon.
  bool is_half_full() const noexcept { return used_ >= capacity_ / 2; }

  // Copies a record in; false if there is no room for it now.
  bool append(std::string_view record) noexcept {
    if (!make_room(record.size())) return false;
    std::memcpy(bytes_ + tail_, record.data(), record.size());
    tail_ += record.size();
    used_ += record.size();
    ++count_;
    return true;
  }

  // Shows the records from the front on to `visit(std::string_view record)`, which returns whether
  // it takes the record. They stay where they are until release().
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::size_t position = head_;
    for (std::size_t index = 0; index < count_; ++index) {
      if (is_wrapped_ && position == end_) position = 0;
      const std::string_view record = record_at(position);
      if (!visit(record)) return;
      position += record.size();
    }
  }

  // Gives the first `count` records back.
  void release(std::size_t count) noexcept {
    for (; count > 0; --count, --count_) {
      skip_to_next_lap();
      const std::size_t size = record_at(head_).size();
      head_ += size;
      used_ -= size;
    }
    skip_to_next_lap();
    if (count_ == 0) clear();
  }

  void clear() noexcept {
    head_ = tail_ = used_ = count_ = 0;
    is_wrapped_ = false;
  }

 private:
  // Makes `tail_` a place for `size` bytes: behind the last record or, if there is no room left,
  // before the first.
  bool make_room(std::size_t size) noexcept {
    if (is_wrapped_) return head_ - tail_ >= size;
    if (capacity_ - tail_ >= size) return true;
    if (head_ < size) return false;
    end_ = tail_;
    tail_ = 0;
    is_wrapped_ = true;
    return true;
  }

  void skip_to_next_lap() noexcept {
    if (!is_wrapped_ || head_ != end_) return;
    head_ = 0;
    is_wrapped_ = false;
  }

  // A record begins with its length in words of eight bytes.
  std::string_view record_at(std::size_t position) const noexcept {
    std::uint16_t words;
    std::memcpy(&words, bytes_ + position, sizeof(words));
    return {bytes_ + position, std::size_t{words} * 8};
  }

  char* bytes_;
  std::size_t capacity_;
  std::size_t head_ = 0;  // of the first record
  std::size_t tail_ = 0;  // behind the last
  std::size_t end_ = 0;   // of the lap before the one that the tail is in
  std::size_t used_ = 0;
  std::size_t count_ = 0;
  bool is_wrapped_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RECORD_QUEUE_HPP

// ---- waggle/collect/record_chunks.hpp ----

// Takes a record's body apart into its chunks.
#ifndef WAGGLE_COLLECT_RECORD_CHUNKS_HPP
#define WAGGLE_COLLECT_RECORD_CHUNKS_HPP

#include <cxxabi.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the readable form of a type's mangled name.
inline std::string demangled(std::string_view mangled) {
  int failure = 0;
  char* name = abi::__cxa_demangle(std::string(mangled).c_str(), nullptr, nullptr, &failure);
  std::string result(failure == 0 && name != nullptr ? std::string_view(name) : mangled);
  std::free(name);
  return result;
}

// Calls `visit(header, key, value)` for each chunk of a record's body.
template <class Visit>
void for_each_chunk(std::string_view chunks, Visit&& visit) {
  ChunkHeader header;
  while (chunks.size() >= sizeof(header)) {
    std::memcpy(&header, chunks.data(), sizeof(header));
    const std::size_t value_at = sizeof(header) + padded(header.key_size);
    const std::size_t size = value_at + padded(header.value_size);
    if (size > chunks.size()) return;
    visit(header, chunks.substr(sizeof(header), header.key_size),
          chunks.substr(value_at, header.value_size));
    chunks.remove_prefix(size);
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RECORD_CHUNKS_HPP

// ---- waggle/collect/text_arena.hpp ----

// Text that a batch needs and no record holds: demangled names, composed tracestates.
#ifndef WAGGLE_COLLECT_TEXT_ARENA_HPP
#define WAGGLE_COLLECT_TEXT_ARENA_HPP

#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Keeps texts at fixed addresses until cleared.
class TextArena {
 public:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  void clear() noexcept { texts_.clear(); }

 private:
  std::deque<std::string> texts_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_TEXT_ARENA_HPP

// ---- waggle/sdk/limits.hpp ----

// How much of a span is exported (OpenTelemetry, Span Limits and Attribute Limits). Applied by the
// collector; what is cut is counted in the span's dropped counts.
#ifndef WAGGLE_SDK_LIMITS_HPP
#define WAGGLE_SDK_LIMITS_HPP

#include <cstdint>
#include <optional>

namespace waggle {
inline namespace abi1 {

// Bounds the attributes of whatever has no limit of its own. The resource's have none at all.
struct AttributeLimits {
  std::optional<std::uint32_t> count;
  std::optional<std::uint32_t> value_length;
  std::optional<std::uint32_t> value_depth;
};

// Bounds a span. What is not set here follows AttributeLimits; what is not set there either is 128
// attributes, of any length, 64 deep. 0 keeps none.
struct SpanLimits {
  static constexpr std::uint32_t kUnlimited = 0xffffffff;

  std::optional<std::uint32_t> attribute_count;

  // In characters, of raw bytes in bytes; holds inside arrays and maps too, not for keys.
  std::optional<std::uint32_t> attribute_value_length;

  // How deep arrays and maps may be nested: 1 for a list of scalars. One that lies deeper becomes
  // an empty value. To be taken by every receiver, OTLP bodies go no deeper than 30 in any case.
  std::optional<std::uint32_t> attribute_value_depth;

  // Of each 128 unless set.
  std::optional<std::uint32_t> event_count;
  std::optional<std::uint32_t> link_count;
  std::optional<std::uint32_t> attribute_per_event_count;
  std::optional<std::uint32_t> attribute_per_link_count;
};

namespace detail {

// The limits as plain numbers.
struct EffectiveLimits {
  std::uint32_t attribute_count = 128;
  std::uint32_t value_length = SpanLimits::kUnlimited;
  std::uint32_t value_depth = 64;
  std::uint32_t event_count = 128;
  std::uint32_t link_count = 128;
  std::uint32_t attribute_per_event_count = 128;
  std::uint32_t attribute_per_link_count = 128;

  // A span's own limit goes before the general one, and that before the default.
  static EffectiveLimits of(const SpanLimits& span, const AttributeLimits& general) noexcept {
    EffectiveLimits limits;
    const std::optional<std::uint32_t> none;
    const auto settle = [](std::uint32_t& limit, auto own, auto otherwise) {
      limit = own.value_or(otherwise.value_or(limit));
    };
    settle(limits.attribute_count, span.attribute_count, general.count);
    settle(limits.value_length, span.attribute_value_length, general.value_length);
    settle(limits.value_depth, span.attribute_value_depth, general.value_depth);
    settle(limits.event_count, span.event_count, none);
    settle(limits.link_count, span.link_count, none);
    settle(limits.attribute_per_event_count, span.attribute_per_event_count, none);
    settle(limits.attribute_per_link_count, span.attribute_per_link_count, none);
    return limits;
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_LIMITS_HPP

// ---- waggle/collect/value_limit.hpp ----

// Cuts values to their limits (OpenTelemetry, Attribute Limits): texts to a number of characters,
// where each UTF-8 sequence counts as one and none is cut in its middle; bytes to as many bytes;
// arrays and maps to a depth. Also sees to it that no map has a key twice.
#ifndef WAGGLE_COLLECT_VALUE_LIMIT_HPP
#define WAGGLE_COLLECT_VALUE_LIMIT_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Applies the limits of one span.
class ValueLimit {
 public:
  ValueLimit(const EffectiveLimits& limits, TextArena& texts) noexcept
      : length_(limits.value_length), depth_(limits.value_depth), texts_(texts) {}

  // Tells, at a glance, of most of the values that stay as they are.
  bool is_within(const ValueView& value) const noexcept {
    return !is_list(value) && value.text().size() <= length_;
  }

  // Returns the value within its limits: the same, a part of it, or one kept in the arena. What
  // stands at the top is at depth 1; what is too deep becomes the empty value.
  ValueView limited(const ValueView& value, std::size_t depth = 1) const {
    if (is_list(value)) return depth > depth_ ? ValueView() : limited_list(value, depth);
    if (length_ == SpanLimits::kUnlimited) return value;
    if (value.tag() == ValueTag::Text)
      return {value.tag(), leading_characters(value.text(), length_)};
    if (value.tag() == ValueTag::Bytes) return {value.tag(), value.text().substr(0, length_)};
    return value;
  }

 private:
  static bool is_list(const ValueView& value) noexcept {
    return value.tag() == ValueTag::Array || value.tag() == ValueTag::Map;
  }

  // A list of scalars within its limits stays where it is.
  ValueView limited_list(const ValueView& list, std::size_t depth) const {
    bool stays = list.tag() == ValueTag::Array && length_ == SpanLimits::kUnlimited;
    for (const AttributeView& element : list.elements()) stays = stays && !is_list(element.value);
    return stays ? list : rewritten(list, depth);
  }

  ValueView rewritten(const ValueView& list, std::size_t depth) const {
    std::string copy;
    for (auto element = list.elements().begin(); element != list.elements().end(); ++element) {
      if (list.tag() == ValueTag::Map && is_overwritten(element, list.elements().end())) continue;
      append(copy, element->key, limited(element->value, depth + 1));
    }
    return {list.tag(), texts_.keep(std::move(copy))};
  }

  // The last of equal keys counts, and an empty one is none.
  static bool is_overwritten(ValueView::Elements::Iterator element,
                             const ValueView::Elements::Iterator& end) noexcept {
    const std::string_view key = element->key;
    if (key.empty()) return true;
    for (++element; element != end; ++element) {
      if (element->key == key) return true;
    }
    return false;
  }

  static void append(std::string& copy, std::string_view key, const ValueView& value) {
    const ChunkHeader header{ChunkKind::Element, value.tag(),
                             static_cast<std::uint16_t>(key.size()),
                             static_cast<std::uint32_t>(value.text().size())};
    copy.append(reinterpret_cast<const char*>(&header), sizeof(header));
    copy.append(key).resize(padded(copy.size()));
    copy.append(value.text()).resize(padded(copy.size()));
  }

  const std::size_t length_;
  const std::size_t depth_;
  TextArena& texts_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_VALUE_LIMIT_HPP

// ---- waggle/collect/attribute_rules.hpp ----

// What a list of attributes is exported as: keys once and not empty, values within their limits, no
// more of them than allowed (OpenTelemetry, Attribute Collections and Attribute Limits).
#ifndef WAGGLE_COLLECT_ATTRIBUTE_RULES_HPP
#define WAGGLE_COLLECT_ATTRIBUTE_RULES_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Adds attributes to lists that lie one behind the other. Texts that have to be made are kept in
// the arena.
class AttributeRules {
 public:
  AttributeRules(const EffectiveLimits& limits, TextArena& texts) noexcept
      : limit_(limits, texts), texts_(texts) {}

  // Adds one to the list that begins at `first` and may have `limit` of them. The last value of a
  // key counts, also beyond the limit; a new key beyond it is discarded and counted. Inline, so
  // that a value goes from registers to its place: to copy one that was just put together waits for
  // its parts to be written.
  WAGGLE_INLINE void add(std::vector<AttributeView>& list, std::size_t first, std::size_t limit,
                         std::string_view key, const ValueView& value,
                         std::uint32_t& dropped) const {
    ValueView* const place = place_of(key, list, first, limit);
    if (place == nullptr) {
      ++dropped;
    } else if (limit_.is_within(value) && value.tag() != ValueTag::MangledType) {
      *place = value;
    } else {
      *place = changed(value);
    }
  }

 private:
  // Returns where a key's value goes, null if the key is empty or one too many.
  WAGGLE_OUT_OF_LINE static ValueView* place_of(std::string_view key,
                                                std::vector<AttributeView>& list, std::size_t first,
                                                std::size_t limit) {
    if (key.empty()) return nullptr;
    const auto begin = list.begin() + static_cast<std::ptrdiff_t>(first);
    for (auto known = begin; known != list.end(); ++known) {
      if (known->key == key) return &known->value;
    }
    if (static_cast<std::size_t>(list.end() - begin) >= limit) return nullptr;
    AttributeView& added = list.emplace_back();
    added.key = key;
    return &added.value;
  }

  WAGGLE_OUT_OF_LINE ValueView changed(ValueView value) const {
    if (value.tag() != ValueTag::MangledType) return limit_.limited(value);
    return limit_.limited({ValueTag::Text, texts_.keep(demangled(value.text()))});
  }

  const ValueLimit limit_;
  TextArena& texts_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_ATTRIBUTE_RULES_HPP

// ---- waggle/collect/record_contents.hpp ----

// How much there is in records that were not read yet, so that lists can have their size at once.
#ifndef WAGGLE_COLLECT_RECORD_CONTENTS_HPP
#define WAGGLE_COLLECT_RECORD_CONTENTS_HPP

#include <cstddef>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Counts what is in some records, at most.
struct RecordContents {
  std::size_t attributes = 0;
  std::size_t nested_attributes = 0;
  std::size_t events = 0;
  std::size_t links = 0;

  // Adds a record, of whose baggage that many entries become attributes at most.
  void add(std::string_view record, std::size_t baggage_names) {
    for_each_chunk(record.substr(sizeof(RecordHeader)),
                   [&](const ChunkHeader& chunk, std::string_view, std::string_view) {
                     if (chunk.kind == ChunkKind::Attribute) {
                       ++attributes;
                     } else if (chunk.kind == ChunkKind::Event) {
                       ++events;
                     } else if (chunk.kind == ChunkKind::Link) {
                       ++links;
                     } else if (chunk.kind == ChunkKind::Baggage) {
                       attributes += baggage_names;
                     } else {
                       ++nested_attributes;
                     }
                   });
    ++attributes;  // the count of cut values
  }

  // Returns how many bytes all lists take.
  std::size_t bytes() const noexcept {
    return (attributes + nested_attributes) * sizeof(AttributeView) + events * sizeof(EventView) +
           links * sizeof(LinkView);
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RECORD_CONTENTS_HPP

// ---- waggle/collect/sampling_weight.hpp ----

// From a sampling threshold to the weight of a span: how many traces a kept one stands for.
#ifndef WAGGLE_COLLECT_SAMPLING_WEIGHT_HPP
#define WAGGLE_COLLECT_SAMPLING_WEIGHT_HPP

#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr double kTwoTo56 = 72057594037927936.0;

// Spreads a trace id over 64 bits, independently of the bits that the sampling decision looked at.
inline std::uint64_t hash_of(TraceId id) noexcept {
  std::uint64_t hash = id.high ^ (id.low * 0x9e3779b97f4a7c15U);
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ hash >> 27) * 0x94d049bb133111ebU;
  return hash ^ hash >> 31;
}

// Returns the whole number of traces that one kept at `threshold` stands for, or the rate that is
// in the threshold's place; 0 if neither is known. A fractional rate becomes its floor or ceiling
// by the trace's id: the same for all its spans, right in the mean over traces.
inline std::uint32_t sample_rate(std::uint64_t threshold, TraceId id) noexcept {
  if (threshold == 0) return 1;  // all are kept, and no division is needed to say so
  if (threshold >= kThresholdEnd) return rate_in_threshold(threshold);
  const double rate = kTwoTo56 / static_cast<double>(kThresholdEnd - threshold);
  constexpr double kMost = 2147483647.0;
  if (rate >= kMost) return static_cast<std::uint32_t>(kMost);
  const auto whole = static_cast<std::uint32_t>(rate);
  const double fraction = rate - whole;
  const double draw = static_cast<double>(hash_of(id) >> 11) / 9007199254740992.0;
  return whole + (draw < fraction ? 1 : 0);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SAMPLING_WEIGHT_HPP

// ---- waggle/collect/scope_table.hpp ----

// The instrumentation scopes by number: recording threads add to it at a scope's first use, the
// collector looks them up. Number 0 is the empty scope.
#ifndef WAGGLE_COLLECT_SCOPE_TABLE_HPP
#define WAGGLE_COLLECT_SCOPE_TABLE_HPP

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Grows only; at most 65,535 scopes, any more share number 0.
class ScopeTable {
 public:
  ScopeTable() : scopes_(1) {}

  // Returns the number of the scope with the same texts and attributes; that of the empty one if
  // there is no memory for it. Any thread.
  std::uint16_t intern(const Scope& scope) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::size_t number = 0; number < scopes_.size(); ++number) {
      const Text& known = scopes_[number];
      if (known.name == scope.name() && known.version == scope.version() &&
          known.schema_url == scope.schema_url() && known.attributes == scope.attributes()) {
        return static_cast<std::uint16_t>(number);
      }
    }
    if (scopes_.size() > 0xffff) return 0;
    const bool is_kept = completes([&] {
      scopes_.push_back({std::string(scope.name()), std::string(scope.version()),
                         std::string(scope.schema_url()), std::string(scope.attributes()),
                         scope.dropped_attributes()});
    });
    return is_kept ? static_cast<std::uint16_t>(scopes_.size() - 1) : std::uint16_t{0};
  }

  // Returns the scope's texts, valid for good.
  ScopeView view(std::uint16_t number) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (number >= scopes_.size()) return {};
    const Text& text = scopes_[number];
    return {text.name, text.version, text.schema_url, ValueView(ValueTag::Map, text.attributes),
            text.dropped_attributes};
  }

 private:
  struct Text {
    std::string name;
    std::string version;
    std::string schema_url;
    std::string attributes;
    std::uint32_t dropped_attributes = 0;
  };

  std::mutex mutex_;
  std::deque<Text> scopes_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SCOPE_TABLE_HPP

// ---- waggle/collect/wall_clock.hpp ----

// Turns ticks into wall-clock time: one map, monotone and continuous, that is slewed towards the
// system's clock. Only a step of the system's clock by more than 100 ms breaks it, for what starts
// later. Durations come from the tick difference alone.
#ifndef WAGGLE_COLLECT_WALL_CLOCK_HPP
#define WAGGLE_COLLECT_WALL_CLOCK_HPP

#include <time.h>

#include <cstddef>
#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

// What both clocks showed at one moment.
struct ClockSample {
  std::uint64_t ticks;
  std::uint64_t unix_nanoseconds;
};

inline std::uint64_t read_realtime() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Reads both clocks; of a few tries the one in which the least time passed between them.
inline ClockSample sample_clocks() noexcept {
  ClockSample best{};
  std::uint64_t least = ~std::uint64_t{0};
  for (int attempt = 0; attempt < 5; ++attempt) {
    const std::uint64_t before = read_ticks();
    const std::uint64_t wall = read_realtime();
    const std::uint64_t width = read_ticks() - before;
    if (width >= least) continue;
    least = width;
    best = {before + width / 2, wall};
  }
  return best;
}

// Keeps the map. For the collector only.
class WallClock {
 public:
  // Begins with a rate measured between two samples, some milliseconds apart.
  WallClock(ClockSample first, ClockSample second) noexcept
      : anchor_(first), nanoseconds_per_tick_(rate(first, second)) {
    append(second.ticks, second.unix_nanoseconds, nanoseconds_per_tick_);
  }

  // Takes in a new sample; about once a second is enough.
  void update(ClockSample now) noexcept {
    const std::uint64_t predicted = unix_nanoseconds(now.ticks);
    const auto error = static_cast<std::int64_t>(now.unix_nanoseconds - predicted);
    if (error > kStep || error < -kStep) {
      anchor_ = now;
      return append(now.ticks, now.unix_nanoseconds, nanoseconds_per_tick_);
    }
    nanoseconds_per_tick_ = rate(anchor_, now);
    append(now.ticks, predicted, nanoseconds_per_tick_ * (1.0 + slew(error)));
  }

  // Returns the wall-clock time of a tick count, also of one before the first sample.
  std::uint64_t unix_nanoseconds(std::uint64_t ticks) const noexcept {
    const Segment& segment = segment_of(ticks);
    const auto distance = static_cast<std::int64_t>(ticks - segment.ticks);
    return segment.unix_nanoseconds + static_cast<std::uint64_t>(static_cast<std::int64_t>(
                                          static_cast<double>(distance) * segment.rate));
  }

  // Returns the length of time between two tick counts, 0 if they are in the wrong order.
  std::uint64_t duration(std::uint64_t from, std::uint64_t to) const noexcept {
    const auto ticks = static_cast<std::int64_t>(to - from);
    if (ticks <= 0) return 0;
    return static_cast<std::uint64_t>(static_cast<double>(ticks) * nanoseconds_per_tick_);
  }

 private:
  struct Segment {
    std::uint64_t ticks = 0;
    std::uint64_t unix_nanoseconds = 0;
    double rate = 1;
  };

  static constexpr std::int64_t kStep = 100000000;
  static constexpr std::size_t kSegments = 64;

  static double rate(ClockSample from, ClockSample to) noexcept {
    if (to.ticks <= from.ticks || to.unix_nanoseconds <= from.unix_nanoseconds) return 1;
    return static_cast<double>(to.unix_nanoseconds - from.unix_nanoseconds) /
           static_cast<double>(to.ticks - from.ticks);
  }

  // Half of the error is made up for within a second, by 500 ppm at most.
  static double slew(std::int64_t error) noexcept {
    const double wanted = static_cast<double>(error) / 2e9;
    constexpr double kMost = 500e-6;
    return wanted > kMost ? kMost : wanted < -kMost ? -kMost : wanted;
  }

  void append(std::uint64_t ticks, std::uint64_t unix_nanoseconds, double rate) noexcept {
    segments_[count_++ % kSegments] = {ticks, unix_nanoseconds, rate};
  }

  // Searches backwards: nearly every span began within the last segment.
  const Segment& segment_of(std::uint64_t ticks) const noexcept {
    const std::size_t oldest = count_ > kSegments ? count_ - kSegments : 0;
    std::size_t index = count_ - 1;
    while (index > oldest &&
           static_cast<std::int64_t>(ticks - segments_[index % kSegments].ticks) < 0) {
      --index;
    }
    return segments_[index % kSegments];
  }

  ClockSample anchor_;
  double nanoseconds_per_tick_;
  Segment segments_[kSegments];
  std::size_t count_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_WALL_CLOCK_HPP

// ---- waggle/collect/record_reader.hpp ----

// Reads records into finished spans: times in wall-clock time, keys unique, limits applied, names
// that only the collector can resolve. Views point into the record, or into the reader's own lists
// and texts.
#ifndef WAGGLE_COLLECT_RECORD_READER_HPP
#define WAGGLE_COLLECT_RECORD_READER_HPP

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Reads the records of one batch. Every record is announced by expect() first: then the lists have
// their final place before the first span points into them.
class RecordReader {
 public:
  // Of a span's baggage, the entries named in `baggage_names` become attributes.
  RecordReader(const WallClock& clock, ScopeTable& scopes, const EffectiveLimits& limits,
               std::vector<std::string> baggage_names = {})
      : clock_(clock),
        scopes_(scopes),
        limits_(limits),
        rules_(limits, texts_),
        baggage_names_(std::move(baggage_names)) {}

  // Begins a new batch; what was read before is gone.
  void clear() noexcept {
    attributes_.clear();
    nested_attributes_.clear();
    events_.clear();
    links_.clear();
    texts_.clear();
    expected_ = {};
    composed_threshold_ = kUnknownThreshold;
  }

  void expect(std::string_view record) { expected_.add(record, baggage_names_.size()); }

  // Returns how many bytes the lists of all announced records take at most.
  std::size_t expected_bytes() const noexcept { return expected_.bytes(); }

  void reserve() {
    attributes_.reserve(expected_.attributes);
    nested_attributes_.reserve(expected_.nested_attributes);
    events_.reserve(expected_.events);
    links_.reserve(expected_.links);
  }

  // Reads a record into a new span.
  void read(std::string_view record, FinishedSpan& span) {
    RecordHeader header;
    std::memcpy(&header, record.data(), sizeof(header));
    read_header(header, span);
    Lists lists{attributes_.size(), events_.size(), links_.size()};
    for_each_chunk(record.substr(sizeof(header)),
                   [&](const ChunkHeader& chunk, std::string_view key, std::string_view value) {
                     read_chunk(chunk, key, value, lists, span);
                   });
    span.attributes = view(attributes_, lists.first_attribute);
    span.events = view(events_, lists.first_event);
    span.links = view(links_, lists.first_link);
    if (span.status != StatusCode::Error) span.status_message = {};
  }

 private:
  // Where the lists of the span being read begin, and whether its last event and link were kept.
  struct Lists {
    std::size_t first_attribute;
    std::size_t first_event;
    std::size_t first_link;
    bool keeps_event = false;
    bool keeps_link = false;
  };

  template <class T>
  static ListView<T> view(const std::vector<T>& list, std::size_t first) noexcept {
    return {list.data() + first, list.size() - first};
  }

  void read_header(const RecordHeader& header, FinishedSpan& span) {
    span.trace_id = header.trace_id;
    span.span_id = header.span_id;
    span.parent_id = header.parent_id;
    span.parent_is_remote = (header.marks & kParentIsRemote) != 0;
    span.trace_flags = header.trace_flags;
    span.kind = header.kind;
    span.status = header.status;
    span.scope = scope(header.scope);
    span.sample_rate = sample_rate(header.threshold, header.trace_id);
    span.trace_state = composed_trace_state(header.threshold);
    set_times(header, span);
  }

  // Asks the table once for the spans of a scope, which mostly come one behind the other.
  const ScopeView& scope(std::uint16_t number) {
    if (number != scope_number_) scope_ = scopes_.view(number);
    scope_number_ = number;
    return scope_;
  }

  void set_times(const RecordHeader& header, FinishedSpan& span) const noexcept {
    const bool start_is_given = (header.marks & kExplicitStart) != 0;
    const bool end_is_given = (header.marks & kExplicitEnd) != 0;
    const std::uint64_t start =
        start_is_given ? header.start : clock_.unix_nanoseconds(header.start);
    std::uint64_t end = header.end;
    if (!end_is_given) {
      end = start_is_given ? clock_.unix_nanoseconds(header.end)
                           : start + clock_.duration(header.start, header.end);
    }
    span.start_unix_nanoseconds = start;
    span.end_unix_nanoseconds = end < start ? start : end;
  }

  void read_chunk(const ChunkHeader& chunk, std::string_view key, std::string_view value,
                  Lists& lists, FinishedSpan& span) {
    switch (chunk.kind) {
      case ChunkKind::Name:
        span.name = value;
        break;
      case ChunkKind::StatusMessage:
        span.status_message = value;
        break;
      case ChunkKind::TraceState:
        span.trace_state = value;
        break;
      case ChunkKind::Attribute:
        rules_.add(attributes_, lists.first_attribute, limits_.attribute_count, key,
                   {chunk.tag, value}, span.dropped_attributes);
        break;
      case ChunkKind::Event:
        add_event(chunk.tag, key, value, lists, span);
        break;
      case ChunkKind::EventAttribute:
        if (lists.keeps_event) {
          add_nested(events_.back(), limits_.attribute_per_event_count, key, {chunk.tag, value});
        }
        break;
      case ChunkKind::Link:
        add_link(value, lists, span);
        break;
      case ChunkKind::LinkAttribute:
        if (lists.keeps_link) {
          add_nested(links_.back(), limits_.attribute_per_link_count, key, {chunk.tag, value});
        }
        break;
      case ChunkKind::Dropped:
        add_dropped(value, lists, span);
        break;
      case ChunkKind::Baggage:
        add_baggage(Baggage(value), lists, span);
        break;
      case ChunkKind::Element:
        break;
    }
  }

  // Stands before the span's own attributes, so that these win.
  void add_baggage(Baggage baggage, const Lists& lists, FinishedSpan& span) {
    for (const BaggageEntry entry : baggage) {
      const auto place = std::find(baggage_names_.begin(), baggage_names_.end(), entry.name);
      if (place == baggage_names_.end()) continue;
      rules_.add(attributes_, lists.first_attribute, limits_.attribute_count, entry.name,
                 {ValueTag::Text, entry.value}, span.dropped_attributes);
    }
  }

  template <class Owner>
  void add_nested(Owner& owner, std::size_t limit, std::string_view key, ValueView value) {
    const std::size_t first = nested_attributes_.size() - owner.attributes.size();
    rules_.add(nested_attributes_, first, limit, key, value, owner.dropped_attributes);
    owner.attributes = view(nested_attributes_, first);
  }

  void add_event(ValueTag tag, std::string_view name, std::string_view value, Lists& lists,
                 FinishedSpan& span) {
    lists.keeps_event = events_.size() - lists.first_event < limits_.event_count;
    if (!lists.keeps_event) {
      ++span.dropped_events;
      return;
    }
    const std::uint64_t time = ValueView(tag, value).word();
    EventView& event = events_.emplace_back();
    event.name = name;
    event.unix_nanoseconds = tag == kTickTime ? clock_.unix_nanoseconds(time) : time;
  }

  void add_link(std::string_view value, Lists& lists, FinishedSpan& span) {
    lists.keeps_link = links_.size() - lists.first_link < limits_.link_count;
    if (!lists.keeps_link) {
      ++span.dropped_links;
      return;
    }
    LinkFields fields{};
    std::memcpy(&fields, value.data(), sizeof(fields));
    LinkView& link = links_.emplace_back();
    link.trace_id = fields.trace_id;
    link.span_id = fields.span_id;
    link.trace_flags = static_cast<std::uint8_t>(fields.flags);
    link.is_remote = (fields.flags & 0x100) != 0;
    link.trace_state = value.substr(sizeof(fields));
  }

  void add_dropped(std::string_view value, const Lists& lists, FinishedSpan& span) {
    DroppedCounts counts{};
    std::memcpy(&counts, value.data(), sizeof(counts));
    span.dropped_attributes += counts.attributes;
    span.dropped_events += counts.events;
    span.dropped_links += counts.links;
    if (counts.cut_values == 0) return;
    const std::int64_t cut = counts.cut_values;
    std::string word(reinterpret_cast<const char*>(&cut), sizeof(cut));
    rules_.add(attributes_, lists.first_attribute, SpanLimits::kUnlimited,
               "waggle.truncated_values", {ValueTag::Int64, texts_.keep(std::move(word))},
               span.dropped_attributes);
  }

  // Most spans of a batch share one threshold, so its text is composed once.
  std::string_view composed_trace_state(std::uint64_t threshold) {
    if (threshold >= kThresholdEnd) return {};
    if (threshold != composed_threshold_) {
      composed_threshold_ = threshold;
      composed_text_ =
          texts_.keep(std::string("ot=th:").append(std::string_view(threshold_text(threshold))));
    }
    return composed_text_;
  }

  const WallClock& clock_;
  ScopeTable& scopes_;
  const EffectiveLimits& limits_;
  TextArena texts_;
  const AttributeRules rules_;
  const std::vector<std::string> baggage_names_;
  RecordContents expected_;
  std::vector<AttributeView> attributes_;
  std::vector<AttributeView> nested_attributes_;
  std::vector<EventView> events_;
  std::vector<LinkView> links_;
  std::uint32_t scope_number_ = ~std::uint32_t{0};  // at first of none
  ScopeView scope_;
  std::uint64_t composed_threshold_ = kUnknownThreshold;
  std::string_view composed_text_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RECORD_READER_HPP

// ---- waggle/sdk/span_filter.hpp ----

// A last look at a finished span before it leaves the process: to change it, to remove what must
// not be seen, or to drop it. Runs on the collector's thread.
#ifndef WAGGLE_SDK_SPAN_FILTER_HPP
#define WAGGLE_SDK_SPAN_FILTER_HPP

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Changes one finished span. Texts given to it are copied; valid during the filter's call only.
class SpanEditor {
 public:
  // Keeps what was changed until the batch is gone.
  class Memory {
   public:
    void clear() noexcept {
      texts_.clear();
      lists_.clear();
    }

   private:
    friend class SpanEditor;
    std::deque<std::string> texts_;
    std::deque<std::vector<AttributeView>> lists_;
  };

  SpanEditor(FinishedSpan& span, Memory& memory) noexcept : span_(span), memory_(memory) {}
  SpanEditor(const SpanEditor&) = delete;
  SpanEditor& operator=(const SpanEditor&) = delete;

  // Shows the span as it is by now.
  const FinishedSpan& span() const noexcept { return span_; }

  // Returns the value under `key`, or null if there is none.
  const ValueView* attribute(std::string_view key) const noexcept {
    for (const AttributeView& attribute : span_.attributes) {
      if (attribute.key == key) return &attribute.value;
    }
    return nullptr;
  }

  void set_name(std::string_view name) { span_.name = keep(name); }

  // Sets an attribute, or replaces its value.
  void set_attribute(std::string_view key, std::string_view text) {
    set(key, {ValueTag::Text, keep(text)});
  }
  void set_attribute(std::string_view key, const char* text) {
    set_attribute(key, std::string_view(text));
  }
  void set_attribute(std::string_view key, bool value) {
    set_word(key, ValueTag::Boolean, value ? 1 : 0);
  }
  void set_attribute(std::string_view key, int value) { set_attribute(key, std::int64_t{value}); }
  void set_attribute(std::string_view key, std::int64_t value) {
    set_word(key, ValueTag::Int64, static_cast<std::uint64_t>(value));
  }
  void set_attribute(std::string_view key, double value) {
    std::uint64_t word;
    std::memcpy(&word, &value, sizeof(word));
    set_word(key, ValueTag::Double, word);
  }

  // Removes an attribute; does nothing if there is none of that key. Not counted in the span.
  void remove_attribute(std::string_view key) {
    std::vector<AttributeView>& list = own_attributes();
    for (std::size_t index = 0; index < list.size(); ++index) {
      if (list[index].key != key) continue;
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
      break;
    }
    show(list);
  }

  // Removes all events, for instance since their attributes may hold personal data.
  void remove_events() noexcept { span_.events = {}; }

  // Sets the status; the message is kept with StatusCode::Error only.
  void set_status(StatusCode code, std::string_view message = {}) {
    span_.status = code;
    span_.status_message = code == StatusCode::Error ? keep(message) : std::string_view();
  }

 private:
  std::string_view keep(std::string_view text) { return memory_.texts_.emplace_back(text); }

  void set_word(std::string_view key, ValueTag tag, std::uint64_t word) {
    set(key, {tag, keep({reinterpret_cast<const char*>(&word), sizeof(word)})});
  }

  void set(std::string_view key, ValueView value) {
    std::vector<AttributeView>& list = own_attributes();
    auto place = list.begin();
    while (place != list.end() && place->key != key) ++place;
    if (place == list.end()) {
      list.push_back({keep(key), value});
    } else {
      place->value = value;
    }
    show(list);
  }

  // The batch's lists lie one behind the other; a list that changes moves away from there.
  std::vector<AttributeView>& own_attributes() {
    if (attributes_ == nullptr) {
      attributes_ = &memory_.lists_.emplace_back(span_.attributes.begin(), span_.attributes.end());
    }
    return *attributes_;
  }

  void show(const std::vector<AttributeView>& list) noexcept {
    span_.attributes = {list.data(), list.size()};
  }

  FinishedSpan& span_;
  Memory& memory_;
  std::vector<AttributeView>* attributes_ = nullptr;
};

// Decides about a span: true lets it go on, as it is by then; false drops it, counted as filtered.
// One that throws drops the span. Spans that a sampler wanted recorded only are shown too.
using SpanFilter = std::function<bool(SpanEditor&)>;

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_SPAN_FILTER_HPP

// ---- waggle/collect/span_batch.hpp ----

// The spans at the front of the queue, made readable and grouped by scope: what exporters and the
// encoder see.
#ifndef WAGGLE_COLLECT_SPAN_BATCH_HPP
#define WAGGLE_COLLECT_SPAN_BATCH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Bounds a batch, by its spans and by the memory that they take when read.
struct BatchBounds {
  std::size_t spans;
  std::size_t bytes;
};

// Reused from batch to batch, so that a steady load does not allocate. The records stay in the
// queue while their spans are in use.
class SpanBatch {
 public:
  // Reads the queue's first spans: as many as the bounds allow, one at least. Each group of a scope
  // keeps the order in which it was collected.
  void take(const RecordQueue& queue, BatchBounds bounds, RecordReader& reader) {
    clear();
    reader.clear();
    queue.for_each([&](std::string_view record) {
      if (!records_.empty() && is_full(bounds, reader)) return false;
      ++taken_;  // also what there is no memory for, or it would come back for ever
      reader.expect(record);
      add(record);
      return true;
    });
    group_by_scope();
    reader.reserve();
    spans_.reserve(records_.size());
    for (const Taken& taken : records_) reader.read(taken.record, spans_.emplace_back());
  }

  // Lets the filter change and drop spans; drops those that are recorded for it alone. Returns how
  // many were dropped.
  std::size_t filter(const SpanFilter& filter, SpanEditor::Memory& memory) {
    memory.clear();
    std::size_t kept = 0;
    for (std::size_t index = 0; index < spans_.size(); ++index) {
      SpanEditor editor(spans_[index], memory);
      const bool is_wanted = filter == nullptr || passes(filter, editor);
      if (!is_wanted || is_record_only(records_[index].record)) continue;
      if (kept != index) spans_[kept] = spans_[index];
      ++kept;
    }
    const std::size_t dropped = spans_.size() - kept;
    spans_.resize(kept);
    return dropped;
  }

  void clear() noexcept {
    records_.clear();
    spans_.clear();
    taken_ = 0;
  }

  // Returns how many records the batch holds on to, those of dropped spans included.
  std::size_t taken() const noexcept { return taken_; }

  std::size_t size() const noexcept { return spans_.size(); }
  const FinishedSpan& operator[](std::size_t index) const noexcept { return spans_[index]; }
  ListView<FinishedSpan> spans() const noexcept { return {spans_.data(), spans_.size()}; }

 private:
  struct Taken {
    std::string_view record;
    std::uint16_t scope;
    std::size_t order;
  };

  // Field by field where it stays, for the reason that AttributeRules::add() has.
  void add(std::string_view record) {
    Taken& taken = records_.emplace_back();
    taken.record = record;
    taken.scope = scope_of(record);
    taken.order = records_.size();
  }

  // Most programs have one scope, or batches of one.
  void group_by_scope() {
    const auto is_before = [](const Taken& a, const Taken& b) {
      return a.scope != b.scope ? a.scope < b.scope : a.order < b.order;
    };
    if (std::is_sorted(records_.begin(), records_.end(), is_before)) return;
    std::sort(records_.begin(), records_.end(), is_before);
  }

  bool is_full(BatchBounds bounds, const RecordReader& reader) const noexcept {
    return records_.size() >= bounds.spans ||
           records_.size() * sizeof(FinishedSpan) + reader.expected_bytes() >= bounds.bytes;
  }

  // A filter that fails has not said that the span may be seen.
  static bool passes(const SpanFilter& filter, SpanEditor& editor) {
    bool is_wanted = false;
    return completes([&] { is_wanted = filter(editor); }) && is_wanted;
  }

  static bool is_record_only(std::string_view record) noexcept {
    return (record[offsetof(RecordHeader, marks)] & kRecordOnly) != 0;
  }

  static std::uint16_t scope_of(std::string_view record) noexcept {
    std::uint16_t scope;
    std::memcpy(&scope, record.data() + offsetof(RecordHeader, scope), sizeof(scope));
    return scope;
  }

  std::vector<Taken> records_;
  std::vector<FinishedSpan> spans_;
  std::size_t taken_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SPAN_BATCH_HPP

// ---- waggle/collect/memory_budget.hpp ----

// One bound for all the memory that tracing takes: rings, spill blocks, thread states, queue,
// bodies.
#ifndef WAGGLE_COLLECT_MEMORY_BUDGET_HPP
#define WAGGLE_COLLECT_MEMORY_BUDGET_HPP

#include <cstddef>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Counts bytes against a limit. Any thread; no lock.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit) noexcept : limit_(limit) {}

  // Takes `bytes` if they are left.
  bool take(std::size_t bytes) noexcept {
    const std::size_t before = fetch_add(used_, bytes);
    if (before + bytes <= limit()) return true;
    give_back(bytes);
    return false;
  }

  void give_back(std::size_t bytes) noexcept { fetch_add(used_, ~bytes + 1); }

  std::size_t used() const noexcept { return load_relaxed(used_); }
  std::size_t limit() const noexcept { return load_relaxed(limit_); }
  void set_limit(std::size_t limit) noexcept { store_relaxed(limit_, limit); }

 private:
  std::size_t used_ = 0;
  std::size_t limit_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_MEMORY_BUDGET_HPP

// ---- waggle/collect/ring_pool.hpp ----

// Rings for threads, in four sizes, from one budget: generous while memory is plenty, small when
// many threads share it. A ring given back is kept for the next thread.
#ifndef WAGGLE_COLLECT_RING_POOL_HPP
#define WAGGLE_COLLECT_RING_POOL_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace waggle {
inline namespace abi1 {
namespace detail {

struct RingSize {
  std::size_t bytes;
  std::size_t slack;

  std::size_t memory() const noexcept { return sizeof(Ring) + bytes + slack + 2 * kCopyStep; }
};

// The slack of all but the smallest takes the largest record there is.
constexpr RingSize kRingSizes[] = {{3 * 1024, 2 * 1024},
                                   {64 * 1024, 17 * 1024},
                                   {256 * 1024, 17 * 1024},
                                   {1024 * 1024, 17 * 1024}};
constexpr int kLargestRing = 3;

// Makes and keeps rings. Not thread-safe: the registry's lock guards it.
class RingPool {
 public:
  explicit RingPool(MemoryBudget& budget) noexcept : budget_(budget) {}
  RingPool(const RingPool&) = delete;
  RingPool& operator=(const RingPool&) = delete;
  ~RingPool() {
    for (Ring*& kept : kept_) {
      while (kept != nullptr) {
        Ring* next = kept->successor;
        std::free(kept);
        kept = next;
      }
    }
  }

  // Returns a thread's first ring, or null if the budget is used up: of the middle size while less
  // than an eighth of the budget is taken, else of the smallest.
  Ring* first() noexcept {
    Ring* ring = budget_.used() < budget_.limit() / 8 ? acquire(1) : nullptr;
    return ring != nullptr ? ring : acquire(0);
  }

  // Returns a ring of the next larger size than `ring`, while half of the budget is left, and no
  // ring takes more than a quarter of it; else null.
  Ring* larger_than(const Ring& ring) noexcept {
    const int size = size_of(ring) + 1;
    if (size > kLargestRing || budget_.used() > budget_.limit() / 2) return nullptr;
    return kRingSizes[size].memory() <= budget_.limit() / 4 ? acquire(size) : nullptr;
  }

  void give_back(Ring* ring) noexcept {
    Ring*& kept = kept_[size_of(*ring)];
    char* bytes = ring->bytes;
    const RingSize size = kRingSizes[size_of(*ring)];
    kept = reset(ring, bytes, size, kept);
  }

 private:
  static int size_of(const Ring& ring) noexcept {
    int size = 0;
    while (kRingSizes[size].bytes != ring.size) ++size;
    return size;
  }

  static Ring* reset(void* memory, char* bytes, RingSize size, Ring* next) noexcept {
    Ring* ring = new (memory) Ring;
    ring->bytes = bytes;
    ring->size = size.bytes;
    ring->slack = size.slack;
    ring->successor = next;
    return ring;
  }

  Ring* acquire(int index) noexcept {
    if (Ring* ring = kept_[index]) {
      kept_[index] = ring->successor;
      ring->successor = nullptr;
      return ring;
    }
    const RingSize size = kRingSizes[index];
    if (!budget_.take(size.memory())) return nullptr;
    void* memory = std::aligned_alloc(kCacheLine, rounded(size.memory()));
    if (memory == nullptr) {
      budget_.give_back(size.memory());
      return nullptr;
    }
    // Touched now, so that page faults are not left to spans.
    std::memset(memory, 0, size.memory());
    return reset(memory, static_cast<char*>(memory) + sizeof(Ring), size, nullptr);
  }

  static std::size_t rounded(std::size_t size) noexcept {
    return (size + kCacheLine - 1) / kCacheLine * kCacheLine;
  }

  MemoryBudget& budget_;
  Ring* kept_[kLargestRing + 1] = {};
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RING_POOL_HPP

// ---- waggle/collect/cache_lines.hpp ----

// Whose cache holds a ring's lines. What the collector has read stays in its core's cache; the
// producer that writes there again has to get each line back from that core first, which takes five
// times as long as from memory where the two cores share no cache.
#ifndef WAGGLE_COLLECT_CACHE_LINES_HPP
#define WAGGLE_COLLECT_CACHE_LINES_HPP

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace waggle {
inline namespace abi1 {
namespace detail {

// Tells whether this processor can put a cache line back without waiting for the one before.
inline bool can_put_back_lines() noexcept {
#if defined(__x86_64__)
  static const bool result = [] {
    constexpr unsigned kClflushopt = 1U << 23;
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & kClflushopt) != 0;
  }();
  return result;
#else
  return false;
#endif
}

// Puts the lines that begin in these bytes, or that `begin` stands in, back into memory; not the
// one that `end` stands in. Only if can_put_back_lines().
inline void put_back_lines(const char* begin, const char* end) noexcept {
  constexpr std::uintptr_t kWithinLine = kCacheLine - 1;
  const char* line = begin - (reinterpret_cast<std::uintptr_t>(begin) & kWithinLine);
  for (; line + kCacheLine <= end; line += kCacheLine) {
#if defined(__x86_64__)
    asm volatile("clflushopt %0" : : "m"(*line) : "memory");
#endif
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_CACHE_LINES_HPP

// ---- waggle/collect/ring_reader.hpp ----

// The consumer's half of a ring: hands each record to a visitor in the order in which the spans
// ended.
#ifndef WAGGLE_COLLECT_RING_READER_HPP
#define WAGGLE_COLLECT_RING_READER_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns how many bytes of a ring are waiting, roughly while it is written to.
inline std::uint64_t bytes_waiting(const Ring& ring) noexcept {
  return RingPosition::distance(load_relaxed(ring.head), load_acquire(ring.tail), ring.size);
}

// Reads records while `visit(std::string_view record)` returns true, and returns how many. The
// bytes are the producer's again once visit returned. Gives space back every 64 records, so that a
// producer in a hurry need not wait for the last.
template <class Visit>
std::size_t read_ring(Ring& ring, Visit&& visit) noexcept {
  const std::uint64_t tail = load_acquire(ring.tail);
  std::uint64_t head = ring.head;
  std::size_t count = 0;
  const bool puts_back = can_put_back_lines();
  while (head != tail) {
    head = RingPosition::wrapped(head, ring.size);
    if (head == tail) break;
    const char* record = ring.bytes + RingPosition::offset(head);
    std::uint16_t words;
    std::memcpy(&words, record, sizeof(words));
    const std::size_t size = std::size_t{words} * 8;
    if (!visit(std::string_view(record, size))) break;
    if (puts_back) put_back_lines(record, record + size);
    head += size;
    if (++count % 64 == 0) store_release(ring.head, head);
  }
  store_release(ring.head, head);
  return count;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RING_READER_HPP

// ---- waggle/collect/thread_registry.hpp ----

// All threads that ever recorded a span: gives each its state and ring at its first span, takes
// them back after its end, and lets the collector visit them. States are never freed, so that a
// span that outlives its thread points to something.
#ifndef WAGGLE_COLLECT_THREAD_REGISTRY_HPP
#define WAGGLE_COLLECT_THREAD_REGISTRY_HPP

#include <pthread.h>
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Fills `seed` with the system's random numbers, or else with what differs from thread to thread.
inline void random_seed(std::uint64_t (&seed)[2]) noexcept {
  if (::getrandom(seed, sizeof(seed), 0) == sizeof(seed)) return;
  seed[0] = read_ticks() ^ reinterpret_cast<std::uintptr_t>(&seed);
  seed[1] = static_cast<std::uint64_t>(::pthread_self()) ^ read_ticks() << 32;
}

// Where a state is in its life; moved on by its thread (to Ended) and by the collector.
enum ThreadPhase : std::uint32_t { kThreadFree = 0, kThreadLive = 1, kThreadEnded = 2 };

class ThreadRegistry {
 public:
  explicit ThreadRegistry(std::size_t memory_limit) noexcept
      : budget_(memory_limit), rings_(budget_) {
    has_key_ = ::pthread_key_create(&key_, &ThreadRegistry::on_thread_exit) == 0;
  }

  ThreadRegistry(const ThreadRegistry&) = delete;
  ThreadRegistry& operator=(const ThreadRegistry&) = delete;

  // Only where no thread is left that could record: never in a program that traces.
  ~ThreadRegistry() {
    if (has_key_) ::pthread_key_delete(key_);
    while (ThreadState* state = states_) {
      states_ = state->next;
      if (state->draining != nullptr) give_back(state->draining);
      std::free(state);
    }
  }

  MemoryBudget& budget() noexcept { return budget_; }

  // Returns the calling thread's state in the hub's session and remembers where the thread caches
  // it; null, and counted, if there is no memory left or the thread is past its end.
  ThreadState* acquire(Hub& hub, ThreadState*& slot) noexcept {
    if (slot != nullptr && slot == tombstone()) return refuse(DropReason::AfterShutdown);
    const bool is_inside = slot != nullptr && slot->session == 0;
    if (is_inside || acquiring() != 0) return refuse(DropReason::Reentrant);
    const std::uint32_t session = load_acquire(hub.session);
    if (session == 0) return refuse(DropReason::AfterShutdown);
    acquiring() = 1;
    auto* state = static_cast<ThreadState*>(has_key_ ? ::pthread_getspecific(key_) : nullptr);
    if (state == nullptr) state = adopt_thread();
    acquiring() = 0;
    if (state == nullptr) return refuse(DropReason::MemoryLimit);
    remember(*state, slot);
    store_release(state->session, session);
    slot = state;
    return state;
  }

  // Gives out a state with a ring, for a thread or whoever plays one; null without memory for it.
  ThreadState* enlist() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    ThreadState* state = free_state();
    Ring* ring = state != nullptr ? rings_.first() : nullptr;
    if (ring == nullptr) {
      store_relaxed(is_exhausted_, 1U);
      return nullptr;
    }
    std::uint64_t seed[2];
    random_seed(seed);
    state->ids.seed(seed[0], seed[1]);
    state->top = state->entries;
    state->ring.attach(ring);
    state->draining = ring;
    store_release(state->phase, kThreadLive);
    return state;
  }

  // Lets threads ask again that there was no memory for: each failure keeps all from asking, so
  // that spans without a ring cost no lock.
  void try_again() noexcept { store_relaxed(is_exhausted_, 0U); }

  // Takes note that nobody will write to a state any more: what is in its ring is still collected.
  static void retire(ThreadState& state) noexcept { store_release(state.phase, kThreadEnded); }

  // Counts a span that was lost where there is no thread state to count it in.
  void count_drop(DropReason reason) noexcept {
    fetch_add(stateless_drops_[static_cast<std::size_t>(reason)], std::uint64_t{1});
  }

  // Reads what was lost on the threads' side, for one reason or in all. Any thread.
  std::uint64_t dropped(DropReason reason) const noexcept {
    const auto index = static_cast<std::size_t>(reason);
    std::uint64_t sum = load_relaxed(stateless_drops_[index]);
    for_each([&](const ThreadState& state) { sum += load_relaxed(state.dropped[index]); });
    return sum;
  }

  // Reads how many spans went into rings. Any thread.
  std::uint64_t recorded() const noexcept {
    std::uint64_t sum = 0;
    for_each([&](const ThreadState& state) { sum += load_relaxed(state.recorded); });
    return sum;
  }

  // Returns the first of all states; the others follow by `next`. Any thread.
  ThreadState* first() const noexcept { return load_acquire(states_); }

  // Visits all states, also of threads that are gone. Any thread; never blocks.
  template <class Visit>
  void for_each(Visit&& visit) const noexcept {
    for (ThreadState* state = first(); state != nullptr; state = state->next) {
      visit(*state);
    }
  }

  // Returns how many bytes a thread's rings hold at most. For the collector only.
  static std::uint64_t bytes_at_most(const ThreadState& state) noexcept {
    if (load_acquire(state.phase) == kThreadFree) return 0;
    std::uint64_t sum = 0;
    for (const Ring* ring = state.draining; ring != nullptr; ring = ring->successor) {
      sum += bytes_waiting(*ring) + ring->slack;  // a lap's last record runs over its end
    }
    return sum;
  }

  // Returns how full the ring is that is drained next, in percent; of the largest as if it were the
  // one before, for it is there for times when the collector is late. For the collector only, and
  // for a thread that has one.
  static std::uint64_t fill(const ThreadState& state) noexcept {
    const std::uint64_t usual = kRingSizes[kLargestRing - 1].bytes;
    const std::uint64_t size = state.draining->size < usual ? state.draining->size : usual;
    return bytes_waiting(*state.draining) * 100 / size;
  }

  // Drains one thread's rings into `visit`, replaces a ring that proved too small, and frees the
  // state of a thread that is gone. For the collector only. Returns the number of records.
  template <class Visit>
  std::size_t drain(ThreadState& state, Visit&& visit) noexcept {
    if (load_acquire(state.phase) == kThreadFree) return 0;
    const bool has_ended = load_acquire(state.phase) == kThreadEnded;
    const bool was_crowded = is_crowded(state);
    std::size_t count = 0;
    for (;;) {
      // Asked first: what a producer wrote before it left is then all in the ring.
      const bool is_last = load_acquire(state.draining->retired) == 0;
      count += read_ring(*state.draining, visit);
      if (is_last || !is_empty(*state.draining)) break;
      Ring* old = state.draining;
      state.draining = old->successor;
      const std::lock_guard<std::mutex> lock(mutex_);
      rings_.give_back(old);
    }
    if (was_crowded && !has_ended) grow(state);
    if (has_ended && is_empty(*state.draining)) recycle(state);
    return count;
  }

 private:
  static bool is_empty(const Ring& ring) noexcept { return bytes_waiting(ring) == 0; }

  // The one that ended threads keep: never valid in any session.
  static ThreadState* tombstone() noexcept {
    static ThreadState state;
    return &state;
  }

  // Set while this thread is in acquire(): an allocator's hook or a signal handler may come back
  // here.
  static std::uint32_t& acquiring() noexcept {
    static thread_local std::uint32_t flag = 0;
    return flag;
  }

  void give_back(Ring* ring) noexcept {
    if (ring->successor != nullptr) rings_.give_back(ring->successor);
    rings_.give_back(ring);
  }

  ThreadState* refuse(DropReason reason) noexcept {
    count_drop(reason);
    return nullptr;
  }

  ThreadState* adopt_thread() noexcept {
    if (!has_key_ || load_relaxed(is_exhausted_) != 0) return nullptr;
    ThreadState* state = enlist();
    if (state == nullptr || ::pthread_setspecific(key_, state) == 0) return state;
    retire(*state);
    return nullptr;
  }

  // Returns a state whose thread is gone and drained, or a new one.
  ThreadState* free_state() noexcept {
    for (ThreadState* state = states_; state != nullptr; state = state->next) {
      if (load_acquire(state->phase) == kThreadFree) return state;
    }
    if (!budget_.take(sizeof(ThreadState))) return nullptr;
    void* memory = std::aligned_alloc(alignof(ThreadState), sizeof(ThreadState));
    if (memory == nullptr) {
      budget_.give_back(sizeof(ThreadState));
      return nullptr;
    }
    auto* state = new (memory) ThreadState;
    state->owner = this;
    state->next = states_;
    store_release(states_, state);
    return state;
  }

  static void remember(ThreadState& state, ThreadState*& slot) noexcept {
    for (ThreadState**& known : state.slots) {
      if (known == &slot) return;
      if (known != nullptr) continue;
      known = &slot;
      return;
    }
  }

  // Runs on the thread that ends, after the destructors of its thread_local objects.
  static void on_thread_exit(void* argument) noexcept {
    auto* state = static_cast<ThreadState*>(argument);
    store_relaxed(state->session, 0U);
    for (ThreadState**& slot : state->slots) {
      if (slot != nullptr) *slot = tombstone();
      slot = nullptr;
    }
    while (state->top != state->entries) {
      ThreadState::release_block(*state->top);
      --state->top;
    }
    retire(*state);
  }

  bool is_crowded(ThreadState& state) noexcept {
    const std::uint64_t full =
        load_relaxed(state.dropped[static_cast<std::size_t>(DropReason::RingFull)]);
    const bool has_lost = full != state.seen_full;
    state.seen_full = full;
    return has_lost || bytes_waiting(*state.draining) > state.draining->size / 4;
  }

  void grow(ThreadState& state) noexcept {
    if (state.draining->successor != nullptr) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (Ring* larger = rings_.larger_than(*state.draining)) {
      store_release(state.draining->successor, larger);
    }
  }

  void recycle(ThreadState& state) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    give_back(state.draining);
    state.draining = nullptr;
    store_release(state.phase, kThreadFree);
    store_relaxed(is_exhausted_, 0U);
  }

  MemoryBudget budget_;
  std::mutex mutex_;  // guards rings_ and the making of states
  RingPool rings_;
  ThreadState* states_ = nullptr;
  std::uint32_t is_exhausted_ = 0;
  std::uint64_t stateless_drops_[kDropReasonCount] = {};
  pthread_key_t key_{};
  bool has_key_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_THREAD_REGISTRY_HPP

// ---- waggle/sdk/stats.hpp ----

// What became of every span that ended. In each snapshot the books balance:
// ended = delivered + rejected + all of dropped + in_rings + queued + in_flight.
#ifndef WAGGLE_SDK_STATS_HPP
#define WAGGLE_SDK_STATS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// Counts spans since the first start(). Unsampled spans, and spans begun while no tracer ran, are
// not counted.
struct Stats {
  std::uint64_t delivered = 0;  // acknowledged by the destination
  std::uint64_t rejected = 0;   // received by the destination, and refused one by one
  std::uint64_t dropped[kDropReasonCount] = {};
  std::uint64_t in_rings = 0;   // ended, not yet collected
  std::uint64_t queued = 0;     // collected, not yet on their way
  std::uint64_t in_flight = 0;  // on their way, no answer yet

  std::uint64_t dropped_for(DropReason reason) const noexcept {
    return dropped[static_cast<std::size_t>(reason)];
  }

  std::uint64_t dropped_in_all() const noexcept {
    std::uint64_t sum = 0;
    for (std::uint64_t count : dropped) sum += count;
    return sum;
  }

  // Returns how many spans ended in all.
  std::uint64_t ended() const noexcept {
    return delivered + rejected + dropped_in_all() + in_rings + queued + in_flight;
  }
};

// Returns a reason's name as it appears in messages: "ring_full", "memory_limit", ...
constexpr std::string_view to_string(DropReason reason) noexcept {
  constexpr std::string_view kNames[kDropReasonCount] = {
      "ring_full",         "memory_limit",   "too_large",       "rejected_status",
      "retries_exhausted", "unconfirmed",    "exporter_failed", "filtered",
      "shutdown_deadline", "after_shutdown", "reentrant",       "forked"};
  return kNames[static_cast<std::size_t>(reason)];
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_STATS_HPP

// ---- waggle/pipeline/ledger.hpp ----

// The collector's books: written by the collector alone, read by anyone without a lock. A reader
// that meets a change reads again.
#ifndef WAGGLE_PIPELINE_LEDGER_HPP
#define WAGGLE_PIPELINE_LEDGER_HPP

#include <array>
#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Counts by reason.
using DropCounts = std::array<std::uint64_t, kDropReasonCount>;

class Ledger {
 public:
  // Changes the books in one go; `change` gets the collector's own terms. For the collector only.
  template <class Change>
  void update(Change&& change) noexcept {
    change(terms_);
    store_relaxed(sequence_, sequence_ + 1);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    publish(terms_.drained, public_.drained);
    publish(terms_.delivered, public_.delivered);
    publish(terms_.rejected, public_.rejected);
    publish(terms_.queued, public_.queued);
    publish(terms_.in_flight, public_.in_flight);
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      publish(terms_.dropped[i], public_.dropped[i]);
    }
    store_release(sequence_, sequence_ + 1);
  }

  // Returns a snapshot whose terms add up. The collector's terms are read first and the threads'
  // after, so that what is in the rings is never negative.
  Stats snapshot(const ThreadRegistry& threads) const noexcept {
    Stats stats;
    std::uint64_t recorded = 0;
    Terms terms;
    std::uint32_t before = 0;
    do {
      before = load_acquire(sequence_);
      terms = copy();
      recorded = threads.recorded();
      __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((before & 1) != 0 || load_relaxed(sequence_) != before);
    stats.delivered = terms.delivered;
    stats.rejected = terms.rejected;
    stats.queued = terms.queued;
    stats.in_flight = terms.in_flight;
    stats.in_rings = recorded - terms.drained;
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      stats.dropped[i] = terms.dropped[i] + threads.dropped(static_cast<DropReason>(i));
    }
    return stats;
  }

  // Returns what was lost so far, by reason. For the collector only.
  DropCounts dropped(const ThreadRegistry& threads) const noexcept {
    DropCounts counts{};
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      counts[i] = terms_.dropped[i] + threads.dropped(static_cast<DropReason>(i));
    }
    return counts;
  }

  struct Terms {
    std::uint64_t drained = 0;
    std::uint64_t delivered = 0;
    std::uint64_t rejected = 0;
    std::uint64_t queued = 0;
    std::uint64_t in_flight = 0;
    std::uint64_t dropped[kDropReasonCount] = {};
  };

 private:
  static void publish(std::uint64_t from, std::uint64_t& to) noexcept { store_relaxed(to, from); }

  Terms copy() const noexcept {
    Terms terms;
    terms.drained = load_relaxed(public_.drained);
    terms.delivered = load_relaxed(public_.delivered);
    terms.rejected = load_relaxed(public_.rejected);
    terms.queued = load_relaxed(public_.queued);
    terms.in_flight = load_relaxed(public_.in_flight);
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      terms.dropped[i] = load_relaxed(public_.dropped[i]);
    }
    return terms;
  }

  Terms terms_;
  Terms public_;
  std::uint32_t sequence_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_LEDGER_HPP

// ---- waggle/sdk/diagnostics.hpp ----

// What waggle has to say about itself: one line a kind of trouble, to stderr or to a callback,
// never from a recording thread.
#ifndef WAGGLE_SDK_DIAGNOSTICS_HPP
#define WAGGLE_SDK_DIAGNOSTICS_HPP

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Takes a message; `user` is what was given beside it. Must not throw. Called from the collector's
// thread and from start().
using MessageHandler = void (*)(std::string_view message, void* user);

namespace detail {

// Adds `text` to what was told already; false if it is among that. Meant for a few.
WAGGLE_COLD bool remember(std::vector<std::string>& told, std::string_view text) {
  std::string copy(text);
  if (std::find(told.begin(), told.end(), copy) != told.end()) return false;
  told.push_back(std::move(copy));
  return true;
}

}  // namespace detail

// Tells each kind of trouble once, so that a server that is down for a day is one line in the log.
class Diagnostics {
 public:
  explicit Diagnostics(MessageHandler handler = nullptr, void* user = nullptr)
      : handler_(handler != nullptr ? handler : &to_stderr), user_(user) {}

  // Passes `message` on unless one of the same kind was passed on before.
  // Without memory to remember the kind it is passed on, and told again another time.
  void once(std::string_view kind, std::string_view message) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    bool is_new = true;
    detail::completes([&] { is_new = detail::remember(told_, kind); });
    if (is_new) handler_(message, user_);
  }

  void always(std::string_view message) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    handler_(message, user_);
  }

 private:
  static void to_stderr(std::string_view message, void*) {
    std::fprintf(stderr, "waggle: %.*s\n", static_cast<int>(message.size()), message.data());
  }

  std::mutex mutex_;
  std::vector<std::string> told_;
  MessageHandler handler_;
  void* user_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_DIAGNOSTICS_HPP

// ---- waggle/pipeline/verdict.hpp ----

// What became of some spans, on its way from whoever sent them to the books.
#ifndef WAGGLE_PIPELINE_VERDICT_HPP
#define WAGGLE_PIPELINE_VERDICT_HPP

#include <cstdint>
#include <string>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Writes "1 span", "2 spans".
inline std::string count_of_spans(std::uint64_t count) {
  return joined({std::to_string(count), count == 1 ? " span" : " spans"});
}

struct Verdict {
  std::uint64_t delivered = 0;
  std::uint64_t rejected = 0;
  std::uint64_t dropped = 0;
  DropReason reason = DropReason::RejectedStatus;  // of the dropped ones
  bool settles_report = false;                     // the loss report was among them
  bool report_has_arrived = false;
  std::string message;  // for a person; empty if all went well

  std::uint64_t spans() const noexcept { return delivered + rejected + dropped; }
};

// Returns what tells a verdict's trouble from others, of which each is told once.
inline std::string kind_of(const Verdict& verdict) {
  if (verdict.dropped != 0) return joined({"send ", to_string(verdict.reason)});
  if (verdict.rejected != 0) return "rejected";
  return verdict.spans() == 0 ? "retry" : "warning";
}

// Says for a person what happened.
inline std::string text_of(const Verdict& verdict) {
  if (verdict.dropped == 0) return verdict.message;
  return joined({"lost ", count_of_spans(verdict.dropped), ": ", verdict.message});
}

// Tells it, once a kind. Without memory for that it stays untold.
inline void tell(const Verdict& verdict, Diagnostics& diagnostics) noexcept {
  if (verdict.message.empty()) return;
  completes([&] { diagnostics.once(kind_of(verdict), text_of(verdict)); });
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_VERDICT_HPP

// ---- waggle/pipeline/books.hpp ----

// Where each span that was taken out of a ring is: waiting, on its way, or settled, and how. The
// collector writes here, and anyone reads the ledger. What is waiting is never counted, it follows
// from the rest; so the books cannot disagree with themselves.
#ifndef WAGGLE_PIPELINE_BOOKS_HPP
#define WAGGLE_PIPELINE_BOOKS_HPP

#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Keeps the books of one session. For the collector only, but for leave_behind().
class Books {
 public:
  explicit Books(Ledger& ledger) noexcept : ledger_(ledger) {}

  // Returns how many spans were collected in all, and how many of them have met their fate: in the
  // same order, so that the first ones collected are the first ones settled.
  std::uint64_t collected() const noexcept { return collected_; }
  std::uint64_t settled() const noexcept { return settled_; }
  std::uint64_t open() const noexcept { return collected_ - settled_; }

  void collect(std::uint64_t count) noexcept {
    if (count == 0) return;
    collected_ += count;
    update([count](Ledger::Terms& terms) { terms.drained += count; });
  }

  // Takes note of how many spans are on their way by now.
  void set_in_flight(std::uint64_t count) noexcept {
    if (count == in_flight_) return;
    in_flight_ = count;
    update([](Ledger::Terms&) {});
  }

  // Settles some spans; so many others stay on their way.
  void settle(const Verdict& verdict, std::uint64_t in_flight) noexcept {
    settled_ += verdict.spans();
    in_flight_ = in_flight;
    update([&](Ledger::Terms& terms) {
      terms.delivered += verdict.delivered;
      terms.rejected += verdict.rejected;
      drop(terms, verdict.reason, verdict.dropped);
    });
  }

  // Settles spans that were waiting.
  void drop(DropReason reason, std::uint64_t count) noexcept {
    if (count == 0) return;
    settled_ += count;
    update([&](Ledger::Terms& terms) { drop(terms, reason, count); });
  }

  // Settles all spans on their way: it is not known whether they have arrived.
  void lose_in_flight(std::uint64_t unconfirmed) noexcept {
    in_flight_ = 0;
    settled_ += unconfirmed;
    update([&](Ledger::Terms& terms) { drop(terms, DropReason::Unconfirmed, unconfirmed); });
  }

  // Settles spans that were still in the rings.
  void discard(std::uint64_t count) noexcept {
    ledger_.update([&](Ledger::Terms& terms) {
      terms.drained += count;
      drop(terms, DropReason::ShutdownDeadline, count);
    });
  }

  // Settles everything, for a collector that never comes back. From any thread, instead of it.
  void leave_behind() noexcept {
    ledger_.update([&](Ledger::Terms& terms) {
      drop(terms, DropReason::Unconfirmed, terms.in_flight);
      drop(terms, DropReason::ShutdownDeadline, terms.queued);
      terms.in_flight = 0;
      terms.queued = 0;
    });
  }

 private:
  static void drop(Ledger::Terms& terms, DropReason reason, std::uint64_t count) noexcept {
    terms.dropped[static_cast<std::size_t>(reason)] += count;
  }

  template <class Change>
  void update(Change&& change) noexcept {
    ledger_.update([&](Ledger::Terms& terms) {
      change(terms);
      terms.in_flight = in_flight_;
      terms.queued = open() - in_flight_;
    });
  }

  Ledger& ledger_;
  std::uint64_t collected_ = 0;
  std::uint64_t settled_ = 0;
  std::uint64_t in_flight_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_BOOKS_HPP

// ---- waggle/pipeline/collector.hpp ----

// Looks at all rings in turn and takes what is there into the queue. When the queue is full it
// stops, and goes on at the same thread later. What a thread records meanwhile is left for the next
// turn: no thread is passed over, however much another one records.
#ifndef WAGGLE_PIPELINE_COLLECTOR_HPP
#define WAGGLE_PIPELINE_COLLECTOR_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

class Collector {
 public:
  explicit Collector(ThreadRegistry& threads) noexcept : threads_(threads) {}

  // Collects until all threads were visited or the queue is full; returns how many records.
  std::size_t collect(RecordQueue& queue) noexcept {
    std::size_t count = 0;
    fullest_ = 0;
    if (next_ == nullptr) visit(threads_.first());
    while (next_ != nullptr) {
      bool is_full = false;
      count += threads_.drain(*next_, [&](std::string_view record) {
        if (record.size() > left_) return false;
        is_full = !queue.append(record);
        if (!is_full) left_ -= record.size();
        return !is_full;
      });
      if (is_full) return count;
      visit(next_->next);
    }
    ++passes_;
    return count;
  }

  // Throws away what is in the rings; returns how many records.
  std::size_t discard() noexcept {
    std::size_t count = 0;
    threads_.for_each([&](ThreadState& thread) {
      count += threads_.drain(thread, [](std::string_view) { return true; });
    });
    next_ = nullptr;
    return count;
  }

  // Returns how full the fullest ring was that the last call of collect() came to, in percent.
  std::uint64_t fullest() const noexcept { return fullest_; }

  // Tells whether the last record that was looked at found no room.
  bool is_held_up() const noexcept { return next_ != nullptr; }

  // Returns how many times all threads were visited.
  std::uint64_t passes() const noexcept { return passes_; }

  // Returns what passes() is at least once all threads were visited anew.
  std::uint64_t next_whole_pass() const noexcept { return passes_ + (next_ != nullptr ? 2 : 1); }

 private:
  void visit(ThreadState* thread) noexcept {
    next_ = thread;
    left_ = thread != nullptr ? ThreadRegistry::bytes_at_most(*thread) : 0;
    if (left_ != 0) fullest_ = (std::max)(fullest_, ThreadRegistry::fill(*thread));
  }

  ThreadRegistry& threads_;
  ThreadState* next_ = nullptr;  // where the pass that is under way goes on
  std::uint64_t left_ = 0;       // bytes that it takes at most before it leaves that thread
  std::uint64_t passes_ = 0;
  std::uint64_t fullest_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_COLLECTOR_HPP

// ---- waggle/pipeline/exporter_calls.hpp ----

// Calls the exporters, which may block for ever: another thread can take everything over from the
// one that is in there, which then must touch nothing any more.
#ifndef WAGGLE_PIPELINE_EXPORTER_CALLS_HPP
#define WAGGLE_PIPELINE_EXPORTER_CALLS_HPP

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

class ExporterCalls {
 public:
  explicit ExporterCalls(std::vector<std::unique_ptr<Exporter>> exporters)
      : exporters_(std::move(exporters)) {}

  bool empty() const noexcept { return exporters_.empty(); }

  // Hands the batch to each exporter. The spans count as delivered if all of them say so.
  Verdict export_batch(const Batch& batch, Deadline deadline, Diagnostics& diagnostics) {
    Verdict verdict;
    verdict.delivered = batch.spans.size();
    for (const std::unique_ptr<Exporter>& exporter : exporters_) {
      if (!pass(kOurs, kInExporter)) return lost(batch, DropReason::ShutdownDeadline);
      const ExportResult result = exporter->export_batch(batch, deadline);
      if (!pass(kInExporter, kOurs)) break;
      if (result.delivered) continue;
      verdict = lost(batch, DropReason::ExporterFailed);
      diagnostics.once("exporter", joined({"an exporter failed: ", result.reason}));
    }
    return verdict;
  }

  // Lets nobody into an exporter any more, and leaves the thread behind that is in one; false if
  // none is. From any thread.
  bool leave_behind() noexcept {
    for (;;) {
      if (pass(kInExporter, kLeftBehind)) return true;
      if (pass(kOurs, kClosed) || load_acquire(custody_) == kClosed) return false;
    }
  }

  // Tells the thread that it was left behind.
  bool is_left_behind() const noexcept { return load_acquire(custody_) == kLeftBehind; }

 private:
  // Who may touch what the exporters are given: the thread that calls them, or nobody any more.
  enum Custody : std::uint32_t { kOurs, kInExporter, kLeftBehind, kClosed };

  bool pass(Custody from, Custody to) noexcept {
    std::uint32_t expected = from;
    return compare_exchange(custody_, expected, std::uint32_t{to});
  }

  static Verdict lost(const Batch& batch, DropReason reason) {
    Verdict verdict;
    verdict.dropped = batch.spans.size();
    verdict.reason = reason;
    return verdict;
  }

  std::vector<std::unique_ptr<Exporter>> exporters_;
  std::uint32_t custody_ = kOurs;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_EXPORTER_CALLS_HPP

// ---- waggle/pipeline/flush_line.hpp ----

// Who waits for what: a flush is over once all that was recorded before it has met its fate. What
// is recorded later does not hold it up.
#ifndef WAGGLE_PIPELINE_FLUSH_LINE_HPP
#define WAGGLE_PIPELINE_FLUSH_LINE_HPP

#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Flushes are numbered from 1 on. Those asked for while one is going on are done together by the
// next.
class FlushLine {
 public:
  // Asks for all flushes up to a number.
  void ask(std::uint64_t number) noexcept {
    if (number > wanted_) wanted_ = number;
  }

  std::uint64_t done() const noexcept { return done_; }
  bool is_flushing() const noexcept { return wanted_ != done_; }

  // Begins what was asked for, before the rings are looked at. `pass` is the number of the first
  // look at all rings that begins after this.
  void begin(std::uint64_t pass) noexcept {
    if (current_ != done_ || wanted_ == done_) return;
    current_ = wanted_;
    pass_ = pass;
    knows_goal_ = false;
  }

  // Takes note of how far things are: how many looks at all rings are over, how many spans were
  // collected in all, and how many of them have met their fate, in the same order.
  void advance(std::uint64_t passes, std::uint64_t collected, std::uint64_t settled) noexcept {
    if (current_ == done_) return;
    if (!knows_goal_ && passes >= pass_) {
      goal_ = collected;
      knows_goal_ = true;
    }
    if (knows_goal_ && settled >= goal_) done_ = current_;
  }

 private:
  std::uint64_t wanted_ = 0;
  std::uint64_t current_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t pass_ = 0;
  std::uint64_t goal_ = 0;
  bool knows_goal_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_FLUSH_LINE_HPP

// ---- waggle/pipeline/loss_report.hpp ----

// Tells the destination itself what was lost on the way to it: a span of waggle's own scope with
// the counts since the last report that arrived, sent along with the next batch.
#ifndef WAGGLE_PIPELINE_LOSS_REPORT_HPP
#define WAGGLE_PIPELINE_LOSS_REPORT_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Writes one report at a time; it stands for the same losses until it has arrived.
class LossReport {
 public:
  WAGGLE_COLD LossReport() {
    for (std::size_t index = 0; index < kDropReasonCount; ++index) {
      keys_[index] = joined({"waggle.lost_spans.", to_string(static_cast<DropReason>(index))});
    }
  }

  // Starts the period of the first report; what was lost before is not told.
  void begin(const DropCounts& lost, std::uint64_t unix_nanoseconds) noexcept {
    told_ = lost;
    told_at_ = unix_nanoseconds;
  }

  // Makes the span that tells about `lost`, counts in all; false if there is nothing new to tell.
  // What filters drop is no loss.
  bool write(const DropCounts& lost, std::uint64_t unix_nanoseconds, IdGenerator& ids) noexcept {
    count_ = 0;
    for (std::size_t index = 0; index < kDropReasonCount; ++index) {
      if (index == static_cast<std::size_t>(DropReason::Filtered)) continue;
      if (lost[index] == told_[index]) continue;
      words_[count_] = lost[index] - told_[index];
      const char* word = reinterpret_cast<const char*>(&words_[count_]);
      attributes_[count_] = {keys_[index], {ValueTag::Int64, {word, sizeof(std::uint64_t)}}};
      ++count_;
    }
    if (count_ == 0) return false;
    pending_ = lost;
    pending_at_ = unix_nanoseconds;
    make_span(ids);
    return true;
  }

  const FinishedSpan& span() const noexcept { return span_; }

  // The report has arrived: the next one tells what was lost since.
  void arrived() noexcept { begin(pending_, pending_at_); }

 private:
  void make_span(IdGenerator& ids) noexcept {
    span_ = {};
    span_.trace_id = ids.trace_id();
    span_.span_id = ids.span_id();
    span_.trace_flags = kTraceFlagSampled;
    span_.name = "spans lost";
    span_.start_unix_nanoseconds = told_at_;
    span_.end_unix_nanoseconds = pending_at_ < told_at_ ? told_at_ : pending_at_;
    span_.scope = {"waggle", WAGGLE_VERSION, {}};
    span_.attributes = {attributes_.data(), count_};
  }

  std::array<std::string, kDropReasonCount> keys_;
  std::array<std::uint64_t, kDropReasonCount> words_{};
  std::array<AttributeView, kDropReasonCount> attributes_;
  std::size_t count_ = 0;
  DropCounts told_{};
  DropCounts pending_{};
  std::uint64_t told_at_ = 0;
  std::uint64_t pending_at_ = 0;
  FinishedSpan span_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_LOSS_REPORT_HPP

// ---- waggle/collect/memory_barrier.hpp ----

// The memory fence that a rare caller pays for, so that recording threads need none: membarrier(2).
#ifndef WAGGLE_COLLECT_MEMORY_BARRIER_HPP
#define WAGGLE_COLLECT_MEMORY_BARRIER_HPP

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace waggle {
inline namespace abi1 {
namespace detail {

inline bool call_membarrier(int command) noexcept {
  return ::syscall(SYS_membarrier, command, 0, 0) == 0;
}

// Prepares the process for the barrier, once; false if the system has none, or forbids it.
inline bool has_memory_barrier() noexcept {
  static const bool has = call_membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return has;
}

// Makes what each thread of this process wrote before some point of its program visible here, and
// what was written here visible to it behind that point. False if there is no such barrier.
inline bool pass_memory_barrier() noexcept {
  return has_memory_barrier() && call_membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_MEMORY_BARRIER_HPP

// ---- waggle/collect/sampler_switch.hpp ----

// Holds the sampler that decides now, and lets it be replaced while threads are asking the old one:
// that is freed once none of them can be inside it any more. Asking takes no lock.
#ifndef WAGGLE_COLLECT_SAMPLER_SWITCH_HPP
#define WAGGLE_COLLECT_SAMPLER_SWITCH_HPP

#include <time.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

class SamplerSwitch {
 public:
  explicit SamplerSwitch(const ThreadRegistry& threads) noexcept : threads_(threads) {}
  SamplerSwitch(const SamplerSwitch&) = delete;
  SamplerSwitch& operator=(const SamplerSwitch&) = delete;

  // Asks the sampler of now; on a thread that is inside waggle, once there is one.
  void decide(const RootRequest& request, RootDecision& decision) const noexcept {
    load_acquire(current_)->decide(request, decision);
  }

  // Replaces the sampler and frees the ones before it. Waits a moment for threads that are inside
  // them; one that does not come out leaves them to the next call. Any thread.
  void set(std::shared_ptr<const Sampler> sampler) {
    std::vector<std::shared_ptr<const Sampler>> leaving;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      leaving.reserve(retired_.size() + 1);
      retired_.reserve(retired_.size() + 1);
      leaving.swap(retired_);
      leaving.push_back(std::exchange(owned_, std::move(sampler)));
      store_release(current_, owned_.get());
    }
    if (have_left()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto& each : leaving) retired_.push_back(std::move(each));
  }

  // Lets the sampler adapt to what it has seen; on the collector's thread, at each of its steps.
  void maintain(TimePoint now) noexcept {
    if (now < next_time_) return;
    next_time_ = now + std::chrono::milliseconds(10);
    if (const std::shared_ptr<const Sampler> sampler = owned()) sampler->maintain(now);
  }

 private:
  std::shared_ptr<const Sampler> owned() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return owned_;
  }

  // A thread asks a sampler only while its state's session is 0. Behind the barrier each thread
  // either has the new one in sight, or shows that it is inside: until it was seen outside once.
  bool have_left() const noexcept {
    const Deadline deadline = Deadline::in(Milliseconds(100));
    if (!pass_memory_barrier()) pause(Milliseconds(10));  // no store stays unseen for that long
    bool all = true;
    threads_.for_each([&](const ThreadState& state) {
      while (is_inside(state)) {
        if (deadline.passed(SteadyClock::now())) return static_cast<void>(all = false);
        pause(std::chrono::microseconds(20));
      }
    });
    return all;
  }

  static bool is_inside(const ThreadState& state) noexcept {
    return load_acquire(state.phase) == kThreadLive && load_acquire(state.session) == 0;
  }

  static void pause(std::chrono::nanoseconds length) noexcept {
    const timespec time{0, static_cast<long>(length.count())};
    ::nanosleep(&time, nullptr);
  }

  const ThreadRegistry& threads_;
  const Sampler* current_ = nullptr;  // read without the lock
  TimePoint next_time_{};             // of maintain()

  std::mutex mutex_;  // guards what follows
  std::shared_ptr<const Sampler> owned_;
  std::vector<std::shared_ptr<const Sampler>> retired_;  // somebody was inside when last looked
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SAMPLER_SWITCH_HPP

// ---- waggle/collect/spill_pool.hpp ----

// Blocks of 4 KiB for spans that outgrow their own buffer: taken and given back by recording
// threads without a lock or an allocation, topped up by the collector.
#ifndef WAGGLE_COLLECT_SPILL_POOL_HPP
#define WAGGLE_COLLECT_SPILL_POOL_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Keeps free blocks on a stack of indexes; the head carries a count of its changes, so that a head
// that came back to the same index is told from one that never left.
class SpillPool {
 public:
  static constexpr std::size_t kMostBlocks = 512;

  explicit SpillPool(MemoryBudget& budget) noexcept
      : budget_(budget),
        most_(lesser(kMostBlocks, budget.limit() / 8 / SpillBlock::kBytes)),
        blocks_(static_cast<SpillBlock*>(
            std::aligned_alloc(SpillBlock::kBytes, kMostBlocks * SpillBlock::kBytes))) {
    top_up();
  }

  SpillPool(const SpillPool&) = delete;
  SpillPool& operator=(const SpillPool&) = delete;
  ~SpillPool() { std::free(blocks_); }

  // Returns a block, or null if none is free at the moment. Any thread.
  SpillBlock* acquire() noexcept {
    std::uint64_t head = load_acquire(head_);
    while (index_of(head) != kNone) {
      const std::uint32_t next = load_relaxed(next_[index_of(head)]);
      if (compare_exchange(head_, head, changed(head, next))) {
        fetch_add(free_, ~std::size_t{0});
        return blocks_ + index_of(head);
      }
    }
    return nullptr;
  }

  // Takes back a chain of blocks. Any thread.
  void release(SpillBlock* chain) noexcept {
    while (chain != nullptr) {
      SpillBlock* next = chain->next;
      push(static_cast<std::uint32_t>(chain - blocks_));
      chain = next;
    }
  }

  // Makes sure that some blocks are free, as far as the budget goes; touches them, so that no page
  // fault is left to the span that takes them. For the collector only.
  void top_up() noexcept {
    while (blocks_ != nullptr && load_relaxed(free_) < kSpare && made_ < most_ &&
           budget_.take(SpillBlock::kBytes)) {
      std::memset(static_cast<void*>(blocks_ + made_), 0, sizeof(SpillBlock));
      push(static_cast<std::uint32_t>(made_++));
    }
  }

 private:
  static constexpr std::size_t kSpare = 32;
  static constexpr std::uint32_t kNone = 0xffffffff;

  static constexpr std::size_t lesser(std::size_t a, std::size_t b) noexcept {
    return a < b ? a : b;
  }
  static std::uint32_t index_of(std::uint64_t head) noexcept {
    return static_cast<std::uint32_t>(head);
  }
  static std::uint64_t changed(std::uint64_t head, std::uint32_t index) noexcept {
    return ((head >> 32) + 1) << 32 | index;
  }

  void push(std::uint32_t index) noexcept {
    std::uint64_t head = load_acquire(head_);
    do {
      store_relaxed(next_[index], index_of(head));
    } while (!compare_exchange(head_, head, changed(head, index)));
    fetch_add(free_, std::size_t{1});
  }

  MemoryBudget& budget_;
  const std::size_t most_;
  SpillBlock* const blocks_;
  std::size_t made_ = 0;
  std::size_t free_ = 0;
  std::uint64_t head_ = kNone;
  std::uint32_t next_[kMostBlocks];
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SPILL_POOL_HPP

// ---- waggle/http/gzip.hpp ----

// Compresses request bodies: one deflate stream, made once and reset for each body, writing the
// gzip format (RFC 1952). The only header that needs zlib. Not thread-safe; one object per worker.
#ifndef WAGGLE_HTTP_GZIP_HPP
#define WAGGLE_HTTP_GZIP_HPP

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>

namespace waggle {
inline namespace abi1 {

// Says how far compressing came: the output is complete only when Finished, and empty when Failed.
enum class GzipProgress { Unfinished, Finished, Failed };

// Keeps a deflate stream (about 256 KB) and compresses one body after another with it.
class Gzip {
 public:
  // Makes the stream. Level 1 is fastest, 9 smallest; JSON spans shrink about tenfold at 3.
  explicit Gzip(int level = 3) noexcept {
    constexpr int kGzipWindow =
        15 + 16;  // largest window; 16 asks for gzip instead of zlib framing
    constexpr int kMemoryLevel = 8;
    made_ = deflateInit2(&stream_, level, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                         Z_DEFAULT_STRATEGY) == Z_OK;
  }

  // The stream points back at this object, so it can be neither copied nor moved.
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  ~Gzip() {
    if (made_) deflateEnd(&stream_);
  }

  // Replaces `output` by the compressed `input`, reusing its capacity. Returns false, with `output`
  // empty, if zlib has no memory or refused the level; the caller then sends the body as it is.
  // `output` must not be `input`.
  bool compress(const std::string& input, std::string& output) {
    begin(input, output);
    GzipProgress progress = GzipProgress::Unfinished;
    while (progress == GzipProgress::Unfinished) progress = advance(input.size());
    return progress == GzipProgress::Finished;
  }

  // The same in steps: begin(), then advance() until it says something else than Unfinished. Both
  // texts have to stay where they are meanwhile.
  void begin(const std::string& input, std::string& output) noexcept {
    input_ = &input;
    output_ = &output;
    read_ = 0;
    written_ = 0;
    is_ready_ = made_ && deflateReset(&stream_) == Z_OK;
  }

  // Compresses about `bytes` more of the input.
  GzipProgress advance(std::size_t bytes) {
    if (!is_ready_) return finish(GzipProgress::Failed, 0);
    const std::size_t until = read_ + (std::min)(bytes, input_->size() - read_);
    for (;;) {
      const bool is_last = until == input_->size();
      const int state = deflate_some(until, is_last);
      if (state == Z_STREAM_END) return finish(GzipProgress::Finished, written_);
      if (state != Z_OK && state != Z_BUF_ERROR) return finish(GzipProgress::Failed, 0);
      const bool is_full = written_ == output_->size();
      if (!is_full && read_ == until && !is_last) return GzipProgress::Unfinished;
    }
  }

 private:
  static constexpr std::size_t kFirstCapacity = 16 * 1024;

  GzipProgress finish(GzipProgress progress, std::size_t size) {
    output_->resize(size);
    return progress;
  }

  int deflate_some(std::size_t until, bool is_last) {
    make_room();
    const uInt room_in = countable(until - read_);
    const uInt room_out = countable(output_->size() - written_);
    // zlib never writes through next_in; it is only const when ZLIB_CONST is defined.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input_->data() + read_));
    stream_.avail_in = room_in;
    stream_.next_out = reinterpret_cast<Bytef*>(&(*output_)[written_]);
    stream_.avail_out = room_out;
    const bool takes_all = room_in == until - read_;
    const int state = deflate(&stream_, is_last && takes_all ? Z_FINISH : Z_NO_FLUSH);
    read_ += room_in - stream_.avail_in;
    written_ += room_out - stream_.avail_out;
    return state;
  }

  void make_room() {
    if (written_ == 0) output_->resize((std::max)(output_->capacity(), kFirstCapacity));
    if (written_ == output_->size()) output_->resize(output_->size() * 2);
  }

  // zlib counts in 32 bits; longer pieces are fed in turns.
  static uInt countable(std::size_t size) noexcept {
    return static_cast<uInt>((std::min<std::size_t>)(size, (std::numeric_limits<uInt>::max)()));
  }

  z_stream stream_{};
  bool made_ = false;
  bool is_ready_ = false;
  const std::string* input_ = nullptr;
  std::string* output_ = nullptr;
  std::size_t read_ = 0;
  std::size_t written_ = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_GZIP_HPP

// ---- waggle/otlp/reply.hpp ----

// Reads what servers answer: a partial success, an error's words, whose a key is. The only home of
// nlohmann_json outside the tests. Whatever the server sends, reading it does not fail.
#ifndef WAGGLE_OTLP_REPLY_HPP
#define WAGGLE_OTLP_REPLY_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Holds the parts of an answer that matter. `message` is printable and at most some 300 bytes long.
struct OtlpReply {
  std::uint64_t rejected_spans = 0;
  std::string message;
};

// Tells whether a character is a control character of either set (U+0000-1F, U+007F-9F): a terminal
// takes U+009B for the beginning of a command.
inline bool is_control_character(std::string_view character) noexcept {
  const auto last = static_cast<unsigned char>(character.back());
  if (character.size() == 1) return last < 0x20 || last == 0x7f;
  return character.size() == 2 && character.front() == '\xc2' && last < 0xa0;
}

// Makes a server's words fit for a log line: UTF-8 without control characters, cut between two
// characters if it is too long.
WAGGLE_COLD std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 300;
  std::string result;
  while (!text.empty()) {
    const Utf8Sequence sequence = first_utf8_sequence(text);
    const std::string_view character =
        sequence.is_valid ? text.substr(0, sequence.length) : kReplacementCharacter;
    if (result.size() + character.size() > kLongest) return joined({result, "..."});
    result += is_control_character(character) ? std::string_view(" ") : character;
    text.remove_prefix(sequence.length);
  }
  return result;
}

// Keeps those texts of a reply that can matter, by their path: "partialSuccess.errorMessage". Hears
// the parser instead of getting a tree from it: that tree allocates even to be thrown away, which
// may not be when memory is out.
class ReplyReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  // Tells whether the reply is one JSON string, and nothing else.
  bool is_text() const noexcept { return is_text_; }
  bool has_partial_success() const noexcept { return has_partial_success_; }

  // Returns the text at `path`, "" being the reply itself; a whole number's digits if it is one.
  std::string text(const std::string& path) const { return found(texts_, path); }
  std::string whole_number(const std::string& path) const { return found(numbers_, path); }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool number_integer(number_integer_t number) override {
    if (is_heeded()) keep(numbers_, std::to_string(number));
    return true;
  }
  bool number_unsigned(number_unsigned_t number) override {
    if (is_heeded()) keep(numbers_, std::to_string(number));
    return true;
  }
  bool string(string_t& text) override {
    is_text_ = depth_ == 0 && skipped_ == 0;
    if (is_text_ || is_heeded()) keep(texts_, printable(text));
    return true;
  }

  bool key(string_t& name) override {
    if (skipped_ != 0) return true;
    name_ = name;
    has_partial_success_ |= depth_ == 1 && name == "partialSuccess";
    return true;
  }
  bool start_object(std::size_t) override {
    const std::string inner = depth_ == 0 ? std::string() : joined({prefix_, name_, "."});
    if (skipped_ != 0 || !can_matter(inner)) return skip();
    prefix_ = inner;
    ++depth_;
    return true;
  }
  bool end_object() override {
    if (skipped_ != 0) return end_array();
    --depth_;
    if (!prefix_.empty()) prefix_.pop_back();
    prefix_.resize(prefix_.rfind('.') + 1);
    return true;
  }
  bool start_array(std::size_t) override { return skip(); }
  bool end_array() override {
    --skipped_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 private:
  // By path; few enough to look at one after the other.
  using Texts = std::vector<std::pair<std::string, std::string>>;

  static std::string found(const Texts& texts, std::string_view path) {
    for (const auto& text : texts) {
      if (text.first == path) return text.second;
    }
    return {};
  }

  // A later value replaces an earlier one.
  WAGGLE_COLD void keep(Texts& texts, const std::string& value) {
    std::string path = joined({prefix_, name_});
    for (auto& text : texts) {
      if (text.first != path) continue;
      text.second = value;
      return;
    }
    texts.push_back({std::move(path), value});
  }

  static bool can_matter(std::string_view prefix) noexcept {
    return prefix.empty() || prefix == "partialSuccess." || prefix == "error." ||
           prefix == "partialSuccess.error." || prefix == "team." || prefix == "environment.";
  }

  // Tells whether a value here is a member of an object that can matter, under a name that can.
  bool is_heeded() const noexcept {
    if (depth_ == 0 || skipped_ != 0) return false;
    for (std::string_view name : {"message", "errorMessage", "error", "detail", "title", "reason",
                                  "status", "code", "type", "rejectedSpans", "slug"}) {
      if (name == name_) return true;
    }
    return false;
  }

  bool skip() noexcept {
    ++skipped_;
    return true;
  }

  Texts texts_;
  Texts numbers_;
  std::string prefix_;
  std::string name_;
  std::size_t depth_ = 0;    // of objects that can matter
  std::size_t skipped_ = 0;  // objects and arrays within one that cannot
  bool is_text_ = false;
  bool has_partial_success_ = false;
};

// Holds whose a key is, as their slugs stand in URLs. `team` is empty if that cannot be read,
// `environment` for a classic key.
struct KeyOwner {
  std::string team;
  std::string environment;
};

// Lets `reply` hear a body; false if that is not JSON. The parser's one caller: so a compiler sees
// that only JSON is asked for, and drops the readers of all the binary formats.
inline bool hear(std::string_view body, ReplyReader& reply) {
  return nlohmann::json::sax_parse(body.begin(), body.end(), &reply);
}

// Reads Honeycomb's answer to GET /1/auth (Honeycomb API, Auth).
inline KeyOwner read_key_owner(std::string_view body) {
  ReplyReader reply;
  if (!hear(body, reply)) return {};
  return {reply.text("team.slug"), reply.text("environment.slug")};
}

// Reads a count that may come as a number or, as OTLP/JSON has it, as a string.
WAGGLE_COLD std::uint64_t count_in(const ReplyReader& reply, const std::string& path) {
  std::string digits = reply.text(path);
  if (digits.empty()) digits = reply.whole_number(path);
  const bool is_count = digits.find_first_not_of("0123456789") == digits.npos;
  return is_count ? std::strtoull(digits.c_str(), nullptr, 10) : 0;
}

// Returns the first of an object's texts under these names that is not empty.
WAGGLE_COLD std::string text_in(const ReplyReader& reply, const std::string& object,
                                std::initializer_list<const char*> names) {
  for (const char* name : names) {
    std::string words = reply.text(joined({object, name}));
    if (!words.empty()) return words;
  }
  return {};
}

// Returns the words of an error under any of the names that servers and proxies use; of one that is
// an object of its own and has none, the code.
WAGGLE_COLD std::string message_in(const ReplyReader& reply, const std::string& object) {
  std::string words =
      text_in(reply, object, {"message", "errorMessage", "error", "detail", "title"});
  const std::string error = joined({object, "error."});
  if (words.empty()) {
    words =
        text_in(reply, error,
                {"message", "errorMessage", "reason", "detail", "title", "status", "code", "type"});
  }
  const std::string code = reply.whole_number(joined({error, "code"}));
  return words.empty() && !code.empty() ? joined({"code ", code}) : words;
}

// Reads a reply's body: ExportTraceServiceResponse, google.rpc.Status, another object with an error
// in it, or plain text, as it is or as a JSON string.
inline OtlpReply read_reply(std::string_view body) {
  ReplyReader reply;
  if (!hear(body, reply)) return {0, printable(body)};
  if (reply.is_text()) return {0, reply.text("")};
  if (!reply.has_partial_success()) return {0, message_in(reply, "")};
  return {count_in(reply, "partialSuccess.rejectedSpans"), message_in(reply, "partialSuccess.")};
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_REPLY_HPP

// ---- waggle/otlp/retry_after.hpp ----

// Reads a Retry-After header: a number of seconds, or one of HTTP's three ways to write a date.
// Pure: takes the time instead of asking for it, and depends on no locale or time zone.
#ifndef WAGGLE_OTLP_RETRY_AFTER_HPP
#define WAGGLE_OTLP_RETRY_AFTER_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::int64_t kSecondsPerDay = 86400;

// Bounds what a server may ask for. The caller's own patience is far shorter.
constexpr std::int64_t kLongestRetryAfterSeconds = kSecondsPerDay;

// Holds a moment of the Gregorian calendar in UTC. `second` may be 60, a leap second.
struct CalendarTime {
  int year = 0;
  int month = 1;  // 1 to 12
  int day = 1;    // 1 to 31
  int hour = 0;
  int minute = 0;
  int second = 0;
};

constexpr bool is_leap_year(int year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr int days_in_month(int year, int month) noexcept {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month - 1] + (month == 2 && is_leap_year(year) ? 1 : 0);
}

// Returns how many days lie between 1970-01-01 and a date of the years 0 to 9999.
constexpr std::int64_t days_since_1970(int year, int month, int day) noexcept {
  constexpr int kDaysBefore1970 = 719528;  // from 0000-01-01
  const int last = year - 1;  // the years 1 to `last` lie before, and year 0, a leap year
  int days = year == 0 ? 0 : 366 + last * 365 + last / 4 - last / 100 + last / 400;
  for (int earlier = 1; earlier < month; ++earlier) days += days_in_month(year, earlier);
  return days + day - 1 - kDaysBefore1970;
}

constexpr std::int64_t seconds_since_1970(const CalendarTime& time) noexcept {
  return days_since_1970(time.year, time.month, time.day) * kSecondsPerDay + time.hour * 3600 +
         time.minute * 60 + time.second;
}

constexpr bool is_on_calendar(const CalendarTime& time) noexcept {
  return time.day >= 1 && time.day <= days_in_month(time.year, time.month) && time.hour < 24 &&
         time.minute < 60 && time.second <= 60;
}

// Reads a date from left to right. The first thing that does not fit makes the whole date unfit.
class HttpDateReader {
 public:
  HttpDateReader(std::string_view text, std::int64_t unix_seconds_now) noexcept
      : text_(text), unix_seconds_now_(unix_seconds_now) {}

  // Reads any of the three forms (RFC 9110, 5.6.7) and returns the seconds since 1970; nothing if
  // the text is none of them. The day's name is not compared with the date: a server that gets it
  // wrong still means its date.
  std::optional<std::int64_t> read() noexcept {
    for (const auto form : {&HttpDateReader::read_fixed_date, &HttpDateReader::read_rfc850_date,
                            &HttpDateReader::read_asctime_date}) {
      rest_ = text_;
      fits_ = true;
      time_ = CalendarTime{};
      (this->*form)();
      if (fits_ && rest_.empty() && is_on_calendar(time_)) return seconds_since_1970(time_);
    }
    return std::nullopt;
  }

 private:
  using Days = std::array<std::string_view, 7>;
  static constexpr Days kShortDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  static constexpr Days kLongDays = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                     "Friday", "Saturday", "Sunday"};
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

  // Sun, 06 Nov 1994 08:49:37 GMT
  void read_fixed_date() noexcept {
    name(kShortDays);
    skip(", ");
    time_.day = digits(2);
    skip(" ");
    time_.month = name(kMonths) + 1;
    skip(" ");
    time_.year = digits(4);
    skip(" ");
    read_clock();
    skip(" GMT");
  }

  // Sunday, 06-Nov-94 08:49:37 GMT
  void read_rfc850_date() noexcept {
    name(kLongDays);
    skip(", ");
    time_.day = digits(2);
    skip("-");
    time_.month = name(kMonths) + 1;
    skip("-");
    const int last_digits = digits(2);
    skip(" ");
    read_clock();
    skip(" GMT");
    choose_century(last_digits);
  }

  // Sun Nov  6 08:49:37 1994
  void read_asctime_date() noexcept {
    name(kShortDays);
    skip(" ");
    time_.month = name(kMonths) + 1;
    skip(" ");
    const bool is_padded = !rest_.empty() && rest_.front() == ' ';
    if (is_padded) skip(" ");
    time_.day = digits(is_padded ? 1 : 2);
    skip(" ");
    read_clock();
    skip(" ");
    time_.year = digits(4);
  }

  WAGGLE_COLD void read_clock() noexcept {
    time_.hour = digits(2);
    skip(":");
    time_.minute = digits(2);
    skip(":");
    time_.second = digits(2);
  }

  // A year of two digits is the latest one that is not more than 50 years ahead (RFC 9110, 5.6.7).
  void choose_century(int last_digits) noexcept {
    constexpr std::int64_t kFiftyYears = 1577847600;  // of 365.2425 days
    time_.year = 9900 + last_digits;
    while (time_.year >= 100 && seconds_since_1970(time_) - kFiftyYears > unix_seconds_now_) {
      time_.year -= 100;
    }
  }

  WAGGLE_COLD void skip(std::string_view expected) noexcept {
    if (rest_.substr(0, expected.size()) != expected) return give_up();
    rest_.remove_prefix(expected.size());
  }

  // Reads exactly `count` digits.
  WAGGLE_COLD int digits(std::size_t count) noexcept {
    int number = 0;
    for (; count != 0; --count) {
      const char digit = rest_.empty() ? '\0' : rest_.front();
      if (digit < '0' || digit > '9') {
        give_up();
        return 0;
      }
      number = number * 10 + (digit - '0');
      rest_.remove_prefix(1);
    }
    return number;
  }

  // Reads one of `names` and returns its index.
  template <std::size_t Count>
  WAGGLE_COLD int name(const std::array<std::string_view, Count>& names) noexcept {
    int index = 0;
    for (const std::string_view candidate : names) {
      if (rest_.substr(0, candidate.size()) == candidate) {
        rest_.remove_prefix(candidate.size());
        return index;
      }
      ++index;
    }
    give_up();
    return 0;
  }

  void give_up() noexcept {
    fits_ = false;
    rest_ = {};
  }

  std::string_view text_;
  std::int64_t unix_seconds_now_;
  std::string_view rest_;
  CalendarTime time_;
  bool fits_ = true;
};

// Reads a number of seconds: digits alone. What is more than a day counts as a day.
inline std::optional<std::int64_t> read_delay_seconds(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    seconds = (std::min)(seconds * 10 + (digit - '0'), kLongestRetryAfterSeconds);
  }
  return seconds;
}

// Returns how far away a date is, in seconds, from 0 to a day. Compares before it subtracts, for a
// machine's clock may say anything.
constexpr std::int64_t seconds_until(std::int64_t date, std::int64_t unix_seconds_now) noexcept {
  if (date <= unix_seconds_now) return 0;
  const bool is_far = unix_seconds_now < date - kLongestRetryAfterSeconds;
  return is_far ? kLongestRetryAfterSeconds : date - unix_seconds_now;
}

// Returns how long a Retry-After header (RFC 9110, 10.2.3) asks to wait, from 0 to 24 hours;
// nothing if it is neither a number nor a date. A date in the past means 0. Spaces and tabs around
// the value are ignored. `unix_seconds_now` counts from 1970 in UTC.
inline std::optional<Milliseconds> parse_retry_after(std::string_view text,
                                                     std::int64_t unix_seconds_now) noexcept {
  text = trim(text);
  if (const auto seconds = read_delay_seconds(text)) return Milliseconds(*seconds * 1000);
  const auto date = HttpDateReader(text, unix_seconds_now).read();
  if (!date) return std::nullopt;
  return Milliseconds(seconds_until(*date, unix_seconds_now) * 1000);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_RETRY_AFTER_HPP

// ---- waggle/otlp/answer.hpp ----

// Decides what a server's answer means for the batch that was sent: delivered, to be sent again, to
// be split, or lost. Total and pure: every outcome, status and body has an answer, and neither a
// clock nor the network is asked. The pipeline adds what only it knows: attempts and deadlines.
#ifndef WAGGLE_OTLP_ANSWER_HPP
#define WAGGLE_OTLP_ANSWER_HPP

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Says what to do with a batch after an attempt to send it.
enum class AnswerKind {
  Delivered,       // taken; `message` may hold a warning of the server's
  PartlyRejected,  // taken except for `rejected` spans; never sent again
  Retry,           // worth another attempt, after `delay` if has_delay, else after a backoff
  Split,           // too large for the server: send halves; a single span is lost
  Drop,            // lost, whatever is tried
};

// Holds the meaning of one reply.
struct Answer {
  AnswerKind kind = AnswerKind::Drop;
  std::uint64_t rejected = 0;     // at most the number of spans sent
  bool may_have_arrived = false;  // a server may have taken spans of this attempt
  bool has_delay = false;
  Milliseconds delay{0};                           // from Retry-After: 0 to 24 hours
  DropReason reason = DropReason::RejectedStatus;  // to count if nothing more is tried; means
                                                   // nothing for what was delivered
  std::string message;  // for a person: status and the server's words, or what failed; fits after
                        // "<url>: "; empty for a delivery without a warning
  bool is_authentication_problem = false;  // the key or the token is missing, wrong or not enough
};

// Names a status code as RFC 9110 and RFC 6585 do.
struct StatusName {
  int status;
  std::string_view name;
};

constexpr StatusName kStatusNames[] = {{200, "OK"},
                                       {202, "Accepted"},
                                       {204, "No Content"},
                                       {301, "Moved Permanently"},
                                       {302, "Found"},
                                       {303, "See Other"},
                                       {307, "Temporary Redirect"},
                                       {308, "Permanent Redirect"},
                                       {400, "Bad Request"},
                                       {401, "Unauthorized"},
                                       {403, "Forbidden"},
                                       {404, "Not Found"},
                                       {405, "Method Not Allowed"},
                                       {407, "Proxy Authentication Required"},
                                       {408, "Request Timeout"},
                                       {411, "Length Required"},
                                       {413, "Content Too Large"},
                                       {415, "Unsupported Media Type"},
                                       {422, "Unprocessable Content"},
                                       {429, "Too Many Requests"},
                                       {431, "Request Header Fields Too Large"},
                                       {500, "Internal Server Error"},
                                       {501, "Not Implemented"},
                                       {502, "Bad Gateway"},
                                       {503, "Service Unavailable"},
                                       {504, "Gateway Timeout"}};

// Returns a status as in "503 Service Unavailable"; the number alone if it has no common name.
WAGGLE_COLD std::string status_text(int status) {
  std::string number = std::to_string(status);
  for (const StatusName& known : kStatusNames) {
    if (known.status == status) return joined({number, " ", known.name});
  }
  return number;
}

// Appends the server's words, if it said any.
WAGGLE_COLD std::string with_words(std::string_view text, std::string_view words) {
  return joined({text, words.empty() ? "" : ": ", words});
}

// Tells whether a 400 complains about the size of the request's body, as those servers do that have
// no 413: OpenTelemetry's Collector ("http: request body too large"), gRPC gateways ("received
// message larger than max"), ASP.NET ("maximum request length exceeded") and others. Headers, URLs,
// events or attributes that are too large are not meant: splitting does not help there.
//
// "unexpected EOF" and "failed to parse OTLP request body" are not among the phrases, although
// Honeycomb's decoder cuts a body off at 20 MiB and then fails to parse the rest: no batch comes
// near that, so with these words the bytes are bad, and halving bad bytes down to single spans
// would turn one refused request into thousands.
WAGGLE_COLD bool complains_of_size(std::string_view words) {
  constexpr std::string_view kPhrases[] = {"body too large",         "body is too large",
                                           "body too big",           "body is too big",
                                           "body exceeds",           "body exceeded",
                                           "body size exceeds",      "payload too large",
                                           "payload is too large",   "payload exceeds",
                                           "payload size exceeds",   "payload reached size limit",
                                           "entity too large",       "entity is too large",
                                           "content too large",      "request too large",
                                           "request is too large",   "request too long",
                                           "request size exceeds",   "request length exceeded",
                                           "message too large",      "message is too large",
                                           "message size too large", "message larger than max"};
  std::string text(words);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (const std::string_view phrase : kPhrases) {
    if (text.find(phrase) != text.npos) return true;
  }
  return false;
}

// Exactly these may pass (OTLP specification, "Retryable Response Codes"); 408 and 500 may not.
constexpr bool is_retryable(int status) noexcept {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// Tells whether a server that answers so may nevertheless have taken spans. By their definition
// (RFC 9110, 15) 3xx, 4xx and 503 say that the request was not processed; a gateway's 502 or 504
// and a crash's 500 leave it open.
constexpr bool leaves_arrival_open(int status) noexcept {
  return status / 100 != 3 && status / 100 != 4 && status != 503;
}

// The request failed before a complete answer was there.
WAGGLE_COLD Answer judge_failure(const HttpReply& reply) {
  Answer answer;
  const bool is_connected = reply.outcome != TransportOutcome::NotConnected;
  const bool is_too_large = reply.outcome == TransportOutcome::ReplyTooLarge;
  // A reply over the limit must not lead to another attempt (OTLP specification, "Response"): the
  // next one would be as large.
  answer.kind = is_too_large ? AnswerKind::Drop : AnswerKind::Retry;
  answer.may_have_arrived = is_connected;
  answer.reason = is_connected ? DropReason::Unconfirmed : DropReason::RetriesExhausted;
  answer.message = reply.message;
  if (answer.message.empty()) {
    answer.message = is_too_large   ? "the reply is too large"
                     : is_connected ? "no complete answer"
                                    : "cannot connect";
  }
  return answer;
}

// The server took the request. A partial success is final too (OTLP specification, "Partial
// Success"); one that rejects nothing but has words is a warning. A body that is no OTLP reply
// takes nothing back, but its words are worth a look: a login page answers 200 as well.
WAGGLE_COLD Answer judge_success(const HttpReply& reply, const OtlpReply& details,
                                 std::uint64_t spans) {
  Answer answer;
  answer.rejected = (std::min)(details.rejected_spans, spans);
  answer.kind = answer.rejected == 0 ? AnswerKind::Delivered : AnswerKind::PartlyRejected;
  answer.may_have_arrived = true;
  if (answer.rejected != 0) {
    answer.message =
        with_words(joined({status_text(reply.status), ", but ", std::to_string(answer.rejected),
                           " of ", std::to_string(spans), " spans were rejected"}),
                   details.message);
  } else if (!details.message.empty()) {
    answer.message = with_words(status_text(reply.status), details.message);
  }
  return answer;
}

WAGGLE_COLD Answer judge_retryable(const HttpReply& reply, std::int64_t unix_seconds_now) {
  Answer answer;
  answer.kind = AnswerKind::Retry;
  const std::optional<Milliseconds> delay = parse_retry_after(reply.retry_after, unix_seconds_now);
  answer.has_delay = delay.has_value();
  answer.delay = delay.value_or(Milliseconds(0));
  answer.may_have_arrived = leaves_arrival_open(reply.status);
  answer.reason = answer.may_have_arrived ? DropReason::Unconfirmed : DropReason::RetriesExhausted;
  return answer;
}

WAGGLE_COLD Answer judge_refusal(const HttpReply& reply, const OtlpReply& details) {
  Answer answer;
  const bool is_too_large =
      reply.status == 413 || (reply.status == 400 && complains_of_size(details.message));
  answer.kind = is_too_large ? AnswerKind::Split : AnswerKind::Drop;
  answer.reason = is_too_large ? DropReason::TooLarge : DropReason::RejectedStatus;
  answer.may_have_arrived = leaves_arrival_open(reply.status);
  answer.is_authentication_problem = reply.status == 401 || reply.status == 403;
  return answer;
}

// Returns what the reply to a request with `spans` spans means. `unix_seconds_now` is needed for a
// Retry-After that is a date. The message is made of the status and the reply's words alone.
inline Answer judge(const HttpReply& reply, std::uint64_t spans, std::int64_t unix_seconds_now) {
  if (reply.outcome != TransportOutcome::Answered) return judge_failure(reply);
  const OtlpReply details = read_reply(reply.body);
  if (reply.status / 100 == 2) return judge_success(reply, details, spans);
  Answer answer = is_retryable(reply.status) ? judge_retryable(reply, unix_seconds_now)
                                             : judge_refusal(reply, details);
  if (reply.was_repeated) {
    answer.may_have_arrived = true;
    answer.reason = DropReason::Unconfirmed;
  }
  std::string text = status_text(reply.status);
  if (reply.status / 100 == 3) text += " (redirects are not followed)";
  answer.message = with_words(text, details.message);
  return answer;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_ANSWER_HPP

// ---- waggle/pipeline/backoff.hpp ----

// How long to wait before the next attempt when the server names no time itself: exponential
// backoff with full jitter, so that the clients of a server that comes back do not return all at
// once. After Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). Pure:
// random bits are handed in, no clock is asked.
#ifndef WAGGLE_PIPELINE_BACKOFF_HPP
#define WAGGLE_PIPELINE_BACKOFF_HPP

#include <algorithm>
#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

class Backoff {
 public:
  // Waits up to `first` before the first retry, then up to twice as long each time, never longer
  // than `longest`. Negative times count as 0.
  constexpr explicit Backoff(Milliseconds first = Milliseconds(500),
                             Milliseconds longest = Milliseconds(15000)) noexcept
      : longest_((std::max)(longest, Milliseconds(0))),
        first_((std::min)((std::max)(first, Milliseconds(0)), longest_)),
        ceiling_(first_) {}

  // Returns the time to wait before the next attempt: uniform in [0, min(longest, first * 2^n)] for
  // the n-th call since the last reset(), counted from 0. `random_bits` are 64 uniform bits.
  Milliseconds next(std::uint64_t random_bits) noexcept {
    const auto steps = static_cast<std::uint64_t>(ceiling_.count()) + 1;
    const auto wait = static_cast<Milliseconds::rep>(random_bits % steps);
    // Compared before it is doubled: the ceiling stays put once it is reached, and cannot overflow.
    ceiling_ = ceiling_ > longest_ / 2 ? longest_ : ceiling_ * 2;
    return Milliseconds(wait);
  }

  // Begins again with the first, shortest wait.
  void reset() noexcept { ceiling_ = first_; }

 private:
  Milliseconds longest_;
  Milliseconds first_;
  Milliseconds ceiling_;  // the longest that the next wait can be
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_BACKOFF_HPP

// ---- waggle/pipeline/batch_parts.hpp ----

// The parts of a batch that are not settled yet: the whole at first, halves of halves once a server
// finds it too large.
#ifndef WAGGLE_PIPELINE_BATCH_PARTS_HPP
#define WAGGLE_PIPELINE_BATCH_PARTS_HPP

#include <cstddef>
#include <cstdint>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Some neighbouring spans of a batch.
struct BatchPart {
  std::size_t first;
  std::size_t count;
  bool may_have_arrived;  // at an attempt that had no answer
};

// Counts own spans apart from the loss report, which comes last in its batch and is in nobody's
// books.
class BatchParts {
 public:
  BatchParts() { parts_.reserve(kMost); }

  void begin(std::size_t spans, bool has_report) {
    spans_ = spans;
    has_report_ = has_report;
    parts_.assign(1, BatchPart{0, spans, false});
  }

  bool empty() const noexcept { return parts_.empty(); }
  void clear() noexcept { parts_.clear(); }

  // Returns the part whose turn it is.
  BatchPart& current() noexcept { return parts_.back(); }
  const BatchPart& current() const noexcept { return parts_.back(); }

  // Goes on to the next one.
  void pop() noexcept { parts_.pop_back(); }

  // Halves the current part; false if it is one span, which no other request would carry either.
  bool split() {
    const BatchPart part = current();
    if (part.count < 2) return false;
    const std::size_t half = part.count / 2;
    current() = {part.first + half, part.count - half, part.may_have_arrived};
    parts_.push_back({part.first, half, part.may_have_arrived});
    return true;
  }

  bool holds_report(const BatchPart& part) const noexcept {
    return has_report_ && part.first + part.count == spans_;
  }

  std::uint64_t own_spans(const BatchPart& part) const noexcept {
    return part.count - (holds_report(part) ? 1 : 0);
  }

  std::uint64_t own_spans() const noexcept {
    std::uint64_t sum = 0;
    for (const BatchPart& part : parts_) sum += own_spans(part);
    return sum;
  }

  // Returns how many of these may have arrived.
  std::uint64_t unconfirmed_spans() const noexcept {
    std::uint64_t sum = 0;
    for (const BatchPart& part : parts_) sum += part.may_have_arrived ? own_spans(part) : 0;
    return sum;
  }

 private:
  // Halving leaves one part more each time, and no batch has more than 2^24 spans.
  static constexpr std::size_t kMost = 26;

  std::vector<BatchPart> parts_;
  std::size_t spans_ = 0;
  bool has_report_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_BATCH_PARTS_HPP

// ---- waggle/collect/span_cutter.hpp ----

// Makes a span small enough to be sent, for one that no request could carry as it is: gives up what
// is most likely the bulk first, and says so in the span.
#ifndef WAGGLE_COLLECT_SPAN_CUTTER_HPP
#define WAGGLE_COLLECT_SPAN_CUTTER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Cuts a copy of a span, each time smaller than the time before.
class SpanCutter {
 public:
  explicit SpanCutter(const FinishedSpan& span)
      : span_(span), attributes_(span.attributes.begin(), span.attributes.end()) {
    mark_as_cut();
  }

  // Cuts some more off; false if nothing is left to give up.
  bool cut() {
    if (!span_.events.empty() || !span_.links.empty()) {
      give_up_lists();
    } else if (value_length_ > kShortestValue) {
      value_length_ /= 4;
      shorten_texts();
    } else if (attributes_.size() > 1) {
      give_up_attributes();
    } else {
      return false;
    }
    span_.attributes = {attributes_.data(), attributes_.size()};
    return true;
  }

  const FinishedSpan& span() const noexcept { return span_; }

 private:
  static constexpr std::uint32_t kShortestValue = 64;

  // Written as the first attribute, which is never given up.
  void mark_as_cut() {
    static constexpr std::uint64_t kTrue = 1;
    const std::string_view word(reinterpret_cast<const char*>(&kTrue), sizeof(kTrue));
    attributes_.insert(attributes_.begin(),
                       AttributeView{"waggle.cut_to_fit", {ValueTag::Boolean, word}});
    span_.attributes = {attributes_.data(), attributes_.size()};
  }

  void give_up_lists() noexcept {
    span_.dropped_events += static_cast<std::uint32_t>(span_.events.size());
    span_.dropped_links += static_cast<std::uint32_t>(span_.links.size());
    span_.events = {};
    span_.links = {};
  }

  void shorten_texts() {
    span_.name = leading_characters(span_.name, value_length_);
    span_.status_message = leading_characters(span_.status_message, value_length_);
    EffectiveLimits limits;
    limits.value_length = value_length_;
    const ValueLimit shortest(limits, texts_);
    for (AttributeView& attribute : attributes_) {
      attribute.value = shortest.limited(attribute.value);
    }
  }

  // The later half: what was set first is most often what the span is about.
  void give_up_attributes() {
    const std::size_t kept = (attributes_.size() + 1) / 2;
    span_.dropped_attributes += static_cast<std::uint32_t>(attributes_.size() - kept);
    attributes_.resize(kept);
  }

  FinishedSpan span_;
  std::vector<AttributeView> attributes_;
  TextArena texts_;
  std::uint32_t value_length_ = 4096;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SPAN_CUTTER_HPP

// ---- waggle/pipeline/encoded_batch.hpp ----

// A request's body in the making, and the bodies of its parts once a server finds it too large: cut
// by its encoded size and by its number of spans.
#ifndef WAGGLE_PIPELINE_ENCODED_BATCH_HPP
#define WAGGLE_PIPELINE_ENCODED_BATCH_HPP

#include <cstddef>
#include <cstdint>
#include <string>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Bounds a body. A last span is taken back rather than let it grow beyond.
struct BodyBounds {
  std::size_t spans = 4096;
  std::size_t bytes = 4 * 1024 * 1024;
};

enum class Fit : std::uint8_t { Added, Full, TooLarge };

// Encodes spans until the body is full. Keeps its memory from one body to the next.
class EncodedBatch {
 public:
  EncodedBatch(OtlpEncoderOptions options, BodyBounds bounds) noexcept
      : encoder_(options), bounds_(bounds) {}

  void begin(const Resource& resource) {
    encoder_.reserve(bounds_.bytes + bounds_.bytes / 4);
    encoder_.begin(resource);
    spans_ = 0;
  }

  // Adds a span unless the body is full. One that is too large alone is cut to fit; TooLarge means
  // that not even its name does.
  Fit add(const FinishedSpan& span) {
    if (spans_ == bounds_.spans) return Fit::Full;
    const Fit fit = try_to_add(span);
    if (fit == Fit::Added || spans_ > 0) return fit;
    SpanCutter cutter(span);
    while (cutter.cut()) {
      if (try_to_add(cutter.span()) == Fit::Added) return Fit::Added;
    }
    return Fit::TooLarge;
  }

  // Adds a span of the SDK's own, whatever the bounds. It counts as one of the spans.
  void add_own(const FinishedSpan& span) {
    encoder_.add(span);
    ++spans_;
  }

  void finish() { encoder_.finish(); }

  std::size_t size() const noexcept { return spans_; }
  bool empty() const noexcept { return spans_ == 0; }

  // Returns the body of `count` of the spans, from number `first` on; valid until the next call.
  const std::string& body(std::size_t first, std::size_t count) {
    if (count == spans_) return encoder_.text();
    encoder_.copy_part(first, count, part_);
    return part_;
  }

  // Returns how many values were left out so far for not being finite.
  std::uint64_t omitted_values() const noexcept { return encoder_.omitted_values(); }

 private:
  // What finish() adds: brackets and schema URLs.
  static constexpr std::size_t kTail = 256;

  Fit try_to_add(const FinishedSpan& span) {
    const OtlpEncoder::Mark mark = encoder_.mark();
    if (encoder_.add(span) + kTail > bounds_.bytes) {
      encoder_.take_back(mark);
      return Fit::Full;
    }
    ++spans_;
    return Fit::Added;
  }

  OtlpEncoder encoder_;
  BodyBounds bounds_;
  std::string part_;
  std::size_t spans_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_ENCODED_BATCH_HPP

// ---- waggle/sdk/otlp_destination.hpp ----

// Where an OTLP/HTTP endpoint is, how to talk to it, and how long to try.
#ifndef WAGGLE_SDK_OTLP_DESTINATION_HPP
#define WAGGLE_SDK_OTLP_DESTINATION_HPP

#include <string>

namespace waggle {
inline namespace abi1 {

struct OtlpDestination {
  std::string url;
  HeaderList headers;
  bool is_honeycomb = false;  // follow Honeycomb's decoders where they differ from the rules
  bool compress = true;

  Milliseconds attempt_timeout{10000};
  Milliseconds retry_for{60000};
  Milliseconds retry_backoff_first{500};
  Milliseconds retry_backoff_longest{15000};
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_OTLP_DESTINATION_HPP

// ---- waggle/pipeline/delivery.hpp ----

// Takes batches to an OTLP/HTTP endpoint: encodes one while another is on its way, compresses,
// sends, waits, sends again, halves what is too large, gives up in time. Without a clock and
// without waiting; the transport and the time are handed in.
#ifndef WAGGLE_PIPELINE_DELIVERY_HPP
#define WAGGLE_PIPELINE_DELIVERY_HPP

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Sends one batch at a time, in the order in which they were submitted. For the collector only.
class Delivery {
 public:
  Delivery(const OtlpDestination& destination, std::unique_ptr<Transport> transport,
           BodyBounds bounds)
      : destination_(destination),
        transport_(std::move(transport)),
        backoff_(destination.retry_backoff_first, destination.retry_backoff_longest),
        next_(std::make_unique<EncodedBatch>(OtlpEncoderOptions{destination.is_honeycomb}, bounds)),
        current_(
            std::make_unique<EncodedBatch>(OtlpEncoderOptions{destination.is_honeycomb}, bounds)) {
    if (destination.compress) gzip_ = std::make_unique<Gzip>();
    request_.url = destination_.url;
    request_.headers = destination_.headers;
    request_.headers.emplace_back("Content-Type", "application/json");
  }

  // ---- the batch that is being encoded ----

  // Tells whether the batch that was submitted last is still waiting for its turn.
  bool has_submitted() const noexcept { return is_submitted_; }

  // Gives the batch to be filled; it is sent once submit() was called.
  EncodedBatch& next() noexcept { return *next_; }

  // `has_report` says that the last span is the loss report, which is in nobody's books.
  void submit(bool has_report) {
    next_->finish();
    next_has_report_ = has_report;
    is_submitted_ = true;
  }

  // ---- the batch that is being sent ----

  // Does what can be done now without waiting, a little at a time. True if there is something to
  // tell: some spans met their fate, or an attempt failed.
  bool step(TimePoint now, std::int64_t unix_seconds, IdGenerator& random, Verdict& verdict) {
    if (phase_ == Phase::InFlight) return hear(now, unix_seconds, random, verdict);
    if (parts_.empty() && is_submitted_) load();
    if (phase_ == Phase::Waiting && !parts_.empty() && now >= resume_at_) {
      if (was_sent_ && now > deadline_) return finish_part(out_of_time(), verdict);
      begin_attempt(now);
    }
    if (phase_ == Phase::Compressing) compress(now);
    return false;
  }

  bool is_idle() const noexcept { return parts_.empty() && !is_submitted_; }
  bool is_in_flight() const noexcept { return phase_ == Phase::InFlight; }
  bool is_for_honeycomb() const noexcept { return destination_.is_honeycomb; }

  // Returns how many spans were sent at least once and have no answer yet.
  std::uint64_t spans_in_flight() const noexcept { return was_sent_ ? parts_.own_spans() : 0; }

  // Returns when there is something to do again that no reply will tell.
  TimePoint next_time() const noexcept {
    if (phase_ == Phase::Compressing) return TimePoint{};
    return is_in_flight() || is_idle() ? (TimePoint::max)() : resume_at_;
  }

  // Ends the wait before the next attempt: for a shutdown, which cannot wait.
  void hurry(TimePoint now) noexcept {
    resume_at_ = (std::min)(resume_at_, now);
    backoff_.reset();
  }

  // Gives up all that is here, also what was not submitted yet; returns of how many spans it is not
  // known whether they have arrived.
  std::uint64_t give_up() noexcept {
    if (is_in_flight()) {
      transport_->cancel();
      parts_.current().may_have_arrived |=
          transport_->poll().outcome != TransportOutcome::NotConnected;
    }
    const std::uint64_t unconfirmed = parts_.unconfirmed_spans();
    parts_.clear();
    phase_ = Phase::Waiting;
    is_submitted_ = was_sent_ = false;
    return unconfirmed;
  }

  // Sleeps until the request can move on, `wake_descriptor` is readable or `longest` is over.
  void wait(int wake_descriptor, Milliseconds longest) noexcept {
    transport_->wait(wake_descriptor, longest);
  }

  std::uint64_t omitted_values() const noexcept {
    return next_->omitted_values() + current_->omitted_values();
  }

 private:
  enum class Phase : std::uint8_t { Waiting, Compressing, InFlight };

  // A fifth of a millisecond, in which no ring overflows.
  static constexpr std::size_t kCompressedAtOnce = 64 * 1024;

  void load() {
    std::swap(current_, next_);
    is_submitted_ = false;
    was_sent_ = false;
    parts_.begin(current_->size(), next_has_report_);
  }

  void begin_attempt(TimePoint now) {
    if (!was_sent_) deadline_ = now + destination_.retry_for;
    const BatchPart& part = parts_.current();
    body_ = &current_->body(part.first, part.count);
    if (gzip_ == nullptr) return send(now, *body_);
    gzip_->begin(*body_, compressed_);
    phase_ = Phase::Compressing;
  }

  void compress(TimePoint now) {
    const GzipProgress progress = gzip_->advance(kCompressedAtOnce);
    if (progress == GzipProgress::Unfinished) return;
    send(now, progress == GzipProgress::Finished ? compressed_ : *body_);
  }

  void send(TimePoint now, const std::string& body) {
    request_.headers.resize(destination_.headers.size() + 1);
    if (&body == &compressed_) request_.headers.emplace_back("Content-Encoding", "gzip");
    request_.body = &body;
    request_.timeout =
        (std::min)(destination_.attempt_timeout, Deadline(deadline_).left(now) + Milliseconds(1));
    transport_->begin(request_);
    phase_ = Phase::InFlight;
    was_sent_ = true;
  }

  bool hear(TimePoint now, std::int64_t unix_seconds, IdGenerator& random, Verdict& verdict) {
    const HttpReply& reply = transport_->poll();
    if (reply.outcome == TransportOutcome::Pending) return false;
    BatchPart& part = parts_.current();
    const Answer answer = judge(reply, part.count, unix_seconds);
    phase_ = Phase::Waiting;
    part.may_have_arrived |= answer.may_have_arrived;
    switch (answer.kind) {
      case AnswerKind::Delivered:
      case AnswerKind::PartlyRejected:
        backoff_.reset();
        return finish_part(accepted(answer), verdict);
      case AnswerKind::Split:
        if (parts_.split()) return false;
        return finish_part(lost(DropReason::TooLarge, answer), verdict);
      case AnswerKind::Drop:
        return finish_part(lost(answer.reason, answer), verdict);
      case AnswerKind::Retry:
        break;
    }
    if (!wait_for_retry(now, answer, random)) {
      return finish_part(lost(DropReason::RetriesExhausted, answer), verdict);
    }
    verdict.message = message(answer) + " (will be tried again)";
    return true;
  }

  // Sets the time of the next attempt; false if the batch has no time left for it. The destination
  // is left alone until then in either case, but for no longer than a batch is kept.
  bool wait_for_retry(TimePoint now, const Answer& answer, IdGenerator& random) {
    const Milliseconds own = backoff_.next(random.span_id().value);
    const Milliseconds delay = answer.has_delay ? answer.delay : own;
    resume_at_ = now + (std::min)(delay, destination_.retry_for);
    return now + delay < deadline_;
  }

  bool finish_part(Verdict&& result, Verdict& verdict) {
    verdict = std::move(result);
    verdict.settles_report = parts_.holds_report(parts_.current());
    parts_.pop();
    if (parts_.empty()) was_sent_ = false;
    return true;
  }

  // Partial success: the server took the request and refused some of its spans; never sent again.
  Verdict accepted(const Answer& answer) const {
    const BatchPart& part = parts_.current();
    Verdict verdict;
    verdict.rejected = (std::min)(answer.rejected, parts_.own_spans(part));
    verdict.delivered = parts_.own_spans(part) - verdict.rejected;
    verdict.report_has_arrived = answer.rejected == 0;
    if (!answer.message.empty()) verdict.message = message(answer);
    return verdict;
  }

  // What may have arrived at an earlier attempt is not certainly lost.
  Verdict lost(DropReason reason, const Answer& answer) const {
    const BatchPart& part = parts_.current();
    Verdict verdict;
    verdict.dropped = parts_.own_spans(part);
    verdict.reason = part.may_have_arrived ? DropReason::Unconfirmed : reason;
    verdict.message = message(answer);
    if (answer.is_authentication_problem) verdict.message += advice();
    return verdict;
  }

  Verdict out_of_time() const {
    Answer answer;
    answer.message = "no time was left to try again";
    return lost(DropReason::RetriesExhausted, answer);
  }

  // A server may repeat what it was sent, the key included.
  std::string message(const Answer& answer) const {
    return destination_.url + ": " + without_values(answer.message, destination_.headers);
  }

  const char* advice() const noexcept {
    return destination_.is_honeycomb
               ? " (check HONEYCOMB_API_KEY, and HONEYCOMB_API_ENDPOINT for its region)"
               : " (check OTEL_EXPORTER_OTLP_HEADERS)";
  }

  OtlpDestination destination_;
  std::unique_ptr<Transport> transport_;
  Backoff backoff_;
  std::unique_ptr<Gzip> gzip_;  // none: bodies are sent as they are
  std::string compressed_;
  HttpRequest request_;

  std::unique_ptr<EncodedBatch> next_;
  bool is_submitted_ = false;
  bool next_has_report_ = false;

  std::unique_ptr<EncodedBatch> current_;
  Phase phase_ = Phase::Waiting;
  bool was_sent_ = false;
  const std::string* body_ = nullptr;  // of the part being sent, not compressed
  BatchParts parts_;                   // of the current batch
  TimePoint deadline_{};               // of the current batch
  TimePoint resume_at_{};              // no attempt before this
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_DELIVERY_HPP

// ---- waggle/pipeline/memory_plan.hpp ----

// Divides the memory that tracing may take: three quarters for the recording threads (their states,
// rings, spill blocks), one for what is collected. Neither can starve the other. With the default
// of 16 MB a thousand threads have a ring.
#ifndef WAGGLE_PIPELINE_MEMORY_PLAN_HPP
#define WAGGLE_PIPELINE_MEMORY_PLAN_HPP

#include <algorithm>
#include <cstddef>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Bounds each consumer of memory. What the collector may take adds up to its quarter: the queue,
// the spans of a batch being read, two bodies, their compressed form, and zlib's own state.
struct MemoryPlan {
  std::size_t threads;
  std::size_t queue;
  BatchBounds batch;
  BodyBounds body;

  static MemoryPlan of(std::size_t memory_limit, std::size_t batch_spans) noexcept {
    const std::size_t collector = memory_limit / 4;
    constexpr std::size_t kLargestBody = 4 * 1024 * 1024;
    MemoryPlan plan{};
    plan.threads = memory_limit - collector;
    plan.queue = collector / 4;
    plan.batch = {batch_spans, collector / 8};
    plan.body = {batch_spans, (std::min)(collector / 4, kLargestBody)};
    return plan;
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_MEMORY_PLAN_HPP

// ---- waggle/pipeline/pipeline_settings.hpp ----

// What a pipeline is made of: the process-wide sources that it works on, and what one session was
// configured with. Time, randomness, transport and exporters are all handed in here.
#ifndef WAGGLE_PIPELINE_PIPELINE_SETTINGS_HPP
#define WAGGLE_PIPELINE_PIPELINE_SETTINGS_HPP

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Outlives every pipeline.
struct PipelineSources {
  ThreadRegistry& threads;
  SpillPool& spill;
  ScopeTable& scopes;
  Ledger& ledger;
  SamplerSwitch* sampler = nullptr;  // none: nobody adapts
};

struct PipelineSettings {
  Resource resource;
  EffectiveLimits limits;
  std::vector<std::string> baggage_attributes;
  MemoryPlan memory{};
  Milliseconds batch_delay{1000};
  Milliseconds export_timeout{10000};
  SpanFilter filter;
  std::vector<std::unique_ptr<Exporter>> exporters;
  std::unique_ptr<Delivery> delivery;  // none: to the exporters only
  ClockSample (*sample_clocks)() = &detail::sample_clocks;
  std::uint64_t seed[2] = {};
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_PIPELINE_SETTINGS_HPP

// ---- waggle/collect/field_names.hpp ----

// The fields that Honeycomb makes of a span itself: an attribute of the same name would overwrite
// them (what Honeycomb's OTLP reader, husky, writes for each span).
#ifndef WAGGLE_COLLECT_FIELD_NAMES_HPP
#define WAGGLE_COLLECT_FIELD_NAMES_HPP

#include <cstddef>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

inline bool begins_with(std::string_view text, std::string_view prefix) noexcept {
  return text.substr(0, prefix.size()) == prefix;
}

// Tells whether a span's attribute of that name takes the place of one of Honeycomb's own fields.
// The length is asked first: it settles nearly every key.
inline bool is_honeycomb_field(std::string_view key) noexcept {
  if (begins_with(key, "meta.") || begins_with(key, "trace.link.")) return true;
  switch (key.size()) {
    case 4:
      return key == "name" || key == "type";
    case 5:
      return key == "error";
    case 9:
      return key == "span.kind";
    case 11:
      return key == "duration_ms" || key == "status_code";
    case 12:
      return key == "library.name";
    case 13:
      return key == "trace.span_id";
    case 14:
      return key == "trace.trace_id" || key == "status_message" || key == "span.num_links";
    case 15:
      return key == "trace.parent_id" || key == "library.version" || key == "span.num_events";
    case 17:
      return key == "trace.trace_state";
    default:
      return false;
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_FIELD_NAMES_HPP

// ---- waggle/pipeline/span_remarks.hpp ----

// What waggle says about the spans it sends, once each: that a limit discarded something, and that
// an attribute overwrites one of Honeycomb's own fields. The spans go as they are.
#ifndef WAGGLE_PIPELINE_SPAN_REMARKS_HPP
#define WAGGLE_PIPELINE_SPAN_REMARKS_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Looks at each span before it leaves, on the collector's thread.
class SpanRemarks {
 public:
  SpanRemarks(Diagnostics& diagnostics, bool is_for_honeycomb) noexcept
      : diagnostics_(diagnostics), is_for_honeycomb_(is_for_honeycomb) {}

  // Without memory it says nothing.
  void look_at(ListView<FinishedSpan> spans) noexcept {
    completes([&] {
      for (const FinishedSpan& span : spans) {
        tell_limits(span);
        if (is_for_honeycomb_) tell_fields(span);
      }
    });
  }

  void tell_omitted(std::uint64_t values) {
    if (values == 0) return;
    diagnostics_.once("omitted",
                      "attribute values that are no finite numbers are left out: Honeycomb might "
                      "read them as 0");
  }

 private:
  // There are some twenty fields, but any number of names below meta.
  static constexpr std::size_t kMostNames = 100;

  // OpenTelemetry allows one message a span; one a program is enough to go and look at the counts.
  void tell_limits(const FinishedSpan& span) {
    std::size_t attributes = span.dropped_attributes;
    for (const EventView& event : span.events) attributes += event.dropped_attributes;
    for (const LinkView& link : span.links) attributes += link.dropped_attributes;
    if (attributes != 0) tell_limit("attributes", span);
    if (span.dropped_events != 0) tell_limit("events", span);
    if (span.dropped_links != 0) tell_limit("links", span);
  }

  WAGGLE_COLD void tell_limit(const char* what, const FinishedSpan& span) {
    constexpr const char* kWhy =
        "\" were discarded, for a limit or an empty key; the span counts them, and "
        "this is said once";
    if (!remember(told_, what)) return;
    diagnostics_.always(joined({"some ", what, " of span \"", span.name, kWhy}));
  }

  void tell_fields(const FinishedSpan& span) {
    for (const AttributeView& attribute : span.attributes) {
      if (is_honeycomb_field(attribute.key)) tell_field(attribute.key);
    }
  }

  WAGGLE_COLD void tell_field(std::string_view key) {
    constexpr const char* kWhat =
        "\" overwrites a field that Honeycomb makes itself; it is sent all the "
        "same, and this is said once";
    if (told_.size() >= kMostNames || !remember(told_, key)) return;
    diagnostics_.always(joined({"the attribute \"", key, kWhat}));
  }

  Diagnostics& diagnostics_;
  const bool is_for_honeycomb_;
  std::vector<std::string> told_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_SPAN_REMARKS_HPP

// ---- waggle/pipeline/pipeline.hpp ----

// From the threads' rings to the destinations: a state machine without a clock, a thread or a
// socket of its own. Each step collects what is there, does one piece of work and says when to come
// again; every span that leaves a ring is in the books exactly once. README.md here draws it.
#ifndef WAGGLE_PIPELINE_PIPELINE_HPP
#define WAGGLE_PIPELINE_PIPELINE_HPP

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Tells a driver what a step did.
struct StepResult {
  std::size_t collected = 0;
  std::uint64_t fullest = 0;  // ring met on the way, in percent
  bool is_busy = false;       // there is more to do at once
};

class Pipeline {
 public:
  Pipeline(PipelineSources sources, PipelineSettings settings,
           std::shared_ptr<Diagnostics> diagnostics, WallClock clock)
      : sources_(sources),
        settings_(std::move(settings)),
        diagnostics_(std::move(diagnostics)),
        delivery_(settings_.delivery.get()),
        exporters_(std::move(settings_.exporters)),
        books_(sources.ledger),
        clock_(clock),
        reader_(clock_, sources.scopes, settings_.limits, settings_.baggage_attributes),
        collector_(sources.threads),
        queue_(settings_.memory.queue),
        remarks_(*diagnostics_, delivery_ != nullptr && delivery_->is_for_honeycomb()) {
    ids_.seed(settings_.seed[0], settings_.seed[1]);
    report_.begin(lost(), settings_.sample_clocks().unix_nanoseconds);
  }

  // Tells whether there was memory for the queue; without one nothing would ever be collected.
  bool is_ready() const noexcept { return queue_.capacity() != 0; }

  // Does what can be done now without waiting: a fraction of a millisecond's work, and whatever the
  // exporters do. After is_left_behind() nothing may be touched any more.
  StepResult step(TimePoint now) noexcept {
    now_ = now;
    flushes_.begin(collector_.next_whole_pass());
    hear_from_delivery();
    const std::size_t collected = collect();
    work();
    if (is_left_behind()) return {};
    flushes_.advance(collector_.passes(), books_.collected(), books_.settled());
    return {collected, collector_.fullest(), next_time(now) <= now};
  }

  // Returns when the next step has something to do, as far as that is a matter of time.
  TimePoint next_time(TimePoint now) const noexcept {
    TimePoint next = is_stopping() ? stop_deadline_ : (TimePoint::max)();
    if (delivery_ != nullptr) next = (std::min)(next, delivery_->next_time());
    if (has_batch()) return is_blocked() ? next : now;
    return (std::min)(next, due_time());
  }

  // Asks for a flush; flushed() reaches its number when it is done.
  void begin_flush(std::uint64_t number) noexcept { flushes_.ask(number); }
  std::uint64_t flushed() const noexcept { return flushes_.done(); }
  bool is_flushing() const noexcept { return flushes_.is_flushing(); }

  // Begins the last flush, which ends at `deadline` whatever is left.
  void begin_shutdown(std::uint64_t flush_number, TimePoint now, TimePoint deadline) noexcept {
    stop_deadline_ = deadline;
    last_flush_ = flush_number;
    begin_flush(flush_number);
    if (delivery_ != nullptr) delivery_->hurry(now);
  }

  bool is_stopping() const noexcept { return last_flush_ != 0; }

  // Tells whether shutdown has nothing more to wait for; then comes give_up_the_rest().
  bool is_over(TimePoint now) const noexcept {
    return is_stopping() && (flushed() >= last_flush_ || now >= stop_deadline_);
  }

  // Counts as lost all that is still here; true if there was nothing.
  bool give_up_the_rest() noexcept {
    const std::uint64_t open = books_.open();
    lose(DropReason::ShutdownDeadline, open);
    batch_.clear();
    queue_.clear();
    return open + discard_rings() == 0;
  }

  // Tells whether nothing is waiting and nothing is on its way.
  bool is_idle() const noexcept {
    return books_.open() == 0 && (delivery_ == nullptr || delivery_->is_idle());
  }

  bool is_in_flight() const noexcept { return delivery_ != nullptr && delivery_->is_in_flight(); }

  // Sleeps until the request in flight can move on, or `wake_descriptor` is readable.
  void wait_for_reply(int wake_descriptor, Milliseconds longest) noexcept {
    delivery_->wait(wake_descriptor, longest);
  }

  // Takes the books over from a thread that does not come back from an exporter; false if it is not
  // in one. From any thread, once; what the exporter has is nobody's any more.
  bool leave_exporter_behind() noexcept {
    if (!exporters_.leave_behind()) return false;
    books_.leave_behind();
    discard_rings();
    return true;
  }

  // Tells the thread that it was left behind: it must touch nothing any more.
  bool is_left_behind() const noexcept { return exporters_.is_left_behind(); }

 private:
  // ---- from the rings into the queue ----

  std::size_t collect() noexcept {
    keep_time();
    if (sources_.sampler != nullptr) sources_.sampler->maintain(now_);
    sources_.spill.top_up();
    if (queue_.empty()) oldest_ = now_;
    const std::size_t count = collector_.collect(queue_);
    books_.collect(count);
    return count;
  }

  // A sample a second follows the system's clock closely enough, and as often is it worth asking
  // anew for the rings that there was no memory for.
  void keep_time() noexcept {
    if (now_ < next_clock_sample_) return;
    next_clock_sample_ = now_ + std::chrono::seconds(1);
    clock_.update(settings_.sample_clocks());
    sources_.threads.try_again();
  }

  // Returns when the queue's spans have waited long enough for others.
  TimePoint due_time() const noexcept {
    if (queue_.empty()) return (TimePoint::max)();
    const bool is_urgent = flushes_.is_flushing() || collector_.is_held_up() ||
                           queue_.is_half_full() || queue_.size() >= settings_.memory.batch.spans;
    return is_urgent ? TimePoint{} : oldest_ + settings_.batch_delay;
  }

  // ---- from the queue to the destinations ----

  bool has_batch() const noexcept { return batch_.taken() != 0; }

  // Tells whether the batch in hand has to wait until one is sent.
  bool is_blocked() const noexcept { return delivery_ != nullptr && delivery_->has_submitted(); }

  void work() noexcept {
    guarded([this] {
      if (!has_batch() && due_time() <= now_) take_batch();
      if (has_batch() && !is_left_behind() && !is_blocked()) encode_some();
    });
  }

  void take_batch() {
    batch_.take(queue_, settings_.memory.batch, reader_);
    encoded_ = 0;
    books_.drop(DropReason::Filtered, batch_.filter(settings_.filter, editor_memory_));
    remarks_.look_at(batch_.spans());
    if (!exporters_.empty() && batch_.size() != 0) export_batch();
    if (delivery_ == nullptr && !is_left_behind()) release_batch();
  }

  // With a delivery beside them, the exporters' failures are told but its answer counts.
  void export_batch() {
    if (delivery_ == nullptr) books_.set_in_flight(batch_.size());
    const Deadline deadline((std::min)(now_ + settings_.export_timeout, stop_deadline_));
    const Verdict verdict =
        exporters_.export_batch({settings_.resource, batch_.spans()}, deadline, *diagnostics_);
    if (delivery_ == nullptr && !is_left_behind()) books_.settle(verdict, 0);
  }

  void encode_some() {
    EncodedBatch& body = delivery_->next();
    for (int budget = 256; encoded_ < batch_.size(); ++encoded_) {
      if (budget-- == 0) return;
      if (!is_encoding_) body.begin(settings_.resource);
      is_encoding_ = true;
      const Fit fit = body.add(batch_[encoded_]);
      if (fit == Fit::Full) return submit();
      if (fit == Fit::TooLarge) books_.drop(DropReason::TooLarge, 1);
    }
    submit();
    release_batch();
  }

  void submit() {
    if (!std::exchange(is_encoding_, false) || delivery_->next().empty()) return;
    const bool has_report =
        !is_reporting_ && report_.write(lost(), settings_.sample_clocks().unix_nanoseconds, ids_);
    if (has_report) delivery_->next().add_own(report_.span());
    is_reporting_ |= has_report;
    delivery_->submit(has_report);
    remarks_.tell_omitted(delivery_->omitted_values());
  }

  void release_batch() noexcept {
    queue_.release(batch_.taken());
    batch_.clear();
    oldest_ = now_;
  }

  // ---- what became of them ----

  void hear_from_delivery() noexcept {
    if (delivery_ == nullptr || delivery_->is_idle()) return;
    guarded([this] {
      Verdict verdict;
      const auto wall = static_cast<std::int64_t>(settings_.sample_clocks().unix_nanoseconds);
      if (delivery_->step(now_, wall / 1000000000, ids_, verdict)) {
        settle(verdict);
      } else {
        books_.set_in_flight(delivery_->spans_in_flight());
      }
    });
  }

  void settle(const Verdict& verdict) {
    books_.settle(verdict, delivery_->spans_in_flight());
    if (verdict.settles_report) is_reporting_ = false;
    if (verdict.settles_report && verdict.report_has_arrived) report_.arrived();
    tell(verdict, *diagnostics_);
  }

  DropCounts lost() const noexcept { return sources_.ledger.dropped(sources_.threads); }

  // Without memory for what is in hand it is lost, and counted; what waits in the queue and in the
  // rings is not.
  template <class Work>
  void guarded(Work&& work) noexcept {
    if (completes(work)) return;
    lose(DropReason::MemoryLimit, books_.open() - (queue_.size() - batch_.taken()));
    release_batch();
  }

  // Gives up `count` spans: what is being encoded and sent, and the rest for that reason.
  void lose(DropReason reason, std::uint64_t count) noexcept {
    const std::uint64_t unconfirmed = delivery_ != nullptr ? delivery_->give_up() : 0;
    is_encoding_ = is_reporting_ = false;
    books_.lose_in_flight(unconfirmed);
    books_.drop(reason, count - unconfirmed);
  }

  std::uint64_t discard_rings() noexcept {
    const std::uint64_t count = collector_.discard();
    books_.discard(count);
    return count;
  }

  PipelineSources sources_;
  PipelineSettings settings_;
  std::shared_ptr<Diagnostics> diagnostics_;
  Delivery* const delivery_;  // of the settings; null without a server
  ExporterCalls exporters_;
  Books books_;
  WallClock clock_;
  RecordReader reader_;
  Collector collector_;
  RecordQueue queue_;
  SpanBatch batch_;
  SpanEditor::Memory editor_memory_;
  LossReport report_;
  IdGenerator ids_;
  FlushLine flushes_;
  SpanRemarks remarks_;

  std::size_t encoded_ = 0;    // spans of the batch
  bool is_encoding_ = false;   // the next body has begun
  bool is_reporting_ = false;  // a loss report is on its way
  std::uint64_t last_flush_ = 0;
  TimePoint now_{};
  TimePoint oldest_{};  // about when the queue's first span came
  TimePoint stop_deadline_ = (TimePoint::max)();
  TimePoint next_clock_sample_{};
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_PIPELINE_HPP

// ---- waggle/pipeline/driver.hpp ----

// What makes the pipeline move: a thread of its own, or the host's loop. Both are handed the same
// requests from any thread, and both keep to the deadlines that they come with.
#ifndef WAGGLE_PIPELINE_DRIVER_HPP
#define WAGGLE_PIPELINE_DRIVER_HPP

#include <chrono>
#include <memory>

namespace waggle {
inline namespace abi1 {
namespace detail {

using Microseconds = std::chrono::microseconds;

class Driver : public std::enable_shared_from_this<Driver> {
 public:
  explicit Driver(std::unique_ptr<Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;

  // Begins to work; false if there is no thread or descriptor to be had.
  virtual bool start() = 0;

  // Waits until all spans that ended before the call have met their fate; false after the deadline.
  virtual bool flush(Deadline deadline) = 0;

  // Flushes and ends; false if something had to be given up. Called once.
  virtual bool stop(Deadline deadline) = 0;

  // Lets the pipeline work on the calling thread, and returns how long nothing is to be done then.
  virtual Microseconds poll(Microseconds budget) = 0;

 protected:
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_DRIVER_HPP

// ---- waggle/pipeline/turn.hpp ----

// Lets one caller in at a time; the others wait for their turn, for as long as they like. Unlike
// std::timed_mutex it may be asked for by the thread that has it, which is then refused like any
// other: so an exporter that comes back to its tracer does no harm.
#ifndef WAGGLE_PIPELINE_TURN_HPP
#define WAGGLE_PIPELINE_TURN_HPP

#include <condition_variable>
#include <mutex>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Taken by std::unique_lock and std::lock_guard, as a mutex is. Any thread.
class Turn {
 public:
  void lock() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !is_taken_; });
    is_taken_ = true;
  }

  bool try_lock() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !std::exchange(is_taken_, true);
  }

  // False at `time`; what is free is given also if that has passed.
  bool try_lock_until(TimePoint time) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_until(lock, time, [this] { return !is_taken_; })) return false;
    is_taken_ = true;
    return true;
  }

  void unlock() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_taken_ = false;
    changed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_taken_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_TURN_HPP

// ---- waggle/pipeline/host_loop.hpp ----

// Drives the pipeline on the host's own threads, for programs that start no others: a bit of work
// each time they ask for it, and all of it at a flush.
#ifndef WAGGLE_PIPELINE_HOST_LOOP_HPP
#define WAGGLE_PIPELINE_HOST_LOOP_HPP

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

class HostLoop : public Driver {
 public:
  explicit HostLoop(std::unique_ptr<Pipeline> pipeline) : Driver(std::move(pipeline)) {}

  bool start() override { return true; }

  // Does the work itself. Beside another call that does, it waits for its turn.
  bool flush(Deadline deadline) override {
    std::unique_lock<Turn> lock(turn_, std::defer_lock);
    if (!lock.try_lock_until(deadline.at()) || is_over_) return false;
    const std::uint64_t wanted = ++flushes_wanted_;
    pipeline_->begin_flush(wanted);
    return drive([&](TimePoint) { return pipeline_->flushed() >= wanted; }, deadline);
  }

  // Does the work itself. An exporter that blocks is waited for: there is no other thread to leave
  // it to.
  bool stop(Deadline deadline) override {
    store_release(is_stopping_, 1U);  // a flush on another thread gives way
    const std::lock_guard<Turn> lock(turn_);
    pipeline_->begin_shutdown(++flushes_wanted_, SteadyClock::now(), deadline.at());
    drive([&](TimePoint now) { return pipeline_->is_over(now); }, deadline);
    is_over_ = true;
    return pipeline_->give_up_the_rest();
  }

  // Makes one step at least, and more as long as there is something to do and the budget lasts.
  // Does nothing while another thread is here.
  Microseconds poll(Microseconds budget) override {
    const std::unique_lock<Turn> lock(turn_, std::try_to_lock);
    const TimePoint begin = SteadyClock::now();
    TimePoint now = begin;
    if (!lock.owns_lock() || is_over_) return kLongest;
    while (pipeline_->step(now).is_busy) {
      now = SteadyClock::now();
      if (now - begin >= budget) return Microseconds(0);
    }
    return rest(now);
  }

 private:
  template <class IsDone>
  bool drive(IsDone&& is_done, Deadline deadline) {
    for (;;) {
      const TimePoint now = SteadyClock::now();
      const StepResult result = pipeline_->step(now);
      if (is_done(now)) return true;
      const bool gives_way = load_acquire(is_stopping_) != 0 && !pipeline_->is_stopping();
      if (gives_way || deadline.passed(now)) return false;
      if (!result.is_busy) wait((std::min)(rest(now), left(deadline, now)));
    }
  }

  // Returns until when no step has anything to do but to collect.
  Microseconds rest(TimePoint now) const noexcept {
    const TimePoint next = pipeline_->next_time(now);
    const Microseconds longest = pipeline_->is_in_flight() ? kPolling : kLongest;
    if (next >= now + longest) return longest;
    return (std::max)(Microseconds(0), std::chrono::ceil<Microseconds>(next - now));
  }

  static Microseconds left(Deadline deadline, TimePoint now) noexcept {
    return std::chrono::ceil<Microseconds>(deadline.at() - now);
  }

  void wait(Microseconds longest) noexcept {
    if (pipeline_->is_in_flight()) {
      pipeline_->wait_for_reply(-1, std::chrono::ceil<Milliseconds>(longest));
    } else {
      ::usleep(static_cast<useconds_t>(longest.count()));
    }
  }

  static constexpr Microseconds kPolling{10000};
  static constexpr Microseconds kLongest{100000};

  std::uint32_t is_stopping_ = 0;
  Turn turn_;  // guards the pipeline and what follows
  std::uint64_t flushes_wanted_ = 0;
  bool is_over_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_HOST_LOOP_HPP

// ---- waggle/pipeline/collector_sleep.hpp ----

// How the collector goes to sleep without missing a span, although recording threads only look at
// one plain word: whoever falls asleep pays for the fence that they spare (membarrier(2)).
#ifndef WAGGLE_PIPELINE_COLLECTOR_SLEEP_HPP
#define WAGGLE_PIPELINE_COLLECTOR_SLEEP_HPP

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

class CollectorSleep {
 public:
  explicit CollectorSleep(const ThreadRegistry& threads) noexcept
      : threads_(threads),
        descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        has_barrier_(has_memory_barrier()) {}

  CollectorSleep(const CollectorSleep&) = delete;
  CollectorSleep& operator=(const CollectorSleep&) = delete;

  // Returns the descriptor that becomes readable when the collector is woken; -1 if there was none
  // to be had.
  int descriptor() const noexcept { return descriptor_; }

  // Asks recording threads to wake the collector; false if there is something to collect, or no way
  // to make sure that they heed it.
  bool fall_asleep() noexcept {
    if (!has_barrier_) return false;
    store(kCollectorAsleep);
    // From here on each of them either sees the request, or its span is seen below.
    if (!pass_memory_barrier() || has_records()) {
      store(kCollectorAwake);
      return false;
    }
    return true;
  }

  // Asks recording threads to wake the collector before their ring is full.
  void doze() noexcept { store(kCollectorDozing); }

  void wake_up() noexcept { store(kCollectorAwake); }

  // Wakes the collector if it sleeps; of many callers one does. Any thread, also a signal handler;
  // never blocks.
  void wake_for_span() noexcept {
    if (load_relaxed(waggle_abi1_hub.collector) == kCollectorAwake) return;
    if (exchange(waggle_abi1_hub.collector, kCollectorAwake) != kCollectorAwake) wake();
  }

  // Wakes the collector whatever it does.
  void wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, &one, sizeof(one));
  }

  // Forgets the calls so far.
  void reset() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = ::read(descriptor_, &count, sizeof(count));
  }

 private:
  static void store(std::uint32_t value) noexcept {
    for (Hub* hub = &waggle_abi1_hub; hub != nullptr; hub = load_acquire(hub->next_follower)) {
      store_release(hub->collector, value);
    }
  }

  bool has_records() const noexcept {
    bool found = false;
    threads_.for_each([&](const ThreadState& state) {
      if (load_acquire(state.phase) == kThreadFree) return;
      if (bytes_waiting(*state.draining) != 0 || state.draining->retired != 0) found = true;
    });
    return found;
  }

  const ThreadRegistry& threads_;
  const int descriptor_;
  const bool has_barrier_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_COLLECTOR_SLEEP_HPP

// ---- waggle/sdk/config.hpp ----

// What start() can be told. Everything has a default. What is not set here comes from the
// environment: from Honeycomb's variables, else from OpenTelemetry's, of which the form for traces
// wins over the general one (OTEL_EXPORTER_OTLP_TRACES_TIMEOUT over OTEL_EXPORTER_OTLP_TIMEOUT).
// waggle::describe() tells what became of it.
#ifndef WAGGLE_SDK_CONFIG_HPP
#define WAGGLE_SDK_CONFIG_HPP

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace waggle {
inline namespace abi1 {

// (Off is not called None, which X11 defines as a macro.)
enum class Compression { Off, Gzip };

// Must not throw.
using ThreadHook = void (*)(void* user);

struct Config {
  // The service's name (service.name), by which Honeycomb names the dataset. Else
  // OTEL_SERVICE_NAME.
  std::string service_name;

  // Further attributes of the resource. They win over OTEL_RESOURCE_ATTRIBUTES, and that over what
  // is detected; a `service_name` wins over all.
  std::vector<ResourceAttribute> resource_attributes;

  // Which version of the semantic conventions the resource keeps to, if not the one that the
  // detected attributes do.
  std::string resource_schema_url;

  // False: nothing is found out about process, host, system and container.
  bool detect_resource = true;

  // Honeycomb's API key. Else HONEYCOMB_TRACES_APIKEY, HONEYCOMB_API_KEY; but these never go to an
  // `endpoint` that is not Honeycomb's. Sent to Honeycomb only, or to `endpoint`.
  std::string api_key;

  // Where to send to, as a base URL: https://api.eu1.honeycomb.io, http://localhost:4318.
  // /v1/traces is appended. Else, with a key, HONEYCOMB_TRACES_ENDPOINT, HONEYCOMB_API_ENDPOINT, or
  // Honeycomb in the US; without one OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (taken as it is),
  // OTEL_EXPORTER_OTLP_ENDPOINT.
  std::string endpoint;

  // The dataset for Honeycomb's classic keys; with any other key `service_name` names it. Else
  // HONEYCOMB_DATASET.
  std::string dataset;

  // Further HTTP headers.
  HeaderList headers;

  // A PEM file with the certificates of the authorities to trust, instead of the system's. Else
  // OTEL_EXPORTER_OTLP_CERTIFICATE.
  std::string ca_file;

  // PEM files with the certificate and the key by which a server knows this client; the key may
  // stand in the certificate's file. Else OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY.
  std::string client_certificate_file;
  std::string client_key_file;

  // Whether bodies are compressed. Else OTEL_EXPORTER_OTLP_COMPRESSION; else they are, except to
  // this machine. Needs 2 MB of `memory_limit`.
  std::optional<Compression> compression;

  // Whether the way to each trace in Honeycomb's user interface is shown on stderr, for
  // development. Else HONEYCOMB_ENABLE_LOCAL_VISUALIZATIONS; else it is not. Whose key it is, is
  // asked once, on the collector's thread.
  std::optional<bool> trace_links;

  // Exporters of your own, or waggle's console, file and memory exporters. With any of these and
  // neither `api_key` nor `endpoint`, nothing is sent and the environment's destination is not
  // looked at.
  std::vector<std::unique_ptr<Exporter>> exporters;

  // Looks at every finished span before it leaves: may change it, or drop it by returning false.
  // Runs on the collector's thread.
  SpanFilter filter;

  // Who decides about traces that begin here; else `sample_ratio`, the share that is kept. Else
  // SAMPLE_RATE, of how many one is kept, if spans go to Honeycomb; else OTEL_TRACES_SAMPLER with
  // OTEL_TRACES_SAMPLER_ARG; else all are kept.
  std::shared_ptr<const Sampler> sampler;
  std::optional<double> sample_ratio;

  // Who decides where a remote parent did already, by whether that one is sampled; null follows it.
  std::shared_ptr<const Sampler> remote_parent_sampled;
  std::shared_ptr<const Sampler> remote_parent_not_sampled;

  // The baggage that becomes attributes of every span that it reaches, by name. A span's own
  // attribute of that name wins.
  std::vector<std::string> baggage_attributes;

  // How much of a span is exported. What `limits` leaves open follows `attribute_limits`. Else
  // OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT and its like.
  SpanLimits limits;
  AttributeLimits attribute_limits;

  // All the memory that tracing may take, in bytes.
  std::size_t memory_limit = 16 * 1024 * 1024;

  // How long a span may wait for others before it is sent, and how many are sent at once at most.
  // Else OTEL_BSP_SCHEDULE_DELAY and OTEL_BSP_MAX_EXPORT_BATCH_SIZE; else 1 s and 4,096.
  std::optional<Milliseconds> batch_delay;
  std::optional<std::size_t> batch_spans;

  // How long one attempt to send a batch may take, and for how long it is tried again. Else
  // OTEL_EXPORTER_OTLP_TIMEOUT and OTEL_BSP_EXPORT_TIMEOUT, where 0 is no limit; else 10 s and 60
  // s.
  std::optional<Milliseconds> attempt_timeout;
  std::optional<Milliseconds> retry_for;

  // How long to wait before trying again: at first a random time up to `retry_backoff_first`, then
  // up to twice as long each time, up to `retry_backoff_longest`. A server's Retry-After wins.
  Milliseconds retry_backoff_first{500};
  Milliseconds retry_backoff_longest{15000};

  // How long flushing and the end of the program may take.
  Milliseconds exit_timeout{3000};

  // False: waggle starts no thread, and works only while Tracing::poll(), force_flush() or
  // shutdown() run.
  bool worker_thread = true;

  // The worker's name as debuggers show it (15 characters), and what runs on it first: to choose a
  // processor, a priority, or signals, all of which are blocked there.
  std::string worker_name = "waggle";
  ThreadHook on_worker_start = nullptr;
  void* on_worker_start_user = nullptr;

  // Who is told about trouble; else stderr.
  MessageHandler on_message = nullptr;
  void* on_message_user = nullptr;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_CONFIG_HPP

// ---- waggle/pipeline/worker.hpp ----

// The thread that drives the pipeline: looks at the rings as often as they fill, sleeps for good
// when nothing happens, and ends by a deadline even if an exporter does not let go of it.
#ifndef WAGGLE_PIPELINE_WORKER_HPP
#define WAGGLE_PIPELINE_WORKER_HPP

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

struct WorkerSettings {
  std::string name = "waggle";
  ThreadHook on_start = nullptr;
  void* on_start_user = nullptr;
  std::chrono::microseconds quiet{2000000};  // how long without a span before it sleeps for good
  std::chrono::microseconds steady{5000};    // how long it sleeps at most while spans come
};

// Owns the pipeline's thread. The thread holds its own reference to all that it uses, so it can be
// left behind.
class Worker : public Driver {
 public:
  Worker(std::unique_ptr<Pipeline> pipeline, CollectorSleep& sleep, WorkerSettings settings)
      : Driver(std::move(pipeline)), sleep_(sleep), settings_(std::move(settings)) {}

  // Starts the thread, with all signals blocked: they are the host's.
  bool start() override {
    if (sleep_.descriptor() < 0) return false;
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool is_started = start_thread();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return is_started;
  }

  bool flush(Deadline deadline) override {
    std::unique_lock<std::mutex> lock(mutex_);
    const std::uint64_t wanted = ++flushes_wanted_;
    sleep_.wake();
    return changed_.wait_until(lock, deadline.at(), [&] {
      return flushes_done_ >= wanted || is_over_;
    }) && flushes_done_ >= wanted;
  }

  // An exporter that still blocks at the deadline is left behind with the thread that is in it.
  bool stop(Deadline deadline) override {
    std::unique_lock<std::mutex> lock(mutex_);
    stop_deadline_ = deadline;
    last_flush_ = ++flushes_wanted_;
    sleep_.wake();
    changed_.wait_until(lock, deadline.at(), [&] { return is_over_; });
    lock.unlock();
    if (pipeline_->leave_exporter_behind()) {
      thread_.detach();
      release_flushes();
      return false;
    }
    // Outside an exporter the thread heeds the deadline by itself, within milliseconds.
    thread_.join();
    return is_complete_;
  }

  // The thread does the work.
  Microseconds poll(Microseconds) override { return std::chrono::hours(24); }

 private:
  bool start_thread() {
    auto self = std::static_pointer_cast<Worker>(shared_from_this());
    return completes([&] { thread_ = std::thread([self] { self->run(); }); });
  }

  void run() noexcept {
    ::pthread_setname_np(::pthread_self(), settings_.name.substr(0, 15).c_str());
    if (settings_.on_start != nullptr) settings_.on_start(settings_.on_start_user);
    for (;;) {
      const TimePoint now = SteadyClock::now();
      heed_requests(now);
      const StepResult result = pipeline_->step(now);
      if (pipeline_->is_left_behind()) return;
      tell_flushed();
      if (pipeline_->is_over(now)) break;
      take_note(now, result);
      if (!result.is_busy) rest(now);
    }
    const bool is_complete = pipeline_->give_up_the_rest();
    const std::lock_guard<std::mutex> lock(mutex_);
    is_complete_ = is_complete;
    is_over_ = true;
    changed_.notify_all();
  }

  void heed_requests(TimePoint now) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    pipeline_->begin_flush(flushes_wanted_);
    if (last_flush_ == 0 || is_stopping_) return;
    is_stopping_ = true;
    pipeline_->begin_shutdown(last_flush_, now, stop_deadline_.at());
  }

  void tell_flushed() noexcept {
    if (pipeline_->flushed() == flushes_told_) return;
    flushes_told_ = pipeline_->flushed();
    const std::lock_guard<std::mutex> lock(mutex_);
    flushes_done_ = flushes_told_;
    changed_.notify_all();
  }

  // Those who wait for a flush beside shutdown need not wait for their own deadlines.
  void release_flushes() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_over_ = true;
    changed_.notify_all();
  }

  // ---- sleep ----

  void take_note(TimePoint now, const StepResult& result) noexcept {
    fullest_ = (std::max)(fullest_, result.fullest);
    if (result.collected == 0) return;
    last_collected_ = now;
    has_collected_ = true;
  }

  // Sleeps for about as long as the rings take to fill by a fifth: to look more often costs
  // processor time, to look more seldom leaves too little room for a burst.
  void rest(TimePoint now) noexcept {
    constexpr std::uint64_t kTooFull = 25;
    constexpr std::uint64_t kNearlyEmpty = 12;
    if (fullest_ > kTooFull) interval_ = (std::max)(kShortest, interval_ / 4);
    if (fullest_ < kNearlyEmpty) interval_ *= 2;
    interval_ = (std::min)(interval_, has_collected_ ? settings_.steady : kLongest);
    fullest_ = 0;
    has_collected_ = false;
    if (pipeline_->is_flushing()) interval_ = kShortest;
    const bool is_quiet = now - last_collected_ > settings_.quiet && pipeline_->is_idle();
    if (is_quiet && sleep_.fall_asleep()) return sleep_till_woken();
    const bool is_dozing = interval_ > kDozing;
    if (is_dozing) sleep_.doze();
    wait(now);
    if (is_dozing) sleep_.wake_up();
  }

  void sleep_till_woken() noexcept {
    wait_for_call(nullptr);
    sleep_.wake_up();
    last_collected_ = SteadyClock::now();
    interval_ = kShortest;
  }

  // Waits for a reply where there is one to come, for the time at which something is due, for a
  // call; at most for the interval.
  void wait(TimePoint now) noexcept {
    using std::chrono::nanoseconds;
    const TimePoint until = (std::min)(now + interval_, pipeline_->next_time(now));
    const nanoseconds longest = (std::max)(nanoseconds(0), nanoseconds(until - now));
    if (pipeline_->is_in_flight() && longest >= Milliseconds(1)) {
      pipeline_->wait_for_reply(sleep_.descriptor(), std::chrono::ceil<Milliseconds>(longest));
      sleep_.reset();
    } else {
      const timespec time{static_cast<time_t>(longest.count() / 1000000000),
                          static_cast<long>(longest.count() % 1000000000)};
      wait_for_call(&time);
    }
  }

  void wait_for_call(const timespec* longest) noexcept {
    pollfd descriptor{sleep_.descriptor(), POLLIN, 0};
    if (::ppoll(&descriptor, 1, longest, nullptr) > 0) sleep_.reset();
  }

  static constexpr Microseconds kShortest{200};
  static constexpr Microseconds kDozing{2000};
  static constexpr Microseconds kLongest{100000};

  CollectorSleep& sleep_;
  const WorkerSettings settings_;
  std::thread thread_;

  // For the thread only.
  Microseconds interval_{kShortest};
  std::uint64_t fullest_ = 0;   // ring since it rested last, in percent
  bool has_collected_ = false;  // since then
  TimePoint last_collected_ = SteadyClock::now();
  std::uint64_t flushes_told_ = 0;
  bool is_stopping_ = false;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::uint64_t flushes_wanted_ = 0;
  std::uint64_t flushes_done_ = 0;
  std::uint64_t last_flush_ = 0;  // the one that shutdown waits for; 0 before
  bool is_over_ = false;
  bool is_complete_ = false;
  Deadline stop_deadline_{TimePoint{}};
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_WORKER_HPP

// ---- waggle/setup/module_pin.hpp ----

// Keeps a shared library from being unloaded, for the one that runs the collector's thread or
// follows another's tracer: its code has to stay where threads and hooks will look for it.
#ifndef WAGGLE_SETUP_MODULE_PIN_HPP
#define WAGGLE_SETUP_MODULE_PIN_HPP

#include <dlfcn.h>
#include <link.h>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Pins the module that holds `address`. The program itself needs no pin. False if the module could
// not be found again under its name.
inline bool pin_module(const void* address) noexcept {
  Dl_info info{};
  link_map* map = nullptr;
  const int found = ::dladdr1(address, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP);
  const bool is_program =
      found == 0 || map == nullptr || map->l_name == nullptr || map->l_name[0] == '\0';
  if (is_program) return true;
  return ::dlopen(map->l_name, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_MODULE_PIN_HPP

// ---- waggle/setup/engine.hpp ----

// The one object behind the hub: owns what outlives every session (threads' states, scopes, books)
// and the worker of the current one. Made once, never destroyed: spans may end after everything
// else.
#ifndef WAGGLE_SETUP_ENGINE_HPP
#define WAGGLE_SETUP_ENGINE_HPP

#include <pthread.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

// What start() made, from then until shutdown.
struct Session {
  std::uint32_t number = 0;  // given by open()
  std::shared_ptr<Driver> driver;
  std::shared_ptr<const ParentBasedSampler> sampler;
  std::shared_ptr<Diagnostics> diagnostics;
  std::string description;
  std::size_t thread_memory = 0;
  bool records_baggage = false;
  Milliseconds exit_timeout{3000};
};

class Engine {
 public:
  // Returns the engine, made at the first call that there is memory for; throws std::bad_alloc if
  // this one is not.
  static Engine* instance(std::size_t memory_limit) {
    static Engine* const engine = new Engine(memory_limit);
    return engine;
  }

  PipelineSources sources() noexcept { return {threads_, spill_, scopes_, ledger_, &sampler_}; }
  CollectorSleep& sleep() noexcept { return sleep_; }

  // Opens a session and tells its number; says why it cannot, or returns null.
  WAGGLE_COLD const char* open(Session session, std::uint32_t& number) {
    if (is_forked()) return "tracing cannot be started in the child of a fork yet";
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool is_others = waggle_abi1_hub.owner != nullptr && waggle_abi1_hub.owner != this;
    if (load_acquire(waggle_abi1_hub.session) != 0) {
      return is_others ? "another library of this program has started tracing already"
                       : "tracing has been started already";
    }
    if (is_closing_) return "tracing is still being shut down";
    if (const char* problem = prepare_process()) return problem;
    sampler_.set(session.sampler);
    if (!session.driver->start()) return "cannot start the collector's thread";
    threads_.budget().set_limit(session.thread_memory);
    session.number = number = ++waggle_abi1_hub.last_session;
    session_ = std::move(session);
    lost_before_ = stats();
    if (waggle_abi1_hub.owner != this) fill_hub();
    for_each_hub([this](Hub& hub) {
      store_relaxed(hub.records_baggage, session_.records_baggage ? 1U : 0U);
    });
    set_session(number);
    return nullptr;
  }

  // Replaces who decides about traces that begin here; false if that session is over.
  bool set_root_sampler(std::uint32_t number, std::shared_ptr<const Sampler> root) {
    if (is_forked()) return false;
    std::shared_ptr<const ParentBasedSampler> sampler;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (session_.number != number) return false;
      sampler = session_.sampler = session_.sampler->with_root(std::move(root));
    }
    sampler_.set(std::move(sampler));
    return true;
  }

  // Waits until what ended before the call has met its fate; false at the deadline. Returns at once
  // in a fork's child.
  bool flush(Deadline deadline) {
    if (is_forked()) return false;
    const std::shared_ptr<Driver> driver = this->driver();
    return driver == nullptr || driver->flush(deadline);
  }

  // Lets the pipeline work on the calling thread if it has none of its own; returns when to call
  // again.
  Microseconds poll(Microseconds budget) {
    const std::shared_ptr<Driver> driver = is_forked() ? nullptr : this->driver();
    return driver == nullptr ? Microseconds(std::chrono::hours(24)) : driver->poll(budget);
  }

  // Tells whether a session is open.
  bool is_open(std::uint32_t number) {
    if (is_forked()) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    return session_.number == number;
  }

  // Ends a session, 0 stands for any; false if something had to be given up. Does nothing the
  // second time, and in a fork's child. While another thread ends it, this one waits: the end of
  // the program must not overtake a shutdown.
  WAGGLE_COLD bool close(std::uint32_t number, Deadline deadline) {
    if (is_forked()) return false;
    std::unique_lock<std::mutex> lock(mutex_);
    closed_.wait_until(lock, deadline.at(), [this] { return !is_closing_; });
    const bool is_other = number != 0 && number != session_.number;
    if (session_.driver == nullptr || is_other) return !is_closing_;
    const Session session = std::exchange(session_, {});
    is_closing_ = true;
    set_session(0);
    lock.unlock();
    const bool is_complete = session.driver->stop(deadline);
    const bool has_told = completes([&] { tell_losses(*session.diagnostics); });
    if (!has_told) session.diagnostics->always("spans were lost; there is no memory to say more");
    lock.lock();
    is_closing_ = false;
    closed_.notify_all();
    return is_complete;
  }

  // Returns how the open session is configured; nothing if there is none.
  std::string description() {
    if (is_forked()) return {};
    const std::lock_guard<std::mutex> lock(mutex_);
    return session_.description;
  }

  // Returns the engine if there ever was one.
  static Engine* running() noexcept { return load_acquire(self()); }

  Stats stats() const noexcept { return ledger_.snapshot(threads_); }

 private:
  explicit Engine(std::size_t memory_limit)
      : threads_(memory_limit),
        spill_(threads_.budget()),
        sleep_(threads_),
        sampler_(threads_),
        process_(::getpid()) {
    store_release(self(), this);
  }

  // Where the hub's plain functions find the engine.
  static Engine*& self() noexcept {
    static Engine* engine = nullptr;
    return engine;
  }

  bool is_forked() const noexcept { return ::getpid() != process_; }

  std::shared_ptr<Driver> driver() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return session_.driver;
  }

  Milliseconds exit_timeout() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return session_.exit_timeout;
  }

  // Says at the end what was lost since start(), by reason.
  WAGGLE_COLD void tell_losses(Diagnostics& diagnostics) const {
    const Stats now = stats();
    std::uint64_t sum = 0;
    std::string reasons;
    for (std::size_t index = 0; index < kDropReasonCount; ++index) {
      const auto reason = static_cast<DropReason>(index);
      const std::uint64_t count = now.dropped[index] - lost_before_.dropped[index];
      if (count == 0 || reason == DropReason::Filtered) continue;
      sum += count;
      reasons +=
          joined({reasons.empty() ? "" : ", ", to_string(reason), " ", std::to_string(count)});
    }
    if (sum != 0) diagnostics.always(joined({"lost ", count_of_spans(sum), ": ", reasons}));
  }

  // The module stays, the child of a fork is quiet, and the end of the program flushes. The exit
  // hook is registered anew each time: it has to run before the clean-up of OpenSSL, which may have
  // been loaded since; what runs twice does nothing the second time. Says why it cannot, or returns
  // null.
  WAGGLE_COLD const char* prepare_process() noexcept {
    constexpr const char* kNoHook = "no memory to prepare for the end of the program";
    if (std::atexit(&Engine::on_exit) != 0) return kNoHook;
    if (is_prepared_) return nullptr;
    if (!pin_module(reinterpret_cast<const void*>(&Engine::on_exit))) {
      return "cannot keep this shared library loaded";
    }
    if (::pthread_atfork(nullptr, nullptr, &Engine::on_fork_in_child) != 0) return kNoHook;
    is_prepared_ = true;
    return nullptr;
  }

  static void on_exit() {
    Engine& engine = *self();
    engine.close(0, Deadline::in(engine.exit_timeout()));
  }

  static void on_fork_in_child() noexcept { set_session(0); }

  static void set_session(std::uint32_t session) noexcept {
    for_each_hub([session](Hub& hub) { store_release(hub.session, session); });
  }

  template <class Visit>
  static void for_each_hub(Visit&& visit) noexcept {
    for (Hub* hub = &waggle_abi1_hub; hub != nullptr; hub = load_acquire(hub->next_follower)) {
      visit(*hub);
    }
  }

  WAGGLE_COLD void fill_hub() noexcept {
    Hub& hub = waggle_abi1_hub;
    hub.acquire_thread = [](Hub& asking, ThreadState*& slot) noexcept {
      return self()->threads_.acquire(asking, slot);
    };
    hub.decide_root = [](const RootRequest& request, RootDecision& decision) noexcept {
      self()->sampler_.decide(request, decision);
    };
    hub.intern_scope = [](const Scope& scope) noexcept { return self()->scopes_.intern(scope); };
    hub.acquire_spill = []() noexcept { return self()->spill_.acquire(); };
    hub.release_spill = [](SpillBlock* chain) noexcept { self()->spill_.release(chain); };
    hub.count_drop = [](DropReason reason) noexcept { self()->count_drop(reason); };
    hub.wake_collector = []() noexcept { self()->sleep_.wake_for_span(); };
    hub.attach = [](Hub& follower) noexcept { return self()->attach(follower); };
    hub.owner = this;
  }

  void count_drop(DropReason reason) noexcept {
    const bool is_stale = reason == DropReason::AfterShutdown;
    threads_.count_drop(is_stale && is_forked() ? DropReason::Forked : reason);
  }

  WAGGLE_COLD bool attach(Hub& follower) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Hub* last = &waggle_abi1_hub;
    while (last->next_follower != nullptr && last != &follower) last = last->next_follower;
    if (last == &follower) return true;
    if (!pin_module(&follower)) return false;
    const std::uint32_t size = follower.size;
    follower = waggle_abi1_hub;
    follower.size = size;
    follower.next_follower = nullptr;
    store_release(last->next_follower, &follower);
    return true;
  }

  ThreadRegistry threads_;
  SpillPool spill_;
  ScopeTable scopes_;
  Ledger ledger_;
  CollectorSleep sleep_;
  SamplerSwitch sampler_;
  const pid_t process_;

  std::mutex mutex_;  // guards what follows
  Session session_;
  Stats lost_before_;
  bool is_closing_ = false;
  std::condition_variable closed_;
  bool is_prepared_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_ENGINE_HPP

// ---- waggle/setup/environment.hpp ----

// The environment's variables, taken down once so that everything that follows is pure. A variable
// that is empty counts as unset (OpenTelemetry, Environment Variable Specification), and blanks
// around a value do not count.
#ifndef WAGGLE_SETUP_ENVIRONMENT_HPP
#define WAGGLE_SETUP_ENVIRONMENT_HPP

#include <unistd.h>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Names variables that say the same, the one that wins first.
using VariableNames = std::initializer_list<const char*>;

// A value and who said it: a variable, "code", or "default". Refers to the environment's text.
struct Said {
  std::string_view value;
  const char* by = "default";

  explicit operator bool() const noexcept { return !value.empty(); }
};

// Holds the variables that are tracing's, by name.
class Environment {
 public:
  Environment() = default;
  Environment(std::initializer_list<std::pair<std::string, std::string>> variables)
      : variables_(variables) {}

  // Takes down this process's variables.
  WAGGLE_COLD static Environment read() {
    Environment environment;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
      const std::string_view text(*entry);
      const std::size_t equals = text.find('=');
      if (equals == text.npos || !is_tracings(text.substr(0, equals))) continue;
      environment.add(text.substr(0, equals), text.substr(equals + 1));
    }
    return environment;
  }

  // Sets a variable as if it had always been so.
  void set(std::string_view name, std::string_view value) {
    variables_.emplace(variables_.begin(), name, value);
  }

  // Returns a variable's value, empty if it is unset. The first of two of one name counts, as with
  // getenv.
  WAGGLE_COLD std::string_view value(std::string_view name) const noexcept {
    for (const auto& variable : variables_) {
      if (variable.first == name) return without_blanks(variable.second);
    }
    return {};
  }

  // Returns the first of these that is set.
  WAGGLE_COLD Said first_of(VariableNames names) const noexcept {
    for (const char* name : names) {
      const std::string_view text = value(name);
      if (!text.empty()) return {text, name};
    }
    return {};
  }

 private:
  void add(std::string_view name, std::string_view value) {
    std::pair<std::string, std::string> variable(name, value);
    variables_.push_back(std::move(variable));
  }

  static bool is_tracings(std::string_view name) noexcept {
    for (std::string_view prefix : {"OTEL_", "HONEYCOMB_", "LIBHONEY_"}) {
      if (name.substr(0, prefix.size()) == prefix) return true;
    }
    return name == "SAMPLE_RATE" || name == "DEBUG" || name == "SERVICE_NAME" ||
           name == "SERVICE_VERSION";
  }

  std::vector<std::pair<std::string, std::string>> variables_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_ENVIRONMENT_HPP

// ---- waggle/setup/other_abi.hpp ----

// Libraries of this program that were built against a waggle of another ABI: they cannot see its
// tracer, and their spans go nowhere. That had better be said.
#ifndef WAGGLE_SETUP_OTHER_ABI_HPP
#define WAGGLE_SETUP_OTHER_ABI_HPP

#include <dlfcn.h>

#include <cstdint>
#include <string>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Names the ABIs that are in this program besides its own, "2, 3"; empty if there is none. Sees the
// program and the libraries that it was linked with, or opened with RTLD_GLOBAL.
WAGGLE_COLD std::string other_abis() {
  constexpr std::uint32_t kHighest = 9;
  std::string numbers;
  for (std::uint32_t abi = 1; abi <= kHighest; ++abi) {
    const std::string symbol = joined({"waggle_abi", std::to_string(abi), "_hub"});
    if (abi == kAbi || ::dlsym(RTLD_DEFAULT, symbol.c_str()) == nullptr) continue;
    numbers += joined({numbers.empty() ? "" : ", ", std::to_string(abi)});
  }
  return numbers;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_OTHER_ABI_HPP

// ---- waggle/setup/api_key.hpp ----

// Which kind of key this is, by its shape alone, and what is wrong with it where spans go straight
// to Honeycomb. Pure; nothing here repeats a key.
#ifndef WAGGLE_SETUP_API_KEY_HPP
#define WAGGLE_SETUP_API_KEY_HPP

#include <cstddef>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

enum class KeyKind {
  ClassicConfiguration,
  ClassicIngest,
  Configuration,
  Ingest,
  IngestId,
  ConfigurationId,
  Management,
  Unknown
};

// Which characters a kind has.
enum class KeyAlphabet { LowercaseHex, LowercaseAlphanumeric, Alphanumeric, Printable };

constexpr bool is_in(KeyAlphabet alphabet, char c) noexcept {
  const bool is_digit = c >= '0' && c <= '9';
  const bool is_lowercase = c >= 'a' && c <= 'z';
  switch (alphabet) {
    case KeyAlphabet::LowercaseHex:
      return is_digit || (c >= 'a' && c <= 'f');
    case KeyAlphabet::LowercaseAlphanumeric:
      return is_digit || is_lowercase;
    case KeyAlphabet::Alphanumeric:
      return is_digit || is_lowercase || (c >= 'A' && c <= 'Z');
    case KeyAlphabet::Printable:
      return c > ' ' && c < 0x7f;
  }
  return false;
}

// The shape of a kind: `prefix`, in which ? is any lowercase letter, then as many characters that
// the whole key has the length. The first shape that fits decides.
struct KeyShape {
  KeyKind kind;
  std::string_view prefix;
  KeyAlphabet alphabet;
  std::size_t shortest;
  std::size_t longest;
  std::string_view name;
  std::string_view problem;  // for those that cannot send, what a person is told
};

constexpr KeyShape kKeyShapes[] = {
    {KeyKind::ClassicConfiguration, "", KeyAlphabet::LowercaseHex, 32, 32, "classic key", {}},
    {KeyKind::ClassicIngest,
     "hc?ic_",
     KeyAlphabet::LowercaseAlphanumeric,
     64,
     64,
     "classic ingest key",
     {}},
    {KeyKind::Ingest, "hc?ik_", KeyAlphabet::Alphanumeric, 64, 64, "ingest key", {}},
    {KeyKind::Configuration, "", KeyAlphabet::Alphanumeric, 20, 23, "configuration key", {}},
    {KeyKind::Management, "hc?mk_", KeyAlphabet::Printable, 6, 4096, "management key",
     "is a management key, which cannot send traces: make an ingest key"},
    {KeyKind::IngestId, "hc?ik_", KeyAlphabet::Alphanumeric, 6, 32, "ingest key's id",
     "is an ingest key's id without the secret that belongs behind it: copy all 64 characters"},
    {KeyKind::ConfigurationId, "hc?lk_", KeyAlphabet::Printable, 6, 4096, "configuration key's id",
     "is a configuration key's id, not the key: copy the key itself"},
    {KeyKind::Unknown, "", KeyAlphabet::Printable, 0, 4096, "key of unknown kind",
     "has not the shape of any key that Honeycomb gives out: copy it once more"},
};

constexpr bool has_shape(std::string_view key, const KeyShape& shape) noexcept {
  if (key.size() < shape.shortest || key.size() > shape.longest) return false;
  for (std::size_t index = 0; index < key.size(); ++index) {
    const bool is_prefix = index < shape.prefix.size();
    const char expected = is_prefix ? shape.prefix[index] : '\0';
    const bool is_letter = key[index] >= 'a' && key[index] <= 'z';
    const bool fits = !is_prefix        ? is_in(shape.alphabet, key[index])
                      : expected == '?' ? is_letter
                                        : key[index] == expected;
    if (!fits) return false;
  }
  return true;
}

// Returns the shape that a key has; the last one if none.
constexpr const KeyShape& shape_of(std::string_view key) noexcept {
  for (const KeyShape& shape : kKeyShapes) {
    if (has_shape(key, shape)) return shape;
  }
  return kKeyShapes[sizeof(kKeyShapes) / sizeof(kKeyShapes[0]) - 1];
}

// Classic keys need a dataset's name beside them; for all others the service's name is that of the
// dataset (Honeycomb, husky IsClassicApiKey).
constexpr bool is_classic(std::string_view key) noexcept {
  const KeyKind kind = shape_of(key).kind;
  return kind == KeyKind::ClassicConfiguration || kind == KeyKind::ClassicIngest;
}

// Tells whether a key can stand in a header as it is. A colon is in management keys only.
constexpr bool is_sendable_key(std::string_view key) noexcept {
  constexpr std::string_view kMarks = "_-:";
  for (char c : key) {
    if (!is_in(KeyAlphabet::Alphanumeric, c) && kMarks.find(c) == kMarks.npos) return false;
  }
  return !key.empty();
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_API_KEY_HPP

// ---- waggle/setup/endpoint.hpp ----

// Endpoints as text: what a URL says about where a key may go, and how a base URL becomes the one
// that traces are sent to. Pure.
#ifndef WAGGLE_SETUP_ENDPOINT_HPP
#define WAGGLE_SETUP_ENDPOINT_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Takes a URL apart as far as is needed to decide what may be sent there.
struct UrlParts {
  std::string_view scheme;
  std::string_view host;
  std::string_view port;
  bool has_path = false;
  bool has_user = false;
  bool is_valid = false;

  WAGGLE_COLD static UrlParts of(std::string_view url) noexcept {
    UrlParts parts;
    const std::size_t scheme_end = url.find("://");
    if (scheme_end == url.npos) return parts;
    parts.scheme = url.substr(0, scheme_end);
    std::string_view rest = url.substr(scheme_end + 3);
    const std::size_t path = rest.find_first_of("/?#");
    parts.has_path = path != rest.npos && rest[path] == '/';
    rest = rest.substr(0, path);
    const std::size_t user_end = rest.rfind('@');
    parts.has_user = user_end != rest.npos;
    if (user_end != rest.npos) rest.remove_prefix(user_end + 1);
    const bool is_ipv6 = !rest.empty() && rest.front() == '[';
    parts.host = is_ipv6 ? rest.substr(0, rest.find(']') + 1) : rest.substr(0, rest.find(':'));
    rest.remove_prefix(parts.host.size());
    if (!rest.empty()) parts.port = rest.substr(1);
    const bool is_http =
        equals_ignoring_case(parts.scheme, "http") || equals_ignoring_case(parts.scheme, "https");
    parts.is_valid = is_http && !parts.host.empty() && url.find_first_of(" \t\r\n") == url.npos;
    return parts;
  }

  // Returns what all addresses on that server begin with.
  std::string origin() const {
    return joined({scheme, "://", host, port.empty() ? "" : ":", port});
  }

  bool is_encrypted() const noexcept { return equals_ignoring_case(scheme, "https"); }

  bool is_loopback() const noexcept {
    return equals_ignoring_case(host, "localhost") || host == "[::1]" ||
           host.substr(0, 4) == "127.";
  }

  bool is_honeycomb() const noexcept {
    constexpr std::string_view kDomain = ".honeycomb.io";
    return host.size() > kDomain.size() &&
           equals_ignoring_case(host.substr(host.size() - kDomain.size()), kDomain);
  }
};

// Takes a URL as people write it: api.honeycomb.io:443 as well, which Honeycomb's documentation
// gives for gRPC.
WAGGLE_COLD std::string with_scheme(std::string_view url) {
  const bool lacks_scheme = url.find("://") == url.npos && url.find("honeycomb.io") != url.npos;
  return joined({lacks_scheme ? "https://" : "", without_blanks(url)});
}

// Returns the user interface that belongs to an API server: ui.eu1.honeycomb.io to
// api.eu1.honeycomb.io, and the one of the US to a proxy.
WAGGLE_COLD std::string user_interface_of(const UrlParts& url) {
  constexpr std::string_view kApi = "api.";
  const bool is_api = url.is_honeycomb() && url.host.substr(0, kApi.size()) == kApi;
  return joined({"https://ui.", is_api ? url.host.substr(kApi.size()) : "honeycomb.io"});
}

// Appends v1/traces to a base URL, unless it is there (OpenTelemetry, OTLP Exporter, Endpoint
// URLs).
WAGGLE_COLD std::string traces_url(std::string_view base) {
  std::string url = with_scheme(base);
  constexpr std::string_view kPath = "v1/traces";
  const std::size_t end = url.find_last_not_of('/');
  url.resize(end == url.npos ? 0 : end + 1);
  const bool has_path =
      url.size() > kPath.size() && url.compare(url.size() - kPath.size(), kPath.npos, kPath) == 0;
  return has_path ? url : joined({url, "/", kPath});
}

// Takes an endpoint that is for traces already as it is; one without any path means the root
// (OpenTelemetry, as above).
WAGGLE_COLD std::string verbatim_url(std::string_view endpoint) {
  const std::string url = with_scheme(endpoint);
  const bool is_bare = UrlParts::of(url).is_valid && !UrlParts::of(url).has_path;
  return is_bare ? joined({url, "/"}) : url;
}

// Honeycomb's distributions take theirs as it is too, but to its root nobody means to post.
WAGGLE_COLD std::string honeycomb_traces_url(std::string_view endpoint) {
  const std::string url = with_scheme(endpoint);
  return UrlParts::of(url).has_path ? url : traces_url(url);
}

// Returns a URL without a user's name and password.
WAGGLE_COLD std::string without_user(std::string_view url) {
  const UrlParts parts = UrlParts::of(url);
  if (!parts.has_user) return url.find('@') == url.npos ? std::string(url) : "***";
  const std::size_t user = parts.scheme.size() + 3;
  return joined({url.substr(0, user), "***@", url.substr(url.find('@', user) + 1)});
}

// Hosts that are taken for API servers of Honeycomb's, and which one is meant.
struct HostSlip {
  std::string_view host;
  std::string_view meant;
};
constexpr HostSlip kHostSlips[] = {
    {"honeycomb.io", "api.honeycomb.io"},
    {"www.honeycomb.io", "api.honeycomb.io"},
    {"ui.honeycomb.io", "api.honeycomb.io"},
    {"docs.honeycomb.io", "api.honeycomb.io"},
    {"api.us.honeycomb.io", "api.honeycomb.io"},
    {"api.us1.honeycomb.io", "api.honeycomb.io"},
    {"eu1.honeycomb.io", "api.eu1.honeycomb.io"},
    {"ui.eu1.honeycomb.io", "api.eu1.honeycomb.io"},
    {"api.eu.honeycomb.io", "api.eu1.honeycomb.io"},
    {"api-eu1.honeycomb.io", "api.eu1.honeycomb.io"},
};

// Returns the host that is meant, empty if nothing speaks against this one.
inline std::string_view host_meant(std::string_view host) noexcept {
  for (const HostSlip& slip : kHostSlips) {
    if (equals_ignoring_case(slip.host, host)) return slip.meant;
  }
  return {};
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_ENDPOINT_HPP

// ---- waggle/setup/setup_report.hpp ----

// What there is to tell about a configuration: mistakes, warnings, and each option's value with who
// said it. Written for people; no key is ever shown.
#ifndef WAGGLE_SETUP_SETUP_REPORT_HPP
#define WAGGLE_SETUP_SETUP_REPORT_HPP

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns text that can stand in a line: without control characters, and not endless.
WAGGLE_COLD std::string one_line(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  std::string line(text.substr(0, kLongest));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (text.size() > kLongest) line += "...";
  return line;
}

WAGGLE_COLD std::string in_quotes(std::string_view text) {
  return joined({"\"", one_line(text), "\""});
}

// Returns what tells one key from another without giving it away. None has fewer than 20
// characters.
WAGGLE_COLD std::string masked(std::string_view key) {
  return joined({"***", key.size() < 20 ? std::string_view{} : key.substr(key.size() - 3)});
}

// Collects while start() makes up its mind. `errors` keep tracing from starting; `warnings` do not.
struct SetupReport {
  struct Line {
    std::string option;
    std::string value;
    std::string source;  // "code", "default", or the variable's name
  };

  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  std::vector<Line> lines;

  void error(std::string text) { errors.push_back(std::move(text)); }
  void warn(std::string text) { warnings.push_back(std::move(text)); }
  WAGGLE_COLD void add(std::string_view option, std::string_view value, std::string_view source) {
    lines.push_back({std::string(option), one_line(value), std::string(source)});
  }

  // Lays all of it out: three columns, then what is wrong.
  WAGGLE_COLD std::string text() const {
    std::size_t option_width = 0;
    std::size_t value_width = 0;
    constexpr std::size_t kWidest = 44;
    for (const Line& line : lines) {
      option_width = (std::max)(option_width, line.option.size());
      value_width = (std::max)(value_width, (std::min)(line.value.size(), kWidest));
    }
    std::string text;
    for (const Line& line : lines) {
      text += joined({padded(line.option, option_width), "  ", padded(line.value, value_width),
                      "  ", line.source, "\n"});
    }
    for (const std::string& error : errors) text += joined({"error: ", error, "\n"});
    for (const std::string& warning : warnings) text += joined({"warning: ", warning, "\n"});
    return text;
  }

 private:
  WAGGLE_COLD static std::string padded(std::string text, std::size_t width) {
    text.resize((std::max)(text.size(), width), ' ');
    return text;
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_SETUP_REPORT_HPP

// ---- waggle/setup/honeycomb_remarks.hpp ----

// What is worth a warning where spans go straight to Honeycomb, before the first one is refused or
// lands where nobody looks. Not said of collectors and proxies, which may add what is missing.
#ifndef WAGGLE_SETUP_HONEYCOMB_REMARKS_HPP
#define WAGGLE_SETUP_HONEYCOMB_REMARKS_HPP

#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Names who said something, for a sentence.
WAGGLE_COLD std::string speaker(const Said& said, const char* option) {
  const bool is_code = std::string_view(said.by) == "code";
  return is_code ? joined({"Config::", option}) : std::string(said.by);
}

// How spans reach Honeycomb.
struct HoneycombUse {
  std::string_view host;
  Said key;
  Said dataset;
  bool sends_dataset = false;
};

WAGGLE_COLD void remark_on_host(const HoneycombUse& use, SetupReport& report) {
  const std::string_view meant = host_meant(use.host);
  if (meant.empty()) return;
  report.warn(joined({use.host, " is not an API server of Honeycomb's; ", meant,
                      " may be meant (US: api.honeycomb.io, EU: api.eu1.honeycomb.io)"}));
}

WAGGLE_COLD void remark_on_key(const HoneycombUse& use, SetupReport& report) {
  if (!use.key) {
    report.warn("no API key: Honeycomb refuses spans without one; set HONEYCOMB_API_KEY");
    return;
  }
  const std::string_view problem = shape_of(use.key.value).problem;
  if (!problem.empty()) report.warn(joined({speaker(use.key, "api_key"), " ", problem}));
}

WAGGLE_COLD void remark_on_dataset(const HoneycombUse& use, SetupReport& report) {
  if (!use.key) return;
  const bool needs_one = is_classic(use.key.value);
  if (needs_one && !use.sends_dataset) {
    report.warn(
        joined({speaker(use.key, "api_key"),
                " is a classic key, and Honeycomb refuses spans that name no dataset beside it; "
                "set HONEYCOMB_DATASET"}));
  }
  if (!needs_one && use.dataset) {
    report.warn(joined({speaker(use.dataset, "dataset"),
                        " is not used: with this key the service's name is the dataset's"}));
  }
}

inline void remark_on_honeycomb(const HoneycombUse& use, SetupReport& report) {
  remark_on_host(use, report);
  remark_on_key(use, report);
  remark_on_dataset(use, report);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_HONEYCOMB_REMARKS_HPP

// ---- waggle/setup/value_forms.hpp ----

// The forms that a variable's value may have: how each is read, what a person is told if it is not
// of that form, and how it is shown. Pure. Reading leaves `value` alone unless it succeeds.
#ifndef WAGGLE_SETUP_VALUE_FORMS_HPP
#define WAGGLE_SETUP_VALUE_FORMS_HPP

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Reads all of `text` as a number from `least` to `most`, whatever the program's locale is.
template <class Number>
bool read_number(std::string_view text, Number least, Number most, Number& value) noexcept {
  Number number{};
  const char* const end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, number);
  const bool is_good =
      result.ec == std::errc() && result.ptr == end && number >= least && number <= most;
  if (is_good) value = number;
  return is_good;
}

// Writes a number in the fewest digits that six decimals leave, with a point in every locale.
inline std::string ratio_text(double ratio) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", ratio);
  for (char& c : text) c = c == ',' ? '.' : c;
  return text;
}

// A span of time; 0 is none.
struct DurationForm {
  using Value = Milliseconds;
  static constexpr std::int64_t kMost = 0x7fffffff;
  static constexpr const char* kForm = "a whole number of milliseconds";

  static bool read(std::string_view text, Value& value) noexcept {
    std::int64_t count = 0;
    if (!read_number<std::int64_t>(text, 0, kMost, count)) return false;
    value = Value(count);
    return true;
  }
  WAGGLE_COLD static std::string show(Value value) {
    return joined({std::to_string(value.count()), " ms"});
  }
};

// A span of time in which something has to be done; 0 is no limit.
struct TimeoutForm : DurationForm {
  static constexpr Value kNoLimit{kMost};

  static bool read(std::string_view text, Value& value) noexcept {
    if (!DurationForm::read(text, value)) return false;
    if (value.count() == 0) value = kNoLimit;
    return true;
  }
  WAGGLE_COLD static std::string show(Value value) {
    return value == kNoLimit ? "no limit" : DurationForm::show(value);
  }
};

// How many of something are kept.
struct LimitForm {
  using Value = std::uint32_t;
  static constexpr const char* kForm = "a whole number from 0";

  static bool read(std::string_view text, Value& value) noexcept {
    return read_number<Value>(text, 0, SpanLimits::kUnlimited, value);
  }
  WAGGLE_COLD static std::string show(Value value) {
    return value == SpanLimits::kUnlimited ? "unlimited" : std::to_string(value);
  }
};

// How many of something there are at least one of.
struct SizeForm {
  using Value = std::size_t;
  static constexpr const char* kForm = "a whole number from 1";

  static bool read(std::string_view text, Value& value) noexcept {
    return read_number<Value>(text, 1, 0x7fffffff, value);
  }
  WAGGLE_COLD static std::string show(Value value) { return std::to_string(value); }
};

// A share.
struct RatioForm {
  using Value = double;
  static constexpr const char* kForm = "a number from 0 to 1";

  static bool read(std::string_view text, Value& value) noexcept {
    return read_number<double>(text, 0, 1, value);
  }
  static std::string show(Value value) { return ratio_text(value); }
};

// Yes or no: only "true" is true, in any case (OpenTelemetry, Boolean).
struct BooleanForm {
  using Value = bool;
  static constexpr const char* kForm = "true or false";

  static bool read(std::string_view text, Value& value) noexcept {
    const bool is_true = equals_ignoring_case(text, "true");
    if (!is_true && !equals_ignoring_case(text, "false")) return false;
    value = is_true;
    return true;
  }
  static std::string show(Value value) { return value ? "true" : "false"; }
};

struct CompressionForm {
  using Value = Compression;
  static constexpr const char* kForm = "gzip or none";

  static bool read(std::string_view text, Value& value) noexcept {
    const bool is_gzip = equals_ignoring_case(text, "gzip");
    if (!is_gzip && !equals_ignoring_case(text, "none")) return false;
    value = is_gzip ? Compression::Gzip : Compression::Off;
    return true;
  }
  static std::string show(Value value) { return value == Compression::Gzip ? "gzip" : "none"; }
};

// JSON is all there is, so this decides nothing.
struct ProtocolForm {
  using Value = std::string_view;
  static constexpr const char* kForm = "a protocol that waggle speaks";

  static bool read(std::string_view text, Value&) noexcept {
    return equals_ignoring_case(text, "http/json");
  }
  static std::string show(Value value) { return std::string(value); }
};

struct PathForm {
  using Value = std::string;
  static constexpr const char* kForm = "a path";

  static bool read(std::string_view text, Value& value) {
    value = text;
    return true;
  }
  static std::string show(const Value& value) { return value.empty() ? "none" : value; }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_VALUE_FORMS_HPP

// ---- waggle/setup/settings.hpp ----

// Every option that the environment may set, as a table: the code's word, else the first variable
// that holds a good value, else the default. A bad value is as good as none, and told once.
#ifndef WAGGLE_SETUP_SETTINGS_HPP
#define WAGGLE_SETUP_SETTINGS_HPP

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

template <class Value>
bool is_set(const std::optional<Value>& slot) noexcept {
  return slot.has_value();
}
inline bool is_set(const std::string& slot) noexcept { return !slot.empty(); }

template <class Value>
const Value& value_in(const std::optional<Value>& slot) noexcept {
  return *slot;
}
inline const std::string& value_in(const std::string& slot) noexcept { return slot; }

// Settles one option after the other.
class Settings {
 public:
  Settings(const Environment& environment, SetupReport& report) noexcept
      : environment_(environment), report_(report) {}

  // Which variable holds the first good value, if any does, and which hold bad ones before it.
  struct Search {
    const char* form = "";
    const char* by = "default";
    bool is_found = false;
    std::vector<const char*> bad;
  };

  // What variables say.
  template <class Form>
  struct Found : Search {
    std::optional<typename Form::Value> value;
  };

  template <class Form>
  Found<Form> find(VariableNames names) const {
    typename Form::Value value{};
    const auto read = [](std::string_view text, void* into) {
      return Form::read(text, *static_cast<typename Form::Value*>(into));
    };
    Found<Form> found{look_up(names, Form::kForm, read, &value), {}};
    if (found.is_found) found.value = std::move(value);
    return found;
  }

  // Tells of each bad value, and what is used instead.
  WAGGLE_COLD void tell_bad(const Search& search, std::string_view used) {
    for (const char* name : search.bad) {
      report_.warn(joined({name, ": ", in_quotes(environment_.value(name)), " is not ", search.form,
                           "; ", used, " is used instead"}));
    }
  }

  // Fills `slot` unless the code has done so. `otherwise_by` says whose value `otherwise` is.
  template <class Form, class Slot>
  void settle(const char* option, Slot& slot, VariableNames names, typename Form::Value otherwise,
              const char* otherwise_by = "default") {
    if (is_set(slot)) return report_.add(option, Form::show(value_in(slot)), "code");
    Found<Form> found = find<Form>(names);
    slot = found.value ? std::move(*found.value) : std::move(otherwise);
    tell(option, Form::show(value_in(slot)), found, otherwise_by);
  }

  // Reads a variable that no option stands for.
  WAGGLE_COLD bool is_true(VariableNames names) {
    const Found<BooleanForm> found = find<BooleanForm>(names);
    tell_bad(found, BooleanForm::show(found.value.value_or(false)));
    return found.value.value_or(false);
  }

 private:
  // What is the same for all forms stands outside the templates, for the compiler's sake.
  using Read = bool (*)(std::string_view text, void* into);

  WAGGLE_COLD Search look_up(VariableNames names, const char* form, Read read, void* into) const {
    Search search;
    search.form = form;
    for (const char* name : names) {
      const std::string_view text = environment_.value(name);
      if (text.empty()) continue;
      if (read(text, into)) {
        search.by = name;
        search.is_found = true;
        break;
      }
      search.bad.push_back(name);
    }
    return search;
  }

  WAGGLE_COLD void tell(const char* option, const std::string& used, const Search& search,
                        const char* otherwise_by) {
    tell_bad(search, search.is_found ? joined({used, " of ", search.by}) : used);
    report_.add(option, used, search.is_found ? search.by : otherwise_by);
  }

  const Environment& environment_;
  SetupReport& report_;
};

// Settles how a span is cut. What the span's own variables leave open follows the general ones.
WAGGLE_COLD void settle_limits(SpanLimits& own, AttributeLimits& general, Settings& settings) {
  constexpr const char* kCount = "attribute_limits.count";
  constexpr const char* kLength = "attribute_limits.value_length";
  constexpr const char* kDepth = "attribute_limits.value_depth";
  // clang-format off
  settings.settle<LimitForm>(kCount, general.count, {"OTEL_ATTRIBUTE_COUNT_LIMIT"}, 128);
  settings.settle<LimitForm>(kLength, general.value_length, {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"}, SpanLimits::kUnlimited);
  settings.settle<LimitForm>(kDepth, general.value_depth, {}, 64);
  settings.settle<LimitForm>("limits.attribute_count", own.attribute_count, {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"}, *general.count, kCount);
  settings.settle<LimitForm>("limits.attribute_value_length", own.attribute_value_length, {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"}, *general.value_length, kLength);
  settings.settle<LimitForm>("limits.attribute_value_depth", own.attribute_value_depth, {}, *general.value_depth, kDepth);
  settings.settle<LimitForm>("limits.event_count", own.event_count, {"OTEL_SPAN_EVENT_COUNT_LIMIT"}, 128);
  settings.settle<LimitForm>("limits.link_count", own.link_count, {"OTEL_SPAN_LINK_COUNT_LIMIT"}, 128);
  settings.settle<LimitForm>("limits.attribute_per_event_count", own.attribute_per_event_count, {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"}, 128);
  settings.settle<LimitForm>("limits.attribute_per_link_count", own.attribute_per_link_count, {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"}, 128);
  // clang-format on
}

// Settles how batches are made.
WAGGLE_COLD void settle_batches(Config& config, Settings& settings) {
  // clang-format off
  settings.settle<DurationForm>("batch_delay", config.batch_delay, {"OTEL_BSP_SCHEDULE_DELAY"}, Milliseconds(1000));
  settings.settle<SizeForm>("batch_spans", config.batch_spans, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE"}, 4096);
  // clang-format on
}

// Settles how they are sent. `compresses` is the default, by the server's place.
WAGGLE_COLD void settle_sending(Config& config, bool compresses, Settings& settings) {
  const Compression compression = compresses ? Compression::Gzip : Compression::Off;
  // clang-format off
  settings.settle<TimeoutForm>("attempt_timeout", config.attempt_timeout, {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"}, Milliseconds(10000));
  settings.settle<TimeoutForm>("retry_for", config.retry_for, {"OTEL_BSP_EXPORT_TIMEOUT"}, Milliseconds(60000));
  settings.settle<CompressionForm>("compression", config.compression, {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"}, compression);
  settings.settle<PathForm>("ca_file", config.ca_file, {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"}, {});
  settings.settle<PathForm>("client_certificate_file", config.client_certificate_file, {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"}, {});
  settings.settle<PathForm>("client_key_file", config.client_key_file, {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"}, {});
  settings.tell_bad(settings.find<ProtocolForm>({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}), "http/json");
  // clang-format on
}

// Variables that are known and do nothing here.
struct UnusedVariable {
  const char* name;
  const char* why;
};
constexpr UnusedVariable kUnusedVariables[] = {
    {"OTEL_CONFIG_FILE", "configuration files are not read, so the other variables count"},
    {"HONEYCOMB_CONFIG_FILE", "configuration files are not read, so the other variables count"},
    {"OTEL_BSP_MAX_QUEUE_SIZE", "Config::memory_limit bounds what waits, in bytes"},
};

WAGGLE_COLD void tell_unused(const Environment& environment, SetupReport& report) {
  for (const UnusedVariable& variable : kUnusedVariables) {
    const std::string_view value = environment.value(variable.name);
    if (value.empty()) continue;
    report.warn(joined({variable.name, ": ", in_quotes(value), " is not used: ", variable.why}));
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_SETTINGS_HPP

// ---- waggle/setup/trace_exporters.hpp ----

// OTEL_TRACES_EXPORTER: whether traces are sent, drawn, both or neither. Where to is said
// elsewhere.
#ifndef WAGGLE_SETUP_TRACE_EXPORTERS_HPP
#define WAGGLE_SETUP_TRACE_EXPORTERS_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

struct TraceExporters {
  bool is_said = false;
  bool otlp = false;
  bool console = false;

  bool is_none() const noexcept { return is_said && !otlp && !console; }
  bool only_console() const noexcept { return console && !otlp; }

  // Takes one word; false if it is not known.
  bool take(std::string_view word) noexcept {
    struct Known {
      std::string_view word;
      bool otlp;
      bool console;
    };
    constexpr Known kKnown[] = {
        {"otlp", true, false}, {"console", false, true}, {"none", false, false}};
    for (const Known& known : kKnown) {
      if (!equals_ignoring_case(known.word, word)) continue;
      is_said = true;
      otlp = otlp || known.otlp;
      console = console || known.console;
      return true;
    }
    return false;
  }

  // Reads a list of words between commas; one that is not known is told and left out.
  WAGGLE_COLD static TraceExporters of(const Environment& environment, SetupReport& report) {
    constexpr const char* kName = "OTEL_TRACES_EXPORTER";
    TraceExporters exporters;
    std::string_view text = environment.value(kName);
    while (!text.empty()) {
      const std::size_t comma = text.find(',');
      const std::string_view word = without_blanks(text.substr(0, comma));
      text = comma == text.npos ? std::string_view{} : text.substr(comma + 1);
      if (word.empty() || exporters.take(word)) continue;
      report.warn(joined(
          {kName, ": ", in_quotes(word), " is none of otlp, console and none, and is left out"}));
    }
    return exporters;
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_TRACE_EXPORTERS_HPP

// ---- waggle/setup/variable_lists.hpp ----

// Variables that hold lists: HTTP headers and the resource's attributes, as name=value pairs
// between commas, percent-encoded.
#ifndef WAGGLE_SETUP_VARIABLE_LISTS_HPP
#define WAGGLE_SETUP_VARIABLE_LISTS_HPP

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

inline int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Decodes %20 and the like (RFC 3986, section 2.1); false if a percent sign is not followed by two
// digits.
WAGGLE_COLD bool percent_decode(std::string_view text, std::string& decoded) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return false;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

// Reads OTEL_EXPORTER_OTLP_HEADERS or its form for traces, `variable`; values are percent-encoded.
// Adds a problem for each member that is no pair, naming its place and never its text: it may be a
// secret.
WAGGLE_COLD HeaderList parse_headers(const char* variable, std::string_view text,
                                     std::vector<std::string>& problems) {
  HeaderList headers;
  int place = 0;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view member = without_blanks(text.substr(0, comma));
    text = comma == text.npos ? std::string_view{} : text.substr(comma + 1);
    ++place;
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    const std::string_view name = without_blanks(member.substr(0, equals));
    std::string value;
    const bool is_pair = equals != member.npos && is_header_name(name) &&
                         percent_decode(without_blanks(member.substr(equals + 1)), value) &&
                         is_header_value(value);
    if (is_pair) {
      headers.push_back({std::string(name), std::move(value)});
    } else {
      problems.push_back(joined({variable, ": entry ", std::to_string(place),
                                 " is not of the form name=value and was left out"}));
    }
  }
  return headers;
}

// Reads OTEL_RESOURCE_ATTRIBUTES: key=value pairs between commas, both percent-encoded. All or
// nothing, as the specification has it: returns the place of the first entry that is wrong, or 0.
WAGGLE_COLD int parse_resource_attributes(std::string_view text, Resource& resource) {
  Resource read;
  for (int place = 1; !text.empty(); ++place) {
    const std::size_t comma = text.find(',');
    const std::string_view member = without_blanks(text.substr(0, comma));
    text = comma == text.npos ? std::string_view{} : text.substr(comma + 1);
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == member.npos) return place;
    std::string key;
    std::string value;
    const bool is_pair = percent_decode(without_blanks(member.substr(0, equals)), key) &&
                         percent_decode(without_blanks(member.substr(equals + 1)), value) &&
                         !key.empty() && member.find('=', equals + 1) == member.npos;
    if (!is_pair) return place;
    read.set(key, value);
  }
  resource.merge(read);
  return 0;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_VARIABLE_LISTS_HPP

// ---- waggle/setup/destination.hpp ----

// Where spans go, decided once from configuration and environment: what the code says; else
// Honeycomb's variables; else OpenTelemetry's; else a person's terminal; else nowhere. Pure, so
// that every rule is a row in a test.
#ifndef WAGGLE_SETUP_DESTINATION_HPP
#define WAGGLE_SETUP_DESTINATION_HPP

#include <string>
#include <string_view>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

enum class DestinationKind { Nowhere, Terminal, Otlp, OwnExporters };

// Holds the decision, and what there is to tell about it.
struct Destination {
  DestinationKind kind = DestinationKind::Nowhere;
  bool draws_traces = false;   // on stderr, and nowhere else if `kind` is Terminal
  bool takes_remarks = false;  // spans go straight to Honeycomb, and nobody forbade to look closer
  OtlpDestination otlp;
  SetupReport report;
};

constexpr const char* kKeyHeader = "x-honeycomb-team";
constexpr const char* kDatasetHeader = "x-honeycomb-dataset";

// Returns what is sent under that name, empty if nothing is.
WAGGLE_COLD std::string value_of(const HeaderList& headers, std::string_view name) {
  for (const auto& header : headers) {
    if (equals_ignoring_case(header.first, name)) return header.second;
  }
  return {};
}

// A URL to send to, whoever said it, and in which words.
struct Target {
  std::string url;
  Said said;

  explicit operator bool() const noexcept { return !url.empty(); }
};

// Makes the decision.
class DestinationRules {
 public:
  DestinationRules(const Config& config, const Environment& environment, bool has_terminal)
      : config_(config), environment_(environment), has_terminal_(has_terminal) {}

  WAGGLE_COLD Destination decide() {
    if (!config_.api_key.empty() || !config_.endpoint.empty()) {
      by_code();
    } else if (!config_.exporters.empty()) {
      choose(DestinationKind::OwnExporters, "code");
    } else {
      by_environment();
    }
    if (result_.kind == DestinationKind::Otlp) look_at_key();
    return std::move(result_);
  }

 private:
  WAGGLE_COLD void by_code() {
    const Said endpoint{config_.endpoint, "code"};
    Target target = endpoint ? Target{traces_url(endpoint.value), endpoint} : honeycomb_target();
    Said key{config_.api_key, "code"};
    // The environment's key goes to Honeycomb, and to nobody else whom the code names.
    const bool may_take_key =
        UrlParts::of(target.url).is_honeycomb() && value_of(config_.headers, kKeyHeader).empty();
    if (!key && may_take_key) key = key_of_environment();
    key ? honeycomb(key, std::move(target)) : otlp(std::move(target));
    for (const auto& header : config_.headers) add_header(header.first, header.second);
    list_headers(config_.headers, "code");
  }

  WAGGLE_COLD void by_environment() {
    const TraceExporters exporters = TraceExporters::of(environment_, result_.report);
    const Said key = key_of_environment();
    if (exporters.is_none()) {
      choose(DestinationKind::Nowhere, "OTEL_TRACES_EXPORTER");
    } else if (exporters.only_console()) {
      choose(DestinationKind::Terminal, "OTEL_TRACES_EXPORTER");
    } else if (key) {
      honeycomb(key, honeycomb_target());
    } else if (Target target = opentelemetry_target(exporters.otlp)) {
      otlp(std::move(target));
      add_headers_of_environment();
    } else {
      nobody_said();
    }
    result_.draws_traces |= exporters.console;
  }

  WAGGLE_COLD Said key_of_environment() const noexcept {
    return environment_.first_of({"HONEYCOMB_TRACES_APIKEY", "HONEYCOMB_TRACES_API_KEY",
                                  "HONEYCOMB_API_KEY", "LIBHONEY_API_KEY"});
  }

  // OpenTelemetry's endpoint may choose the region, but never take the key elsewhere.
  WAGGLE_COLD Target honeycomb_target() const {
    if (const Said said =
            environment_.first_of({"HONEYCOMB_TRACES_ENDPOINT", "HONEYCOMB_TRACES_API_ENDPOINT"})) {
      return {honeycomb_traces_url(said.value), said};
    }
    if (const Said said = environment_.first_of({"HONEYCOMB_API_ENDPOINT", "LIBHONEY_API_HOST"})) {
      return {traces_url(said.value), said};
    }
    Target target = opentelemetry_target(false);
    if (UrlParts::of(target.url).is_honeycomb()) return target;
    return {"https://api.honeycomb.io/v1/traces", {}};
  }

  WAGGLE_COLD Target opentelemetry_target(bool has_default) const {
    if (const Said said = environment_.first_of({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"})) {
      return {verbatim_url(said.value), said};
    }
    if (const Said said = environment_.first_of({"OTEL_EXPORTER_OTLP_ENDPOINT"})) {
      return {traces_url(said.value), said};
    }
    return {has_default ? "http://localhost:4318/v1/traces" : "", {}};
  }

  WAGGLE_COLD void honeycomb(const Said& key, Target target) {
    otlp(std::move(target));
    result_.otlp.is_honeycomb = true;
    key_said_by_ = key.by;
    const std::string_view clean = without_blanks(key.value);
    if (!is_sendable_key(clean)) {
      error(joined({speaker(key, "api_key"),
                    " holds characters that no key of Honeycomb's has; copy it once more"}));
      return;
    }
    add_header(kKeyHeader, std::string(clean));
  }

  WAGGLE_COLD void otlp(Target target) {
    choose(DestinationKind::Otlp, nullptr);
    result_.otlp.url = std::move(target.url);
    result_.report.add("endpoint", without_user(result_.otlp.url), target.said.by);
    const UrlParts url = UrlParts::of(result_.otlp.url);
    if (!url.is_valid) {
      error(joined({speaker(target.said, "endpoint"), ": ",
                    in_quotes(without_user(target.said.value)),
                    " is not a URL such as https://api.honeycomb.io or http://localhost:4318"}));
    }
    if (url.port == "4317") {
      warn(joined({speaker(target.said, "endpoint"),
                   " names port 4317, which is gRPC's; waggle speaks HTTP, for which it is 4318"}));
    }
    result_.otlp.is_honeycomb = url.is_honeycomb();
    result_.otlp.compress = !url.is_loopback();
  }

  WAGGLE_COLD void add_headers_of_environment() {
    const Said said =
        environment_.first_of({"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"});
    if (!said) return;
    HeaderList headers = parse_headers(said.by, said.value, result_.report.warnings);
    list_headers(headers, said.by);
    for (auto& header : headers) {
      const bool is_key = equals_ignoring_case(header.first, kKeyHeader);
      if (is_key && !UrlParts::of(result_.otlp.url).is_honeycomb()) {
        warn(joined({said.by,
                     ": x-honeycomb-team was left out, since the endpoint is not Honeycomb's; set "
                     "HONEYCOMB_API_KEY and HONEYCOMB_API_ENDPOINT to send it elsewhere"}));
        continue;
      }
      add_header(header.first, std::move(header.second));
    }
    key_said_by_ = said.by;
  }

  WAGGLE_COLD void add_header(const std::string& name, std::string value) {
    const UrlParts url = UrlParts::of(result_.otlp.url);
    const bool is_key = equals_ignoring_case(name, kKeyHeader);
    if (!is_header_name(name) || !is_header_value(value)) {
      error(joined({"a header's name or value cannot be sent: ",
                    is_header_name(name) ? name : std::string_view("(bad name)")}));
    } else if (is_key && url.is_valid && !url.is_encrypted() && !url.is_loopback()) {
      error(joined({"refusing to send the API key over plain http to ", url.host, "; use https"}));
    } else {
      result_.otlp.headers.push_back({name, std::move(value)});
    }
  }

  std::string header(std::string_view name) const { return value_of(result_.otlp.headers, name); }

  // Once all headers are known: a classic key's dataset goes with it, and what is wrong is told.
  WAGGLE_COLD void look_at_key() {
    const std::string key = header(kKeyHeader);
    Said dataset{config_.dataset, "code"};
    if (!dataset) {
      dataset = environment_.first_of(
          {"HONEYCOMB_TRACES_DATASET", "HONEYCOMB_DATASET", "LIBHONEY_DATASET"});
    }
    const bool lacks_dataset = is_classic(key) && header(kDatasetHeader).empty();
    if (lacks_dataset && dataset) add_header(kDatasetHeader, std::string(dataset.value));
    if (!key.empty()) {
      const std::string shown = joined({masked(key), " (", shape_of(key).name, ")"});
      result_.report.add("api_key", shown, key_said_by_);
    }
    if (lacks_dataset && dataset) result_.report.add("dataset", dataset.value, dataset.by);
    const UrlParts url = UrlParts::of(result_.otlp.url);
    Settings settings(environment_, result_.report);
    result_.takes_remarks = (url.is_honeycomb() || !host_meant(url.host).empty()) &&
                            !settings.is_true({"HONEYCOMB_SKIP_OPTIONS_VALIDATION"});
    if (!result_.takes_remarks || !result_.report.errors.empty()) return;
    const bool sends_dataset = !header(kDatasetHeader).empty();
    remark_on_honeycomb({url.host, {key, key_said_by_}, dataset, sends_dataset}, result_.report);
  }

  WAGGLE_COLD void nobody_said() {
    const Said endpoint =
        environment_.first_of({"HONEYCOMB_TRACES_ENDPOINT", "HONEYCOMB_TRACES_API_ENDPOINT",
                               "HONEYCOMB_API_ENDPOINT", "LIBHONEY_API_HOST"});
    if (endpoint) {
      warn(joined({endpoint.by, " is set and HONEYCOMB_API_KEY is not: nothing is sent there"}));
    }
    if (has_terminal_) return choose(DestinationKind::Terminal, "default");
    choose(DestinationKind::Nowhere, "default");
    warn("tracing is off: set HONEYCOMB_API_KEY, or OTEL_EXPORTER_OTLP_ENDPOINT, to turn it on");
  }

  // Says so too, unless the endpoint is to say it.
  WAGGLE_COLD void choose(DestinationKind kind, const char* by) {
    constexpr const char* kNames[] = {"nowhere", "drawn on stderr", "", "Config::exporters"};
    result_.kind = kind;
    result_.draws_traces = kind == DestinationKind::Terminal;
    if (by != nullptr) result_.report.add("spans go", kNames[static_cast<int>(kind)], by);
  }

  // Names alone: a value may be a secret.
  WAGGLE_COLD void list_headers(const HeaderList& headers, const char* by) {
    std::string names;
    for (const auto& header : headers) names += joined({names.empty() ? "" : ", ", header.first});
    if (!names.empty()) result_.report.add("headers", names, by);
  }

  void error(std::string text) { result_.report.error(std::move(text)); }
  void warn(std::string text) { result_.report.warn(std::move(text)); }

  const Config& config_;
  const Environment& environment_;
  const bool has_terminal_;
  const char* key_said_by_ = "code";
  Destination result_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_DESTINATION_HPP

// ---- waggle/setup/system_files.hpp ----

// Reads what small files of the system tell about where a process runs. The parsing is pure; a file
// that is missing or odd tells nothing, and is no error.
#ifndef WAGGLE_SETUP_SYSTEM_FILES_HPP
#define WAGGLE_SETUP_SYSTEM_FILES_HPP

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the first `longest` bytes of a file, none if it cannot be read.
WAGGLE_COLD std::string read_file(const char* path, std::size_t longest) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "re"), &std::fclose);
  std::string text(file == nullptr ? 0 : longest, '\0');
  if (file != nullptr) text.resize(std::fread(&text[0], 1, longest, file.get()));
  return text;
}

// Takes the first piece off `text`, up to `separator`, which goes too.
inline std::string_view take_piece(std::string_view& text, char separator) noexcept {
  const std::size_t end = text.find(separator);
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return piece;
}

inline bool is_lowercase_hex(std::string_view text) noexcept {
  return text.find_first_not_of("0123456789abcdef") == text.npos;
}

// Returns the value of `key` in the text of /etc/os-release, without its quotes.
WAGGLE_COLD std::string_view os_release_value(std::string_view text,
                                              std::string_view key) noexcept {
  while (!text.empty()) {
    std::string_view value = take_piece(text, '\n');
    if (take_piece(value, '=') != key) continue;
    const bool is_quoted = value.size() >= 2 && value.front() == value.back() &&
                           (value.front() == '"' || value.front() == '\'');
    return is_quoted ? value.substr(1, value.size() - 2) : value;
  }
  return {};
}

// Returns the text of /etc/machine-id if that is one: 32 hexadecimal digits.
inline std::string_view machine_id(std::string_view text) noexcept {
  const std::string_view line = take_piece(text, '\n');
  return line.size() == 32 && is_lowercase_hex(line) ? line : std::string_view{};
}

// Returns the id in the last part of a cgroup's path: docker-<id>.scope, cri-containerd:<id>, <id>,
// with 64 hexadecimal digits; or as Amazon's Fargate has it, 32 of them, a dash and a number.
WAGGLE_COLD std::string_view container_id_in_path(std::string_view path) noexcept {
  path.remove_prefix(path.rfind('/') + 1);
  const std::size_t end = path.rfind(".scope");
  if (end != path.npos && end + 6 == path.size()) path = path.substr(0, end);
  const std::size_t dash = path.find('-');
  const bool is_task = dash == 32 && is_lowercase_hex(path.substr(0, dash)) && path.size() > 33 &&
                       is_lowercase_hex(path.substr(33));
  if (is_task) return path;
  path.remove_prefix(path.find_last_of("-:") + 1);
  return path.size() == 64 && is_lowercase_hex(path) ? path : std::string_view{};
}

// Returns the container's id by the text of /proc/self/cgroup, as version 1 of cgroups has it.
inline std::string_view container_id_in_cgroup(std::string_view text) noexcept {
  while (!text.empty()) {
    std::string_view path = take_piece(text, '\n');
    take_piece(path, ':');  // hierarchy
    take_piece(path, ':');  // controllers
    const std::string_view id = container_id_in_path(path);
    if (!id.empty()) return id;
  }
  return {};
}

// Returns the container's id by the text of /proc/self/mountinfo: where version 2 of cgroups hides
// the path, the file that is mounted as /etc/hostname still lies in the container's own folder.
WAGGLE_COLD std::string_view container_id_in_mounts(std::string_view text) noexcept {
  while (!text.empty()) {
    std::string_view line = take_piece(text, '\n');
    for (int field = 0; field < 3; ++field) take_piece(line, ' ');
    std::string_view source = take_piece(line, ' ');
    if (take_piece(line, ' ') != "/etc/hostname") continue;
    bool is_among_containers = false;
    while (!source.empty()) {
      const std::string_view part = take_piece(source, '/');
      const bool is_id = part.size() == 64 && is_lowercase_hex(part);
      if (is_id && is_among_containers) return part;
      is_among_containers = part == "containers" || part == "overlay-containers";
    }
  }
  return {};
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_SYSTEM_FILES_HPP

// ---- waggle/setup/resource_detection.hpp ----

// Finds out what process this is and where it runs, by the names of OpenTelemetry's semantic
// conventions. Quick, without a network or a user database; what cannot be found is left out.
#ifndef WAGGLE_SETUP_RESOURCE_DETECTION_HPP
#define WAGGLE_SETUP_RESOURCE_DETECTION_HPP

#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {

// The version of the semantic conventions that the detected attributes keep to.
constexpr std::string_view kResourceSchemaUrl = "https://opentelemetry.io/schemas/1.44.0";

namespace detail {

WAGGLE_COLD void set_if_known(Resource& resource, std::string_view key, std::string_view text) {
  if (!text.empty()) resource.set(key, text);
}

// Returns the path of the running program, empty if the system does not tell.
WAGGLE_COLD std::string executable_path() {
  char path[4096];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof(path));
  std::string_view text(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  constexpr std::string_view kReplaced = " (deleted)";
  const std::size_t end = text.rfind(kReplaced);
  if (end != text.npos && end + kReplaced.size() == text.size()) text = text.substr(0, end);
  return std::string(text);
}

inline std::string file_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// Returns a random UUID (RFC 9562, version 4); empty without random numbers.
WAGGLE_COLD std::string random_uuid() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) return {};
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (std::size_t i = 0; i < sizeof(bytes); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}

// Returns the name that the conventions have for uname's machine.
inline std::string_view architecture_of(std::string_view machine) noexcept {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.substr(0, 3) == "arm") return "arm32";
  if (machine.size() == 4 && machine[0] == 'i' && machine.substr(2) == "86") return "x86";
  if (machine.substr(0, 5) == "ppc64") return "ppc64";
  return machine;
}

WAGGLE_COLD void detect_process(Resource& resource) {
  resource.set("process.pid", static_cast<std::int64_t>(::getpid()));
  const std::string path = executable_path();
  set_if_known(resource, "process.executable.name", file_name(path));
  set_if_known(resource, "process.executable.path", path);
}

WAGGLE_COLD void detect_host(Resource& resource) {
  utsname system{};
  if (::uname(&system) == 0) {
    set_if_known(resource, "host.name", system.nodename);
    set_if_known(resource, "host.arch", architecture_of(system.machine));
  }
  std::string id = read_file("/etc/machine-id", 64);
  if (machine_id(id).empty()) id = read_file("/var/lib/dbus/machine-id", 64);
  set_if_known(resource, "host.id", machine_id(id));
}

WAGGLE_COLD void detect_system(Resource& resource) {
  constexpr std::size_t kLongest = 16 * 1024;
  resource.set("os.type", "linux");
  std::string text = read_file("/etc/os-release", kLongest);
  if (text.empty()) text = read_file("/usr/lib/os-release", kLongest);
  set_if_known(resource, "os.name", os_release_value(text, "NAME"));
  set_if_known(resource, "os.version", os_release_value(text, "VERSION_ID"));
  set_if_known(resource, "os.description", os_release_value(text, "PRETTY_NAME"));
}

WAGGLE_COLD void detect_container(Resource& resource) {
  constexpr std::size_t kLongest = 256 * 1024;
  const std::string groups = read_file("/proc/self/cgroup", kLongest);
  std::string_view id = container_id_in_cgroup(groups);
  const std::string mounts = id.empty() ? read_file("/proc/self/mountinfo", kLongest) : "";
  if (id.empty()) id = container_id_in_mounts(mounts);
  set_if_known(resource, "container.id", id);
}

}  // namespace detail

// Returns what every resource has: who made the telemetry, and a name for the service, which is
// unknown_service:<executable> until somebody gives it one.
WAGGLE_COLD Resource default_resource() {
  Resource resource;
  const std::string name = detail::file_name(detail::executable_path());
  resource.set("service.name", detail::joined({"unknown_service", name.empty() ? "" : ":", name}));
  detail::set_if_known(resource, "service.instance.id", detail::random_uuid());
  resource.set("telemetry.sdk.name", "waggle");
  resource.set("telemetry.sdk.language", "cpp");
  resource.set("telemetry.sdk.version", WAGGLE_VERSION);
  resource.set_schema_url(kResourceSchemaUrl);
  return resource;
}

// Returns what was found out about this process, its host, its system and its container. Command
// lines and users are left out: they tell secrets and names.
WAGGLE_COLD Resource detect_resource() {
  Resource resource;
  detail::detect_process(resource);
  detail::detect_host(resource);
  detail::detect_system(resource);
  detail::detect_container(resource);
  resource.set_schema_url(kResourceSchemaUrl);
  return resource;
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_RESOURCE_DETECTION_HPP

// ---- waggle/setup/resource_choice.hpp ----

// Puts the resource together: what is said nearer to the code wins (OpenTelemetry, Resource SDK).
#ifndef WAGGLE_SETUP_RESOURCE_CHOICE_HPP
#define WAGGLE_SETUP_RESOURCE_CHOICE_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the dataset that a service's spans are in: its name, but nothing of what stands behind
// unknown_service (Honeycomb, husky getDataset).
inline std::string_view dataset_of_service(std::string_view name) noexcept {
  constexpr std::string_view kUnknown = "unknown_service";
  const std::size_t begin = name.find_first_not_of(" \t");
  if (begin == name.npos) return kUnknown;
  name = name.substr(begin, name.find_last_not_of(" \t") - begin + 1);
  return name.substr(0, kUnknown.size()) == kUnknown ? kUnknown : name;
}

// Builds the resource, and remembers who named the service.
class ResourceChoice {
 public:
  ResourceChoice(const Config& config, const Environment& environment, SetupReport& report)
      : config_(config), environment_(environment), report_(report) {}

  // SERVICE_NAME and SERVICE_VERSION are what some of Honeycomb's distributions read; the names are
  // anybody's, so they count only where spans go there.
  WAGGLE_COLD Resource make(bool is_honeycomb, bool takes_remarks) {
    if (config_.detect_resource) resource_.merge(detect_resource());
    if (is_honeycomb) take("service.name", {"SERVICE_NAME"});
    if (is_honeycomb) take("service.version", {"SERVICE_VERSION"});
    take_list();
    take("service.name", {"OTEL_SERVICE_NAME"});
    take("service.version", {"OTEL_SERVICE_VERSION"});
    take_code();
    report_.add("service.name", resource_.text("service.name"), named_by_);
    if (takes_remarks) remark_on_name();
    return std::move(resource_);
  }

 private:
  // Does what may name the service.
  template <class Change>
  void change(const char* by, Change&& change) {
    const std::string before(resource_.text("service.name"));
    change();
    if (resource_.text("service.name") != before) named_by_ = by;
  }

  WAGGLE_COLD void take(const char* key, VariableNames names) {
    const Said said = environment_.first_of(names);
    if (said) change(said.by, [&] { resource_.set(key, said.value); });
  }

  WAGGLE_COLD void take_list() {
    constexpr const char* kName = "OTEL_RESOURCE_ATTRIBUTES";
    int wrong = 0;
    change(kName, [&] { wrong = parse_resource_attributes(environment_.value(kName), resource_); });
    if (wrong == 0) return;
    report_.warn(joined({kName, ": entry ", std::to_string(wrong),
                         " is not of the form key=value, so all of it was left out"}));
  }

  WAGGLE_COLD void take_code() {
    change("code", [&] {
      for (const ResourceAttribute& attribute : config_.resource_attributes) {
        if (attribute.is_number) {
          resource_.set(attribute.key, attribute.number);
        } else {
          resource_.set(attribute.key, attribute.text);
        }
      }
      set_if_known(resource_, "service.name", config_.service_name);
    });
    if (!config_.resource_schema_url.empty()) resource_.set_schema_url(config_.resource_schema_url);
  }

  WAGGLE_COLD void remark_on_name() {
    constexpr std::string_view kUnknown = "unknown_service";
    const std::string_view name = resource_.text("service.name");
    if (name.substr(0, kUnknown.size()) != kUnknown) return;
    report_.warn(joined({"nobody named the service, so its spans are in the dataset ",
                         one_line(dataset_of_service(name)),
                         "; set OTEL_SERVICE_NAME or Config::service_name"}));
  }

  const Config& config_;
  const Environment& environment_;
  SetupReport& report_;
  Resource resource_ = default_resource();
  const char* named_by_ = "default";
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_RESOURCE_CHOICE_HPP

// ---- waggle/setup/sampler_choice.hpp ----

// Who decides which traces are kept, by code and environment.
#ifndef WAGGLE_SETUP_SAMPLER_CHOICE_HPP
#define WAGGLE_SETUP_SAMPLER_CHOICE_HPP

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

// One of the words that OTEL_TRACES_SAMPLER may be.
struct SamplerWord {
  std::string_view word;
  double ratio;  // unless OTEL_TRACES_SAMPLER_ARG is to say it
  bool takes_argument;
  bool follows_parent;  // else traces that others began are judged anew
};
constexpr SamplerWord kSamplerWords[] = {
    {"always_on", 1, false, false},
    {"always_off", 0, false, false},
    {"traceidratio", 1, true, false},
    {"parentbased_always_on", 1, false, true},
    {"parentbased_always_off", 0, false, true},
    {"parentbased_traceidratio", 1, true, true},
};

struct SamplerForm {
  using Value = const SamplerWord*;
  static constexpr const char* kForm = "a sampler that waggle has";

  static bool read(std::string_view text, Value& value) noexcept {
    for (const SamplerWord& known : kSamplerWords) {
      if (!equals_ignoring_case(known.word, text)) continue;
      value = &known;
      return true;
    }
    return false;
  }
};

// SAMPLE_RATE: of so many traces one is kept.
struct RateForm {
  using Value = std::uint32_t;
  static constexpr const char* kForm = "a whole number from 1";

  static bool read(std::string_view text, Value& value) noexcept {
    return read_number<Value>(text, 1, 0x7fffffff, value);
  }
};

// Fills what the code left open of Config::sampler, sample_ratio, and the two for remote parents.
class SamplerChoice {
 public:
  SamplerChoice(Config& config, const Environment& environment, bool is_honeycomb,
                SetupReport& report) noexcept
      : config_(config),
        report_(report),
        settings_(environment, report),
        is_honeycomb_(is_honeycomb) {}

  WAGGLE_COLD std::shared_ptr<const ParentBasedSampler> make() {
    const char* by = "code";
    if (config_.sampler == nullptr && !config_.sample_ratio) by = ask_environment();
    if (config_.sampler == nullptr) {
      config_.sampler = std::make_shared<RatioSampler>(*config_.sample_ratio);
    } else {
      tell_overridden();
    }
    auto sampler = std::make_shared<ParentBasedSampler>(
        config_.sampler, config_.remote_parent_sampled, config_.remote_parent_not_sampled);
    report_.add("sampler", sampler->description(), by);
    return sampler;
  }

 private:
  // SAMPLE_RATE may be anybody's (a program that plays music has one), so it counts only where
  // Honeycomb is known to be meant.
  WAGGLE_COLD Settings::Found<RateForm> find_rate() const {
    return is_honeycomb_ ? settings_.find<RateForm>({"HONEYCOMB_SAMPLE_RATE", "SAMPLE_RATE"})
                         : settings_.find<RateForm>({"HONEYCOMB_SAMPLE_RATE"});
  }

  // Returns who said it.
  WAGGLE_COLD const char* ask_environment() {
    const Settings::Found<RateForm> rate = find_rate();
    const char* by = rate.by;
    if (rate.value) {
      config_.sample_ratio = 1.0 / *rate.value;
    } else {
      by = ask_opentelemetry();
    }
    settings_.tell_bad(rate, joined({"a share of ", ratio_text(*config_.sample_ratio)}));
    return by;
  }

  WAGGLE_COLD const char* ask_opentelemetry() {
    const auto found = settings_.find<SamplerForm>({"OTEL_TRACES_SAMPLER"});
    settings_.tell_bad(found, "parentbased_always_on");
    config_.sample_ratio = 1.0;
    if (!found.value) return found.by;
    const SamplerWord& word = **found.value;
    config_.sample_ratio = word.takes_argument ? argument() : word.ratio;
    if (!word.follows_parent) judge_anew();
    return found.by;
  }

  double argument() {
    const auto found = settings_.find<RatioForm>({"OTEL_TRACES_SAMPLER_ARG"});
    settings_.tell_bad(found, "1");
    return found.value.value_or(1.0);
  }

  WAGGLE_COLD void judge_anew() {
    const auto sampler = std::make_shared<RatioSampler>(*config_.sample_ratio);
    for (auto* each : {&config_.remote_parent_sampled, &config_.remote_parent_not_sampled}) {
      if (*each == nullptr) *each = sampler;
    }
  }

  void tell_overridden() {
    const Settings::Found<RateForm> rate = find_rate();
    if (rate.value) report_.warn(joined({rate.by, " is not used: Config::sampler decides"}));
  }

  Config& config_;
  SetupReport& report_;
  Settings settings_;
  const bool is_honeycomb_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_SAMPLER_CHOICE_HPP

// ---- waggle/exporters/trace_link.hpp ----

// Where people look at a trace: its page in Honeycomb's user interface. Pure.
#ifndef WAGGLE_EXPORTERS_TRACE_LINK_HPP
#define WAGGLE_EXPORTERS_TRACE_LINK_HPP

#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Encodes a name as one segment of a path (RFC 3986, section 2.3).
WAGGLE_COLD std::string path_segment(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kMarks = "-._~";
  std::string text;
  for (char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool is_digit = c >= '0' && c <= '9';
    if (is_letter || is_digit || kMarks.find(c) != kMarks.npos) {
      text += c;
    } else {
      text.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  return text;
}

// What traces have in common that a key sends. A classic key has no environment.
struct TracePages {
  std::string user_interface;
  std::string team;
  std::string environment;
  std::string dataset;

  WAGGLE_COLD std::string link(TraceId trace) const {
    return joined({user_interface, "/", path_segment(team),
                   environment.empty() ? "" : "/environments/", path_segment(environment),
                   "/datasets/", path_segment(dataset), "/trace?trace_id=", trace.hex()});
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_TRACE_LINK_HPP

// ---- waggle/exporters/trace_link_exporter.hpp ----

// Shows people the way to their traces in Honeycomb, for development: one line for each trace that
// begins in this process.
#ifndef WAGGLE_EXPORTERS_TRACE_LINK_EXPORTER_HPP
#define WAGGLE_EXPORTERS_TRACE_LINK_EXPORTER_HPP

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

struct TraceLinkOptions {
  std::string auth_url;  // whom to ask for team and environment of a key
  HeaderList headers;    // the key
  TracePages pages;      // but for team and environment
  int descriptor = STDERR_FILENO;
};

// Asks Honeycomb once, with the first trace that begins here, whose key it is (GET /1/auth); for
// two seconds at most, while rings hold what is recorded. Without a good answer it says why, and
// does nothing any more.
class TraceLinkExporter final : public Exporter {
 public:
  TraceLinkExporter(TraceLinkOptions options, std::unique_ptr<Transport> transport,
                    std::shared_ptr<Diagnostics> diagnostics) noexcept
      : options_(std::move(options)),
        transport_(std::move(transport)),
        diagnostics_(std::move(diagnostics)) {}

  // Never fails: the spans themselves go elsewhere.
  ExportResult export_batch(const Batch& batch, Deadline deadline) noexcept override {
    completes([&] {
      if (!has_root(batch)) return;
      if (transport_ != nullptr) ask(deadline);
      if (!options_.pages.team.empty()) write(links(batch), deadline);
    });
    return {};
  }

 private:
  static bool has_root(const Batch& batch) noexcept {
    return std::any_of(batch.spans.begin(), batch.spans.end(),
                       [](const FinishedSpan& span) { return !span.parent_id.is_valid(); });
  }

  WAGGLE_COLD void ask(Deadline deadline) {
    constexpr Milliseconds kLongest{2000};
    const std::unique_ptr<Transport> transport = std::move(transport_);
    const Deadline until((std::min)(deadline.at(), Deadline::in(kLongest).at()));
    HttpRequest request;
    request.url = options_.auth_url;
    request.headers = options_.headers;
    request.timeout = kLongest;
    transport->begin(request);
    while (transport->poll().outcome == TransportOutcome::Pending) {
      const TimePoint now = SteadyClock::now();
      if (until.passed(now)) return give_up("no answer in time");
      transport->wait(-1, until.left(now));
    }
    hear(transport->poll());
  }

  WAGGLE_COLD void hear(const HttpReply& reply) {
    if (reply.outcome != TransportOutcome::Answered) return give_up(reply.message);
    const KeyOwner owner = read_key_owner(reply.body);
    if (reply.status != 200 || owner.team.empty()) {
      const char* why = reply.status == 401 ? ", the key was refused" : "";
      return give_up(joined({"HTTP ", std::to_string(reply.status), why}));
    }
    options_.pages.team = owner.team;
    options_.pages.environment = owner.environment;
  }

  WAGGLE_COLD void give_up(std::string_view why) {
    diagnostics_->always(joined(
        {"no links to traces are shown: asked whose key it is, Honeycomb did not tell: ", why}));
  }

  WAGGLE_COLD std::string links(const Batch& batch) const {
    constexpr std::size_t kMost = 20;
    constexpr std::size_t kLongestName = 60;
    std::string text;
    std::size_t count = 0;
    for (const FinishedSpan& span : batch.spans) {
      if (span.parent_id.is_valid() || ++count > kMost) continue;
      text += joined(
          {terminal_text(span.name, kLongestName), ": ", options_.pages.link(span.trace_id), "\n"});
    }
    if (count > kMost) text += joined({"(and ", std::to_string(count - kMost), " traces more)\n"});
    return text;
  }

  void write(const std::string& text, Deadline deadline) const {
    std::string_view left = text;
    if (!left.empty()) NonBlockingDescriptor(options_.descriptor).write(left, deadline);
  }

  TraceLinkOptions options_;
  std::unique_ptr<Transport> transport_;  // until Honeycomb was asked
  std::shared_ptr<Diagnostics> diagnostics_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_TRACE_LINK_EXPORTER_HPP

// ---- waggle/setup/trace_links.hpp ----

// Whether people are shown the way to their traces, and what the exporter that does it has to know.
#ifndef WAGGLE_SETUP_TRACE_LINKS_HPP
#define WAGGLE_SETUP_TRACE_LINKS_HPP

#include <string>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Settles it, and says so if there is nowhere to lead.
WAGGLE_COLD void settle_trace_links(Config& config, const OtlpDestination& otlp, Settings& settings,
                                    SetupReport& report) {
  settings.settle<BooleanForm>("trace_links", config.trace_links,
                               {"HONEYCOMB_ENABLE_LOCAL_VISUALIZATIONS"}, false);
  const bool has_key = otlp.is_honeycomb && !value_of(otlp.headers, kKeyHeader).empty();
  if (!*config.trace_links || has_key) return;
  report.warn(
      "trace_links: no links are shown without a key of Honeycomb's; set HONEYCOMB_API_KEY");
  config.trace_links = false;
}

WAGGLE_COLD TraceLinkOptions trace_link_options(const OtlpDestination& otlp,
                                                std::string_view service_name) {
  const UrlParts url = UrlParts::of(otlp.url);
  const std::string key = value_of(otlp.headers, kKeyHeader);
  const std::string dataset = value_of(otlp.headers, kDatasetHeader);
  TraceLinkOptions options;
  options.auth_url = joined({url.origin(), "/1/auth"});
  options.headers = {{kKeyHeader, key}};
  options.pages.user_interface = user_interface_of(url);
  options.pages.dataset = is_classic(key) ? dataset : dataset_of_service(service_name);
  return options;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_TRACE_LINKS_HPP

// ---- waggle/setup/start_plan.hpp ----

// Everything that start() decides before it starts anything: code and environment made into one
// configuration, and what there is to tell about it.
#ifndef WAGGLE_SETUP_START_PLAN_HPP
#define WAGGLE_SETUP_START_PLAN_HPP

#include <memory>
#include <string>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Checks what only code can get wrong; the forms of variables see to the rest.
WAGGLE_COLD void check(const Config& config, SetupReport& report) {
  constexpr Milliseconds kNone{0};
  constexpr std::size_t kLeastMemory = 256 * 1024;
  const double ratio = config.sample_ratio.value_or(1);
  if (!(ratio >= 0 && ratio <= 1)) report.error("Config::sample_ratio must be between 0 and 1");
  if (config.memory_limit < kLeastMemory) {
    report.error("Config::memory_limit must be at least 262144 bytes");
  }
  for (Milliseconds time :
       {config.batch_delay.value_or(kNone), config.retry_for.value_or(kNone), config.exit_timeout,
        config.retry_backoff_first, config.retry_backoff_longest}) {
    if (time >= kNone) continue;
    report.error(
        "Config::batch_delay, exit_timeout, retry_for and the backoffs must not be negative");
    break;
  }
  if (config.attempt_timeout && *config.attempt_timeout <= kNone) {
    report.error("Config::attempt_timeout must be positive");
  }
  if (config.batch_spans && *config.batch_spans == 0) {
    report.error("Config::batch_spans must be positive");
  }
}

// Holds the decisions. `config` has been filled in, and no option is open that a variable may set.
struct StartPlan {
  bool is_disabled = false;
  bool is_debug = false;
  Destination destination;
  Resource resource;
  std::shared_ptr<const ParentBasedSampler> sampler;

  bool is_on() const noexcept {
    return !is_disabled && report().errors.empty() && destination.kind != DestinationKind::Nowhere;
  }
  bool has_server() const noexcept { return destination.kind == DestinationKind::Otlp; }
  const SetupReport& report() const noexcept { return destination.report; }
  std::string description() const {
    return joined({"waggle " WAGGLE_VERSION "\n", report().text()});
  }

  WAGGLE_COLD static StartPlan of(Config& config, const Environment& environment,
                                  bool has_terminal) {
    StartPlan plan;
    SetupReport before;
    if (Settings(environment, before).is_true({"OTEL_SDK_DISABLED"})) {
      plan.is_disabled = true;
      plan.destination.report.add("tracing", "off", "OTEL_SDK_DISABLED");
      return plan;
    }
    tell_unused(environment, before);
    plan.destination = DestinationRules(config, environment, has_terminal).decide();
    auto& warnings = plan.destination.report.warnings;
    warnings.insert(warnings.begin(), before.warnings.begin(), before.warnings.end());
    plan.settle(config, environment);
    return plan;
  }

 private:
  WAGGLE_COLD void settle(Config& config, const Environment& environment) {
    SetupReport& report = destination.report;
    Settings settings(environment, report);
    const bool is_honeycomb = destination.otlp.is_honeycomb;
    check(config, report);
    resource =
        ResourceChoice(config, environment, report).make(is_honeycomb, destination.takes_remarks);
    if (report.errors.empty()) {
      sampler = SamplerChoice(config, environment, is_honeycomb, report).make();
    }
    if (has_server()) settle_sending(config, destination.otlp.compress, settings);
    settle_trace_links(config, destination.otlp, settings, report);
    settle_batches(config, settings);
    settle_limits(config.limits, config.attribute_limits, settings);
    list_rest(config);
    is_debug = is_honeycomb ? settings.is_true({"HONEYCOMB_DEBUG", "DEBUG"})
                            : settings.is_true({"HONEYCOMB_DEBUG"});
    destination.draws_traces |= is_debug;
  }

  // What no variable sets.
  WAGGLE_COLD void list_rest(const Config& config) {
    const Config untouched;
    const auto add = [this](const char* option, const std::string& value, bool is_default) {
      destination.report.add(option, value, is_default ? "default" : "code");
    };
    add("memory_limit", joined({std::to_string(config.memory_limit), " bytes"}),
        config.memory_limit == untouched.memory_limit);
    add("exit_timeout", DurationForm::show(config.exit_timeout),
        config.exit_timeout == untouched.exit_timeout);
    add("worker_thread", BooleanForm::show(config.worker_thread), config.worker_thread);
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_START_PLAN_HPP

// ---- waggle/setup/tracing.hpp ----

// A running tracer: how it is set up from what start() was told, and the object that turns it off.
#ifndef WAGGLE_SETUP_TRACING_HPP
#define WAGGLE_SETUP_TRACING_HPP

#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {
struct Starter;
}  // namespace detail

// Stands for a running tracer: flushes and stops it when destroyed. Movable; always usable, also if
// start() failed: then every call does nothing. Moving and destroying it are for one thread at a
// time.
class [[nodiscard]] Tracing {
 public:
  Tracing() noexcept = default;
  Tracing(Tracing&& other) noexcept { swap(other); }
  Tracing& operator=(Tracing&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Tracing() { shutdown(); }

  // Tells whether start() did what it was asked for; being told to be off counts as done.
  bool ok() const noexcept { return errors_.empty() && !lacks_memory_; }

  // Returns all that was wrong, each with how to mend it; nothing if there is no memory even for
  // that.
  const std::vector<std::string>& errors() const noexcept { return errors_; }

  // Tells whether spans are being recorded. Any thread.
  bool is_on() const noexcept { return engine_ != nullptr && engine_->is_open(session_); }

  // Sends all spans that ended before the call; false if that took longer than `timeout`. Any
  // thread.
  bool force_flush(Milliseconds timeout) {
    return engine_ == nullptr || engine_->flush(Deadline::in(timeout));
  }
  bool force_flush() { return force_flush(exit_timeout_); }

  // Does a part of the collector's work on the calling thread, for Config::worker_thread = false:
  // one step at least, which is a look at the rings and at the network and a few hundred spans
  // encoded or 64 KiB compressed, and more while there is work and `budget` lasts. Never waits,
  // unless an exporter does. Returns how long nothing is to be done; spans recorded since then may
  // want it earlier. From one thread at a time.
  std::chrono::microseconds poll(std::chrono::microseconds budget = {}) {
    return engine_ == nullptr ? std::chrono::hours(24) : engine_->poll(budget);
  }

  // Flushes and stops; false if something was given up at the end of `timeout`. Spans begun later
  // are no-ops. The second call does nothing, and waits for the first. Any thread, but not from
  // inside an exporter or a filter.
  bool shutdown(Milliseconds timeout) {
    return engine_ == nullptr || engine_->close(session_, Deadline::in(timeout));
  }
  bool shutdown() { return shutdown(exit_timeout_); }

  // Tells people what start() made of code and environment: each option, its value, and who said
  // so; then mistakes and warnings. Keys are masked.
  const std::string& describe() const noexcept { return description_; }

  // Replaces who decides about traces that begin here, or the share of them that is kept; false,
  // and nothing changes, if tracing is off, there is no sampler, or the share is not one from 0 to
  // 1. Traces that have begun keep their decision. Any thread, but not from inside a sampler. The
  // old one is destroyed once no thread is asking it.
  bool set_sampler(std::shared_ptr<const Sampler> sampler) {
    return sampler != nullptr && engine_ != nullptr &&
           engine_->set_root_sampler(session_, std::move(sampler));
  }
  bool set_sample_ratio(double ratio) {
    return ratio >= 0 && ratio <= 1 && set_sampler(std::make_shared<RatioSampler>(ratio));
  }

 private:
  friend struct detail::Starter;

  void begin(Config&& config);

  void fail(std::string problem) { errors_.push_back(std::move(problem)); }

  void lack_memory() noexcept {
    lacks_memory_ = true;
    detail::completes([this] { fail("no memory to start tracing"); });
  }

  void swap(Tracing& other) noexcept {
    std::swap(engine_, other.engine_);
    std::swap(session_, other.session_);
    std::swap(lacks_memory_, other.lacks_memory_);
    std::swap(exit_timeout_, other.exit_timeout_);
    errors_.swap(other.errors_);
    description_.swap(other.description_);
  }

  detail::Engine* engine_ = nullptr;  // as good as constant once start() has returned
  std::uint32_t session_ = 0;
  bool lacks_memory_ = false;
  Milliseconds exit_timeout_{3000};
  std::vector<std::string> errors_;
  std::string description_;
};

namespace detail {

WAGGLE_COLD StartPlan plan_of(Config& config) {
  return StartPlan::of(config, Environment::read(), ::isatty(STDERR_FILENO) == 1);
}

// Measures the tick counter's rate for a moment; the collector goes on measuring.
inline WallClock measured_clock() {
  const ClockSample first = sample_clocks();
  const timespec moment{0, 1000000};
  ::nanosleep(&moment, nullptr);
  return {first, sample_clocks()};
}

WAGGLE_COLD std::unique_ptr<CurlTransport> transport_of(const Config& config) {
  CurlOptions options;
  options.ca_file = config.ca_file;
  options.client_certificate_file = config.client_certificate_file;
  options.client_key_file = config.client_key_file;
  return std::make_unique<CurlTransport>(options);
}

// Null if libcurl does not give what is needed.
WAGGLE_COLD std::unique_ptr<Delivery> delivery_of(const Config& config, OtlpDestination destination,
                                                  BodyBounds bounds) {
  destination.attempt_timeout = *config.attempt_timeout;
  destination.retry_for = *config.retry_for;
  destination.retry_backoff_first = config.retry_backoff_first;
  destination.retry_backoff_longest = config.retry_backoff_longest;
  // zlib's own state alone takes a quarter of a megabyte.
  constexpr std::size_t kLeastMemoryToCompress = 2 * 1024 * 1024;
  destination.compress =
      config.compression == Compression::Gzip && config.memory_limit >= kLeastMemoryToCompress;
  auto transport = transport_of(config);
  if (!transport->is_ready()) return nullptr;
  return std::make_unique<Delivery>(destination, std::move(transport), bounds);
}

WAGGLE_COLD PipelineSettings settings_of(Config& config, StartPlan&& plan,
                                         const std::shared_ptr<Diagnostics>& diagnostics) {
  PipelineSettings settings;
  const OtlpDestination& otlp = plan.destination.otlp;
  if (*config.trace_links) {
    config.exporters.push_back(std::make_unique<TraceLinkExporter>(
        trace_link_options(otlp, plan.resource.text("service.name")), transport_of(config),
        diagnostics));
  }
  settings.resource = std::move(plan.resource);
  settings.limits = EffectiveLimits::of(config.limits, config.attribute_limits);
  settings.baggage_attributes = std::move(config.baggage_attributes);
  settings.memory = MemoryPlan::of(config.memory_limit, *config.batch_spans);
  settings.batch_delay = *config.batch_delay;
  settings.filter = std::move(config.filter);
  settings.exporters = std::move(config.exporters);
  random_seed(settings.seed);
  if (plan.destination.draws_traces) {
    settings.exporters.push_back(std::make_unique<ConsoleExporter>());
  }
  if (plan.has_server()) {
    settings.delivery = delivery_of(config, otlp, settings.memory.body);
  }
  return settings;
}

WAGGLE_COLD std::shared_ptr<Driver> driver_of(const Config& config,
                                              std::unique_ptr<Pipeline> pipeline,
                                              CollectorSleep& sleep) {
  if (!config.worker_thread) return std::make_shared<HostLoop>(std::move(pipeline));
  WorkerSettings settings;
  settings.name = config.worker_name;
  settings.on_start = config.on_worker_start;
  settings.on_start_user = config.on_worker_start_user;
  return std::make_shared<Worker>(std::move(pipeline), sleep, std::move(settings));
}

WAGGLE_COLD void tell_other_abis(Diagnostics& diagnostics) {
  const std::string numbers = other_abis();
  if (numbers.empty()) return;
  diagnostics.always(joined({"parts of this program were built against a waggle with another ABI (",
                             numbers, ", not ", std::to_string(kAbi),
                             "): their spans are not recorded; build them against the same one"}));
}

}  // namespace detail

WAGGLE_COLD void Tracing::begin(Config&& config) {
  exit_timeout_ = config.exit_timeout;
  auto diagnostics = std::make_shared<Diagnostics>(config.on_message, config.on_message_user);
  detail::StartPlan plan = detail::plan_of(config);
  for (const std::string& warning : plan.report().warnings) diagnostics->always(warning);
  errors_ = plan.report().errors;
  description_ = plan.description();
  if (plan.is_debug) diagnostics->always(description_);
  if (!plan.is_on()) return;

  const bool has_server = plan.has_server();
  if (has_server) {
    const Result<std::string> curl = initialise_curl();
    if (!curl.ok()) return fail(curl.error());
  }
  detail::Engine* engine = detail::Engine::instance(config.memory_limit);
  detail::Session session;
  session.sampler = plan.sampler;
  session.diagnostics = diagnostics;
  session.description = description_;
  session.exit_timeout = config.exit_timeout;
  session.records_baggage = !config.baggage_attributes.empty();
  detail::PipelineSettings settings = detail::settings_of(config, std::move(plan), diagnostics);
  if (has_server && settings.delivery == nullptr) {
    return fail("libcurl has no memory, or was built without what is needed");
  }
  session.thread_memory = settings.memory.threads;
  auto pipeline = std::make_unique<detail::Pipeline>(engine->sources(), std::move(settings),
                                                     diagnostics, detail::measured_clock());
  if (!pipeline->is_ready()) return lack_memory();
  session.driver = detail::driver_of(config, std::move(pipeline), engine->sleep());
  if (const char* problem = engine->open(std::move(session), session_)) {
    fail(problem);
  } else {
    engine_ = engine;
    detail::tell_other_abis(*diagnostics);
  }
}

namespace detail {

// Does what start() says.
struct Starter {
  static Tracing start(Config&& config) {
    Tracing tracing;
    if (!completes([&] { tracing.begin(std::move(config)); })) tracing.lack_memory();
    return tracing;
  }
};

}  // namespace detail

// Tells people what start(config) would make of `config` and the environment, and starts nothing:
// each option, its value, and who said so; then mistakes and warnings. Keys are masked. Empty
// without memory.
inline std::string describe(Config config) {
  std::string text;
  detail::completes([&] { text = detail::plan_of(config).description(); });
  return text;
}

// Tells the same of the tracer that runs; of start() without a configuration if none does. Any
// thread.
inline std::string describe() {
  std::string text;
  detail::Engine* engine = detail::Engine::running();
  if (engine != nullptr) detail::completes([&] { text = engine->description(); });
  return text.empty() ? describe(Config{}) : text;
}

// Returns what became of all spans so far. Any thread, at any time; takes no lock.
inline Stats stats() {
  const detail::Engine* engine = detail::Engine::running();
  return engine == nullptr ? Stats{} : engine->stats();
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_TRACING_HPP

// ---- waggle/setup/start.hpp ----

// start(): the one call that turns tracing on.
#ifndef WAGGLE_SETUP_START_HPP
#define WAGGLE_SETUP_START_HPP

#include <utility>

namespace waggle {
#ifdef WAGGLE_DISABLED
inline namespace disabled1 {

// Starts nothing, as WAGGLE_DISABLED wants it.
inline Tracing start(Config = {}) { return {}; }

}  // namespace disabled1
#else
inline namespace abi1 {

// Starts tracing. Everything may be left to the environment; what `config` says wins. On a mistake
// tracing stays off and the result names every mistake at once. One tracer runs in a process; it
// may be started again after it was shut down.
inline Tracing start(Config config = {}) { return detail::Starter::start(std::move(config)); }

}  // namespace abi1
#endif
}  // namespace waggle

#endif  // WAGGLE_SETUP_START_HPP

// ---- waggle/sdk.hpp ----

// The SDK band: what the one file that configures tracing includes. Needs libcurl, zlib and
// threads.
#ifndef WAGGLE_SDK_HPP
#define WAGGLE_SDK_HPP

#endif  // WAGGLE_SDK_HPP

#endif  // defined(WAGGLE_IMPLEMENTATION)

