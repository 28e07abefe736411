#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <waggle/instrument/http.hpp>
#include <waggle/sdk.hpp>

#include "support/recording.hpp"

namespace {

using waggle::SpanKind;
using waggle::StatusCode;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kTraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// Records one request and returns its span.
waggle::RecordedSpan serve(const waggle::HttpServerRequest& request, const Headers& headers = {},
                           int status = 200) {
  waggle_test::Recording recording;
  {
    waggle::HttpServerSpan span{request, headers};
    span.set_status_code(status);
  }
  return recording.spans().at(0);
}

waggle::RecordedSpan call(const waggle::HttpClientRequest& request, int status = 200) {
  waggle_test::Recording recording;
  {
    waggle::HttpClientSpan span{request};
    span.set_status_code(status);
  }
  return recording.spans().at(0);
}

waggle::RecordedSpan of_kind(waggle_test::Recording& recording, SpanKind kind) {
  for (const waggle::RecordedSpan& span : recording.spans()) {
    if (span.kind == kind) return span;
  }
  return {};
}

bool has(const waggle::RecordedSpan& span, const char* key) {
  return span.attributes.count(key) != 0;
}

// Keeps the keys that it is asked about, on the thread of the test.
class Watcher final : public waggle::Sampler {
 public:
  explicit Watcher(std::shared_ptr<std::set<std::string>> seen) : seen_(std::move(seen)) {}
  void decide(const waggle::RootRequest& request,
              waggle::RootDecision& decision) const noexcept override {
    decision.decision = waggle::Decision::RecordAndSample;
    for (const waggle::Attribute& attribute : request.attributes) seen_->emplace(attribute.key);
  }

 private:
  const std::shared_ptr<std::set<std::string>> seen_;
};

// ---- the documented lines, for a server and a client that are somebody else's ----

struct Request {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;
};
struct Response {
  int status = 0;
};
struct Reply {
  int status = 0;
  explicit operator bool() const { return status != 0; }
};

void answer(const Request& request, Response& response) {
  waggle::Span span{"look-up"};
  response.status = request.target == "/users/7" ? 200 : 503;
}

void handle(const Request& request, Response& response) {
  waggle::HttpServerSpan span{{request.method, request.target, "/users/{id}"}, request.headers};
  answer(request, response);
  span.set_status_code(response.status);
}

Response exchange(std::string_view method, std::string_view url,
                  std::map<std::string, std::string>& headers) {
  waggle::HttpClientSpan span{{method, url, "/users/{id}"}};
  span.inject(headers);
  const std::size_t path = url.find('/', url.find("://") + 3);
  Response response;
  handle({std::string(method), std::string(url.substr(path)), headers}, response);
  const Reply reply{response.status};
  reply ? span.set_status_code(reply.status) : span.fail("connection_refused");
  return response;
}

}  // namespace

TEST_CASE("a few lines trace any server and any client, and the trace crosses over") {
  waggle_test::Recording recording;
  std::map<std::string, std::string> headers;
  CHECK(exchange("GET", "http://users.example/users/7", headers).status == 200);
  REQUIRE(recording.spans().size() == 3);
  const auto look_up = recording.find("look-up");
  const auto server = of_kind(recording, SpanKind::Server);
  const auto client = of_kind(recording, SpanKind::Client);
  CHECK(look_up.parent_id == server.span_id);
  CHECK(server.parent_id == client.span_id);
  CHECK(server.parent_is_remote);
  CHECK(server.name == "GET /users/{id}");
  CHECK(client.name == "GET /users/{id}");
  CHECK(server.scope_name == "waggle.http.server");
  CHECK(client.scope_name == "waggle.http.client");
  CHECK(client.attribute("http.response.status_code") == 200);
  CHECK(client.status == StatusCode::Unset);
}

