// From the threads' rings to the destinations: a state machine without a clock, a thread or a
// socket of its own. Each step collects what is there, does one piece of work and says when to come
// again; every span that is taken out of a ring ends up in the books exactly once.
//
//   rings --collect--> queue --take--> batch --encode--> next body --load--> current body
//                                        |                                     |  send, wait,
//                                        +--> exporters                        |  send again, halve
//                                                 |                            |
//                                                 +---------> books <----------+
#ifndef WAGGLE_PIPELINE_PIPELINE_HPP
#define WAGGLE_PIPELINE_PIPELINE_HPP

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "waggle/collect/scope_table.hpp"
#include "waggle/collect/span_batch.hpp"
#include "waggle/collect/spill_pool.hpp"
#include "waggle/collect/wall_clock.hpp"
#include "waggle/pipeline/collector.hpp"
#include "waggle/pipeline/delivery.hpp"
#include "waggle/pipeline/flush_line.hpp"
#include "waggle/pipeline/ledger.hpp"
#include "waggle/pipeline/loss_report.hpp"
#include "waggle/pipeline/memory_plan.hpp"
#include "waggle/sdk/diagnostics.hpp"
#include "waggle/sdk/exporter.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// What the pipeline works on; it outlives every pipeline.
struct PipelineSources {
  ThreadRegistry& threads;
  SpillPool& spill;
  ScopeTable& scopes;
  Ledger& ledger;
};

// What it is told once.
struct PipelineSettings {
  Resource resource;
  SpanLimits limits;
  MemoryPlan memory{};
  Milliseconds batch_delay{1000};
  Milliseconds export_timeout{10000};
  SpanFilter filter;
  std::vector<std::unique_ptr<Exporter>> exporters;
  std::unique_ptr<Delivery> delivery;
  ClockSample (*sample_clocks)() = &detail::sample_clocks;
  std::uint64_t seed[2] = {};
};

// Tells a driver what a step did.
struct StepResult {
  std::size_t collected = 0;
  bool is_busy = false;  // there is more to do at once
};

class Pipeline {
 public:
  Pipeline(PipelineSources sources, PipelineSettings settings,
           std::shared_ptr<Diagnostics> diagnostics, WallClock clock)
      : sources_(sources),
        settings_(std::move(settings)),
        diagnostics_(std::move(diagnostics)),
        clock_(clock),
        reader_(clock_, sources.scopes, settings_.limits),
        collector_(sources.threads),
        queue_(settings_.memory.queue) {
    ids_.seed(settings_.seed[0], settings_.seed[1]);
    report_.begin(lost(), settings_.sample_clocks().unix_nanoseconds);
  }

  // Does what can be done now without waiting: a fraction of a millisecond's work, and whatever the
  // exporters do. After is_left_behind() nothing may be touched any more.
  StepResult step(TimePoint now) noexcept {
    now_ = now;
    flushes_.begin(collector_.next_whole_pass());
    hear_from_delivery();
    const std::size_t collected = collect();
    work();
    if (is_left_behind()) return {};
    flushes_.advance(collector_.passes(), collected_, settled_);
    return {collected, next_time(now) <= now};
  }

  // Returns when the next step has something to do, as far as that is a matter of time.
  TimePoint next_time(TimePoint now) const noexcept {
    TimePoint next = is_stopping() ? stop_deadline_ : (TimePoint::max)();
    if (has_delivery()) next = (std::min)(next, delivery_().next_time());
    if (has_batch()) return is_blocked() ? next : now;
    return (std::min)(next, due_time());
  }

  // Asks for a flush; flushed() reaches its number when it is done.
  void begin_flush(std::uint64_t number) noexcept { flushes_.ask(number); }
  std::uint64_t flushed() const noexcept { return flushes_.done(); }
  bool is_flushing() const noexcept { return flushes_.is_flushing(); }

