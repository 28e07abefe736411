// From a call site to a server's disk: real spans, a real socket, an independent JSON reader.
#include <doctest/doctest.h>
#include <zlib.h>

#include <condition_variable>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/driver.hpp"
#include "support/raw_server.hpp"

using nlohmann::json;
using waggle_test::choose_driver;
using waggle_test::http_reply;
using waggle_test::RawConnection;
using waggle_test::RawServer;

namespace {

// Collects what waggle has to say.
struct Messages {
  std::mutex mutex;
  std::vector<std::string> texts;

  static void take(std::string_view message, void* self) {
    auto& messages = *static_cast<Messages*>(self);
    const std::lock_guard<std::mutex> lock(messages.mutex);
    messages.texts.emplace_back(message);
  }

  bool mention(const std::string& words) {
    const std::lock_guard<std::mutex> lock(mutex);
    for (const std::string& text : texts) {
      if (text.find(words) != text.npos) return true;
    }
    return false;
  }
};

waggle::Config config_for(const RawServer& server, Messages& messages) {
  waggle::Config config;
  choose_driver(config);
  config.service_name = "shop";
  config.endpoint = server.url("");
  config.on_message = &Messages::take;
  config.on_message_user = &messages;
  return config;
}

// Answers every request with the same reply.
auto always(std::string reply) {
  return [reply = std::move(reply)](RawConnection& connection) {
    while (connection.read_request()) connection.send(reply);
  };
}

const json* attribute(const json& holder, const std::string& key) {
  for (const json& entry : holder.at("attributes")) {
    if (entry.at("key") == key) return &entry.at("value");
  }
  return nullptr;
}

// Blocks until the test lets it go.
struct Stuck final : waggle::Exporter {
  waggle::ExportResult export_batch(const waggle::Batch&, waggle::Deadline) noexcept override {
    std::unique_lock<std::mutex> lock(mutex);
    released.wait(lock, [] { return is_released; });
    return {};
  }
  static inline std::mutex mutex;
  static inline std::condition_variable released;
  static inline bool is_released = false;
};

// What one batch changes in the books.
struct Change {
  waggle::Stats before = waggle::stats();
  std::uint64_t delivered() const { return waggle::stats().delivered - before.delivered; }
  std::uint64_t rejected() const { return waggle::stats().rejected - before.rejected; }
  std::uint64_t dropped(waggle::DropReason reason) const {
    return waggle::stats().dropped_for(reason) - before.dropped_for(reason);
  }
};

}  // namespace

TEST_CASE("a trace arrives as OTLP/JSON, with everything that was recorded") {
  RawServer server(always(http_reply(200, "{}")));
  Messages messages;
  std::string trace_id;
  std::string root_id;
  const Change change;
  {
    auto tracing = waggle::start(config_for(server, messages));
    REQUIRE(tracing.ok());
    static const waggle::Scope scope{"billing", "1.2"};
    waggle::SpanOptions options;
    options.kind = waggle::SpanKind::Server;
    waggle::Span root{scope, "checkout", options, {{"order.id", 42}}};
    trace_id = root.context().trace_id().hex().view();
    root_id = root.context().span_id().hex().view();
    waggle::Span child{scope, "charge"};
    child.set_attribute("amount", 12.5);
    child.set_status(waggle::StatusCode::Error, "card declined");
  }
  CHECK(change.delivered() == 2);
  REQUIRE(server.requests().size() == 1);
  const waggle_test::RawRequest request = server.requests().at(0);
  CHECK(request.first_line() == "POST /v1/traces HTTP/1.1");
  CHECK(request.headers("content-type") == std::vector<std::string>{"application/json"});
  CHECK(request.headers("content-encoding").empty());  // not worth it on one machine

  const json body = json::parse(request.body);
  const json& resource_spans = body.at("resourceSpans").at(0);
  const json& resource = resource_spans.at("resource");
  CHECK(attribute(resource, "service.name")->at("stringValue") == "shop");
  CHECK(attribute(resource, "telemetry.sdk.name")->at("stringValue") == "waggle");
  CHECK(attribute(resource, "process.pid")->at("intValue") == std::to_string(::getpid()));
  const json& scope_spans = resource_spans.at("scopeSpans").at(0);
  CHECK(scope_spans.at("scope").at("name") == "billing");
  CHECK(scope_spans.at("scope").at("version") == "1.2");
  REQUIRE(scope_spans.at("spans").size() == 2);
  const json& child = scope_spans.at("spans").at(0);
  const json& root = scope_spans.at("spans").at(1);
  CHECK(root.at("traceId") == trace_id);
  CHECK(root.at("spanId") == root_id);
  CHECK_FALSE(root.contains("parentSpanId"));
  CHECK(root.at("kind") == 2);
  CHECK(root.at("flags") == 0x103);
  CHECK(root.at("traceState") == "ot=th:0");
  CHECK(attribute(root, "order.id")->at("intValue") == "42");
  CHECK(attribute(root, "SampleRate")->at("intValue") == "1");
  CHECK(child.at("traceId") == trace_id);
  CHECK(child.at("parentSpanId") == root_id);
  CHECK(child.at("status").at("code") == 2);
  CHECK(child.at("status").at("message") == "card declined");
  CHECK(std::stoull(child.at("startTimeUnixNano").get<std::string>()) >=
        std::stoull(root.at("startTimeUnixNano").get<std::string>()));
  CHECK(std::stoull(child.at("endTimeUnixNano").get<std::string>()) <=
        std::stoull(root.at("endTimeUnixNano").get<std::string>()) + 1000);
}

