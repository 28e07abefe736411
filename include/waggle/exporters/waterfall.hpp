// Draws traces as text: one line a span, indented below its parent, with a bar that shows when it
// ran; what else is known stands at the line's end if it fits there, or below. Pure: spans in, text
// out. Time grows hardly faster than the number of spans, however deep they are nested.
#ifndef WAGGLE_EXPORTERS_WATERFALL_HPP
#define WAGGLE_EXPORTERS_WATERFALL_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/core/config.hpp"
#include "waggle/exporters/span_notes.hpp"
#include "waggle/exporters/terminal_text.hpp"
#include "waggle/sdk/finished_span.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Says how to draw. A width below 60 columns is too little for the bars; the lines get longer then.
struct WaterfallStyle {
  bool has_colour = false;
  std::size_t width = 100;
};

using SpanList = std::vector<const FinishedSpan*>;

// Where something stands that has an id. One type for traces and spans: compiling a map takes long.
using IndexById = std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t>;

// Groups spans by trace, in the order in which the traces' first spans stand.
WAGGLE_COLD std::vector<SpanList> by_trace(ListView<FinishedSpan> spans) {
  std::vector<SpanList> traces;
  IndexById known;
  for (const FinishedSpan& span : spans) {
    const TraceId id = span.trace_id;
    const auto [place, is_new] = known.insert({{id.high, id.low}, traces.size()});
    if (is_new) traces.emplace_back();
    traces[place->second].push_back(&span);
  }
  return traces;
}

// Draws one trace, of one span at least. Spans whose parent is not among them stand at the top.
class Waterfall {
 public:
  Waterfall(SpanList spans, std::string_view service, WaterfallStyle style)
      : spans_(std::move(spans)),
        service_(service),
        style_(style),
        bar_width_(style.width / 4),
        name_width_((std::min)(style.width * 2 / 5, kWidestName)),
        deepest_(name_width_ > kShortestName ? (name_width_ - kShortestName) / kStep : 1) {
    // Spans that start together keep their order: in a batch they stand one behind the other.
    std::sort(spans_.begin(), spans_.end(), [](const auto* a, const auto* b) {
      return std::pair(a->start_unix_nanoseconds, a) < std::pair(b->start_unix_nanoseconds, b);
    });
    begin_ = spans_.front()->start_unix_nanoseconds;
    for (const FinishedSpan* span : spans_) end_ = (std::max)(end_, span->end_unix_nanoseconds);
    link();
  }

  WAGGLE_COLD std::string draw() {
    head();
    for (std::size_t top : tops_) tree(top);
    // Parents in a circle, which only broken input has, lead up to no top.
    for (std::size_t index = 0; index < spans_.size(); ++index) {
      if (is_drawn_[index] == 0) tree(index);
    }
    return std::move(text_);
  }

 private:
  static constexpr std::size_t kWidestName = 48;    // columns for stem and name
  static constexpr std::size_t kShortestName = 14;  // columns that the stem leaves to the name
  static constexpr std::size_t kStep = 3;           // columns a level
  static constexpr std::size_t kKindWidth = 9;
  static constexpr std::size_t kDurationWidth = 8;
  static constexpr std::size_t kGap = 2;  // columns between notes

  struct Place {
    std::size_t index;
    std::size_t depth;
    bool has_more;  // siblings follow
  };

  // ---- the tree ----

  WAGGLE_COLD void link() {
    IndexById index_of;
    for (std::size_t i = 0; i < spans_.size(); ++i) {
      index_of.insert({{0, spans_[i]->span_id.value}, i});
    }
    children_.resize(spans_.size());
    is_drawn_.resize(spans_.size());
    for (std::size_t i = 0; i < spans_.size(); ++i) {
      const auto parent = index_of.find({0, spans_[i]->parent_id.value});
      (parent != index_of.end() ? children_[parent->second] : tops_).push_back(i);
    }
  }

  WAGGLE_COLD void tree(std::size_t top) {
    std::vector<Place> waiting{{top, 0, false}};
    while (!waiting.empty()) {
      const Place place = waiting.back();
      waiting.pop_back();
      is_drawn_[place.index] = 1;
      has_more_.resize(place.depth);
      has_more_.push_back(place.has_more ? 1 : 0);
      const std::size_t first = waiting.size();
      for (std::size_t child : children_[place.index]) {
        if (is_drawn_[child] == 0) waiting.push_back({child, place.depth + 1, true});
      }
      const bool has_children = waiting.size() != first;
      if (has_children) waiting.back().has_more = false;
      std::reverse(waiting.begin() + static_cast<std::ptrdiff_t>(first), waiting.end());
      line(*spans_[place.index], place.depth, has_children);
    }
  }

  // ---- what stands left of the names ----

  // Continues the lines of all levels to `depth` that have more to come.
  WAGGLE_COLD std::string margin(std::size_t depth) const {
    std::string text = "  ";
    for (std::size_t level = 1; level <= depth; ++level) {
      text += has_more_[level] != 0 ? "│  " : "   ";
    }
    return text;
  }

