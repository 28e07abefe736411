// The collector's books: written by the collector alone, read by anyone without a lock. A reader
// that meets a change reads again.
#ifndef WAGGLE_PIPELINE_LEDGER_HPP
#define WAGGLE_PIPELINE_LEDGER_HPP

#include <array>
#include <cstdint>

#include "waggle/collect/thread_registry.hpp"
#include "waggle/core/atomic.hpp"
#include "waggle/sdk/stats.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Counts by reason.
using DropCounts = std::array<std::uint64_t, kDropReasonCount>;

class Ledger {
 public:
  // Changes the books in one go; `change` gets the collector's own terms. For the collector only.
  template <class Change>
  void update(Change&& change) noexcept {
    change(terms_);
    store_relaxed(sequence_, sequence_ + 1);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    publish(terms_.drained, public_.drained);
    publish(terms_.delivered, public_.delivered);
    publish(terms_.rejected, public_.rejected);
    publish(terms_.queued, public_.queued);
    publish(terms_.in_flight, public_.in_flight);
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      publish(terms_.dropped[i], public_.dropped[i]);
    }
    store_release(sequence_, sequence_ + 1);
  }

  // Returns a snapshot whose terms add up. The collector's terms are read first and the threads'
  // after, so that what is in the rings is never negative.
  Stats snapshot(const ThreadRegistry& threads) const noexcept {
    Stats stats;
    std::uint64_t recorded = 0;
    Terms terms;
    std::uint32_t before = 0;
    do {
      before = load_acquire(sequence_);
      terms = copy();
      recorded = threads.recorded();
      __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((before & 1) != 0 || load_relaxed(sequence_) != before);
    stats.delivered = terms.delivered;
    stats.rejected = terms.rejected;
    stats.queued = terms.queued;
    stats.in_flight = terms.in_flight;
    stats.in_rings = recorded - terms.drained;
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      stats.dropped[i] = terms.dropped[i] + threads.dropped(static_cast<DropReason>(i));
    }
    return stats;
  }

  // Returns what was lost so far, by reason. For the collector only.
  DropCounts dropped(const ThreadRegistry& threads) const noexcept {
    DropCounts counts{};
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      counts[i] = terms_.dropped[i] + threads.dropped(static_cast<DropReason>(i));
    }
    return counts;
  }

  struct Terms {
    std::uint64_t drained = 0;
    std::uint64_t delivered = 0;
    std::uint64_t rejected = 0;
    std::uint64_t queued = 0;
    std::uint64_t in_flight = 0;
    std::uint64_t dropped[kDropReasonCount] = {};
  };

 private:
  static void publish(std::uint64_t from, std::uint64_t& to) noexcept { store_relaxed(to, from); }

  Terms copy() const noexcept {
    Terms terms;
    terms.drained = load_relaxed(public_.drained);
    terms.delivered = load_relaxed(public_.delivered);
    terms.rejected = load_relaxed(public_.rejected);
    terms.queued = load_relaxed(public_.queued);
    terms.in_flight = load_relaxed(public_.in_flight);
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      terms.dropped[i] = load_relaxed(public_.dropped[i]);
    }
    return terms;
  }

  Terms terms_;
  Terms public_;
  std::uint32_t sequence_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_LEDGER_HPP
