// Where spans were lost, the server itself is told: with the next batch, once.
#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/driver.hpp"
#include "support/raw_server.hpp"

using nlohmann::json;
using waggle::DropReason;
using waggle_test::http_reply;
using waggle_test::RawConnection;
using waggle_test::RawServer;

namespace {

void accept_everything(RawConnection& connection) {
  while (connection.read_request()) connection.send(http_reply(200, "{}"));
}

waggle::Config to(const RawServer& server) {
  waggle::Config config;
  waggle_test::choose_driver(config);
  config.endpoint = server.url("");
  config.memory_limit = 256 * 1024;
  config.exit_timeout = waggle::Milliseconds(30000);
  config.on_message = [](std::string_view, void*) {};
  return config;
}

std::uint64_t lost_to(DropReason reason) { return waggle::stats().dropped_for(reason); }

// Records more than the ring takes, until some spans are lost; returns how many.
std::uint64_t burst() {
  const std::uint64_t before = lost_to(DropReason::RingFull);
  while (lost_to(DropReason::RingFull) == before) {
    for (int i = 0; i < 1000; ++i) waggle::Span span{"burst"};
  }
  return lost_to(DropReason::RingFull) - before;
}

void record_one(waggle::Tracing& tracing) {
  { waggle::Span span{"quiet"}; }
  CHECK(tracing.force_flush());
}

// What the spans of scope "waggle" tell, summed up.
struct Told {
  std::map<std::string, std::uint64_t> lost;
  std::size_t reports = 0;
};

void read_report(const json& span, Told& told) {
  ++told.reports;
  CHECK(span.at("name") == "spans lost");
  for (const json& attribute : span.at("attributes")) {
    const std::string count = attribute.at("value").at("intValue");
    told.lost[attribute.at("key")] += std::stoull(count);
  }
}

Told told_to(const RawServer& server) {
  Told told;
  for (const waggle_test::RawRequest& request : server.requests()) {
    const json body = json::parse(request.body);
    for (const json& scope : body.at("resourceSpans").at(0).at("scopeSpans")) {
      if (scope.at("scope").value("name", "") != "waggle") continue;
      for (const json& span : scope.at("spans")) read_report(span, told);
    }
  }
  return told;
}

}  // namespace

TEST_CASE("as long as nothing is lost, nothing is told") {
  RawServer server(&accept_everything);
  auto tracing = waggle::start(to(server));
  record_one(tracing);
  record_one(tracing);
  CHECK(tracing.shutdown());
  CHECK(told_to(server).reports == 0);
}

TEST_CASE("what a burst lost is told in all, under its reason, and once") {
  RawServer server(&accept_everything);
  auto tracing = waggle::start(to(server));
  const std::uint64_t first = burst();
  CHECK(tracing.force_flush());
  record_one(tracing);
  Told told = told_to(server);
  CHECK(told.lost == std::map<std::string, std::uint64_t>{{"waggle.lost_spans.ring_full", first}});
  CHECK(told.reports >= 1);

  const std::size_t reports = told.reports;
  record_one(tracing);
  record_one(tracing);
  CHECK(told_to(server).reports == reports);

  const std::uint64_t second = burst();
  CHECK(tracing.force_flush());
  record_one(tracing);
  CHECK(tracing.shutdown());
  told = told_to(server);
  CHECK(told.lost ==
        std::map<std::string, std::uint64_t>{{"waggle.lost_spans.ring_full", first + second}});
}

TEST_CASE("the reports are in nobody's books") {
  RawServer server(&accept_everything);
  const waggle::Stats before = waggle::stats();
  auto tracing = waggle::start(to(server));
  burst();
  CHECK(tracing.force_flush());
  record_one(tracing);
  CHECK(tracing.shutdown());
  std::size_t spans = 0;
  for (const waggle_test::RawRequest& request : server.requests()) {
    const json body = json::parse(request.body);
    for (const json& scope : body.at("resourceSpans").at(0).at("scopeSpans")) {
      spans += scope.at("spans").size();
    }
  }
  CHECK(waggle::stats().delivered - before.delivered == spans - told_to(server).reports);
}

TEST_CASE("what a filter drops is not told") {
  RawServer server(&accept_everything);
  waggle::Config config = to(server);
  config.filter = [](waggle::SpanEditor& editor) { return editor.span().name != "unwanted"; };
  const std::uint64_t before = lost_to(DropReason::Filtered);
  auto tracing = waggle::start(std::move(config));
  { waggle::Span span{"unwanted"}; }
  record_one(tracing);
  { waggle::Span span{"unwanted"}; }
  record_one(tracing);
  CHECK(tracing.shutdown());
  CHECK(lost_to(DropReason::Filtered) - before == 2);
  CHECK(told_to(server).reports == 0);
}

TEST_CASE("what was lost before this tracer began is not told to its server") {
  {
    RawServer server(&accept_everything);
    auto tracing = waggle::start(to(server));
    burst();
    CHECK(tracing.shutdown());
  }
  RawServer server(&accept_everything);
  auto tracing = waggle::start(to(server));
  record_one(tracing);
  CHECK(tracing.shutdown());
  CHECK(told_to(server).reports == 0);
}

TEST_CASE("a report that did not arrive is told again, with the spans that it was sent with") {
  std::atomic<int> refusals{0};
  RawServer server([&](RawConnection& connection) {
    while (const auto request = connection.read_request()) {
      const bool is_first = request->body.find("quiet") != std::string::npos && refusals++ < 2;
      connection.send(is_first ? http_reply(400, R"({"message":"no"})") : http_reply(200, "{}"));
    }
  });
  auto tracing = waggle::start(to(server));
  record_one(tracing);  // is refused
  record_one(tracing);  // is refused, with the report on the first
  record_one(tracing);
  record_one(tracing);
  CHECK(tracing.shutdown());
  REQUIRE(server.requests().size() == 4);
  // The second request told of one, the third of two.
  CHECK(told_to(server).reports == 2);
  CHECK(told_to(server).lost ==
        std::map<std::string, std::uint64_t>{{"waggle.lost_spans.rejected_status", 3}});
}
