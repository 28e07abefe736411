// Reads records into finished spans: times in wall-clock time, keys unique, limits applied, names
// that only the collector can resolve. Views point into the record, or into the reader's own lists
// and texts.
#ifndef WAGGLE_COLLECT_RECORD_READER_HPP
#define WAGGLE_COLLECT_RECORD_READER_HPP

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/api/trace_state.hpp"
#include "waggle/collect/attribute_rules.hpp"
#include "waggle/collect/record_chunks.hpp"
#include "waggle/collect/record_contents.hpp"
#include "waggle/collect/sampling_weight.hpp"
#include "waggle/collect/scope_table.hpp"
#include "waggle/collect/text_arena.hpp"
#include "waggle/collect/wall_clock.hpp"
#include "waggle/core/record.hpp"
#include "waggle/sdk/finished_span.hpp"
#include "waggle/sdk/limits.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Reads the records of one batch. Every record is announced by expect() first: then the lists have
// their final place before the first span points into them.
class RecordReader {
 public:
  // Of a span's baggage, the entries named in `baggage_names` become attributes.
  RecordReader(const WallClock& clock, ScopeTable& scopes, const EffectiveLimits& limits,
               std::vector<std::string> baggage_names = {})
      : clock_(clock),
        scopes_(scopes),
        limits_(limits),
        rules_(limits, texts_),
        baggage_names_(std::move(baggage_names)) {}

  // Begins a new batch; what was read before is gone.
  void clear() noexcept {
    attributes_.clear();
    nested_attributes_.clear();
    events_.clear();
    links_.clear();
    texts_.clear();
    expected_ = {};
    composed_threshold_ = kUnknownThreshold;
  }

  void expect(std::string_view record) { expected_.add(record, baggage_names_.size()); }

  // Returns how many bytes the lists of all announced records take at most.
  std::size_t expected_bytes() const noexcept { return expected_.bytes(); }

  void reserve() {
    attributes_.reserve(expected_.attributes);
    nested_attributes_.reserve(expected_.nested_attributes);
    events_.reserve(expected_.events);
    links_.reserve(expected_.links);
  }

  // Reads a record into a new span.
  void read(std::string_view record, FinishedSpan& span) {
    RecordHeader header;
    std::memcpy(&header, record.data(), sizeof(header));
    read_header(header, span);
    Lists lists{attributes_.size(), events_.size(), links_.size()};
    for_each_chunk(record.substr(sizeof(header)),
                   [&](const ChunkHeader& chunk, std::string_view key, std::string_view value) {
                     read_chunk(chunk, key, value, lists, span);
                   });
    span.attributes = view(attributes_, lists.first_attribute);
    span.events = view(events_, lists.first_event);
    span.links = view(links_, lists.first_link);
    if (span.status != StatusCode::Error) span.status_message = {};
  }

 private:
  // Where the lists of the span being read begin, and whether its last event and link were kept.
  struct Lists {
    std::size_t first_attribute;
    std::size_t first_event;
    std::size_t first_link;
    bool keeps_event = false;
    bool keeps_link = false;
  };

  template <class T>
  static ListView<T> view(const std::vector<T>& list, std::size_t first) noexcept {
    return {list.data() + first, list.size() - first};
  }

  void read_header(const RecordHeader& header, FinishedSpan& span) {
    span.trace_id = header.trace_id;
    span.span_id = header.span_id;
    span.parent_id = header.parent_id;
    span.parent_is_remote = (header.marks & kParentIsRemote) != 0;
    span.trace_flags = header.trace_flags;
    span.kind = header.kind;
    span.status = header.status;
    span.scope = scope(header.scope);
    span.sample_rate = sample_rate(header.threshold, header.trace_id);
    span.trace_state = composed_trace_state(header.threshold);
    set_times(header, span);
  }

  // Asks the table once for the spans of a scope, which mostly come one behind the other.
  const ScopeView& scope(std::uint16_t number) {
    if (number != scope_number_) scope_ = scopes_.view(number);
    scope_number_ = number;
    return scope_;
  }

  void set_times(const RecordHeader& header, FinishedSpan& span) const noexcept {
    const bool start_is_given = (header.marks & kExplicitStart) != 0;
    const bool end_is_given = (header.marks & kExplicitEnd) != 0;
    const std::uint64_t start =
        start_is_given ? header.start : clock_.unix_nanoseconds(header.start);
    std::uint64_t end = header.end;
    if (!end_is_given) {
      end = start_is_given ? clock_.unix_nanoseconds(header.end)
                           : start + clock_.duration(header.start, header.end);
    }
    span.start_unix_nanoseconds = start;
    span.end_unix_nanoseconds = end < start ? start : end;
  }

