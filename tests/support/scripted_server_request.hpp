// One HTTP/1.1 request of a scripted server, read the way its act says, and the reply's bytes.
#ifndef WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_REQUEST_HPP
#define WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_REQUEST_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

#include "raw_server.hpp"
#include "scripted_server_act.hpp"
#include "scripted_server_books.hpp"
#include "scripted_server_wire.hpp"

namespace waggle_test {

// `read_ahead` holds what was read already, and afterwards what was read of the next request.
class RequestReader {
 public:
  RequestReader(Wire& wire, const Act& act, std::string& read_ahead, std::function<void()> pause)
      : wire_(wire), act_(act), bytes_(read_ahead), pause_(std::move(pause)) {}

  // Reads as much as the act wants; false if it is not a whole request, or the act wants less.
  bool read() {
    std::size_t head_size = 0;
    while ((head_size = bytes_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) return false;
    }
    head_size += 4;
    request_.head = bytes_.substr(0, head_size);
    if (!act_.reads_body) {
      bytes_.clear();
      return true;
    }
    const auto lengths = request_.headers("content-length");
    has_length_ = lengths.size() == 1;
    const std::size_t size =
        head_size + (has_length_ ? std::strtoull(lengths[0].c_str(), nullptr, 10) : 0);
    if (!request_.headers("expect").empty()) send("HTTP/1.1 100 Continue\r\n\r\n");
    while (bytes_.size() < size) {
      if (!receive()) return false;
    }
    request_.body = bytes_.substr(head_size, size - head_size);
    bytes_.erase(0, size);
    is_whole_ = true;
    return true;
  }

  // Says what was read; a strict look at the body takes most of a server's time.
  Exchange exchange(bool is_strict) const {
    Exchange exchange;
    exchange.act = act_.name;
    exchange.is_whole = is_whole_;
    exchange.status = act_.status;
    if (!is_whole_) return exchange;
    const auto complain_unless = [&exchange](bool holds, const char* what) {
      if (!holds) exchange.complaints.emplace_back(what);
    };
    complain_unless(has_length_, "no Content-Length, or more than one");
    complain_unless(request_.first_line() == "POST /v1/traces HTTP/1.1", "not a POST to the path");
    complain_unless(request_.headers("content-type").size() == 1, "not one Content-Type");
    const bool is_zipped = !request_.headers("content-encoding").empty();
    std::string text;
    if (is_zipped) complain_unless(gunzip(request_.body, text), "a body that is not gzip");
    read_spans(is_zipped ? text : request_.body, is_strict, exchange);
    const bool is_too_large = exchange.body_size > act_.largest_body;
    exchange.is_kept = act_.keeps && !is_too_large;
    if (is_too_large) exchange.status = 413;
    if (!is_too_large) exchange.rejected = (std::min)(act_.rejects, own_spans(exchange));
    return exchange;
  }

 private:
  static std::uint64_t own_spans(const Exchange& exchange) {
    std::uint64_t count = 0;
    for (const ReceivedSpan& span : exchange.spans) count += span.is_loss_report ? 0U : 1U;
    return count;
  }

  bool receive() {
    const std::size_t size = (std::min)(act_.read_at_once, act_.request_bytes - total_);
    if (size == 0) return false;
    std::string part((std::min)(size, std::size_t{64 * 1024}), '\0');
    const std::size_t count = wire_.read(part.data(), part.size());
    total_ += count;
    bytes_.append(part, 0, count);
    if (count > 0) pause_();
    return count > 0;
  }

  void send(const std::string& text) { wire_.write(text.data(), text.size()); }

  Wire& wire_;
  const Act& act_;
  std::string& bytes_;
  std::function<void()> pause_;
  std::size_t total_ = 0;
  RawRequest request_;
  bool has_length_ = false;
  bool is_whole_ = false;
};

// Returns the bytes that answer `exchange`, the interim replies included.
inline std::string reply_to(const Exchange& exchange, const Act& act) {
  std::string body = act.body;
  if (exchange.rejected != 0) {
    body = R"({"partialSuccess":{"rejectedSpans":")" + std::to_string(exchange.rejected) +
           R"(","errorMessage":"refused by the script"}})";
  }
  const auto length = static_cast<long long>(body.size()) + act.length_error;
  std::string text = act.interim + "HTTP/1.1 " + std::to_string(exchange.status) + " Reply\r\n";
  text += act.headers;
  if (exchange.status != 204) text += "Content-Length: " + std::to_string(length) + "\r\n";
  return text + "\r\n" + body;
}

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_SCRIPTED_SERVER_REQUEST_HPP
