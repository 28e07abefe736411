// Who decides which traces are kept, by code and environment.
#ifndef WAGGLE_SETUP_SAMPLER_CHOICE_HPP
#define WAGGLE_SETUP_SAMPLER_CHOICE_HPP

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "waggle/core/config.hpp"
#include "waggle/sampling/parent_based_sampler.hpp"
#include "waggle/sampling/ratio_sampler.hpp"
#include "waggle/sdk/config.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/setup/settings.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// One of the words that OTEL_TRACES_SAMPLER may be.
struct SamplerWord {
  std::string_view word;
  double ratio;  // unless OTEL_TRACES_SAMPLER_ARG is to say it
  bool takes_argument;
  bool follows_parent;  // else traces that others began are judged anew
};
constexpr SamplerWord kSamplerWords[] = {
    {"always_on", 1, false, false},
    {"always_off", 0, false, false},
    {"traceidratio", 1, true, false},
    {"parentbased_always_on", 1, false, true},
    {"parentbased_always_off", 0, false, true},
    {"parentbased_traceidratio", 1, true, true},
};

struct SamplerForm {
  using Value = const SamplerWord*;
  static constexpr const char* kForm = "a sampler that waggle has";

  static bool read(std::string_view text, Value& value) noexcept {
    for (const SamplerWord& known : kSamplerWords) {
      if (!equals_ignoring_case(known.word, text)) continue;
      value = &known;
      return true;
    }
    return false;
  }
};

// SAMPLE_RATE: of so many traces one is kept.
struct RateForm {
  using Value = std::uint32_t;
  static constexpr const char* kForm = "a whole number from 1";

  static bool read(std::string_view text, Value& value) noexcept {
    return read_number<Value>(text, 1, 0x7fffffff, value);
  }
};

// Fills what the code left open of Config::sampler, sample_ratio, and the two for remote parents.
class SamplerChoice {
 public:
  SamplerChoice(Config& config, const Environment& environment, bool is_honeycomb,
                SetupReport& report) noexcept
      : config_(config),
        report_(report),
        settings_(environment, report),
        is_honeycomb_(is_honeycomb) {}

  WAGGLE_COLD std::shared_ptr<const ParentBasedSampler> make() {
    const char* by = "code";
    if (config_.sampler == nullptr && !config_.sample_ratio) by = ask_environment();
    if (config_.sampler == nullptr) {
      config_.sampler = std::make_shared<RatioSampler>(*config_.sample_ratio);
    } else {
      tell_overridden();
    }
    auto sampler = std::make_shared<ParentBasedSampler>(
        config_.sampler, config_.remote_parent_sampled, config_.remote_parent_not_sampled);
    report_.add("sampler", sampler->description(), by);
    return sampler;
  }

 private:
  // SAMPLE_RATE may be anybody's (a program that plays music has one), so it counts only where
  // Honeycomb is known to be meant.
  WAGGLE_COLD Settings::Found<RateForm> find_rate() const {
    return is_honeycomb_ ? settings_.find<RateForm>({"HONEYCOMB_SAMPLE_RATE", "SAMPLE_RATE"})
                         : settings_.find<RateForm>({"HONEYCOMB_SAMPLE_RATE"});
  }

  // Returns who said it.
  WAGGLE_COLD const char* ask_environment() {
    const Settings::Found<RateForm> rate = find_rate();
    const char* by = rate.by;
    if (rate.value) {
      config_.sample_ratio = 1.0 / *rate.value;
    } else {
      by = ask_opentelemetry();
    }
    settings_.tell_bad(rate, joined({"a share of ", ratio_text(*config_.sample_ratio)}));
    return by;
  }

  WAGGLE_COLD const char* ask_opentelemetry() {
    const auto found = settings_.find<SamplerForm>({"OTEL_TRACES_SAMPLER"});
    settings_.tell_bad(found, "parentbased_always_on");
    config_.sample_ratio = 1.0;
    if (!found.value) return found.by;
    const SamplerWord& word = **found.value;
    config_.sample_ratio = word.takes_argument ? argument() : word.ratio;
    if (!word.follows_parent) judge_anew();
    return found.by;
  }

  double argument() {
    const auto found = settings_.find<RatioForm>({"OTEL_TRACES_SAMPLER_ARG"});
    settings_.tell_bad(found, "1");
    return found.value.value_or(1.0);
  }

  WAGGLE_COLD void judge_anew() {
    const auto sampler = std::make_shared<RatioSampler>(*config_.sample_ratio);
    for (auto* each : {&config_.remote_parent_sampled, &config_.remote_parent_not_sampled}) {
      if (*each == nullptr) *each = sampler;
    }
  }

  void tell_overridden() {
    const Settings::Found<RateForm> rate = find_rate();
    if (rate.value) report_.warn(joined({rate.by, " is not used: Config::sampler decides"}));
  }

  Config& config_;
  SetupReport& report_;
  Settings settings_;
  const bool is_honeycomb_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_SAMPLER_CHOICE_HPP
