// Where spans go, decided once from configuration and environment: what the code says; else
// Honeycomb's variables; else OpenTelemetry's; else a person's terminal; else nowhere. Pure, so
// that every rule is a row in a test.
#ifndef WAGGLE_SETUP_DESTINATION_HPP
#define WAGGLE_SETUP_DESTINATION_HPP

#include <string>
#include <string_view>
#include <utility>

#include "waggle/core/config.hpp"
#include "waggle/http/header_lines.hpp"
#include "waggle/sdk/config.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/otlp_destination.hpp"
#include "waggle/setup/api_key.hpp"
#include "waggle/setup/endpoint.hpp"
#include "waggle/setup/environment.hpp"
#include "waggle/setup/honeycomb_remarks.hpp"
#include "waggle/setup/settings.hpp"
#include "waggle/setup/setup_report.hpp"
#include "waggle/setup/trace_exporters.hpp"
#include "waggle/setup/variable_lists.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

enum class DestinationKind { Nowhere, Terminal, Otlp, OwnExporters };

// Holds the decision, and what there is to tell about it.
struct Destination {
  DestinationKind kind = DestinationKind::Nowhere;
  bool draws_traces = false;   // on stderr, and nowhere else if `kind` is Terminal
  bool takes_remarks = false;  // spans go straight to Honeycomb, and nobody forbade to look closer
  OtlpDestination otlp;
  SetupReport report;
};

constexpr const char* kKeyHeader = "x-honeycomb-team";
constexpr const char* kDatasetHeader = "x-honeycomb-dataset";

// Returns what is sent under that name, empty if nothing is.
WAGGLE_COLD std::string value_of(const HeaderList& headers, std::string_view name) {
  for (const auto& header : headers) {
    if (equals_ignoring_case(header.first, name)) return header.second;
  }
  return {};
}

// A URL to send to, whoever said it, and in which words.
struct Target {
  std::string url;
  Said said;

  explicit operator bool() const noexcept { return !url.empty(); }
};

// Makes the decision.
class DestinationRules {
 public:
  DestinationRules(const Config& config, const Environment& environment, bool has_terminal)
      : config_(config), environment_(environment), has_terminal_(has_terminal) {}

  WAGGLE_COLD Destination decide() {
    if (!config_.api_key.empty() || !config_.endpoint.empty()) {
      by_code();
    } else if (!config_.exporters.empty()) {
      choose(DestinationKind::OwnExporters, "code");
    } else {
      by_environment();
    }
    if (result_.kind == DestinationKind::Otlp) look_at_key();
    return std::move(result_);
  }

 private:
  WAGGLE_COLD void by_code() {
    const Said endpoint{config_.endpoint, "code"};
    Target target = endpoint ? Target{traces_url(endpoint.value), endpoint} : honeycomb_target();
    Said key{config_.api_key, "code"};
    // The environment's key goes to Honeycomb, and to nobody else whom the code names.
    const bool may_take_key =
        UrlParts::of(target.url).is_honeycomb() && value_of(config_.headers, kKeyHeader).empty();
    if (!key && may_take_key) key = key_of_environment();
    key ? honeycomb(key, std::move(target)) : otlp(std::move(target));
    for (const auto& header : config_.headers) add_header(header.first, header.second);
    list_headers(config_.headers, "code");
  }

  WAGGLE_COLD void by_environment() {
    const TraceExporters exporters = TraceExporters::of(environment_, result_.report);
    const Said key = key_of_environment();
    if (exporters.is_none()) {
      choose(DestinationKind::Nowhere, "OTEL_TRACES_EXPORTER");
    } else if (exporters.only_console()) {
      choose(DestinationKind::Terminal, "OTEL_TRACES_EXPORTER");
    } else if (key) {
      honeycomb(key, honeycomb_target());
    } else if (Target target = opentelemetry_target(exporters.otlp)) {
      otlp(std::move(target));
      add_headers_of_environment();
    } else {
      nobody_said();
    }
    result_.draws_traces |= exporters.console;
  }

