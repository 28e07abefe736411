// What became of some spans, on its way from whoever sent them to the books.
#ifndef WAGGLE_PIPELINE_VERDICT_HPP
#define WAGGLE_PIPELINE_VERDICT_HPP

#include <cstdint>
#include <string>

#include "waggle/sdk/stats.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

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

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_VERDICT_HPP
