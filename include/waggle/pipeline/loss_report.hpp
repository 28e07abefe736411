// Tells the destination itself what was lost on the way to it: a span of waggle's own scope with
// the counts since the last report that arrived, sent along with the next batch.
#ifndef WAGGLE_PIPELINE_LOSS_REPORT_HPP
#define WAGGLE_PIPELINE_LOSS_REPORT_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/core/random.hpp"
#include "waggle/core/version.hpp"
#include "waggle/pipeline/ledger.hpp"
#include "waggle/sdk/finished_span.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/stats.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Writes one report at a time; it stands for the same losses until it has arrived.
class LossReport {
 public:
  WAGGLE_COLD LossReport() {
    for (std::size_t index = 0; index < kDropReasonCount; ++index) {
      keys_[index] = joined({"waggle.lost_spans.", to_string(static_cast<DropReason>(index))});
    }
  }

  // Starts the period of the first report; what was lost before is not told.
  void begin(const DropCounts& lost, std::uint64_t unix_nanoseconds) noexcept {
    told_ = lost;
    told_at_ = unix_nanoseconds;
  }

  // Makes the span that tells about `lost`, counts in all; false if there is nothing new to tell.
  // What filters drop is no loss.
  bool write(const DropCounts& lost, std::uint64_t unix_nanoseconds, IdGenerator& ids) noexcept {
    count_ = 0;
    for (std::size_t index = 0; index < kDropReasonCount; ++index) {
      if (index == static_cast<std::size_t>(DropReason::Filtered)) continue;
      if (lost[index] == told_[index]) continue;
      words_[count_] = lost[index] - told_[index];
      const char* word = reinterpret_cast<const char*>(&words_[count_]);
      attributes_[count_] = {keys_[index], {ValueTag::Int64, {word, sizeof(std::uint64_t)}}};
      ++count_;
    }
    if (count_ == 0) return false;
    pending_ = lost;
    pending_at_ = unix_nanoseconds;
    make_span(ids);
    return true;
  }

  const FinishedSpan& span() const noexcept { return span_; }

  // The report has arrived: the next one tells what was lost since.
  void arrived() noexcept { begin(pending_, pending_at_); }

 private:
  void make_span(IdGenerator& ids) noexcept {
    span_ = {};
    span_.trace_id = ids.trace_id();
    span_.span_id = ids.span_id();
    span_.trace_flags = kTraceFlagSampled;
    span_.name = "spans lost";
    span_.start_unix_nanoseconds = told_at_;
    span_.end_unix_nanoseconds = pending_at_ < told_at_ ? told_at_ : pending_at_;
    span_.scope = {"waggle", WAGGLE_VERSION, {}};
    span_.attributes = {attributes_.data(), count_};
  }

  std::array<std::string, kDropReasonCount> keys_;
  std::array<std::uint64_t, kDropReasonCount> words_{};
  std::array<AttributeView, kDropReasonCount> attributes_;
  std::size_t count_ = 0;
  DropCounts told_{};
  DropCounts pending_{};
  std::uint64_t told_at_ = 0;
  std::uint64_t pending_at_ = 0;
  FinishedSpan span_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_LOSS_REPORT_HPP
