// From the threads' rings to the destinations, one step at a time and without a clock or a thread
// of its own: collects records, cuts batches, hands them out, keeps the books. Driven by a worker
// thread, or by the host's own loop.
#ifndef WAGGLE_PIPELINE_PIPELINE_HPP
#define WAGGLE_PIPELINE_PIPELINE_HPP

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/collect/scope_table.hpp"
#include "waggle/collect/span_batch.hpp"
#include "waggle/collect/spill_pool.hpp"
#include "waggle/collect/thread_registry.hpp"
#include "waggle/collect/wall_clock.hpp"
#include "waggle/pipeline/ledger.hpp"
#include "waggle/pipeline/otlp_sender.hpp"
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
  Milliseconds batch_delay{1000};
  Milliseconds export_timeout{10000};
  std::size_t batch_spans = 4096;
  std::size_t batch_bytes = 4 * 1024 * 1024;
  std::vector<std::unique_ptr<Exporter>> exporters;
  std::unique_ptr<OtlpSender> sender;
};

class Pipeline {
 public:
  Pipeline(PipelineSources sources, PipelineSettings settings,
           std::shared_ptr<Diagnostics> diagnostics, WallClock clock)
      : sources_(sources),
        settings_(std::move(settings)),
        diagnostics_(std::move(diagnostics)),
        clock_(clock),
        reader_(clock_, sources.scopes, settings_.limits) {}

  // Does what can be done now without waiting. Returns how many spans it collected.
  std::size_t step(TimePoint now, bool is_flushing) {
    if (is_sending()) hear_from_sender();
    const std::size_t collected = collect(now);
    if (!batch_.empty() && !is_sending() && (is_flushing || is_due(now))) send(now);
    return collected;
  }

  // Tells whether nothing is waiting and nothing is on its way.
  bool is_idle() const noexcept { return batch_.empty() && !is_sending(); }
  bool is_sending() const noexcept {
    return settings_.sender != nullptr && settings_.sender->is_busy();
  }

  // Counts the spans that were collected, and those of them that have met their fate: in the same
  // order, so that a flush is over when the second number has reached what the first one was.
  std::uint64_t collected() const noexcept { return collected_; }
  std::uint64_t settled() const noexcept { return settled_; }

  // Tells whether the last step found all that was in the rings.
  bool has_collected_all() const noexcept { return has_room(); }

  // Returns when the batch is due, if there is one.
  TimePoint due_time() const noexcept {
    return batch_.empty() ? (TimePoint::max)() : first_collected_ + settings_.batch_delay;
  }

  // Sleeps until something can be done about the request in flight, or the descriptor is readable.
  void wait_for_sender(int wake_descriptor, Milliseconds longest) noexcept {
    settings_.sender->wait(wake_descriptor, longest);
  }

  // Counts as lost all that is still here; true if there was nothing. Called when shutdown is over.
  bool give_up_the_rest() {
    std::uint64_t waiting = batch_.size();
    const bool was_sending = is_sending();
    if (was_sending) settle(settings_.sender->give_up());
    batch_.clear();
    const std::uint64_t queued = waiting;
    sources_.threads.for_each([&](ThreadState& thread) {
      waiting += sources_.threads.drain(thread, [](std::string_view) { return true; });
    });
    sources_.ledger.update([&](Ledger::Terms& terms) {
      terms.queued -= queued;
      terms.drained += waiting - queued;
      drop(terms, DropReason::ShutdownDeadline, waiting);
    });
    return waiting == 0 && !was_sending;
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
    return true;
  }

  // Tells the thread that it was left behind: it must touch nothing any more.
  bool is_left_behind() const noexcept { return load_acquire(custody_) == kLeftBehind; }

 private:
  static void drop(Ledger::Terms& terms, DropReason reason, std::uint64_t count) noexcept {
    terms.dropped[static_cast<std::size_t>(reason)] += count;
  }

  bool is_due(TimePoint now) const noexcept {
    return now >= due_time() || batch_.size() >= settings_.batch_spans ||
           batch_.bytes() >= settings_.batch_bytes / 2;
  }

  // While a full batch cannot be sent nothing more is collected: what is lost then is lost in the
  // ring of the thread that makes too much.
  bool has_room() const noexcept {
    return batch_.size() < settings_.batch_spans && batch_.bytes() < settings_.batch_bytes;
  }

