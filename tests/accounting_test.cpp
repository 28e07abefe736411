// The exporter's books against those of a server that does its worst: eight threads record spans,
// the server notes each span that it reads and each answer that it gives, and after shutdown the
// two have to agree to the span.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/certificates.hpp"
#include "support/scripted_server.hpp"

using namespace waggle_test;
using waggle::DropReason;
using waggle::Milliseconds;
using waggle::Stats;

namespace {

void fast_retries(waggle::Config& config) {
  config.retry_backoff_first = Milliseconds(1);
  config.retry_backoff_longest = Milliseconds(4);
  config.retry_for = Milliseconds(20000);
  config.attempt_timeout = Milliseconds(10000);
}

// Spans ended, by id, each with its number.
using SpanLog = std::vector<std::pair<std::string, std::int64_t>>;

// Eight threads that record, a few spans for each request that the server gets.
class Recorders {
 public:
  Recorders(ScriptedServer& server, int rounds) : server_(server), rounds_(rounds) {}

  std::uint64_t begun() const { return begun_; }
  std::uint64_t ended() const { return ended_; }

  // Returns all spans that were recorded.
  SpanLog run() {
    std::vector<std::thread> threads;
    for (std::size_t index = 0; index < logs_.size(); ++index) {
      threads.emplace_back([this, index] { record_rounds(index); });
    }
    for (std::thread& thread : threads) thread.join();
    SpanLog all;
    for (const SpanLog& log : logs_) all.insert(all.end(), log.begin(), log.end());
    return all;
  }

 private:
  static constexpr int kPairsInRound = 3;

  void record_rounds(std::size_t index) {
    const auto first_number = static_cast<std::int64_t>(index) * 1000000;
    for (int round = 0; round < rounds_; ++round) {
      for (int turn = 0; turn < kPairsInRound; ++turn) {
        const std::int64_t number = first_number + 2 * (round * kPairsInRound + turn);
        record_pair(logs_[index], number);
      }
      // Paces the threads, and decides nothing: a server that gets nothing is not waited for.
      server_.wait_for_requests(static_cast<std::size_t>(round) + 1, Milliseconds(20));
    }
  }

  void record_pair(SpanLog& log, std::int64_t number) {
    begun_ += 2;
    {
      waggle::Span parent{"parent"};
      note(log, parent, number);
      {
        waggle::Span child{"child"};
        note(log, child, number + 1);
      }
      ++ended_;
    }
    ++ended_;
  }

  static void note(SpanLog& log, waggle::Span& span, std::int64_t number) {
    span.set_attribute("number", number);
    log.emplace_back(std::string(span.context().span_id().hex().view()), number);
  }

  ScriptedServer& server_;
  const int rounds_;
  std::array<SpanLog, 8> logs_;
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::uint64_t> ended_{0};
};

// Takes snapshots all the time, and counts those that cannot be right.
class SnapshotWatcher {
 public:
  SnapshotWatcher(const Recorders& recorders, const Stats& before)
      : recorders_(recorders), before_(before), thread_([this] { watch(); }) {}

  // Returns what was wrong, at most one line of each kind.
  std::vector<std::string> stop() {
    is_over_ = true;
    thread_.join();
    return complaints_;
  }

 private:
  void watch() {
    Stats last = before_;
    while (!is_over_) {
      const std::uint64_t at_least = recorders_.ended();
      const Stats now = waggle::stats();
      const std::uint64_t at_most = recorders_.begun();
      const std::uint64_t ended = now.ended() - before_.ended();
      expect(ended >= at_least, "a span that had ended is missing");
      expect(ended <= at_most, "more spans than were begun");
      expect(now.ended() >= last.ended(), "fewer spans than before");
      expect(now.delivered >= last.delivered, "fewer delivered than before");
      expect(now.rejected >= last.rejected, "fewer rejected than before");
      for (std::size_t reason = 0; reason < waggle::kDropReasonCount; ++reason) {
        expect(now.dropped[reason] >= last.dropped[reason], "fewer dropped than before");
      }
      expect((std::max)({now.in_rings, now.queued, now.in_flight}) <= at_most,
             "more on their way than were begun");
      last = now;
    }
  }

