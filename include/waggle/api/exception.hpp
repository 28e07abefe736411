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

#include "waggle/core/value.hpp"

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
