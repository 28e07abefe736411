#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <waggle/http/curl_transport.hpp>

#include "support/environment_variable.hpp"
#include "support/raw_server.hpp"
#include "support/transport_driver.hpp"

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

// A name server that does not answer: looking up "hanging.test" blocks until the test lets go.
class HangingNames {
 public:
  void look_up() {
    std::unique_lock<std::mutex> lock(mutex_);
    asked_ = true;
    changed_.notify_all();
    held_to_the_end_ = !changed_.wait_for(lock, std::chrono::seconds(10), [this] { return free_; });
    left_ = true;
    changed_.notify_all();
  }
  bool asked() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return asked_;
  }
  // Returns whether the look-up was still blocked when it was let go.
  bool let_go() {
    std::unique_lock<std::mutex> lock(mutex_);
    free_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return left_; });
    return !held_to_the_end_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;
  bool free_ = false;
  bool left_ = false;
  bool held_to_the_end_ = false;
};

std::atomic<HangingNames*> hanging_names{nullptr};

}  // namespace

// Stands before the C library's function, so that a test can have a name that never resolves.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  HangingNames* const hanging = hanging_names.load();
  if (hanging != nullptr && name != nullptr && std::string(name) == "hanging.test") {
    hanging->look_up();
    return EAI_AGAIN;
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(name, service, hints, found);
}

TEST_CASE("a refused connection cannot have delivered anything, and says what to check") {
  CurlTransport transport;
  const std::string host = "127.0.0.1:" + std::to_string(unused_port());
  const HttpReply reply = exchange(transport, post_of("http://" + host + "/", kBody));
  CHECK(reply.outcome == TransportOutcome::NotConnected);
  CHECK(reply.status == 0);
  CHECK(contains(reply.message, "cannot connect to " + host));
  CHECK(contains(reply.message, "Connection refused"));
}

TEST_CASE("a host that does not exist is named") {
  CurlTransport transport;
  const HttpReply reply = exchange(transport, post_of("http://nowhere.invalid/", kBody));
  CHECK(reply.outcome == TransportOutcome::NotConnected);
  CHECK(contains(reply.message, "cannot find the address of nowhere.invalid"));
}

TEST_CASE("what is not an http URL is refused with an example of one") {
  CurlTransport transport;
  for (const char* url :
       {"", "http://", "http://host:port/", "http://host:99999/", "localhost:4318/v1/traces"}) {
    CAPTURE(url);
    const HttpReply reply = exchange(transport, post_of(url, kBody));
    CHECK(reply.outcome == TransportOutcome::NotConnected);
    CHECK(contains(reply.message, "http"));
  }
  for (const char* url : {"ftp://127.0.0.1/", "file:///etc/hostname", "collector/v1/traces"}) {
    CAPTURE(url);
    const HttpReply reply = exchange(transport, post_of(url, kBody));
    CHECK(reply.outcome == TransportOutcome::NotConnected);
    CHECK(contains(reply.message, "must begin with http:// or https://"));
  }
}

TEST_CASE("a server that closes without a word may have seen the request") {
  RawServer server([](RawConnection& connection) { connection.read_request(); });
  CurlTransport transport;
  const HttpReply reply = exchange(transport, post_of(server.url(), kBody));
  CHECK(reply.outcome == TransportOutcome::Interrupted);
  CHECK(contains(reply.message, "the connection to " + server.authority() + " was lost"));
}

TEST_CASE("half a reply is no reply") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"partial");
  });
  CurlTransport transport;
  const HttpReply reply = exchange(transport, post_of(server.url(), kBody));
  CHECK(reply.outcome == TransportOutcome::Interrupted);
  CHECK(reply.body.empty());
}

TEST_CASE("a silent server runs into the request's timeout") {
  RawServer server([](RawConnection& connection) { connection.wait_until_closed(); });
  CurlTransport transport;
  HttpRequest request = post_of(server.url(), kBody);
  request.timeout = Milliseconds(50);
  const HttpReply reply = exchange(transport, request);
  CHECK(reply.outcome == TransportOutcome::Interrupted);
  CHECK(contains(reply.message, "did not answer in time"));
}

TEST_CASE("a timeout of nothing ends at once instead of never") {
  RawServer server([](RawConnection& connection) { connection.wait_until_closed(); });
  CurlTransport transport;
  HttpRequest request = post_of(server.url(), kBody);
  request.timeout = Milliseconds(0);
  CHECK(exchange(transport, request).outcome != TransportOutcome::Answered);
}

TEST_CASE("a server that does not speak HTTP is called that") {
  RawServer server([](RawConnection& connection) {
    connection.read_request();
    connection.send(std::string("\0\0\x12\4\0\0\0\0\0 not for you", 21));
  });
  CurlTransport transport;
  const HttpReply reply = exchange(transport, post_of(server.url(), kBody));
  CHECK(reply.outcome == TransportOutcome::Interrupted);
  CHECK(contains(reply.message, "does not speak HTTP"));
  CHECK(contains(reply.message, "4318"));
}

