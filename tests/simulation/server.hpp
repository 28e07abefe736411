// The network and the server of a simulated world, behind the Transport seam: answers requests as
// the schedule says, in virtual time, and knows of each span whether it was taken and acknowledged.
#ifndef WAGGLE_TESTS_SIMULATION_SERVER_HPP
#define WAGGLE_TESTS_SIMULATION_SERVER_HPP

#include <zlib.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>
#include <waggle/sdk/transport.hpp>

#include "schedule.hpp"

namespace waggle_test {

struct SeenSpan {
  int taken = 0;         // how often the server kept it
  int acknowledged = 0;  // how often it said so
};

// Throws away what it is told in the form of a Failure, which ends the schedule.
struct Failure {
  std::string what;
};

inline void check(bool condition, const char* what) {
  if (!condition) throw Failure{what};
}

struct Network {
  const Schedule& schedule;
  waggle::TimePoint now{};
  bool is_healthy_from_now_on = false;

  std::map<std::string, SeenSpan> spans;  // by id, as written
  std::uint64_t rejected = 0;             // of acknowledged requests
  std::map<std::string, std::uint64_t> told_lost;
  std::size_t requests = 0;
  std::size_t largest_body = 0;
  std::size_t most_spans = 0;
  waggle::TimePoint not_before{};                           // what the last Retry-After asked for
  bool may_hurry = false;                                   // shutdown has begun
  std::map<std::string, waggle::TimePoint> first_attempts;  // by the first span's id

  explicit Network(const Schedule& given) : schedule(given) {}
};

class SimulatedTransport : public waggle::Transport {
 public:
  explicit SimulatedTransport(Network& network) : network_(network) {}

  void begin(const waggle::HttpRequest& request) noexcept override {
    is_busy_ = true;
    const std::size_t number = network_.requests++;
    fate_ = number < network_.schedule.fates.size() && !network_.is_healthy_from_now_on
                ? network_.schedule.fates[number]
                : Fate::Accept;
    const std::string body = decoded(request);
    ids_ = values_of(body, "\"spanId\":\"");
    losses_ = losses_in(body);
    const std::size_t limit = network_.schedule.server_limit;
    if (limit != 0 && body.size() > limit) fate_ = Fate::SaysTooLarge;
    watch(request, body);
    const auto& latencies = network_.schedule.latencies;
    std::chrono::microseconds latency{latencies.empty() ? 0 : latencies[number % latencies.size()]};
    if (network_.is_healthy_from_now_on) latency = std::chrono::microseconds(500);
    const waggle::TimePoint timeout = network_.now + request.timeout;
    answer_at_ = network_.now + latency;
    if (fate_ == Fate::Silence || answer_at_ > timeout) {
      takes_late_ = fate_ != Fate::Silence && fate_ == Fate::Accept;
      fate_ = Fate::Silence;
      answer_at_ = timeout;
    }
  }

  const waggle::HttpReply& poll() noexcept override {
    reply_ = {};
    if (!is_busy_ || network_.now < answer_at_) return reply_;
    is_busy_ = false;
    answer();
    return reply_;
  }

  // The server may take it all the same.
  void cancel() noexcept override {
    if (is_busy_ && fate_ == Fate::Accept) take(false);
    if (is_busy_ && fate_ != Fate::NotConnected) fate_ = Fate::CutBefore;
    if (is_busy_) answer_at_ = network_.now;
  }

  void wait(int, waggle::Milliseconds) noexcept override {}

  // Returns when the request in flight is over.
  waggle::TimePoint next_time() const { return is_busy_ ? answer_at_ : (waggle::TimePoint::max)(); }

  // What went wrong where nothing can be thrown.
  std::string problem;

