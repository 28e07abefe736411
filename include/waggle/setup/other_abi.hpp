// Libraries of this program that were built against a waggle of another ABI: they cannot see its
// tracer, and their spans go nowhere. That had better be said.
#ifndef WAGGLE_SETUP_OTHER_ABI_HPP
#define WAGGLE_SETUP_OTHER_ABI_HPP

#include <dlfcn.h>

#include <cstdint>
#include <string>

#include "waggle/core/config.hpp"
#include "waggle/core/hub.hpp"
#include "waggle/sdk/joined.hpp"

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
