// A running tracer: how it is set up from what start() was told, and the object that turns it off.
#ifndef WAGGLE_SETUP_TRACING_HPP
#define WAGGLE_SETUP_TRACING_HPP

#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "waggle/exporters/console_exporter.hpp"
#include "waggle/http/curl_transport.hpp"
#include "waggle/pipeline/host_loop.hpp"
#include "waggle/pipeline/worker.hpp"
#include "waggle/sampling/parent_based_sampler.hpp"
#include "waggle/sampling/ratio_sampler.hpp"
#include "waggle/sdk/completes.hpp"
#include "waggle/setup/destination.hpp"
#include "waggle/setup/engine.hpp"
#include "waggle/setup/environment.hpp"
#include "waggle/setup/other_abi.hpp"
#include "waggle/setup/resource_detection.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {
struct Starter;
}  // namespace detail

// Stands for a running tracer: flushes and stops it when destroyed. Movable; always usable, also if
// start() failed: then every call does nothing. Moving and destroying it are for one thread at a
// time.
class [[nodiscard]] Tracing {
 public:
  Tracing() noexcept = default;
  Tracing(Tracing&& other) noexcept { swap(other); }
  Tracing& operator=(Tracing&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Tracing() { shutdown(); }

  // Tells whether start() did what it was asked for; being told to be off counts as done.
  bool ok() const noexcept { return errors_.empty() && !lacks_memory_; }

  // Returns all that was wrong, each with how to mend it; nothing if there is no memory even for
  // that.
  const std::vector<std::string>& errors() const noexcept { return errors_; }

  // Tells whether spans are being recorded. Any thread.
  bool is_on() const noexcept { return engine_ != nullptr && engine_->is_open(session_); }

  // Sends all spans that ended before the call; false if that took longer than `timeout`. Any
  // thread.
  bool force_flush(Milliseconds timeout) {
    return engine_ == nullptr || engine_->flush(Deadline::in(timeout));
  }
  bool force_flush() { return force_flush(exit_timeout_); }

  // Does a part of the collector's work on the calling thread, for Config::worker_thread = false:
  // one step at least, which is a look at the rings and at the network and a few hundred spans
  // encoded or 64 KiB compressed, and more while there is work and `budget` lasts. Never waits,
  // unless an exporter does. Returns how long nothing is to be done; spans recorded since then may
  // want it earlier. From one thread at a time.
  std::chrono::microseconds poll(std::chrono::microseconds budget = {}) {
    return engine_ == nullptr ? std::chrono::hours(24) : engine_->poll(budget);
  }

  // Flushes and stops; false if something was given up at the end of `timeout`. Spans begun later
  // are no-ops. The second call does nothing, and waits for the first. Any thread, but not from
  // inside an exporter or a filter.
  bool shutdown(Milliseconds timeout) {
    return engine_ == nullptr || engine_->close(session_, Deadline::in(timeout));
  }
  bool shutdown() { return shutdown(exit_timeout_); }

  // Replaces who decides about traces that begin here, or the share of them that is kept; false,
  // and nothing changes, if tracing is off, there is no sampler, or the share is not one from 0 to
  // 1. Traces that have begun keep their decision. Any thread, but not from inside a sampler. The
  // old one is destroyed once no thread is asking it.
  bool set_sampler(std::shared_ptr<const Sampler> sampler) {
    return sampler != nullptr && engine_ != nullptr &&
           engine_->set_root_sampler(session_, std::move(sampler));
  }
  bool set_sample_ratio(double ratio) {
    return ratio >= 0 && ratio <= 1 && set_sampler(std::make_shared<RatioSampler>(ratio));
  }

 private:
  friend struct detail::Starter;

  void begin(Config&& config);

  void lack_memory() noexcept {
    lacks_memory_ = true;
    detail::completes([this] { errors_.emplace_back("no memory to start tracing"); });
  }

  void swap(Tracing& other) noexcept {
    std::swap(engine_, other.engine_);
    std::swap(session_, other.session_);
    std::swap(lacks_memory_, other.lacks_memory_);
    std::swap(exit_timeout_, other.exit_timeout_);
    errors_.swap(other.errors_);
  }

  detail::Engine* engine_ = nullptr;  // as good as constant once start() has returned
  std::uint32_t session_ = 0;
  bool lacks_memory_ = false;
  Milliseconds exit_timeout_{3000};
  std::vector<std::string> errors_;
};

namespace detail {

// Measures the tick counter's rate for a moment; the collector goes on measuring.
inline WallClock measured_clock() {
  const ClockSample first = sample_clocks();
  const timespec moment{0, 1000000};
  ::nanosleep(&moment, nullptr);
  return {first, sample_clocks()};
}

// What is said nearer to the code wins (OpenTelemetry, Resource SDK).
inline Resource resource_of(const Config& config, const Environment& environment,
                            Diagnostics& diagnostics) {
  Resource resource = default_resource();
  if (config.detect_resource) resource.merge(detect_resource());
  if (const int place = parse_resource_attributes(environment.resource_attributes, resource)) {
    diagnostics.always("OTEL_RESOURCE_ATTRIBUTES: entry " + std::to_string(place) +
                       " is not of the form key=value, so all of it was left out");
  }
  set_if_known(resource, "service.name", environment.service_name);
  for (const ResourceAttribute& attribute : config.resource_attributes) {
    if (attribute.is_number) {
      resource.set(attribute.key, attribute.number);
    } else {
      resource.set(attribute.key, attribute.text);
    }
  }
  set_if_known(resource, "service.name", config.service_name);
  if (!config.resource_schema_url.empty()) resource.set_schema_url(config.resource_schema_url);
  return resource;
}

inline std::shared_ptr<const ParentBasedSampler> sampler_of(const Config& config) {
  std::shared_ptr<const Sampler> root = config.sampler;
  if (root == nullptr) root = std::make_shared<RatioSampler>(config.sample_ratio);
  return std::make_shared<ParentBasedSampler>(std::move(root), config.remote_parent_sampled,
                                              config.remote_parent_not_sampled);
}

// Null if libcurl does not give what is needed.
inline std::unique_ptr<Delivery> delivery_of(const Config& config, OtlpDestination destination,
                                             BodyBounds bounds) {
  destination.attempt_timeout = config.attempt_timeout;
  destination.retry_for = config.retry_for;
  destination.retry_backoff_first = config.retry_backoff_first;
  destination.retry_backoff_longest = config.retry_backoff_longest;
  // zlib's own state alone takes a quarter of a megabyte.
  constexpr std::size_t kLeastMemoryToCompress = 2 * 1024 * 1024;
  destination.compress &= config.memory_limit >= kLeastMemoryToCompress;
  CurlOptions options;
  options.ca_file = config.ca_file;
  auto transport = std::make_unique<CurlTransport>(options);
  if (!transport->is_ready()) return nullptr;
  return std::make_unique<Delivery>(destination, std::move(transport), bounds);
}

inline PipelineSettings settings_of(Config& config, const Environment& environment,
                                    const Destination& destination, Diagnostics& diagnostics) {
  PipelineSettings settings;
  settings.resource = resource_of(config, environment, diagnostics);
  settings.limits = EffectiveLimits::of(config.limits, config.attribute_limits);
  settings.baggage_attributes = std::move(config.baggage_attributes);
  settings.memory = MemoryPlan::of(config.memory_limit, config.batch_spans);
  settings.batch_delay = config.batch_delay;
  settings.filter = std::move(config.filter);
  settings.exporters = std::move(config.exporters);
  random_seed(settings.seed);
  if (destination.kind == DestinationKind::Terminal) {
    settings.exporters.push_back(std::make_unique<ConsoleExporter>());
  }
  if (destination.kind == DestinationKind::Otlp) {
    settings.delivery = delivery_of(config, destination.otlp, settings.memory.body);
  }
  return settings;
}

inline std::shared_ptr<Driver> driver_of(const Config& config, std::unique_ptr<Pipeline> pipeline,
                                         CollectorSleep& sleep) {
  if (!config.worker_thread) return std::make_shared<HostLoop>(std::move(pipeline));
  WorkerSettings settings;
  settings.name = config.worker_name;
  settings.on_start = config.on_worker_start;
  settings.on_start_user = config.on_worker_start_user;
  return std::make_shared<Worker>(std::move(pipeline), sleep, std::move(settings));
}

// Checks what concerns no destination.
inline void check(const Config& config, std::vector<std::string>& errors) {
  if (!(config.sample_ratio >= 0 && config.sample_ratio <= 1)) {
    errors.emplace_back("Config::sample_ratio must be between 0 and 1");
  }
  constexpr std::size_t kLeastMemory = 256 * 1024;
  if (config.memory_limit < kLeastMemory) {
    errors.emplace_back("Config::memory_limit must be at least 262144 bytes");
  }
  for (Milliseconds time : {config.batch_delay, config.exit_timeout, config.retry_for,
                            config.retry_backoff_first, config.retry_backoff_longest}) {
    if (time.count() >= 0) continue;
    errors.emplace_back(
        "Config::batch_delay, exit_timeout, retry_for and the backoffs must not be negative");
    break;
  }
  if (config.attempt_timeout.count() <= 0) {
    errors.emplace_back("Config::attempt_timeout must be positive");
  }
  if (config.batch_spans == 0) errors.emplace_back("Config::batch_spans must be positive");
}

inline void tell_other_abis(Diagnostics& diagnostics) {
  const std::string numbers = other_abis();
  if (numbers.empty()) return;
  diagnostics.always("parts of this program were built against a waggle with another ABI (" +
                     numbers + ", not " + std::to_string(kAbi) +
                     "): their spans are not recorded; build them against the same one");
}

// Tells whether OTEL_SDK_DISABLED turns tracing off: only "true" does, in any case.
inline bool is_disabled(const Environment& environment, Diagnostics& diagnostics) {
  if (equals_ignoring_case(environment.sdk_disabled, "true")) return true;
  if (!environment.sdk_disabled.empty() &&
      !equals_ignoring_case(environment.sdk_disabled, "false")) {
    diagnostics.always("OTEL_SDK_DISABLED is neither true nor false; taken as false");
  }
  return false;
}

}  // namespace detail

inline void Tracing::begin(Config&& config) {
  exit_timeout_ = config.exit_timeout;
  const detail::Environment environment = detail::Environment::read();
  auto diagnostics = std::make_shared<Diagnostics>(config.on_message, config.on_message_user);
  if (detail::is_disabled(environment, *diagnostics)) return;

  const bool has_terminal = ::isatty(STDERR_FILENO) == 1;
  detail::Destination destination =
      detail::DestinationRules(config, environment, has_terminal).decide();
  for (const std::string& warning : destination.warnings) diagnostics->always(warning);
  errors_ = std::move(destination.errors);
  detail::check(config, errors_);
  if (!ok() || destination.kind == detail::DestinationKind::Nowhere) return;

  const bool has_server = destination.kind == detail::DestinationKind::Otlp;
  if (has_server) {
    const Result<std::string> curl = initialise_curl();
    if (!curl.ok()) return errors_.push_back(curl.error());
  }
  detail::Engine* engine = detail::Engine::instance(config.memory_limit);
  detail::Session session;
  session.sampler = detail::sampler_of(config);
  session.diagnostics = diagnostics;
  session.exit_timeout = config.exit_timeout;
  session.records_baggage = !config.baggage_attributes.empty();
  detail::PipelineSettings settings =
      detail::settings_of(config, environment, destination, *diagnostics);
  if (has_server && settings.delivery == nullptr) {
    errors_.emplace_back("libcurl has no memory, or was built without what is needed");
    return;
  }
  session.thread_memory = settings.memory.threads;
  auto pipeline = std::make_unique<detail::Pipeline>(engine->sources(), std::move(settings),
                                                     diagnostics, detail::measured_clock());
  if (!pipeline->is_ready()) return lack_memory();
  session.driver = detail::driver_of(config, std::move(pipeline), engine->sleep());
  if (const char* problem = engine->open(std::move(session), session_)) {
    errors_.emplace_back(problem);
  } else {
    engine_ = engine;
    detail::tell_other_abis(*diagnostics);
  }
}

namespace detail {

// Does what start() says.
struct Starter {
  static Tracing start(Config&& config) {
    Tracing tracing;
    if (!completes([&] { tracing.begin(std::move(config)); })) tracing.lack_memory();
    return tracing;
  }
};

}  // namespace detail

// Returns what became of all spans so far. Any thread, at any time; takes no lock.
inline Stats stats() {
  const detail::Engine* engine = detail::Engine::running();
  return engine == nullptr ? Stats{} : engine->stats();
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_TRACING_HPP
