#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>
#include <waggle/otlp/answer.hpp>
#include <waggle/otlp/utf8.hpp>

using namespace waggle;
using namespace waggle::detail;
using namespace std::string_literals;

namespace {

constexpr std::int64_t kNow = 1711132603;  // Fri, 22 Mar 2024 18:36:43 GMT
constexpr std::uint64_t kSpans = 10;

HttpReply answered(int status, const std::string& body = {}, const std::string& retry_after = {}) {
  HttpReply reply;
  reply.outcome = TransportOutcome::Answered;
  reply.status = status;
  reply.body = body;
  reply.retry_after = retry_after;
  return reply;
}

HttpReply failed(TransportOutcome outcome, const std::string& message = {}) {
  HttpReply reply;
  reply.outcome = outcome;
  reply.message = message;
  return reply;
}

Answer judged(const HttpReply& reply) { return judge(reply, kSpans, kNow); }

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

bool begins_with(const std::string& text, const std::string& beginning) {
  return text.compare(0, beginning.size(), beginning) == 0;
}

const std::set<int> kRetried = {429, 502, 503, 504};

// Returns what the specification says of a status whose body is empty.
AnswerKind expected_kind(int status) {
  if (status >= 200 && status <= 299) return AnswerKind::Delivered;
  if (kRetried.count(status) != 0) return AnswerKind::Retry;
  return status == 413 ? AnswerKind::Split : AnswerKind::Drop;
}

std::vector<int> all_statuses() {
  std::vector<int> statuses;
  for (int status = 0; status <= 1000; ++status) statuses.push_back(status);
  for (const int status : {-1, -100, -200, -413, -429, -503, 2000, 20000, 42900, 65536 + 200,
                           std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
    statuses.push_back(status);
  }
  return statuses;
}

std::vector<std::string> all_bodies() {
  return {"",
          "{}",
          R"({"partialSuccess":{}})",
          R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"bad spans"}})",
          R"({"partialSuccess":{"rejectedSpans":99999999999999999999}})",
          R"({"partialSuccess":{"rejectedSpans":"-1"}})",
          R"({"partialSuccess":null})",
          R"({"message":"failed to parse OTLP request body"})",
          R"({"code":3,"message":"proto: syntax error","details":[]})",
          R"({"error":"unknown API key - check your credentials"})",
          R"({"source":"refinery","error":"failed to decode"})",
          R"({"status":429,"type":"https://api.honeycomb.io/problems/rate-limited",)"
          R"("title":"You have exceeded your rate limit.","error":"rate limit exceeded",)"
          R"("detail":"slow down"})",
          "unsupported content-type, valid types are: application/protobuf, "
          "application/x-protobuf, application/json",
          "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
          "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n"
          "</body>\r\n</html>\r\n",
          "http: request body too large",
          "\x0a\x12\x08\x03\x12\x0e\x00\xff\xfe"s,
          std::string(5000, 'x'),
          std::string(5000, '['),
          "\x1b[31mred\x1b[0m\n",
          "[1,2]",
          "null"};
}

}  // namespace

TEST_CASE("every status has its answer") {
  for (const int status : all_statuses()) {
    CAPTURE(status);
    const Answer answer = judged(answered(status));
    CHECK(answer.kind == expected_kind(status));
    CHECK_EQ(answer.is_authentication_problem, status == 401 || status == 403);
    CHECK_EQ(answer.rejected, 0);
    CHECK_FALSE(answer.has_delay);
    if (answer.kind == AnswerKind::Delivered) {
      CHECK(answer.message.empty());
    } else {
      CHECK(begins_with(answer.message, std::to_string(status)));
    }
    if (answer.kind == AnswerKind::Drop) CHECK(answer.reason == DropReason::RejectedStatus);
    if (answer.kind == AnswerKind::Split) CHECK(answer.reason == DropReason::TooLarge);
  }
}