  void expect(bool holds, const char* otherwise) {
    if (holds) return;
    if (std::find(complaints_.begin(), complaints_.end(), otherwise) == complaints_.end()) {
      complaints_.emplace_back(otherwise);
    }
  }

  const Recorders& recorders_;
  const Stats before_;
  std::atomic<bool> is_over_{false};
  std::vector<std::string> complaints_;
  std::thread thread_;
};

Stats operator-(const Stats& after, const Stats& before) {
  Stats change = after;
  change.delivered -= before.delivered;
  change.rejected -= before.rejected;
  for (std::size_t reason = 0; reason < waggle::kDropReasonCount; ++reason) {
    change.dropped[reason] -= before.dropped[reason];
  }
  return change;
}

// What a session with one server is like.
struct Session {
  int rounds = 12;
  std::string host = "127.0.0.1";
  std::string ca_file;
  Milliseconds attempt_timeout{10000};
  Milliseconds retry_for{20000};
  Milliseconds shutdown_timeout{30000};
  bool is_patient = true;  // no timeout cuts an answer off
};

// What came of it.
struct Result {
  Stats stats;
  bool is_complete = false;  // as shutdown says
  std::map<std::string, std::int64_t> ended;
  ServerBooks books{{}};
  std::size_t requests = 0;

  std::uint64_t dropped(DropReason reason) const { return stats.dropped_for(reason); }

  // Lost before anything was sent: the threads were quicker than the collector.
  std::uint64_t lost_here() const {
    return dropped(DropReason::RingFull) + dropped(DropReason::MemoryLimit);
  }
};

std::size_t united(const std::set<std::string>& left, const std::set<std::string>& right) {
  return left.size() + static_cast<std::size_t>(std::count_if(
                           right.begin(), right.end(),
                           [&](const std::string& id) { return left.count(id) == 0; }));
}

// What holds whatever the server does.
void check_books(const Result& result, bool is_patient) {
  const Stats& stats = result.stats;
  const ServerBooks& books = result.books;
  CHECK(stats.ended() == result.ended.size());
  CHECK(stats.in_rings + stats.queued + stats.in_flight == 0);
  CHECK(stats.delivered + stats.rejected + stats.dropped_in_all() == result.ended.size());
  CHECK(books.complaints == std::vector<std::string>{});

  std::size_t strangers = 0;
  for (const auto& [id, number] : books.read) {
    const auto ended = result.ended.find(id);
    if (ended == result.ended.end() || ended->second != number) ++strangers;
  }
  CHECK(strangers == 0);

  const std::uint64_t taken = stats.delivered + stats.rejected;
  CHECK(taken <= united(books.surely_accepted, books.maybe_accepted));
  CHECK(stats.rejected <= books.rejected.size());
  CHECK(stats.delivered <= books.kept.size());
  std::set<std::string> perhaps_there = books.surely_accepted;
  for (const auto& entry : books.kept) perhaps_there.insert(entry.first);
  CHECK(perhaps_there.size() <= taken + result.dropped(DropReason::Unconfirmed));

  if (!is_patient) return;
  CHECK(taken >= books.surely_accepted.size());
  CHECK(books.read_after_acceptance.size() == 0);
  if (books.maybe_accepted.empty()) CHECK(stats.rejected == books.rejected.size());
}

// Records against `server`, shuts down and compares the books. `meanwhile` runs beside the threads.
template <class Meanwhile>
Result run_session(ScriptedServer& server, const Session& session, Meanwhile meanwhile) {
  waggle::Config config;
  config.endpoint = server.url_of(session.host);
  config.ca_file = session.ca_file;
  config.batch_delay = Milliseconds(1);
  config.on_message = [](std::string_view, void*) {};
  fast_retries(config);
  config.attempt_timeout = session.attempt_timeout;
  config.retry_for = session.retry_for;

  const Stats before = waggle::stats();
  Recorders recorders(server, session.rounds);
  SnapshotWatcher watcher(recorders, before);
  Result result;
  auto tracing = waggle::start(std::move(config));
  REQUIRE(tracing.ok());
  std::thread beside([&meanwhile, &recorders] { meanwhile(recorders); });
  for (const auto& [id, number] : recorders.run()) result.ended.emplace(id, number);
  beside.join();
  result.is_complete = tracing.shutdown(session.shutdown_timeout);
  result.stats = waggle::stats() - before;
  CHECK(watcher.stop() == std::vector<std::string>{});
  server.stop();
  const std::vector<Exchange> exchanges = server.exchanges();
  result.requests = exchanges.size();
  result.books = ServerBooks(exchanges);
  check_books(result, session.is_patient);
  return result;
}

Result run_session(ScriptedServer& server, const Session& session = {}) {
  return run_session(server, session, [](const Recorders&) {});
}

Result run_session(ActScript script, const Session& session = {}) {
  ScriptedServer server(std::move(script));
  return run_session(server, session);
}

void check_all_delivered(const Result& result) {
  CHECK(result.is_complete);
  CHECK(result.stats.delivered + result.lost_here() == result.ended.size());
}

std::uint64_t new_seed() { return std::random_device()(); }

}  // namespace

