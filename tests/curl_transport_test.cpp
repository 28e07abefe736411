#include <doctest/doctest.h>
#include <httplib.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>
#include <waggle/http/curl_transport.hpp>

#include "support/environment_variable.hpp"
#include "support/raw_server.hpp"
#include "support/transport_driver.hpp"

using waggle::CurlOptions;
using waggle::CurlTransport;
using waggle::HttpReply;
using waggle::HttpRequest;
using waggle::Milliseconds;
using waggle::TransportOutcome;
using namespace waggle_test;

namespace {

const bool curl_is_ready = waggle::initialise_curl().ok();

const std::string kBody = R"({"resourceSpans":[]})";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void answer_all(RawConnection& connection) {
  while (connection.read_request()) connection.send(http_reply(200, "{}"));
}

// A server from a real HTTP library, which counts what it is asked.
class RealServer {
 public:
  RealServer() {
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~RealServer() {
    server_.stop();
    thread_.join();
  }
  httplib::Server* operator->() { return &server_; }
  std::string url(const std::string& path = "/v1/traces") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("initialising libcurl tells its version, again and again") {
  CHECK(curl_is_ready);
  const waggle::Result<std::string> again = waggle::initialise_curl();
  REQUIRE(again.ok());
  CHECK(contains(again.value(), "libcurl/"));
}

TEST_CASE("a reply of a real server arrives whole") {
  RealServer server;
  server->Post("/v1/traces", [](const httplib::Request& request, httplib::Response& response) {
    response.status = 429;
    response.set_header("Retry-After", "17");
    response.set_content("got " + request.body, "application/json");
  });
  CurlTransport transport;
  const HttpReply reply = exchange(transport, post_of(server.url(), kBody));
  CHECK(reply.outcome == TransportOutcome::Answered);
  CHECK(reply.status == 429);
  CHECK(reply.retry_after == "17");
  CHECK(reply.content_type == "application/json");
  CHECK(reply.body == "got " + kBody);
  CHECK(reply.message.empty());
}

TEST_CASE("bodies of any size arrive unchanged, zero bytes included") {
  RealServer server;
  server->set_payload_max_length(16 * 1024 * 1024);
  std::string seen;
  server->Post(
      "/", [&seen](const httplib::Request& request, httplib::Response&) { seen = request.body; });
  CurlTransport transport;
  for (const std::size_t size : {0u, 1u, 65535u, 65536u, 1024u * 1024u + 1u, 5u * 1024u * 1024u}) {
    CAPTURE(size);
    std::string body(size, '\0');
    for (std::size_t index = 0; index < size; ++index) body[index] = static_cast<char>(index * 7);
    seen = "nothing";
    const HttpReply reply = exchange(transport, post_of(server.url("/"), body));
    CHECK(reply.status == 200);
    CHECK((seen == body));
  }
}

TEST_CASE("a request without a body is a GET, also between others; an empty body is posted") {
  RawServer server(answer_all);
  CurlTransport transport;
  const std::string empty;
  for (const std::string* body : {&kBody, static_cast<const std::string*>(nullptr), &empty}) {
    HttpRequest request;
    request.url = server.url();
    request.body = body;
    CHECK(exchange(transport, request).status == 200);
    const RawRequest seen = server.requests().back();
    CHECK(seen.first_line().substr(0, 4) == (body != nullptr ? "POST" : "GET "));
    std::vector<std::string> lengths;
    if (body != nullptr) lengths.push_back(std::to_string(body->size()));
    CHECK(seen.headers("content-length") == lengths);
    CHECK(seen.headers("content-type").empty());
  }
}

TEST_CASE("the request's head is exactly what was asked for") {
  RawServer server(answer_all);
  CurlOptions options;
  options.user_agent = "hive/1.0";
  CurlTransport transport(options);
  HttpRequest request = post_of(server.url("/v1/traces?x=1"), kBody);
  request.headers = {{"content-type", "application/json"},
                     {"x-honeycomb-team", "key"},
                     {"Content-Encoding", "gzip"},
                     {"x-empty", ""},
                     {"x-blank", "  "},
                     {"x-list", "a, b; c=\"d\""}};
  REQUIRE(exchange(transport, request).status == 200);
  CHECK(server.requests().at(0).head ==
        "POST /v1/traces?x=1 HTTP/1.1\r\nHost: " + server.authority() +
            "\r\n"
            "User-Agent: hive/1.0\r\n"
            "Accept: */*\r\n"
            "content-type: application/json\r\n"
            "x-honeycomb-team: key\r\n"
            "Content-Encoding: gzip\r\n"
            "x-empty:\r\n"
            "x-blank:\r\n"
            "x-list: a, b; c=\"d\"\r\n"
            "Content-Length: 20\r\n\r\n");
}

TEST_CASE("the user agent names this library and its version unless another is set") {
  RawServer server(answer_all);
  CurlTransport transport;
  REQUIRE(exchange(transport, post_of(server.url(), kBody)).status == 200);
  CHECK(server.requests().at(0).headers("user-agent") ==
        std::vector<std::string>{"waggle-Cpp/" WAGGLE_VERSION});
}

TEST_CASE("a large body is sent without waiting for a go-ahead") {
  RawServer server(answer_all);
  CurlTransport transport;
  const std::string body(2 * 1024 * 1024, 'b');
  REQUIRE(exchange(transport, post_of(server.url(), body)).status == 200);
  CHECK(server.requests().at(0).headers("expect").empty());
  CHECK((server.requests().at(0).body == body));
}

TEST_CASE("headers of one request are not sent with the next") {
  RawServer server(answer_all);
  CurlTransport transport;
  HttpRequest request = post_of(server.url(), kBody);
  request.headers.emplace_back("x-once", "1");
  REQUIRE(exchange(transport, request).status == 200);
  REQUIRE(exchange(transport, post_of(server.url(), kBody)).status == 200);
  CHECK(server.requests().at(0).headers("x-once").size() == 1);
  CHECK(server.requests().at(1).headers("x-once").empty());
}

TEST_CASE("what one reply said is forgotten before the next") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send(http_reply(503, "busy", "Retry-After: 5\r\nContent-Type: text/plain\r\n"));
    connection.read_request();
    connection.send(http_reply(204, ""));
  });
  CurlTransport transport;
  const HttpReply busy = exchange(transport, post_of(server.url(), kBody));
  CHECK(busy.status == 503);
  CHECK(busy.retry_after == "5");
  const HttpReply good = exchange(transport, post_of(server.url(), kBody));
  CHECK(good.status == 204);
  CHECK(good.retry_after.empty());
  CHECK(good.content_type.empty());
  CHECK(good.body.empty());
}