TEST_CASE("TLS to a port that has none is told apart from a bad certificate") {
  RawServer server([](RawConnection& connection) {
    connection.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    connection.wait_until_closed();
  });
  CurlTransport transport;
  const HttpReply reply = exchange(transport, post_of("https://" + server.authority(), kBody));
  CHECK(reply.outcome == TransportOutcome::NotConnected);
  CHECK(contains(reply.message, "does not speak TLS"));
}

TEST_CASE("a header that would break out of its line is refused before anything is sent") {
  RawServer server(answer_all);
  CurlTransport transport;
  for (const std::string& value : {std::string("secret\r\nx-evil: 1"), std::string("secret\nx"),
                                   std::string("secret\rx"), std::string("secret\0x", 8)}) {
    HttpRequest request = post_of(server.url(), kBody);
    request.headers.emplace_back("x-honeycomb-team", value);
    const HttpReply reply = exchange(transport, request);
    CHECK(reply.outcome == TransportOutcome::NotConnected);
    CHECK(contains(reply.message, "x-honeycomb-team"));
    CHECK_FALSE(contains(reply.message, "secret"));
  }
  for (const char* name : {"", "x y", "x:y", "x;", "x\r\ny", "\xc3\xa4"}) {
    HttpRequest request = post_of(server.url(), kBody);
    request.headers.emplace_back(name, "secret");
    const HttpReply reply = exchange(transport, request);
    CHECK(reply.outcome == TransportOutcome::NotConnected);
    CHECK_FALSE(contains(reply.message, "secret"));
  }
  CHECK(server.accepted() == 0);
}

TEST_CASE("headers that would contradict the body are refused by name") {
  CurlTransport transport;
  for (const char* name : {"Content-Length", "transfer-encoding", "EXPECT"}) {
    HttpRequest request = post_of("http://127.0.0.1:1/", kBody);
    request.headers.emplace_back(name, "7");
    CHECK(contains(exchange(transport, request).message, name));
  }
}

TEST_CASE("no message repeats a header's value, a path, a query or a password") {
  const std::string port = std::to_string(unused_port());
  RawServer closing([](RawConnection& connection) { connection.read_request(); });
  RawServer no_tls([](RawConnection&) {});
  RawServer not_http([](RawConnection& connection) {
    const auto request = connection.read_request();
    if (request) connection.send("what is " + request->head + "?");
  });
  const std::string urls[] = {"http://user:hidden@127.0.0.1:" + port + "/hidden?key=hidden",
                              "http://user:hidden@nowhere.invalid/hidden?key=hidden",
                              "http://user:hidden@" + closing.authority() + "/hidden",
                              "http://user:hidden@" + not_http.authority() + "/hidden",
                              "https://user:hidden@" + no_tls.authority() + "/hidden",
                              "http://user:hid/hidden@127.0.0.1/",
                              "http://user:hidden@host:hidden/",
                              "hidden://user:hidden@host/"};
  CurlTransport transport;
  for (const std::string& url : urls) {
    HttpRequest request = post_of(url, kBody);
    request.headers.emplace_back("x-honeycomb-team", "hidden");
    const HttpReply reply = exchange(transport, request);
    CAPTURE(reply.message);
    CHECK(reply.outcome != TransportOutcome::Answered);
    CHECK_FALSE(reply.message.empty());
    CHECK_FALSE(contains(reply.message, "hid"));
  }
}

TEST_CASE("a proxy's password stays out of the message when the proxy cannot be used") {
  CurlTransport transport;
  for (const char* proxy :
       {"http://user:hidden@nowhere.invalid:8080", "bad-scheme://user:hidden@127.0.0.1:1",
        "http://user:hidden@host:port", "http://user:hidden@127.0.0.1:1"}) {
    const EnvironmentVariable variable("http_proxy", proxy);
    const HttpReply reply = exchange(transport, post_of("http://collector.invalid/", kBody));
    CAPTURE(reply.message);
    CHECK(reply.outcome == TransportOutcome::NotConnected);
    CHECK_FALSE(contains(reply.message, "hidden"));
  }
}

TEST_CASE("a proxy that refuses a tunnel is named as the culprit, and sees no secret") {
  RawServer proxy([](RawConnection& connection) {
    connection.read_request();
    connection.send(http_reply(403, "no", "Retry-After: 77\r\n"));
    connection.wait_until_closed();
  });
  const EnvironmentVariable variable("https_proxy", proxy.url(""));
  CurlTransport transport;
  HttpRequest request = post_of("https://api.example.invalid/v1/traces", kBody);
  request.headers.emplace_back("x-honeycomb-team", "hidden");
  const HttpReply reply = exchange(transport, request);
  CHECK(reply.outcome == TransportOutcome::NotConnected);
  CHECK(contains(reply.message, "the proxy refused to connect to api.example.invalid"));
  CHECK(reply.retry_after.empty());
  REQUIRE(proxy.requests().size() == 1);
  CHECK(proxy.requests().at(0).first_line() == "CONNECT api.example.invalid:443 HTTP/1.1");
  CHECK_FALSE(contains(proxy.requests().at(0).head, "hidden"));
}