  // Begins the last flush, which ends at `deadline` whatever is left.
  void begin_shutdown(std::uint64_t flush_number, TimePoint now, TimePoint deadline) noexcept {
    stop_deadline_ = deadline;
    last_flush_ = flush_number;
    begin_flush(flush_number);
    if (has_delivery()) delivery_().hurry(now);
  }

  bool is_stopping() const noexcept { return last_flush_ != 0; }

  // Tells whether shutdown has nothing more to wait for; then comes give_up_the_rest().
  bool is_over(TimePoint now) const noexcept {
    return is_stopping() && (flushed() >= last_flush_ || now >= stop_deadline_);
  }

  // Tells whether nothing is waiting and nothing is on its way.
  bool is_idle() const noexcept {
    return queue_.empty() && (!has_delivery() || delivery_().is_idle());
  }

  bool is_in_flight() const noexcept { return has_delivery() && delivery_().is_in_flight(); }

  // Sleeps until the request in flight can move on, or `wake_descriptor` is readable.
  void wait_for_reply(int wake_descriptor, Milliseconds longest) noexcept {
    delivery_().wait(wake_descriptor, longest);
  }

  // Counts as lost all that is still here; true if there was nothing.
  bool give_up_the_rest() noexcept {
    const std::uint64_t lost_before = collected_ - settled_;
    lose_all(DropReason::ShutdownDeadline);
    const std::uint64_t in_rings = discard_rings();
    return lost_before + in_rings == 0;
  }

  // Takes the books over from a thread that does not come back from an exporter; false if it is not
  // in one. From any thread, once; what the exporter has is nobody's any more.
  bool leave_exporter_behind() noexcept {
    std::uint32_t expected = kInExporter;
    if (!compare_exchange(custody_, expected, std::uint32_t{kLeftBehind})) return false;
    sources_.ledger.update([&](Ledger::Terms& terms) {
      drop(terms, DropReason::Unconfirmed, terms.in_flight);
      drop(terms, DropReason::ShutdownDeadline, terms.queued);
      terms.in_flight = 0;
      terms.queued = 0;
    });
    discard_rings();
    return true;
  }

  // Tells the thread that it was left behind: it must touch nothing any more.
  bool is_left_behind() const noexcept { return load_acquire(custody_) == kLeftBehind; }

 private:
  // ---- from the rings into the queue ----

  std::size_t collect() noexcept {
    keep_time();
    sources_.spill.top_up();
    if (queue_.empty()) first_collected_ = now_;
    const std::size_t count = collector_.collect(queue_);
    if (count == 0) return 0;
    collected_ += count;
    keep_books([count](Ledger::Terms& terms) { terms.drained += count; });
    return count;
  }

  // A sample a second follows the system's clock closely enough.
  void keep_time() noexcept {
    if (now_ < next_clock_sample_) return;
    next_clock_sample_ = now_ + std::chrono::seconds(1);
    clock_.update(settings_.sample_clocks());
  }

  // Returns when the queue's spans have waited long enough for others.
  TimePoint due_time() const noexcept {
    if (queue_.empty()) return (TimePoint::max)();
    const bool is_urgent = flushes_.is_flushing() || queue_.is_half_full() ||
                           queue_.size() >= settings_.memory.batch.spans;
    return is_urgent ? TimePoint{} : first_collected_ + settings_.batch_delay;
  }

  // ---- from the queue to the destinations ----

  bool has_batch() const noexcept { return batch_.taken() != 0; }
  bool has_delivery() const noexcept { return settings_.delivery != nullptr; }
  Delivery& delivery_() const noexcept { return *settings_.delivery; }

  // Tells whether the batch in hand has to wait until one is sent.
  bool is_blocked() const noexcept { return has_delivery() && delivery_().has_submitted(); }

  void work() noexcept {
    guarded([&] {
      if (!has_batch() && due_time() <= now_) take_batch();
      if (is_left_behind()) return;
      if (has_batch() && !is_blocked()) encode_some();
    });
  }

