// A random course of events, made from a seed before it is run: so it can be run again, and parts
// of it can be left out.
#ifndef WAGGLE_TESTS_SIMULATION_SCHEDULE_HPP
#define WAGGLE_TESTS_SIMULATION_SCHEDULE_HPP

#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace waggle_test {

// What one request meets, in the order in which requests are begun.
enum class Fate : std::uint8_t {
  Accept,         // 200
  RejectSome,     // 200 with a partial success
  Busy,           // 503, perhaps with Retry-After
  RateLimit,      // 429 with Retry-After
  Refuse,         // 400
  Forbid,         // 401
  SaysTooLarge,   // 413
  WordsTooLarge,  // 400 whose words say that the body was too large
  NotConnected,   // nothing left
  CutBefore,      // connection lost, the server has not taken it
  CutAfter,       // connection lost, the server has taken it
  Silence,        // no answer until the attempt's time is over
  ReplyTooLarge,  // taken, but the reply cannot be read
  Count
};

enum class Kind : std::uint8_t {
  Record,     // thread `who` ends `amount` spans of `size` bytes
  Wait,       // `amount` microseconds pass
  Flush,      // somebody asks for a flush
  EndThread,  // thread `who` ends, another takes its place
  StepClock,  // the system's clock jumps by `amount` milliseconds
  Count
};

struct Event {
  Kind kind;
  std::uint32_t who;
  std::int64_t amount;
  std::uint32_t size;
};

struct Schedule {
  std::uint64_t seed = 0;

  // The configuration.
  std::size_t memory_limit = 0;
  std::size_t batch_spans = 0;
  std::int64_t batch_delay_ms = 0;
  std::int64_t attempt_timeout_ms = 0;
  std::int64_t retry_for_ms = 0;
  std::int64_t backoff_first_ms = 0;
  std::int64_t backoff_longest_ms = 0;
  std::int64_t shutdown_ms = 0;
  bool has_delivery = true;
  bool has_exporter = false;
  bool compress = false;
  std::size_t server_limit = 0;  // bodies above it are too large; 0: none are
  int exporter_failures = 0;     // of 16 batches

  std::vector<Event> events;
  std::vector<Fate> fates;               // of the first requests; later ones are accepted
  std::vector<std::uint32_t> latencies;  // in microseconds, used in turn
};

inline Schedule make_schedule(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&](std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random);
  };
  Schedule schedule;
  schedule.seed = seed;
  schedule.memory_limit = std::size_t{256 * 1024} << pick(0, 3);
  schedule.batch_spans = static_cast<std::size_t>(pick(1, 8) == 1 ? pick(1, 5) : pick(6, 300));
  schedule.batch_delay_ms = pick(0, 2000);
  schedule.attempt_timeout_ms = pick(1, 10000);
  schedule.retry_for_ms = pick(0, 60000);
  schedule.backoff_first_ms = pick(0, 1000);
  schedule.backoff_longest_ms = pick(schedule.backoff_first_ms, 15000);
  schedule.shutdown_ms = pick(0, 5000);
  schedule.has_delivery = pick(0, 9) != 0;
  schedule.has_exporter = !schedule.has_delivery || pick(0, 3) == 0;
  schedule.exporter_failures = static_cast<int>(pick(0, 2) == 0 ? pick(1, 8) : 0);
  schedule.compress = pick(0, 15) == 0;
  schedule.server_limit = static_cast<std::size_t>(pick(0, 3) == 0 ? pick(300, 60000) : 0);

  const std::int64_t faults = pick(0, 3) == 0 ? 0 : pick(1, 10);  // of 10 requests
  const std::int64_t requests = pick(0, 40);
  for (std::int64_t i = 0; i < requests; ++i) {
    const bool is_fault = pick(1, 10) <= faults;
    schedule.fates.push_back(
        is_fault ? static_cast<Fate>(pick(1, static_cast<int>(Fate::Count) - 1)) : Fate::Accept);
  }
  for (int i = 0; i < 8; ++i) {
    schedule.latencies.push_back(
        static_cast<std::uint32_t>(pick(0, 2) == 0 ? pick(0, 20000000) : pick(0, 100000)));
  }

  const std::int64_t events = pick(1, 80);
  const std::int64_t burst = pick(1, 3) == 1 ? 200 : 12;
  for (std::int64_t i = 0; i < events; ++i) {
    const std::int64_t roll = pick(0, 99);
    Event event{Kind::Record, static_cast<std::uint32_t>(pick(0, 5)), pick(1, burst),
                static_cast<std::uint32_t>(pick(0, 19) == 0 ? pick(0, 14000) : pick(0, 200))};
    if (roll >= 60) event = {Kind::Wait, 0, pick(0, 3) == 0 ? pick(0, 5000000) : pick(0, 50000), 0};
    if (roll >= 90) event = {Kind::Flush, 0, 0, 0};
    if (roll >= 95) event = {Kind::EndThread, event.who, 0, 0};
    if (roll >= 98) event = {Kind::StepClock, 0, pick(-100000, 100000), 0};
    schedule.events.push_back(event);
  }
  return schedule;
}

