// How many spans of six attributes a second the whole pipeline sustains: made at an even pace for a
// while and sent to a local server that discards them. A rate is held if every span was delivered.
//   export_bench [--quick]

#include <sys/prctl.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <waggle/sdk.hpp>

#include "support/backend.hpp"
#include "support/command_line.hpp"
#include "support/drain.hpp"
#include "support/machine.hpp"
#include "support/pace.hpp"
#include "support/processor_time.hpp"
#include "support/row.hpp"
#include "support/shapes.hpp"
#include "support/start.hpp"

namespace {

constexpr std::uint64_t kInterval = 250000;  // nanoseconds
constexpr int kSteps = 5;
constexpr double kLowestRate = 200000;
constexpr double kHighestRate = 1200000;

// What came of one rate.
struct Attempt {
  double rate = 0;
  std::uint64_t made = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  double seconds = 0;
  bench::ProcessorTime processor;

  // A rate that could not even be produced was not held either.
  bool is_held(double wanted_seconds) const {
    return made != 0 && delivered == made && dropped == 0 && seconds < wanted_seconds * 1.05;
  }
};

// What is measured, and by which clocks.
struct Subject {
  waggle::Tracing tracing;
  const bench::ProcessorClock& clock;
};

Attempt attempt(double rate, double seconds, Subject& subject) {
  constexpr waggle::Milliseconds kLongEnough{20000};
  const waggle::Stats before = waggle::stats();
  const bench::ProcessorTime processor_before = subject.clock.read();
  const std::uint64_t start = bench::monotonic_nanoseconds();
  Attempt result;
  result.rate = rate;
  result.made = bench::make_spans(bench::make_six_attributes, rate, seconds, kInterval);
  result.seconds = static_cast<double>(bench::monotonic_nanoseconds() - start) / 1e9;
  subject.tracing.force_flush(kLongEnough);
  result.processor = subject.clock.read() - processor_before;
  const waggle::Stats after = waggle::stats();
  result.delivered = after.delivered - before.delivered;
  result.dropped = after.dropped_in_all() - before.dropped_in_all();
  return result;
}

// Tries a rate; once more if it was not held, since the machine has other things to do at times.
Attempt try_rate(double rate, double seconds, Subject& subject) {
  Attempt tried;
  for (int turn = 0; turn < 2 && !tried.is_held(seconds); ++turn) {
    tried = attempt(rate, seconds, subject);
    std::fprintf(stderr, "  %.0f spans/s: %s, %.2f s, dropped %llu of %llu\n", rate,
                 tried.is_held(seconds) ? "held" : "not held", tried.seconds,
                 static_cast<unsigned long long>(tried.dropped),
                 static_cast<unsigned long long>(tried.made));
  }
  return tried;
}

// Halves the range of rates, on a logarithmic scale, a few times; returns the highest that held.
Attempt search(double seconds, Subject& subject) {
  Attempt best;
  double low = kLowestRate;
  double high = kHighestRate;
  for (int step = 0; step < kSteps; ++step) {
    const double rate = std::sqrt(low * high);
    const Attempt tried = try_rate(rate, seconds, subject);
    const bool is_held = tried.is_held(seconds);
    if (is_held) best = tried;
    (is_held ? low : high) = rate;
  }
  return best;
}

void measure(const char* name, const std::string& endpoint, double seconds) {
  waggle::Config config;
  config.service_name = "bench";
  config.endpoint = endpoint;
  bench::ProcessorClock clock;
  clock.watch(config);
  Subject subject{bench::start_tracing(std::move(config)), clock};
  if (!subject.tracing.is_on()) return;
  bench::grow_ring();
  subject.tracing.force_flush();

  const Attempt best = search(seconds, subject);
  bench::Row row(name);
  row.text("section", "export")
      .number("spans_per_second", static_cast<double>(best.made) / (best.seconds + 1e-9));
  row.number("seconds", best.seconds).count("spans", best.made);
  row.count("delivered", best.delivered).count("dropped", best.dropped);
  if (best.made != 0) bench::add_processor_time(row, best.processor, best.made);
  row.text("verdict", best.made != 0 ? "ok" : "VOID: no rate was held");
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool is_quick = bench::is_quick(argument_count, arguments);
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