  void take_batch() {
    batch_.take(queue_, settings_.memory.batch, reader_);
    encoded_ = 0;
    const std::uint64_t filtered = batch_.filter(settings_.filter, editor_memory_);
    if (filtered != 0) settle_dropped(DropReason::Filtered, filtered);
    if (batch_.size() != 0) export_batch();
    if (!has_delivery() && !is_left_behind()) release_batch();
  }

  // With a delivery beside them, the exporters' failures are told but its answer counts.
  void export_batch() {
    if (settings_.exporters.empty()) return;
    in_exporters_ = has_delivery() ? 0 : batch_.size();
    keep_books([](Ledger::Terms&) {});
    const Deadline deadline((std::min)(now_ + settings_.export_timeout, stop_deadline_));
    Verdict verdict;
    verdict.delivered = batch_.size();
    for (const std::unique_ptr<Exporter>& exporter : settings_.exporters) {
      if (!export_to(*exporter, deadline, verdict)) return;
    }
    in_exporters_ = 0;
    if (!has_delivery()) settle(verdict);
  }

  // False if the thread was left behind in the meantime.
  bool export_to(Exporter& exporter, Deadline deadline, Verdict& verdict) {
    store_release(custody_, std::uint32_t{kInExporter});
    const ExportResult result =
        exporter.export_batch({settings_.resource, batch_.spans()}, deadline);
    std::uint32_t expected = kInExporter;
    if (!compare_exchange(custody_, expected, std::uint32_t{kOurs})) return false;
    if (result.delivered) return true;
    diagnostics_->once("exporter", "an exporter failed: " + result.reason);
    verdict.delivered = 0;
    verdict.dropped = batch_.size();
    verdict.reason = DropReason::ExporterFailed;
    return true;
  }

  void encode_some() {
    EncodedBatch& body = delivery_().next();
    constexpr std::size_t kEncodedAtOnce = 256;
    const std::size_t end = (std::min)(batch_.size(), encoded_ + kEncodedAtOnce);
    for (; encoded_ < end; ++encoded_) {
      if (!is_encoding_) body.begin(settings_.resource);
      is_encoding_ = true;
      const Fit fit = body.add(batch_[encoded_]);
      if (fit == Fit::Full) return submit();
      if (fit == Fit::TooLarge) settle_dropped(DropReason::TooLarge, 1);
    }
    if (encoded_ < batch_.size()) return;
    submit();
    release_batch();
  }

  void submit() {
    if (!std::exchange(is_encoding_, false)) return;
    EncodedBatch& body = delivery_().next();
    if (body.empty()) return;
    const bool has_report =
        !is_reporting_ && report_.write(lost(), settings_.sample_clocks().unix_nanoseconds, ids_);
    if (has_report) body.add_own(report_.span());
    delivery_().submit(has_report);
    is_reporting_ |= has_report;
    if (delivery_().omitted_values() == 0) return;
    diagnostics_->once("omitted",
                       "attribute values that are no finite numbers are left out: Honeycomb might "
                       "read them as 0");
  }

  void release_batch() noexcept {
    queue_.release(batch_.taken());
    first_collected_ = now_;
    batch_.clear();
  }

  // ---- what became of them ----

  void hear_from_delivery() noexcept {
    if (!has_delivery() || delivery_().is_idle()) return;
    guarded([&] {
      Verdict verdict;
      const std::uint64_t now_unix = settings_.sample_clocks().unix_nanoseconds;
      const auto seconds = static_cast<std::int64_t>(now_unix / 1000000000U);
      const std::uint64_t in_flight = delivery_().spans_in_flight();
      const bool has_verdict = delivery_().step(now_, seconds, ids_, verdict);
      if (has_verdict) return settle(verdict);
      if (in_flight != delivery_().spans_in_flight()) keep_books([](Ledger::Terms&) {});
    });
  }

  void settle(const Verdict& verdict) {
    settled_ += verdict.spans();
    keep_books([&](Ledger::Terms& terms) {
      terms.delivered += verdict.delivered;
      terms.rejected += verdict.rejected;
      drop(terms, verdict.reason, verdict.dropped);
    });
    if (verdict.settles_report) is_reporting_ = false;
    if (verdict.settles_report && verdict.report_has_arrived) report_.arrived();
    if (!verdict.message.empty()) tell(verdict);
  }

