// The server that judges the exporter's books has to be right itself: each act against a plain
// socket or a real HTTP client, and what it notes about it.
#include <doctest/doctest.h>
#include <zlib.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>
#include <waggle/http/curl_transport.hpp>

#include "support/certificates.hpp"
#include "support/scripted_server.hpp"
#include "support/transport_driver.hpp"

using namespace waggle_test;
using waggle::CurlTransport;
using waggle::HttpReply;
using waggle::HttpRequest;
using waggle::TransportOutcome;

namespace {

const bool curl_is_ready = waggle::initialise_curl().ok();

// A body with a span for each of `ids`; its number is the id's last digit.
std::string body_of(const std::vector<std::string>& ids, const std::string& scope = "test") {
  std::string spans;
  for (const std::string& id : ids) {
    spans += spans.empty() ? "" : ",";
    spans += R"({"traceId":"0123456789abcdef0123456789abcdef","spanId":")" + id +
             R"(","flags":259,"name":"n","kind":1,"startTimeUnixNano":"1","endTimeUnixNano":"2",)" +
             R"("attributes":[{"key":"number","value":{"intValue":")" + id.back() + R"("}}]})";
  }
  return R"({"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{"name":")" + scope +
         R"("},"spans":[)" + spans + "]}]}]}";
}

const std::string kFirst = "00000000000000a1";
const std::string kSecond = "00000000000000a2";
const std::string kBody = body_of({kFirst, kSecond});

