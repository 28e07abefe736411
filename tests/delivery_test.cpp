// What becomes of batches on their way to a server, in virtual time: a transport that a test
// answers by hand, and a clock that only the test moves.
#include <doctest/doctest.h>
#include <zlib.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>
#include <waggle/pipeline/delivery.hpp>

#include "support/span_builder.hpp"

using nlohmann::json;
using waggle::DropReason;
using waggle::Milliseconds;
using waggle::TransportOutcome;
using waggle::detail::Delivery;
using waggle::detail::Verdict;
using namespace waggle_test;

namespace {

// A request as it was sent.
struct Sent {
  waggle::HttpRequest request;
  std::string body;

  std::string header(const std::string& name) const {
    for (const auto& [key, value] : request.headers) {
      if (key == name) return value;
    }
    return {};
  }
};

// Shared by the transport, which a Delivery owns, and the test.
struct Wire {
  std::vector<Sent> sent;
  waggle::HttpReply reply;
  int cancelled = 0;
};

class HandMadeTransport : public waggle::Transport {
 public:
  explicit HandMadeTransport(Wire& wire) : wire_(wire) {}
  void begin(const waggle::HttpRequest& request) noexcept override {
    wire_.sent.push_back({request, *request.body});
    wire_.reply = {};
  }
  const waggle::HttpReply& poll() noexcept override { return wire_.reply; }
  void cancel() noexcept override { ++wire_.cancelled; }
  void wait(int, Milliseconds) noexcept override {}

 private:
  Wire& wire_;
};

waggle::OtlpDestination destination() {
  waggle::OtlpDestination result;
  result.url = "http://localhost:4318/v1/traces";
  result.headers = {{"x-team", "honeybees"}};
  result.compress = false;
  result.attempt_timeout = Milliseconds(10000);
  result.retry_for = Milliseconds(60000);
  result.retry_backoff_first = Milliseconds(500);
  result.retry_backoff_longest = Milliseconds(15000);
  return result;
}

// A delivery with its wire and its clock.
class Desk {
 public:
  explicit Desk(const waggle::OtlpDestination& to = destination())
      : delivery_(to, std::make_unique<HandMadeTransport>(wire), {}) {
    random_.seed(1, 2);
  }

  Wire wire;
  waggle::TimePoint now = waggle::TimePoint{} + std::chrono::hours(1);
  Verdict verdict;

  Delivery& delivery() { return delivery_; }

  // Submits a batch of spans named 0, 1, 2 ...; the last may be a loss report.
  void submit(std::size_t spans, bool has_report = false, std::size_t text_size = 0) {
    delivery_.next().begin(waggle::Resource());
    std::vector<OwnedSpan> owned(spans);
    for (std::size_t i = 0; i < spans; ++i) {
      owned[i].name = std::to_string(i);
      if (text_size != 0) owned[i].attributes = {{"text", text(std::string(text_size, 't'))}};
    }
    const SpanViews views(std::move(owned));
    for (const waggle::FinishedSpan& span : views.spans()) delivery_.next().add_own(span);
    delivery_.submit(has_report);
  }

  // One step; true if some spans met their fate.
  bool step() {
    verdict = {};
    const bool has_verdict = delivery_.step(now, kUnixSeconds, random_, verdict);
    CHECK(has_verdict == (is_settled() || !verdict.message.empty()));
    return is_settled();
  }

  // Lets the server answer, and the delivery hear it.
  bool answer(int status, const std::string& body = {}, const std::string& retry_after = {}) {
    wire.reply.outcome = TransportOutcome::Answered;
    wire.reply.status = status;
    wire.reply.body = body;
    wire.reply.retry_after = retry_after;
    return step();
  }
  bool fail(TransportOutcome outcome) {
    wire.reply.outcome = outcome;
    return step();
  }

