// Puts the resource together: what is said nearer to the code wins (OpenTelemetry, Resource SDK).
#ifndef WAGGLE_SETUP_RESOURCE_CHOICE_HPP
#define WAGGLE_SETUP_RESOURCE_CHOICE_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/sdk/config.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/resource.hpp"
#include "waggle/setup/environment.hpp"
#include "waggle/setup/resource_detection.hpp"
#include "waggle/setup/setup_report.hpp"
#include "waggle/setup/variable_lists.hpp"

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