TEST_CASE("a cancelled request is over at once, and the next one works") {
  RawServer server([](RawConnection& connection) {
    if (connection.number() > 1) return answer_all(connection);
    connection.read_request();
    connection.wait_until_closed();
  });
  CurlTransport transport;
  transport.begin(post_of(server.url(), kBody));
  REQUIRE(drive_until(transport, [&server] { return server.requests().size() == 1; }));
  transport.cancel();
  CHECK(transport.poll().outcome == TransportOutcome::Interrupted);
  CHECK(exchange(transport, post_of(server.url(), kBody)).status == 200);
  CHECK(server.accepted() == 2);
}

TEST_CASE("a request cancelled before its first byte left was never connected") {
  CurlTransport transport;
  transport.begin(post_of("http://127.0.0.1:1/", kBody));
  transport.cancel();
  CHECK(transport.poll().outcome == TransportOutcome::NotConnected);
}

TEST_CASE("a body may be freed as soon as its half-sent request is cancelled") {
  std::atomic<bool> head_read{false};
  RawServer server([&head_read](RawConnection& connection) {
    if (connection.number() > 1) return answer_all(connection);
    connection.read_head();
    head_read = true;  // and reads no more, so the upload stalls
    connection.wait_for_server_end();
  });
  CurlTransport transport;
  auto body = std::make_unique<std::string>(32 * 1024 * 1024, 'u');
  transport.begin(post_of(server.url(), *body));
  REQUIRE(drive_until(transport, [&head_read] { return head_read.load(); }));
  transport.cancel();
  body.reset();
  CHECK(exchange(transport, post_of(server.url(), kBody)).status == 200);
}

TEST_CASE("beginning a request gives up the one under way") {
  RawServer silent([](RawConnection& connection) { connection.wait_until_closed(); });
  RawServer server(answer_all);
  CurlTransport transport;
  transport.begin(post_of(silent.url(), kBody));
  REQUIRE(drive_until(transport, [&silent] { return silent.accepted() == 1; }));
  CHECK(exchange(transport, post_of(server.url(), kBody)).status == 200);
}

TEST_CASE("cancelling without a request does nothing") {
  CurlTransport transport;
  transport.cancel();
  RawServer server(answer_all);
  CHECK(exchange(transport, post_of(server.url(), kBody)).status == 200);
  transport.cancel();
  CHECK(transport.poll().outcome == TransportOutcome::Answered);
}

TEST_CASE("a name that never resolves holds up neither cancelling nor the end of the transport") {
  HangingNames names;
  hanging_names = &names;
  {
    CurlTransport transport;
    transport.begin(post_of("http://hanging.test/", kBody));
    REQUIRE(drive_until(transport, [&names] { return names.asked(); }));
    transport.cancel();
    CHECK(transport.poll().outcome == TransportOutcome::NotConnected);
    RawServer server(answer_all);
    CHECK(exchange(transport, post_of(server.url(), kBody)).status == 200);
  }
  CHECK(names.let_go());
  hanging_names = nullptr;
}

TEST_CASE("a transport destroyed with a request under way closes its connection") {
  std::atomic<bool> closed{false};
  RawServer server([&closed](RawConnection& connection) {
    connection.read_request();
    connection.wait_until_closed();
    closed = true;
  });
  {
    CurlTransport transport;
    transport.begin(post_of(server.url(), kBody));
    REQUIRE(drive_until(transport, [&server] { return server.requests().size() == 1; }));
  }
  while (!closed) std::this_thread::yield();
}

TEST_CASE("waiting returns at once when a request has failed and nobody has been told") {
  CurlTransport transport;
  transport.begin(post_of("no url", kBody));
  transport.wait(-1, Milliseconds(3600 * 1000));
  CHECK(transport.poll().outcome == TransportOutcome::NotConnected);
}

TEST_CASE("a server that resets the connection raises no signal in this program") {
  struct sigaction action {};
  REQUIRE(::sigaction(SIGPIPE, nullptr, &action) == 0);
  const struct sigaction before = action;
  action.sa_handler = SIG_DFL;  // whose action is to end the program
  REQUIRE(::sigaction(SIGPIPE, &action, nullptr) == 0);
  RawServer server([](RawConnection& connection) {
    connection.read_head();
    connection.reset();
  });
  CurlTransport transport;
  const std::string body(8 * 1024 * 1024, 's');
  for (int turn = 0; turn < 5; ++turn) {
    CHECK(exchange(transport, post_of(server.url(), body)).outcome ==
          TransportOutcome::Interrupted);
  }
  REQUIRE(::sigaction(SIGPIPE, &before, &action) == 0);
  CHECK((action.sa_handler == SIG_DFL));
}