  // Goes on to when the delivery wants to act next, and lets it; returns how long that was.
  Milliseconds wait() {
    const waggle::TimePoint before = now;
    if (delivery_.next_time() > now) {
      now = delivery_.next_time() - std::chrono::nanoseconds(1);
      const std::size_t sent = wire.sent.size();
      CHECK_FALSE(step());
      CHECK(wire.sent.size() == sent);  // not earlier
      now = delivery_.next_time();
    }
    step();
    return std::chrono::ceil<Milliseconds>(now - before);
  }

  // Returns the names of the spans of the request that was sent last.
  std::string names() const {
    std::string names;
    const json body = json::parse(wire.sent.back().body);
    for (const json& span : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) {
      names += (names.empty() ? "" : " ") + span["name"].get<std::string>();
    }
    return names;
  }

  // Sun, 06 Nov 1994 08:49:37 GMT
  static constexpr std::int64_t kUnixSeconds = 784111777;

 private:
  bool is_settled() const { return verdict.spans() != 0 || verdict.settles_report; }

  waggle::detail::IdGenerator random_;
  Delivery delivery_;
};

std::string inflated(const std::string& compressed) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string text(1024 * 1024, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

}  // namespace

TEST_CASE("a batch that the server takes is delivered, once") {
  Desk desk;
  CHECK(desk.delivery().is_idle());
  CHECK_FALSE(desk.step());
  CHECK(desk.wire.sent.empty());
  desk.submit(3);
  CHECK_FALSE(desk.delivery().is_idle());
  CHECK(desk.delivery().spans_in_flight() == 0);
  CHECK_FALSE(desk.step());
  REQUIRE(desk.wire.sent.size() == 1);
  CHECK(desk.wire.sent[0].request.url == "http://localhost:4318/v1/traces");
  CHECK(desk.wire.sent[0].header("x-team") == "honeybees");
  CHECK(desk.wire.sent[0].header("Content-Type") == "application/json");
  CHECK(desk.names() == "0 1 2");
  CHECK(desk.delivery().is_in_flight());
  CHECK(desk.delivery().spans_in_flight() == 3);
  CHECK_FALSE(desk.step());  // no answer yet
  REQUIRE(desk.answer(200));
  CHECK(desk.verdict.delivered == 3);
  CHECK(desk.verdict.spans() == 3);
  CHECK(desk.verdict.message.empty());
  CHECK(desk.delivery().is_idle());
  CHECK(desk.delivery().spans_in_flight() == 0);
  CHECK_FALSE(desk.step());
  CHECK(desk.wire.sent.size() == 1);
}

TEST_CASE("the next batch is encoded while one is on its way, and waits for its turn") {
  Desk desk;
  desk.submit(1);
  desk.step();
  CHECK_FALSE(desk.delivery().has_submitted());
  desk.submit(2);
  CHECK(desk.delivery().has_submitted());
  desk.step();
  CHECK(desk.wire.sent.size() == 1);
  CHECK(desk.delivery().spans_in_flight() == 1);
  CHECK(desk.answer(200));
  CHECK(desk.verdict.delivered == 1);
  desk.step();
  CHECK(desk.names() == "0 1");
  CHECK(desk.answer(200));
  CHECK(desk.verdict.delivered == 2);
}

TEST_CASE("after a failure that may pass the same is sent again after a backoff") {
  Desk desk;
  desk.submit(2);
  desk.step();
  CHECK_FALSE(desk.answer(503));
  CHECK(desk.verdict.message ==
        "http://localhost:4318/v1/traces: 503 Service Unavailable (will be tried again)");
  CHECK(desk.delivery().spans_in_flight() == 2);
  Milliseconds longest{500};
  for (int attempt = 0; attempt < 4; ++attempt) {
    CHECK(desk.wait() <= longest);
    longest *= 2;
    CHECK_FALSE(desk.fail(TransportOutcome::NotConnected));
  }
  desk.wait();
  REQUIRE(desk.wire.sent.size() == 6);
  for (const Sent& sent : desk.wire.sent) CHECK(sent.body == desk.wire.sent[0].body);
  CHECK(desk.answer(200));
  CHECK(desk.verdict.delivered == 2);
}

TEST_CASE("backoffs grow at random, and begin anew after a success") {
  Milliseconds first{0};
  Milliseconds fifth{0};
  Desk desk;
  for (int batch = 0; batch < 50; ++batch) {
    desk.submit(1);
    desk.wait();
    for (int attempt = 0; attempt < 5; ++attempt) {
      CHECK_FALSE(desk.answer(503));
      const Milliseconds waited = desk.wait();
      if (attempt == 0) first = (std::max)(first, waited);
      if (attempt == 4) fifth = (std::max)(fifth, waited);
    }
    CHECK(desk.answer(200));
  }
  CHECK(first <= Milliseconds(500));
  CHECK(first > Milliseconds(250));
  CHECK(fifth <= Milliseconds(8000));
  CHECK(fifth > Milliseconds(4000));
}

TEST_CASE("a server that names a time is left alone until then, and no longer") {
  Desk desk;
  desk.submit(1);
  desk.step();
  CHECK_FALSE(desk.answer(429, {}, "7"));
  CHECK(desk.wait() == Milliseconds(7000));
  CHECK_FALSE(desk.answer(503, {}, "Sun, 06 Nov 1994 08:49:49 GMT"));
  CHECK(desk.wait() == Milliseconds(12000));
  CHECK_FALSE(desk.answer(503, {}, "0"));
  CHECK(desk.wait() == Milliseconds(0));
  CHECK(desk.wire.sent.size() == 4);
  CHECK(desk.answer(200));
}

TEST_CASE("a batch is not tried for longer than its time") {
  Desk desk;
  desk.submit(2);
  const waggle::TimePoint begin = desk.now;
  desk.step();
  while (!desk.answer(503)) desk.wait();
  CHECK(desk.verdict.dropped == 2);
  CHECK(desk.verdict.reason == DropReason::RetriesExhausted);
  CHECK(desk.verdict.message == "http://localhost:4318/v1/traces: 503 Service Unavailable");
  CHECK(desk.now - begin <= Milliseconds(60000));
  CHECK(desk.now - begin > Milliseconds(40000));
  CHECK(desk.delivery().is_idle());
}

TEST_CASE("a wait that the batch does not live to see ends it at once, but holds for the next") {
  Desk desk;
  desk.submit(1);
  desk.step();
  desk.submit(1);
  CHECK(desk.answer(429, {}, "61"));
  CHECK(desk.verdict.dropped == 1);
  CHECK(desk.verdict.reason == DropReason::RetriesExhausted);
  // Never longer than a batch is kept, whatever the server wishes.
  CHECK(desk.wait() == Milliseconds(60000));
  CHECK(desk.wire.sent.size() == 2);
}

TEST_CASE("whoever comes too late for the next attempt makes none") {
  Desk desk;
  desk.submit(1);
  desk.step();
  CHECK_FALSE(desk.answer(503, {}, "5"));
  desk.now += Milliseconds(60001);  // the driver was held up
  REQUIRE(desk.step());
  CHECK(desk.verdict.dropped == 1);
  CHECK(desk.verdict.reason == DropReason::RetriesExhausted);
  CHECK(desk.wire.sent.size() == 1);
}

TEST_CASE("an attempt has no more time than its batch has left") {
  Desk desk;
  desk.submit(1);
  desk.step();
  CHECK(desk.wire.sent.back().request.timeout == Milliseconds(10000));
  CHECK_FALSE(desk.answer(503, {}, "48"));
  desk.wait();
  CHECK(desk.wire.sent.back().request.timeout == Milliseconds(10000));
  CHECK_FALSE(desk.answer(503, {}, "9"));
  desk.wait();
  // What is left, and the millisecond by which it can end after the deadline.
  CHECK(desk.wire.sent.back().request.timeout <= Milliseconds(3001));
  CHECK(desk.wire.sent.back().request.timeout >= Milliseconds(3000));
}

TEST_CASE("the time of a batch begins with its first attempt, not while it waits for its turn") {
  Desk desk;
  desk.submit(1);
  desk.step();
  desk.submit(1);
  desk.now += Milliseconds(50000);
  CHECK(desk.answer(200));
  desk.step();
  CHECK_FALSE(desk.answer(503, {}, "59"));
  desk.wait();
  CHECK(desk.answer(200));
}

TEST_CASE("what may have arrived is never called lost for certain") {
  const std::pair<TransportOutcome, DropReason> cases[] = {
      {TransportOutcome::Interrupted, DropReason::Unconfirmed},
      {TransportOutcome::NotConnected, DropReason::RetriesExhausted}};
  for (const auto& [outcome, reason] : cases) {
    Desk desk;
    desk.submit(3);
    desk.step();
    CHECK_FALSE(desk.fail(outcome));
    desk.wait();
    // Whatever the last answer is, the first attempt decides.
    while (!desk.answer(503)) desk.wait();
    CHECK(desk.verdict.dropped == 3);
    CHECK(desk.verdict.reason == reason);
  }
}

TEST_CASE("what a server refuses is not sent again") {
  Desk desk;
  desk.submit(4);
  desk.step();
  REQUIRE(desk.answer(400, R"({"message":"bad span"})"));
  CHECK(desk.verdict.dropped == 4);
  CHECK(desk.verdict.reason == DropReason::RejectedStatus);
  CHECK(desk.verdict.message == "http://localhost:4318/v1/traces: 400 Bad Request: bad span");
  CHECK(desk.delivery().is_idle());
}

TEST_CASE("a partial success is final, and tells how many") {
  Desk desk;
  desk.submit(4);
  desk.step();
  REQUIRE(desk.answer(200, R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"old"}})"));
  CHECK(desk.verdict.delivered == 1);
  CHECK(desk.verdict.rejected == 3);
  CHECK(desk.verdict.message.find("old") != std::string::npos);
  CHECK(desk.delivery().is_idle());
}