// Says what a schedule does, for somebody who has to find out what went wrong.
inline void print(const Schedule& schedule) {
  std::printf(
      "seed %llu: memory %zu, batch of %zu or %lld ms, attempt %lld ms, retry for %lld ms, "
      "backoff %lld to %lld ms, shutdown %lld ms%s%s%s, server takes %zu bytes\n",
      static_cast<unsigned long long>(schedule.seed), schedule.memory_limit, schedule.batch_spans,
      static_cast<long long>(schedule.batch_delay_ms),
      static_cast<long long>(schedule.attempt_timeout_ms),
      static_cast<long long>(schedule.retry_for_ms),
      static_cast<long long>(schedule.backoff_first_ms),
      static_cast<long long>(schedule.backoff_longest_ms),
      static_cast<long long>(schedule.shutdown_ms), schedule.has_delivery ? ", server" : "",
      schedule.has_exporter ? ", exporter" : "", schedule.compress ? ", gzip" : "",
      schedule.server_limit);
  static constexpr const char* kKinds[] = {"record", "wait", "flush", "end thread", "step clock"};
  for (const Event& event : schedule.events) {
    std::printf("  %-10s who %u amount %lld size %u\n", kKinds[static_cast<int>(event.kind)],
                event.who, static_cast<long long>(event.amount), event.size);
  }
  static constexpr const char* kFates[] = {
      "accept",    "reject some", "busy",           "rate limit",    "refuse",
      "forbid",    "413",         "400 too large",  "not connected", "cut before",
      "cut after", "silence",     "reply too large"};
  std::printf("  requests:");
  for (Fate fate : schedule.fates) std::printf(" %s;", kFates[static_cast<int>(fate)]);
  std::printf("\n");
}

// Leaves out what is not needed to make `fails(schedule)` true.
template <class Fails>
Schedule shrink(Schedule schedule, Fails&& fails) {
  const auto without = [&](auto member) {
    auto& list = schedule.*member;
    for (std::size_t piece = (list.size() + 1) / 2; piece > 0; piece /= 2) {
      for (std::size_t at = 0; at < list.size();) {
        Schedule smaller = schedule;
        auto& cut = smaller.*member;
        const std::size_t end = at + piece < cut.size() ? at + piece : cut.size();
        cut.erase(cut.begin() + static_cast<std::ptrdiff_t>(at),
                  cut.begin() + static_cast<std::ptrdiff_t>(end));
        if (fails(smaller)) {
          schedule = smaller;
        } else {
          at += piece;
        }
      }
    }
  };
  without(&Schedule::events);
  without(&Schedule::fates);
  for (Event& event : schedule.events) {
    const std::int64_t amount = event.amount;
    if (event.kind != Kind::Record) continue;
    event.amount = 1;
    if (!fails(schedule)) event.amount = amount;
  }
  return schedule;
}

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SIMULATION_SCHEDULE_HPP
