#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/instrument/httplib.hpp>

#include "support/certificates.hpp"
#include "support/raw_server.hpp"
#include "support/recording.hpp"

namespace {

using httplib::Request;
using httplib::Response;
using waggle::SpanKind;
using waggle::StatusCode;

// A server on a port of its own, served by a thread until the end of the test.
template <class Server>
class BasicServing {
 public:
  template <class SetUp, class... Arguments>
  explicit BasicServing(SetUp set_up, const Arguments&... arguments) : server_(arguments...) {
    set_up(server_);
    server_.set_keep_alive_max_count(1);  // so that no idle connection keeps a thread at the end
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~BasicServing() { stop(); }

  // Ends the server; every span of a request has ended then.
  void stop() {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }

  int port() const { return port_; }
  std::string url(const std::string& path = {}) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  Server server_;
  int port_ = 0;
  std::thread thread_;
};
using Serving = BasicServing<waggle::HttplibServer>;

// Serves one request and returns its span.
template <class Ask>
waggle::RecordedSpan span_of(const std::function<void(waggle::HttplibServer&)>& set_up, Ask ask) {
  waggle_test::Recording recording;
  Serving serving(set_up);
  httplib::Client client("127.0.0.1", serving.port());
  ask(client);
  serving.stop();
  const auto spans = recording.spans();
  REQUIRE(spans.size() == 1);
  CHECK(spans[0].kind == SpanKind::Server);
  CHECK(spans[0].scope_name == "waggle.http.server");
  return spans[0];
}

bool has(const waggle::RecordedSpan& span, const char* key) {
  return span.attributes.count(key) != 0;
}

// Sends bytes of the test's own making and reads until the server closes.
std::string exchange_raw(int port, const std::string& bytes) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  CHECK(::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
        static_cast<ssize_t>(bytes.size()));
  std::string reply;
  char part[4096];
  for (ssize_t count = 0; (count = ::recv(descriptor, part, sizeof(part), 0)) > 0;) {
    reply.append(part, static_cast<std::size_t>(count));
  }
  ::close(descriptor);
  return reply;
}

void answer(const Request&, Response& response) { response.set_content("here", "text/plain"); }

}  // namespace

TEST_CASE("a request's span has the route in its name and what the request tells") {
  int status = 0;
  const auto span =
      span_of([](auto& server) { server.Get("/users/([^/]+)", "/users/{id}", answer); },
              [&](httplib::Client& client) {
                status = client.Get("/users/7?page=2&sig=abc", {{"User-Agent", "bee"}})->status;
              });
  CHECK(status == 200);
  CHECK(span.name == "GET /users/{id}");
  CHECK(span.attribute("http.route") == "/users/{id}");
  CHECK(span.attribute("http.request.method") == "GET");
  CHECK(span.attribute("http.response.status_code") == 200);
  CHECK(span.attribute("url.path") == "/users/7");
  CHECK(span.attribute("url.query") == "page=2&sig=REDACTED");
  CHECK(span.attribute("url.scheme") == "http");
  CHECK(span.attribute("server.address") == "127.0.0.1");
  CHECK(span.attribute("server.port").int64() > 0);
  CHECK(span.attribute("client.address") == "127.0.0.1");
  CHECK(span.attribute("network.peer.address") == "127.0.0.1");
  CHECK(span.attribute("network.peer.port").int64() > 0);
  CHECK(span.attribute("network.protocol.version") == "1.1");
  CHECK(span.attribute("user_agent.original") == "bee");
  CHECK(span.status == StatusCode::Unset);
}

TEST_CASE("without a route for people the pattern is the route") {
  const auto span = span_of([](auto& server) { server.Get("/users/([^/]+)", answer); },
                            [](httplib::Client& client) { client.Get("/users/7"); });
  CHECK(span.name == "GET /users/([^/]+)");
}

