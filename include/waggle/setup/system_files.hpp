// Reads what small files of the system tell about where a process runs. The parsing is pure; a file
// that is missing or odd tells nothing, and is no error.
#ifndef WAGGLE_SETUP_SYSTEM_FILES_HPP
#define WAGGLE_SETUP_SYSTEM_FILES_HPP

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"

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
