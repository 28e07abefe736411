// Decides what a server's answer means for the batch that was sent: delivered, to be sent again, to
// be split, or lost. Total and pure: every outcome, status and body has an answer, and neither a
// clock nor the network is asked. The pipeline adds what only it knows: attempts and deadlines.
#ifndef WAGGLE_OTLP_ANSWER_HPP
#define WAGGLE_OTLP_ANSWER_HPP

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "waggle/core/config.hpp"
#include "waggle/core/thread_state.hpp"
#include "waggle/otlp/reply.hpp"
#include "waggle/otlp/retry_after.hpp"
#include "waggle/sdk/deadline.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Says what to do with a batch after an attempt to send it.
enum class AnswerKind {
  Delivered,       // taken; `message` may hold a warning of the server's
  PartlyRejected,  // taken except for `rejected` spans; never sent again
  Retry,           // worth another attempt, after `delay` if has_delay, else after a backoff
  Split,           // too large for the server: send halves; a single span is lost
  Drop,            // lost, whatever is tried
};

// Holds the meaning of one reply.
struct Answer {
  AnswerKind kind = AnswerKind::Drop;
  std::uint64_t rejected = 0;     // at most the number of spans sent
  bool may_have_arrived = false;  // a server may have taken spans of this attempt
  bool has_delay = false;
  Milliseconds delay{0};                           // from Retry-After: 0 to 24 hours
  DropReason reason = DropReason::RejectedStatus;  // to count if nothing more is tried; means
                                                   // nothing for what was delivered
  std::string message;  // for a person: status and the server's words, or what failed; fits after
                        // "<url>: "; empty for a delivery without a warning
  bool is_authentication_problem = false;  // the key or the token is missing, wrong or not enough
};

// Names a status code as RFC 9110 and RFC 6585 do.
struct StatusName {
  int status;
  std::string_view name;
};

constexpr StatusName kStatusNames[] = {{200, "OK"},
                                       {202, "Accepted"},
                                       {204, "No Content"},
                                       {301, "Moved Permanently"},
                                       {302, "Found"},
                                       {303, "See Other"},
                                       {307, "Temporary Redirect"},
                                       {308, "Permanent Redirect"},
                                       {400, "Bad Request"},
                                       {401, "Unauthorized"},
                                       {403, "Forbidden"},
                                       {404, "Not Found"},
                                       {405, "Method Not Allowed"},
                                       {407, "Proxy Authentication Required"},
                                       {408, "Request Timeout"},
                                       {411, "Length Required"},
                                       {413, "Content Too Large"},
                                       {415, "Unsupported Media Type"},
                                       {422, "Unprocessable Content"},
                                       {429, "Too Many Requests"},
                                       {431, "Request Header Fields Too Large"},
                                       {500, "Internal Server Error"},
                                       {501, "Not Implemented"},
                                       {502, "Bad Gateway"},
                                       {503, "Service Unavailable"},
                                       {504, "Gateway Timeout"}};

// Returns a status as in "503 Service Unavailable"; the number alone if it has no common name.
WAGGLE_COLD std::string status_text(int status) {
  std::string number = std::to_string(status);
  for (const StatusName& known : kStatusNames) {
    if (known.status == status) return joined({number, " ", known.name});
  }
  return number;
}

// Appends the server's words, if it said any.
WAGGLE_COLD std::string with_words(std::string_view text, std::string_view words) {
  return joined({text, words.empty() ? "" : ": ", words});
}

// Tells whether a 400 complains about the size of the request's body, as those servers do that have
// no 413: OpenTelemetry's Collector ("http: request body too large"), gRPC gateways ("received
// message larger than max"), ASP.NET ("maximum request length exceeded") and others. Headers, URLs,
// events or attributes that are too large are not meant: splitting does not help there.
//
// "unexpected EOF" and "failed to parse OTLP request body" are not among the phrases, although
// Honeycomb's decoder cuts a body off at 20 MiB and then fails to parse the rest: no batch comes
// near that, so with these words the bytes are bad, and halving bad bytes down to single spans
// would turn one refused request into thousands.
WAGGLE_COLD bool complains_of_size(std::string_view words) {
  constexpr std::string_view kPhrases[] = {"body too large",         "body is too large",
                                           "body too big",           "body is too big",
                                           "body exceeds",           "body exceeded",
                                           "body size exceeds",      "payload too large",
                                           "payload is too large",   "payload exceeds",
                                           "payload size exceeds",   "payload reached size limit",
                                           "entity too large",       "entity is too large",
                                           "content too large",      "request too large",
                                           "request is too large",   "request too long",
                                           "request size exceeds",   "request length exceeded",
                                           "message too large",      "message is too large",
                                           "message size too large", "message larger than max"};
  std::string text(words);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (const std::string_view phrase : kPhrases) {
    if (text.find(phrase) != text.npos) return true;
  }
  return false;
}

