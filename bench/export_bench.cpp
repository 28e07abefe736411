// How many spans of six attributes a second the whole pipeline sustains: made at an even pace for a
// while and sent to a local server that discards them. A rate is held if every span was delivered.
//   export_bench [--quick]

#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <waggle/sdk.hpp>

#include "support/backend.hpp"
#include "support/drain.hpp"
#include "support/machine.hpp"
#include "support/row.hpp"

namespace {

constexpr std::uint64_t kSecond = 1000000000;
constexpr int kSteps = 5;
constexpr double kLowestRate = 50000;
constexpr double kHighestRate = 1600000;

void make_span(std::uint64_t number) {
  static const std::string customer(20, 'c');
  waggle::Span span{"checkout"};
  span.set_attribute("order.id", number);
  span.set_attribute("order.items", static_cast<std::int64_t>(number % 17));
  span.set_attribute("order.price", static_cast<double>(number % 9973) * 0.25);
  span.set_attribute("order.paid", number % 2 == 0);
  span.set_attribute("customer", customer);
  span.set_attribute("http.route", "/checkout/:id");
}

void sleep_until(std::uint64_t nanoseconds) {
  timespec until{};
  until.tv_sec = static_cast<time_t>(nanoseconds / kSecond);
  until.tv_nsec = static_cast<long>(nanoseconds % kSecond);
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

// Makes as many spans as fit into `seconds`, a few every quarter of a millisecond, and returns how
// many. If the thread was kept from running it does not catch up, which would be a burst.
std::uint64_t make_spans(double rate, double seconds) {
  constexpr std::uint64_t kInterval = 250000;
  const auto intervals = static_cast<std::uint64_t>(seconds * 1e9 / kInterval);
  std::uint64_t next = bench::monotonic_nanoseconds();
  std::uint64_t made = 0;
  for (std::uint64_t i = 1; i <= intervals; ++i) {
    const auto due = static_cast<std::uint64_t>(rate * static_cast<double>(i * kInterval) / 1e9);
    while (made < due) make_span(made++);
    next = (std::max)(next + kInterval, bench::monotonic_nanoseconds());
    sleep_until(next);
  }
  return made;
}

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// What came of one rate.
struct Attempt {
  double rate = 0;
  std::uint64_t made = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  double seconds = 0;
  double processor_seconds = 0;

  // A rate that could not even be produced was not held either.
  bool is_held(double wanted_seconds) const {
    return made != 0 && delivered == made && dropped == 0 && seconds < wanted_seconds * 1.05;
  }
};

Attempt attempt(double rate, double seconds, waggle::Tracing& tracing) {
  constexpr waggle::Milliseconds kLongEnough{20000};
  const waggle::Stats before = waggle::stats();
  const double processor_before = processor_seconds();
  const std::uint64_t start = bench::monotonic_nanoseconds();
  Attempt result;
  result.rate = rate;
  result.made = make_spans(rate, seconds);
  result.seconds = static_cast<double>(bench::monotonic_nanoseconds() - start) / 1e9;
  tracing.force_flush(kLongEnough);
  result.processor_seconds = processor_seconds() - processor_before;
  const waggle::Stats after = waggle::stats();
  result.delivered = after.delivered - before.delivered;
  result.dropped = after.dropped_in_all() - before.dropped_in_all();
  return result;
}

// Halves the range of rates, on a logarithmic scale, a few times; returns the highest that held.
Attempt search(double seconds, waggle::Tracing& tracing) {
  Attempt best;
  double low = kLowestRate;
  double high = kHighestRate;
  for (int step = 0; step < kSteps; ++step) {
    const double rate = std::sqrt(low * high);
    const Attempt tried = attempt(rate, seconds, tracing);
    const bool is_held = tried.is_held(seconds);
    std::fprintf(stderr, "  %.0f spans/s: %s, %.2f s, dropped %llu of %llu\n", rate,
                 is_held ? "held" : "not held", tried.seconds,
                 static_cast<unsigned long long>(tried.dropped),
                 static_cast<unsigned long long>(tried.made));
    if (is_held) best = tried;
    (is_held ? low : high) = rate;
  }
  return best;
}

void measure(const char* name, const std::string& endpoint, double seconds) {
  waggle::Config config;
  config.service_name = "bench";
  config.endpoint = endpoint;
  waggle::Tracing tracing = waggle::start(std::move(config));
  for (const std::string& error : tracing.errors()) std::fprintf(stderr, "%s\n", error.c_str());
  if (!tracing.is_on()) return;
  bench::grow_ring();
  tracing.force_flush();

  const Attempt best = search(seconds, tracing);
  bench::Row row(name);
  row.text("section", "export")
      .number("spans_per_second", static_cast<double>(best.made) / (best.seconds + 1e-9));
  row.number("seconds", best.seconds).count("spans", best.made);
  row.count("delivered", best.delivered).count("dropped", best.dropped);
  if (best.made != 0) {
    row.number("cpu_us_per_span", best.processor_seconds * 1e6 / static_cast<double>(best.made));
  }
  row.text("verdict", best.made != 0 ? "ok" : "VOID: no rate was held");
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool is_quick = argument_count > 1 && std::strcmp(arguments[1], "--quick") == 0;
  const double seconds = is_quick ? 2 : 10;
  const bench::Backend sink;
  if (!sink.is_running()) return 1;
  ::prctl(PR_SET_TIMERSLACK, 1);
  const std::string port = std::to_string(sink.port());
  measure("highest rate held, 6 attributes", "http://127.0.0.1:" + port, seconds);
  // By this address the kernel means this machine too, but it is none of the loopback addresses
  // that are spared compression.
  measure("highest rate held, 6 attributes, gzip", "http://0.0.0.0:" + port, seconds);
}
