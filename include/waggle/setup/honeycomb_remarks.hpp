// What is worth a warning where spans go straight to Honeycomb, before the first one is refused or
// lands where nobody looks. Not said of collectors and proxies, which may add what is missing.
#ifndef WAGGLE_SETUP_HONEYCOMB_REMARKS_HPP
#define WAGGLE_SETUP_HONEYCOMB_REMARKS_HPP

#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/setup/api_key.hpp"
#include "waggle/setup/endpoint.hpp"
#include "waggle/setup/environment.hpp"
#include "waggle/setup/setup_report.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Names who said something, for a sentence.
WAGGLE_COLD std::string speaker(const Said& said, const char* option) {
  const bool is_code = std::string_view(said.by) == "code";
  return is_code ? joined({"Config::", option}) : std::string(said.by);
}

// How spans reach Honeycomb.
struct HoneycombUse {
  std::string_view host;
  Said key;
  Said dataset;
  bool sends_dataset = false;
};

WAGGLE_COLD void remark_on_host(const HoneycombUse& use, SetupReport& report) {
  const std::string_view meant = host_meant(use.host);
  if (meant.empty()) return;
  report.warn(joined({use.host, " is not an API server of Honeycomb's; ", meant,
                      " may be meant (US: api.honeycomb.io, EU: api.eu1.honeycomb.io)"}));
}

WAGGLE_COLD void remark_on_key(const HoneycombUse& use, SetupReport& report) {
  if (!use.key) {
    report.warn("no API key: Honeycomb refuses spans without one; set HONEYCOMB_API_KEY");
    return;
  }
  const std::string_view problem = shape_of(use.key.value).problem;
  if (!problem.empty()) report.warn(joined({speaker(use.key, "api_key"), " ", problem}));
}

WAGGLE_COLD void remark_on_dataset(const HoneycombUse& use, SetupReport& report) {
  if (!use.key) return;
  const bool needs_one = is_classic(use.key.value);
  if (needs_one && !use.sends_dataset) {
    report.warn(
        joined({speaker(use.key, "api_key"),
                " is a classic key, and Honeycomb refuses spans that name no dataset beside it; "
                "set HONEYCOMB_DATASET"}));
  }
  if (!needs_one && use.dataset) {
    report.warn(joined({speaker(use.dataset, "dataset"),
                        " is not used: with this key the service's name is the dataset's"}));
  }
}

inline void remark_on_honeycomb(const HoneycombUse& use, SetupReport& report) {
  remark_on_host(use, report);
  remark_on_key(use, report);
  remark_on_dataset(use, report);
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_HONEYCOMB_REMARKS_HPP
