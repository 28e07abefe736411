// Where each span that was taken out of a ring is: waiting, on its way, or settled, and how. The
// collector writes here, and anyone reads the ledger. What is waiting is never counted, it follows
// from the rest; so the books cannot disagree with themselves.
#ifndef WAGGLE_PIPELINE_BOOKS_HPP
#define WAGGLE_PIPELINE_BOOKS_HPP

#include <cstdint>

#include "waggle/pipeline/ledger.hpp"
#include "waggle/pipeline/verdict.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Keeps the books of one session. For the collector only, but for leave_behind().
class Books {
 public:
  explicit Books(Ledger& ledger) noexcept : ledger_(ledger) {}

  // Returns how many spans were collected in all, and how many of them have met their fate: in the
  // same order, so that the first ones collected are the first ones settled.
  std::uint64_t collected() const noexcept { return collected_; }
  std::uint64_t settled() const noexcept { return settled_; }
  std::uint64_t open() const noexcept { return collected_ - settled_; }

  void collect(std::uint64_t count) noexcept {
    if (count == 0) return;
    collected_ += count;
    update([count](Ledger::Terms& terms) { terms.drained += count; });
  }

  // Takes note of how many spans are on their way by now.
  void set_in_flight(std::uint64_t count) noexcept {
    if (count == in_flight_) return;
    in_flight_ = count;
    update([](Ledger::Terms&) {});
  }

  // Settles some spans; so many others stay on their way.
  void settle(const Verdict& verdict, std::uint64_t in_flight) noexcept {
    settled_ += verdict.spans();
    in_flight_ = in_flight;
    update([&](Ledger::Terms& terms) {
      terms.delivered += verdict.delivered;
      terms.rejected += verdict.rejected;
      drop(terms, verdict.reason, verdict.dropped);
    });
  }

  // Settles spans that were waiting.
  void drop(DropReason reason, std::uint64_t count) noexcept {
    if (count == 0) return;
    settled_ += count;
    update([&](Ledger::Terms& terms) { drop(terms, reason, count); });
  }

  // Settles all spans on their way: it is not known whether they have arrived.
  void lose_in_flight(std::uint64_t unconfirmed) noexcept {
    in_flight_ = 0;
    settled_ += unconfirmed;
    update([&](Ledger::Terms& terms) { drop(terms, DropReason::Unconfirmed, unconfirmed); });
  }

  // Settles spans that were still in the rings.
  void discard(std::uint64_t count) noexcept {
    ledger_.update([&](Ledger::Terms& terms) {
      terms.drained += count;
      drop(terms, DropReason::ShutdownDeadline, count);
    });
  }

  // Settles everything, for a collector that never comes back. From any thread, instead of it.
  void leave_behind() noexcept {
    ledger_.update([&](Ledger::Terms& terms) {
      drop(terms, DropReason::Unconfirmed, terms.in_flight);
      drop(terms, DropReason::ShutdownDeadline, terms.queued);
      terms.in_flight = 0;
      terms.queued = 0;
    });
  }

 private:
  static void drop(Ledger::Terms& terms, DropReason reason, std::uint64_t count) noexcept {
    terms.dropped[static_cast<std::size_t>(reason)] += count;
  }

  template <class Change>
  void update(Change&& change) noexcept {
    ledger_.update([&](Ledger::Terms& terms) {
      change(terms);
      terms.in_flight = in_flight_;
      terms.queued = open() - in_flight_;
    });
  }

  Ledger& ledger_;
  std::uint64_t collected_ = 0;
  std::uint64_t settled_ = 0;
  std::uint64_t in_flight_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_BOOKS_HPP
