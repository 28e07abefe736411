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

#include "waggle/core/config.hpp"
#include "waggle/core/version.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/resource.hpp"
#include "waggle/setup/system_files.hpp"

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