TEST_CASE("an interim reply's headers are not taken for the final one's") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\nContent-Type: a/b\r\n\r\n");
    connection.send(http_reply(200, "{}"));
    connection.wait_until_closed();
  });
  CurlTransport transport;
  const HttpReply reply = exchange(transport, post_of(server.url(), kBody));
  CHECK(reply.status == 200);
  CHECK(reply.retry_after.empty());
  CHECK(reply.content_type.empty());
}

TEST_CASE("a chunked reply is put together") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.send("3\r\nabc\r\n");
    connection.send("2\r\nde\r\n0\r\n\r\n");
    connection.wait_until_closed();
  });
  CurlTransport transport;
  CHECK(exchange(transport, post_of(server.url(), kBody)).body == "abcde");
}

TEST_CASE("requests after one another share a connection") {
  RawServer server(answer_all);
  CurlTransport transport;
  for (int turn = 0; turn < 5; ++turn) {
    CHECK(exchange(transport, post_of(server.url(), kBody)).status == 200);
  }
  CHECK(server.accepted() == 1);
  CHECK(server.requests().size() == 5);
}

TEST_CASE("a kept connection that the server has closed is replaced without a failure") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send(http_reply(200, "{}"));
  });
  CurlTransport transport;
  for (int turn = 1; turn <= 3; ++turn) {
    const HttpReply reply = exchange(transport, post_of(server.url(), kBody));
    CHECK(reply.outcome == TransportOutcome::Answered);
    CHECK(server.accepted() == turn);
  }
}

TEST_CASE("a kept connection that dies under the next request is replaced, body and all") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send(http_reply(200, "{}"));
    if (connection.number() > 1) return answer_all(connection);
    connection.read_head();
    connection.reset();
  });
  CurlTransport transport;
  const HttpReply first = exchange(transport, post_of(server.url(), kBody));
  REQUIRE(first.status == 200);
  CHECK_FALSE(first.was_repeated);
  const std::string body = "the body that is sent twice";
  const HttpReply second = exchange(transport, post_of(server.url(), body));
  CHECK(second.status == 200);
  CHECK(second.was_repeated);
  CHECK_FALSE(exchange(transport, post_of(server.url(), body)).was_repeated);
  CHECK(server.requests().back().body == body);
  CHECK(server.accepted() == 2);
}

TEST_CASE("a kept connection that dies in mid-upload is at worst an interrupted request") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send(http_reply(200, "{}"));
    if (connection.number() > 1) return answer_all(connection);
    connection.read_head();
    connection.reset();
  });
  CurlTransport transport;
  REQUIRE(exchange(transport, post_of(server.url(), kBody)).status == 200);
  const std::string body(8 * 1024 * 1024, 'z');
  const HttpReply reply = exchange(transport, post_of(server.url(), body));
  CHECK(reply.outcome != TransportOutcome::NotConnected);
  CHECK(exchange(transport, post_of(server.url(), body)).status == 200);
}

