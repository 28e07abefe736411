#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <waggle/exporters/trace_link_exporter.hpp>
#include <waggle/http/curl_transport.hpp>
#include <waggle/sdk.hpp>

#include "support/descriptor_ends.hpp"
#include "support/environment_variable.hpp"
#include "support/raw_server.hpp"
#include "support/sample_trace.hpp"

using waggle::CurlTransport;
using waggle::Deadline;
using waggle::Diagnostics;
using waggle::Milliseconds;
using waggle::TraceId;
using waggle::detail::dataset_of_service;
using waggle::detail::path_segment;
using waggle::detail::read_key_owner;
using waggle::detail::TraceLinkExporter;
using waggle::detail::TraceLinkOptions;
using waggle::detail::TracePages;
using waggle::detail::UrlParts;
using waggle::detail::user_interface_of;
using waggle_test::EnvironmentVariable;
using waggle_test::http_reply;
using waggle_test::Pipe;
using waggle_test::RawConnection;
using waggle_test::RawServer;
using waggle_test::SampleTrace;

namespace {

constexpr const char* kOwner =
    R"({"id":"hcaik","type":"ingest","api_key_access":{"events":true,"slug":"no"},)"
    R"("environment":{"name":"Test","slug":"test"},"team":{"name":"My Team","slug":"my-team"}})";
constexpr const char* kClassicOwner =
    R"({"environment":{"name":"","slug":""},"team":{"name":"My Team","slug":"my-team"}})";
constexpr const char* kKey = "hcaik_01abcdefghijklmnopqrstuvwx0123456789abcdefghijklmnopqrstuv";

std::vector<std::string> messages;
void keep(std::string_view text, void*) { messages.emplace_back(text); }

// An exporter that asks `server`, and the pipe it writes to.
struct Linking {
  Pipe pipe;
  TraceLinkExporter exporter;

  explicit Linking(const RawServer& server)
      : exporter(options(server, pipe), std::make_unique<CurlTransport>(),
                 std::make_shared<Diagnostics>(&keep)) {
    messages.clear();
  }

  static TraceLinkOptions options(const RawServer& server, const Pipe& pipe) {
    TraceLinkOptions options;
    options.auth_url = server.url("/1/auth");
    options.headers = {{"x-honeycomb-team", kKey}};
    options.pages.user_interface = "https://ui.honeycomb.io";
    options.pages.dataset = "shop";
    options.descriptor = pipe.writer();
    return options;
  }

  std::string shown(SampleTrace& trace, Milliseconds within = Milliseconds(30000)) {
    CHECK(exporter.export_batch(trace.batch(), Deadline::in(within)).delivered);
    return pipe.read_now();
  }
};

auto answering(int status, std::string body) {
  return [reply = http_reply(status, body)](RawConnection& connection) {
    while (connection.read_request()) connection.send(reply);
  };
}

// A trace that begins here, and the part of one that began elsewhere.
void fill(SampleTrace& trace) {
  trace.span("GET /cart", 1).of_trace(TraceId{0, 0xabc});
  trace.span("SELECT", 2, 1).of_trace(TraceId{0, 0xabc});
  trace.span("elsewhere", 3, 9).of_trace(TraceId{1, 2});
}

}  // namespace

TEST_CASE("a link has the region's host, encoded names and all digits of the id") {
  TracePages pages{user_interface_of(UrlParts::of("https://api.honeycomb.io")), "my-team", "test",
                   "Shop & Co/€"};
  CHECK(pages.link(TraceId{0, 0xabc}) ==
        "https://ui.honeycomb.io/my-team/environments/test/datasets/Shop%20%26%20Co%2F%E2%82%AC/"
        "trace?trace_id=00000000000000000000000000000abc");
  pages.environment.clear();
  pages.dataset = "shop";
  CHECK(pages.link(TraceId{1, 2}) ==
        "https://ui.honeycomb.io/my-team/datasets/shop/"
        "trace?trace_id=00000000000000010000000000000002");
  CHECK(user_interface_of(UrlParts::of("https://api.eu1.honeycomb.io")) ==
        "https://ui.eu1.honeycomb.io");
  CHECK(user_interface_of(UrlParts::of("https://refinery.example")) == "https://ui.honeycomb.io");
  CHECK(path_segment("a-b_c.d~e") == "a-b_c.d~e");
}

TEST_CASE("a service's dataset has its name, and one for all that nobody named") {
  CHECK(dataset_of_service(" shop ") == "shop");
  CHECK(dataset_of_service("unknown_service:a.out") == "unknown_service");
  CHECK(dataset_of_service("") == "unknown_service");
  CHECK(dataset_of_service(" ") == "unknown_service");
}

TEST_CASE("whose a key is, is read from any answer without trouble") {
  CHECK(read_key_owner(kOwner).team == "my-team");
  CHECK(read_key_owner(kOwner).environment == "test");
  CHECK(read_key_owner(kClassicOwner).environment == "");
  for (const char* body : {"", "{", "[]", "null", R"({"team":"x"})", R"({"team":{"slug":1}})"}) {
    CAPTURE(body);
    CHECK(read_key_owner(body).team == "");
  }
  CHECK(read_key_owner("{\"team\":{\"slug\":\"a\\u001b[2Jb\"}}").team == "a [2Jb");
}