std::string gzip(const std::string& text) {
  z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string zipped(text.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(zipped.data());
  stream.avail_out = static_cast<uInt>(zipped.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  zipped.resize(stream.total_out);
  ::deflateEnd(&stream);
  return zipped;
}

HttpReply post(CurlTransport& transport, const ScriptedServer& server,
               const std::string& body = kBody) {
  return exchange(transport, post_of(server.url() + "/v1/traces", body));
}

// Sends the body once and returns what the client saw; `noted` is what the server says about it.
HttpReply meet(const Act& act, Exchange& noted, const std::string& body = kBody) {
  ScriptedServer server(always(act));
  CurlTransport transport;
  const HttpReply reply = post(transport, server, body);
  server.stop();
  REQUIRE(server.exchanges().size() == 1);
  noted = server.exchanges()[0];
  CHECK(noted.complaints == std::vector<std::string>{});
  return reply;
}

}  // namespace

TEST_CASE("accepted spans are kept and acknowledged, each with its number") {
  ScriptedServer server(always(accept_spans()));
  CurlTransport transport;
  CHECK(post(transport, server).status == 200);
  server.stop();
  const ServerBooks books(server.exchanges());
  CHECK(books.kept == std::map<std::string, int>{{kFirst, 1}, {kSecond, 1}});
  CHECK(books.surely_accepted == std::set<std::string>{kFirst, kSecond});
  CHECK(books.read.at(kSecond) == 2);
  CHECK(books.complaints.empty());
  CHECK(books.read_after_acceptance.empty());
}

TEST_CASE("a span that is sent again after it was acknowledged is noticed") {
  ScriptedServer server(in_order({fail_with(502, true)}));
  CurlTransport transport;
  CHECK(post(transport, server).status == 502);
  CHECK(post(transport, server).status == 200);
  CHECK(post(transport, server, body_of({kSecond})).status == 200);
  server.stop();
  const ServerBooks books(server.exchanges());
  CHECK(books.kept == std::map<std::string, int>{{kFirst, 2}, {kSecond, 3}});
  CHECK(books.read_after_acceptance == std::set<std::string>{kSecond});
  CHECK(server.connections() == 1);
}

TEST_CASE("the first spans of a partial success are rejected, and never a loss report") {
  Exchange noted;
  const HttpReply reply = meet(reject_some(1), noted);
  CHECK(reply.status == 200);
  CHECK(reply.body.find(R"("rejectedSpans":"1")") != reply.body.npos);
  const ServerBooks books({noted});
  CHECK(books.rejected == std::set<std::string>{kFirst});
  CHECK(books.kept == std::map<std::string, int>{{kSecond, 1}});

  meet(reject_some(5), noted, body_of({kFirst}, "waggle"));
  CHECK(noted.rejected == 0);
  const ServerBooks own({noted});
  CHECK(own.loss_reports == 1);
  CHECK(own.read.empty());
}

TEST_CASE("refusals keep nothing, and carry their headers") {
  Exchange noted;
  HttpReply reply = meet(retry_after("17", 429), noted);
  CHECK(reply.status == 429);
  CHECK(reply.retry_after == "17");
  CHECK(noted.is_whole);
  CHECK_FALSE(noted.is_kept);
  CHECK_FALSE(noted.accepts());
  CHECK(meet(redirect_to("http://127.0.0.1:1/"), noted).status == 307);
  CHECK(meet(refuse_early(413), noted, std::string(1 << 22, ' ')).status == 413);
  CHECK_FALSE(noted.is_whole);
}

TEST_CASE("a body above the limit is refused, one below it is kept") {
  Exchange noted;
  CHECK(meet(limit_to(kBody.size() - 1), noted).status == 413);
  CHECK_FALSE(noted.is_kept);
  CHECK(meet(limit_to(kBody.size()), noted).status == 200);
  CHECK(noted.is_kept);
}

TEST_CASE("compressed bodies are read, and broken ones are told") {
  const std::string zipped = gzip(kBody);
  ScriptedServer server(always(accept_spans()));
  CurlTransport transport;
  for (const std::string& body : {zipped, zipped.substr(0, zipped.size() - 3)}) {
    HttpRequest request = post_of(server.url() + "/v1/traces", body);
    request.headers.emplace_back("Content-Encoding", "gzip");
    exchange(transport, request);
  }
  server.stop();
  REQUIRE(server.exchanges().size() == 2);
  CHECK(server.exchanges()[0].spans.size() == 2);
  CHECK(server.exchanges()[0].complaints.empty());
  CHECK_FALSE(server.exchanges()[1].complaints.empty());
}

TEST_CASE("a request that is cut off is noted as not whole") {
  for (const Ending ending : {Ending::Reset, Ending::Close}) {
    for (const std::size_t bytes : {0U, 1U, 40U, 200U}) {
      CAPTURE(bytes);
      Exchange noted;
      CHECK(meet(end_in_request(bytes, ending), noted).outcome == TransportOutcome::Interrupted);
      CHECK_FALSE(noted.is_whole);
      CHECK_FALSE(noted.is_kept);
      CHECK(noted.said == Said::Nothing);
    }
  }
}

TEST_CASE("a reply that is cut off says so, whether or not its spans are kept") {
  for (const Ending ending : {Ending::Reset, Ending::Close}) {
    for (const std::size_t bytes : {1U, 15U}) {
      Exchange noted;
      CHECK(meet(end_in_reply(bytes, true, ending), noted).outcome ==
            TransportOutcome::Interrupted);
      CHECK(noted.is_kept);
      CHECK(noted.said == Said::Cut);
      meet(end_in_reply(bytes, false, ending), noted);
      CHECK_FALSE(noted.is_kept);
    }
  }
  Exchange noted;
  meet(end_in_reply(kAllBytes, true, Ending::Reset), noted);
  CHECK(noted.said == Said::Doubtful);
  CHECK(meet(vanish(true), noted).outcome == TransportOutcome::Interrupted);
  CHECK(noted.is_kept);
  CHECK(noted.said == Said::Nothing);
}

TEST_CASE("a Content-Length may be wrong either way") {
  Exchange noted;
  CHECK(meet(wrong_length(5), noted).outcome == TransportOutcome::Interrupted);
  CHECK(noted.said == Said::Doubtful);
  CHECK(meet(wrong_length(-1), noted).body == "{");
}

TEST_CASE("odd but valid replies are replies") {
  for (const Act& act : {continue_first(), reply_byte_by_byte(), close_after_reply(), read_slowly(),
                         accept_spans(204), accept_spans(202)}) {
    CAPTURE(act.name);
    Exchange noted;
    CHECK(meet(act, noted).status == act.status);
    CHECK(noted.said == Said::All);
    CHECK(noted.is_kept);
  }
}

TEST_CASE("what stalls goes on once the server lets go") {
  ScriptedServer server(always(stall_reply()));
  CurlTransport transport;
  std::thread releaser([&server] {
    if (server.wait_for_stalled(1)) server.let_go();
  });
  CHECK(post(transport, server).status == 200);
  releaser.join();
}

TEST_CASE("stopping ends what stalls in every phase") {
  std::vector<Act> acts = {stall_reply(), end_in_request(0, Ending::Stall),
                           end_in_request(50, Ending::Stall), spoil_handshake(Handshake::Stall),
                           reply_byte_by_byte(std::chrono::hours(1))};
  for (const Act& act : acts) {
    CAPTURE(act.name);
    ScriptedServer server(always(act));
    CurlTransport transport;
    HttpRequest request = post_of(server.url() + "/v1/traces", kBody);
    transport.begin(request);
    REQUIRE(drive_until(transport, [&server] { return server.wait_for_requests(1, {}); }));
    server.stop();
    CHECK(finish(transport).outcome == TransportOutcome::Interrupted);
  }
}

TEST_CASE("connections are refused until the server listens again, on the same port") {
  ScriptedServer server(always(accept_spans()));
  CurlTransport transport;
  CHECK(post(transport, server).status == 200);
  for (int turn = 0; turn < 3; ++turn) {
    server.refuse_connections();
    CHECK(post(transport, server).outcome == TransportOutcome::NotConnected);
    server.listen_again();
    CHECK(post(transport, server).status == 200);
  }
  server.stop();
  CHECK(server.exchanges().size() == 4);
}

TEST_CASE("the same over TLS, and handshakes that fail") {
  CertificateAuthority authority("authority");
  const CertificateFiles files = authority.issue("server");
  waggle::CurlOptions options;
  options.ca_file = authority.file();
  CurlTransport transport(options);
  ScriptedServer server(
      in_order({spoil_handshake(Handshake::Garbage), spoil_handshake(Handshake::Alert),
                accept_spans(), end_in_reply(20, true, Ending::Reset)}),
      files);
  CHECK(post(transport, server).outcome == TransportOutcome::NotConnected);
  CHECK(post(transport, server).outcome == TransportOutcome::NotConnected);
  CHECK(post(transport, server).status == 200);
  CHECK(post(transport, server).outcome == TransportOutcome::Interrupted);
  CHECK(post(transport, server).status == 200);
  server.stop();
  const ServerBooks books(server.exchanges());
  CHECK(books.kept.at(kFirst) == 3);
  CHECK(books.complaints.empty());
  CHECK(server.connections() == 4);
}

TEST_CASE("a seed decides which acts come") {
  const std::vector<Act> acts = {accept_spans(), vanish(true), stall_reply()};
  ActScript first = at_random(7, acts);
  ActScript again = at_random(7, acts);
  ActScript other = at_random(8, acts);
  std::string names[3];
  for (std::size_t number = 0; number < 50; ++number) {
    names[0] += first(number).name;
    names[1] += again(number).name;
    names[2] += other(number).name;
  }
  CHECK(names[0] == names[1]);
  CHECK(names[0] != names[2]);
}