TEST_CASE("every verb is traced, with a body in hand and with one that is read in pieces") {
  waggle_test::Recording recording;
  Serving serving([](waggle::HttplibServer& server) {
    server.Get("/a", answer).Post("/a", answer).Put("/a", answer).Patch("/a", answer);
    server.Delete("/a", answer).Options("/a", answer);
    server.Post("/b", "/pieces",
                [](const Request&, Response& response, const httplib::ContentReader& reader) {
                  std::string body;
                  reader([&](const char* data, std::size_t size) {
                    body.append(data, size);
                    return true;
                  });
                  response.set_content(body, "text/plain");
                });
  });
  httplib::Client client("127.0.0.1", serving.port());
  CHECK(client.Get("/a")->status == 200);
  CHECK(client.Head("/a")->status == 200);
  CHECK(client.Post("/a", "x", "text/plain")->status == 200);
  CHECK(client.Put("/a", "x", "text/plain")->status == 200);
  CHECK(client.Patch("/a", "x", "text/plain")->status == 200);
  CHECK(client.Delete("/a")->status == 200);
  CHECK(client.Options("/a")->status == 200);
  CHECK(client.Post("/b", "honey", "text/plain")->body == "honey");
  serving.stop();
  for (const char* name : {"GET /a", "HEAD /a", "POST /a", "PUT /a", "PATCH /a", "DELETE /a",
                           "OPTIONS /a", "POST /pieces"}) {
    CHECK_MESSAGE(recording.find(name).kind == SpanKind::Server, name);
  }
  CHECK(recording.spans().size() == 8);
}

TEST_CASE("a path without a handler is a 404 that is named after the method alone") {
  const auto span = span_of(
      [](auto&) {},
      [](httplib::Client& client) { CHECK(client.Get("/wp-login.php?user=root")->status == 404); });
  CHECK(span.name == "GET");
  CHECK(span.attribute("http.response.status_code") == 404);
  CHECK(span.status == StatusCode::Unset);
  CHECK_FALSE(has(span, "http.route"));
  CHECK_FALSE(has(span, "error.type"));
}

TEST_CASE("an exception is an event of the span, an error, and httplib's answer as before") {
  const auto span = span_of(
      [](auto& server) {
        server.Get("/broken", [](const Request&, Response&) {
          throw std::runtime_error("the hive is empty");
        });
      },
      [](httplib::Client& client) {
        const auto result = client.Get("/broken");
        CHECK(result->status == 500);
        CHECK(result->get_header_value("EXCEPTION_WHAT") == "the hive is empty");
      });
  CHECK(span.name == "GET /broken");
  CHECK(span.status == StatusCode::Error);
  CHECK(span.attribute("error.type") == "500");
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].attributes.at("exception.type") == "std::runtime_error");
  CHECK(span.events[0].attributes.at("exception.message") == "the hive is empty");
}

TEST_CASE("a span of one's own server has failed where an exception leaves it") {
  waggle_test::Recording recording;
  const auto handle = [](const char* route, int status) {
    waggle::HttpServerSpan span{{"GET", "/", route}, httplib::Headers{}};
    if (status != 0) span.set_status_code(status);
    throw std::runtime_error("the hive is empty");
  };
  CHECK_THROWS(handle("/lost", 0));
  CHECK_THROWS(handle("/answered", 404));
  CHECK(recording.find("GET /lost").status == StatusCode::Error);
  CHECK(recording.find("GET /lost").attribute("error.type") == "_OTHER");
  CHECK(recording.find("GET /lost").status_message == "left by an exception");
  CHECK(recording.find("GET /answered").status == StatusCode::Unset);
}

TEST_CASE("the program's exception handler decides what becomes of an exception") {
  const auto span = span_of(
      [](auto& server) {
        server.Get("/gone", [](const Request&, Response&) { throw 404; });
        server.set_exception_handler(
            [](const Request&, Response& response, std::exception_ptr) { response.status = 404; });
      },
      [](httplib::Client& client) { CHECK(client.Get("/gone")->status == 404); });
  CHECK(span.status == StatusCode::Unset);
  CHECK(span.attribute("http.response.status_code") == 404);
  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].name == "exception");
}

TEST_CASE("the program's hooks run as before, inside the span") {
  std::vector<std::string> calls;
  const auto note = [&](const char* what) {
    calls.emplace_back(waggle::current_context().is_valid() ? what : "outside");
  };
  const auto span = span_of(
      [&](auto& server) {
        server.set_pre_routing_handler([&](const Request&, Response& response) {
          note("before");
          response.set_header("X-Trace-Id",
                              std::string(waggle::current_context().trace_id().hex().view()));
          return httplib::Server::HandlerResponse::Unhandled;
        });
        server.set_error_handler([&](const Request&, Response& response) {
          note("error");
          response.set_content("nothing here", "text/plain");
        });
        server.set_post_routing_handler([&](const Request&, Response&) { note("after"); });
        server.set_logger([&](const Request&, const Response& response) {
          note("log");
          waggle::current_span().set_attribute("logged", response.status);
        });
      },
      [](httplib::Client& client) {
        const auto result = client.Get("/none");
        CHECK(result->status == 404);
        CHECK(result->body == "nothing here");
        CHECK(result->get_header_value("X-Trace-Id").size() == 32);
      });
  CHECK((calls == std::vector<std::string>{"before", "error", "after", "log"}));
  CHECK(span.attribute("logged") == 404);
}

