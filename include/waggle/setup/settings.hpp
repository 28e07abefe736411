// Every option that the environment may set, as a table: the code's word, else the first variable
// that holds a good value, else the default. A bad value is as good as none, and told once.
#ifndef WAGGLE_SETUP_SETTINGS_HPP
#define WAGGLE_SETUP_SETTINGS_HPP

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/core/config.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/setup/environment.hpp"
#include "waggle/setup/setup_report.hpp"
#include "waggle/setup/value_forms.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

template <class Value>
bool is_set(const std::optional<Value>& slot) noexcept {
  return slot.has_value();
}
inline bool is_set(const std::string& slot) noexcept { return !slot.empty(); }

template <class Value>
const Value& value_in(const std::optional<Value>& slot) noexcept {
  return *slot;
}
inline const std::string& value_in(const std::string& slot) noexcept { return slot; }

// Settles one option after the other.
class Settings {
 public:
  Settings(const Environment& environment, SetupReport& report) noexcept
      : environment_(environment), report_(report) {}

  // Which variable holds the first good value, if any does, and which hold bad ones before it.
  struct Search {
    const char* form = "";
    const char* by = "default";
    bool is_found = false;
    std::vector<const char*> bad;
  };

  // What variables say.
  template <class Form>
  struct Found : Search {
    std::optional<typename Form::Value> value;
  };

  template <class Form>
  Found<Form> find(VariableNames names) const {
    typename Form::Value value{};
    const auto read = [](std::string_view text, void* into) {
      return Form::read(text, *static_cast<typename Form::Value*>(into));
    };
    Found<Form> found{look_up(names, Form::kForm, read, &value), {}};
    if (found.is_found) found.value = std::move(value);
    return found;
  }

  // Tells of each bad value, and what is used instead.
  WAGGLE_COLD void tell_bad(const Search& search, std::string_view used) {
    for (const char* name : search.bad) {
      report_.warn(joined({name, ": ", in_quotes(environment_.value(name)), " is not ", search.form,
                           "; ", used, " is used instead"}));
    }
  }

  // Fills `slot` unless the code has done so. `otherwise_by` says whose value `otherwise` is.
  template <class Form, class Slot>
  void settle(const char* option, Slot& slot, VariableNames names, typename Form::Value otherwise,
              const char* otherwise_by = "default") {
    if (is_set(slot)) return report_.add(option, Form::show(value_in(slot)), "code");
    Found<Form> found = find<Form>(names);
    slot = found.value ? std::move(*found.value) : std::move(otherwise);
    tell(option, Form::show(value_in(slot)), found, otherwise_by);
  }

  // Reads a variable that no option stands for.
  WAGGLE_COLD bool is_true(VariableNames names) {
    const Found<BooleanForm> found = find<BooleanForm>(names);
    tell_bad(found, BooleanForm::show(found.value.value_or(false)));
    return found.value.value_or(false);
  }

 private:
  // What is the same for all forms stands outside the templates, for the compiler's sake.
  using Read = bool (*)(std::string_view text, void* into);

  WAGGLE_COLD Search look_up(VariableNames names, const char* form, Read read, void* into) const {
    Search search;
    search.form = form;
    for (const char* name : names) {
      const std::string_view text = environment_.value(name);
      if (text.empty()) continue;
      if (read(text, into)) {
        search.by = name;
        search.is_found = true;
        break;
      }
      search.bad.push_back(name);
    }
    return search;
  }

  WAGGLE_COLD void tell(const char* option, const std::string& used, const Search& search,
                        const char* otherwise_by) {
    tell_bad(search, search.is_found ? joined({used, " of ", search.by}) : used);
    report_.add(option, used, search.is_found ? search.by : otherwise_by);
  }

  const Environment& environment_;
  SetupReport& report_;
};

