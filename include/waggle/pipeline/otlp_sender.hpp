// Sends batches to an OTLP/HTTP endpoint: encodes, compresses, hands the body to the transport and
// reads the answer. One batch at a time; never blocks.
#ifndef WAGGLE_PIPELINE_OTLP_SENDER_HPP
#define WAGGLE_PIPELINE_OTLP_SENDER_HPP

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "waggle/http/gzip.hpp"
#include "waggle/otlp/encoder.hpp"
#include "waggle/otlp/reply.hpp"
#include "waggle/sdk/exporter.hpp"
#include "waggle/sdk/stats.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {

// Says where an OTLP/HTTP endpoint is and how to talk to it.
struct OtlpDestination {
  std::string url;
  HeaderList headers;
  bool is_honeycomb = false;  // follow Honeycomb's decoders where they differ from the rules
  bool compress = true;
  Milliseconds attempt_timeout{10000};
};

namespace detail {

// Says what became of a batch.
struct Verdict {
  std::uint64_t delivered = 0;
  std::uint64_t rejected = 0;
  std::uint64_t dropped = 0;
  DropReason reason = DropReason::RejectedStatus;
  std::string message;  // for a person; empty if all went well
};

class OtlpSender {
 public:
  OtlpSender(OtlpDestination destination, std::unique_ptr<Transport> transport)
      : destination_(std::move(destination)),
        transport_(std::move(transport)),
        encoder_(OtlpEncoderOptions{destination_.is_honeycomb}) {
    request_.url = destination_.url;
    request_.headers = destination_.headers;
    request_.headers.emplace_back("Content-Type", "application/json");
    request_.timeout = destination_.attempt_timeout;
  }

  // Begins to send; `batch` is encoded before this returns.
  void begin(const Batch& batch) {
    spans_ = batch.spans.size();
    const std::string& body = encoder_.encode(batch);
    const bool is_compressed = destination_.compress && gzip_.compress(body, compressed_);
    request_.headers.resize(destination_.headers.size() + 1);
    if (is_compressed) request_.headers.emplace_back("Content-Encoding", "gzip");
    request_.body = is_compressed ? &compressed_ : &body;
    transport_->begin(request_);
    is_busy_ = true;
  }

  bool is_busy() const noexcept { return is_busy_; }

  // Returns how many attribute values were left out so far because they are not finite numbers.
  std::uint64_t omitted_values() const noexcept { return encoder_.omitted_values(); }
  std::uint64_t spans_in_flight() const noexcept { return is_busy_ ? spans_ : 0; }

  // Moves the request on; true once there is a verdict.
  bool poll(Verdict& verdict) {
    const HttpReply& reply = transport_->poll();
    if (reply.outcome == TransportOutcome::Pending) return false;
    is_busy_ = false;
    verdict = judge(reply);
    return true;
  }

  // Gives the request up.
  Verdict give_up() {
    transport_->cancel();
    is_busy_ = false;
    return lost(DropReason::Unconfirmed, "gave up waiting for " + destination_.url);
  }

  void wait(int wake_descriptor, Milliseconds longest) noexcept {
    transport_->wait(wake_descriptor, longest);
  }

 private:
  Verdict judge(const HttpReply& reply) const {
    switch (reply.outcome) {
      case TransportOutcome::NotConnected:
        return lost(DropReason::RetriesExhausted, reply.message);
      case TransportOutcome::Answered:
        break;
      default:
        return lost(DropReason::Unconfirmed, reply.message);
    }
    if (reply.status / 100 == 2) return accepted(read_reply(reply.body));
    return lost(DropReason::RejectedStatus, refusal(reply));
  }

  // Partial success: the server took the request and refused some of its spans; never sent again.
  Verdict accepted(const OtlpReply& reply) const {
    Verdict verdict;
    verdict.rejected = reply.rejected_spans < spans_ ? reply.rejected_spans : spans_;
    verdict.delivered = spans_ - verdict.rejected;
    if (!reply.message.empty()) verdict.message = destination_.url + " says: " + reply.message;
    return verdict;
  }

  Verdict lost(DropReason reason, std::string message) const {
    Verdict verdict;
    verdict.dropped = spans_;
    verdict.reason = reason;
    verdict.message = std::move(message);
    return verdict;
  }

  std::string refusal(const HttpReply& reply) const {
    std::string text = destination_.url + " answered " + std::to_string(reply.status);
    const OtlpReply details = read_reply(reply.body);
    if (!details.message.empty()) text += ": " + details.message;
    if (reply.status == 401 || reply.status == 403) {
      text += destination_.is_honeycomb
                  ? " (check HONEYCOMB_API_KEY, and HONEYCOMB_API_ENDPOINT for its region)"
                  : " (check OTEL_EXPORTER_OTLP_HEADERS)";
    }
    return text;
  }

  OtlpDestination destination_;
  std::unique_ptr<Transport> transport_;
  OtlpEncoder encoder_;
  Gzip gzip_;
  std::string compressed_;
  HttpRequest request_;
  std::uint64_t spans_ = 0;
  bool is_busy_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_OTLP_SENDER_HPP