TEST_CASE("a server's span starts with what the request tells") {
  waggle::HttpServerRequest request{"GET", "/users/7?page=2", "/users/{id}"};
  request.peer_address = "192.0.2.7";
  request.peer_port = 4711;
  request.protocol_version = "1.1";
  const auto span = serve(
      request,
      {{"HOST", "shop.example:8080"}, {"User-agent", "curl/7.88"}, {"TraceParent", kTraceParent}});
  CHECK(std::string(span.parent_id.hex().view()) == "b7ad6b7169203331");
  CHECK(span.attribute("http.request.method") == "GET");
  CHECK(span.attribute("http.route") == "/users/{id}");
  CHECK(span.attribute("url.path") == "/users/7");
  CHECK(span.attribute("url.query") == "page=2");
  CHECK(span.attribute("url.scheme") == "http");
  CHECK(span.attribute("server.address") == "shop.example");
  CHECK(span.attribute("server.port") == 8080);
  CHECK(span.attribute("client.address") == "192.0.2.7");
  CHECK(span.attribute("network.peer.address") == "192.0.2.7");
  CHECK(span.attribute("network.peer.port") == 4711);
  CHECK(span.attribute("network.protocol.version") == "1.1");
  CHECK(span.attribute("user_agent.original") == "curl/7.88");
  CHECK(span.attribute("http.response.status_code") == 200);
  CHECK_FALSE(has(span, "error.type"));
  CHECK_FALSE(has(span, "http.request.method_original"));
}

TEST_CASE("what is not known is left out") {
  const auto span = serve({"GET", "/"});
  CHECK(span.name == "GET");
  for (const char* key :
       {"http.route", "url.query", "server.address", "server.port", "client.address",
        "network.peer.address", "user_agent.original", "network.protocol.version"}) {
    CHECK_MESSAGE(!has(span, key), key);
  }
}

TEST_CASE("samplers see what both spans start with") {
  const auto seen = std::make_shared<std::set<std::string>>();
  waggle::Config config;
  config.sampler = std::make_shared<Watcher>(seen);
  waggle_test::Recording recording(std::move(config));
  { waggle::HttpServerSpan span{{"GET", "/x?y=1"}, Headers{{"Host", "a"}, {"User-Agent", "b"}}}; }
  for (const char* key : {"http.request.method", "url.path", "url.query", "url.scheme",
                          "server.address", "server.port", "user_agent.original"}) {
    CHECK_MESSAGE(seen->count(key) == 1, key);
  }
  seen->clear();
  { waggle::HttpClientSpan span{{"GET", "http://a.example/"}}; }
  CHECK((*seen == std::set<std::string>{"http.request.method", "server.address", "server.port",
                                        "url.full"}));
}

TEST_CASE("the path never becomes the name; a method nobody knows is told apart") {
  CHECK(serve({"GET", "/users/7"}).name == "GET");
  const auto odd = serve({"get", "/users/7", "/users/{id}"});
  CHECK(odd.name == "HTTP /users/{id}");
  CHECK(odd.attribute("http.request.method") == "_OTHER");
  CHECK(odd.attribute("http.request.method_original") == "get");
  CHECK(call({"FETCH", "http://a.example/"}).name == "HTTP");
  for (const char* method :
       {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}) {
    CHECK(call({method, "http://a.example/"}).attribute("http.request.method") == method);
  }
  CHECK(serve({"", "/"}).attribute("http.request.method") == "_OTHER");
  CHECK_FALSE(has(serve({"", "/"}), "http.request.method_original"));
}

TEST_CASE("the list of known methods can be replaced") {
  waggle::HttpServerRequest request{"QUERY", "/"};
  request.conventions.known_methods = "QUERY, FETCH";
  CHECK(serve(request).name == "QUERY");
  request.method = "FETCH";
  CHECK(serve(request).name == "FETCH");
  request.method = "GET";
  CHECK(serve(request).name == "HTTP");
}

TEST_CASE("a route that is known later becomes the name") {
  waggle_test::Recording recording;
  {
    waggle::HttpServerSpan span{{"POST", "/orders"}, Headers{}};
    span.set_route("/orders");
  }
  const auto span = recording.spans().at(0);
  CHECK(span.name == "POST /orders");
  CHECK(span.attribute("http.route") == "/orders");
}

TEST_CASE("5xx is an error on both sides, 4xx on the client's only") {
  for (const int status : {100, 204, 302, 404, 499}) {
    const auto span = serve({"GET", "/"}, {}, status);
    CHECK(span.status == StatusCode::Unset);
    CHECK_FALSE(has(span, "error.type"));
    CHECK(span.attribute("http.response.status_code") == status);
  }
  for (const int status : {500, 503, 600, 99}) {
    const auto span = serve({"GET", "/"}, {}, status);
    CHECK(span.status == StatusCode::Error);
    CHECK(span.status_message.empty());
    CHECK(span.attribute("error.type") == std::to_string(status));
  }
  CHECK(call({"GET", "http://a.example/"}, 399).status == StatusCode::Unset);
  const auto span = call({"GET", "http://a.example/"}, 404);
  CHECK(span.status == StatusCode::Error);
  CHECK(span.attribute("error.type") == "404");
}

