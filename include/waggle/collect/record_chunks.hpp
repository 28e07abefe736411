// Takes a record's body apart into its chunks.
#ifndef WAGGLE_COLLECT_RECORD_CHUNKS_HPP
#define WAGGLE_COLLECT_RECORD_CHUNKS_HPP

#include <cxxabi.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "waggle/core/record.hpp"

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
