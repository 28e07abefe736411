// From the threads' rings to the destinations: a state machine without a clock, a thread or a
// socket of its own. Each step collects what is there, does one piece of work and says when to come
// again; every span that leaves a ring is in the books exactly once. README.md here draws it.
#ifndef WAGGLE_PIPELINE_PIPELINE_HPP
#define WAGGLE_PIPELINE_PIPELINE_HPP

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "waggle/collect/span_batch.hpp"
#include "waggle/pipeline/books.hpp"
#include "waggle/pipeline/collector.hpp"
#include "waggle/pipeline/exporter_calls.hpp"
#include "waggle/pipeline/flush_line.hpp"
#include "waggle/pipeline/loss_report.hpp"
#include "waggle/pipeline/pipeline_settings.hpp"
#include "waggle/pipeline/span_remarks.hpp"
#include "waggle/sdk/completes.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Tells a driver what a step did.
struct StepResult {
  std::size_t collected = 0;
  std::uint64_t fullest = 0;  // ring met on the way, in percent
  bool is_busy = false;       // there is more to do at once
};

class Pipeline {
 public:
  Pipeline(PipelineSources sources, PipelineSettings settings,
           std::shared_ptr<Diagnostics> diagnostics, WallClock clock)
      : sources_(sources),
        settings_(std::move(settings)),
        diagnostics_(std::move(diagnostics)),
        delivery_(settings_.delivery.get()),
        exporters_(std::move(settings_.exporters)),
        books_(sources.ledger),
        clock_(clock),
        reader_(clock_, sources.scopes, settings_.limits, settings_.baggage_attributes),
        collector_(sources.threads),
        queue_(settings_.memory.queue),
        remarks_(*diagnostics_, delivery_ != nullptr && delivery_->is_for_honeycomb()) {
    ids_.seed(settings_.seed[0], settings_.seed[1]);
    report_.begin(lost(), settings_.sample_clocks().unix_nanoseconds);
  }

  // Tells whether there was memory for the queue; without one nothing would ever be collected.
  bool is_ready() const noexcept { return queue_.capacity() != 0; }

  // Does what can be done now without waiting: a fraction of a millisecond's work, and whatever the
  // exporters do. After is_left_behind() nothing may be touched any more.
  StepResult step(TimePoint now) noexcept {
    now_ = now;
    flushes_.begin(collector_.next_whole_pass());
    hear_from_delivery();
    const std::size_t collected = collect();
    work();
    if (is_left_behind()) return {};
    flushes_.advance(collector_.passes(), books_.collected(), books_.settled());
    return {collected, collector_.fullest(), next_time(now) <= now};
  }

  // Returns when the next step has something to do, as far as that is a matter of time.
  TimePoint next_time(TimePoint now) const noexcept {
    TimePoint next = is_stopping() ? stop_deadline_ : (TimePoint::max)();
    if (delivery_ != nullptr) next = (std::min)(next, delivery_->next_time());
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
    if (delivery_ != nullptr) delivery_->hurry(now);
  }

  bool is_stopping() const noexcept { return last_flush_ != 0; }

  // Tells whether shutdown has nothing more to wait for; then comes give_up_the_rest().
  bool is_over(TimePoint now) const noexcept {
    return is_stopping() && (flushed() >= last_flush_ || now >= stop_deadline_);
  }

  // Counts as lost all that is still here; true if there was nothing.
  bool give_up_the_rest() noexcept {
    const std::uint64_t open = books_.open();
    lose(DropReason::ShutdownDeadline, open);
    batch_.clear();
    queue_.clear();
    return open + discard_rings() == 0;
  }

  // Tells whether nothing is waiting and nothing is on its way.
  bool is_idle() const noexcept {
    return books_.open() == 0 && (delivery_ == nullptr || delivery_->is_idle());
  }

  bool is_in_flight() const noexcept { return delivery_ != nullptr && delivery_->is_in_flight(); }

  // Sleeps until the request in flight can move on, or `wake_descriptor` is readable.
  void wait_for_reply(int wake_descriptor, Milliseconds longest) noexcept {
    delivery_->wait(wake_descriptor, longest);
  }

  // Takes the books over from a thread that does not come back from an exporter; false if it is not
  // in one. From any thread, once; what the exporter has is nobody's any more.
  bool leave_exporter_behind() noexcept {
    if (!exporters_.leave_behind()) return false;
    books_.leave_behind();
    discard_rings();
    return true;
  }

  // Tells the thread that it was left behind: it must touch nothing any more.
  bool is_left_behind() const noexcept { return exporters_.is_left_behind(); }

 private:
  // ---- from the rings into the queue ----

  std::size_t collect() noexcept {
    keep_time();
    if (sources_.sampler != nullptr) sources_.sampler->maintain(now_);
    sources_.spill.top_up();
    if (queue_.empty()) oldest_ = now_;
    const std::size_t count = collector_.collect(queue_);
    books_.collect(count);
    return count;
  }

  // A sample a second follows the system's clock closely enough, and as often is it worth asking
  // anew for the rings that there was no memory for.
  void keep_time() noexcept {
    if (now_ < next_clock_sample_) return;
    next_clock_sample_ = now_ + std::chrono::seconds(1);
    clock_.update(settings_.sample_clocks());
    sources_.threads.try_again();
  }

