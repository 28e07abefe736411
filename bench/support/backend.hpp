// The backend: an HTTP/1.1 server in a process of its own, which reads requests to their end,
// forgets them and answers 200, or one that fails in one of the usual ways. It does as little as
// can be done, since it shares the machine with what is measured.
#ifndef WAGGLE_BENCH_SUPPORT_BACKEND_HPP
#define WAGGLE_BENCH_SUPPORT_BACKEND_HPP

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

namespace bench {

// How a backend answers: at once, half a second late, never though it accepts, or not even the
// connection.
enum class Manner { Healthy, Slow, Hanging, Refusing };

// Starts the process; ends it when destroyed. To be made before any thread is.
class Backend {
 public:
  explicit Backend(Manner manner = Manner::Healthy) : manner_(manner) {
    void* shared = ::mmap(nullptr, sizeof(Received), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return;
    received_ = new (shared) Received;
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any_address = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener, any_address, size) != 0 ||
        ::getsockname(listener, any_address, &size) != 0) {
      return;
    }
    port_ = ntohs(address.sin_port);
    // A port that is bound but not listened at refuses, and nobody else can come to listen there.
    if (manner_ == Manner::Refusing) return;
    if (::listen(listener, 16) != 0) return;
    process_ = ::fork();
    if (process_ == 0) serve(listener);
    ::close(listener);
  }
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  ~Backend() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  bool is_running() const noexcept { return process_ > 0 || manner_ == Manner::Refusing; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int port() const noexcept { return port_; }

  // Returns how many bytes all requests had so far, their headers included.
  std::uint64_t received_bytes() const noexcept { return received_->bytes.load(); }

 private:
  // Written by the server's process, read by this one.
  struct Received {
    std::atomic<std::uint64_t> bytes{0};
  };

  // Each connection has a process of its own, for some libraries have several.
  [[noreturn]] void serve(int listener) const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGCHLD, SIG_IGN);
    while (true) {
      const int connection = ::accept(listener, nullptr, nullptr);
      if (connection < 0) ::_exit(1);
      if (::fork() == 0) serve_connection(connection);
      ::close(connection);
    }
  }

  [[noreturn]] void serve_connection(int connection) const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int yes = 1;
    ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    while (answer_request(connection)) {
    }
    ::_exit(0);
  }

  static bool send_text(int connection, const char* text) {
    const std::size_t size = std::strlen(text);
    return ::send(connection, text, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
  }

  // Reads one request with a Content-Length and answers it; false once the peer has gone.
  bool answer_request(int connection) const {
    static std::vector<char> buffer(1 << 20);
    std::string head;
    std::size_t head_end = std::string::npos;
    while (head_end == std::string::npos) {
      const ssize_t size = ::recv(connection, buffer.data(), buffer.size(), 0);
      if (size <= 0) return false;
      head.append(buffer.data(), static_cast<std::size_t>(size));
      received_->bytes += static_cast<std::uint64_t>(size);
      head_end = head.find("\r\n\r\n");
    }
    const std::size_t have = head.size() - head_end - 4;
    head.resize(head_end);
    if (::strcasestr(head.c_str(), "\r\nexpect:") != nullptr &&
        !send_text(connection, "HTTP/1.1 100 Continue\r\n\r\n")) {
      return false;
    }
    const char* length = ::strcasestr(head.c_str(), "\r\ncontent-length:");
    std::size_t left = length == nullptr ? 0 : std::strtoull(length + 17, nullptr, 10);
    left -= have < left ? have : left;
    while (left > 0) {
      const ssize_t size = ::recv(connection, buffer.data(), buffer.size(), 0);
      if (size <= 0) return false;
      received_->bytes += static_cast<std::uint64_t>(size);
      left -= static_cast<std::size_t>(size) < left ? static_cast<std::size_t>(size) : left;
    }
    if (manner_ == Manner::Hanging) return ::recv(connection, buffer.data(), 1, 0) > 0;
    if (manner_ == Manner::Slow) {
      const timespec half_a_second{0, 500000000};
      ::nanosleep(&half_a_second, nullptr);
    }
    return send_text(connection,
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: 2\r\n\r\n{}");
  }

  const Manner manner_;
  int port_ = 0;
  pid_t process_ = -1;
  Received* received_ = nullptr;
};

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_BACKEND_HPP
