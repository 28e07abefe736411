// Everything that start() decides before it starts anything: code and environment made into one
// configuration, and what there is to tell about it.
#ifndef WAGGLE_SETUP_START_PLAN_HPP
#define WAGGLE_SETUP_START_PLAN_HPP

#include <memory>
#include <string>

#include "waggle/core/config.hpp"
#include "waggle/core/version.hpp"
#include "waggle/sampling/parent_based_sampler.hpp"
#include "waggle/sdk/config.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/resource.hpp"
#include "waggle/setup/destination.hpp"
#include "waggle/setup/environment.hpp"
#include "waggle/setup/resource_choice.hpp"
#include "waggle/setup/sampler_choice.hpp"
#include "waggle/setup/settings.hpp"
#include "waggle/setup/trace_links.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Checks what only code can get wrong; the forms of variables see to the rest.
WAGGLE_COLD void check(const Config& config, SetupReport& report) {
  constexpr Milliseconds kNone{0};
  constexpr std::size_t kLeastMemory = 256 * 1024;
  const double ratio = config.sample_ratio.value_or(1);
  if (!(ratio >= 0 && ratio <= 1)) report.error("Config::sample_ratio must be between 0 and 1");
  if (config.memory_limit < kLeastMemory) {
    report.error("Config::memory_limit must be at least 262144 bytes");
  }
  for (Milliseconds time :
       {config.batch_delay.value_or(kNone), config.retry_for.value_or(kNone), config.exit_timeout,
        config.retry_backoff_first, config.retry_backoff_longest}) {
    if (time >= kNone) continue;
    report.error(
        "Config::batch_delay, exit_timeout, retry_for and the backoffs must not be negative");
    break;
  }
  if (config.attempt_timeout && *config.attempt_timeout <= kNone) {
    report.error("Config::attempt_timeout must be positive");
  }
  if (config.batch_spans && *config.batch_spans == 0) {
    report.error("Config::batch_spans must be positive");
  }
}

// Holds the decisions. `config` has been filled in, and no option is open that a variable may set.
struct StartPlan {
  bool is_disabled = false;
  bool is_debug = false;
  Destination destination;
  Resource resource;
  std::shared_ptr<const ParentBasedSampler> sampler;

  bool is_on() const noexcept {
    return !is_disabled && report().errors.empty() && destination.kind != DestinationKind::Nowhere;
  }
  bool has_server() const noexcept { return destination.kind == DestinationKind::Otlp; }
  const SetupReport& report() const noexcept { return destination.report; }
  std::string description() const {
    return joined({"waggle " WAGGLE_VERSION "\n", report().text()});
  }

  WAGGLE_COLD static StartPlan of(Config& config, const Environment& environment,
                                  bool has_terminal) {
    StartPlan plan;
    SetupReport before;
    if (Settings(environment, before).is_true({"OTEL_SDK_DISABLED"})) {
      plan.is_disabled = true;
      plan.destination.report.add("tracing", "off", "OTEL_SDK_DISABLED");
      return plan;
    }
    tell_unused(environment, before);
    plan.destination = DestinationRules(config, environment, has_terminal).decide();
    auto& warnings = plan.destination.report.warnings;
    warnings.insert(warnings.begin(), before.warnings.begin(), before.warnings.end());
    plan.settle(config, environment);
    return plan;
  }

 private:
  WAGGLE_COLD void settle(Config& config, const Environment& environment) {
    SetupReport& report = destination.report;
    Settings settings(environment, report);
    const bool is_honeycomb = destination.otlp.is_honeycomb;
    check(config, report);
    resource =
        ResourceChoice(config, environment, report).make(is_honeycomb, destination.takes_remarks);
    if (report.errors.empty()) {
      sampler = SamplerChoice(config, environment, is_honeycomb, report).make();
    }
    if (has_server()) settle_sending(config, destination.otlp.compress, settings);
    settle_trace_links(config, destination.otlp, settings, report);
    settle_batches(config, settings);
    settle_limits(config.limits, config.attribute_limits, settings);
    list_rest(config);
    is_debug = is_honeycomb ? settings.is_true({"HONEYCOMB_DEBUG", "DEBUG"})
                            : settings.is_true({"HONEYCOMB_DEBUG"});
    destination.draws_traces |= is_debug;
  }

  // What no variable sets.
  WAGGLE_COLD void list_rest(const Config& config) {
    const Config untouched;
    const auto add = [this](const char* option, const std::string& value, bool is_default) {
      destination.report.add(option, value, is_default ? "default" : "code");
    };
    add("memory_limit", joined({std::to_string(config.memory_limit), " bytes"}),
        config.memory_limit == untouched.memory_limit);
    add("exit_timeout", DurationForm::show(config.exit_timeout),
        config.exit_timeout == untouched.exit_timeout);
    add("worker_thread", BooleanForm::show(config.worker_thread), config.worker_thread);
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_START_PLAN_HPP
