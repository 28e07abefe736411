// An OTLP/HTTP server on 127.0.0.1 that follows a script, faults included, and keeps books of every
// span that it has read and of every answer that it has given:
//
//   ScriptedServer server(in_order({fail_with(503, false), vanish(true)}, accept_spans()));
//   ... server.url() ... server.stop() ... ServerBooks(server.exchanges())
//
// Each connection has a thread of its own. The n-th act is for the n-th request, counted when its
// first byte is there. The books are complete once stop() has returned.
#ifndef WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_HPP
#define WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_HPP

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "certificates.hpp"
#include "scripted_server_act.hpp"
#include "scripted_server_books.hpp"
#include "scripted_server_notes.hpp"
#include "scripted_server_request.hpp"
#include "scripted_server_wire.hpp"

namespace waggle_test {

class ScriptedServer {
 public:
  explicit ScriptedServer(ActScript script) : ScriptedServer(std::move(script), nullptr) {}

  // With TLS.
  ScriptedServer(ActScript script, const CertificateFiles& files)
      : ScriptedServer(std::move(script), server_context(files)) {}

  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() { stop(); }

  std::uint16_t port() const { return port_.number(); }

  // The base URL, as a Config's endpoint wants it.
  std::string url() const { return url_of("127.0.0.1"); }

  // The same under another name of this machine.
  std::string url_of(const std::string& host) const {
    return (context_ ? "https://" : "http://") + host + ":" + std::to_string(port());
  }

  // Closes the listening socket and all connections: whoever connects is refused.
  void refuse_connections() {
    const std::lock_guard<std::mutex> lock(control_);
    stop_listening();
    interrupt_connections();
  }

  // Listens again, on the same port.
  void listen_again() {
    const std::lock_guard<std::mutex> lock(control_);
    if (!acceptor_.joinable()) start_listening();
  }

  // Lets everything go on that stalls now or will stall.
  void let_go() { notes_.let_go(); }

  // Ends every connection and thread; may be called twice. The books are complete afterwards.
  void stop() {
    const std::lock_guard<std::mutex> lock(control_);
    stop_listening();
    notes_.end();
    interrupt_connections();
    for (Connection& connection : connections_) {
      if (connection.thread.joinable()) connection.thread.join();
    }
  }

  // All requests in the order in which their first byte came, the unfinished ones included.
  std::vector<Exchange> exchanges() const { return notes_.exchanges(); }

  // How many connections there were.
  std::size_t connections() const { return notes_.connections(); }

  // Wait until so many requests have come, or stall; false after `longest`.
  bool wait_for_requests(std::size_t count,
                         std::chrono::milliseconds longest = std::chrono::seconds(10)) {
    return notes_.wait_for_requests(count, longest);
  }
  bool wait_for_stalled(std::size_t count,
                        std::chrono::milliseconds longest = std::chrono::seconds(10)) {
    return notes_.wait_for_stalled(count, longest);
  }

 private:
  struct Connection {
    explicit Connection(int descriptor) : wire(descriptor) {}
    Wire wire;
    std::thread thread;
  };

  ScriptedServer(ActScript script, SslContext context)
      : notes_(std::move(script)), context_(std::move(context)) {
    start_listening();
  }

  // ---- connections ----

  void start_listening() {
    port_.open();
    acceptor_ = std::thread([this] { accept_all(); });
  }

  void stop_listening() {
    if (!acceptor_.joinable()) return;
    port_.interrupt();
    acceptor_.join();
    port_.close();
  }

  void interrupt_connections() {
    for (Connection& connection : connections_) connection.wire.interrupt();
  }

  void accept_all() {
    sigset_t pipe;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);  // for the connections' threads as well
    for (;;) {
      const int descriptor = port_.accept();
      if (descriptor < 0) return;
      Connection& connection = connections_.emplace_back(descriptor);
      notes_.count_connection();
      connection.thread = std::thread([this, &connection] { serve(connection.wire); });
    }
  }

  void serve(Wire& wire) {
    std::string read_ahead;
    bool goes_on = true;
    while (goes_on && (!read_ahead.empty() || wire.wait_for_byte())) {
      std::size_t number = 0;
      const Act act = notes_.begin(number);
      goes_on = act.handshake == Handshake::Proper ? answer(wire, act, number, read_ahead)
                                                   : spoil(wire, act.handshake);
    }
    wire.close();
  }

  // ---- acts ----

  bool spoil(Wire& wire, Handshake handshake) {
    static const std::string kGarbage = "SSH-2.0-OpenSSH_9.2\r\n";
    static const std::string kAlert("\x15\x03\x03\x00\x02\x02\x28", 7);  // fatal: handshake_failure
    if (handshake == Handshake::Stall) {
      notes_.stall();
    } else {
      const std::string& bytes = handshake == Handshake::Alert ? kAlert : kGarbage;
      wire.write_beneath(bytes.data(), bytes.size());
      wire.linger_and_close();
    }
    return false;
  }

  // Does all of `act`; true if the connection goes on.
  bool answer(Wire& wire, const Act& act, std::size_t number, std::string& read_ahead) {
    if (context_ && !wire.is_secure() && !wire.secure(context_.get())) return false;
    if (act.ending == Ending::Stall) wire.narrow();
    RequestReader reader(wire, act, read_ahead, [this, &act] { notes_.pause(act.read_pause); });
    const bool is_read = reader.read();
    Exchange exchange = reader.exchange(number % 5 == 0);
    notes_.note(number, exchange);
    if (act.request_bytes != kAllBytes) return end(wire, act.ending);
    if (!is_read) return false;
    if (act.stalls_before_reply && !notes_.stall()) return false;
    reply(wire, act, exchange, number);
    return end(wire, act.ending);
  }

  // What is said is noted before it is said, so that no client can know more than the books.
  void reply(Wire& wire, const Act& act, Exchange& exchange, std::size_t number) {
    const std::string text = reply_to(exchange, act);
    const std::size_t size = (std::min)(text.size(), act.reply_bytes);
    exchange.said = size == 0 ? Said::Nothing : size < text.size() ? Said::Cut : Said::Doubtful;
    notes_.note(number, exchange);
    std::size_t sent = 0;
    while (sent < size) {
      const std::size_t part = (std::min)(size - sent, act.write_at_once);
      if (!wire.write(text.data() + sent, part)) return;
      sent += part;
      if (!notes_.pause(act.write_pause)) return;
    }
    const bool is_clear = act.length_error == 0 && act.ending != Ending::Reset;
    if (exchange.said != Said::Doubtful || !is_clear) return;
    exchange.said = Said::All;
    notes_.note(number, exchange);
  }

  bool end(Wire& wire, Ending ending) {
    if (ending == Ending::KeepAlive) return true;
    if (ending == Ending::Stall) notes_.stall();
    if (ending == Ending::Reset) wire.reset();
    if (ending == Ending::Linger) wire.linger_and_close();
    return false;
  }

  ServerNotes notes_;
  const SslContext context_;

  std::mutex control_;  // held by those who start and end threads
  LoopbackPort port_;
  std::list<Connection> connections_;  // grown by the acceptor, read once it has been joined
  std::thread acceptor_;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_HPP
