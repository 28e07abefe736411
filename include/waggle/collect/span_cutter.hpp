// Makes a span small enough to be sent, for one that no request could carry as it is: gives up what
// is most likely the bulk first, and says so in the span.
#ifndef WAGGLE_COLLECT_SPAN_CUTTER_HPP
#define WAGGLE_COLLECT_SPAN_CUTTER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "waggle/collect/text_arena.hpp"
#include "waggle/collect/value_limit.hpp"
#include "waggle/sdk/finished_span.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Cuts a copy of a span, each time smaller than the time before.
class SpanCutter {
 public:
  explicit SpanCutter(const FinishedSpan& span)
      : span_(span), attributes_(span.attributes.begin(), span.attributes.end()) {
    mark_as_cut();
  }

  // Cuts some more off; false if nothing is left to give up.
  bool cut() {
    if (!span_.events.empty() || !span_.links.empty()) {
      give_up_lists();
    } else if (value_length_ > kShortestValue) {
      value_length_ /= 4;
      shorten_texts();
    } else if (attributes_.size() > 1) {
      give_up_attributes();
    } else {
      return false;
    }
    span_.attributes = {attributes_.data(), attributes_.size()};
    return true;
  }

  const FinishedSpan& span() const noexcept { return span_; }

 private:
  static constexpr std::uint32_t kShortestValue = 64;

  // Written as the first attribute, which is never given up.
  void mark_as_cut() {
    static constexpr std::uint64_t kTrue = 1;
    const std::string_view word(reinterpret_cast<const char*>(&kTrue), sizeof(kTrue));
    attributes_.insert(attributes_.begin(),
                       AttributeView{"waggle.cut_to_fit", {ValueTag::Boolean, word}});
    span_.attributes = {attributes_.data(), attributes_.size()};
  }

  void give_up_lists() noexcept {
    span_.dropped_events += static_cast<std::uint32_t>(span_.events.size());
    span_.dropped_links += static_cast<std::uint32_t>(span_.links.size());
    span_.events = {};
    span_.links = {};
  }

  void shorten_texts() {
    span_.name = leading_characters(span_.name, value_length_);
    span_.status_message = leading_characters(span_.status_message, value_length_);
    EffectiveLimits limits;
    limits.value_length = value_length_;
    const ValueLimit shortest(limits, texts_);
    for (AttributeView& attribute : attributes_) {
      attribute.value = shortest.limited(attribute.value);
    }
  }

  // The later half: what was set first is most often what the span is about.
  void give_up_attributes() {
    const std::size_t kept = (attributes_.size() + 1) / 2;
    span_.dropped_attributes += static_cast<std::uint32_t>(attributes_.size() - kept);
    attributes_.resize(kept);
  }

  FinishedSpan span_;
  std::vector<AttributeView> attributes_;
  TextArena texts_;
  std::uint32_t value_length_ = 4096;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SPAN_CUTTER_HPP
