// The harness of the recording rows. All variants of a section take turns within one process: each
// round times the clock pair, the core-to-core round trip and a burst of every variant, so whatever
// the machine does, it does to all of them. What happens between bursts is not timed.
#ifndef WAGGLE_BENCH_SUPPORT_INTERLEAVED_HPP
#define WAGGLE_BENCH_SUPPORT_INTERLEAVED_HPP

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/machine.hpp"
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
inline std::uint64_t time_clock_pair(int runs) {
  return time_loop(runs, [] {
    asm volatile("" : : "r"(read_ticks()));
    asm volatile("" : : "r"(read_ticks()));
  });
}

// One row to be: how to time a burst of it, and what came of all bursts.
struct Variant {
  std::string name;
  std::uint64_t (*time_burst)(int runs);
  int spans_per_run = 1;
  int runs = 256;  // a burst

  Samples nanoseconds_per_span = {};
  std::uint64_t spans = 0;

  void measure() {
    const auto ticks = static_cast<double>(time_burst(runs));
    nanoseconds_per_span.add(ticks * nanoseconds_per_tick() / (runs * spans_per_run));
    spans += spans_in_burst();
  }
  std::uint64_t spans_in_burst() const {
    return static_cast<std::uint64_t>(runs) * static_cast<std::uint64_t>(spans_per_run);
  }
};

class Section {
 public:
  explicit Section(std::string name) : name_(std::move(name)) {}

  Variant& add(Variant variant) { return variants_.emplace_back(std::move(variant)); }
  std::vector<Variant>& variants() { return variants_; }

  // Measures `rounds` times. `before` and `after` a burst prepare and tidy up, untimed.
  template <class Before, class After>
  void run(int rounds, RoundTrip& round_trip, Before&& before, After&& after) {
    constexpr int kPairs = 256;
    for (int round = 0; round < rounds; ++round) {
      round_trip_.add(round_trip.measure());
      const auto pairs = static_cast<double>(time_clock_pair(kPairs));
      clock_pair_.add(pairs * nanoseconds_per_tick() / kPairs);
      // Each round begins with another one, so that none always follows the same.
      for (std::size_t i = 0; i < variants_.size(); ++i) {
        Variant& variant = variants_[(i + static_cast<std::size_t>(round)) % variants_.size()];
        before(variant);
        variant.measure();
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

  // Reports a variant; a row that lost spans which it should not have lost is void.
  void report(Variant& variant, std::uint64_t delivered, std::uint64_t dropped,
              const char* verdict) {
    Row row(variant.name);
    add_figures(row, variant.nanoseconds_per_span);
    row.count("spans", variant.spans).count("delivered", delivered).count("dropped", dropped);
    row.text("verdict", verdict);
  }

 private:
  void add_figures(Row& row, Samples& samples) {
    const double pair = clock_pair_.median();
    row.text("section", name_).number("median_ns", samples.median());
    row.number("clock_pair_ns", pair).number("ratio", samples.median() / pair);
    row.number("p90_ns", samples.percentile(0.9)).number("p99_ns", samples.percentile(0.99));
    row.number("round_trip_ns", round_trip_.median());
    row.number("round_trip_p90_ns", round_trip_.percentile(0.9));
  }

  std::string name_;
  std::vector<Variant> variants_;
  Samples clock_pair_;
  Samples round_trip_;
};

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_INTERLEAVED_HPP
