// The resource: which process the spans come from (OpenTelemetry, Resource SDK). Fixed when tracing
// starts and sent once a batch.
#ifndef WAGGLE_SDK_RESOURCE_HPP
#define WAGGLE_SDK_RESOURCE_HPP

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "waggle/core/version.hpp"

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
  void set(std::string_view key, std::string_view text) {
    at(key) = {std::string(key), std::string(text), 0, false};
  }
  void set(std::string_view key, std::int64_t number) {
    at(key) = {std::string(key), {}, number, true};
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

// Describes this process: service.name, telemetry.sdk.*, process.pid and host.name (OpenTelemetry
// semantic conventions). Without a service name it is unknown_service:<executable>.
inline Resource detect_resource(std::string_view service_name) {
  Resource resource;
  resource.set("service.name", service_name.empty()
                                   ? std::string("unknown_service:") + program_invocation_short_name
                                   : std::string(service_name));
  resource.set("telemetry.sdk.name", "waggle");
  resource.set("telemetry.sdk.language", "cpp");
  resource.set("telemetry.sdk.version", WAGGLE_VERSION);
  resource.set("process.pid", static_cast<std::int64_t>(::getpid()));
  char host[256] = {};
  if (::gethostname(host, sizeof(host) - 1) == 0 && host[0] != '\0')
    resource.set("host.name", host);
  return resource;
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_RESOURCE_HPP
