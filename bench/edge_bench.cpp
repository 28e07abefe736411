// What the rare spans cost that find something to do: the first one after the collector fell
// asleep, which wakes it, and the first one of a thread, which gets its state and ring.
//   edge_bench [--quick]

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/command_line.hpp"
#include "support/counting_exporter.hpp"
#include "support/drain.hpp"
#include "support/machine.hpp"
#include "support/row.hpp"
#include "support/single_spans.hpp"
#include "support/start.hpp"

namespace {

constexpr double kGap = 10000;  // nanoseconds

double time_clock_pair() { return bench::time_one(bench::read_clock_pair); }

// ---- the end of a span, with the collector awake or asleep ----

void sleep_for_milliseconds(long milliseconds) {
  const timespec time{milliseconds / 1000, milliseconds % 1000 * 1000000};
  ::nanosleep(&time, nullptr);
}

bool is_collector_asleep() { return waggle::detail::collector_sleeps(); }

// A program that slept finds its core and caches slow; the clock's own code at least is warm then.
void wake_core() {
  for (int i = 0; i < 20; ++i) {
    time_clock_pair();
    bench::leave_gap(kGap);
  }
}

double time_end(const char* name) {
  waggle::Span span{name};
  return bench::time_one([&] { span.end(); });
}

// A thread on the other core that sleeps in poll(2), as the collector does: what waking it takes is
// the system's share of the edge.
class Sleeper {
 public:
  Sleeper() : descriptor_(::eventfd(0, EFD_CLOEXEC)), thread_([this] { sleep_till_over(); }) {}
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() {
    is_over_.store(true);
    wake();
    thread_.join();
    ::close(descriptor_);
  }

  void wake() const noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, &one, sizeof(one));
  }

 private:
  void sleep_till_over() noexcept {
    bench::pin_to_core(bench::kOtherCore);
    while (!is_over_.load()) {
      pollfd descriptor{descriptor_, POLLIN, 0};
      ::poll(&descriptor, 1, -1);
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t size = ::read(descriptor_, &count, sizeof(count));
    }
  }

  const int descriptor_;
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

struct Ends {
  bench::Samples clock_pairs, system_calls, ordinary, after_a_second, waking;
  bool slept_too_soon = false;
};

// One cycle: wait for the collector to fall asleep, wake it, end some more spans, wait for a
// second.
void measure_ends(Ends& ends, const Sleeper& sleeper) {
  constexpr int kOrdinary = 256;
  while (!is_collector_asleep()) sleep_for_milliseconds(10);
  wake_core();
  ends.waking.add(time_end("span W"));
  bench::leave_gap(kGap);
  for (int i = 0; i < kOrdinary; ++i) {
    ends.clock_pairs.add(time_clock_pair());
    bench::leave_gap(kGap);
    ends.ordinary.add(time_end("span O"));
    bench::leave_gap(kGap);
  }
  sleep_for_milliseconds(1000);
  wake_core();
  ends.slept_too_soon |= is_collector_asleep();
  ends.after_a_second.add(time_end("span S"));
  sleep_for_milliseconds(200);
  wake_core();
  ends.system_calls.add(bench::time_one([&] { sleeper.wake(); }));
}

// ---- the first span of a thread ----

struct Firsts {
  const char* first_name;
  const char* second_name;
  bench::Samples clock_pairs = {}, first = {}, second = {};

  // To be called at the beginning of a thread.
  void measure() {
    bench::pin_to_core(bench::kMeasuredCore);
    time_clock_pair();
    clock_pairs.add(time_clock_pair());
    first.add(bench::time_one([this] { const waggle::Span span{first_name}; }));
    second.add(bench::time_one([this] { const waggle::Span span{second_name}; }));
  }
};

// Starts threads one after the other, which stay until all have been measured: each needs memory.
void measure_first_together(int threads, Firsts& firsts) {
  std::mutex mutex;
  std::condition_variable changed;
  int measured = 0;
  bool may_end = false;
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&] {
      std::unique_lock<std::mutex> lock(mutex);
      firsts.measure();
      ++measured;
      changed.notify_all();
      changed.wait(lock, [&] { return may_end; });
    });
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return measured == i + 1; });
  }
  {
    const std::lock_guard<std::mutex> lock(mutex);
    may_end = true;
  }
  changed.notify_all();
  for (std::thread& thread : all) thread.join();
}

// Starts threads each of which inherits what one before it left.
void measure_first_in_turn(int threads, Firsts& firsts) {
  for (int i = 0; i < threads; ++i) std::thread([&] { firsts.measure(); }).join();
}

