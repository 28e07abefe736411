// What the programs of this folder share: each makes the same spans with another library, and times
// them as the recording rows do.
#ifndef WAGGLE_BENCH_PEERS_PEER_HPP
#define WAGGLE_BENCH_PEERS_PEER_HPP

#include <cstdint>
#include <string>
#include <utility>

#include "support/command_line.hpp"
#include "support/interleaved.hpp"
#include "support/machine.hpp"
#include "support/row.hpp"

namespace bench {

// The kinds of spans that all libraries make, by the names of their rows.
constexpr const char* kPeerChild = "child";
constexpr const char* kPeerFour = "child + 4 attributes";
constexpr const char* kPeerOff = "off";

// Times what is added, in turns, and reports it as rows of one library.
class Peer {
 public:
  Peer(std::string library, bool is_quick)
      : library_(std::move(library)), rounds_(is_quick ? 100 : 500), section_("peers", probes_) {}

  // Adds a kind of span; `runs` of them make a burst, which the library has to have room for.
  void add(const char* kind, std::uint64_t (*time_burst)(int runs), int runs = 256) {
    section_.add(kind, time_burst);
    section_.variants().back().runs = runs;
  }

  // Measures all of them. `settle()` is called after each burst, untimed, and returns once the
  // library has taken away what was recorded.
  template <class Settle>
  void run(Settle&& settle) {
    for (Variant& variant : section_.variants()) {
      for (int i = 0; i < kWarmUpBursts; ++i) {
        variant.time_burst(variant.runs);
        settle();
      }
    }
    section_.run(
        rounds_, [](const Variant&) {}, [&](const Variant&) { settle(); });
    for (Variant& variant : section_.variants()) {
      const std::string kind = variant.name;
      variant.name = library_ + ": " + kind;
      section_.report_peer(variant, library_, kind);
    }
  }

 private:
  static constexpr int kWarmUpBursts = 20;

  const std::string library_;
  const int rounds_;
  Probes probes_;
  Section section_;
};

}  // namespace bench

#endif  // WAGGLE_BENCH_PEERS_PEER_HPP
