// The harness of the recording rows. All variants of a section take turns within one process: each
// round times the core-to-core round trip, the clock pair and a burst of every variant, so whatever
// the machine does, it does to all of them. What happens between bursts is not timed. Plain work
// before and after each burst tells whether the core had its full speed.
#ifndef WAGGLE_BENCH_SUPPORT_INTERLEAVED_HPP
#define WAGGLE_BENCH_SUPPORT_INTERLEAVED_HPP

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/machine.hpp"
#include "support/plain_work.hpp"
#include "support/round_trip.hpp"
#include "support/row.hpp"

namespace bench {

// Runs `body` `runs` times and returns the ticks that took.
template <class Body>
inline __attribute__((always_inline)) std::uint64_t time_loop(int runs, Body&& body) {
  const std::uint64_t start = read_ticks();
  for (int i = 0; i < runs; ++i) {
    body();
    asm volatile("" : : : "memory");
  }
  return read_ticks() - start;
}

// The unit of all ratios: two reads of the tick counter, one behind the other.
inline void read_clock_pair() noexcept {
  asm volatile("" : : "r"(read_ticks()));
  asm volatile("" : : "r"(read_ticks()));
}

inline std::uint64_t time_clock_pair(int runs) { return time_loop(runs, read_clock_pair); }

// Tells the states of the machine apart. Fast is: the core at its full speed, and the other core
// near.
class Probes {
 public:
  // Looks how far the other core is; holds until the next look.
  double look_at_distance() {
    distance_ = round_trip_.measure();
    return distance_;
  }
  double measure_plain_work() noexcept { return plain_work_.measure(); }

  bool is_near() const noexcept { return distance_ <= kNear; }
  bool is_full_speed(double plain_work) const noexcept { return plain_work_.is_fast(plain_work); }

 private:
  // Between caches that share a level a line goes and comes in 60 to 100 ns, else in 300 and more.
  static constexpr double kNear = 150;

  RoundTrip round_trip_;
  PlainWork plain_work_;
  double distance_ = 0;
};

// Timed bursts of one thing.
class Bursts {
 public:
  // Times one more burst; `units` is what the time is divided by.
  void time(std::uint64_t (*time_burst)(int runs), int runs, int units, Probes& probes) {
    const double before = probes.measure_plain_work();
    const auto ticks = static_cast<double>(time_burst(runs));
    const double after = probes.measure_plain_work();
    bursts_.push_back(
        {ticks * nanoseconds_per_tick() / units, (std::max)(before, after), probes.is_near()});
  }

  Samples all() const {
    return select([](const Burst&) { return true; });
  }
  Samples fast(const Probes& probes) const {
    return select([&](const Burst& burst) {
      return burst.is_near && probes.is_full_speed(burst.plain_work);
    });
  }

 private:
  struct Burst {
    double nanoseconds;
    double plain_work;
    bool is_near;
  };

  template <class Predicate>
  Samples select(Predicate&& is_wanted) const {
    Samples samples;
    for (const Burst& burst : bursts_) {
      if (is_wanted(burst)) samples.add(burst.nanoseconds);
    }
    return samples;
  }

  std::vector<Burst> bursts_;
};

// One row to be: how to time a burst of it, and what came of all bursts.
struct Variant {
  std::string name;
  std::uint64_t (*time_burst)(int runs);
  int spans_per_run = 1;
  char mark = '\0';  // the last character of its spans' names; none: it records none
  int runs = 256;    // a burst

  Bursts bursts = {};
  std::uint64_t spans = 0;

  void measure(Probes& probes) {
    const int spans_per_burst = runs * spans_per_run;
    bursts.time(time_burst, runs, spans_per_burst, probes);
    spans += static_cast<std::uint64_t>(spans_per_burst);
  }
};

class Section {
 public:
  Section(std::string name, Probes& probes) : name_(std::move(name)), probes_(probes) {}

  void add(const char* name, std::uint64_t (*time_burst)(int runs), char mark = '\0',
           int spans_per_run = 1) {
    variants_.push_back({name, time_burst, spans_per_run, mark});
  }
  std::vector<Variant>& variants() { return variants_; }

  // Measures `rounds` times. `before` and `after` a burst prepare and tidy up, untimed.
  template <class Before, class After>
  void run(int rounds, Before&& before, After&& after) {
    constexpr int kPairs = 256;
    for (int round = 0; round < rounds; ++round) {
      round_trip_.add(probes_.look_at_distance());
      clock_pair_.time(time_clock_pair, kPairs, kPairs, probes_);
      // Each round begins with another one, so that none always follows the same.
      for (std::size_t i = 0; i < variants_.size(); ++i) {
        Variant& variant = variants_[(i + static_cast<std::size_t>(round)) % variants_.size()];
        before(variant);
        variant.measure(probes_);
        after(variant);
      }
    }
  }

  // Reports the clock pair itself.
  void report_clock_pair() {
    Row row("clock pair");
    add_figures(row, clock_pair_);
    row.count("delivered", 0).count("dropped", 0).text("verdict", "reference");
  }

  // Reports a variant; the verdict says whether the row counts.
  void report(const Variant& variant, std::uint64_t delivered, std::uint64_t dropped,
              const char* verdict) {
    Row row(variant.name);
    add_figures(row, variant.bursts);
    row.count("spans", variant.spans).count("delivered", delivered).count("dropped", dropped);
    row.text("verdict", verdict);
  }

  // Reports what another library makes of a kind of span; what became of it is that library's
  // affair.
  void report_peer(const Variant& variant, const std::string& library, const std::string& kind) {
    Row row(variant.name);
    add_figures(row, variant.bursts);
    row.text("library", library).text("kind", kind).text("verdict", "ok");
  }

 private:
  void add_figures(Row& row, const Bursts& bursts) {
    Samples samples = bursts.all();
    const double pair = clock_pair_.all().median();
    row.text("section", name_).number("median_ns", samples.median());
    row.number("clock_pair_ns", pair).number("ratio", samples.median() / pair);
    row.number("p90_ns", samples.percentile(0.9)).number("p99_ns", samples.percentile(0.99));
    Samples fast = bursts.fast(probes_);
    Samples fast_pair = clock_pair_.fast(probes_);
    row.number("fast_share",
               static_cast<double>(fast.size()) / static_cast<double>(samples.size()));
    if (!fast.empty() && !fast_pair.empty()) {
      row.number("fast_median_ns", fast.median());
      row.number("fast_ratio", fast.median() / fast_pair.median());
    }
    row.number("round_trip_ns", round_trip_.median());
    row.number("round_trip_p90_ns", round_trip_.percentile(0.9));
  }

  std::string name_;
  Probes& probes_;
  std::vector<Variant> variants_;
  Bursts clock_pair_;
  Samples round_trip_;
};

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_INTERLEAVED_HPP
