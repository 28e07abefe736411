// What a span takes that needs no clock to be known: heap allocations and bytes in the ring; under
// callgrind also instructions, of which each kind's are dumped under its name (counts.py reads
// them). Exits with 1 if a span was lost.
//   counts_bench

#include <valgrind/callgrind.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "support/counted_malloc.hpp"
#include "support/played_collector.hpp"
#include "support/row.hpp"
#include "support/span_kinds.hpp"

namespace {

constexpr int kSpans = 200;  // of a kind; less than half a ring, whatever their size

void count_instructions(const bench::SpanKind& kind, int runs) {
  CALLGRIND_TOGGLE_COLLECT;
  kind.time_burst(runs);
  CALLGRIND_TOGGLE_COLLECT;
  const std::string name = std::to_string(runs * kind.spans_per_run) + " " + kind.name;
  CALLGRIND_DUMP_STATS_AT(name.c_str());
}

// Callgrind's two counts differ by the spans alone: what a burst begins and ends with is in both.
template <class Drain>
void count(const bench::SpanKind& kind, Drain&& drain) {
  const int runs = kSpans / kind.spans_per_run;
  kind.time_burst(1);  // binds symbols
  count_instructions(kind, 0);
  count_instructions(kind, runs);
  drain();
  kind.time_burst(0);
  const std::uint64_t of_an_empty_burst = drain();
  const std::uint64_t allocations_before = bench::allocations;
  kind.time_burst(runs);
  const std::uint64_t allocated = bench::allocations - allocations_before;
  const std::uint64_t written = drain() - of_an_empty_burst;
  bench::Row row(kind.name);
  row.number("mallocs", static_cast<double>(allocated) / kSpans);
  row.number("record_bytes", static_cast<double>(written) / kSpans);
}

}  // namespace

int main() {
  for (const bench::SpanKind& kind : bench::kWithoutTracer) {
    count(kind, [] { return std::uint64_t{0}; });
  }
  static bench::PlayedCollector collector;
  for (const bench::SpanKind& kind : bench::kSpanKinds) {
    count(kind, [&] { return collector.drain(); });
  }
  return collector.recorded() != 0 && collector.dropped() == 0 ? 0 : 1;
}