// ---- rows ----

// What the rows of a section share.
class Section {
 public:
  Section(const char* name, bench::Samples& clock_pairs, bench::Samples& distances,
          const bench::ExportCounts& counts)
      : name_(name), clock_pairs_(clock_pairs), distances_(distances), counts_(counts) {}

  // Reports spans whose names end with `mark`.
  void report(const char* name, char mark, bench::Samples& samples, bool is_valid = true) {
    const std::uint64_t delivered = counts_.of(mark);
    const bool is_complete = delivered == samples.size();
    const char* verdict = is_valid ? "ok" : "VOID: the collector slept";
    bench::Row row(name);
    add_figures(row, samples).count("delivered", delivered);
    row.count("dropped", samples.size() - delivered);
    row.text("verdict", is_complete ? verdict : "VOID: spans were dropped");
  }

  // Reports what is no span.
  void report_reference(const char* name, bench::Samples& samples) {
    bench::Row row(name);
    add_figures(row, samples).count("delivered", 0).count("dropped", 0);
    row.text("verdict", "reference");
  }

 private:
  bench::Row& add_figures(bench::Row& row, bench::Samples& samples) {
    const double pair = clock_pairs_.median();
    row.text("section", name_).number("median_ns", samples.median());
    row.number("clock_pair_ns", pair).number("ratio", samples.median() / pair);
    row.number("p90_ns", samples.percentile(0.9)).number("max_ns", samples.largest());
    row.number("round_trip_ns", distances_.median());
    row.number("round_trip_p90_ns", distances_.percentile(0.9));
    return row.count("spans", samples.size());
  }

  const char* name_;
  bench::Samples& clock_pairs_;
  bench::Samples& distances_;
  const bench::ExportCounts& counts_;
};

waggle::Tracing start(bench::ExportCounts& counts) {
  waggle::Config config;
  // Room for a ring of the usual first size for all threads at once.
  config.memory_limit = 256 * 1024 * 1024;
  config.exporters.push_back(std::make_unique<bench::CountingExporter>(counts));
  return bench::start_on_other_core(std::move(config));
}

void run_threads(waggle::Tracing& tracing, const bench::ExportCounts& counts,
                 bench::Probes& probes) {
  constexpr int kThreads = 256;
  Firsts together{"span A", "span B"};
  Firsts in_turn{"span C", "span D"};
  bench::Samples distances;
  for (int i = 0; i < 5; ++i) distances.add(probes.look_at_distance());
  measure_first_together(kThreads, together);
  tracing.force_flush();
  measure_first_in_turn(kThreads, in_turn);
  for (int i = 0; i < 5; ++i) distances.add(probes.look_at_distance());
  tracing.force_flush();

  bench::Samples clock_pairs = together.clock_pairs;
  clock_pairs.append(in_turn.clock_pairs);
  Section section("threads, single spans", clock_pairs, distances, counts);
  section.report_reference("clock pair", clock_pairs);
  section.report("first span of a thread, new ring", 'A', together.first);
  section.report("second span of such a thread", 'B', together.second);
  section.report("first span of a thread, ring of one that ended", 'C', in_turn.first);
  section.report("second span of such a thread", 'D', in_turn.second);
}

void run_ends(int cycles, waggle::Tracing& tracing, const bench::ExportCounts& counts,
              bench::Probes& probes) {
  bench::Samples distances;
  Ends ends;
  const Sleeper sleeper;
  for (int cycle = 0; cycle < cycles; ++cycle) {
    measure_ends(ends, sleeper);
    distances.add(probes.look_at_distance());
  }
  tracing.force_flush();
  Section section("end() alone", ends.clock_pairs, distances, counts);
  section.report_reference("clock pair", ends.clock_pairs);
  section.report("end() among others", 'O', ends.ordinary);
  section.report("end() after an idle second, collector awake", 'S', ends.after_a_second,
                 !ends.slept_too_soon);
  section.report_reference("write() that wakes a thread", ends.system_calls);
  section.report("end() that wakes the collector", 'W', ends.waking);
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool is_quick = bench::is_quick(argument_count, arguments);
  bench::nanoseconds_per_tick();
  bench::ExportCounts counts;
  waggle::Tracing tracing = start(counts);
  if (!tracing.is_on()) return 1;
  bench::Probes probes;
  run_threads(tracing, counts, probes);
  bench::grow_ring();
  run_ends(is_quick ? 3 : 15, tracing, counts, probes);
}
