// Takes batches to an OTLP/HTTP endpoint: encodes one while another is on its way, compresses,
// sends, waits, sends again, halves what is too large, gives up in time. Without a clock and
// without waiting; the transport and the time are handed in.
#ifndef WAGGLE_PIPELINE_DELIVERY_HPP
#define WAGGLE_PIPELINE_DELIVERY_HPP

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "waggle/core/random.hpp"
#include "waggle/http/gzip.hpp"
#include "waggle/http/header_lines.hpp"
#include "waggle/otlp/answer.hpp"
#include "waggle/pipeline/backoff.hpp"
#include "waggle/pipeline/batch_parts.hpp"
#include "waggle/pipeline/encoded_batch.hpp"
#include "waggle/pipeline/verdict.hpp"
#include "waggle/sdk/deadline.hpp"
#include "waggle/sdk/otlp_destination.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Sends one batch at a time, in the order in which they were submitted. For the collector only.
class Delivery {
 public:
  Delivery(const OtlpDestination& destination, std::unique_ptr<Transport> transport,
           BodyBounds bounds)
      : destination_(destination),
        transport_(std::move(transport)),
        backoff_(destination.retry_backoff_first, destination.retry_backoff_longest),
        next_(std::make_unique<EncodedBatch>(OtlpEncoderOptions{destination.is_honeycomb}, bounds)),
        current_(
            std::make_unique<EncodedBatch>(OtlpEncoderOptions{destination.is_honeycomb}, bounds)) {
    if (destination.compress) gzip_ = std::make_unique<Gzip>();
    request_.url = destination_.url;
    request_.headers = destination_.headers;
    request_.headers.emplace_back("Content-Type", "application/json");
  }

  // ---- the batch that is being encoded ----

  // Tells whether the batch that was submitted last is still waiting for its turn.
  bool has_submitted() const noexcept { return is_submitted_; }

  // Gives the batch to be filled; it is sent once submit() was called.
  EncodedBatch& next() noexcept { return *next_; }

  // `has_report` says that the last span is the loss report, which is in nobody's books.
  void submit(bool has_report) {
    next_->finish();
    next_has_report_ = has_report;
    is_submitted_ = true;
  }

  // ---- the batch that is being sent ----

  // Does what can be done now without waiting, a little at a time. True if there is something to
  // tell: some spans met their fate, or an attempt failed.
  bool step(TimePoint now, std::int64_t unix_seconds, IdGenerator& random, Verdict& verdict) {
    if (phase_ == Phase::InFlight) return hear(now, unix_seconds, random, verdict);
    if (parts_.empty() && is_submitted_) load();
    if (phase_ == Phase::Waiting && !parts_.empty() && now >= resume_at_) {
      if (was_sent_ && now > deadline_) return finish_part(out_of_time(), verdict);
      begin_attempt(now);
    }
    if (phase_ == Phase::Compressing) compress(now);
    return false;
  }

  bool is_idle() const noexcept { return parts_.empty() && !is_submitted_; }
  bool is_in_flight() const noexcept { return phase_ == Phase::InFlight; }
  bool is_for_honeycomb() const noexcept { return destination_.is_honeycomb; }

  // Returns how many spans were sent at least once and have no answer yet.
  std::uint64_t spans_in_flight() const noexcept { return was_sent_ ? parts_.own_spans() : 0; }

  // Returns when there is something to do again that no reply will tell.
  TimePoint next_time() const noexcept {
    if (phase_ == Phase::Compressing) return TimePoint{};
    return is_in_flight() || is_idle() ? (TimePoint::max)() : resume_at_;
  }

  // Ends the wait before the next attempt: for a shutdown, which cannot wait.
  void hurry(TimePoint now) noexcept {
    resume_at_ = (std::min)(resume_at_, now);
    backoff_.reset();
  }

  // Gives up all that is here, also what was not submitted yet; returns of how many spans it is not
  // known whether they have arrived.
  std::uint64_t give_up() noexcept {
    if (is_in_flight()) {
      transport_->cancel();
      parts_.current().may_have_arrived |=
          transport_->poll().outcome != TransportOutcome::NotConnected;
    }
    const std::uint64_t unconfirmed = parts_.unconfirmed_spans();
    parts_.clear();
    phase_ = Phase::Waiting;
    is_submitted_ = was_sent_ = false;
    return unconfirmed;
  }

  // Sleeps until the request can move on, `wake_descriptor` is readable or `longest` is over.
  void wait(int wake_descriptor, Milliseconds longest) noexcept {
    transport_->wait(wake_descriptor, longest);
  }

  std::uint64_t omitted_values() const noexcept {
    return next_->omitted_values() + current_->omitted_values();
  }

 private:
  enum class Phase : std::uint8_t { Waiting, Compressing, InFlight };

  // A fifth of a millisecond, in which no ring overflows.
  static constexpr std::size_t kCompressedAtOnce = 64 * 1024;

  void load() {
    std::swap(current_, next_);
    is_submitted_ = false;
    was_sent_ = false;
    parts_.begin(current_->size(), next_has_report_);
  }