 private:
  void answer() {
    using waggle::TransportOutcome;
    reply_.outcome = TransportOutcome::Answered;
    reply_.status = 200;
    switch (fate_) {
      case Fate::Accept:
        return take(true);
      case Fate::RejectSome: {
        // The own report, if there is one, comes last and is not among the rejected.
        const std::size_t own = losses_.empty() ? 0 : 1;
        const std::uint64_t count = (ids_.size() - own + 1) / 2;
        if (count == 0) return take(true);
        network_.rejected += count;
        reply_.body = R"({"partialSuccess":{"rejectedSpans":")" + std::to_string(count) + "\"}}";
        losses_.clear();
        return take(true);
      }
      case Fate::Busy:
        reply_.status = 503;
        if (network_.requests % 2 == 0) ask_to_wait(1 + network_.requests % 7);
        return;
      case Fate::RateLimit:
        reply_.status = 429;
        return ask_to_wait(network_.requests % 90);
      case Fate::Refuse:
        reply_.status = 400;
        reply_.body = R"({"message":"no"})";
        return;
      case Fate::Forbid:
        reply_.status = 401;
        return;
      case Fate::SaysTooLarge:
        reply_.status = 413;
        return;
      case Fate::WordsTooLarge:
        reply_.status = 400;
        reply_.body = "http: request body too large";
        return;
      case Fate::NotConnected:
        reply_.outcome = TransportOutcome::NotConnected;
        return;
      case Fate::CutAfter:
        take(false);
        reply_.outcome = TransportOutcome::Interrupted;
        return;
      case Fate::Silence:
        if (takes_late_) take(false);
        reply_.outcome = TransportOutcome::Interrupted;
        return;
      case Fate::ReplyTooLarge:
        take(false);
        reply_.outcome = TransportOutcome::ReplyTooLarge;
        return;
      default:
        reply_.outcome = TransportOutcome::Interrupted;
        return;
    }
  }

  void ask_to_wait(std::uint64_t seconds) {
    reply_.retry_after = std::to_string(seconds);
    const std::chrono::milliseconds longest(network_.schedule.retry_for_ms);
    const std::chrono::milliseconds asked(seconds * 1000);
    network_.not_before = network_.now + (asked < longest ? asked : longest);
  }

  void take(bool acknowledges) {
    for (const std::string& id : ids_) {
      SeenSpan& span = network_.spans[id];
      ++span.taken;
      span.acknowledged += acknowledges ? 1 : 0;
    }
    if (!acknowledges) return;
    for (const auto& [reason, count] : losses_) network_.told_lost[reason] += count;
  }

  // Looks at what a request has to keep to whatever became of those before it.
  void watch(const waggle::HttpRequest& request, const std::string& body) {
    network_.largest_body = std::max(network_.largest_body, body.size());
    network_.most_spans = std::max(network_.most_spans, ids_.size());
    if (ids_.empty()) problem = "a request without a span";
    if (network_.now < network_.not_before && !network_.may_hurry)
      problem = "Retry-After was not heeded";
    const auto first = network_.first_attempts.emplace(ids_.empty() ? "" : ids_[0], network_.now);
    const std::chrono::milliseconds longest(network_.schedule.retry_for_ms);
    if (network_.now > first.first->second + longest) problem = "a batch was tried for too long";
    if (request.timeout.count() > network_.schedule.attempt_timeout_ms) {
      problem = "an attempt may take too long";
    }
  }

  static std::string decoded(const waggle::HttpRequest& request) {
    if (request.headers.back().first != "Content-Encoding") return *request.body;
    z_stream stream{};
    inflateInit2(&stream, 15 + 16);
    std::string text(4 * 1024 * 1024, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(request.body->data()));
    stream.avail_in = static_cast<uInt>(request.body->size());
    stream.next_out = reinterpret_cast<Bytef*>(text.data());
    stream.avail_out = static_cast<uInt>(text.size());
    inflate(&stream, Z_FINISH);
    text.resize(stream.total_out);
    inflateEnd(&stream);
    return text;
  }

  static std::vector<std::string> values_of(const std::string& body, const char* key) {
    std::vector<std::string> values;
    const std::size_t length = std::char_traits<char>::length(key);
    for (std::size_t at = body.find(key); at != body.npos; at = body.find(key, at + length)) {
      values.push_back(body.substr(at + length, 16));
    }
    return values;
  }

  static std::map<std::string, std::uint64_t> losses_in(const std::string& body) {
    std::map<std::string, std::uint64_t> losses;
    const std::string key = R"("key":"waggle.lost_spans.)";
    for (std::size_t at = body.find(key); at != body.npos; at = body.find(key, at + 1)) {
      const std::size_t name = at + key.size();
      const std::size_t name_end = body.find('"', name);
      const std::size_t number = body.find("\"intValue\":\"", name_end) + 12;
      losses[body.substr(name, name_end - name)] += std::stoull(body.substr(number, 20));
    }
    return losses;
  }

  Network& network_;
  waggle::HttpReply reply_;
  bool is_busy_ = false;
  bool takes_late_ = false;
  Fate fate_ = Fate::Accept;
  waggle::TimePoint answer_at_{};
  std::vector<std::string> ids_;
  std::map<std::string, std::uint64_t> losses_;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SIMULATION_SERVER_HPP