  // Levels too deep to be indented stand below each other and say how deep they are.
  WAGGLE_COLD std::string stem(std::size_t depth) const {
    if (depth == 0) return margin(0);
    if (depth > deepest_) return joined({margin(deepest_ - 1), "┊", std::to_string(depth), " "});
    return joined({margin(depth - 1), has_more_[depth] != 0 ? "├─ " : "└─ "});
  }

  WAGGLE_COLD std::string note_stem(std::size_t depth, bool has_children) const {
    if (depth > deepest_) return joined({margin(deepest_ - 1), "┊    "});
    return joined({margin(depth), has_children ? "│ " : "  "});
  }

  // ---- lines ----

  WAGGLE_COLD void head() {
    const std::string sums =
        joined({"  ", duration_text(end_ - begin_), "  ", std::to_string(spans_.size()),
                spans_.size() == 1 ? " span\n" : " spans\n"});
    paint(kBold, joined({"trace ", spans_.front()->trace_id.hex()}));
    const std::size_t used = 39 + columns(sums);  // "trace ", the id, a gap, no line break
    const std::size_t room = style_.width > used ? style_.width - used : 1;
    if (!service_.empty()) text_ += joined({"  ", terminal_text(service_, room)});
    text_ += sums;
  }

  WAGGLE_COLD void line(const FinishedSpan& span, std::size_t depth, bool has_children) {
    const std::string before = stem(depth);
    const std::size_t name_end = name_width_ + 1;  // a blank before the next column is sure
    const std::size_t room = name_end - (std::min)(columns(before), name_end - 1);
    text_ += padded_right(joined({before, terminal_text(span.name, room)}), name_width_ + 2);
    paint(kDim, padded_right(kind_text(span.kind), kKindWidth));
    paint(span.status == StatusCode::Error ? kRed : kCyan, bar(span));
    const std::uint64_t lasted = span.end_unix_nanoseconds - span.start_unix_nanoseconds;
    text_ += padded_left(duration_text(lasted), kDurationWidth);
    notes(span_notes(span), note_stem(depth, has_children));
    text_ += '\n';
  }

  // Returns where a point in time lies in the bar, in columns and parts of them.
  double column(std::uint64_t time) const noexcept {
    const auto whole = static_cast<double>((std::max)(end_ - begin_, std::uint64_t{1}));
    return static_cast<double>(time - begin_) / whole * static_cast<double>(bar_width_);
  }

  // Every span fills one column at least; one that ends where another begins shares none with it.
  WAGGLE_COLD std::string bar(const FinishedSpan& span) const {
    const auto begin = static_cast<std::size_t>(column(span.start_unix_nanoseconds));
    const auto end = static_cast<std::size_t>(std::ceil(column(span.end_unix_nanoseconds)));
    const std::size_t first = (std::min)(begin, bar_width_ - 1);
    const std::size_t past = (std::max)(first + 1, (std::min)(end, bar_width_));
    std::string drawn = "▏";
    drawn.append(first, ' ');
    for (std::size_t i = first; i < past; ++i) drawn += "█";
    drawn.append(bar_width_ - past, ' ').append("▕");
    return drawn;
  }

  // ---- notes ----

  static std::size_t width_of(const SpanNote& note) noexcept {
    return columns(note.label) + columns(note.text);
  }

  // Writes all notes behind the duration if they fit there, else all below.
  WAGGLE_COLD void notes(const std::vector<SpanNote>& all, const std::string& before) {
    std::size_t used = name_width_ + 2 + kKindWidth + bar_width_ + 2 + kDurationWidth;
    std::size_t wanted = used;
    for (const SpanNote& note : all) wanted += kGap + width_of(note);
    if (wanted > style_.width) used = style_.width;
    for (const SpanNote& note : all) {
      if (used + kGap + width_of(note) > style_.width) {
        text_ += joined({"\n", before});
        used = columns(before);
      } else {
        text_.append(kGap, ' ');
        used += kGap;
      }
      write(note, style_.width - (std::min)(style_.width, used));
      used += width_of(note);
    }
  }

  WAGGLE_COLD void write(const SpanNote& note, std::size_t room) {
    if (!note.label.empty()) paint(kDim, note.label);
    const std::size_t label = columns(note.label);
    const std::size_t left = room > label ? room - label : 1;
    paint(note.is_error ? kRed : kPlain, terminal_text(note.text, left));
  }

  WAGGLE_COLD void paint(std::string_view colour, std::string_view text) {
    const bool is_plain = !style_.has_colour || colour == kPlain;
    text_ += is_plain ? text : joined({colour, text, "\033[0m"});
  }

  static constexpr std::string_view kPlain = "";
  static constexpr std::string_view kBold = "\033[1m";
  static constexpr std::string_view kDim = "\033[2m";
  static constexpr std::string_view kRed = "\033[31m";
  static constexpr std::string_view kCyan = "\033[36m";

  SpanList spans_;
  const std::string_view service_;
  const WaterfallStyle style_;
  const std::size_t bar_width_;
  const std::size_t name_width_;
  const std::size_t deepest_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::vector<std::size_t> tops_;
  std::vector<std::vector<std::size_t>> children_;
  std::vector<char> is_drawn_;  // not bool, for which a vector is another class to compile
  std::vector<char> has_more_;  // by level, on the way from the top to the span being drawn
  std::string text_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_WATERFALL_HPP
