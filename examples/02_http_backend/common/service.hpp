// What a service needs around its handlers: a port, and an orderly end on SIGINT and SIGTERM, so
// that the last spans are sent too.
#ifndef EXAMPLES_COMMON_SERVICE_HPP
#define EXAMPLES_COMMON_SERVICE_HPP

#include <httplib.h>
#include <signal.h>
#include <sys/socket.h>

#include <iostream>
#include <thread>

// Holds back SIGINT and SIGTERM in this thread, and in every thread that it starts from then on,
// until somebody waits for them. No handler runs, so there is nothing that one must not call.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }

  void wait() const {
    int signal = 0;
    sigwait(&signals_, &signal);
  }

 private:
  sigset_t signals_;
};

// Serves on 127.0.0.1 until a signal arrives and the requests under way are answered; false if the
// port cannot be had. Says on stdout when requests are accepted.
inline bool serve(httplib::Server& server, int port, const StopSignals& stop_signals) {
  // httplib's own choice, SO_REUSEPORT, would share the port with another copy of this program.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  server.set_keep_alive_timeout(1);
  // A reply is two writes: the second would wait for the client to confirm the first.
  server.set_tcp_nodelay(true);
  if (!server.bind_to_port("127.0.0.1", port)) {
    std::cerr << "port " << port << " cannot be had: is it in use?\n";
    return false;
  }
  std::thread serving{[&server] { server.listen_after_bind(); }};
  std::cout << "listening on http://127.0.0.1:" << port << std::endl;

  stop_signals.wait();
  while (!server.is_running()) std::this_thread::yield();  // stop() would not be heard yet
  server.stop();
  serving.join();
  return true;
}

#endif  // EXAMPLES_COMMON_SERVICE_HPP
