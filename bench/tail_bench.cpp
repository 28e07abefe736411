// How long the slowest spans take: single child spans, a microsecond apart, the collector at work
// beside them; in turns with single clock pairs, which the machine interrupts as often.
//   tail_bench [--quick]

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <waggle/sdk.hpp>

#include "support/command_line.hpp"
#include "support/counting_exporter.hpp"
#include "support/drain.hpp"
#include "support/machine.hpp"
#include "support/row.hpp"
#include "support/single_spans.hpp"
#include "support/start.hpp"

namespace {

constexpr double kGap = 1000;  // nanoseconds

void report(const char* name, bench::Samples& samples, bench::Tails& tails, std::uint64_t delivered,
            std::uint64_t dropped, const char* verdict) {
  bench::Row row(name);
  const double pair = tails.clock_pairs.median();
  row.text("section", "tail").number("median_ns", samples.median()).number("clock_pair_ns", pair);
  row.number("ratio", samples.median() / pair);
  row.number("p90_ns", samples.percentile(0.9)).number("p99_ns", samples.percentile(0.99));
  row.number("p999_ns", samples.percentile(0.999));
  row.number("p9999_ns", samples.percentile(0.9999)).curve("curve", samples);
  row.number("p999_ratio", samples.percentile(0.999) / tails.clock_pairs.percentile(0.999));
  row.number("calm_p999_ratio",
             tails.calm_spans.percentile(0.999) / tails.calm_clock_pairs.percentile(0.999));
  row.number("calm_share", tails.calm_share());
  row.number("max_ns", samples.largest()).number("fast_share", tails.fast_share());
  row.number("round_trip_ns", tails.distances.median());
  row.number("round_trip_p90_ns", tails.distances.percentile(0.9));
  row.count("spans", samples.size()).count("delivered", delivered).count("dropped", dropped);
  row.text("verdict", verdict);
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool is_quick = bench::is_quick(argument_count, arguments);
  const int runs = is_quick ? 3000 : 15000;

  bench::nanoseconds_per_tick();
  bench::ExportCounts counts;
  waggle::Config config;
  config.exporters.push_back(std::make_unique<bench::CountingExporter>(counts));
  waggle::Tracing tracing = bench::start_on_other_core(std::move(config));
  if (!tracing.is_on()) return 1;

  bench::Probes probes;
  bench::grow_ring();
  {
    bench::Tails warm_up;
    bench::measure_tails(runs / 100, kGap, warm_up, probes);
  }
  tracing.force_flush();
  const std::uint64_t before = counts.of('A');
  bench::Tails tails;
  bench::measure_tails(runs, kGap, tails, probes);
  tracing.force_flush();

  const std::uint64_t delivered = counts.of('A') - before;
  const std::uint64_t dropped = tails.spans.size() - delivered;
  report("single clock pair under a clock pair", tails.clock_pairs, tails, 0, 0, "reference");
  report("single child span under a clock pair", tails.spans, tails, delivered, dropped,
         dropped == 0 ? "ok" : "VOID: spans were dropped");
}
