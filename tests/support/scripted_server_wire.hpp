// A port that can be opened and closed again, and the server's side of one TCP connection, plain or
// with TLS: blocking calls that another thread can interrupt, and endings of both kinds.
#ifndef WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_WIRE_HPP
#define WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_WIRE_HPP

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "certificates.hpp"

namespace waggle_test {

// A free port of 127.0.0.1, kept while nobody listens on it. open() and close() come from one
// thread.
class LoopbackPort {
 public:
  LoopbackPort() : reservation_(bind(number_)) {}
  LoopbackPort(const LoopbackPort&) = delete;
  LoopbackPort& operator=(const LoopbackPort&) = delete;
  ~LoopbackPort() { ::close(reservation_); }

  std::uint16_t number() const { return number_; }

  void open(int backlog = 64) {
    listener_ = bind(number_);
    if (::listen(listener_, backlog) != 0) std::abort();
  }
  void close() { ::close(listener_); }

  // Returns a connection's descriptor; negative once interrupted.
  int accept() { return ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC); }

  // From any thread while it is open: ends accept(), now and later.
  void interrupt() { ::shutdown(listener_, SHUT_RDWR); }

 private:
  // Several sockets may be bound to a port on which at most one listens.
  static int bind(std::uint16_t& number) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (descriptor < 0 || ::bind(descriptor, generic, size) != 0 ||
        ::getsockname(descriptor, generic, &size) != 0) {
      std::abort();
    }
    number = ntohs(address.sin_port);
    return descriptor;
  }

  std::uint16_t number_ = 0;
  const int reservation_;
  int listener_ = -1;
};

struct SslRelease {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
  void operator()(SSL* session) const { ::SSL_free(session); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslRelease>;

inline SslContext server_context(const CertificateFiles& files) {
  SslContext context(::SSL_CTX_new(::TLS_server_method()));
  if (!context ||
      ::SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1 ||
      ::SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    std::abort();
  }
  return context;
}

// Used by one thread, except for interrupt(). That thread has SIGPIPE blocked.
class Wire {
 public:
  explicit Wire(int descriptor) : descriptor_(descriptor) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { close(); }

  bool is_secure() const { return session_ != nullptr; }

  // Answers a TLS handshake; false if it came to nothing.
  bool secure(SSL_CTX* context) {
    session_.reset(::SSL_new(context));
    ::SSL_set_fd(session_.get(), descriptor_);
    ::ERR_clear_error();
    return ::SSL_accept(session_.get()) == 1;
  }

  // Makes the peer feel that nobody reads, long before megabytes are on their way.
  void narrow() {
    const int bytes = 4096;
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  }

  // Waits until there is a byte to read, and leaves it there; false if none will come.
  bool wait_for_byte() {
    char byte = 0;
    if (!session_) return ::recv(descriptor_, &byte, 1, MSG_PEEK) > 0;
    ::ERR_clear_error();
    return ::SSL_peek(session_.get(), &byte, 1) > 0;
  }

  // Returns how many bytes came, at least one; 0 if none will come.
  std::size_t read(char* bytes, std::size_t size) {
    if (!session_) {
      const ssize_t count = ::recv(descriptor_, bytes, size, 0);
      return count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    std::size_t count = 0;
    ::ERR_clear_error();
    return ::SSL_read_ex(session_.get(), bytes, size, &count) == 1 ? count : 0;
  }

  // Sends all bytes; false if the peer is gone.
  bool write(const char* bytes, std::size_t size) {
    if (session_) {
      std::size_t count = 0;
      ::ERR_clear_error();
      return size == 0 || ::SSL_write_ex(session_.get(), bytes, size, &count) == 1;
    }
    return write_beneath(bytes, size);
  }

  // Sends bytes beneath TLS.
  bool write_beneath(const char* bytes, std::size_t size) {
    while (size > 0) {
      const ssize_t count = ::send(descriptor_, bytes, size, MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes += count;
      size -= static_cast<std::size_t>(count);
    }
    return true;
  }

  void close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    session_.reset();
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

  // Closes with RST.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close();
  }

  // Sends FIN, then reads and forgets until the peer has closed.
  void linger_and_close() {
    ::shutdown(descriptor_, SHUT_WR);
    char bytes[4096];
    while (::recv(descriptor_, bytes, sizeof(bytes), 0) > 0) {
    }
    close();
  }

  // From any thread: ends what blocks, now and later.
  void interrupt() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
  }

 private:
  std::mutex mutex_;  // between close() and interrupt()
  int descriptor_;
  std::unique_ptr<SSL, SslRelease> session_;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_WIRE_HPP
