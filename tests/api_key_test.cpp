// The kinds of keys, by shape, and what is worth a warning before Honeycomb refuses.
#include <doctest/doctest.h>

#include <string>
#include <vector>
#include <waggle/setup/start_plan.hpp>

using waggle::Config;
using waggle::detail::Environment;
using waggle::detail::is_classic;
using waggle::detail::KeyKind;
using waggle::detail::shape_of;
using waggle::detail::StartPlan;

namespace {

const std::string kSecret = "0123456789abcdefghijklmnopqrstuv";
const std::string kIngest = "hcaik_01abcdefghijklmnopqrstuvwx" + kSecret;
const std::string kConfiguration = "aBcDeFgHiJkLmNoPqRsTuV";
const std::string kClassic = "0123456789abcdef0123456789abcdef";
const std::string kClassicIngest = "hcaic_" + std::string(58, 'z');
const std::string kManagement = "hcamk_01abcdefghijklmnopqrstuvwx:" + kSecret;

// A service with a name, so that only the key is remarked on.
Environment with_key(const std::string& key) {
  return Environment{{"HONEYCOMB_API_KEY", key}, {"OTEL_SERVICE_NAME", "shop"}};
}

StartPlan plan_of(const Environment& environment, Config config = {}) {
  return StartPlan::of(config, environment, false);
}

std::vector<std::string> warnings(const Environment& environment, Config config = {}) {
  const StartPlan plan = plan_of(environment, std::move(config));
  CHECK(plan.report().errors.empty());
  return plan.report().warnings;
}

// Checks that there is one warning, with this in it.
void check_warning(const Environment& environment, const std::string& part) {
  const std::vector<std::string> found = warnings(environment);
  CAPTURE(part);
  REQUIRE(found.size() == 1);
  CAPTURE(found[0]);
  CHECK(found[0].find(part) != std::string::npos);
}

std::string header(const StartPlan& plan, const std::string& name) {
  for (const auto& entry : plan.destination.otlp.headers) {
    if (entry.first == name) return entry.second;
  }
  return {};
}

}  // namespace

TEST_CASE("keys are told apart by their shape") {
  CHECK(shape_of(kIngest).kind == KeyKind::Ingest);
  CHECK(shape_of("hcxik_" + std::string(58, 'A')).kind == KeyKind::Ingest);
  CHECK(shape_of(kConfiguration).kind == KeyKind::Configuration);
  CHECK(shape_of(kConfiguration + "W").kind == KeyKind::Configuration);
  CHECK(shape_of(kClassic).kind == KeyKind::ClassicConfiguration);
  CHECK(shape_of(kClassicIngest).kind == KeyKind::ClassicIngest);
  CHECK(shape_of(kManagement).kind == KeyKind::Management);
  CHECK(shape_of("hcamk_01abcdefghijklmnopqrstuvwx").kind == KeyKind::Management);
  CHECK(shape_of("hcalk_01abcdefghijklmnopqrstuvwx").kind == KeyKind::ConfigurationId);
  CHECK(shape_of(kIngest.substr(0, 32)).kind == KeyKind::IngestId);
}

TEST_CASE("what is nearly a key is none that is known") {
  for (const std::string& key :
       {std::string(), std::string("x"), kIngest.substr(0, 63), kIngest + "0",
        "hcAik_" + std::string(58, 'a'), kConfiguration.substr(0, 19), kConfiguration + "WXYZ",
        "0123456789ABCDEF0123456789ABCDEF" + std::string(1, 'x'), "hcaic_" + std::string(58, 'Z'),
        kClassic.substr(0, 31)}) {
    CAPTURE(key);
    CHECK(shape_of(key).kind == KeyKind::Unknown);
  }
}

TEST_CASE("only 32 lowercase hexadecimal digits and classic ingest keys are classic") {
  CHECK(is_classic(kClassic));
  CHECK(is_classic(kClassicIngest));
  for (const std::string& key : {kIngest, kConfiguration, kManagement, std::string(),
                                 std::string("0123456789ABCDEF0123456789ABCDEF")}) {
    CHECK_FALSE(is_classic(key));
  }
}

TEST_CASE("good keys are nothing to talk about") {
  CHECK(warnings(with_key(kIngest)).empty());
  CHECK(warnings(with_key(kConfiguration)).empty());
  Environment classic = with_key(kClassic);
  classic.set("HONEYCOMB_DATASET", "orders");
  CHECK(warnings(classic).empty());
}

TEST_CASE("keys that cannot send get one warning each, which does not show them") {
  check_warning(with_key(kManagement), "HONEYCOMB_API_KEY is a management key");
  check_warning(with_key(kIngest.substr(0, 32)), "without the secret");
  check_warning(with_key("hcalk_01abcdefghijklmnopqrstuvwx"), "configuration key's id");
  check_warning(with_key("nonsense"), "has not the shape");
  for (const std::string& key : {kManagement, kIngest, kConfiguration, kClassic, kClassicIngest}) {
    const StartPlan plan = plan_of(with_key(key));
    CHECK(plan.description().find(key.substr(0, 16)) == std::string::npos);
    CHECK(plan.description().find("***" + key.substr(key.size() - 3)) != std::string::npos);
  }
}

