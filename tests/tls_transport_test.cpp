#include <doctest/doctest.h>
#include <fcntl.h>
#include <httplib.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <waggle/http/curl_transport.hpp>

#include "support/certificates.hpp"
#include "support/environment_variable.hpp"
#include "support/raw_server.hpp"
#include "support/transport_driver.hpp"

using waggle::CurlOptions;
using waggle::CurlTransport;
using waggle::HttpReply;
using waggle::HttpRequest;
using waggle::TransportOutcome;
using namespace waggle_test;

namespace {

const bool curl_is_ready = waggle::initialise_curl().ok();

const std::string kBody = R"({"resourceSpans":[]})";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

CurlOptions trusting(const CertificateAuthority& authority) {
  CurlOptions options;
  options.ca_file = authority.file();
  return options;
}

// An HTTPS server from a real library that answers each POST with the body it got.
class SecureServer {
 public:
  explicit SecureServer(const CertificateFiles& files, const std::string& client_authority = "")
      : server_(files.certificate.c_str(), files.key.c_str(),
                client_authority.empty() ? nullptr : client_authority.c_str()) {
    server_.set_payload_max_length(64 * 1024 * 1024);
    server_.Post("/v1/traces",
                 [this](const httplib::Request& request, httplib::Response& response) {
                   ++requests_;
                   response.set_content(request.body, "application/json");
                 });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~SecureServer() {
    server_.stop();
    thread_.join();
  }

  httplib::SSLServer* operator->() { return &server_; }
  int requests() const { return requests_; }
  std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url() const { return "https://" + authority() + "/v1/traces"; }

 private:
  std::atomic<int> requests_{0};
  httplib::SSLServer server_;
  int port_ = 0;
  std::thread thread_;
};

// Sends one request to a server with these files and returns the reply; the server must not have
// seen a request unless the reply is an answer.
HttpReply try_certificate(const CertificateFiles& files, const CurlOptions& options) {
  SecureServer server(files);
  CurlTransport transport(options);
  HttpRequest request = post_of(server.url(), kBody);
  request.headers.emplace_back("x-honeycomb-team", "hidden");
  HttpReply reply = exchange(transport, request);
  CAPTURE(reply.message);
  CHECK(server.requests() == (reply.outcome == TransportOutcome::Answered ? 1 : 0));
  CHECK_FALSE(contains(reply.message, "hidden"));
  if (!reply.message.empty()) CHECK(contains(reply.message, server.authority()));
  return reply;
}

// Copies bytes both ways between two sockets until one side closes.
void pump(int left, int right) {
  pollfd ends[] = {{left, POLLIN, 0}, {right, POLLIN, 0}};
  while (::poll(ends, 2, -1) > 0) {
    for (int from = 0; from < 2; ++from) {
      if (ends[from].revents == 0) continue;
      char bytes[16 * 1024];
      const ssize_t count = ::recv(ends[from].fd, bytes, sizeof(bytes), 0);
      if (count <= 0) return;
      const auto size = static_cast<std::size_t>(count);
      if (::send(ends[1 - from].fd, bytes, size, MSG_NOSIGNAL) != count) return;
    }
  }
}

int connect_to_loopback(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  REQUIRE(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  return descriptor;
}

// nghttpd, a server that speaks nothing but HTTP/2, as a child process.
class Http2Server {
 public:
  explicit Http2Server(const CertificateFiles& files) {
    for (int attempt = 0; attempt < 10 && !running(); ++attempt) start(files);
  }
  ~Http2Server() { stop(); }

  bool running() const { return child_ > 0; }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_) + "/v1/traces"; }

