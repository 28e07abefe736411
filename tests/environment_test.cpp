// Every variable, as a row: what it sets, what a bad value becomes, and who wins.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>
#include <waggle/sampling/always_sampler.hpp>
#include <waggle/setup/start_plan.hpp>

#include "support/environment_variable.hpp"

using waggle::Compression;
using waggle::Config;
using waggle::Milliseconds;
using waggle::detail::DestinationKind;
using waggle::detail::Environment;
using waggle::detail::StartPlan;

namespace {

constexpr const char* kIngestKey =
    "hcaik_01abcdefghijklmnopqrstuvwx0123456789abcdefghijklmnopqrstuv";

// A plan with the configuration that it made.
struct Planned {
  Config config;
  StartPlan plan;

  explicit Planned(const Environment& environment, Config code = {})
      : config(std::move(code)), plan(StartPlan::of(config, environment, false)) {}

  const std::vector<std::string>& warnings() const { return plan.report().warnings; }

  const waggle::detail::SetupReport::Line& line(const std::string& option) const {
    static const waggle::detail::SetupReport::Line none;
    for (const auto& line : plan.report().lines) {
      if (line.option == option) return line;
    }
    return none;
  }
};

// A server that is not Honeycomb's, so that nothing else is remarked on.
Environment collector() {
  return Environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example.com"}};
}

Environment collector_and(const char* name, const std::string& value) {
  Environment environment = collector();
  environment.set(name, value);
  return environment;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

// One variable: its good value, how the configuration shows it, and a bad one.
struct Row {
  const char* name;
  const char* option;
  const char* good;
  const char* shown;
  const char* bad;
  const char* otherwise;
};

constexpr Row kRows[] = {
    {"OTEL_BSP_SCHEDULE_DELAY", "batch_delay", "250", "250 ms", "-1", "1000 ms"},
    {"OTEL_BSP_SCHEDULE_DELAY", "batch_delay", "0", "0 ms", "1s", "1000 ms"},
    {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "batch_spans", "512", "512", "0", "4096"},
    {"OTEL_BSP_EXPORT_TIMEOUT", "retry_for", "30000", "30000 ms", "1e4", "60000 ms"},
    {"OTEL_BSP_EXPORT_TIMEOUT", "retry_for", "0", "no limit", "99999999999999999999", "60000 ms"},
    {"OTEL_EXPORTER_OTLP_TIMEOUT", "attempt_timeout", "2000", "2000 ms", "2.5", "10000 ms"},
    {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "attempt_timeout", " 0 ", "no limit", "x", "10000 ms"},
    {"OTEL_EXPORTER_OTLP_COMPRESSION", "compression", "None", "none", "zstd", "gzip"},
    {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "compression", "GZIP", "gzip", "1", "gzip"},
    {"OTEL_ATTRIBUTE_COUNT_LIMIT", "attribute_limits.count", "7", "7", "seven", "128"},
    {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "attribute_limits.value_length", "9", "9", "-9",
     "unlimited"},
    {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "limits.attribute_count", "0", "0", "0x10", "128"},
    {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "limits.attribute_value_length", "2147483647",
     "2147483647", "99999999999", "unlimited"},
    {"OTEL_SPAN_EVENT_COUNT_LIMIT", "limits.event_count", "3", "3", "3 4", "128"},
    {"OTEL_SPAN_LINK_COUNT_LIMIT", "limits.link_count", "4", "4", "+4", "128"},
    {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "limits.attribute_per_event_count", "5", "5", "5.", "128"},
    {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "limits.attribute_per_link_count", "6", "6", "6,", "128"},
};

}  // namespace

TEST_CASE("E3, E4, E5: each variable sets its option, and the report says which one did") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    const Planned planned(collector_and(row.name, row.good));
    CHECK(planned.line(row.option).value == row.shown);
    CHECK(planned.line(row.option).source == row.name);
    CHECK(planned.warnings().empty());
    CHECK(planned.plan.is_on());
  }
}

