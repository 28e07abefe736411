// What start() can be told. Everything has a default; what is not set here comes from the
// environment.
#ifndef WAGGLE_SDK_CONFIG_HPP
#define WAGGLE_SDK_CONFIG_HPP

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "waggle/sdk/deadline.hpp"
#include "waggle/sdk/diagnostics.hpp"
#include "waggle/sdk/exporter.hpp"
#include "waggle/sdk/limits.hpp"
#include "waggle/sdk/resource.hpp"
#include "waggle/sdk/sampler.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {

struct Config {
  // The service's name (service.name), by which Honeycomb names the dataset. Else
  // OTEL_SERVICE_NAME.
  std::string service_name;

  // Further attributes of the resource; they win over what is detected.
  std::vector<ResourceAttribute> resource_attributes;

  // Honeycomb's API key. Else HONEYCOMB_API_KEY. Sent to Honeycomb only, or to `endpoint`.
  std::string api_key;

  // Where to send to, as a base URL: https://api.eu1.honeycomb.io, http://localhost:4318.
  // /v1/traces is appended. Else HONEYCOMB_API_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT.
  std::string endpoint;

  // Further HTTP headers.
  HeaderList headers;

  // A PEM file with the certificates of the authorities to trust, instead of the system's.
  std::string ca_file;

  // Exporters of your own, or waggle's console, file and memory exporters. With any of these and
  // neither `api_key` nor `endpoint`, nothing is sent and the environment's destination is not
  // looked at.
  std::vector<std::unique_ptr<Exporter>> exporters;

  // Who decides about traces that begin here; else `sample_ratio` does. Remote parents are
  // followed.
  std::shared_ptr<const Sampler> sampler;
  double sample_ratio = 1.0;

  SpanLimits limits;

  // All the memory that tracing may take, in bytes.
  std::size_t memory_limit = 16 * 1024 * 1024;

  // How long a span may wait for others before it is sent.
  Milliseconds batch_delay{1000};

  // How long flushing and the end of the program may take.
  Milliseconds exit_timeout{3000};

  // Who is told about trouble; else stderr.
  MessageHandler on_message = nullptr;
  void* on_message_user = nullptr;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_CONFIG_HPP