TEST_CASE("a failure without an answer has its own type, which an answer does not replace") {
  waggle_test::Recording recording;
  {
    waggle::HttpClientSpan timeout{{"GET", "http://a.example/"}};
    timeout.fail("timeout", "nothing came in 2 s");
  }
  {
    waggle::HttpClientSpan torn{{"GET", "http://a.example/"}};
    torn.fail("", "torn");
    torn.set_status_code(502);
  }
  const auto spans = recording.spans();
  CHECK(spans.at(0).attribute("error.type") == "timeout");
  CHECK(spans.at(0).status == StatusCode::Error);
  CHECK(spans.at(0).status_message == "nothing came in 2 s");
  CHECK_FALSE(has(spans.at(0), "http.response.status_code"));
  CHECK(spans.at(1).attribute("error.type") == "_OTHER");
  CHECK(spans.at(1).attribute("http.response.status_code") == 502);
}

TEST_CASE("proxies tell the client, the host and the scheme") {
  const Headers plain = {{"X-Forwarded-For", "203.0.113.9, 10.0.0.1"},
                         {"x-forwarded-host", "shop.example, inner"},
                         {"X-FORWARDED-PROTO", "https"},
                         {"Host", "inner:8080"}};
  auto span = serve({"GET", "/"}, plain);
  CHECK(span.attribute("client.address") == "203.0.113.9");
  CHECK(span.attribute("server.address") == "shop.example");
  CHECK(span.attribute("server.port") == 443);
  CHECK(span.attribute("url.scheme") == "https");

  Headers standard = plain;
  standard.emplace_back(
      "Forwarded", R"(For="[2001:db8::17]:4711";proto=http; host="a.example:81", for=10.1.1.1)");
  span = serve({"GET", "/"}, standard);
  CHECK(span.attribute("client.address") == "2001:db8::17");
  CHECK(span.attribute("server.address") == "a.example");
  CHECK(span.attribute("server.port") == 81);
  CHECK(span.attribute("url.scheme") == "http");
}

TEST_CASE("forwarding headers that say nothing useful leave what is known") {
  for (const char* useless :
       {"for=unknown", "", ";;;,", "for", "=", "for=\"", "by=1;proto=gopher", "for=\"[::1\""}) {
    waggle::HttpServerRequest request{"GET", "/"};
    request.peer_address = "192.0.2.7";
    const auto span = serve(request, {{"Forwarded", useless}, {"Host", "a.example"}});
    CHECK_MESSAGE(span.attribute("url.scheme") == "http", useless);
    CHECK_MESSAGE(span.attribute("server.address") == "a.example", useless);
  }
  waggle::HttpServerRequest request{"GET", "/"};
  request.peer_address = "192.0.2.7";
  CHECK(serve(request, {{"Forwarded", "for=unknown"}}).attribute("client.address") == "192.0.2.7");
  CHECK(serve(request, {{":authority", "b.example"}, {"host", "a.example"}})
            .attribute("server.address") == "b.example");
}

TEST_CASE("a client's span tells where the request goes") {
  auto span = call({"GET", "https://a.example/users/7?x=1#top", "/users/{id}"});
  CHECK(span.name == "GET /users/{id}");
  CHECK(span.attribute("url.full") == "https://a.example/users/7?x=1#top");
  CHECK(span.attribute("url.template") == "/users/{id}");
  CHECK(span.attribute("server.address") == "a.example");
  CHECK(span.attribute("server.port") == 443);
  CHECK_FALSE(has(span, "http.request.resend_count"));

  span = call({"GET", "http://[::1]:8080"});
  CHECK(span.attribute("server.address") == "::1");
  CHECK(span.attribute("server.port") == 8080);
  span = call({"GET", "a.example:81/p"});
  CHECK(span.attribute("url.full") == "http://a.example:81/p");
  CHECK(span.attribute("server.port") == 81);
}