  std::size_t collect(TimePoint now) {
    keep_time(now);
    sources_.spill.top_up();
    const std::size_t before = batch_.size();
    std::uint64_t filtered = 0;
    sources_.threads.for_each([&](ThreadState& thread) {
      sources_.threads.drain(thread, [&](std::string_view record) {
        if (!has_room()) return false;
        if (is_record_only(record)) {
          ++filtered;
        } else {
          batch_.append(record);
        }
        return true;
      });
    });
    const std::size_t collected = batch_.size() - before;
    if (collected + filtered == 0) return 0;
    if (before == 0) first_collected_ = now;
    sources_.ledger.update([&](Ledger::Terms& terms) {
      terms.drained += collected + filtered;
      terms.queued += collected;
      drop(terms, DropReason::Filtered, filtered);
    });
    collected_ += collected;
    return collected + filtered;
  }

  static bool is_record_only(std::string_view record) noexcept {
    return (record[offsetof(RecordHeader, marks)] & kRecordOnly) != 0;
  }

  // A sample a second follows the system's clock closely enough.
  void keep_time(TimePoint now) noexcept {
    if (now < next_clock_sample_) return;
    next_clock_sample_ = now + std::chrono::seconds(1);
    clock_.update(sample_clocks());
  }

  void send(TimePoint now) {
    const Batch batch{settings_.resource, batch_.finish(reader_)};
    const std::uint64_t count = batch_.size();
    sources_.ledger.update([&](Ledger::Terms& terms) {
      terms.queued -= count;
      terms.in_flight += count;
    });
    const Verdict verdict = export_blocking(batch, Deadline(now + settings_.export_timeout));
    if (is_left_behind()) return;
    if (settings_.sender != nullptr) {
      settings_.sender->begin(batch);
      tell_omitted_values();
    } else {
      settle(verdict);
    }
    batch_.clear();
  }

  void tell_omitted_values() {
    if (settings_.sender->omitted_values() == 0) return;
    diagnostics_->once("omitted",
                       "attribute values that are no finite numbers are left out: Honeycomb might "
                       "read them as 0");
  }

  // With a sender beside them, the exporters' failures are told but the sender's answer counts.
  Verdict export_blocking(const Batch& batch, Deadline deadline) {
    Verdict verdict;
    verdict.delivered = batch.spans.size();
    for (const std::unique_ptr<Exporter>& exporter : settings_.exporters) {
      store_release(custody_, std::uint32_t{kInExporter});
      const ExportResult result = exporter->export_batch(batch, deadline);
      std::uint32_t expected = kInExporter;
      if (!compare_exchange(custody_, expected, std::uint32_t{kOurs})) return verdict;
      if (result.delivered) continue;
      diagnostics_->once("exporter", "an exporter failed: " + result.reason);
      verdict.delivered = 0;
      verdict.dropped = batch.spans.size();
      verdict.reason = DropReason::ExporterFailed;
    }
    return verdict;
  }

  void hear_from_sender() {
    Verdict verdict;
    if (settings_.sender->poll(verdict)) settle(verdict);
  }

  void settle(const Verdict& verdict) {
    settled_ += verdict.delivered + verdict.rejected + verdict.dropped;
    sources_.ledger.update([&](Ledger::Terms& terms) {
      terms.in_flight -= verdict.delivered + verdict.rejected + verdict.dropped;
      terms.delivered += verdict.delivered;
      terms.rejected += verdict.rejected;
      drop(terms, verdict.reason, verdict.dropped);
    });
    if (!verdict.message.empty()) {
      const std::string kind = "send " + std::string(to_string(verdict.reason));
      diagnostics_->once(kind, verdict.dropped == 0 ? verdict.message
                                                    : "lost " + std::to_string(verdict.dropped) +
                                                          " spans: " + verdict.message);
    }
  }

  PipelineSources sources_;
  PipelineSettings settings_;
  std::shared_ptr<Diagnostics> diagnostics_;
  WallClock clock_;
  RecordReader reader_;
  SpanBatch batch_;
  std::uint64_t collected_ = 0;
  std::uint64_t settled_ = 0;
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