TEST_CASE("one connection serves many batches") {
  RawServer server(always(http_reply(200, "{}")));
  Messages messages;
  auto tracing = waggle::start(config_for(server, messages));
  for (int i = 0; i < 5; ++i) {
    { waggle::Span span{"tick"}; }
    CHECK(tracing.force_flush());
  }
  tracing.shutdown();
  CHECK(server.requests().size() == 5);
  CHECK(server.accepted() == 1);
}

TEST_CASE("the key goes out as x-honeycomb-team and into no message") {
  RawServer server(always(http_reply(401, R"({"message":"unknown API key"})")));
  Messages messages;
  waggle::Config config = config_for(server, messages);
  config.api_key = "hcaik_0123456789secret";
  const Change change;
  auto tracing = waggle::start(std::move(config));
  { waggle::Span span{"lost"}; }
  tracing.shutdown();
  CHECK(server.requests().at(0).headers("x-honeycomb-team") ==
        std::vector<std::string>{"hcaik_0123456789secret"});
  CHECK(change.dropped(waggle::DropReason::RejectedStatus) == 1);
  CHECK(messages.mention("401"));
  CHECK(messages.mention("unknown API key"));
  CHECK(messages.mention("HONEYCOMB_API_KEY"));
  CHECK_FALSE(messages.mention("secret"));
}

TEST_CASE("a partial success is counted and told, and nothing is sent again") {
  RawServer server(always(
      http_reply(200, R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}})")));
  Messages messages;
  const Change change;
  auto tracing = waggle::start(config_for(server, messages));
  { waggle::Span span{"a"}; }
  { waggle::Span span{"b"}; }
  { waggle::Span span{"c"}; }
  tracing.shutdown();
  CHECK(server.requests().size() == 1);
  CHECK(change.delivered() == 2);
  CHECK(change.rejected() == 1);
  CHECK(messages.mention("too old"));
}

TEST_CASE("a server that is not there costs the spans, counted, with one message and a last one") {
  std::string url;
  {
    RawServer gone(always(http_reply(200, "{}")));
    url = gone.url("");
  }
  Messages messages;
  waggle::Config config;
  choose_driver(config);
  config.endpoint = url;
  config.on_message = &Messages::take;
  config.on_message_user = &messages;
  config.retry_for = waggle::Milliseconds(0);
  const Change change;
  auto tracing = waggle::start(std::move(config));
  for (int i = 0; i < 3; ++i) {
    { waggle::Span span{"lost"}; }
    tracing.force_flush();
  }
  tracing.shutdown();
  CHECK(change.dropped(waggle::DropReason::RetriesExhausted) == 3);
  CHECK(messages.texts.size() == 2);
  CHECK(messages.mention("lost 1 span: " + url));
  CHECK(messages.mention("lost 3 spans: retries_exhausted 3"));
}