TEST_CASE("a batch that is too large is halved, down to the one span that is") {
  Desk desk;
  desk.submit(5);
  desk.step();
  std::vector<std::string> sent{desk.names()};
  std::uint64_t delivered = 0;
  std::uint64_t too_large = 0;
  while (!desk.delivery().is_idle()) {
    REQUIRE(sent.size() < 20);
    const bool is_too_large = desk.names().find('3') != std::string::npos;
    if (desk.answer(is_too_large ? 413 : 200)) {
      delivered += desk.verdict.delivered;
      too_large += desk.verdict.reason == DropReason::TooLarge ? desk.verdict.dropped : 0;
    }
    CHECK(desk.delivery().spans_in_flight() == 5 - delivered - too_large);
    desk.step();
    if (desk.delivery().is_in_flight()) sent.push_back(desk.names());
  }
  CHECK(sent == std::vector<std::string>{"0 1 2 3 4", "0 1", "2 3 4", "2", "3 4", "3", "4"});
  CHECK(delivered == 4);
  CHECK(too_large == 1);
}

TEST_CASE("halves share the batch's time") {
  Desk desk;
  desk.submit(2);
  desk.step();
  CHECK_FALSE(desk.answer(503, {}, "40"));
  desk.wait();
  CHECK_FALSE(desk.answer(413));
  desk.step();
  CHECK(desk.answer(503, {}, "21"));
  CHECK(desk.verdict.dropped == 1);
  CHECK(desk.verdict.reason == DropReason::RetriesExhausted);
  desk.now += Milliseconds(21000);  // and so it is over for the other half too
  REQUIRE(desk.step());
  CHECK(desk.verdict.dropped == 1);
  CHECK(desk.wire.sent.size() == 3);
}

