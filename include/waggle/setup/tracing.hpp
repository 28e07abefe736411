// A running tracer: how it is set up from what start() was told, and the object that turns it off.
#ifndef WAGGLE_SETUP_TRACING_HPP
#define WAGGLE_SETUP_TRACING_HPP

#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "waggle/core/config.hpp"
#include "waggle/exporters/console_exporter.hpp"
#include "waggle/http/curl_transport.hpp"
#include "waggle/pipeline/host_loop.hpp"
#include "waggle/pipeline/worker.hpp"
#include "waggle/sampling/ratio_sampler.hpp"
#include "waggle/sdk/completes.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/setup/engine.hpp"
#include "waggle/setup/environment.hpp"
#include "waggle/setup/other_abi.hpp"
#include "waggle/setup/start_plan.hpp"

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

  // Tells people what start() made of code and environment: each option, its value, and who said
  // so; then mistakes and warnings. Keys are masked.
  const std::string& describe() const noexcept { return description_; }

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

  void fail(std::string problem) { errors_.push_back(std::move(problem)); }

  void lack_memory() noexcept {
    lacks_memory_ = true;
    detail::completes([this] { fail("no memory to start tracing"); });
  }

  void swap(Tracing& other) noexcept {
    std::swap(engine_, other.engine_);
    std::swap(session_, other.session_);
    std::swap(lacks_memory_, other.lacks_memory_);
    std::swap(exit_timeout_, other.exit_timeout_);
    errors_.swap(other.errors_);
    description_.swap(other.description_);
  }

  detail::Engine* engine_ = nullptr;  // as good as constant once start() has returned
  std::uint32_t session_ = 0;
  bool lacks_memory_ = false;
  Milliseconds exit_timeout_{3000};
  std::vector<std::string> errors_;
  std::string description_;
};

namespace detail {

WAGGLE_COLD StartPlan plan_of(Config& config) {
  return StartPlan::of(config, Environment::read(), ::isatty(STDERR_FILENO) == 1);
}

// Measures the tick counter's rate for a moment; the collector goes on measuring.
inline WallClock measured_clock() {
  const ClockSample first = sample_clocks();
  const timespec moment{0, 1000000};
  ::nanosleep(&moment, nullptr);
  return {first, sample_clocks()};
}

WAGGLE_COLD std::unique_ptr<CurlTransport> transport_of(const Config& config) {
  CurlOptions options;
  options.ca_file = config.ca_file;
  options.client_certificate_file = config.client_certificate_file;
  options.client_key_file = config.client_key_file;
  return std::make_unique<CurlTransport>(options);
}

// Null if libcurl does not give what is needed.
WAGGLE_COLD std::unique_ptr<Delivery> delivery_of(const Config& config, OtlpDestination destination,
                                                  BodyBounds bounds) {
  destination.attempt_timeout = *config.attempt_timeout;
  destination.retry_for = *config.retry_for;
  destination.retry_backoff_first = config.retry_backoff_first;
  destination.retry_backoff_longest = config.retry_backoff_longest;
  // zlib's own state alone takes a quarter of a megabyte.
  constexpr std::size_t kLeastMemoryToCompress = 2 * 1024 * 1024;
  destination.compress =
      config.compression == Compression::Gzip && config.memory_limit >= kLeastMemoryToCompress;
  auto transport = transport_of(config);
  if (!transport->is_ready()) return nullptr;
  return std::make_unique<Delivery>(destination, std::move(transport), bounds);
}

WAGGLE_COLD PipelineSettings settings_of(Config& config, StartPlan&& plan,
                                         const std::shared_ptr<Diagnostics>& diagnostics) {
  PipelineSettings settings;
  const OtlpDestination& otlp = plan.destination.otlp;
  if (*config.trace_links) {
    config.exporters.push_back(std::make_unique<TraceLinkExporter>(
        trace_link_options(otlp, plan.resource.text("service.name")), transport_of(config),
        diagnostics));
  }
  settings.resource = std::move(plan.resource);
  settings.limits = EffectiveLimits::of(config.limits, config.attribute_limits);
  settings.baggage_attributes = std::move(config.baggage_attributes);
  settings.memory = MemoryPlan::of(config.memory_limit, *config.batch_spans);
  settings.batch_delay = *config.batch_delay;
  settings.filter = std::move(config.filter);
  settings.exporters = std::move(config.exporters);
  random_seed(settings.seed);
  if (plan.destination.draws_traces) {
    settings.exporters.push_back(std::make_unique<ConsoleExporter>());
  }
  if (plan.has_server()) {
    settings.delivery = delivery_of(config, otlp, settings.memory.body);
  }
  return settings;
}

WAGGLE_COLD std::shared_ptr<Driver> driver_of(const Config& config,
                                              std::unique_ptr<Pipeline> pipeline,
                                              CollectorSleep& sleep) {
  if (!config.worker_thread) return std::make_shared<HostLoop>(std::move(pipeline));
  WorkerSettings settings;
  settings.name = config.worker_name;
  settings.on_start = config.on_worker_start;
  settings.on_start_user = config.on_worker_start_user;
  return std::make_shared<Worker>(std::move(pipeline), sleep, std::move(settings));
}

WAGGLE_COLD void tell_other_abis(Diagnostics& diagnostics) {
  const std::string numbers = other_abis();
  if (numbers.empty()) return;
  diagnostics.always(joined({"parts of this program were built against a waggle with another ABI (",
                             numbers, ", not ", std::to_string(kAbi),
                             "): their spans are not recorded; build them against the same one"}));
}

}  // namespace detail

