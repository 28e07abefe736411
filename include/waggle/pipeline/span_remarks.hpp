// What waggle says about the spans it sends, once each: that a limit discarded something, and that
// an attribute overwrites one of Honeycomb's own fields. The spans go as they are.
#ifndef WAGGLE_PIPELINE_SPAN_REMARKS_HPP
#define WAGGLE_PIPELINE_SPAN_REMARKS_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "waggle/collect/field_names.hpp"
#include "waggle/core/config.hpp"
#include "waggle/sdk/completes.hpp"
#include "waggle/sdk/diagnostics.hpp"
#include "waggle/sdk/finished_span.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Looks at each span before it leaves, on the collector's thread.
class SpanRemarks {
 public:
  SpanRemarks(Diagnostics& diagnostics, bool is_for_honeycomb) noexcept
      : diagnostics_(diagnostics), is_for_honeycomb_(is_for_honeycomb) {}

  // Without memory it says nothing.
  void look_at(ListView<FinishedSpan> spans) noexcept {
    completes([&] {
      for (const FinishedSpan& span : spans) {
        tell_limits(span);
        if (is_for_honeycomb_) tell_fields(span);
      }
    });
  }

  void tell_omitted(std::uint64_t values) {
    if (values == 0) return;
    diagnostics_.once("omitted",
                      "attribute values that are no finite numbers are left out: Honeycomb might "
                      "read them as 0");
  }

 private:
  // There are some twenty fields, but any number of names below meta.
  static constexpr std::size_t kMostNames = 100;

  // OpenTelemetry allows one message a span; one a program is enough to go and look at the counts.
  void tell_limits(const FinishedSpan& span) {
    std::size_t attributes = span.dropped_attributes;
    for (const EventView& event : span.events) attributes += event.dropped_attributes;
    for (const LinkView& link : span.links) attributes += link.dropped_attributes;
    if (attributes != 0) tell_limit("attributes", span);
    if (span.dropped_events != 0) tell_limit("events", span);
    if (span.dropped_links != 0) tell_limit("links", span);
  }

  WAGGLE_COLD void tell_limit(const char* what, const FinishedSpan& span) {
    constexpr const char* kWhy =
        "\" were discarded, for a limit or an empty key; the span counts them, and "
        "this is said once";
    if (!remember(told_, what)) return;
    diagnostics_.always(joined({"some ", what, " of span \"", span.name, kWhy}));
  }

  void tell_fields(const FinishedSpan& span) {
    for (const AttributeView& attribute : span.attributes) {
      if (is_honeycomb_field(attribute.key)) tell_field(attribute.key);
    }
  }

  WAGGLE_COLD void tell_field(std::string_view key) {
    constexpr const char* kWhat =
        "\" overwrites a field that Honeycomb makes itself; it is sent all the "
        "same, and this is said once";
    if (told_.size() >= kMostNames || !remember(told_, key)) return;
    diagnostics_.always(joined({"the attribute \"", key, kWhat}));
  }

  Diagnostics& diagnostics_;
  const bool is_for_honeycomb_;
  std::vector<std::string> told_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_SPAN_REMARKS_HPP
