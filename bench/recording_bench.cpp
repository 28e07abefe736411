// What recording a span costs the thread that makes it: before tracing is started, with the
// exporter running, and with the ring full.
//   recording_bench [--quick]

#include <dlfcn.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/command_line.hpp"
#include "support/counting_exporter.hpp"
#include "support/drain.hpp"
#include "support/interleaved.hpp"
#include "support/machine.hpp"
#include "support/other_core.hpp"
#include "support/span_kinds.hpp"
#include "support/start.hpp"

namespace bench {
std::uint64_t time_disabled_spans(int runs);  // disabled_spans.cpp
}

namespace {

using bench::Section;
using bench::Variant;

constexpr int kWarmUpRounds = 20;

// Drops the traces of the unsampled row, keeps all others.
class SamplerByName final : public waggle::Sampler {
 public:
  void decide(const waggle::RootRequest& request,
              waggle::RootDecision& decision) const noexcept override {
    const bool is_dropped = request.name == bench::kUnsampledRoot;
    decision.decision = is_dropped ? waggle::Decision::Drop : waggle::Decision::RecordAndSample;
    decision.threshold = is_dropped ? waggle::kUnknownThreshold : 0;
  }
};

using TimeBurst = std::uint64_t (*)(int runs);

TimeBurst open_library() {
  void* library = ::dlopen(WAGGLE_BENCH_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  void* function = library == nullptr ? nullptr : ::dlsym(library, "time_library_spans");
  if (function == nullptr) {
    std::fprintf(stderr, "%s\n", ::dlerror());
    std::exit(1);
  }
  TimeBurst result = nullptr;
  std::memcpy(&result, &function, sizeof(result));
  return result;
}

TimeBurst time_library_spans = nullptr;

void nothing(const Variant&) {}

std::vector<waggle::DetachedSpan> handed_over;

// Starts spans here and ends them on the other core; the time of both.
std::uint64_t detached_ended_elsewhere(int runs) {
  static bench::OtherCore other_core;
  handed_over.clear();
  handed_over.reserve(static_cast<std::size_t>(runs));
  const waggle::Span parent{"parent"};
  const std::uint64_t ticks =
      bench::time_loop(runs, [] { handed_over.emplace_back("child span K"); });
  return ticks + other_core.run(
                     [](int count) {
                       auto span = handed_over.begin();
                       return bench::time_loop(count, [&] { (span++)->end(); });
                     },
                     runs);
}

void measure_without_tracer(int rounds, bench::Probes& probes) {
  Section section("no tracer", probes);
  for (const bench::SpanKind& kind : bench::kWithoutTracer) section.add(kind.name, kind.time_burst);
  section.add("no tracer: child in a shared library", time_library_spans);
  section.add("compiled out: child + 1 attribute", bench::time_disabled_spans);
  for (Variant& variant : section.variants()) variant.runs = 1024;
  section.run(rounds, nothing, nothing);
  for (Variant& variant : section.variants()) section.report(variant, 0, 0, "not recorded");
}

// Every span of a recording row has to arrive; the other rows make none.
void report_recorded(Section& section, Variant& variant, std::uint64_t delivered) {
  if (variant.mark == '\0') {
    section.report(variant, delivered, 0, delivered == 0 ? "not recorded" : "VOID: recorded");
  } else if (delivered <= variant.spans) {
    const std::uint64_t dropped = variant.spans - delivered;
    section.report(variant, delivered, dropped, dropped == 0 ? "ok" : "VOID: spans were dropped");
  } else {
    section.report(variant, delivered, 0, "VOID: more delivered than made");
  }
}

void measure_recording(int rounds, bench::Probes& probes, waggle::Tracing& tracing,
                       const bench::ExportCounts& counts) {
  Section section("recording", probes);
  for (const bench::SpanKind& kind : bench::kSpanKinds) {
    section.add(kind.name, kind.time_burst, kind.mark, kind.spans_per_run);
  }
  section.add("detached span, ended on the other core", detached_ended_elsewhere, 'K');
  section.add(
      "child in a shared library",
      [](int runs) {
        const waggle::Span parent{"parent"};
        return time_library_spans(runs);
      },
      'L');

  bench::grow_ring();
  for (Variant& variant : section.variants()) {
    bench::fit_burst(variant);
    for (int i = 0; i < kWarmUpRounds; ++i) {
      variant.time_burst(variant.runs);
      bench::wait_until_drained();
    }
  }
  tracing.force_flush();
  std::vector<std::uint64_t> before;
  for (const Variant& variant : section.variants()) before.push_back(counts.of(variant.mark));

  section.run(rounds, nothing, [](const Variant&) { bench::wait_until_drained(); });

  tracing.force_flush();
  section.report_clock_pair();
  for (std::size_t i = 0; i < before.size(); ++i) {
    Variant& variant = section.variants()[i];
    report_recorded(section, variant, counts.of(variant.mark) - before[i]);
  }
}

std::uint64_t dropped_for_full_ring() {
  return waggle::stats().dropped_for(waggle::DropReason::RingFull);
}

// The exporter holds a batch, so nothing is collected; once the ring is full every span is dropped.
void measure_full_ring(int rounds, bench::Probes& probes, bench::ExportCounts& counts) {
  counts.is_hold_wanted = true;
  constexpr double kMillisecond = 1e6;
  while (!counts.is_holding) {
    { const waggle::Span span{"to be held"}; }
    bench::spin_for_ticks(bench::to_ticks(kMillisecond));
  }
  const std::uint64_t before_full = dropped_for_full_ring();
  while (dropped_for_full_ring() < before_full + 1000) bench::child_with_four_attributes(100);

  Section section("full ring", probes);
  section.add("ring full, all dropped: child", bench::child);
  section.add("ring full, all dropped: child + 4 attributes", bench::child_with_four_attributes);
  std::vector<std::uint64_t> dropped(section.variants().size());
  std::uint64_t before = 0;
  section.run(
      rounds, [&](const Variant&) { before = dropped_for_full_ring(); },
      [&](const Variant& variant) {
        // One more than was timed: the parent.
        dropped[static_cast<std::size_t>(&variant - section.variants().data())] +=
            dropped_for_full_ring() - before - 1;
      });
  counts.is_hold_wanted = false;
  for (std::size_t i = 0; i < dropped.size(); ++i) {
    Variant& variant = section.variants()[i];
    const bool is_exact = dropped[i] == variant.spans;
    section.report(variant, variant.spans - dropped[i], dropped[i],
                   is_exact ? "all dropped, as meant" : "VOID: not all were dropped");
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool is_quick = bench::is_quick(argument_count, arguments);
  const int rounds = is_quick ? 300 : 3000;

  bench::nanoseconds_per_tick();
  bench::pin_to_core(bench::kMeasuredCore);
  bench::Probes probes;
  time_library_spans = open_library();
  measure_without_tracer(rounds, probes);

  bench::ExportCounts counts;
  waggle::Config config;
  config.exporters.push_back(std::make_unique<bench::CountingExporter>(counts));
  config.sampler = std::make_shared<SamplerByName>();
  waggle::Tracing tracing = bench::start_on_other_core(std::move(config));
  if (!tracing.is_on()) return 1;

  measure_recording(rounds, probes, tracing, counts);
  measure_full_ring(rounds, probes, counts);
}