WAGGLE_COLD void Tracing::begin(Config&& config) {
  exit_timeout_ = config.exit_timeout;
  auto diagnostics = std::make_shared<Diagnostics>(config.on_message, config.on_message_user);
  detail::StartPlan plan = detail::plan_of(config);
  for (const std::string& warning : plan.report().warnings) diagnostics->always(warning);
  errors_ = plan.report().errors;
  description_ = plan.description();
  if (plan.is_debug) diagnostics->always(description_);
  if (!plan.is_on()) return;

  const bool has_server = plan.has_server();
  if (has_server) {
    const Result<std::string> curl = initialise_curl();
    if (!curl.ok()) return fail(curl.error());
  }
  detail::Engine* engine = detail::Engine::instance(config.memory_limit);
  detail::Session session;
  session.sampler = plan.sampler;
  session.diagnostics = diagnostics;
  session.description = description_;
  session.exit_timeout = config.exit_timeout;
  session.records_baggage = !config.baggage_attributes.empty();
  detail::PipelineSettings settings = detail::settings_of(config, std::move(plan), diagnostics);
  if (has_server && settings.delivery == nullptr) {
    return fail("libcurl has no memory, or was built without what is needed");
  }
  session.thread_memory = settings.memory.threads;
  auto pipeline = std::make_unique<detail::Pipeline>(engine->sources(), std::move(settings),
                                                     diagnostics, detail::measured_clock());
  if (!pipeline->is_ready()) return lack_memory();
  session.driver = detail::driver_of(config, std::move(pipeline), engine->sleep());
  if (const char* problem = engine->open(std::move(session), session_)) {
    fail(problem);
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

// Tells people what start(config) would make of `config` and the environment, and starts nothing:
// each option, its value, and who said so; then mistakes and warnings. Keys are masked. Empty
// without memory.
inline std::string describe(Config config) {
  std::string text;
  detail::completes([&] { text = detail::plan_of(config).description(); });
  return text;
}

// Tells the same of the tracer that runs; of start() without a configuration if none does. Any
// thread.
inline std::string describe() {
  std::string text;
  detail::Engine* engine = detail::Engine::running();
  if (engine != nullptr) detail::completes([&] { text = engine->description(); });
  return text.empty() ? describe(Config{}) : text;
}

// Returns what became of all spans so far. Any thread, at any time; takes no lock.
inline Stats stats() {
  const detail::Engine* engine = detail::Engine::running();
  return engine == nullptr ? Stats{} : engine->stats();
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_TRACING_HPP
