// How long the slowest spans take while the backend is well, refuses, accepts and never answers, or
// answers late: single child spans and single clock pairs in turns, with gaps in which no ring
// fills. Tracing is started and stopped for each block, and the backends take turns.
//   backend_bench [--quick]

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <waggle/sdk.hpp>

#include "support/backend.hpp"
#include "support/command_line.hpp"
#include "support/drain.hpp"
#include "support/machine.hpp"
#include "support/row.hpp"
#include "support/single_spans.hpp"
#include "support/start.hpp"

namespace {

using bench::Manner;

constexpr double kGap = 10000;      // nanoseconds
constexpr int kRunsPerBlock = 400;  // half a second
constexpr int kRunsOfWarmUp = 80;   // a tenth of one: meanwhile the first batches leave

// Percentiles of each block, of which the row has the medians.
struct Percentiles {
  bench::Samples p50, p90, p99, p999;

  void add(bench::Samples& samples) {
    p50.add(samples.median());
    p90.add(samples.percentile(0.9));
    p99.add(samples.percentile(0.99));
    p999.add(samples.percentile(0.999));
  }
};

// One backend, and what came of the blocks with it.
struct Mode {
  Mode(const char* name, Manner manner) : name(name), manner(manner), backend(manner) {}

  const char* name;
  Manner manner;
  bench::Backend backend;
  bench::Tails tails;
  Percentiles clock_pairs;
  Percentiles spans;
  bench::Samples p999_ratio;
  bench::Samples p999_to_healthy;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  std::uint64_t dropped_by_threads = 0;
};

// A backend that fails is tried often here, and batches leave often, so that the collector has more
// to do than by default. The queue has room for all that a block makes.
waggle::Tracing start(const bench::Backend& backend) {
  waggle::Config config;
  config.service_name = "bench";
  config.endpoint = backend.url();
  config.memory_limit = 64 * 1024 * 1024;
  config.batch_delay = waggle::Milliseconds(50);
  config.attempt_timeout = waggle::Milliseconds(1000);
  config.retry_backoff_first = waggle::Milliseconds(20);
  config.retry_backoff_longest = waggle::Milliseconds(100);
  config.on_message = [](std::string_view, void*) {};  // losses are counted below
  return bench::start_on_other_core(std::move(config));
}

std::uint64_t dropped_by_threads(const waggle::Stats& stats) {
  return stats.dropped_for(waggle::DropReason::RingFull) +
         stats.dropped_for(waggle::DropReason::MemoryLimit);
}

// Runs one block; returns p99.9 of its spans.
double measure_block(Mode& mode, bench::Probes& probes) {
  const waggle::Stats before = waggle::stats();
  waggle::Tracing tracing = start(mode.backend);
  bench::Tails warm_up;
  bench::measure_tails(kRunsOfWarmUp, kGap, warm_up, probes);
  bench::Tails tails;
  bench::measure_tails(kRunsPerBlock, kGap, tails, probes);
  tracing.shutdown(waggle::Milliseconds(mode.manner == Manner::Healthy ? 10000 : 1));
  const waggle::Stats after = waggle::stats();

  mode.delivered += after.delivered - before.delivered;
  mode.dropped += after.dropped_in_all() - before.dropped_in_all();
  mode.dropped_by_threads += dropped_by_threads(after) - dropped_by_threads(before);
  mode.clock_pairs.add(tails.clock_pairs);
  mode.spans.add(tails.spans);
  mode.tails.append(tails);
  const double p999 = tails.spans.percentile(0.999);
  mode.p999_ratio.add(p999 / tails.clock_pairs.percentile(0.999));
  return p999;
}

// The verdict on a mode: only spans that were recorded count, and a healthy backend has to get
// them.
const char* verdict(const Mode& mode) {
  if (mode.dropped_by_threads != 0) return "VOID: spans were dropped in their ring";
  if (mode.manner == Manner::Healthy && mode.dropped != 0) return "VOID: spans were dropped";
  if (mode.manner != Manner::Slow && (mode.manner == Manner::Healthy) != (mode.delivered != 0)) {
    return "VOID: the backend is not what it should be";
  }
  return "ok";
}

bench::Row& add_percentiles(bench::Row& row, Percentiles& figures, bench::Samples& all,
                            Mode& mode) {
  const double pair = mode.clock_pairs.p50.median();
  row.text("section", "tail by backend").number("median_ns", figures.p50.median());
  row.number("clock_pair_ns", pair).number("ratio", figures.p50.median() / pair);
  row.number("p90_ns", figures.p90.median()).number("p99_ns", figures.p99.median());
  row.number("p999_ns", figures.p999.median()).number("p9999_ns", all.percentile(0.9999));
  row.number("max_ns", all.largest()).curve("curve", all);
  row.number("fast_share", mode.tails.fast_share());
  row.number("round_trip_ns", mode.tails.distances.median());
  row.number("round_trip_p90_ns", mode.tails.distances.percentile(0.9));
  return row.count("spans", all.size());
}

void report(Mode& mode) {
  {
    bench::Row row(std::string("clock loop, backend ") + mode.name);
    add_percentiles(row, mode.clock_pairs, mode.tails.clock_pairs, mode);
    row.count("delivered", 0).count("dropped", 0).text("verdict", "reference");
  }
  bench::Row row(std::string("child span, backend ") + mode.name);
  add_percentiles(row, mode.spans, mode.tails.spans, mode);
  row.number("p999_ratio", mode.p999_ratio.median());
  row.number("p999_to_healthy", mode.p999_to_healthy.median());
  constexpr std::size_t kEnough = 10000;
  if (mode.tails.fast_spans.size() >= kEnough) {
    row.number("fast_p999_ratio", mode.tails.fast_spans.percentile(0.999) /
                                      mode.tails.fast_clock_pairs.percentile(0.999));
  }
  row.number("calm_p999_ratio", mode.tails.calm_spans.percentile(0.999) /
                                    mode.tails.calm_clock_pairs.percentile(0.999));
  row.number("calm_p999_ns", mode.tails.calm_spans.percentile(0.999));
  row.number("calm_share", mode.tails.calm_share());
  row.number("own_round_trip_ns", mode.tails.distances.median());
  row.count("delivered", mode.delivered).count("dropped", mode.dropped);
  row.text("verdict", verdict(mode));
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool is_quick = bench::is_quick(argument_count, arguments);
  const int rounds = is_quick ? 4 : 24;

  bench::pin_to_core(bench::kOtherCore);
  std::array<Mode, 4> modes{Mode{"healthy", Manner::Healthy}, Mode{"refusing", Manner::Refusing},
                            Mode{"hanging", Manner::Hanging}, Mode{"slow", Manner::Slow}};
  for (const Mode& mode : modes) {
    if (!mode.backend.is_running()) return 1;
  }
  bench::pin_to_core(bench::kMeasuredCore);
  bench::nanoseconds_per_tick();
  bench::Probes probes;
  {
    const waggle::Tracing tracing = start(modes[0].backend);
    if (!tracing.is_on()) return 1;
    bench::grow_ring();
  }

  for (int round = 0; round < rounds; ++round) {
    std::array<double, 4> p999{};
    for (std::size_t i = 0; i < modes.size(); ++i) {
      const std::size_t turn = (i + static_cast<std::size_t>(round)) % modes.size();
      p999[turn] = measure_block(modes[turn], probes);
    }
    for (std::size_t i = 0; i < modes.size(); ++i) {
      modes[i].p999_to_healthy.add(p999[i] / p999[0]);
    }
  }
  for (Mode& mode : modes) report(mode);
}