  // Returns when the queue's spans have waited long enough for others.
  TimePoint due_time() const noexcept {
    if (queue_.empty()) return (TimePoint::max)();
    const bool is_urgent = flushes_.is_flushing() || collector_.is_held_up() ||
                           queue_.is_half_full() || queue_.size() >= settings_.memory.batch.spans;
    return is_urgent ? TimePoint{} : oldest_ + settings_.batch_delay;
  }

  // ---- from the queue to the destinations ----

  bool has_batch() const noexcept { return batch_.taken() != 0; }

  // Tells whether the batch in hand has to wait until one is sent.
  bool is_blocked() const noexcept { return delivery_ != nullptr && delivery_->has_submitted(); }

  void work() noexcept {
    guarded([this] {
      if (!has_batch() && due_time() <= now_) take_batch();
      if (has_batch() && !is_left_behind() && !is_blocked()) encode_some();
    });
  }

  void take_batch() {
    batch_.take(queue_, settings_.memory.batch, reader_);
    encoded_ = 0;
    books_.drop(DropReason::Filtered, batch_.filter(settings_.filter, editor_memory_));
    remarks_.look_at(batch_.spans());
    if (!exporters_.empty() && batch_.size() != 0) export_batch();
    if (delivery_ == nullptr && !is_left_behind()) release_batch();
  }

  // With a delivery beside them, the exporters' failures are told but its answer counts.
  void export_batch() {
    if (delivery_ == nullptr) books_.set_in_flight(batch_.size());
    const Deadline deadline((std::min)(now_ + settings_.export_timeout, stop_deadline_));
    const Verdict verdict =
        exporters_.export_batch({settings_.resource, batch_.spans()}, deadline, *diagnostics_);
    if (delivery_ == nullptr && !is_left_behind()) books_.settle(verdict, 0);
  }

  void encode_some() {
    EncodedBatch& body = delivery_->next();
    for (int budget = 256; encoded_ < batch_.size(); ++encoded_) {
      if (budget-- == 0) return;
      if (!is_encoding_) body.begin(settings_.resource);
      is_encoding_ = true;
      const Fit fit = body.add(batch_[encoded_]);
      if (fit == Fit::Full) return submit();
      if (fit == Fit::TooLarge) books_.drop(DropReason::TooLarge, 1);
    }
    submit();
    release_batch();
  }

  void submit() {
    if (!std::exchange(is_encoding_, false) || delivery_->next().empty()) return;
    const bool has_report =
        !is_reporting_ && report_.write(lost(), settings_.sample_clocks().unix_nanoseconds, ids_);
    if (has_report) delivery_->next().add_own(report_.span());
    is_reporting_ |= has_report;
    delivery_->submit(has_report);
    remarks_.tell_omitted(delivery_->omitted_values());
  }

  void release_batch() noexcept {
    queue_.release(batch_.taken());
    batch_.clear();
    oldest_ = now_;
  }

  // ---- what became of them ----

  void hear_from_delivery() noexcept {
    if (delivery_ == nullptr || delivery_->is_idle()) return;
    guarded([this] {
      Verdict verdict;
      const auto wall = static_cast<std::int64_t>(settings_.sample_clocks().unix_nanoseconds);
      if (delivery_->step(now_, wall / 1000000000, ids_, verdict)) {
        settle(verdict);
      } else {
        books_.set_in_flight(delivery_->spans_in_flight());
      }
    });
  }

  void settle(const Verdict& verdict) {
    books_.settle(verdict, delivery_->spans_in_flight());
    if (verdict.settles_report) is_reporting_ = false;
    if (verdict.settles_report && verdict.report_has_arrived) report_.arrived();
    tell(verdict, *diagnostics_);
  }

  DropCounts lost() const noexcept { return sources_.ledger.dropped(sources_.threads); }

  // Without memory for what is in hand it is lost, and counted; what waits in the queue and in the
  // rings is not.
  template <class Work>
  void guarded(Work&& work) noexcept {
    if (completes(work)) return;
    lose(DropReason::MemoryLimit, books_.open() - (queue_.size() - batch_.taken()));
    release_batch();
  }

  // Gives up `count` spans: what is being encoded and sent, and the rest for that reason.
  void lose(DropReason reason, std::uint64_t count) noexcept {
    const std::uint64_t unconfirmed = delivery_ != nullptr ? delivery_->give_up() : 0;
    is_encoding_ = is_reporting_ = false;
    books_.lose_in_flight(unconfirmed);
    books_.drop(reason, count - unconfirmed);
  }

  std::uint64_t discard_rings() noexcept {
    const std::uint64_t count = collector_.discard();
    books_.discard(count);
    return count;
  }

  PipelineSources sources_;
  PipelineSettings settings_;
  std::shared_ptr<Diagnostics> diagnostics_;
  Delivery* const delivery_;  // of the settings; null without a server
  ExporterCalls exporters_;
  Books books_;
  WallClock clock_;
  RecordReader reader_;
  Collector collector_;
  RecordQueue queue_;
  SpanBatch batch_;
  SpanEditor::Memory editor_memory_;
  LossReport report_;
  IdGenerator ids_;
  FlushLine flushes_;
  SpanRemarks remarks_;

  std::size_t encoded_ = 0;    // spans of the batch
  bool is_encoding_ = false;   // the next body has begun
  bool is_reporting_ = false;  // a loss report is on its way
  std::uint64_t last_flush_ = 0;
  TimePoint now_{};
  TimePoint oldest_{};  // about when the queue's first span came
  TimePoint stop_deadline_ = (TimePoint::max)();
  TimePoint next_clock_sample_{};
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_PIPELINE_HPP
