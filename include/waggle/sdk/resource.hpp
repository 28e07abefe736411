// The resource: which process the spans come from (OpenTelemetry, Resource SDK). Fixed when tracing
// starts and sent once a batch.
#ifndef WAGGLE_SDK_RESOURCE_HPP
#define WAGGLE_SDK_RESOURCE_HPP

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "waggle/core/config.hpp"

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