TEST_CASE("a server that takes everything gets everything once") {
  for (const Act& act : {accept_spans(), accept_spans(202), accept_spans(204), close_after_reply(),
                         reply_byte_by_byte(), continue_first(), read_slowly()}) {
    CAPTURE(act.name);
    const Result result = run_session(always(act));
    check_all_delivered(result);
    CHECK(result.books.read.size() == result.stats.delivered);
    CHECK(result.requests > 1);
  }
}

TEST_CASE("compressed batches are counted the same") {
  Session session;
  session.host = "0.0.0.0";
  ScriptedServer server(in_turn({fail_with(503, false), accept_spans(), limit_to(20000)}));
  check_all_delivered(run_session(server, session));
}

TEST_CASE("rejected spans are rejected to the span") {
  const Result result = run_session(in_turn({reject_some(3), accept_spans(), reject_some(1)}));
  CHECK(result.is_complete);
  CHECK(result.stats.rejected > 0);
  CHECK(result.stats.rejected == result.books.rejected.size());
  CHECK(result.stats.delivered == result.books.kept.size());
  CHECK(result.stats.dropped_in_all() == result.lost_here());

  const Result none_kept = run_session(always(reject_some(1000000)));
  CHECK(none_kept.stats.delivered == 0);
  CHECK(none_kept.stats.rejected + none_kept.lost_here() == none_kept.ended.size());
}

TEST_CASE("what may pass is sent again until it is delivered") {
  const std::string past = "Thu, 01 Jan 1970 00:00:00 GMT";
  std::vector<Act> faults = {fail_with(429, false),
                             fail_with(503, false),
                             fail_with(502, true),
                             fail_with(502, false),
                             fail_with(504, true),
                             retry_after("0"),
                             retry_after("0", 429),
                             retry_after("soon"),
                             retry_after("-7"),
                             retry_after(past),
                             end_in_request(0, Ending::Reset),
                             end_in_request(1, Ending::Close),
                             end_in_request(100, Ending::Reset),
                             end_in_request(5000, Ending::Reset),
                             end_in_request(5000, Ending::Close),
                             end_in_reply(1, true, Ending::Reset),
                             end_in_reply(1, false, Ending::Close),
                             end_in_reply(16, true, Ending::Close),
                             end_in_reply(20, false, Ending::Close),
                             end_in_reply(30, false, Ending::Close),
                             end_in_reply(30, true, Ending::Reset),
                             end_in_reply(38, true, Ending::Reset),
                             vanish(true),
                             vanish(false),
                             wrong_length(5)};
  Act only_interim = end_in_reply(continue_first().interim.size(), false, Ending::Close);
  only_interim.name = "close after 1xx";
  only_interim.interim = continue_first().interim;
  faults.push_back(only_interim);
  for (const Act& fault : faults) {
    CAPTURE(fault.name);
    const Result result = run_session(in_turn({fault, accept_spans()}));
    check_all_delivered(result);
    CHECK(result.requests > 1);
  }
}

TEST_CASE("a reply that may or may not have come through is counted on the safe side") {
  for (const Act& fault :
       {end_in_reply(kAllBytes, true, Ending::Reset), wrong_length(-1), broken_gzip()}) {
    CAPTURE(fault.name);
    const Result result = run_session(in_turn({fault, accept_spans()}));
    CHECK(result.stats.delivered + result.lost_here() + result.dropped(DropReason::Unconfirmed) ==
          result.ended.size());
  }
}