// Exactly these may pass (OTLP specification, "Retryable Response Codes"); 408 and 500 may not.
constexpr bool is_retryable(int status) noexcept {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// Tells whether a server that answers so may nevertheless have taken spans. By their definition
// (RFC 9110, 15) 3xx, 4xx and 503 say that the request was not processed; a gateway's 502 or 504
// and a crash's 500 leave it open.
constexpr bool leaves_arrival_open(int status) noexcept {
  return status / 100 != 3 && status / 100 != 4 && status != 503;
}

// The request failed before a complete answer was there.
WAGGLE_COLD Answer judge_failure(const HttpReply& reply) {
  Answer answer;
  const bool is_connected = reply.outcome != TransportOutcome::NotConnected;
  const bool is_too_large = reply.outcome == TransportOutcome::ReplyTooLarge;
  // A reply over the limit must not lead to another attempt (OTLP specification, "Response"): the
  // next one would be as large.
  answer.kind = is_too_large ? AnswerKind::Drop : AnswerKind::Retry;
  answer.may_have_arrived = is_connected;
  answer.reason = is_connected ? DropReason::Unconfirmed : DropReason::RetriesExhausted;
  answer.message = reply.message;
  if (answer.message.empty()) {
    answer.message = is_too_large   ? "the reply is too large"
                     : is_connected ? "no complete answer"
                                    : "cannot connect";
  }
  return answer;
}

// The server took the request. A partial success is final too (OTLP specification, "Partial
// Success"); one that rejects nothing but has words is a warning. A body that is no OTLP reply
// takes nothing back, but its words are worth a look: a login page answers 200 as well.
WAGGLE_COLD Answer judge_success(const HttpReply& reply, const OtlpReply& details,
                                 std::uint64_t spans) {
  Answer answer;
  answer.rejected = (std::min)(details.rejected_spans, spans);
  answer.kind = answer.rejected == 0 ? AnswerKind::Delivered : AnswerKind::PartlyRejected;
  answer.may_have_arrived = true;
  if (answer.rejected != 0) {
    answer.message =
        with_words(joined({status_text(reply.status), ", but ", std::to_string(answer.rejected),
                           " of ", std::to_string(spans), " spans were rejected"}),
                   details.message);
  } else if (!details.message.empty()) {
    answer.message = with_words(status_text(reply.status), details.message);
  }
  return answer;
}

WAGGLE_COLD Answer judge_retryable(const HttpReply& reply, std::int64_t unix_seconds_now) {
  Answer answer;
  answer.kind = AnswerKind::Retry;
  const std::optional<Milliseconds> delay = parse_retry_after(reply.retry_after, unix_seconds_now);
  answer.has_delay = delay.has_value();
  answer.delay = delay.value_or(Milliseconds(0));
  answer.may_have_arrived = leaves_arrival_open(reply.status);
  answer.reason = answer.may_have_arrived ? DropReason::Unconfirmed : DropReason::RetriesExhausted;
  return answer;
}

WAGGLE_COLD Answer judge_refusal(const HttpReply& reply, const OtlpReply& details) {
  Answer answer;
  const bool is_too_large =
      reply.status == 413 || (reply.status == 400 && complains_of_size(details.message));
  answer.kind = is_too_large ? AnswerKind::Split : AnswerKind::Drop;
  answer.reason = is_too_large ? DropReason::TooLarge : DropReason::RejectedStatus;
  answer.may_have_arrived = leaves_arrival_open(reply.status);
  answer.is_authentication_problem = reply.status == 401 || reply.status == 403;
  return answer;
}

// Returns what the reply to a request with `spans` spans means. `unix_seconds_now` is needed for a
// Retry-After that is a date. The message is made of the status and the reply's words alone.
inline Answer judge(const HttpReply& reply, std::uint64_t spans, std::int64_t unix_seconds_now) {
  if (reply.outcome != TransportOutcome::Answered) return judge_failure(reply);
  const OtlpReply details = read_reply(reply.body);
  if (reply.status / 100 == 2) return judge_success(reply, details, spans);
  Answer answer = is_retryable(reply.status) ? judge_retryable(reply, unix_seconds_now)
                                             : judge_refusal(reply, details);
  if (reply.was_repeated) {
    answer.may_have_arrived = true;
    answer.reason = DropReason::Unconfirmed;
  }
  std::string text = status_text(reply.status);
  if (reply.status / 100 == 3) text += " (redirects are not followed)";
  answer.message = with_words(text, details.message);
  return answer;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_ANSWER_HPP
