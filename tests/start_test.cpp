// start() and the environment's variables, read for real.
#include <doctest/doctest.h>
#include <httplib.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support/certificates.hpp"
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

TEST_CASE("OpenTelemetry's variables reach the wire: compression, timeout, sampler, limits") {
  RawServer server(&accept_everything);
  const EnvironmentVariable endpoint("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", server.url("/own"));
  const EnvironmentVariable compression("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
  const EnvironmentVariable delay("OTEL_BSP_SCHEDULE_DELAY", "0");
  const EnvironmentVariable name("OTEL_SERVICE_NAME", std::string(4096, 'n'));
  auto tracing = waggle::start(listening());
  REQUIRE(tracing.is_on());
  { waggle::Span span{"span"}; }
  tracing.shutdown();
  const auto request = server.requests().at(0);
  CHECK(request.first_line() == "POST /own HTTP/1.1");
  CHECK(request.headers("content-encoding") == std::vector<std::string>{"gzip"});
  CHECK(messages.empty());
}

TEST_CASE("limits of the environment cut spans") {
  RawServer server(&accept_everything);
  const EnvironmentVariable endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", server.url(""));
  const EnvironmentVariable count("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1");
  const EnvironmentVariable length("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3");
  auto tracing = waggle::start(listening());
  {
    waggle::Span span{"span"};
    span.set_attribute("first", "abcdef");
    span.set_attribute("second", 2);
  }
  tracing.shutdown();
  const auto body = nlohmann::json::parse(server.requests().at(0).body);
  const auto span = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  CHECK(span["attributes"][0]["value"]["stringValue"] == "abc");
  CHECK(span.dump().find("second") == std::string::npos);
  CHECK(span["droppedAttributesCount"] == 1);
}

TEST_CASE("OTEL_TRACES_SAMPLER decides anew where it does not follow parents") {
  waggle::SpanOptions options;
  options.parent = waggle::SpanContext{waggle::TraceId{1, 2}, waggle::SpanId{3}, 1, true};
  for (const char* word : {"always_off", "parentbased_always_off"}) {
    const EnvironmentVariable sampler("OTEL_TRACES_SAMPLER", word);
    auto tracing = waggle_test::start_counting(listening());
    waggle::Span root{"root"};
    CHECK_FALSE(root.is_recording());
    waggle::Span continued{"continued", options};
    CHECK(continued.is_recording() == (std::string(word) != "always_off"));
  }
}

TEST_CASE("a client's certificate is shown to a server that the environment names") {
  waggle_test::CertificateAuthority authority("hive");
  const auto files = authority.issue("server");
  const auto client = authority.issue("client");
  httplib::SSLServer server(files.certificate.c_str(), files.key.c_str(), authority.file().c_str());
  std::atomic<int> requests{0};
  server.Post("/v1/traces", [&](const httplib::Request&, httplib::Response& response) {
    ++requests;
    response.set_content("{}", "application/json");
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread thread([&] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
  const EnvironmentVariable endpoint("OTEL_EXPORTER_OTLP_ENDPOINT",
                                     "https://127.0.0.1:" + std::to_string(port));
  const EnvironmentVariable trusted("OTEL_EXPORTER_OTLP_CERTIFICATE", authority.file());
  const EnvironmentVariable certificate("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
                                        client.certificate);
  const EnvironmentVariable key("OTEL_EXPORTER_OTLP_CLIENT_KEY", client.key);
  auto tracing = waggle::start(listening());
  REQUIRE(tracing.is_on());
  { waggle::Span span{"span"}; }
  CHECK(tracing.shutdown());
  server.stop();
  thread.join();
  CHECK(requests == 1);
  CHECK(messages.empty());
}

TEST_CASE("describe() tells each option's value and who said it") {
  const EnvironmentVariable key("HONEYCOMB_API_KEY", "hcaik_" + std::string(55, '0') + "xyz");
  const EnvironmentVariable endpoint("HONEYCOMB_API_ENDPOINT", "https://api.eu1.honeycomb.io");
  const EnvironmentVariable rate("SAMPLE_RATE", "4");
  const EnvironmentVariable dataset("HONEYCOMB_DATASET", "orders");
  const EnvironmentVariable delay("OTEL_BSP_SCHEDULE_DELAY", "soon");
  waggle::Config config;
  config.service_name = "shop";
  config.batch_spans = 100;
  CHECK(waggle::describe(std::move(config)) == "waggle " WAGGLE_VERSION R"(
endpoint                          https://api.eu1.honeycomb.io/v1/traces        HONEYCOMB_API_ENDPOINT
api_key                           ***xyz (ingest key)                           HONEYCOMB_API_KEY
service.name                      shop                                          code
sampler                           ParentBased{root=TraceIdRatioBased{0.250000},remoteParentSampled=AlwaysOnSampler,remoteParentNotSampled=AlwaysOffSampler}  SAMPLE_RATE
attempt_timeout                   10000 ms                                      default
retry_for                         60000 ms                                      default
compression                       gzip                                          default
ca_file                           none                                          default
client_certificate_file           none                                          default
client_key_file                   none                                          default
trace_links                       false                                         default
batch_delay                       1000 ms                                       default
batch_spans                       100                                           code
attribute_limits.count            128                                           default
attribute_limits.value_length     unlimited                                     default
attribute_limits.value_depth      64                                            default
limits.attribute_count            128                                           attribute_limits.count
limits.attribute_value_length     unlimited                                     attribute_limits.value_length
limits.attribute_value_depth      64                                            attribute_limits.value_depth
limits.event_count                128                                           default
limits.link_count                 128                                           default
limits.attribute_per_event_count  128                                           default
limits.attribute_per_link_count   128                                           default
memory_limit                      16777216 bytes                                default
exit_timeout                      3000 ms                                       default
worker_thread                     true                                          default
warning: HONEYCOMB_DATASET is not used: with this key the service's name is the dataset's
warning: OTEL_BSP_SCHEDULE_DELAY: "soon" is not a whole number of milliseconds; 1000 ms is used instead
)");
}

TEST_CASE("describe() without a configuration tells of the tracer that runs") {
  waggle::Config config = listening();
  config.service_name = "runs";
  {
    auto tracing = waggle_test::start_counting(std::move(config));
    CHECK(tracing.describe().find("runs") != std::string::npos);
    CHECK(waggle::describe() == tracing.describe());
  }
  CHECK(waggle::describe().find("runs") == std::string::npos);
  CHECK(waggle::describe().find("unknown_service:") != std::string::npos);
}

TEST_CASE("DEBUG=true tells the configuration at the start, without the key") {
  RawServer server(&accept_everything);
  const std::string secret = "hcaik_" + std::string(58, '7');
  const EnvironmentVariable key("HONEYCOMB_API_KEY", secret);
  const EnvironmentVariable endpoint("HONEYCOMB_API_ENDPOINT", server.url(""));
  const EnvironmentVariable debug("DEBUG", "true");
  auto tracing = waggle::start(listening());
  REQUIRE(messages.size() == 1);
  CHECK(messages[0] == tracing.describe());
  CHECK(messages[0].find(secret.substr(0, 12)) == std::string::npos);
}

TEST_CASE("describe() tells what keeps tracing from starting") {
  waggle::Config config;
  config.endpoint = "nowhere";
  config.attempt_timeout = waggle::Milliseconds(0);
  const std::string text = waggle::describe(std::move(config));
  CHECK(text.find("error: Config::endpoint: \"nowhere\" is not a URL") != std::string::npos);
  CHECK(text.find("error: Config::attempt_timeout must be positive") != std::string::npos);
}