TEST_CASE("E3, E5: a bad value is told once, with its text and what is used instead") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    CAPTURE(row.bad);
    const Planned planned(collector_and(row.name, row.bad));
    CHECK(planned.line(row.option).value == row.otherwise);
    CHECK(planned.line(row.option).source != row.name);
    CHECK(planned.plan.is_on());
    REQUIRE(planned.warnings().size() == 1);
    const std::string& warning = planned.warnings()[0];
    CHECK(warning.find(std::string(row.name) + ": \"" + row.bad + "\" is not ") == 0);
    CHECK(contains(warning, std::string("; ") + row.otherwise + " is used instead"));
  }
}

TEST_CASE("E1: an empty variable, and one of blanks, is unset") {
  for (const Row& row : kRows) {
    CAPTURE(row.name);
    for (const char* nothing : {"", "  "}) {
      const Planned planned(collector_and(row.name, nothing));
      CHECK(planned.line(row.option).value == row.otherwise);
      CHECK(planned.warnings().empty());
    }
  }
}

TEST_CASE("E6: what the code says wins, and the variable is not even looked at") {
  Config code;
  code.batch_delay = Milliseconds(1000);  // the default, but said
  code.batch_spans = 10;
  code.attempt_timeout = Milliseconds(11);
  code.retry_for = Milliseconds(12);
  code.compression = Compression::Off;
  code.sample_ratio = 1;
  code.limits.event_count = 13;
  Environment environment = collector();
  for (const char* name :
       {"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_EXPORT_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_TRACES_SAMPLER",
        "OTEL_SPAN_EVENT_COUNT_LIMIT"}) {
    environment.set(name, "bad");
  }
  const Planned planned(environment, std::move(code));
  CHECK(planned.warnings().empty());
  CHECK(*planned.config.batch_delay == Milliseconds(1000));
  CHECK(planned.line("batch_delay").source == "code");
  CHECK(*planned.config.batch_spans == 10);
  CHECK(*planned.config.attempt_timeout == Milliseconds(11));
  CHECK(*planned.config.retry_for == Milliseconds(12));
  CHECK(*planned.config.compression == Compression::Off);
  CHECK(*planned.config.limits.event_count == 13);
  CHECK(planned.line("sampler").source == "code");
}

