// How long the slowest spans take: single child spans, a microsecond apart, the collector at work
// beside them; in turns with single clock pairs, which the machine interrupts as often.
//   tail_bench [--quick]

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <waggle/sdk.hpp>

#include "support/counting_exporter.hpp"
#include "support/drain.hpp"
#include "support/interleaved.hpp"
#include "support/machine.hpp"
#include "support/row.hpp"

namespace {

constexpr double kGapNanoseconds = 1000;

// Times one thing under one outer clock pair.
template <class Body>
inline __attribute__((always_inline)) double time_one(Body&& body) {
  const std::uint64_t start = bench::read_ticks();
  body();
  const std::uint64_t ticks = bench::read_ticks() - start;
  bench::spin_for_ticks(bench::to_ticks(kGapNanoseconds));
  return static_cast<double>(ticks) * bench::nanoseconds_per_tick();
}

struct Tails {
  bench::Samples clock_pairs;
  bench::Samples spans;
  bench::Samples distances;
  std::uint64_t fast = 0;
  std::uint64_t blocks = 0;
};

void measure(int blocks, Tails& tails, bench::Probes& probes) {
  constexpr int kSamplesPerBlock = 64;
  constexpr int kBlocksPerLook = 50;
  const waggle::Span parent{"parent"};
  for (int block = 0; block < blocks; ++block) {
    if (block % kBlocksPerLook == 0) tails.distances.add(probes.look_at_distance());
    for (int i = 0; i < kSamplesPerBlock; ++i) {
      tails.clock_pairs.add(time_one(bench::read_clock_pair));
      tails.spans.add(time_one([] { const waggle::Span span{"child span A"}; }));
    }
    const bool is_full_speed = probes.is_full_speed(probes.measure_plain_work());
    tails.fast += is_full_speed && probes.is_near() ? 1U : 0U;
    ++tails.blocks;
  }
}

void report(const char* name, bench::Samples& samples, Tails& tails, std::uint64_t delivered,
            std::uint64_t dropped, const char* verdict) {
  bench::Row row(name);
  const double pair = tails.clock_pairs.median();
  row.text("section", "tail").number("median_ns", samples.median()).number("clock_pair_ns", pair);
  row.number("ratio", samples.median() / pair);
  row.number("p90_ns", samples.percentile(0.9)).number("p99_ns", samples.percentile(0.99));
  row.number("p999_ns", samples.percentile(0.999));
  row.number("p999_ratio", samples.percentile(0.999) / tails.clock_pairs.percentile(0.999));
  row.number("fast_share", static_cast<double>(tails.fast) / static_cast<double>(tails.blocks));
  row.number("round_trip_ns", tails.distances.median());
  row.number("round_trip_p90_ns", tails.distances.percentile(0.9));
  row.count("spans", samples.size()).count("delivered", delivered).count("dropped", dropped);
  row.text("verdict", verdict);
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool is_quick = argument_count > 1 && std::strcmp(arguments[1], "--quick") == 0;
  const int blocks = is_quick ? 3000 : 15000;

  bench::nanoseconds_per_tick();
  bench::ExportCounts counts;
  waggle::Config config;
  config.exporters.push_back(std::make_unique<bench::CountingExporter>(counts));
  bench::pin_to_core(bench::kOtherCore);
  waggle::Tracing tracing = waggle::start(std::move(config));
  bench::pin_to_core(bench::kMeasuredCore);
  for (const std::string& error : tracing.errors()) std::fprintf(stderr, "%s\n", error.c_str());
  if (!tracing.is_on()) return 1;

  bench::Probes probes;
  bench::grow_ring();
  {
    Tails warm_up;
    measure(blocks / 100, warm_up, probes);
  }
  tracing.force_flush();
  const std::uint64_t before = counts.of('A');
  Tails tails;
  tails.clock_pairs.reserve(static_cast<std::size_t>(blocks) * 64);
  tails.spans.reserve(static_cast<std::size_t>(blocks) * 64);
  measure(blocks, tails, probes);
  tracing.force_flush();

  const std::uint64_t delivered = counts.of('A') - before;
  const std::uint64_t dropped = tails.spans.size() - delivered;
  report("single clock pair under a clock pair", tails.clock_pairs, tails, 0, 0, "reference");
  report("single child span under a clock pair", tails.spans, tails, delivered, dropped,
         dropped == 0 ? "ok" : "VOID: spans were dropped");
}