// Settles how a span is cut. What the span's own variables leave open follows the general ones.
WAGGLE_COLD void settle_limits(SpanLimits& own, AttributeLimits& general, Settings& settings) {
  constexpr const char* kCount = "attribute_limits.count";
  constexpr const char* kLength = "attribute_limits.value_length";
  constexpr const char* kDepth = "attribute_limits.value_depth";
  // clang-format off
  settings.settle<LimitForm>(kCount, general.count, {"OTEL_ATTRIBUTE_COUNT_LIMIT"}, 128);
  settings.settle<LimitForm>(kLength, general.value_length, {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"}, SpanLimits::kUnlimited);
  settings.settle<LimitForm>(kDepth, general.value_depth, {}, 64);
  settings.settle<LimitForm>("limits.attribute_count", own.attribute_count, {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"}, *general.count, kCount);
  settings.settle<LimitForm>("limits.attribute_value_length", own.attribute_value_length, {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"}, *general.value_length, kLength);
  settings.settle<LimitForm>("limits.attribute_value_depth", own.attribute_value_depth, {}, *general.value_depth, kDepth);
  settings.settle<LimitForm>("limits.event_count", own.event_count, {"OTEL_SPAN_EVENT_COUNT_LIMIT"}, 128);
  settings.settle<LimitForm>("limits.link_count", own.link_count, {"OTEL_SPAN_LINK_COUNT_LIMIT"}, 128);
  settings.settle<LimitForm>("limits.attribute_per_event_count", own.attribute_per_event_count, {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"}, 128);
  settings.settle<LimitForm>("limits.attribute_per_link_count", own.attribute_per_link_count, {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"}, 128);
  // clang-format on
}

// Settles how batches are made.
WAGGLE_COLD void settle_batches(Config& config, Settings& settings) {
  // clang-format off
  settings.settle<DurationForm>("batch_delay", config.batch_delay, {"OTEL_BSP_SCHEDULE_DELAY"}, Milliseconds(1000));
  settings.settle<SizeForm>("batch_spans", config.batch_spans, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE"}, 4096);
  // clang-format on
}

// Settles how they are sent. `compresses` is the default, by the server's place.
WAGGLE_COLD void settle_sending(Config& config, bool compresses, Settings& settings) {
  const Compression compression = compresses ? Compression::Gzip : Compression::Off;
  // clang-format off
  settings.settle<TimeoutForm>("attempt_timeout", config.attempt_timeout, {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"}, Milliseconds(10000));
  settings.settle<TimeoutForm>("retry_for", config.retry_for, {"OTEL_BSP_EXPORT_TIMEOUT"}, Milliseconds(60000));
  settings.settle<CompressionForm>("compression", config.compression, {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"}, compression);
  settings.settle<PathForm>("ca_file", config.ca_file, {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"}, {});
  settings.settle<PathForm>("client_certificate_file", config.client_certificate_file, {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"}, {});
  settings.settle<PathForm>("client_key_file", config.client_key_file, {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"}, {});
  settings.tell_bad(settings.find<ProtocolForm>({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}), "http/json");
  // clang-format on
}

// Variables that are known and do nothing here.
struct UnusedVariable {
  const char* name;
  const char* why;
};
constexpr UnusedVariable kUnusedVariables[] = {
    {"OTEL_CONFIG_FILE", "configuration files are not read, so the other variables count"},
    {"HONEYCOMB_CONFIG_FILE", "configuration files are not read, so the other variables count"},
    {"OTEL_BSP_MAX_QUEUE_SIZE", "Config::memory_limit bounds what waits, in bytes"},
};

WAGGLE_COLD void tell_unused(const Environment& environment, SetupReport& report) {
  for (const UnusedVariable& variable : kUnusedVariables) {
    const std::string_view value = environment.value(variable.name);
    if (value.empty()) continue;
    report.warn(joined({variable.name, ": ", in_quotes(value), " is not used: ", variable.why}));
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_SETTINGS_HPP
