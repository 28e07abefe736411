// The program ends while the collector is in the middle of a request: in a TLS handshake that
// stalls, in an upload that nobody reads, in a look-up of a name that no server answers; by every
// way to end, while another thread goes on recording. It ends in time, and never crashes.
// run: handshake return
// run: handshake exit_elsewhere
// run: handshake quick_exit
// run: handshake static
// run: upload return
// run: upload exit_elsewhere
// run: upload quick_exit
// run: upload static
// run: name return
// run: name exit_elsewhere
// run: name quick_exit
// run: name static
#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <waggle/sdk.hpp>

#include "../support/counting_exporter.hpp"
#include "../support/raw_server.hpp"

using waggle_test::require;

namespace {
std::atomic<bool> is_looking_up{false};
}

// Stands before the C library's function: a name server that never answers.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  if (name != nullptr && std::string_view(name) == "hanging.test") {
    is_looking_up = true;
    for (;;) ::pause();
  }
  using Function = int(const char*, const char*, const addrinfo*, addrinfo**);
  static auto* const real = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(name, service, hints, found);
}

namespace {

// Takes a connection's first bytes and lets it hang; there is no room for many more.
class DeafServer {
 public:
  DeafServer() : listener_(waggle_test::listen_on_loopback(port_)) {
    const int room = 4096;
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
  }

  std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }

  // Waits until a client has sent something.
  void wait_for_client() const {
    const int connection = ::accept(listener_, nullptr, nullptr);
    char byte = 0;
    require(::recv(connection, &byte, 1, MSG_PEEK) == 1, "the client has begun to talk");
  }

 private:
  std::uint16_t port_ = 0;
  const int listener_;
};

void record(int count) {
  const std::string text(2000, 'x');
  for (int number = 0; number < count; ++number) {
    waggle::Span span{"span"};
    span.set_attribute("text", text);
  }
}

// Returns in the middle of a request.
waggle::Tracing start_request(std::string_view hanging) {
  const DeafServer server;
  waggle::Config config;
  config.batch_delay = waggle::Milliseconds(20);
  config.exit_timeout = waggle::Milliseconds(100);
  config.on_message = [](std::string_view, void*) {};
  config.endpoint = hanging == "name"        ? "http://hanging.test:4318"
                    : hanging == "handshake" ? "https://" + server.authority()
                                             : "http://" + server.authority();
  waggle::Tracing tracing = waggle::start(std::move(config));
  require(tracing.is_on(), "tracing is on");
  record(100);
  if (hanging == "name") {
    while (!is_looking_up) std::this_thread::yield();
  } else {
    server.wait_for_client();
  }
  require(waggle::stats().in_flight > 0, "spans are on their way");
  std::thread([] {
    for (;;) {
      record(10);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }).detach();
  ::alarm(3);
  return tracing;
}

int end_by_return(std::string_view hanging) {
  const waggle::Tracing tracing = start_request(hanging);
  return 0;
}

void exit_elsewhere(std::string_view hanging) {
  const waggle::Tracing tracing = start_request(hanging);
  std::thread([] { std::exit(0); }).join();
}

void quick_exit(std::string_view hanging) {
  const waggle::Tracing tracing = start_request(hanging);
  std::quick_exit(0);
}

int end_with_static(std::string_view hanging) {
  static const waggle::Tracing tracing = start_request(hanging);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string_view way = argv[2];
  if (way == "return") return end_by_return(argv[1]);
  if (way == "static") return end_with_static(argv[1]);
  if (way == "exit_elsewhere") exit_elsewhere(argv[1]);
  if (way == "quick_exit") quick_exit(argv[1]);
  return 2;
}