TEST_CASE("whatever comes back, the answer makes sense") {
  for (const TransportOutcome outcome :
       {TransportOutcome::Pending, TransportOutcome::Answered, TransportOutcome::NotConnected,
        TransportOutcome::Interrupted, TransportOutcome::ReplyTooLarge}) {
    for (const std::string& body : all_bodies()) {
      for (const int status : all_statuses()) {
        HttpReply reply = answered(status, body, "7");
        reply.outcome = outcome;
        const Answer answer = judged(reply);
        CAPTURE(status);
        CAPTURE(body.substr(0, 100));
        REQUIRE_LE(answer.rejected, kSpans);
        REQUIRE_EQ(answer.kind == AnswerKind::PartlyRejected, answer.rejected != 0);
        REQUIRE_EQ(answer.has_delay,
                   outcome == TransportOutcome::Answered && answer.kind == AnswerKind::Retry);
        REQUIRE_EQ(answer.delay.count(), answer.has_delay ? 7000 : 0);
        if (answer.message.empty()) REQUIRE(answer.kind == AnswerKind::Delivered);
        REQUIRE_LT(answer.message.size(), 500);
        REQUIRE(is_utf8(answer.message));
        REQUIRE_EQ(answer.message.find_first_of("\x1b\r\n\0"s), std::string::npos);
        const bool is_taken =
            answer.kind == AnswerKind::Delivered || answer.kind == AnswerKind::PartlyRejected;
        if (is_taken) REQUIRE_EQ(status / 100, 2);
        if (answer.reason == DropReason::Unconfirmed) REQUIRE(answer.may_have_arrived);
        if (answer.reason == DropReason::RetriesExhausted) REQUIRE_FALSE(answer.may_have_arrived);
      }
    }
  }
}

TEST_CASE("a request that failed on its way is sent again") {
  const Answer unreachable = judged(failed(TransportOutcome::NotConnected, "cannot reach host"));
  CHECK(unreachable.kind == AnswerKind::Retry);
  CHECK_FALSE(unreachable.may_have_arrived);
  CHECK(unreachable.reason == DropReason::RetriesExhausted);
  CHECK_EQ(unreachable.message, "cannot reach host");

  for (const TransportOutcome outcome :
       {TransportOutcome::Interrupted, TransportOutcome::Pending}) {
    const Answer lost = judged(failed(outcome, "connection reset"));
    CHECK(lost.kind == AnswerKind::Retry);
    CHECK(lost.may_have_arrived);
    CHECK(lost.reason == DropReason::Unconfirmed);
    CHECK_EQ(lost.message, "connection reset");
  }
}

TEST_CASE("a refusal says nothing of what was sent before it in the same attempt") {
  for (const int status : {400, 413, 429, 503}) {
    CAPTURE(status);
    HttpReply reply = answered(status);
    CHECK_FALSE(judged(reply).may_have_arrived);
    reply.was_repeated = true;
    const Answer answer = judged(reply);
    CHECK(answer.kind == judged(answered(status)).kind);
    CHECK(answer.may_have_arrived);
    CHECK(answer.reason == DropReason::Unconfirmed);
  }
}

TEST_CASE("a reply that is too large is not asked for again") {
  const Answer answer = judged(failed(TransportOutcome::ReplyTooLarge, "too long a reply"));
  CHECK(answer.kind == AnswerKind::Drop);
  CHECK(answer.may_have_arrived);
  CHECK(answer.reason == DropReason::Unconfirmed);
  CHECK_EQ(answer.message, "too long a reply");
}

TEST_CASE("a failure without words gets some") {
  for (const TransportOutcome outcome :
       {TransportOutcome::Pending, TransportOutcome::NotConnected, TransportOutcome::Interrupted,
        TransportOutcome::ReplyTooLarge}) {
    CHECK_FALSE(judged(failed(outcome)).message.empty());
  }
}

TEST_CASE("a status that came before the failure does not count") {
  HttpReply reply = answered(200, R"({"partialSuccess":{"rejectedSpans":"3"}})");
  reply.outcome = TransportOutcome::Interrupted;
  CHECK(judged(reply).kind == AnswerKind::Retry);
  CHECK_EQ(judged(reply).rejected, 0);
}

TEST_CASE("a full success is silent") {
  for (const char* body : {"", "{}", R"({"partialSuccess":{}})", R"({"partialSuccess":null})",
                           R"({"partialSuccess":{"rejectedSpans":"0","errorMessage":""}})"}) {
    CAPTURE(body);
    const Answer answer = judged(answered(200, body));
    CHECK(answer.kind == AnswerKind::Delivered);
    CHECK(answer.may_have_arrived);
    CHECK(answer.message.empty());
  }
}