  void begin_attempt(TimePoint now) {
    if (!was_sent_) deadline_ = now + destination_.retry_for;
    const BatchPart& part = parts_.current();
    body_ = &current_->body(part.first, part.count);
    if (gzip_ == nullptr) return send(now, *body_);
    gzip_->begin(*body_, compressed_);
    phase_ = Phase::Compressing;
  }

  void compress(TimePoint now) {
    const GzipProgress progress = gzip_->advance(kCompressedAtOnce);
    if (progress == GzipProgress::Unfinished) return;
    send(now, progress == GzipProgress::Finished ? compressed_ : *body_);
  }

  void send(TimePoint now, const std::string& body) {
    request_.headers.resize(destination_.headers.size() + 1);
    if (&body == &compressed_) request_.headers.emplace_back("Content-Encoding", "gzip");
    request_.body = &body;
    request_.timeout =
        (std::min)(destination_.attempt_timeout, Deadline(deadline_).left(now) + Milliseconds(1));
    transport_->begin(request_);
    phase_ = Phase::InFlight;
    was_sent_ = true;
  }

  bool hear(TimePoint now, std::int64_t unix_seconds, IdGenerator& random, Verdict& verdict) {
    const HttpReply& reply = transport_->poll();
    if (reply.outcome == TransportOutcome::Pending) return false;
    BatchPart& part = parts_.current();
    const Answer answer = judge(reply, part.count, unix_seconds);
    phase_ = Phase::Waiting;
    part.may_have_arrived |= answer.may_have_arrived;
    switch (answer.kind) {
      case AnswerKind::Delivered:
      case AnswerKind::PartlyRejected:
        backoff_.reset();
        return finish_part(accepted(answer), verdict);
      case AnswerKind::Split:
        if (parts_.split()) return false;
        return finish_part(lost(DropReason::TooLarge, answer), verdict);
      case AnswerKind::Drop:
        return finish_part(lost(answer.reason, answer), verdict);
      case AnswerKind::Retry:
        break;
    }
    if (!wait_for_retry(now, answer, random)) {
      return finish_part(lost(DropReason::RetriesExhausted, answer), verdict);
    }
    verdict.message = message(answer) + " (will be tried again)";
    return true;
  }

  // Sets the time of the next attempt; false if the batch has no time left for it. The destination
  // is left alone until then in either case, but for no longer than a batch is kept.
  bool wait_for_retry(TimePoint now, const Answer& answer, IdGenerator& random) {
    const Milliseconds own = backoff_.next(random.span_id().value);
    const Milliseconds delay = answer.has_delay ? answer.delay : own;
    resume_at_ = now + (std::min)(delay, destination_.retry_for);
    return now + delay < deadline_;
  }

  bool finish_part(Verdict&& result, Verdict& verdict) {
    verdict = std::move(result);
    verdict.settles_report = parts_.holds_report(parts_.current());
    parts_.pop();
    if (parts_.empty()) was_sent_ = false;
    return true;
  }

  // Partial success: the server took the request and refused some of its spans; never sent again.
  Verdict accepted(const Answer& answer) const {
    const BatchPart& part = parts_.current();
    Verdict verdict;
    verdict.rejected = (std::min)(answer.rejected, parts_.own_spans(part));
    verdict.delivered = parts_.own_spans(part) - verdict.rejected;
    verdict.report_has_arrived = answer.rejected == 0;
    if (!answer.message.empty()) verdict.message = message(answer);
    return verdict;
  }

  // What may have arrived at an earlier attempt is not certainly lost.
  Verdict lost(DropReason reason, const Answer& answer) const {
    const BatchPart& part = parts_.current();
    Verdict verdict;
    verdict.dropped = parts_.own_spans(part);
    verdict.reason = part.may_have_arrived ? DropReason::Unconfirmed : reason;
    verdict.message = message(answer);
    if (answer.is_authentication_problem) verdict.message += advice();
    return verdict;
  }

  Verdict out_of_time() const {
    Answer answer;
    answer.message = "no time was left to try again";
    return lost(DropReason::RetriesExhausted, answer);
  }

  // A server may repeat what it was sent, the key included.
  std::string message(const Answer& answer) const {
    return destination_.url + ": " + without_values(answer.message, destination_.headers);
  }

  const char* advice() const noexcept {
    return destination_.is_honeycomb
               ? " (check HONEYCOMB_API_KEY, and HONEYCOMB_API_ENDPOINT for its region)"
               : " (check OTEL_EXPORTER_OTLP_HEADERS)";
  }

  OtlpDestination destination_;
  std::unique_ptr<Transport> transport_;
  Backoff backoff_;
  std::unique_ptr<Gzip> gzip_;  // none: bodies are sent as they are
  std::string compressed_;
  HttpRequest request_;

  std::unique_ptr<EncodedBatch> next_;
  bool is_submitted_ = false;
  bool next_has_report_ = false;

  std::unique_ptr<EncodedBatch> current_;
  Phase phase_ = Phase::Waiting;
  bool was_sent_ = false;
  const std::string* body_ = nullptr;  // of the part being sent, not compressed
  BatchParts parts_;                   // of the current batch
  TimePoint deadline_{};               // of the current batch
  TimePoint resume_at_{};              // no attempt before this
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_DELIVERY_HPP