TEST_CASE("a refusal is final, and its spans are counted under its reason") {
  for (const int status : {300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 418}) {
    CAPTURE(status);
    const Result result = run_session(always(redirect_to("/v1/traces", status)));
    CHECK(result.stats.delivered == 0);
    CHECK(result.dropped(DropReason::RejectedStatus) + result.lost_here() == result.ended.size());
    CHECK(result.books.read.size() == result.dropped(DropReason::RejectedStatus));
  }
  for (const bool keeps : {true, false}) {
    const Result result = run_session(in_turn({fail_with(500, keeps), accept_spans()}));
    CHECK(result.dropped(DropReason::Unconfirmed) > 0);
    CHECK(result.stats.delivered + result.dropped(DropReason::Unconfirmed) + result.lost_here() ==
          result.ended.size());
  }
}

TEST_CASE("a server's limit is met by halving, and what no half can meet is too large") {
  check_all_delivered(run_session(always(limit_to(20000))));
  check_all_delivered(run_session(in_turn({limit_to(4000), fail_with(503, false)})));
  Session session;
  session.rounds = 3;
  check_all_delivered(run_session(always(limit_to(2000)), session));
  const Result early = run_session(in_turn({refuse_early(413), accept_spans()}), session);
  CHECK(early.stats.delivered + early.dropped(DropReason::TooLarge) + early.lost_here() ==
        early.ended.size());
  const Result result = run_session(always(limit_to(100)), session);
  CHECK(result.stats.delivered == 0);
  CHECK(result.dropped(DropReason::TooLarge) + result.lost_here() == result.ended.size());
}

TEST_CASE("a request that libcurl repeats by itself was sent twice, whatever the second one met") {
  for (const Act& second : {fail_with(400, false), fail_with(503, false), limit_to(100)}) {
    CAPTURE(second.name);
    const Result result = run_session(in_turn({accept_spans(), vanish(true), second}));
    CHECK(result.stats.delivered > 0);
    CHECK(result.dropped(DropReason::RejectedStatus) == 0);
  }
}

TEST_CASE("halves share a batch's fate only as far as they shared its request") {
  const Result result =
      run_session(in_turn({limit_to(4000), fail_with(400, false), fail_with(502, true),
                           reject_some(2), limit_to(9000)}));
  CHECK(result.stats.rejected == result.books.rejected.size());
  CHECK(result.stats.delivered == result.books.surely_accepted.size() - result.stats.rejected);
  CHECK(result.dropped(DropReason::RetriesExhausted) == 0);
}

TEST_CASE("a server that asks for a long pause is left alone, and that costs spans, counted") {
  Session session;
  session.retry_for = Milliseconds(10000);
  for (const char* value : {"99999999999999999999", "3600", "Fri, 31 Dec 9999 23:59:59 GMT"}) {
    CAPTURE(value);
    const Result result = run_session(in_order({retry_after(value)}), session);
    CHECK(result.dropped(DropReason::RetriesExhausted) > 0);
    CHECK(result.dropped(DropReason::Unconfirmed) == 0);
  }
}

TEST_CASE("retries end, and the reason says whether anything can have arrived") {
  Session session;
  session.retry_for = Milliseconds(50);
  session.shutdown_timeout = Milliseconds(5000);
  session.is_patient = false;
  const Result refused = run_session(always(refuse_early(503)), session);
  CHECK(refused.stats.delivered == 0);
  CHECK(refused.dropped(DropReason::RetriesExhausted) + refused.dropped(DropReason::Unconfirmed) +
            refused.lost_here() ==
        refused.ended.size());
  const Result open = run_session(always(vanish(true)), session);
  CHECK(open.stats.delivered == 0);
  CHECK(open.dropped(DropReason::Unconfirmed) >= open.books.kept.size());
}

TEST_CASE("a server that stalls is given up, and its batch tried elsewhere or counted as open") {
  Session session;
  session.attempt_timeout = Milliseconds(500);
  session.is_patient = false;
  const Act faults[] = {stall_reply(), end_in_request(0, Ending::Stall),
                        end_in_request(500, Ending::Stall)};
  for (const Act& fault : faults) {
    CAPTURE(fault.name);
    session.rounds = 4;
    const Result result = run_session(in_order({fault, accept_spans(), fault}), session);
    CHECK(result.stats.delivered > 0);
  }
  session.shutdown_timeout = Milliseconds(300);
  const Result silent = run_session(always(stall_reply()), session);
  CHECK_FALSE(silent.is_complete);
  CHECK(silent.stats.delivered == 0);
  CHECK(silent.dropped(DropReason::Unconfirmed) >= silent.books.kept.size());
}

