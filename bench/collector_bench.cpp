// What a span costs the collector before anybody writes it: out of the ring, into the queue, read
// into a batch, shown to an exporter that only counts. Without a worker: the thread that has made
// the spans collects them, so their cache lines are near.
//   collector_bench [--quick]

#include <cstdint>
#include <memory>
#include <utility>
#include <waggle/sdk.hpp>

#include "support/command_line.hpp"
#include "support/counting_exporter.hpp"
#include "support/interleaved.hpp"
#include "support/machine.hpp"
#include "support/span_kinds.hpp"
#include "support/start.hpp"

namespace {

waggle::Tracing* tracing = nullptr;

// Makes a burst of spans, and times how long it takes until the exporter has seen all of them.
template <std::uint64_t (*make)(int runs)>
std::uint64_t collect(int runs) {
  make(runs);
  const std::uint64_t start = bench::read_ticks();
  tracing->force_flush();
  return bench::read_ticks() - start;
}

void measure(bench::Section& section, int rounds, const bench::ExportCounts& counts) {
  const auto nothing = [](const bench::Variant&) {};
  section.run(rounds, nothing, nothing);
  for (const bench::Variant& variant : section.variants()) {
    const std::uint64_t delivered = counts.of(variant.mark);
    const bool is_whole = delivered == variant.spans;
    section.report(variant, delivered, variant.spans - delivered,
                   is_whole ? "ok" : "VOID: spans were dropped");
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  bench::pin_to_core(bench::kMeasuredCore);
  bench::ExportCounts counts;
  waggle::Config config;
  config.worker_thread = false;
  config.exporters.push_back(std::make_unique<bench::CountingExporter>(counts));
  waggle::Tracing started = bench::start_tracing(std::move(config));
  if (!started.is_on()) return 1;
  tracing = &started;

  bench::Probes probes;
  bench::Section section("collector", probes);
  section.add("collect a child span", collect<bench::child>, 'A');
  section.add("collect a child span + 4 attributes", collect<bench::child_with_four_attributes>,
              'C');
  measure(section, bench::is_quick(argument_count, arguments) ? 500 : 5000, counts);
}