  WAGGLE_COLD Said key_of_environment() const noexcept {
    return environment_.first_of({"HONEYCOMB_TRACES_APIKEY", "HONEYCOMB_TRACES_API_KEY",
                                  "HONEYCOMB_API_KEY", "LIBHONEY_API_KEY"});
  }

  // OpenTelemetry's endpoint may choose the region, but never take the key elsewhere.
  WAGGLE_COLD Target honeycomb_target() const {
    if (const Said said =
            environment_.first_of({"HONEYCOMB_TRACES_ENDPOINT", "HONEYCOMB_TRACES_API_ENDPOINT"})) {
      return {honeycomb_traces_url(said.value), said};
    }
    if (const Said said = environment_.first_of({"HONEYCOMB_API_ENDPOINT", "LIBHONEY_API_HOST"})) {
      return {traces_url(said.value), said};
    }
    Target target = opentelemetry_target(false);
    if (UrlParts::of(target.url).is_honeycomb()) return target;
    return {"https://api.honeycomb.io/v1/traces", {}};
  }

  WAGGLE_COLD Target opentelemetry_target(bool has_default) const {
    if (const Said said = environment_.first_of({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"})) {
      return {verbatim_url(said.value), said};
    }
    if (const Said said = environment_.first_of({"OTEL_EXPORTER_OTLP_ENDPOINT"})) {
      return {traces_url(said.value), said};
    }
    return {has_default ? "http://localhost:4318/v1/traces" : "", {}};
  }

  WAGGLE_COLD void honeycomb(const Said& key, Target target) {
    otlp(std::move(target));
    result_.otlp.is_honeycomb = true;
    key_said_by_ = key.by;
    const std::string_view clean = without_blanks(key.value);
    if (!is_sendable_key(clean)) {
      error(joined({speaker(key, "api_key"),
                    " holds characters that no key of Honeycomb's has; copy it once more"}));
      return;
    }
    add_header(kKeyHeader, std::string(clean));
  }

  WAGGLE_COLD void otlp(Target target) {
    choose(DestinationKind::Otlp, nullptr);
    result_.otlp.url = std::move(target.url);
    result_.report.add("endpoint", without_user(result_.otlp.url), target.said.by);
    const UrlParts url = UrlParts::of(result_.otlp.url);
    if (!url.is_valid) {
      error(joined({speaker(target.said, "endpoint"), ": ",
                    in_quotes(without_user(target.said.value)),
                    " is not a URL such as https://api.honeycomb.io or http://localhost:4318"}));
    }
    if (url.port == "4317") {
      warn(joined({speaker(target.said, "endpoint"),
                   " names port 4317, which is gRPC's; waggle speaks HTTP, for which it is 4318"}));
    }
    result_.otlp.is_honeycomb = url.is_honeycomb();
    result_.otlp.compress = !url.is_loopback();
  }

  WAGGLE_COLD void add_headers_of_environment() {
    const Said said =
        environment_.first_of({"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"});
    if (!said) return;
    HeaderList headers = parse_headers(said.by, said.value, result_.report.warnings);
    list_headers(headers, said.by);
    for (auto& header : headers) {
      const bool is_key = equals_ignoring_case(header.first, kKeyHeader);
      if (is_key && !UrlParts::of(result_.otlp.url).is_honeycomb()) {
        warn(joined({said.by,
                     ": x-honeycomb-team was left out, since the endpoint is not Honeycomb's; set "
                     "HONEYCOMB_API_KEY and HONEYCOMB_API_ENDPOINT to send it elsewhere"}));
        continue;
      }
      add_header(header.first, std::move(header.second));
    }
    key_said_by_ = said.by;
  }

  WAGGLE_COLD void add_header(const std::string& name, std::string value) {
    const UrlParts url = UrlParts::of(result_.otlp.url);
    const bool is_key = equals_ignoring_case(name, kKeyHeader);
    if (!is_header_name(name) || !is_header_value(value)) {
      error(joined({"a header's name or value cannot be sent: ",
                    is_header_name(name) ? name : std::string_view("(bad name)")}));
    } else if (is_key && url.is_valid && !url.is_encrypted() && !url.is_loopback()) {
      error(joined({"refusing to send the API key over plain http to ", url.host, "; use https"}));
    } else {
      result_.otlp.headers.push_back({name, std::move(value)});
    }
  }

  std::string header(std::string_view name) const { return value_of(result_.otlp.headers, name); }

  // Once all headers are known: a classic key's dataset goes with it, and what is wrong is told.
  WAGGLE_COLD void look_at_key() {
    const std::string key = header(kKeyHeader);
    Said dataset{config_.dataset, "code"};
    if (!dataset) {
      dataset = environment_.first_of(
          {"HONEYCOMB_TRACES_DATASET", "HONEYCOMB_DATASET", "LIBHONEY_DATASET"});
    }
    const bool lacks_dataset = is_classic(key) && header(kDatasetHeader).empty();
    if (lacks_dataset && dataset) add_header(kDatasetHeader, std::string(dataset.value));
    if (!key.empty()) {
      const std::string shown = joined({masked(key), " (", shape_of(key).name, ")"});
      result_.report.add("api_key", shown, key_said_by_);
    }
    if (lacks_dataset && dataset) result_.report.add("dataset", dataset.value, dataset.by);
    const UrlParts url = UrlParts::of(result_.otlp.url);
    Settings settings(environment_, result_.report);
    result_.takes_remarks = (url.is_honeycomb() || !host_meant(url.host).empty()) &&
                            !settings.is_true({"HONEYCOMB_SKIP_OPTIONS_VALIDATION"});
    if (!result_.takes_remarks || !result_.report.errors.empty()) return;
    const bool sends_dataset = !header(kDatasetHeader).empty();
    remark_on_honeycomb({url.host, {key, key_said_by_}, dataset, sends_dataset}, result_.report);
  }

  WAGGLE_COLD void nobody_said() {
    const Said endpoint =
        environment_.first_of({"HONEYCOMB_TRACES_ENDPOINT", "HONEYCOMB_TRACES_API_ENDPOINT",
                               "HONEYCOMB_API_ENDPOINT", "LIBHONEY_API_HOST"});
    if (endpoint) {
      warn(joined({endpoint.by, " is set and HONEYCOMB_API_KEY is not: nothing is sent there"}));
    }
    if (has_terminal_) return choose(DestinationKind::Terminal, "default");
    choose(DestinationKind::Nowhere, "default");
    warn("tracing is off: set HONEYCOMB_API_KEY, or OTEL_EXPORTER_OTLP_ENDPOINT, to turn it on");
  }

  // Says so too, unless the endpoint is to say it.
  WAGGLE_COLD void choose(DestinationKind kind, const char* by) {
    constexpr const char* kNames[] = {"nowhere", "drawn on stderr", "", "Config::exporters"};
    result_.kind = kind;
    result_.draws_traces = kind == DestinationKind::Terminal;
    if (by != nullptr) result_.report.add("spans go", kNames[static_cast<int>(kind)], by);
  }

  // Names alone: a value may be a secret.
  WAGGLE_COLD void list_headers(const HeaderList& headers, const char* by) {
    std::string names;
    for (const auto& header : headers) names += joined({names.empty() ? "" : ", ", header.first});
    if (!names.empty()) result_.report.add("headers", names, by);
  }

  void error(std::string text) { result_.report.error(std::move(text)); }
  void warn(std::string text) { result_.report.warn(std::move(text)); }

  const Config& config_;
  const Environment& environment_;
  const bool has_terminal_;
  const char* key_said_by_ = "code";
  Destination result_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_DESTINATION_HPP