TEST_CASE("the loss report rides along, and is in nobody's books") {
  Desk desk;
  desk.submit(3, true);
  desk.step();
  CHECK(desk.names() == "0 1 2");
  CHECK(desk.delivery().spans_in_flight() == 2);

  SUBCASE("it arrives") {
    REQUIRE(desk.answer(200));
    CHECK(desk.verdict.delivered == 2);
    CHECK(desk.verdict.settles_report);
    CHECK(desk.verdict.report_has_arrived);
  }
  SUBCASE("it is lost with its batch") {
    REQUIRE(desk.answer(400));
    CHECK(desk.verdict.dropped == 2);
    CHECK(desk.verdict.settles_report);
    CHECK_FALSE(desk.verdict.report_has_arrived);
  }
  SUBCASE("a partial success may have cost it") {
    REQUIRE(desk.answer(200, R"({"partialSuccess":{"rejectedSpans":3}})"));
    CHECK(desk.verdict.delivered == 0);
    CHECK(desk.verdict.rejected == 2);
    CHECK(desk.verdict.settles_report);
    CHECK_FALSE(desk.verdict.report_has_arrived);
  }
  SUBCASE("it is in the last part of a batch that is halved") {
    CHECK_FALSE(desk.answer(413));
    desk.step();
    REQUIRE(desk.answer(200));
    CHECK(desk.verdict.delivered == 1);
    CHECK_FALSE(desk.verdict.settles_report);
    desk.step();
    CHECK_FALSE(desk.answer(413));
    desk.step();
    REQUIRE(desk.answer(200));
    CHECK(desk.verdict.delivered == 1);
    CHECK_FALSE(desk.verdict.settles_report);
    desk.step();
    CHECK(desk.names() == "2");
    CHECK(desk.delivery().spans_in_flight() == 0);
    REQUIRE(desk.answer(413));  // too large by itself
    CHECK(desk.verdict.spans() == 0);
    CHECK(desk.verdict.settles_report);
    CHECK_FALSE(desk.verdict.report_has_arrived);
    CHECK(desk.delivery().is_idle());
  }
  SUBCASE("the next batch has none") {
    REQUIRE(desk.answer(200));
    desk.submit(3);
    desk.step();
    CHECK(desk.delivery().spans_in_flight() == 3);
    REQUIRE(desk.answer(200));
    CHECK(desk.verdict.delivered == 3);
    CHECK_FALSE(desk.verdict.settles_report);
  }
}