TEST_CASE("H25: the form for traces wins, and a bad one leaves it to the general one") {
  Environment environment = collector_and("OTEL_EXPORTER_OTLP_TIMEOUT", "5000");
  environment.set("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "100");
  CHECK(*Planned(environment).config.attempt_timeout == Milliseconds(100));
  environment.set("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon");
  const Planned planned(environment);
  CHECK(*planned.config.attempt_timeout == Milliseconds(5000));
  CHECK(planned.line("attempt_timeout").source == "OTEL_EXPORTER_OTLP_TIMEOUT");
  REQUIRE(planned.warnings().size() == 1);
  CHECK(contains(planned.warnings()[0], "5000 ms of OTEL_EXPORTER_OTLP_TIMEOUT is used instead"));
}

TEST_CASE("H28: files of certificates, also for traces alone") {
  Environment environment = collector_and("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem");
  environment.set("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/client.pem");
  environment.set("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem");
  {
    const Planned planned(environment);
    CHECK(planned.config.ca_file == "/ca.pem");
    CHECK(planned.config.client_certificate_file == "/client.pem");
    CHECK(planned.config.client_key_file == "/key.pem");
  }
  environment.set("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/traces-ca.pem");
  environment.set("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/traces-client.pem");
  environment.set("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/traces-key.pem");
  Config code;
  code.ca_file = "/code.pem";
  const Planned planned(environment, std::move(code));
  CHECK(planned.config.ca_file == "/code.pem");
  CHECK(planned.config.client_certificate_file == "/traces-client.pem");
  CHECK(planned.config.client_key_file == "/traces-key.pem");
}

TEST_CASE("H27: bodies are compressed unless said otherwise or sent to this machine") {
  CHECK(*Planned(collector()).config.compression == Compression::Gzip);
  Environment loopback{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"}};
  CHECK(*Planned(loopback).config.compression == Compression::Off);
  loopback.set("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
  CHECK(*Planned(loopback).config.compression == Compression::Gzip);
}

TEST_CASE("H29: a protocol that waggle does not speak is told, and JSON is spoken") {
  for (const char* name : {"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"}) {
    for (const char* protocol : {"grpc", "http/protobuf", "smoke"}) {
      const Planned planned(collector_and(name, protocol));
      CHECK(planned.plan.is_on());
      REQUIRE(planned.warnings().size() == 1);
      CHECK(planned.warnings()[0] ==
            std::string(name) + ": \"" + protocol +
                "\" is not a protocol that waggle speaks; http/json is used instead");
    }
    CHECK(Planned(collector_and(name, "HTTP/JSON")).warnings().empty());
  }
}

TEST_CASE("a span's own limits follow the general ones unless they are said") {
  Environment environment = collector_and("OTEL_ATTRIBUTE_COUNT_LIMIT", "10");
  {
    const Planned planned(environment);
    CHECK(*planned.config.limits.attribute_count == 10);
    CHECK(planned.line("limits.attribute_count").source == "attribute_limits.count");
    CHECK(*planned.config.limits.attribute_per_event_count == 128);
  }
  environment.set("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "20");
  CHECK(*Planned(environment).config.limits.attribute_count == 20);
}

TEST_CASE("E7: variables that do nothing here say so") {
  for (const char* name :
       {"OTEL_CONFIG_FILE", "HONEYCOMB_CONFIG_FILE", "OTEL_BSP_MAX_QUEUE_SIZE"}) {
    const Planned planned(collector_and(name, "17"));
    CHECK(planned.plan.is_on());
    REQUIRE(planned.warnings().size() == 1);
    CHECK(planned.warnings()[0].find(std::string(name) + ": \"17\" is not used: ") == 0);
  }
}

TEST_CASE("OTEL_TRACES_SAMPLER chooses the sampler, in any case") {
  struct {
    const char* word;
    const char* argument;
    const char* description;
  } const rows[] = {
      {"always_on", "",
       "ParentBased{root=TraceIdRatioBased{1.000000},remoteParentSampled="
       "TraceIdRatioBased{1.000000},remoteParentNotSampled=TraceIdRatioBased{1.000000}}"},
      {"always_off", "0.5",
       "ParentBased{root=TraceIdRatioBased{0.000000},remoteParentSampled="
       "TraceIdRatioBased{0.000000},remoteParentNotSampled=TraceIdRatioBased{0.000000}}"},
      {"TraceIdRatio", "0.25",
       "ParentBased{root=TraceIdRatioBased{0.250000},remoteParentSampled="
       "TraceIdRatioBased{0.250000},remoteParentNotSampled=TraceIdRatioBased{0.250000}}"},
      {"parentbased_always_on", "0.1",
       "ParentBased{root=TraceIdRatioBased{1.000000},"
       "remoteParentSampled=AlwaysOnSampler,remoteParentNotSampled=AlwaysOffSampler}"},
      {"parentbased_always_off", "",
       "ParentBased{root=TraceIdRatioBased{0.000000},"
       "remoteParentSampled=AlwaysOnSampler,remoteParentNotSampled=AlwaysOffSampler}"},
      {"parentbased_traceidratio", "1e-2",
       "ParentBased{root=TraceIdRatioBased{0.010000},"
       "remoteParentSampled=AlwaysOnSampler,remoteParentNotSampled=AlwaysOffSampler}"},
      {"parentbased_traceidratio", "",
       "ParentBased{root=TraceIdRatioBased{1.000000},"
       "remoteParentSampled=AlwaysOnSampler,remoteParentNotSampled=AlwaysOffSampler}"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.word);
    Environment environment = collector_and("OTEL_TRACES_SAMPLER", row.word);
    environment.set("OTEL_TRACES_SAMPLER_ARG", row.argument);
    const Planned planned(environment);
    CHECK(planned.plan.sampler->description() == row.description);
    CHECK(planned.line("sampler").source == "OTEL_TRACES_SAMPLER");
    CHECK(planned.warnings().empty());
  }
}

TEST_CASE("a sampler or an argument that is not known is told, and all traces are kept") {
  for (const char* word : {"jaeger_remote", "xray", "1"}) {
    const Planned planned(collector_and("OTEL_TRACES_SAMPLER", word));
    CHECK(*planned.config.sample_ratio == 1.0);
    REQUIRE(planned.warnings().size() == 1);
    CHECK(planned.warnings()[0] == std::string("OTEL_TRACES_SAMPLER: \"") + word +
                                       "\" is not a sampler that waggle has; "
                                       "parentbased_always_on is used instead");
  }
  Environment environment = collector_and("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
  for (const char* argument : {"1.5", "-0.1", "nan", "inf", "0,5", "half", "0.5x"}) {
    CAPTURE(argument);
    environment.set("OTEL_TRACES_SAMPLER_ARG", argument);
    const Planned planned(environment);
    CHECK(*planned.config.sample_ratio == 1.0);
    REQUIRE(planned.warnings().size() == 1);
    CHECK(contains(planned.warnings()[0], "is not a number from 0 to 1; 1 is used instead"));
  }
  // Without a sampler nobody reads its argument.
  CHECK(Planned(collector_and("OTEL_TRACES_SAMPLER_ARG", "bad")).warnings().empty());
}

TEST_CASE("SAMPLE_RATE keeps one of so many where spans go to Honeycomb, and only there") {
  Environment honeycomb{{"HONEYCOMB_API_KEY", kIngestKey},
                        {"OTEL_SERVICE_NAME", "shop"},
                        {"OTEL_TRACES_SAMPLER", "always_off"},
                        {"SAMPLE_RATE", "20"}};
  {
    const Planned planned(honeycomb);
    CHECK(*planned.config.sample_ratio == doctest::Approx(0.05));
    CHECK(planned.line("sampler").source == "SAMPLE_RATE");
  }
  honeycomb.set("HONEYCOMB_SAMPLE_RATE", "4");
  CHECK(*Planned(honeycomb).config.sample_ratio == 0.25);
  const Planned elsewhere(collector_and("SAMPLE_RATE", "44100"));
  CHECK(*elsewhere.config.sample_ratio == 1.0);
  CHECK(elsewhere.warnings().empty());
  CHECK(*Planned(collector_and("HONEYCOMB_SAMPLE_RATE", "2")).config.sample_ratio == 0.5);
}

TEST_CASE("a bad SAMPLE_RATE is told, and leaves it to OpenTelemetry's sampler") {
  for (const char* bad : {"0", "-1", "2.5", "ten"}) {
    CAPTURE(bad);
    const Planned planned(Environment{{"HONEYCOMB_API_KEY", kIngestKey},
                                      {"OTEL_SERVICE_NAME", "shop"},
                                      {"OTEL_TRACES_SAMPLER", "traceidratio"},
                                      {"OTEL_TRACES_SAMPLER_ARG", "0.5"},
                                      {"SAMPLE_RATE", bad}});
    CHECK(*planned.config.sample_ratio == 0.5);
    REQUIRE(planned.warnings().size() == 1);
    CHECK(planned.warnings()[0] == std::string("SAMPLE_RATE: \"") + bad +
                                       "\" is not a whole number from 1; a share of 0.5 is used "
                                       "instead");
  }
}

TEST_CASE("a sampler of the code's leaves SAMPLE_RATE without effect, which is told") {
  Config code;
  code.sampler = std::make_shared<waggle::AlwaysOnSampler>();
  const Planned planned(
      Environment{
          {"HONEYCOMB_API_KEY", kIngestKey}, {"OTEL_SERVICE_NAME", "shop"}, {"SAMPLE_RATE", "10"}},
      std::move(code));
  REQUIRE(planned.warnings().size() == 1);
  CHECK(planned.warnings()[0] == "SAMPLE_RATE is not used: Config::sampler decides");
  CHECK(planned.line("sampler").source == "code");
}

TEST_CASE("the service's name and version, by each of their variables") {
  Environment environment{
      {"HONEYCOMB_API_KEY", kIngestKey}, {"SERVICE_NAME", "generic"}, {"SERVICE_VERSION", "1"}};
  const auto name = [&] { return std::string(Planned(environment).line("service.name").source); };
  CHECK(name() == "SERVICE_NAME");
  CHECK(Planned(environment).plan.resource.text("service.version") == "1");
  environment.set("OTEL_RESOURCE_ATTRIBUTES", "service.name=listed,service.version=2");
  CHECK(name() == "OTEL_RESOURCE_ATTRIBUTES");
  CHECK(Planned(environment).plan.resource.text("service.version") == "2");
  environment.set("OTEL_SERVICE_NAME", "named");
  environment.set("OTEL_SERVICE_VERSION", "3");
  CHECK(name() == "OTEL_SERVICE_NAME");
  CHECK(Planned(environment).plan.resource.text("service.version") == "3");
  Config code;
  code.service_name = "coded";
  CHECK(Planned(environment, std::move(code)).line("service.name").source == "code");
  // Elsewhere than at Honeycomb, SERVICE_NAME is anybody's.
  const Planned elsewhere(collector_and("SERVICE_NAME", "generic"));
  CHECK(elsewhere.line("service.name").source == "default");
}

TEST_CASE("E2: DEBUG draws traces and tells the configuration, for true alone") {
  const Environment honeycomb{{"HONEYCOMB_API_KEY", kIngestKey}, {"OTEL_SERVICE_NAME", "shop"}};
  for (const char* name : {"DEBUG", "HONEYCOMB_DEBUG"}) {
    Environment environment = honeycomb;
    environment.set(name, "True");
    const Planned planned(environment);
    CHECK(planned.plan.is_debug);
    CHECK(planned.plan.destination.draws_traces);
    CHECK(planned.plan.destination.kind == DestinationKind::Otlp);
    for (const char* not_true : {"1", "app:*"}) {
      environment.set(name, not_true);
      CHECK_FALSE(Planned(environment).plan.is_debug);
      CHECK(Planned(environment).warnings().size() == 1);
    }
  }
  CHECK_FALSE(Planned(collector_and("DEBUG", "true")).plan.is_debug);
  CHECK(Planned(collector_and("DEBUG", "app:*")).warnings().empty());
  CHECK(Planned(collector_and("HONEYCOMB_DEBUG", "true")).plan.is_debug);
}

TEST_CASE("OTEL_SDK_DISABLED leaves nothing else to be told") {
  const Planned planned(Environment{
      {"OTEL_SDK_DISABLED", "true"}, {"HONEYCOMB_API_KEY", "?"}, {"OTEL_CONFIG_FILE", "/x"}});
  CHECK_FALSE(planned.plan.is_on());
  CHECK(planned.warnings().empty());
  CHECK(planned.plan.report().errors.empty());
  CHECK(contains(planned.plan.description(), "OTEL_SDK_DISABLED"));
}

TEST_CASE("a value in a warning cannot break its line") {
  const Planned planned(collector_and("OTEL_BSP_SCHEDULE_DELAY", "1\n2" + std::string(5000, 'x')));
  REQUIRE(planned.warnings().size() == 1);
  CHECK(contains(planned.warnings()[0], "\"1?2xxx"));
  CHECK(planned.warnings()[0].size() < 400);
}

TEST_CASE("what is taken down is this process's environment") {
  const waggle_test::EnvironmentVariable delay("OTEL_BSP_SCHEDULE_DELAY", " 12 ");
  const waggle_test::EnvironmentVariable other("WAGGLE_UNRELATED", "1");
  const Environment environment = Environment::read();
  CHECK(environment.value("OTEL_BSP_SCHEDULE_DELAY") == "12");
  CHECK(environment.value("WAGGLE_UNRELATED").empty());
  CHECK(environment.value("OTEL_BSP_SCHEDULE").empty());
}
