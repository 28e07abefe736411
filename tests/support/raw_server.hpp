// A TCP server for tests that says exactly what it is told to, lies and silence included. A script
// runs for each connection, on a thread of its own:
//
//   RawServer server([](RawConnection& connection) {
//     while (connection.read_request()) connection.send(http_reply(200, "{}"));
//   });
//   ... server.url("/v1/traces") ... server.requests() ... server.accepted()
//
// A script may block for as long as it likes: the server's end closes every socket under it. The
// connection is closed when its script returns.
#ifndef WAGGLE_TESTS_SUPPORT_RAW_SERVER_HPP
#define WAGGLE_TESTS_SUPPORT_RAW_SERVER_HPP

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace waggle_test {

// One request as it came over the wire.
struct RawRequest {
  std::string head;  // request line and headers, with the empty line that ends them
  std::string body;  // as long as Content-Length says

  std::string first_line() const { return head.substr(0, head.find("\r\n")); }

  // Returns the values of all headers called `name`, in order; names are compared as written in
  // lowercase, so pass it in lowercase.
  std::vector<std::string> headers(const std::string& name) const {
    std::vector<std::string> values;
    std::size_t begin = head.find("\r\n");
    while (begin != std::string::npos) {
      begin += 2;
      const std::size_t end = head.find("\r\n", begin);
      if (end == std::string::npos || end == begin) break;
      std::string line = head.substr(begin, end - begin);
      const std::size_t colon = line.find(':');
      for (std::size_t index = 0; index < colon && index < line.size(); ++index) {
        if (line[index] >= 'A' && line[index] <= 'Z') line[index] += 'a' - 'A';
      }
      if (line.compare(0, colon, name) == 0 && colon == name.size()) {
        const std::size_t value = line.find_first_not_of(' ', colon + 1);
        values.push_back(value == std::string::npos ? "" : line.substr(value));
      }
      begin = end;
    }
    return values;
  }
};

// Writes a complete HTTP/1.1 reply. `more_headers` are whole lines, each with its "\r\n".
inline std::string http_reply(int status, const std::string& body,
                              const std::string& more_headers = "") {
  return "HTTP/1.1 " + std::to_string(status) + " Reply\r\n" + more_headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Opens a listening socket on an ephemeral port of 127.0.0.1 and stores the port. Aborts the test
// program if there is none to be had.
inline int listen_on_loopback(std::uint16_t& port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (descriptor < 0 || ::bind(descriptor, generic, size) != 0 || ::listen(descriptor, 64) != 0 ||
      ::getsockname(descriptor, generic, &size) != 0) {
    std::abort();
  }
  port = ntohs(address.sin_port);
  return descriptor;
}

// Returns a port of 127.0.0.1 at which nobody listens.
inline std::uint16_t unused_port() {
  std::uint16_t port = 0;
  ::close(listen_on_loopback(port));
  return port;
}

class RawServer;

// The server's side of one connection. Used by its script's thread only.
class RawConnection {
 public:
  RawConnection(RawServer& server, int descriptor, int number)
      : server_(server), descriptor_(descriptor), number_(number) {}
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  ~RawConnection() { close(); }

  // Counts connections from 1, in the order in which they were accepted.
  int number() const { return number_; }
  int descriptor() const { return descriptor_; }

  // Reads one request and records it with the server; nothing if the peer closed before its end.
  std::optional<RawRequest> read_request();

  // Reads a request's head only and leaves the body unread; it is not recorded.
  std::optional<RawRequest> read_head() {
    RawRequest request;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) return std::nullopt;
    }
    request.head = buffer_.substr(0, end + 4);
    buffer_.erase(0, end + 4);
    return request;
  }

  // Sends all of `bytes`; false if the peer is gone.
  bool send(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t count =
          ::send(descriptor_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return false;
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }

  // Reads and discards until the peer closes or the server ends.
  void wait_until_closed() {
    while (receive()) buffer_.clear();
  }

  // Sleeps, reading nothing, until the server ends.
  void wait_for_server_end();

  // Closes in the orderly way.
  void close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

  // Closes with a reset, so that the peer's next write fails.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close();
  }

 private:
  friend class RawServer;

  bool receive() {
    char bytes[16 * 1024];
    const ssize_t count = ::recv(descriptor_, bytes, sizeof(bytes), 0);
    if (count > 0) buffer_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }

  // Called by the server's thread: wakes a blocked script.
  void interrupt() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
  }

  RawServer& server_;
  std::mutex mutex_;  // between close() and interrupt()
  int descriptor_;
  const int number_;
  std::string buffer_;
};

class RawServer {
 public:
  using Script = std::function<void(RawConnection&)>;

  explicit RawServer(Script script)
      : script_(std::move(script)),
        listener_(listen_on_loopback(port_)),
        acceptor_([this] { accept_all(); }) {}
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    end();
    for (Session& session : sessions_) session.connection.interrupt();
    for (Session& session : sessions_) session.thread.join();
  }

  std::uint16_t port() const { return port_; }
  std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(const std::string& path = "/v1/traces") const {
    return "http://" + authority() + path;
  }

  int accepted() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return accepted_;
  }

  std::vector<RawRequest> requests() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }

  // Wait until that many have come; false after ten seconds, which only a broken test needs.
  bool wait_for_connections(int count) {
    return wait_for([this, count] { return accepted_ >= count; });
  }
  bool wait_for_requests(std::size_t count) {
    return wait_for([this, count] { return requests_.size() >= count; });
  }

 private:
  friend class RawConnection;

  struct Session {
    Session(RawServer& server, int descriptor, int number)
        : connection(server, descriptor, number) {}
    RawConnection connection;
    std::thread thread;
  };

  void accept_all() {
    for (;;) {
      const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (descriptor < 0) return;
      Session& session = sessions_.emplace_back(*this, descriptor, count_connection());
      session.thread = std::thread([this, &session] {
        script_(session.connection);
        session.connection.close();
      });
    }
  }

  void end() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  int count_connection() {
    const std::lock_guard<std::mutex> lock(mutex_);
    changed_.notify_all();
    return ++accepted_;
  }

  void record(const RawRequest& request) {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.push_back(request);
    changed_.notify_all();
  }

  template <class Condition>
  bool wait_for(Condition condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), condition);
  }

  const Script script_;
  std::uint16_t port_ = 0;
  const int listener_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  int accepted_ = 0;
  std::vector<RawRequest> requests_;
  std::list<Session> sessions_;  // grown by the acceptor, read after it has been joined
  std::thread acceptor_;
};

inline std::optional<RawRequest> RawConnection::read_request() {
  std::optional<RawRequest> request = read_head();
  if (!request) return std::nullopt;
  const std::vector<std::string> lengths = request->headers("content-length");
  const std::size_t length = lengths.empty() ? 0 : std::strtoul(lengths[0].c_str(), nullptr, 10);
  while (buffer_.size() < length) {
    if (!receive()) return std::nullopt;
  }
  request->body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  server_.record(*request);
  return request;
}

inline void RawConnection::wait_for_server_end() {
  std::unique_lock<std::mutex> lock(server_.mutex_);
  server_.changed_.wait(lock, [this] { return server_.ended_; });
}

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_RAW_SERVER_HPP