TEST_CASE("a hook that answers itself, such as for OPTIONS, is recorded too") {
  const auto span = span_of(
      [](auto& server) {
        server.set_pre_routing_handler([](const Request& request, Response& response) {
          if (request.method != "OPTIONS") return httplib::Server::HandlerResponse::Unhandled;
          response.status = 204;
          return httplib::Server::HandlerResponse::Handled;
        });
      },
      [](httplib::Client& client) { CHECK(client.Options("/any")->status == 204); });
  CHECK(span.name == "OPTIONS");
  CHECK(span.attribute("http.response.status_code") == 204);
}

TEST_CASE("what httplib refuses before any hook is recorded") {
  waggle_test::Recording recording;
  Serving serving([](auto&) {});
  CHECK(exchange_raw(serving.port(), "FETCH / HTTP/1.1\r\n\r\n").substr(0, 12) == "HTTP/1.1 400");
  serving.stop();
  const auto spans = recording.spans();
  REQUIRE(spans.size() == 1);
  CHECK(spans[0].name == "HTTP");
  CHECK(spans[0].attribute("http.request.method") == "_OTHER");
  CHECK(spans[0].attribute("http.response.status_code") == 400);
}

TEST_CASE("a body that is made in pieces is within the span") {
  std::size_t pieces = 0;
  const auto span = span_of(
      [&](auto& server) {
        server.Get("/stream", [&](const Request&, Response& response) {
          response.set_chunked_content_provider(
              "text/plain", [&](std::size_t, httplib::DataSink& sink) {
                waggle::current_span().set_attribute("pieces", static_cast<int>(++pieces));
                sink.write("x", 1);
                if (pieces == 3) sink.done();
                return true;
              });
        });
      },
      [](httplib::Client& client) { CHECK(client.Get("/stream")->body == "xxx"); });
  CHECK(span.attribute("pieces") == 3);
}

TEST_CASE("the client's span is the parent of the server's") {
  waggle_test::Recording recording;
  Serving serving([](auto& server) { server.Get("/users/([^/]+)", "/users/{id}", answer); });
  {
    waggle::Span caller{"caller"};
    waggle::HttplibClient client{serving.url()};
    const auto result = client.at("/users/{id}").Get("/users/7?sig=1", {{"X-Tag", "a"}});
    CHECK(result->body == "here");
  }
  serving.stop();
  const auto caller = recording.find("caller");
  waggle::RecordedSpan server;
  waggle::RecordedSpan client;
  for (const auto& span : recording.spans()) {
    if (span.kind == SpanKind::Server) server = span;
    if (span.kind == SpanKind::Client) client = span;
  }
  CHECK(client.parent_id == caller.span_id);
  CHECK(server.parent_id == client.span_id);
  CHECK(server.parent_is_remote);
  CHECK(client.name == "GET /users/{id}");
  CHECK(client.attribute("url.full") == serving.url("/users/7?sig=REDACTED"));
  CHECK(client.attribute("server.address") == "127.0.0.1");
  CHECK(client.attribute("server.port") == serving.port());
  CHECK(client.attribute("http.response.status_code") == 200);
  CHECK(client.attribute("network.protocol.version") == "1.1");
  CHECK(client.scope_name == "waggle.http.client");
}

TEST_CASE("over TLS the scheme is https, on both sides") {
  waggle_test::Recording recording;
  waggle_test::CertificateAuthority authority("the bees");
  const waggle_test::CertificateFiles files = authority.issue("localhost");
  BasicServing<waggle::HttplibSslServer> serving([](auto& server) { server.Get("/", answer); },
                                                 files.certificate.c_str(), files.key.c_str());
  const std::string origin = "https://localhost:" + std::to_string(serving.port());
  waggle::HttplibClient stranger{origin};
  CHECK_FALSE(stranger.at("/stranger").Get("/"));
  waggle::HttplibClient client{origin};
  client->set_ca_cert_path(authority.file());
  CHECK(client.at("/friend").Get("/")->status == 200);
  serving.stop();
  CHECK(recording.find("GET /").attribute("url.scheme") == "https");
  CHECK(recording.find("GET /friend").attribute("url.full") == origin + "/");
  CHECK(recording.find("GET /friend").attribute("server.address") == "localhost");
  CHECK(recording.find("GET /stranger").attribute("error.type") == "server_certificate_invalid");
}

