// What became of some spans, on its way from whoever sent them to the books.
#ifndef WAGGLE_PIPELINE_VERDICT_HPP
#define WAGGLE_PIPELINE_VERDICT_HPP

#include <cstdint>
#include <string>

#include "waggle/sdk/completes.hpp"
#include "waggle/sdk/diagnostics.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/stats.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Writes "1 span", "2 spans".
inline std::string count_of_spans(std::uint64_t count) {
  return joined({std::to_string(count), count == 1 ? " span" : " spans"});
}

struct Verdict {
  std::uint64_t delivered = 0;
  std::uint64_t rejected = 0;
  std::uint64_t dropped = 0;
  DropReason reason = DropReason::RejectedStatus;  // of the dropped ones
  bool settles_report = false;                     // the loss report was among them
  bool report_has_arrived = false;
  std::string message;  // for a person; empty if all went well

  std::uint64_t spans() const noexcept { return delivered + rejected + dropped; }
};

// Returns what tells a verdict's trouble from others, of which each is told once.
inline std::string kind_of(const Verdict& verdict) {
  if (verdict.dropped != 0) return joined({"send ", to_string(verdict.reason)});
  if (verdict.rejected != 0) return "rejected";
  return verdict.spans() == 0 ? "retry" : "warning";
}

// Says for a person what happened.
inline std::string text_of(const Verdict& verdict) {
  if (verdict.dropped == 0) return verdict.message;
  return joined({"lost ", count_of_spans(verdict.dropped), ": ", verdict.message});
}

// Tells it, once a kind. Without memory for that it stays untold.
inline void tell(const Verdict& verdict, Diagnostics& diagnostics) noexcept {
  if (verdict.message.empty()) return;
  completes([&] { diagnostics.once(kind_of(verdict), text_of(verdict)); });
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_VERDICT_HPP