TEST_CASE("who is in a hurry does not wait for the next attempt") {
  Desk desk;
  desk.submit(1);
  desk.step();
  CHECK_FALSE(desk.answer(503, {}, "30"));
  CHECK(desk.delivery().next_time() == desk.now + Milliseconds(30000));
  desk.delivery().hurry(desk.now);
  CHECK(desk.delivery().next_time() == desk.now);
  desk.step();
  CHECK(desk.wire.sent.size() == 2);
  desk.delivery().hurry(desk.now);  // changes nothing about a request on its way
  CHECK(desk.delivery().is_in_flight());
  CHECK(desk.answer(200));
}

TEST_CASE("giving up cancels the request, and says of how many spans nobody knows") {
  Desk desk;
  SUBCASE("nothing was there") { CHECK(desk.delivery().give_up() == 0); }
  SUBCASE("submitted, but never sent") {
    desk.submit(3);
    CHECK(desk.delivery().give_up() == 0);
  }
  SUBCASE("on its way, its report not counted") {
    desk.submit(3, true);
    desk.step();
    desk.submit(2);
    CHECK(desk.delivery().give_up() == 2);
    CHECK(desk.wire.cancelled == 1);
  }
  SUBCASE("between two attempts that were certainly in vain") {
    desk.submit(3);
    desk.step();
    desk.answer(503);
    CHECK(desk.delivery().give_up() == 0);
    CHECK(desk.wire.cancelled == 0);
  }
  SUBCASE("between two attempts, of which one may have arrived") {
    desk.submit(3);
    desk.step();
    desk.fail(TransportOutcome::Interrupted);
    CHECK(desk.delivery().give_up() == 3);
  }
  SUBCASE("in the middle of a halved batch") {
    desk.submit(4);
    desk.step();
    desk.answer(413);
    desk.step();  // the first half is on its way, the second was refused as a part of the whole
    CHECK(desk.delivery().give_up() == 2);
  }
  CHECK(desk.delivery().is_idle());
  CHECK(desk.delivery().spans_in_flight() == 0);
  CHECK(desk.delivery().next_time() == (waggle::TimePoint::max)());

  // It works on afterwards.
  desk.now += Milliseconds(60000);
  desk.submit(1);
  desk.step();
  CHECK(desk.answer(200));
  CHECK(desk.verdict.delivered == 1);
}