TEST_CASE("a reply as long as the cap is read, one byte more is dropped") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send(http_reply(200, std::string(1000, 'r')));
    connection.read_request();
    connection.send(http_reply(200, std::string(1001, 'r')));
    answer_all(connection);
  });
  CurlOptions options;
  options.largest_reply = 1000;
  CurlTransport transport(options);
  CHECK(exchange(transport, post_of(server.url(), kBody)).body.size() == 1000);
  const HttpReply reply = exchange(transport, post_of(server.url(), kBody));
  CHECK(reply.outcome == TransportOutcome::ReplyTooLarge);
  CHECK(reply.status == 200);
  CHECK(reply.body.empty());
  CHECK(contains(reply.message, server.authority()));
}

TEST_CASE("an endless reply is cut off, and the next request works") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    if (connection.number() > 1) {
      connection.send(http_reply(200, "{}"));
      return;
    }
    connection.send("HTTP/1.1 200 OK\r\n\r\n");
    while (connection.send(std::string(64 * 1024, 'x'))) {
    }
  });
  CurlTransport transport;
  CHECK(exchange(transport, post_of(server.url(), kBody)).outcome ==
        TransportOutcome::ReplyTooLarge);
  CHECK(exchange(transport, post_of(server.url(), kBody)).status == 200);
}

TEST_CASE("absurdly long headers of interest are left out") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send(http_reply(200, "{}", "Retry-After: " + std::string(5000, '1') + "\r\n"));
    connection.wait_until_closed();
  });
  CurlTransport transport;
  const HttpReply reply = exchange(transport, post_of(server.url(), kBody));
  CHECK(reply.status == 200);
  CHECK(reply.retry_after.empty());
}

TEST_CASE("a redirect is reported, not followed") {
  RawServer elsewhere(answer_all);
  RawServer server([&elsewhere](RawConnection& connection) {
    connection.read_request();
    connection.send(http_reply(307, "", "Location: " + elsewhere.url() + "\r\n"));
    connection.wait_until_closed();
  });
  CurlTransport transport;
  const HttpReply reply = exchange(transport, post_of(server.url(), kBody));
  CHECK(reply.outcome == TransportOutcome::Answered);
  CHECK(reply.status == 307);
  CHECK(elsewhere.accepted() == 0);
}

TEST_CASE("http_proxy sends requests through the proxy") {
  RawServer proxy(answer_all);
  const EnvironmentVariable variable("http_proxy", proxy.url(""));
  CurlTransport transport;
  const HttpReply reply = exchange(transport, post_of("http://collector.invalid/v1/traces", kBody));
  CHECK(reply.status == 200);
  CHECK(proxy.requests().at(0).first_line() == "POST http://collector.invalid/v1/traces HTTP/1.1");
}

TEST_CASE("no_proxy goes straight to the hosts that it lists") {
  RawServer proxy(answer_all);
  RawServer server(answer_all);
  const EnvironmentVariable variable("http_proxy", proxy.url(""));
  const EnvironmentVariable exception("no_proxy", "localhost,127.0.0.1");
  CurlTransport transport;
  CHECK(exchange(transport, post_of(server.url(), kBody)).status == 200);
  CHECK(server.requests().at(0).first_line() == "POST /v1/traces HTTP/1.1");
  CHECK(proxy.accepted() == 0);
}

TEST_CASE("waiting ends when the wake descriptor becomes readable") {
  RawServer silent([](RawConnection& connection) { connection.wait_until_closed(); });
  const int wake = ::eventfd(0, EFD_CLOEXEC);
  CurlTransport transport;
  HttpRequest request = post_of(silent.url(), kBody);
  request.timeout = Milliseconds(3600 * 1000);
  const auto wait_for_ever = [&transport, wake] { transport.wait(wake, Milliseconds::max()); };

  SUBCASE("with no request") {}
  SUBCASE("with a request under way") {
    transport.begin(request);
    REQUIRE(drive_until(transport, [&silent] { return silent.accepted() == 1; }));
  }
  std::thread waker([wake] { REQUIRE(::eventfd_write(wake, 1) == 0); });
  eventfd_t count = 0;
  pollfd readable{wake, POLLIN, 0};
  do {  // waiting may end early, as when the connection is made
    wait_for_ever();
    transport.poll();
  } while (::poll(&readable, 1, 0) == 0);
  CHECK(::eventfd_read(wake, &count) == 0);
  waker.join();
  ::close(wake);
}
