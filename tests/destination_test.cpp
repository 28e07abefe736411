#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>
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

TEST_CASE("Honeycomb's variables by all their names, the most particular one first") {
  Environment environment;
  for (const char* name : {"LIBHONEY_API_KEY", "HONEYCOMB_API_KEY", "HONEYCOMB_TRACES_API_KEY",
                           "HONEYCOMB_TRACES_APIKEY"}) {
    environment.set(name, name);
    CHECK(header(decide({}, environment), "x-honeycomb-team") == name);
  }
  for (const char* name : {"LIBHONEY_API_HOST", "HONEYCOMB_API_ENDPOINT"}) {
    environment.set(name, "https://" + std::string(name) + ".example/");
    CHECK(decide({}, environment).otlp.url ==
          "https://" + std::string(name) + ".example/v1/traces");
  }
  for (const char* name : {"HONEYCOMB_TRACES_API_ENDPOINT", "HONEYCOMB_TRACES_ENDPOINT"}) {
    environment.set(name, "https://" + std::string(name) + ".example/own");
    CHECK(decide({}, environment).otlp.url == "https://" + std::string(name) + ".example/own");
    environment.set(name, "api.eu1.honeycomb.io:443");
    CHECK(decide({}, environment).otlp.url == "https://api.eu1.honeycomb.io:443/v1/traces");
  }
}

TEST_CASE("H22: OpenTelemetry's endpoint for traces is taken as it is, and wins") {
  Environment environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/base"}};
  CHECK(decide({}, environment).otlp.url == "http://c:4318/base/v1/traces");
  environment.set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318");
  CHECK(decide({}, environment).otlp.url == "http://c:4318/");
  environment.set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/a/");
  CHECK(decide({}, environment).otlp.url == "http://c:4318/a/");
}

TEST_CASE("H25: headers for traces replace the general ones") {
  Environment environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://c.example"},
                          {"OTEL_EXPORTER_OTLP_HEADERS", "general=1"}};
  CHECK(header(decide({}, environment), "general") == "1");
  environment.set("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "particular=2,broken");
  const Destination destination = decide({}, environment);
  CHECK(header(destination, "particular") == "2");
  CHECK(header(destination, "general").empty());
  REQUIRE(destination.report.warnings.size() == 1);
  CHECK(destination.report.warnings[0].find("OTEL_EXPORTER_OTLP_TRACES_HEADERS: entry 2") == 0);
}

TEST_CASE("the environment's key goes to a Honeycomb that the code names, and to no other server") {
  const Environment environment{{"HONEYCOMB_API_KEY", kKey}};
  Config config;
  config.endpoint = "https://api.eu1.honeycomb.io";
  CHECK(header(decide(config, environment), "x-honeycomb-team") == kKey);
  config.headers = {{"X-Honeycomb-Team", "coded"}};
  const Destination coded = decide(config, environment);
  CHECK(header(coded, "x-honeycomb-team").empty());
  CHECK(header(coded, "X-Honeycomb-Team") == "coded");
  config.headers.clear();
  config.endpoint = "https://collector.example";
  CHECK(header(decide(config, environment), "x-honeycomb-team").empty());
}

TEST_CASE("a key in the code goes to the environment's region, but not to its collector") {
  Config config;
  config.api_key = kKey;
  Environment environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example"}};
  CHECK(decide(config, environment).otlp.url == "https://api.honeycomb.io/v1/traces");
  environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", "https://api.eu1.honeycomb.io");
  CHECK(decide(config, environment).otlp.url == "https://api.eu1.honeycomb.io/v1/traces");
  environment.set("HONEYCOMB_API_ENDPOINT", "https://refinery.example");
  CHECK(decide(config, environment).otlp.url == "https://refinery.example/v1/traces");
}

TEST_CASE("OTEL_TRACES_EXPORTER says whether traces are sent, drawn, both or neither") {
  const struct {
    const char* words;
    DestinationKind kind;
    bool draws_traces;
  } rows[] = {{"otlp", DestinationKind::Otlp, false},
              {"console", DestinationKind::Terminal, true},
              {" OTLP , Console ", DestinationKind::Otlp, true},
              {"none", DestinationKind::Nowhere, false},
              {"none,otlp", DestinationKind::Otlp, false}};
  for (const auto& row : rows) {
    CAPTURE(row.words);
    Environment environment{{"HONEYCOMB_API_KEY", kKey}, {"OTEL_TRACES_EXPORTER", row.words}};
    const Destination destination = decide({}, environment, true);
    CHECK(destination.kind == row.kind);
    CHECK(destination.draws_traces == row.draws_traces);
    CHECK(destination.report.warnings.empty());
    Config config;
    config.api_key = kKey;
    CHECK(decide(config, environment).kind == DestinationKind::Otlp);
    CHECK_FALSE(decide(config, environment).draws_traces);
  }
}

TEST_CASE("an exporter that is not known is told and left out") {
  for (const char* words : {"zipkin", "logging", "otlp/stdout"}) {
    Environment environment{{"OTEL_TRACES_EXPORTER", words}, {"HONEYCOMB_API_KEY", kKey}};
    const Destination destination = decide({}, environment);
    CHECK(destination.kind == DestinationKind::Otlp);
    REQUIRE(destination.report.warnings.size() == 1);
    CHECK(destination.report.warnings[0] == "OTEL_TRACES_EXPORTER: \"" + std::string(words) +
                                                "\" is none of otlp, console and none, and is "
                                                "left out");
  }
}

TEST_CASE("otlp asked for by name and no endpoint means a collector on this machine") {
  const Destination destination = decide({}, Environment{{"OTEL_TRACES_EXPORTER", "otlp"}});
  CHECK(destination.otlp.url == "http://localhost:4318/v1/traces");
  CHECK_FALSE(destination.otlp.compress);
  CHECK(destination.report.errors.empty());
}

TEST_CASE("an endpoint that cannot be right is named with its variable, but for a password") {
  const auto error = [](const char* endpoint) {
    const Destination bad = decide({}, Environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", endpoint}});
    REQUIRE(bad.report.errors.size() == 1);
    return bad.report.errors[0];
  };
  CHECK(error("collector:4318").find("OTEL_EXPORTER_OTLP_ENDPOINT: \"collector:4318\"") == 0);
  CHECK(error("ftp://user:hidden@c").find("hidden") == std::string::npos);
  CHECK(error("user:hidden@c").find("hidden") == std::string::npos);
}

TEST_CASE("gRPC's port is told") {
  const Destination destination =
      decide({}, Environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317"}});
  CHECK(destination.report.errors.empty());
  REQUIRE(destination.report.warnings.size() == 1);
  CHECK(destination.report.warnings[0].find("4318") != std::string::npos);
}

TEST_CASE("an endpoint of Honeycomb's without a key is told by its name") {
  const Destination destination =
      decide({}, Environment{{"HONEYCOMB_TRACES_ENDPOINT", "https://api.honeycomb.io"}}, true);
  CHECK(destination.kind == DestinationKind::Terminal);
  REQUIRE(destination.report.warnings.size() == 1);
  CHECK(destination.report.warnings[0].find("HONEYCOMB_TRACES_ENDPOINT is set") == 0);
}