TEST_CASE("a partial success names how many spans it rejects") {
  const Answer answer =
      judged(answered(200, R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}})"));
  CHECK(answer.kind == AnswerKind::PartlyRejected);
  CHECK_EQ(answer.rejected, 3);
  CHECK_EQ(answer.message, "200 OK, but 3 of 10 spans were rejected: too old");
  CHECK_EQ(judged(answered(202, R"({"partialSuccess":{"rejectedSpans":4}})")).message,
           "202 Accepted, but 4 of 10 spans were rejected");
}

TEST_CASE("no more spans are rejected than were sent") {
  for (const char* count : {"10", "11", "18446744073709551615", "\"99999999999999999999999\""}) {
    const std::string body = R"({"partialSuccess":{"rejectedSpans":)"s + count + "}}";
    CAPTURE(body);
    const Answer answer = judged(answered(200, body));
    CHECK(answer.kind == AnswerKind::PartlyRejected);
    CHECK_EQ(answer.rejected, kSpans);
    CHECK(judge(answered(200, body), 0, kNow).kind == AnswerKind::Delivered);
  }
}

TEST_CASE("a partial success that rejects nothing is a warning") {
  const Answer answer = judged(
      answered(200, R"({"partialSuccess":{"rejectedSpans":"0","errorMessage":"use gzip"}})"));
  CHECK(answer.kind == AnswerKind::Delivered);
  CHECK_EQ(answer.message, "200 OK: use gzip");
}

TEST_CASE("a success whose body cannot be read is a success") {
  for (const std::string& body : {"OK"s, "<html>Please log in</html>"s, "{\"partialSucc"s,
                                  "\x0a\x00\xff"s, "[[[["s, std::string(1000000, '{')}) {
    const Answer answer = judged(answered(200, body));
    CHECK(answer.kind == AnswerKind::Delivered);
    CHECK_EQ(answer.rejected, 0);
  }
}

TEST_CASE("the server may name the time of the next attempt") {
  for (const int status : kRetried) {
    CAPTURE(status);
    const Answer seconds = judged(answered(status, "", "30"));
    CHECK(seconds.has_delay);
    CHECK_EQ(seconds.delay.count(), 30000);
    const Answer date = judged(answered(status, "", "Fri, 22 Mar 2024 18:37:53 GMT"));
    CHECK(date.has_delay);
    CHECK_EQ(date.delay.count(), 70000);
    const Answer past = judged(answered(status, "", "Thu, 01 Jan 1970 00:00:00 GMT"));
    CHECK(past.has_delay);
    CHECK_EQ(past.delay.count(), 0);
    for (const char* nothing : {"", "soon", "-5"}) {
      CHECK_FALSE(judged(answered(status, "", nothing)).has_delay);
      CHECK_EQ(judged(answered(status, "", nothing)).delay.count(), 0);
    }
  }
}

TEST_CASE("only a status that is retried has a delay") {
  for (const int status : {200, 301, 400, 401, 408, 413, 500, 501}) {
    CHECK_FALSE(judged(answered(status, "", "30")).has_delay);
  }
}

TEST_CASE("a gateway may have passed the request on, a busy server has not taken it") {
  for (const int status : {500, 502, 504, 520, 599, 0, -1}) {
    CAPTURE(status);
    CHECK(judged(answered(status)).may_have_arrived);
  }
  for (const int status : {301, 400, 401, 404, 413, 429, 499, 503}) {
    CAPTURE(status);
    CHECK_FALSE(judged(answered(status)).may_have_arrived);
  }
  CHECK(judged(answered(502)).reason == DropReason::Unconfirmed);
  CHECK(judged(answered(504)).reason == DropReason::Unconfirmed);
  CHECK(judged(answered(503)).reason == DropReason::RetriesExhausted);
  CHECK(judged(answered(429)).reason == DropReason::RetriesExhausted);
}

TEST_CASE("a body that is too large for the server is split") {
  const Answer answer = judged(answered(413, R"({"message":"Request Too Long"})"));
  CHECK(answer.kind == AnswerKind::Split);
  CHECK(answer.reason == DropReason::TooLarge);
  CHECK_FALSE(answer.may_have_arrived);
  CHECK_EQ(answer.message, "413 Content Too Large: Request Too Long");
  CHECK(judge(answered(413), 1, kNow).kind == AnswerKind::Split);
}