TEST_CASE("credentials and signatures in a URL are not recorded") {
  const std::vector<std::pair<const char*, const char*>> urls = {
      {"https://user:pass@a.example/x", "https://REDACTED:REDACTED@a.example/x"},
      {"https://user@a.example", "https://REDACTED:REDACTED@a.example"},
      {"https://u:p@ss@a.example/", "https://REDACTED:REDACTED@a.example/"},
      {"user:pass@a.example/x", "http://REDACTED:REDACTED@a.example/x"},
      {"http://a.example/@b?sig=1", "http://a.example/@b?sig=REDACTED"},
      {"http://a.example/?X-Amz-Signature=ab&q=1&X-Goog-Signature=c#sig=2",
       "http://a.example/?X-Amz-Signature=REDACTED&q=1&X-Goog-Signature=REDACTED#sig=2"},
      {"http://a.example/?Sig=1&sig&sig=&AWSAccessKeyId=k=k",
       "http://a.example/?Sig=1&sig&sig=REDACTED&AWSAccessKeyId=REDACTED"},
      {"http://a.example/#?sig=1", "http://a.example/#?sig=1"},
      {"http://a.example?to=http://b.example/", "http://a.example?to=http://b.example/"},
  };
  for (const auto& [url, redacted] : urls) {
    CHECK(call({"GET", url}).attribute("url.full") == redacted);
    CHECK(call({"GET", url}).attribute("server.address") == "a.example");
  }
  CHECK(serve({"GET", "/?a=1&Signature=s#f"}).attribute("url.query") == "a=1&Signature=REDACTED");
}

TEST_CASE("the list of redacted parameters can be replaced") {
  waggle::HttpClientRequest request{"GET", "http://a.example/?token=1&sig=2"};
  request.conventions.redacted_query_keys = "token,password";
  CHECK(call(request).attribute("url.full") == "http://a.example/?token=REDACTED&sig=2");
}

TEST_CASE("a URL of any length is recorded up to 4,096 bytes") {
  const std::string url = "http://user:secret@a.example/" + std::string(9000, 'x');
  const std::string full = call({"GET", url}).attribute("url.full").text();
  CHECK(full.size() == 4096);
  CHECK(full.substr(0, 40) == "http://REDACTED:REDACTED@a.example/xxxxx");
  const std::string route = "/" + std::string(9000, 'r');
  CHECK(serve({"GET", "/", route}).name.size() == 256);
}

TEST_CASE("headers are kept only where they were asked for, as lists") {
  waggle_test::Recording recording;
  const Headers headers = {{"X-Tag", "a"}, {"Cookie", "secret"}, {"x-tag", "b"}};
  {
    waggle::HttpServerSpan span{{"GET", "/"}, headers};
    span.capture_request_header(headers, "x-tag");
    span.capture_request_header(headers, "x-none");
    span.capture_response_header(Headers{{"ETag", "7"}}, "etag");
  }
  const auto span = recording.spans().at(0);
  CHECK(span.attribute("http.request.header.x-tag").description() == R"(["a", "b"])");
  CHECK(span.attribute("http.response.header.etag").description() == R"(["7"])");
  for (const auto& [key, value] : span.attributes) CHECK(value.description() != "\"secret\"");
  CHECK_FALSE(has(span, "http.request.header.x-none"));
}

TEST_CASE("a detached span crosses threads; a resend and the peer are told") {
  waggle_test::Recording recording;
  waggle::HttpClientRequest request{"GET", "http://a.example/"};
  request.resend_count = 1;
  {
    waggle::DetachedHttpClientSpan span{request};
    CHECK_FALSE(waggle::current_context().is_valid());
    span.set_peer("192.0.2.7", 80);
    span.set_protocol_version("2");
    span.correct({"POST", "http://a.example/", "/x"});
    span.end();
  }
  const auto span = recording.spans().at(0);
  CHECK(span.name == "POST /x");
  CHECK(span.attribute("http.request.method") == "POST");
  CHECK(span.attribute("http.request.resend_count") == 1);
  CHECK(span.attribute("network.peer.address") == "192.0.2.7");
  CHECK(span.attribute("network.peer.port") == 80);
  CHECK(span.attribute("network.protocol.version") == "2");
}

TEST_CASE("a service that records nothing hands the trace on") {
  const Headers incoming = {{"traceparent", kTraceParent}};
  waggle::HttpServerSpan span{{"GET", "/"}, incoming};
  Headers outgoing;
  waggle::inject(span.context(), outgoing);
  CHECK((outgoing == Headers{{"traceparent", kTraceParent}}));
}
