// Draws traces as text: one line a span, indented below its parent, with a bar that shows when it
// ran. Pure: spans in, text out.
#ifndef WAGGLE_EXPORTERS_WATERFALL_HPP
#define WAGGLE_EXPORTERS_WATERFALL_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "waggle/exporters/terminal_text.hpp"
#include "waggle/sdk/finished_span.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

struct WaterfallStyle {
  bool has_colour = false;
  std::size_t width = 100;
};

using SpanList = std::vector<const FinishedSpan*>;

// Groups spans by trace, in the order in which the traces' first spans stand.
inline std::vector<SpanList> by_trace(ListView<FinishedSpan> spans) {
  std::vector<SpanList> traces;
  std::unordered_map<std::uint64_t, std::size_t> known;
  for (const FinishedSpan& span : spans) {
    const auto [place, is_new] =
        known.emplace(span.trace_id.low ^ span.trace_id.high * 31, traces.size());
    if (is_new) traces.emplace_back();
    traces[place->second].push_back(&span);
  }
  return traces;
}

// Draws one trace. Spans whose parent is not among them stand at the top.
class Waterfall {
 public:
  Waterfall(SpanList spans, std::string_view service, WaterfallStyle style)
      : spans_(std::move(spans)), service_(service), style_(style) {
    std::stable_sort(spans_.begin(), spans_.end(), [](const auto* a, const auto* b) {
      return a->start_unix_nanoseconds < b->start_unix_nanoseconds;
    });
    begin_ = spans_.front()->start_unix_nanoseconds;
    for (const FinishedSpan* span : spans_) end_ = (std::max)(end_, span->end_unix_nanoseconds);
    link();
  }

  std::string draw() {
    head();
    for (std::size_t index : tops_) line(index, "", "");
    return std::move(text_);
  }

 private:
  static constexpr std::size_t kDeepest = 200;

  void link() {
    std::unordered_map<std::uint64_t, std::size_t> index_of;
    for (std::size_t i = 0; i < spans_.size(); ++i) index_of[spans_[i]->span_id.value] = i;
    children_.resize(spans_.size());
    for (std::size_t i = 0; i < spans_.size(); ++i) {
      const auto parent = index_of.find(spans_[i]->parent_id.value);
      const bool has_parent = parent != index_of.end() && parent->second < i;
      (has_parent ? children_[parent->second] : tops_).push_back(i);
    }
  }

  void head() {
    paint(kBold, "trace " + std::string(spans_.front()->trace_id.hex().view()));
    text_ += "  " + terminal_text(service_, 40) + "  " + duration_text(end_ - begin_) + "  " +
             std::to_string(spans_.size()) + (spans_.size() == 1 ? " span\n" : " spans\n");
  }

  // `stem` stands before the line itself, `margin` before the lines below it.
  void line(std::size_t index, const std::string& stem, const std::string& margin) {
    const FinishedSpan& span = *spans_[index];
    const std::size_t name_width = style_.width * 2 / 5;
    const std::size_t room = name_width > columns(stem) + 8 ? name_width - columns(stem) : 8;
    text_ += padded_right("  " + stem + terminal_text(span.name, room - 1), name_width + 2);
    paint(kDim, padded_right(std::string(kind_text(span.kind)), 9));
    paint(span.status == StatusCode::Error ? kRed : kCyan, bar(span));
    std::string duration = duration_text(span.end_unix_nanoseconds - span.start_unix_nanoseconds);
    text_.append(8 - (std::min)(columns(duration), std::size_t{8}), ' ') += duration;
    details(span);
    text_ += '\n';
    const std::vector<std::size_t>& below = children_[index];
    for (std::size_t i = 0; i < below.size(); ++i) {
      const bool is_last = i + 1 == below.size();
      const bool is_too_deep = columns(margin) > kDeepest;
      line(below[i], margin + (is_last ? "└─ " : "├─ "),
           is_too_deep ? margin : margin + (is_last ? "   " : "│  "));
    }
  }

