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
