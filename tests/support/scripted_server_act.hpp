// What a scripted server does with one request: how it reads, what it answers and how it ends. An
// act is plain data; the functions below make the usual ones, and their members may be changed
// afterwards. Scripts say which act the n-th request gets.
#ifndef WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_ACT_HPP
#define WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_ACT_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace waggle_test {

constexpr std::size_t kAllBytes = static_cast<std::size_t>(-1);

// Proper on a server without TLS means that the request comes at once.
enum class Handshake { Proper, Garbage, Alert, Stall };

// Close and Reset close the socket, Reset with RST. Stall keeps it open, and reads nothing, until
// the server lets go. Linger sends FIN and then reads until the peer has closed.
enum class Ending { KeepAlive, Close, Reset, Stall, Linger };

struct Act {
  std::string name;

  Handshake handshake = Handshake::Proper;

  // Reads no more than so many bytes, head and body together, and then ends without an answer.
  std::size_t request_bytes = kAllBytes;
  std::size_t read_at_once = 64 * 1024;
  std::chrono::milliseconds read_pause{0};
  bool reads_body = true;

  // Whether spans that were read wholly are kept, whatever is answered.
  bool keeps = true;

  bool stalls_before_reply = false;
  std::string interim;  // goes before the reply: whole 1xx replies
  int status = 200;
  std::string headers;  // whole lines, each with its "\r\n"
  std::string body = "{}";
  std::uint64_t rejects = 0;             // spans, the first ones; answered as a partial success
  std::size_t largest_body = kAllBytes;  // 413 above that, before any compression
  int length_error = 0;                  // added to the Content-Length that is told
  std::size_t reply_bytes = kAllBytes;   // sends no more than so many, the interim ones included
  std::size_t write_at_once = kAllBytes;
  std::chrono::milliseconds write_pause{0};
  Ending ending = Ending::KeepAlive;
};

// ---- acts that take the request ----

inline Act accept_spans(int status = 200) {
  Act act;
  act.name = "accept with " + std::to_string(status);
  act.status = status;
  if (status == 204) act.body.clear();
  return act;
}

inline Act reject_some(std::uint64_t spans) {
  Act act = accept_spans();
  act.name = "reject " + std::to_string(spans) + " spans";
  act.rejects = spans;
  return act;
}

// Announces nothing, and closes.
inline Act close_after_reply() {
  Act act = accept_spans();
  act.name = "close after the reply";
  act.ending = Ending::Close;
  return act;
}

inline Act reply_byte_by_byte(std::chrono::milliseconds pause = std::chrono::milliseconds(0)) {
  Act act = accept_spans();
  act.name = "reply byte by byte";
  act.write_at_once = 1;
  act.write_pause = pause;
  return act;
}

inline Act read_slowly(std::size_t at_once = 4096,
                       std::chrono::milliseconds pause = std::chrono::milliseconds(1)) {
  Act act = accept_spans();
  act.name = "read slowly";
  act.read_at_once = at_once;
  act.read_pause = pause;
  return act;
}

inline Act continue_first() {
  Act act = accept_spans();
  act.name = "1xx before the reply";
  act.interim =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
  return act;
}

inline Act broken_gzip() {
  Act act = accept_spans();
  act.name = "broken gzip";
  act.headers = "Content-Encoding: gzip\r\n";
  act.body = "this is no gzip";
  return act;
}

// Tells `error` bytes too many, or too few if it is negative, and closes.
inline Act wrong_length(int error) {
  Act act = close_after_reply();
  act.name = "Content-Length wrong by " + std::to_string(error);
  act.length_error = error;
  return act;
}

// ---- acts that refuse it ----

// Does not keep the spans.
inline Act refuse_with(int status, std::string headers = "", std::string body = "") {
  Act act;
  act.name = "refuse with " + std::to_string(status);
  act.keeps = false;
  act.status = status;
  act.headers = std::move(headers);
  act.body = std::move(body);
  return act;
}

inline Act retry_after(std::string value, int status = 503) {
  Act act = refuse_with(status, "Retry-After: " + value + "\r\n");
  act.name += ", Retry-After: " + std::move(value);
  return act;
}

inline Act redirect_to(const std::string& url, int status = 307) {
  return refuse_with(status, "Location: " + url + "\r\n");
}

// Takes bodies up to `bytes`.
inline Act limit_to(std::size_t bytes) {
  Act act = accept_spans();
  act.name = "413 above " + std::to_string(bytes) + " bytes";
  act.largest_body = bytes;
  return act;
}

// Answers as soon as it has seen the head.
inline Act refuse_early(int status) {
  Act act = refuse_with(status, "Connection: close\r\n");
  act.name += " before the body";
  act.reads_body = false;
  act.ending = Ending::Linger;
  return act;
}

// ---- acts that leave it open ----

inline Act fail_with(int status, bool keeps) {
  Act act = refuse_with(status);
  act.name = "fail with " + std::to_string(status) + (keeps ? ", spans kept" : ", spans not kept");
  act.keeps = keeps;
  return act;
}

inline Act end_in_request(std::size_t bytes, Ending ending) {
  Act act;
  act.name = (ending == Ending::Reset   ? "reset after "
              : ending == Ending::Stall ? "stall after "
                                        : "close after ") +
             std::to_string(bytes) + " bytes of the request";
  act.request_bytes = bytes;
  act.ending = ending;
  return act;
}

inline Act end_in_reply(std::size_t bytes, bool keeps, Ending ending) {
  Act act = accept_spans();
  act.name = (ending == Ending::Reset ? "reset after " : "close after ") + std::to_string(bytes) +
             (keeps ? " bytes of the reply, spans kept" : " bytes of the reply, spans not kept");
  act.reply_bytes = bytes;
  act.keeps = keeps;
  act.ending = ending;
  return act;
}

// Reads all and says nothing.
inline Act vanish(bool keeps) {
  Act act = end_in_reply(0, keeps, Ending::Close);
  act.name = std::string("close without an answer") + (keeps ? ", spans kept" : "");
  return act;
}

// Reads all and holds the reply back until the server lets go.
inline Act stall_reply() {
  Act act = accept_spans();
  act.name = "stall before the reply";
  act.stalls_before_reply = true;
  return act;
}

inline Act spoil_handshake(Handshake handshake) {
  Act act;
  act.name = handshake == Handshake::Garbage ? "garbage instead of a handshake"
             : handshake == Handshake::Alert ? "alert instead of a handshake"
                                             : "stall instead of a handshake";
  act.handshake = handshake;
  return act;
}

// ---- scripts ----

// Called for each request, counted from 0, one call at a time.
using ActScript = std::function<Act(std::size_t number)>;

inline ActScript always(Act act) {
  return [act = std::move(act)](std::size_t) { return act; };
}

// The acts one after the other, then `rest` for ever.
inline ActScript in_order(std::vector<Act> acts, Act rest = accept_spans()) {
  return [acts = std::move(acts), rest = std::move(rest)](std::size_t number) {
    return number < acts.size() ? acts[number] : rest;
  };
}

// The acts in turn, again and again.
inline ActScript in_turn(std::vector<Act> acts) {
  return [acts = std::move(acts)](std::size_t number) { return acts[number % acts.size()]; };
}

inline ActScript at_random(std::uint64_t seed, std::vector<Act> acts) {
  return [random = std::mt19937_64(seed), acts = std::move(acts)](std::size_t) mutable {
    return acts[random() % acts.size()];
  };
}

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_ACT_HPP