 private:
  // The port may be taken by somebody else before the child binds it; then its output ends at once.
  void start(const CertificateFiles& files) {
    port_ = unused_port();
    int output[2];
    REQUIRE(::pipe2(output, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::string words[] = {"nghttpd",   "--verbose",           "--echo-upload", "--address",
                           "127.0.0.1", std::to_string(port_), files.key,       files.certificate};
    char* arguments[std::size(words) + 1] = {};
    for (std::size_t index = 0; index < std::size(words); ++index) {
      arguments[index] = words[index].data();
    }
    const int failure = ::posix_spawnp(&child_, "nghttpd", &actions, nullptr, arguments, ::environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(output[1]);
    output_ = output[0];
    if (failure != 0) child_ = -1;
    if (failure != 0 || !read_until_listening()) stop();
  }

  bool read_until_listening() {
    std::string said;
    char byte = 0;
    while (said.find("listen") == std::string::npos) {
      if (::read(output_, &byte, 1) != 1) return false;
      said += byte;
    }
    drain_ = std::thread([descriptor = output_] {
      char bytes[4096];
      while (::read(descriptor, bytes, sizeof(bytes)) > 0) {
      }
    });
    return true;
  }

  void stop() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    if (drain_.joinable()) drain_.join();
    if (output_ >= 0) ::close(output_);
    child_ = -1;
    output_ = -1;
  }

  pid_t child_ = -1;
  int output_ = -1;
  std::uint16_t port_ = 0;
  std::thread drain_;
};

}  // namespace

TEST_CASE("a server with a good certificate is trusted") {
  REQUIRE(curl_is_ready);
  CertificateAuthority authority("hive");
  const HttpReply reply = try_certificate(authority.issue("good"), trusting(authority));
  CHECK(reply.status == 200);
  CHECK(reply.body == kBody);
}

TEST_CASE("an expired certificate is called expired") {
  CertificateAuthority authority("hive");
  CertificatePlan plan;
  plan.valid_until = -60;
  const HttpReply reply = try_certificate(authority.issue("old", plan), trusting(authority));
  CHECK(reply.outcome == TransportOutcome::NotConnected);
  CHECK(contains(reply.message, "it has expired"));
}

TEST_CASE("a certificate of the future points to the clock") {
  CertificateAuthority authority("hive");
  CertificatePlan plan;
  plan.valid_from = 3000;
  const HttpReply reply = try_certificate(authority.issue("early", plan), trusting(authority));
  CHECK(reply.outcome == TransportOutcome::NotConnected);
  CHECK(contains(reply.message, "not valid yet: check this machine's clock"));
}

TEST_CASE("a certificate for another name is called that") {
  CertificateAuthority authority("hive");
  CertificatePlan plan;
  plan.alternative_names = "DNS:other.example";
  const HttpReply reply = try_certificate(authority.issue("other", plan), trusting(authority));
  CHECK(reply.outcome == TransportOutcome::NotConnected);
  CHECK(contains(reply.message, "it is for another name"));
}

TEST_CASE("a certificate from an unknown issuer asks for the CA file") {
  CertificateAuthority authority("hive");
  CertificateAuthority stranger("stranger");
  const CertificateFiles files = stranger.issue("strange");
  for (const CurlOptions& options : {trusting(authority), CurlOptions{}}) {
    const HttpReply reply = try_certificate(files, options);
    CHECK(reply.outcome == TransportOutcome::NotConnected);
    CHECK(contains(reply.message, "its issuer is not trusted here: set the CA file"));
  }
}

TEST_CASE("a CA file that is missing or holds no certificate is told") {
  CertificateAuthority authority("hive");
  const CertificateFiles files = authority.issue("good");
  for (const std::string& path : {authority.file() + ".missing", files.key}) {
    CurlOptions options;
    options.ca_file = path;
    const HttpReply reply = try_certificate(files, options);
    CHECK(reply.outcome == TransportOutcome::NotConnected);
    CHECK(contains(reply.message, "a certificate or key file cannot be used"));
    CHECK(contains(reply.message, path));
  }
}

TEST_CASE("a server that asks for a client certificate gets it, and answers nobody without") {
  CertificateAuthority authority("hive");
  const CertificateFiles client = authority.issue("client");
  SecureServer server(authority.issue("good"), authority.file());
  CurlOptions options = trusting(authority);
  {
    CurlTransport transport(options);
    const HttpReply reply = exchange(transport, post_of(server.url(), kBody));
    // TLS 1.3 refuses after the client's handshake is over, so the request may have left.
    CHECK(reply.outcome == TransportOutcome::Interrupted);
    CHECK(server.requests() == 0);
  }
  options.client_certificate_file = client.certificate;
  options.client_key_file = client.key;
  CurlTransport transport(options);
  CHECK(exchange(transport, post_of(server.url(), kBody)).status == 200);
}

TEST_CASE("a server with nothing newer than TLS 1.1 is refused") {
  CertificateAuthority authority("hive");
  const CertificateFiles files = authority.issue("good");
  const std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context(
      ::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free);
  REQUIRE(::SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0") == 1);
  REQUIRE(::SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION) == 1);
  REQUIRE(::SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION) == 1);
  REQUIRE(::SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) == 1);
  REQUIRE(::SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) == 1);
  RawServer server([&context](RawConnection& connection) {
    const std::unique_ptr<SSL, decltype(&::SSL_free)> session(::SSL_new(context.get()), ::SSL_free);
    ::SSL_set_fd(session.get(), connection.descriptor());
    ::SSL_accept(session.get());
  });
  CurlTransport transport(trusting(authority));
  const HttpReply reply = exchange(transport, post_of("https://" + server.authority(), kBody));
  CHECK(reply.outcome == TransportOutcome::NotConnected);
  CHECK(contains(reply.message, "TLS 1.2 is needed"));
}