  void read_chunk(const ChunkHeader& chunk, std::string_view key, std::string_view value,
                  Lists& lists, FinishedSpan& span) {
    switch (chunk.kind) {
      case ChunkKind::Name:
        span.name = value;
        break;
      case ChunkKind::StatusMessage:
        span.status_message = value;
        break;
      case ChunkKind::TraceState:
        span.trace_state = value;
        break;
      case ChunkKind::Attribute:
        rules_.add(attributes_, lists.first_attribute, limits_.attribute_count, key,
                   {chunk.tag, value}, span.dropped_attributes);
        break;
      case ChunkKind::Event:
        add_event(chunk.tag, key, value, lists, span);
        break;
      case ChunkKind::EventAttribute:
        if (lists.keeps_event) {
          add_nested(events_.back(), limits_.attribute_per_event_count, key, {chunk.tag, value});
        }
        break;
      case ChunkKind::Link:
        add_link(value, lists, span);
        break;
      case ChunkKind::LinkAttribute:
        if (lists.keeps_link) {
          add_nested(links_.back(), limits_.attribute_per_link_count, key, {chunk.tag, value});
        }
        break;
      case ChunkKind::Dropped:
        add_dropped(value, lists, span);
        break;
      case ChunkKind::Baggage:
        add_baggage(Baggage(value), lists, span);
        break;
      case ChunkKind::Element:
        break;
    }
  }

  // Stands before the span's own attributes, so that these win.
  void add_baggage(Baggage baggage, const Lists& lists, FinishedSpan& span) {
    for (const BaggageEntry entry : baggage) {
      const auto place = std::find(baggage_names_.begin(), baggage_names_.end(), entry.name);
      if (place == baggage_names_.end()) continue;
      rules_.add(attributes_, lists.first_attribute, limits_.attribute_count, entry.name,
                 {ValueTag::Text, entry.value}, span.dropped_attributes);
    }
  }

  template <class Owner>
  void add_nested(Owner& owner, std::size_t limit, std::string_view key, ValueView value) {
    const std::size_t first = nested_attributes_.size() - owner.attributes.size();
    rules_.add(nested_attributes_, first, limit, key, value, owner.dropped_attributes);
    owner.attributes = view(nested_attributes_, first);
  }

  void add_event(ValueTag tag, std::string_view name, std::string_view value, Lists& lists,
                 FinishedSpan& span) {
    lists.keeps_event = events_.size() - lists.first_event < limits_.event_count;
    if (!lists.keeps_event) {
      ++span.dropped_events;
      return;
    }
    const std::uint64_t time = ValueView(tag, value).word();
    EventView& event = events_.emplace_back();
    event.name = name;
    event.unix_nanoseconds = tag == kTickTime ? clock_.unix_nanoseconds(time) : time;
  }

  void add_link(std::string_view value, Lists& lists, FinishedSpan& span) {
    lists.keeps_link = links_.size() - lists.first_link < limits_.link_count;
    if (!lists.keeps_link) {
      ++span.dropped_links;
      return;
    }
    LinkFields fields{};
    std::memcpy(&fields, value.data(), sizeof(fields));
    LinkView& link = links_.emplace_back();
    link.trace_id = fields.trace_id;
    link.span_id = fields.span_id;
    link.trace_flags = static_cast<std::uint8_t>(fields.flags);
    link.is_remote = (fields.flags & 0x100) != 0;
    link.trace_state = value.substr(sizeof(fields));
  }

  void add_dropped(std::string_view value, const Lists& lists, FinishedSpan& span) {
    DroppedCounts counts{};
    std::memcpy(&counts, value.data(), sizeof(counts));
    span.dropped_attributes += counts.attributes;
    span.dropped_events += counts.events;
    span.dropped_links += counts.links;
    if (counts.cut_values == 0) return;
    const std::int64_t cut = counts.cut_values;
    std::string word(reinterpret_cast<const char*>(&cut), sizeof(cut));
    rules_.add(attributes_, lists.first_attribute, SpanLimits::kUnlimited,
               "waggle.truncated_values", {ValueTag::Int64, texts_.keep(std::move(word))},
               span.dropped_attributes);
  }

  // Most spans of a batch share one threshold, so its text is composed once.
  std::string_view composed_trace_state(std::uint64_t threshold) {
    if (threshold >= kThresholdEnd) return {};
    if (threshold != composed_threshold_) {
      composed_threshold_ = threshold;
      composed_text_ =
          texts_.keep(std::string("ot=th:").append(std::string_view(threshold_text(threshold))));
    }
    return composed_text_;
  }

  const WallClock& clock_;
  ScopeTable& scopes_;
  const EffectiveLimits& limits_;
  TextArena texts_;
  const AttributeRules rules_;
  const std::vector<std::string> baggage_names_;
  RecordContents expected_;
  std::vector<AttributeView> attributes_;
  std::vector<AttributeView> nested_attributes_;
  std::vector<EventView> events_;
  std::vector<LinkView> links_;
  std::uint32_t scope_number_ = ~std::uint32_t{0};  // at first of none
  ScopeView scope_;
  std::uint64_t composed_threshold_ = kUnknownThreshold;
  std::string_view composed_text_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RECORD_READER_HPP
