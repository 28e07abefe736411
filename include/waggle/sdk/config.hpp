// What start() can be told. Everything has a default. What is not set here comes from the
// environment: from Honeycomb's variables, else from OpenTelemetry's, of which the form for traces
// wins over the general one (OTEL_EXPORTER_OTLP_TRACES_TIMEOUT over OTEL_EXPORTER_OTLP_TIMEOUT).
// waggle::describe() tells what became of it.
#ifndef WAGGLE_SDK_CONFIG_HPP
#define WAGGLE_SDK_CONFIG_HPP

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "waggle/sdk/deadline.hpp"
#include "waggle/sdk/diagnostics.hpp"
#include "waggle/sdk/exporter.hpp"
#include "waggle/sdk/limits.hpp"
#include "waggle/sdk/resource.hpp"
#include "waggle/sdk/sampler.hpp"
#include "waggle/sdk/span_filter.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {

// (Off is not called None, which X11 defines as a macro.)
enum class Compression { Off, Gzip };

// Must not throw.
using ThreadHook = void (*)(void* user);

struct Config {
  // The service's name (service.name), by which Honeycomb names the dataset. Else
  // OTEL_SERVICE_NAME.
  std::string service_name;

  // Further attributes of the resource. They win over OTEL_RESOURCE_ATTRIBUTES, and that over what
  // is detected; a `service_name` wins over all.
  std::vector<ResourceAttribute> resource_attributes;

  // Which version of the semantic conventions the resource keeps to, if not the one that the
  // detected attributes do.
  std::string resource_schema_url;

  // False: nothing is found out about process, host, system and container.
  bool detect_resource = true;

  // Honeycomb's API key. Else HONEYCOMB_TRACES_APIKEY, HONEYCOMB_API_KEY; but these never go to an
  // `endpoint` that is not Honeycomb's. Sent to Honeycomb only, or to `endpoint`.
  std::string api_key;

  // Where to send to, as a base URL: https://api.eu1.honeycomb.io, http://localhost:4318.
  // /v1/traces is appended. Else, with a key, HONEYCOMB_TRACES_ENDPOINT, HONEYCOMB_API_ENDPOINT, or
  // Honeycomb in the US; without one OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (taken as it is),
  // OTEL_EXPORTER_OTLP_ENDPOINT.
  std::string endpoint;

  // The dataset for Honeycomb's classic keys; with any other key `service_name` names it. Else
  // HONEYCOMB_DATASET.
  std::string dataset;

  // Further HTTP headers.
  HeaderList headers;

  // A PEM file with the certificates of the authorities to trust, instead of the system's. Else
  // OTEL_EXPORTER_OTLP_CERTIFICATE.
  std::string ca_file;

  // PEM files with the certificate and the key by which a server knows this client; the key may
  // stand in the certificate's file. Else OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY.
  std::string client_certificate_file;
  std::string client_key_file;

  // Whether bodies are compressed. Else OTEL_EXPORTER_OTLP_COMPRESSION; else they are, except to
  // this machine. Needs 2 MB of `memory_limit`.
  std::optional<Compression> compression;

  // Whether the way to each trace in Honeycomb's user interface is shown on stderr, for
  // development. Else HONEYCOMB_ENABLE_LOCAL_VISUALIZATIONS; else it is not. Whose key it is, is
  // asked once, on the collector's thread.
  std::optional<bool> trace_links;

  // Exporters of your own, or waggle's console, file and memory exporters. With any of these and
  // neither `api_key` nor `endpoint`, nothing is sent and the environment's destination is not
  // looked at.
  std::vector<std::unique_ptr<Exporter>> exporters;

  // Looks at every finished span before it leaves: may change it, or drop it by returning false.
  // Runs on the collector's thread.
  SpanFilter filter;

  // Who decides about traces that begin here; else `sample_ratio`, the share that is kept. Else
  // SAMPLE_RATE, of how many one is kept, if spans go to Honeycomb; else OTEL_TRACES_SAMPLER with
  // OTEL_TRACES_SAMPLER_ARG; else all are kept.
  std::shared_ptr<const Sampler> sampler;
  std::optional<double> sample_ratio;

  // Who decides where a remote parent did already, by whether that one is sampled; null follows it.
  std::shared_ptr<const Sampler> remote_parent_sampled;
  std::shared_ptr<const Sampler> remote_parent_not_sampled;

  // The baggage that becomes attributes of every span that it reaches, by name. A span's own
  // attribute of that name wins.
  std::vector<std::string> baggage_attributes;

  // How much of a span is exported. What `limits` leaves open follows `attribute_limits`. Else
  // OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT and its like.
  SpanLimits limits;
  AttributeLimits attribute_limits;

  // All the memory that tracing may take, in bytes.
  std::size_t memory_limit = 16 * 1024 * 1024;

  // How long a span may wait for others before it is sent, and how many are sent at once at most.
  // Else OTEL_BSP_SCHEDULE_DELAY and OTEL_BSP_MAX_EXPORT_BATCH_SIZE; else 1 s and 4,096.
  std::optional<Milliseconds> batch_delay;
  std::optional<std::size_t> batch_spans;

  // How long one attempt to send a batch may take, and for how long it is tried again. Else
  // OTEL_EXPORTER_OTLP_TIMEOUT and OTEL_BSP_EXPORT_TIMEOUT, where 0 is no limit; else 10 s and 60
  // s.
  std::optional<Milliseconds> attempt_timeout;
  std::optional<Milliseconds> retry_for;

  // How long to wait before trying again: at first a random time up to `retry_backoff_first`, then
  // up to twice as long each time, up to `retry_backoff_longest`. A server's Retry-After wins.
  Milliseconds retry_backoff_first{500};
  Milliseconds retry_backoff_longest{15000};

  // How long flushing and the end of the program may take.
  Milliseconds exit_timeout{3000};

  // False: waggle starts no thread, and works only while Tracing::poll(), force_flush() or
  // shutdown() run.
  bool worker_thread = true;

  // The worker's name as debuggers show it (15 characters), and what runs on it first: to choose a
  // processor, a priority, or signals, all of which are blocked there.
  std::string worker_name = "waggle";
  ThreadHook on_worker_start = nullptr;
  void* on_worker_start_user = nullptr;

  // Who is told about trouble; else stderr.
  MessageHandler on_message = nullptr;
  void* on_message_user = nullptr;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_CONFIG_HPP
