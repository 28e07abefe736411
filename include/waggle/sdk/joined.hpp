// Puts messages together. One call for a whole sentence is a tenth of the code that a chain of
// std::string and + becomes, and of the time that a compiler takes for it.
#ifndef WAGGLE_SDK_JOINED_HPP
#define WAGGLE_SDK_JOINED_HPP

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"

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