TEST_CASE("a server that goes away and comes back gets everything") {
  Session session;
  session.rounds = 40;
  ScriptedServer server(always(accept_spans()));
  const Result result = run_session(server, session, [&server](const Recorders& recorders) {
    for (std::uint64_t turn = 1; turn <= 5; ++turn) {
      while (recorders.ended() < turn * 240) std::this_thread::yield();
      server.refuse_connections();
      while (recorders.ended() < turn * 240 + 120) std::this_thread::yield();
      server.listen_again();
    }
  });
  check_all_delivered(result);
}

TEST_CASE("a server that is never there costs everything, and nothing is unconfirmed") {
  Session session;
  session.retry_for = Milliseconds(50);
  ScriptedServer server(always(accept_spans()));
  server.refuse_connections();
  const Result result = run_session(server, session);
  CHECK(result.dropped(DropReason::RetriesExhausted) + result.lost_here() == result.ended.size());
}

TEST_CASE("over TLS the books are the same") {
  CertificateAuthority authority("authority");
  const CertificateFiles files = authority.issue("server");
  Session session;
  session.ca_file = authority.file();
  session.attempt_timeout = Milliseconds(5000);
  ScriptedServer server(
      in_turn({accept_spans(), end_in_reply(16, true, Ending::Reset), close_after_reply(),
               spoil_handshake(Handshake::Garbage), spoil_handshake(Handshake::Alert),
               end_in_request(300, Ending::Close), limit_to(9000), reject_some(1)}),
      files);
  const Result result = run_session(server, session);
  CHECK(result.is_complete);
  CHECK(result.stats.delivered + result.stats.rejected + result.lost_here() == result.ended.size());

  CertificateAuthority stranger("stranger");
  session.ca_file = stranger.file();
  session.retry_for = Milliseconds(50);
  ScriptedServer distrusted(always(accept_spans()), files);
  const Result refused = run_session(distrusted, session);
  CHECK(refused.stats.delivered == 0);
  CHECK(refused.dropped(DropReason::Unconfirmed) == 0);
}

TEST_CASE("random mixtures of everything leave no span unaccounted for") {
  for (const std::uint64_t seed : {std::uint64_t{1}, std::uint64_t{2}, new_seed()}) {
    MESSAGE("seed " << seed);
    std::mt19937_64 random(seed);
    const auto bytes = [&random](std::uint64_t most) {
      return static_cast<std::size_t>(random() % most);
    };
    std::vector<Act> acts = {accept_spans(),
                             accept_spans(),
                             accept_spans(204),
                             close_after_reply(),
                             reject_some(1),
                             reject_some(7),
                             reply_byte_by_byte(),
                             continue_first(),
                             limit_to(20000),
                             limit_to(3000),
                             fail_with(429, false),
                             fail_with(400, false),
                             fail_with(500, true),
                             fail_with(502, true),
                             fail_with(503, false),
                             fail_with(504, false),
                             refuse_early(413),
                             vanish(true),
                             vanish(false),
                             wrong_length(9),
                             wrong_length(-1),
                             broken_gzip(),
                             retry_after("0"),
                             retry_after("never"),
                             redirect_to("/elsewhere")};
    for (int turn = 0; turn < 4; ++turn) {
      acts.push_back(end_in_request(bytes(8000), Ending::Reset));
      acts.push_back(end_in_request(bytes(8000), Ending::Close));
      acts.push_back(end_in_reply(bytes(40), true, Ending::Reset));
      acts.push_back(end_in_reply(bytes(40), false, Ending::Close));
    }
    Session session;
    session.rounds = 60;
    run_session(at_random(seed, acts), session);

    acts.push_back(stall_reply());
    acts.push_back(end_in_request(bytes(3000), Ending::Stall));
    session.attempt_timeout = Milliseconds(50);
    session.retry_for = Milliseconds(500);
    session.shutdown_timeout = Milliseconds(500);
    session.is_patient = false;
    run_session(at_random(seed + 1, acts), session);
  }
}