TEST_CASE("a server that hangs does not hold shutdown past its deadline") {
  RawServer server([](RawConnection& connection) {
    while (connection.read_request()) {
    }
  });
  Messages messages;
  const Change change;
  auto tracing = waggle::start(config_for(server, messages));
  { waggle::Span span{"unheard"}; }
  CHECK_FALSE(tracing.shutdown(waggle::Milliseconds(200)));
  CHECK(change.dropped(waggle::DropReason::Unconfirmed) == 1);
  const waggle::Stats stats = waggle::stats();
  CHECK(stats.in_rings + stats.queued + stats.in_flight == 0);
}

TEST_CASE("an exporter that never returns is left behind, and what it had is counted") {
  if (waggle_test::skips_host_loop("nobody can be left behind without a thread")) return;
  const Change change;
  waggle::Config config;
  config.exporters.push_back(std::make_unique<Stuck>());
  auto tracing = waggle::start(std::move(config));
  { waggle::Span span{"stuck"}; }
  CHECK_FALSE(tracing.shutdown(waggle::Milliseconds(200)));
  CHECK(change.dropped(waggle::DropReason::Unconfirmed) == 1);
  const std::lock_guard<std::mutex> lock(Stuck::mutex);
  Stuck::is_released = true;
  Stuck::released.notify_all();
}

TEST_CASE("a ratio drops traces whole, and what is kept carries its weight") {
  RawServer server(always(http_reply(200, "{}")));
  Messages messages;
  waggle::Config config = config_for(server, messages);
  config.sample_ratio = 0.25;
  const Change change;
  auto tracing = waggle::start(std::move(config));
  std::uint64_t kept = 0;
  for (int i = 0; i < 200; ++i) {
    waggle::Span root{"root"};
    waggle::Span child{"child"};
    CHECK(root.is_recording() == child.is_recording());
    CHECK(child.context().trace_id() == root.context().trace_id());
    CHECK(child.context().is_valid());
    if (root.is_recording()) kept += 2;
  }
  tracing.shutdown();
  CHECK(change.delivered() == kept);
  CHECK(kept > 20);
  CHECK(kept < 200);
  const json body = json::parse(server.requests().at(0).body);
  for (const json& span : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) {
    CHECK(attribute(span, "SampleRate")->at("intValue") == "4");
    CHECK(span.at("traceState") == "ot=th:c");
  }
}

TEST_CASE("mistakes in the configuration are told all at once, and tracing stays off") {
  waggle::Config config;
  config.endpoint = "localhost:4318";
  config.sample_ratio = 2;
  config.memory_limit = 1;
  auto tracing = waggle::start(std::move(config));
  CHECK_FALSE(tracing.ok());
  CHECK(tracing.errors().size() == 3);
  CHECK_FALSE(tracing.is_on());
  waggle::Span span{"nothing"};
  CHECK_FALSE(span.is_recording());
}

TEST_CASE("values that are no finite numbers are left out for Honeycomb, and that is told once") {
  RawServer server(always(http_reply(200, "{}")));
  Messages messages;
  waggle::Config config = config_for(server, messages);
  config.api_key = "hcaik_0123456789";
  auto tracing = waggle::start(std::move(config));
  for (int i = 0; i < 2; ++i) {
    {
      waggle::Span span{"divided"};
      span.set_attribute("ratio", std::numeric_limits<double>::quiet_NaN());
      span.set_attribute("count", 1);
    }
    tracing.force_flush();
  }
  tracing.shutdown();
  CHECK(messages.texts.size() == 1);
  CHECK(messages.mention("finite"));
  const json body = json::parse(server.requests().at(0).body);
  const json& span = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  CHECK(attribute(span, "ratio") == nullptr);
  CHECK(attribute(span, "count") != nullptr);
}