TEST_CASE("a 400 that complains of the body's size is a 413") {
  for (const char* words :
       {"http: request body too large", "Request Body Too Large",
        "rpc error: code = ResourceExhausted desc = grpc: received message larger than max "
        "(5242880 vs. 4194304)",
        "request entity too large", "The request entity is too large", "Payload Too Large",
        "JSON payload reached size limit.", "body exceeds 4194304 bytes",
        "Maximum request length exceeded.", "Message size too large",
        "Request body is too large"}) {
    CAPTURE(words);
    for (const std::string& body :
         {std::string(words), R"({"message":")"s + words + "\"}", R"({"error":")"s + words + "\"}",
          R"({"code":3,"message":")"s + words + "\"}"}) {
      CHECK(judged(answered(400, body)).kind == AnswerKind::Split);
      CHECK(judged(answered(400, body)).reason == DropReason::TooLarge);
    }
    CHECK(judged(answered(401, words)).kind == AnswerKind::Drop);
    CHECK(judged(answered(500, words)).kind == AnswerKind::Drop);
    CHECK(judged(answered(503, words)).kind == AnswerKind::Retry);
  }
}

TEST_CASE("a 400 that complains of anything else is dropped") {
  for (const char* words :
       {"", "failed to parse OTLP request body",
        "failed to parse OTLP request body: unexpected EOF", "unexpected EOF",
        "proto: syntax error (line 1:1): unexpected token", "Request Header Or Cookie Too Large",
        "Request header is too large", "Request-URI Too Large", "too many attributes",
        "number too large", "body is empty"}) {
    CAPTURE(words);
    CHECK(judged(answered(400, words)).kind == AnswerKind::Drop);
    CHECK(judged(answered(400, R"({"message":")"s + words + "\"}")).kind == AnswerKind::Drop);
  }
}

TEST_CASE("a refusal names the status and the server's words") {
  CHECK_EQ(judged(answered(400, R"({"message":"failed to parse OTLP request body"})")).message,
           "400 Bad Request: failed to parse OTLP request body");
  CHECK_EQ(judged(answered(401, R"({"error":"unknown API key - check your credentials"})")).message,
           "401 Unauthorized: unknown API key - check your credentials");
  CHECK_EQ(judged(answered(500, R"({"source":"refinery","error":"no peers"})")).message,
           "500 Internal Server Error: no peers");
  CHECK_EQ(judged(answered(415, "unsupported content-type")).message,
           "415 Unsupported Media Type: unsupported content-type");
  CHECK_EQ(judged(answered(503)).message, "503 Service Unavailable");
  CHECK_EQ(judged(answered(404)).message, "404 Not Found");
  CHECK_EQ(judged(answered(418, "short and stout")).message, "418: short and stout");
  CHECK_EQ(judged(answered(0)).message, "0");
}

TEST_CASE("the words of a rate limit and of a proxy's page are passed on") {
  const Answer limited = judged(answered(
      429, R"({"status":429,"title":"limit","error":"limit","detail":"limit of 100"})", "60"));
  CHECK(limited.kind == AnswerKind::Retry);
  CHECK_EQ(limited.delay.count(), 60000);
  CHECK(begins_with(limited.message, "429 Too Many Requests: "));
  CHECK(contains(limited.message, "limit"));

  const Answer page = judged(answered(
      502, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\r\n"));
  CHECK(page.kind == AnswerKind::Retry);
  CHECK(begins_with(page.message, "502 Bad Gateway"));
}

TEST_CASE("a redirect is not followed, and says so") {
  for (const int status : {300, 301, 302, 303, 304, 307, 308, 399}) {
    const Answer answer = judged(answered(status));
    CHECK(answer.kind == AnswerKind::Drop);
    CHECK(contains(answer.message, "redirects are not followed"));
  }
  CHECK_EQ(judged(answered(308)).message, "308 Permanent Redirect (redirects are not followed)");
  CHECK_FALSE(contains(judged(answered(400)).message, "redirect"));
}

TEST_CASE("a refused key is told apart from other refusals") {
  CHECK(judged(answered(401)).is_authentication_problem);
  CHECK(judged(answered(403)).is_authentication_problem);
  CHECK_FALSE(judged(answered(407)).is_authentication_problem);
  CHECK_FALSE(judged(failed(TransportOutcome::NotConnected)).is_authentication_problem);
}