TEST_CASE("a tunnel through a proxy ends at the real server, and the proxy sees no secret") {
  CertificateAuthority authority("hive");
  SecureServer server(authority.issue("good"));
  const auto port = static_cast<std::uint16_t>(
      std::stoi(server.authority().substr(server.authority().find(':') + 1)));
  RawServer proxy([port](RawConnection& connection) {
    connection.read_request();
    const int target = connect_to_loopback(port);
    connection.send("HTTP/1.1 200 Connection established\r\nContent-Type: x/proxy\r\n\r\n");
    pump(connection.descriptor(), target);
    ::close(target);
  });
  const EnvironmentVariable variable("https_proxy", proxy.url(""));
  CurlTransport transport(trusting(authority));
  HttpRequest request = post_of(server.url(), kBody);
  request.headers.emplace_back("x-honeycomb-team", "hidden");
  const HttpReply reply = exchange(transport, request);
  CHECK(reply.status == 200);
  CHECK(reply.body == kBody);
  CHECK(reply.content_type == "application/json");
  REQUIRE(proxy.requests().size() == 1);
  CHECK(proxy.requests().at(0).first_line() == "CONNECT " + server.authority() + " HTTP/1.1");
  CHECK_FALSE(contains(proxy.requests().at(0).head, "hidden"));
}

TEST_CASE("a TLS server that goes away in mid-upload raises no signal in this program") {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = SIG_DFL;  // whose action is to end the program
  REQUIRE(::sigaction(SIGPIPE, nullptr, &before) == 0);
  CertificateAuthority authority("hive");
  SecureServer server(authority.issue("good"));
  server->Post("/refuse", [](const httplib::Request&, httplib::Response&,
                             const httplib::ContentReader& content) {
    content([](const char*, std::size_t) { return false; });
  });
  CurlTransport transport(trusting(authority));
  const std::string body(16 * 1024 * 1024, 's');
  const std::string url = "https://" + server.authority() + "/refuse";
  REQUIRE(::sigaction(SIGPIPE, &action, nullptr) == 0);
  for (int turn = 0; turn < 3; ++turn) {
    CHECK(exchange(transport, post_of(url, body)).outcome != TransportOutcome::NotConnected);
  }
  REQUIRE(::sigaction(SIGPIPE, &before, &action) == 0);
  CHECK((action.sa_handler == SIG_DFL));
}

TEST_CASE("HTTP/2 carries requests of all sizes, one after another and after a cancelled one") {
  CertificateAuthority authority("hive");
  Http2Server server(authority.issue("good"));
  if (!server.running()) {
    MESSAGE(
        "SKIPPED: nghttpd is not installed (Debian package nghttp2-server), HTTP/2 is untested");
    return;
  }
  CurlOptions options = trusting(authority);
  options.largest_reply = 8 * 1024 * 1024;
  CurlTransport transport(options);
  for (const std::size_t size : {0u, 20u, 65536u, 3u * 1024u * 1024u}) {
    CAPTURE(size);
    const std::string body(size, 'h');
    const HttpReply reply = exchange(transport, post_of(server.url(), body));
    CAPTURE(reply.message);
    CHECK(reply.status == 200);
    CHECK((reply.body == body));
  }
  const std::string body(4 * 1024 * 1024, 'c');
  transport.begin(post_of(server.url(), body));
  transport.poll();
  transport.poll();
  transport.cancel();
  CHECK(transport.poll().outcome == TransportOutcome::Interrupted);
  CHECK(exchange(transport, post_of(server.url(), kBody)).body == kBody);
}
