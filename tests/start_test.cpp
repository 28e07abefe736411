// start() and the environment's variables, read for real.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/counting_exporter.hpp"
#include "support/environment_variable.hpp"
#include "support/raw_server.hpp"

using waggle_test::EnvironmentVariable;
using waggle_test::http_reply;
using waggle_test::RawConnection;
using waggle_test::RawServer;

namespace {

std::vector<std::string> messages;

void take(std::string_view message, void*) { messages.emplace_back(message); }

waggle::Config listening() {
  messages.clear();
  waggle::Config config;
  config.on_message = &take;
  waggle_test::choose_driver(config);
  return config;
}

void accept_everything(RawConnection& connection) {
  while (connection.read_request()) connection.send(http_reply(200, "{}"));
}

}  // namespace

TEST_CASE("OTEL_SDK_DISABLED turns tracing off for true, in any case, and for nothing else") {
  for (const char* value : {"true", "TRUE", "True"}) {
    const EnvironmentVariable disabled("OTEL_SDK_DISABLED", value);
    auto tracing = waggle_test::start_counting(listening());
    CHECK(tracing.ok());
    CHECK_FALSE(tracing.is_on());
    CHECK(messages.empty());
  }
  for (const char* value : {"1", "yes", "on"}) {
    const EnvironmentVariable disabled("OTEL_SDK_DISABLED", value);
    auto tracing = waggle_test::start_counting(listening());
    CHECK(tracing.is_on());
    CHECK(messages.size() == 1);
  }
  const EnvironmentVariable disabled("OTEL_SDK_DISABLED", "");
  CHECK(waggle_test::start_counting(listening()).is_on());
  CHECK(messages.empty());
}

TEST_CASE("OpenTelemetry's variables alone are enough") {
  RawServer server(&accept_everything);
  const EnvironmentVariable endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", server.url("/base"));
  const EnvironmentVariable headers("OTEL_EXPORTER_OTLP_HEADERS",
                                    "authorization=Bearer%20x,broken");
  const EnvironmentVariable service("OTEL_SERVICE_NAME", "from the environment");
  auto tracing = waggle::start(listening());
  REQUIRE(tracing.is_on());
  CHECK(messages.size() == 1);
  { waggle::Span span{"span"}; }
  tracing.shutdown();
  const auto request = server.requests().at(0);
  CHECK(request.first_line() == "POST /base/v1/traces HTTP/1.1");
  CHECK(request.headers("authorization") == std::vector<std::string>{"Bearer x"});
  CHECK(request.headers("x-honeycomb-team").empty());
  CHECK(request.body.find("from the environment") != std::string::npos);
}

TEST_CASE("Honeycomb's variables win over OpenTelemetry's, and the code's service name over both") {
  RawServer server(&accept_everything);
  const EnvironmentVariable key("HONEYCOMB_API_KEY", "hcaik_0123456789");
  const EnvironmentVariable honeycomb("HONEYCOMB_API_ENDPOINT", server.url(""));
  const EnvironmentVariable otlp("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
  const EnvironmentVariable service("OTEL_SERVICE_NAME", "environment");
  waggle::Config config = listening();
  config.service_name = "code";
  auto tracing = waggle::start(std::move(config));
  { waggle::Span span{"span"}; }
  tracing.shutdown();
  const auto request = server.requests().at(0);
  CHECK(request.headers("x-honeycomb-team") == std::vector<std::string>{"hcaik_0123456789"});
  const auto body = nlohmann::json::parse(request.body);
  CHECK(body["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"] == "code");
}

TEST_CASE("a key that cannot be sent is an error, and the key is not shown") {
  const EnvironmentVariable key("HONEYCOMB_API_KEY", "hcaik_0123456789");
  const EnvironmentVariable endpoint("HONEYCOMB_API_ENDPOINT", "http://collector.example");
  auto tracing = waggle::start(listening());
  CHECK_FALSE(tracing.ok());
  CHECK_FALSE(tracing.is_on());
  REQUIRE(tracing.errors().size() == 1);
  CHECK(tracing.errors()[0].find("https") != std::string::npos);
  CHECK(tracing.errors()[0].find("hcaik") == std::string::npos);
}

TEST_CASE("the resource can be added to, and what is given wins over what is detected") {
  RawServer server(&accept_everything);
  waggle::Config config = listening();
  config.endpoint = server.url("");
  config.resource_attributes.push_back({"deployment.environment.name", "test", 0, false});
  config.resource_attributes.push_back({"host.name", "mine", 0, false});
  auto tracing = waggle::start(std::move(config));
  { waggle::Span span{"span"}; }
  tracing.shutdown();
  const std::string body = server.requests().at(0).body;
  CHECK(body.find(R"("key":"deployment.environment.name","value":{"stringValue":"test"})") !=
        std::string::npos);
  CHECK(body.find(R"("key":"host.name","value":{"stringValue":"mine"})") != std::string::npos);
}