  static std::string_view kind_text(SpanKind kind) noexcept {
    switch (kind) {
      case SpanKind::Server:
        return "server";
      case SpanKind::Client:
        return "client";
      case SpanKind::Producer:
        return "producer";
      case SpanKind::Consumer:
        return "consumer";
      default:
        return "";
    }
  }

  std::string bar(const FinishedSpan& span) const {
    const std::size_t width = style_.width / 5;
    const double whole = end_ > begin_ ? static_cast<double>(end_ - begin_) : 1.0;
    const auto place = [&](std::uint64_t time) {
      const double share = static_cast<double>(time - begin_) / whole;
      return (std::min)(static_cast<std::size_t>(share * static_cast<double>(width)), width - 1);
    };
    const std::size_t first = place(span.start_unix_nanoseconds);
    const std::size_t last = (std::max)(first, place(span.end_unix_nanoseconds));
    std::string drawn = "▏" + std::string(first, ' ');
    for (std::size_t i = first; i <= last; ++i) drawn += "█";
    return drawn.append(width - 1 - last, ' ') + "▕";
  }

  void details(const FinishedSpan& span) {
    if (span.status == StatusCode::Error) {
      paint(kRed, "  error " + terminal_text(span.status_message, 60));
    }
    for (std::size_t i = 0; i < (std::min)(span.attributes.size(), kShownAttributes); ++i) {
      text_ += "  ";
      paint(kDim, terminal_text(span.attributes[i].key, 40) + "=");
      text_ += value_text(span.attributes[i].value);
    }
    if (span.attributes.size() > kShownAttributes) {
      text_ += "  +" + std::to_string(span.attributes.size() - kShownAttributes);
    }
    for (const EventView& event : span.events) {
      text_ += "  ◆" + terminal_text(event.name, 30);
      for (const AttributeView& attribute : event.attributes) {
        if (attribute.key == "exception.type" || attribute.key == "exception.message") {
          text_ += " " + value_text(attribute.value);
        }
      }
    }
  }

  static std::string value_text(const ValueView& value) {
    char number[32];
    switch (value.tag()) {
      case ValueTag::Boolean:
        return value.boolean() ? "true" : "false";
      case ValueTag::Int64:
        return std::to_string(value.int64());
      case ValueTag::Unsigned:
        return std::to_string(value.word());
      case ValueTag::Double:
        std::snprintf(number, sizeof(number), "%g", value.float64());
        return number;
      case ValueTag::Text:
      case ValueTag::MangledType:
        return terminal_text(value.text(), 48);
      case ValueTag::Array:
      case ValueTag::Map:
        return list_text(value);
      default:
        return std::to_string(value.text().size()) + " bytes";
    }
  }

  static std::string list_text(const ValueView& list) {
    std::string text = "[";
    std::size_t shown = 0;
    for (const AttributeView& element : list.elements()) {
      if (shown++ != 0) text += ", ";
      if (shown > kShownAttributes) return text + "…]";
      if (!element.key.empty()) text += terminal_text(element.key, 24) + "=";
      text += value_text(element.value);
    }
    return text + "]";
  }

  void paint(std::string_view colour, const std::string& text) {
    if (!style_.has_colour) {
      text_ += text;
    } else {
      text_.append(colour).append(text).append("\033[0m");
    }
  }

  static constexpr std::size_t kShownAttributes = 6;
  static constexpr std::string_view kBold = "\033[1m";
  static constexpr std::string_view kDim = "\033[2m";
  static constexpr std::string_view kRed = "\033[31m";
  static constexpr std::string_view kCyan = "\033[36m";

  SpanList spans_;
  std::string_view service_;
  WaterfallStyle style_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::vector<std::size_t> tops_;
  std::vector<std::vector<std::size_t>> children_;
  std::string text_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_WATERFALL_HPP