TEST_CASE("the client's calls take what httplib's take") {
  waggle_test::Recording recording;
  waggle_test::RawServer server([](waggle_test::RawConnection& connection) {
    while (const auto request = connection.read_request()) {
      connection.send(waggle_test::http_reply(200, "ok"));
    }
  });
  waggle::HttplibClient client{"127.0.0.1", server.port()};
  client->set_keep_alive(true);
  const httplib::Params params{{"a", "1"}};
  httplib::Headers headers{{"X-Tag", "kept"}, {"TraceParent", "old"}};
  const auto receive = [](const char*, std::size_t) { return true; };
  CHECK(client.Get("/1"));
  CHECK(client.Get("/2", headers));
  CHECK(client.Get("/3", receive));
  CHECK(client.Get("/4", params, headers));
  CHECK(client.Head("/5"));
  CHECK(client.Post("/6"));
  CHECK(client.Post("/7", "body", "text/plain"));
  CHECK(client.Post("/8", headers, "body", "text/plain"));
  CHECK(client.Post("/9", params));
  CHECK(client.Put("/10"));
  CHECK(client.Put("/11", std::string("body"), "text/plain"));
  CHECK(client.Patch("/12", {{"X-Tag", "kept"}}));
  CHECK(client.Delete("/13"));
  CHECK(client.Options("/14", headers));
  Request request;
  request.method = "GET";
  request.path = "/15";
  CHECK(client.send(request));

  const auto requests = server.requests();
  const auto spans = recording.spans();
  REQUIRE(requests.size() == 15);
  REQUIRE(spans.size() == 15);
  for (std::size_t index = 0; index < 15; ++index) {
    const std::string line = requests[index].first_line();
    CHECK_MESSAGE(line.find("/" + std::to_string(index + 1)) != line.npos, line);
    const auto sent = requests[index].headers("traceparent");
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].substr(36, 16) == std::string(spans[index].span_id.hex().view()));
    CHECK(spans[index].name == line.substr(0, line.find(' ')));
  }
  CHECK(requests[3].first_line() == "GET /4?a=1 HTTP/1.1");
  CHECK(requests[7].headers("x-tag").at(0) == "kept");
  CHECK(requests[7].body == "body");
  CHECK(headers.find("traceparent")->second == "old");
}

TEST_CASE("tracestate and baggage go along") {
  waggle_test::Recording recording;
  waggle_test::RawServer server([](waggle_test::RawConnection& connection) {
    if (connection.read_request()) connection.send(waggle_test::http_reply(200, ""));
  });
  const waggle::SpanContext parent(waggle::TraceId::from_hex("0af7651916cd43dd8448eb211c80319c"),
                                   waggle::SpanId::from_hex("b7ad6b7169203331"), 1, true,
                                   waggle::kUnknownThreshold, "foo=1");
  const waggle::ContextGuard guard{parent.with_baggage("tenant", "7")};
  waggle::HttplibClient client{server.url("")};
  CHECK(client.Get("/"));
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests()[0].headers("tracestate").at(0) == "foo=1");
  CHECK(server.requests()[0].headers("baggage").at(0) == "tenant=7");
}

TEST_CASE("a client's failures have few names, and cancelling is none") {
  waggle_test::Recording recording;
  waggle::HttplibClient nobody{"127.0.0.1", waggle_test::unused_port()};
  CHECK_FALSE(nobody.Get("/"));
  waggle_test::RawServer server([](waggle_test::RawConnection& connection) {
    while (const auto request = connection.read_request()) {
      if (request->first_line() == "GET /torn HTTP/1.1") return;
      connection.send(waggle_test::http_reply(404, "body"));
    }
  });
  waggle::HttplibClient client{server.url("")};
  CHECK_FALSE(client.Get("/torn"));
  CHECK(client.Get("/none")->status == 404);
  CHECK_FALSE(client.Get("/cancelled", [](const char*, std::size_t) { return false; }));
  const auto spans = recording.spans();
  REQUIRE(spans.size() == 4);
  CHECK(spans[0].attribute("error.type") == "connection_failed");
  CHECK(spans[0].status == StatusCode::Error);
  CHECK(spans[1].attribute("error.type") == "read_failed");
  CHECK(spans[2].attribute("error.type") == "404");
  CHECK(spans[2].status == StatusCode::Error);
  CHECK(spans[3].status == StatusCode::Unset);
  CHECK_FALSE(has(spans[3], "error.type"));
}