  void settle_dropped(DropReason reason, std::uint64_t count) noexcept {
    settled_ += count;
    keep_books([&](Ledger::Terms& terms) { drop(terms, reason, count); });
  }

  void tell(const Verdict& verdict) {
    const std::string kind = "send " + std::string(to_string(verdict.reason));
    const std::string lost = verdict.dropped == 0
                                 ? std::string()
                                 : "lost " + std::to_string(verdict.dropped) + " spans: ";
    diagnostics_->once(kind, lost + verdict.message);
  }

  // ---- the books ----

  // Changes the books; what is waiting and what is on its way follows from the rest.
  template <class Change>
  void keep_books(Change&& change) noexcept {
    const std::uint64_t in_flight =
        in_exporters_ + (has_delivery() ? delivery_().spans_in_flight() : 0);
    sources_.ledger.update([&](Ledger::Terms& terms) {
      change(terms);
      terms.in_flight = in_flight;
      terms.queued = collected_ - settled_ - in_flight;
    });
  }

  static void drop(Ledger::Terms& terms, DropReason reason, std::uint64_t count) noexcept {
    terms.dropped[static_cast<std::size_t>(reason)] += count;
  }

  DropCounts lost() const noexcept { return sources_.ledger.dropped(sources_.threads); }

  // Without memory for what is in hand it is lost, and counted; what waits in the queue and in the
  // rings is not.
  template <class Work>
  void guarded(Work&& work) noexcept {
#if defined(__cpp_exceptions)
    try {
      work();
    } catch (...) {
      const std::uint64_t waiting = queue_.size() - batch_.taken();
      lose(DropReason::MemoryLimit, collected_ - settled_ - waiting);
      release_batch();
    }
#else
    work();
#endif
  }

  // Gives up all that was collected.
  void lose_all(DropReason reason) noexcept {
    lose(reason, collected_ - settled_);
    batch_.clear();
    queue_.clear();
  }

  // Gives up what is being encoded and sent, and the rest of `count` spans.
  void lose(DropReason reason, std::uint64_t count) noexcept {
    const std::uint64_t unconfirmed = has_delivery() ? delivery_().give_up() : 0;
    is_encoding_ = is_reporting_ = false;
    settle_dropped(DropReason::Unconfirmed, unconfirmed);
    settle_dropped(reason, count - unconfirmed);
  }

  std::uint64_t discard_rings() noexcept {
    const std::uint64_t count = collector_.discard();
    sources_.ledger.update([&](Ledger::Terms& terms) {
      terms.drained += count;
      drop(terms, DropReason::ShutdownDeadline, count);
    });
    return count;
  }

  PipelineSources sources_;
  PipelineSettings settings_;
  std::shared_ptr<Diagnostics> diagnostics_;
  WallClock clock_;
  RecordReader reader_;
  Collector collector_;
  RecordQueue queue_;
  SpanBatch batch_;
  SpanEditor::Memory editor_memory_;
  LossReport report_;
  IdGenerator ids_;
  FlushLine flushes_;

  std::uint64_t collected_ = 0;
  std::uint64_t settled_ = 0;
  std::uint64_t in_exporters_ = 0;
  std::size_t encoded_ = 0;  // spans of the batch
  bool is_encoding_ = false;
  bool is_reporting_ = false;  // a loss report is on its way
  std::uint64_t last_flush_ = 0;
  TimePoint stop_deadline_ = (TimePoint::max)();
  TimePoint now_{};
  TimePoint first_collected_{};
  TimePoint next_clock_sample_{};

  // Who may touch all this: the thread that drives it, or nobody any more.
  enum : std::uint32_t { kOurs = 0, kInExporter = 1, kLeftBehind = 2 };
  std::uint32_t custody_ = kOurs;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_PIPELINE_HPP
