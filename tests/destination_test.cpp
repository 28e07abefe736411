#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <waggle/setup/destination.hpp>

using waggle::Config;
using waggle::detail::Destination;
using waggle::detail::DestinationKind;
using waggle::detail::DestinationRules;
using waggle::detail::Environment;
using waggle::detail::traces_url;

namespace {

constexpr const char* kKey = "hcaik_01abcdefghijklmnopqrstuvwx0123456789abcdefghijklmnopqrstuv";

struct NoExporter final : waggle::Exporter {
  waggle::ExportResult export_batch(const waggle::Batch&, waggle::Deadline) noexcept override {
    return {};
  }
};

Destination decide(const Config& config, const Environment& environment,
                   bool has_terminal = false) {
  return DestinationRules(config, environment, has_terminal).decide();
}

std::string header(const Destination& destination, const std::string& name) {
  for (const auto& entry : destination.otlp.headers) {
    if (entry.first == name) return entry.second;
  }
  return {};
}

// No message may show a key.
bool shows(const Destination& destination, const std::string& secret) {
  for (const auto& text : destination.report.errors) {
    if (text.find(secret) != text.npos) return true;
  }
  for (const auto& text : destination.report.warnings) {
    if (text.find(secret) != text.npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a key alone goes to Honeycomb's US endpoint") {
  Environment environment;
  environment.set("HONEYCOMB_API_KEY", kKey);
  const Destination destination = decide({}, environment);
  CHECK(destination.kind == DestinationKind::Otlp);
  CHECK(destination.otlp.url == "https://api.honeycomb.io/v1/traces");
  CHECK(destination.otlp.is_honeycomb);
  CHECK(destination.otlp.compress);
  CHECK(header(destination, "x-honeycomb-team") == kKey);
  CHECK(destination.report.errors.empty());
}

TEST_CASE("HONEYCOMB_API_ENDPOINT chooses the region or a proxy of Honeycomb's") {
  Environment environment;
  environment.set("HONEYCOMB_API_KEY", kKey);
  environment.set("HONEYCOMB_API_ENDPOINT", "https://api.eu1.honeycomb.io");
  CHECK(decide({}, environment).otlp.url == "https://api.eu1.honeycomb.io/v1/traces");
  environment.set("HONEYCOMB_API_ENDPOINT", "https://refinery.example.com:8443/");
  const Destination own = decide({}, environment);
  CHECK(own.otlp.url == "https://refinery.example.com:8443/v1/traces");
  CHECK(header(own, "x-honeycomb-team") == kKey);
}

TEST_CASE(
    "code wins over Honeycomb's variables, these over OpenTelemetry's, these over the terminal") {
  Config config;
  config.endpoint = "http://localhost:4318";
  Environment environment;
  environment.set("HONEYCOMB_API_KEY", kKey);
  environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example.com");
  CHECK(decide(config, environment, true).otlp.url == "http://localhost:4318/v1/traces");
  CHECK(decide({}, environment, true).otlp.url == "https://api.honeycomb.io/v1/traces");
  environment = Environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example.com"}};
  CHECK(decide({}, environment, true).otlp.url == "https://collector.example.com/v1/traces");
  environment = {};
  CHECK(decide({}, environment, true).kind == DestinationKind::Terminal);
}

TEST_CASE(
    "without a destination and a terminal tracing is off, and one line says how to turn it on") {
  const Destination destination = decide({}, {});
  CHECK(destination.kind == DestinationKind::Nowhere);
  CHECK(destination.report.errors.empty());
  REQUIRE(destination.report.warnings.size() == 1);
  CHECK(destination.report.warnings[0].find("HONEYCOMB_API_KEY") != std::string::npos);
}

TEST_CASE("exporters given in code keep the environment out") {
  Config config;
  config.exporters.push_back(std::make_unique<NoExporter>());
  Environment environment;
  environment.set("HONEYCOMB_API_KEY", kKey);
  CHECK(decide(config, environment).kind == DestinationKind::OwnExporters);
  config.api_key = kKey;
  CHECK(decide(config, environment).kind == DestinationKind::Otlp);
}

TEST_CASE("the key never crosses a network in clear") {
  Environment environment;
  environment.set("HONEYCOMB_API_KEY", kKey);
  for (const char* endpoint : {"http://api.honeycomb.io", "http://10.0.0.1:4318",
                               "http://localhost.example.com", "http://127.0.0.1@evil.example"}) {
    environment.set("HONEYCOMB_API_ENDPOINT", endpoint);
    const Destination destination = decide({}, environment);
    CAPTURE(endpoint);
    CHECK(destination.report.errors.size() == 1);
    CHECK(header(destination, "x-honeycomb-team").empty());
    CHECK_FALSE(shows(destination, kKey));
  }
  for (const char* endpoint :
       {"http://localhost:4318", "http://127.0.0.1:8080", "http://[::1]:80"}) {
    environment.set("HONEYCOMB_API_ENDPOINT", endpoint);
    const Destination destination = decide({}, environment);
    CAPTURE(endpoint);
    CHECK(destination.report.errors.empty());
    CHECK(header(destination, "x-honeycomb-team") == kKey);
    CHECK_FALSE(destination.otlp.compress);
  }
}

TEST_CASE("a Honeycomb key among OpenTelemetry's headers reaches Honeycomb only") {
  Environment environment;
  environment.set("OTEL_EXPORTER_OTLP_HEADERS",
                  "x-honeycomb-team=" + std::string(kKey) + ",x-other=1");
  environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", "https://api.honeycomb.io");
  const Destination honeycomb = decide({}, environment);
  CHECK(header(honeycomb, "x-honeycomb-team") == kKey);
  CHECK(honeycomb.otlp.is_honeycomb);
  environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example.com");
  const Destination other = decide({}, environment);
  CHECK(header(other, "x-honeycomb-team").empty());
  CHECK(header(other, "x-other") == "1");
  CHECK(other.report.warnings.size() == 1);
  CHECK_FALSE(shows(other, kKey));
  environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", "https://evilhoneycomb.io");
  CHECK(header(decide({}, environment), "x-honeycomb-team").empty());
}

TEST_CASE("a key with characters that no key has is an error that does not repeat it") {
  Environment environment;
  environment.set("HONEYCOMB_API_KEY", "abc\r\nX-Evil: 1");
  const Destination destination = decide({}, environment);
  CHECK(destination.report.errors.size() == 1);
  CHECK_FALSE(shows(destination, "X-Evil"));
  environment.set("HONEYCOMB_API_KEY", "  " + std::string(kKey) + " ");
  CHECK(header(decide({}, environment), "x-honeycomb-team") == kKey);
}

TEST_CASE("an endpoint that is no URL is an error") {
  for (const char* endpoint :
       {"localhost:4318", "ftp://example.com", "http://", "not a url", "http://a b"}) {
    Config config;
    config.endpoint = endpoint;
    CAPTURE(endpoint);
    CHECK(decide(config, {}).report.errors.size() == 1);
  }
}

TEST_CASE("all mistakes are told at once") {
  Config config;
  config.endpoint = "localhost";
  config.api_key = "bad key";
  config.headers = {{"bad name", "x"}};
  CHECK(decide(config, {}).report.errors.size() == 3);
}

TEST_CASE("the path is appended once (OTLP Exporter, Endpoint URLs)") {
  CHECK(traces_url("http://c:4318") == "http://c:4318/v1/traces");
  CHECK(traces_url("http://c:4318/") == "http://c:4318/v1/traces");
  CHECK(traces_url("http://c:4318/a") == "http://c:4318/a/v1/traces");
  CHECK(traces_url("http://c:4318/a/") == "http://c:4318/a/v1/traces");
  CHECK(traces_url("http://c:4318/v1/traces") == "http://c:4318/v1/traces");
  CHECK(traces_url("api.honeycomb.io:443") == "https://api.honeycomb.io:443/v1/traces");
}

TEST_CASE("headers of the environment are decoded, and a bad one is left out with a warning") {
  std::vector<std::string> problems;
  const auto headers = waggle::detail::parse_headers(
      "OTEL_EXPORTER_OTLP_HEADERS",
      " Authorization = Basic%20abc== , x-tenant=a, broken, =novalue, bad name=1, nl=a%0Ab, "
      "pc=%zz,,",
      problems);
  REQUIRE(headers.size() == 2);
  CHECK(headers[0].first == "Authorization");
  CHECK(headers[0].second == "Basic abc==");
  CHECK(headers[1].second == "a");
  CHECK(problems.size() == 5);
}
