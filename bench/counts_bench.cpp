// What a span takes that needs no clock to be known: heap allocations and bytes in the ring; under
// callgrind also instructions, of which each kind's are dumped under its name (counts.py reads
// them). Exits with 1 if not each span was recorded that should be.
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

// What a burst took.
struct Taken {
  std::uint64_t allocations;
  std::uint64_t bytes;
  std::uint64_t spans;
};

// Without a collector nothing is recorded.
Taken run_burst(const bench::SpanKind& kind, int runs, bench::PlayedCollector* collector) {
  const std::uint64_t allocations_before = bench::allocations;
  const std::uint64_t recorded_before = collector != nullptr ? collector->recorded() : 0;
  kind.time_burst(runs);
  const std::uint64_t allocations = bench::allocations - allocations_before;
  if (collector == nullptr) return {allocations, 0, 0};
  return {allocations, collector->drain(), collector->recorded() - recorded_before};
}

// Counts a burst and an empty one, here and under callgrind: they differ by the spans alone. False
// if not each of them was recorded, or one that should not be.
bool count(const bench::SpanKind& kind, bench::PlayedCollector* collector) {
  const int runs = kSpans / kind.spans_per_run;
  run_burst(kind, 1, collector);  // binds symbols
  count_instructions(kind, 0);
  count_instructions(kind, runs);
  if (collector != nullptr) collector->drain();
  const Taken empty = run_burst(kind, 0, collector);
  const Taken whole = run_burst(kind, runs, collector);
  bench::Row row(kind.name);
  row.number("mallocs", static_cast<double>(whole.allocations - empty.allocations) / kSpans);
  row.number("record_bytes", static_cast<double>(whole.bytes - empty.bytes) / kSpans);
  const bool is_recorded = collector != nullptr && kind.mark != '\0';
  return whole.spans - empty.spans == (is_recorded ? kSpans : 0);
}

}  // namespace

int main() {
  bool is_right = true;
  for (const bench::SpanKind& kind : bench::kWithoutTracer) is_right &= count(kind, nullptr);
  static bench::PlayedCollector collector;
  for (const bench::SpanKind& kind : bench::kSpanKinds) is_right &= count(kind, &collector);
  return is_right && collector.dropped() == 0 ? 0 : 1;
}