TEST_CASE("bodies are compressed, a piece at each step") {
  waggle::OtlpDestination to = destination();
  to.compress = true;
  Desk desk(to);
  desk.submit(100, false, 3000);
  int steps = 0;
  while (desk.wire.sent.empty()) {
    desk.step();
    REQUIRE(++steps < 100);
  }
  CHECK(steps >= 300000 / (64 * 1024));  // 64 KiB at once
  CHECK(desk.delivery().spans_in_flight() == 100);
  CHECK(desk.wire.sent[0].header("Content-Encoding") == "gzip");
  CHECK(desk.wire.sent[0].body.size() < 30000);
  const json body = json::parse(inflated(desk.wire.sent[0].body));
  CHECK(body["resourceSpans"][0]["scopeSpans"][0]["spans"].size() == 100);
  CHECK(desk.answer(200));
}

TEST_CASE("while it compresses, the next step is wanted at once") {
  waggle::OtlpDestination to = destination();
  to.compress = true;
  Desk desk(to);
  desk.submit(100, false, 3000);
  desk.step();
  CHECK_FALSE(desk.delivery().is_in_flight());
  CHECK(desk.delivery().next_time() <= desk.now);
  CHECK(desk.delivery().give_up() == 0);  // nothing of it was sent
}

TEST_CASE("an uncompressed body says nothing of an encoding") {
  Desk desk;
  desk.submit(1);
  desk.step();
  CHECK(desk.wire.sent[0].header("Content-Encoding").empty());
  CHECK(desk.wire.sent[0].request.headers.size() == 2);
}

TEST_CASE("a retried request has each header once") {
  waggle::OtlpDestination to = destination();
  to.compress = true;
  Desk desk(to);
  desk.submit(1);
  for (int attempt = 0; attempt < 3; ++attempt) {
    while (!desk.delivery().is_in_flight()) desk.wait();
    CHECK(desk.wire.sent.back().request.headers.size() == 3);
    CHECK_FALSE(desk.answer(503));
  }
}

TEST_CASE("who is turned away for the key is told where it comes from") {
  for (const int status : {401, 403}) {
    waggle::OtlpDestination to = destination();
    Desk other(to);
    other.submit(1);
    other.step();
    REQUIRE(other.answer(status));
    CHECK(other.verdict.reason == DropReason::RejectedStatus);
    CHECK(other.verdict.message.find("OTEL_EXPORTER_OTLP_HEADERS") != std::string::npos);

    to.is_honeycomb = true;
    Desk honeycomb(to);
    honeycomb.submit(1);
    honeycomb.step();
    REQUIRE(honeycomb.answer(status, R"({"message":"unknown API key - check honeybees"})"));
    CHECK(honeycomb.verdict.message.find("HONEYCOMB_API_KEY") != std::string::npos);
    CHECK(honeycomb.verdict.message.find("unknown API key") != std::string::npos);
    CHECK(honeycomb.verdict.message.find("honeybees") == std::string::npos);  // a header's value
  }
  Desk desk;
  desk.submit(1);
  desk.step();
  REQUIRE(desk.answer(404));
  CHECK(desk.verdict.message.find("check") == std::string::npos);
}