TEST_CASE("a short key is masked whole") {
  CHECK(plan_of(with_key("nonsense")).description().find("nse") == std::string::npos);
}

TEST_CASE("a classic key needs a dataset, and takes it along") {
  for (const std::string& key : {kClassic, kClassicIngest}) {
    check_warning(with_key(key), "set HONEYCOMB_DATASET");
    Environment environment = with_key(key);
    for (const char* name : {"LIBHONEY_DATASET", "HONEYCOMB_DATASET", "HONEYCOMB_TRACES_DATASET"}) {
      environment.set(name, std::string("by ") + name);
      CHECK(header(plan_of(environment), "x-honeycomb-dataset") == std::string("by ") + name);
      CHECK(warnings(environment).empty());
    }
    Config config;
    config.dataset = "coded";
    CHECK(header(plan_of(environment, std::move(config)), "x-honeycomb-dataset") == "coded");
  }
}

TEST_CASE("a dataset with any other key is not sent, and that is told") {
  for (const std::string& key : {kIngest, kConfiguration}) {
    Environment environment = with_key(key);
    environment.set("HONEYCOMB_DATASET", "orders");
    check_warning(environment, "HONEYCOMB_DATASET is not used");
    CHECK(header(plan_of(environment), "x-honeycomb-dataset").empty());
  }
}

TEST_CASE("a classic key among OpenTelemetry's headers needs a dataset just as well") {
  Environment environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://api.honeycomb.io"},
                          {"OTEL_EXPORTER_OTLP_HEADERS", "X-Honeycomb-Team=" + kClassic},
                          {"OTEL_SERVICE_NAME", "shop"}};
  check_warning(environment, "OTEL_EXPORTER_OTLP_HEADERS is a classic key");
  environment.set("OTEL_EXPORTER_OTLP_TRACES_HEADERS",
                  "x-honeycomb-team=" + kClassic + ",x-honeycomb-dataset=orders");
  CHECK(warnings(environment).empty());
}

TEST_CASE("Honeycomb without a key is told") {
  check_warning(Environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://api.honeycomb.io"},
                            {"OTEL_SERVICE_NAME", "shop"}},
                "no API key");
}

TEST_CASE("hosts that are no API server's are told, with the one that may be meant") {
  const struct {
    const char* endpoint;
    const char* meant;
  } rows[] = {{"https://ui.honeycomb.io", "; api.honeycomb.io may be"},
              {"https://ui.eu1.honeycomb.io", "; api.eu1.honeycomb.io may be"},
              {"https://api.eu.honeycomb.io", "; api.eu1.honeycomb.io may be"},
              {"https://API.EU.honeycomb.io:443", "; api.eu1.honeycomb.io may be"},
              {"https://honeycomb.io", "; api.honeycomb.io may be"}};
  for (const auto& row : rows) {
    Environment environment = with_key(kIngest);
    environment.set("HONEYCOMB_API_ENDPOINT", row.endpoint);
    check_warning(environment, row.meant);
  }
  for (const char* endpoint : {"https://api.honeycomb.io", "api.eu1.honeycomb.io:443",
                               "https://api.customer.honeycomb.io", "https://refinery.example"}) {
    Environment environment = with_key(kIngest);
    environment.set("HONEYCOMB_API_ENDPOINT", endpoint);
    CHECK(warnings(environment).empty());
  }
}

TEST_CASE("a service without a name is told where spans go to Honeycomb") {
  check_warning(Environment{{"HONEYCOMB_API_KEY", kIngest}}, "set OTEL_SERVICE_NAME");
  CHECK(warnings(Environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"}}).empty());
}

TEST_CASE("proxies of Honeycomb's are left in peace, and so is who asks for it") {
  Environment proxy{{"HONEYCOMB_API_KEY", "nonsense"},
                    {"HONEYCOMB_API_ENDPOINT", "https://refinery.example"}};
  CHECK(warnings(proxy).empty());
  Environment skipping{{"HONEYCOMB_API_KEY", kClassic},
                       {"HONEYCOMB_SKIP_OPTIONS_VALIDATION", "true"}};
  CHECK(warnings(skipping).empty());
}

TEST_CASE("several mistakes get a warning each") {
  CHECK(warnings(Environment{{"HONEYCOMB_API_KEY", kManagement},
                             {"HONEYCOMB_API_ENDPOINT", "https://ui.honeycomb.io"},
                             {"HONEYCOMB_DATASET", "orders"}})
            .size() == 4);
}