TEST_CASE("each trace that begins here gets a line; Honeycomb is asked once") {
  RawServer server(answering(200, kOwner));
  Linking linking(server);
  SampleTrace trace;
  fill(trace);
  constexpr const char* kLine =
      "GET /cart: https://ui.honeycomb.io/my-team/environments/test/datasets/shop/"
      "trace?trace_id=00000000000000000000000000000abc\n";
  CHECK(linking.shown(trace) == kLine);
  CHECK(linking.shown(trace) == kLine);
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests()[0].first_line() == "GET /1/auth HTTP/1.1");
  CHECK(server.requests()[0].headers("x-honeycomb-team") == std::vector<std::string>{kKey});
  CHECK(messages.empty());
}

TEST_CASE("nobody is asked while all traces began elsewhere") {
  RawServer server(answering(200, kOwner));
  Linking linking(server);
  SampleTrace trace;
  trace.span("elsewhere", 3, 9).of_trace(TraceId{1, 2});
  CHECK(linking.shown(trace) == "");
  CHECK(server.accepted() == 0);
}

TEST_CASE("a classic key's traces are in no environment") {
  RawServer server(answering(200, kClassicOwner));
  Linking linking(server);
  SampleTrace trace;
  fill(trace);
  CHECK(linking.shown(trace).find("io/my-team/datasets/shop/trace?") != std::string::npos);
}

TEST_CASE("of many traces in a batch some are shown, and the rest is counted") {
  RawServer server(answering(200, kOwner));
  Linking linking(server);
  SampleTrace sample;
  for (unsigned i = 1; i <= 25; ++i) sample.span("work", 1).of_trace(TraceId{7, i});
  const std::string shown = linking.shown(sample);
  CHECK(shown.find("(and 5 traces more)\n") != std::string::npos);
}

TEST_CASE("a bad answer is told once, without the key, and spans are not held up by it") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {http_reply(401, R"({"error":"unknown API key - check your credentials"})"), "refused"},
      {http_reply(200, "<html>"), "HTTP 200"},
      {http_reply(500, kOwner), "HTTP 500"},
      {"nonsense\r\n\r\n", "Honeycomb did not tell: "},
  };
  for (const auto& [reply, words] : cases) {
    CAPTURE(words);
    const std::string& answer = reply;
    RawServer server([&answer](RawConnection& connection) {
      if (connection.read_request()) connection.send(answer);
    });
    Linking linking(server);
    SampleTrace trace;
    fill(trace);
    CHECK(linking.shown(trace) == "");
    CHECK(linking.shown(trace) == "");
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].find("no links to traces are shown") == 0);
    CHECK(messages[0].find(words) != std::string::npos);
    CHECK(messages[0].find("hcaik") == std::string::npos);
  }
}

TEST_CASE("a server that says nothing is left by the deadline") {
  RawServer server([](RawConnection& connection) { connection.wait_until_closed(); });
  Linking linking(server);
  SampleTrace trace;
  fill(trace);
  CHECK(linking.shown(trace, Milliseconds(50)) == "");
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].find("no answer in time") != std::string::npos);
}

TEST_CASE("start() does it where the variable or the code says so, with Honeycomb's key only") {
  RawServer server([](RawConnection& connection) {
    while (auto request = connection.read_request()) {
      connection.send(http_reply(200, request->first_line().front() == 'G' ? kClassicOwner : "{}"));
    }
  });
  messages.clear();
  waggle::Config config;
  config.on_message = &keep;
  SUBCASE("with a key") {
    const EnvironmentVariable wanted("HONEYCOMB_ENABLE_LOCAL_VISUALIZATIONS", "true");
    const EnvironmentVariable key("HONEYCOMB_API_KEY", kKey);
    const EnvironmentVariable endpoint("HONEYCOMB_API_ENDPOINT", server.url(""));
    auto tracing = waggle::start(std::move(config));
    { waggle::Span span{"hello"}; }
    CHECK(tracing.shutdown());
    CHECK(messages.empty());
    REQUIRE(server.requests().size() == 2);
    CHECK(tracing.describe().find("trace_links ") != std::string::npos);
    const auto requests = server.requests();
    CHECK((requests[0].first_line() == "GET /1/auth HTTP/1.1" ||
           requests[1].first_line() == "GET /1/auth HTTP/1.1"));
    CHECK(waggle::stats().in_flight == 0);
  }
  SUBCASE("without one") {
    config.trace_links = true;
    config.endpoint = server.url("");
    auto tracing = waggle::start(std::move(config));
    { waggle::Span span{"hello"}; }
    CHECK(tracing.shutdown());
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].find("trace_links: ") == 0);
    CHECK(server.requests().size() == 1);
  }
}
