// Whether people are shown the way to their traces, and what the exporter that does it has to know.
#ifndef WAGGLE_SETUP_TRACE_LINKS_HPP
#define WAGGLE_SETUP_TRACE_LINKS_HPP

#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/exporters/trace_link_exporter.hpp"
#include "waggle/sdk/config.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/otlp_destination.hpp"
#include "waggle/setup/destination.hpp"
#include "waggle/setup/endpoint.hpp"
#include "waggle/setup/resource_choice.hpp"
#include "waggle/setup/settings.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Settles it, and says so if there is nowhere to lead.
WAGGLE_COLD void settle_trace_links(Config& config, const OtlpDestination& otlp, Settings& settings,
                                    SetupReport& report) {
  settings.settle<BooleanForm>("trace_links", config.trace_links,
                               {"HONEYCOMB_ENABLE_LOCAL_VISUALIZATIONS"}, false);
  const bool has_key = otlp.is_honeycomb && !value_of(otlp.headers, kKeyHeader).empty();
  if (!*config.trace_links || has_key) return;
  report.warn(
      "trace_links: no links are shown without a key of Honeycomb's; set HONEYCOMB_API_KEY");
  config.trace_links = false;
}

WAGGLE_COLD TraceLinkOptions trace_link_options(const OtlpDestination& otlp,
                                                std::string_view service_name) {
  const UrlParts url = UrlParts::of(otlp.url);
  const std::string key = value_of(otlp.headers, kKeyHeader);
  const std::string dataset = value_of(otlp.headers, kDatasetHeader);
  TraceLinkOptions options;
  options.auth_url = joined({url.origin(), "/1/auth"});
  options.headers = {{kKeyHeader, key}};
  options.pages.user_interface = user_interface_of(url);
  options.pages.dataset = is_classic(key) ? dataset : dataset_of_service(service_name);
  return options;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_TRACE_LINKS_HPP
