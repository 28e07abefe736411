// Spans with everything they point to, for tests: a model that owns its texts, and the views of it
// that exporters get. Arrays and maps are written as the recorder writes them.
#ifndef WAGGLE_TESTS_SUPPORT_SPAN_BUILDER_HPP
#define WAGGLE_TESTS_SUPPORT_SPAN_BUILDER_HPP

#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <waggle/sdk/exporter.hpp>

namespace waggle_test {

struct OwnedAttribute;

// Owns one value: `payload` holds a scalar's eight bytes, a text or bytes; a list has elements.
struct OwnedValue {
  waggle::ValueTag tag = waggle::ValueTag::Empty;
  std::string payload;
  std::vector<OwnedAttribute> elements;

  bool is_list() const { return tag == waggle::ValueTag::Array || tag == waggle::ValueTag::Map; }
};

struct OwnedAttribute {
  std::string key;
  OwnedValue value;
};

template <class Word>
OwnedValue word_value(waggle::ValueTag tag, Word word) {
  static_assert(sizeof(word) == 8, "a scalar takes eight bytes in the record");
  return {tag, std::string(reinterpret_cast<const char*>(&word), sizeof(word)), {}};
}

inline OwnedValue empty_value() { return {}; }
inline OwnedValue boolean(bool value) {
  return word_value(waggle::ValueTag::Boolean, std::uint64_t{value});
}
inline OwnedValue int64(std::int64_t value) { return word_value(waggle::ValueTag::Int64, value); }
inline OwnedValue uint64(std::uint64_t value) {
  return word_value(waggle::ValueTag::Unsigned, value);
}
inline OwnedValue float64(double value) { return word_value(waggle::ValueTag::Double, value); }
inline OwnedValue text(std::string value) { return {waggle::ValueTag::Text, std::move(value), {}}; }
inline OwnedValue bytes(std::string value) {
  return {waggle::ValueTag::Bytes, std::move(value), {}};
}
inline OwnedValue map(std::vector<OwnedAttribute> elements) {
  return {waggle::ValueTag::Map, {}, std::move(elements)};
}
inline OwnedValue array(std::vector<OwnedValue> values) {
  OwnedValue result{waggle::ValueTag::Array, {}, {}};
  for (OwnedValue& value : values) result.elements.push_back({"", std::move(value)});
  return result;
}

// Returns the value's bytes as they stand in a record.
inline std::string encoded(const OwnedValue& value) {
  if (!value.is_list()) return value.payload;
  std::string result;
  for (const OwnedAttribute& element : value.elements) {
    const std::string payload = encoded(element.value);
    const waggle::detail::ChunkHeader header{waggle::detail::ChunkKind::Element, element.value.tag,
                                             static_cast<std::uint16_t>(element.key.size()),
                                             static_cast<std::uint32_t>(payload.size())};
    result.append(reinterpret_cast<const char*>(&header), sizeof(header));
    result.append(element.key).resize(waggle::detail::padded(result.size()));
    result.append(payload).resize(waggle::detail::padded(result.size()));
  }
  return result;
}

struct OwnedEvent {
  std::string name;
  std::uint64_t unix_nanoseconds = 0;
  std::vector<OwnedAttribute> attributes;
  std::uint32_t dropped_attributes = 0;
};

struct OwnedLink {
  waggle::TraceId trace_id;
  waggle::SpanId span_id;
  std::uint8_t trace_flags = 0;
  bool is_remote = false;
  std::string trace_state;
  std::vector<OwnedAttribute> attributes;
  std::uint32_t dropped_attributes = 0;
};

// Owns a span: its numbers lie in `plain`, its texts and lists beside it.
struct OwnedSpan {
  waggle::FinishedSpan plain;
  std::string name;
  std::string trace_state;
  std::string status_message;
  std::string scope_name;
  std::string scope_version;
  std::string scope_schema_url;
  std::vector<OwnedAttribute> attributes;
  std::vector<OwnedEvent> events;
  std::vector<OwnedLink> links;
};

// Keeps a list of spans and views it as a batch.
class SpanViews {
 public:
  explicit SpanViews(std::vector<OwnedSpan> spans) : owned_(std::move(spans)) {
    for (const OwnedSpan& span : owned_) spans_.push_back(view(span));
  }
  SpanViews(const SpanViews&) = delete;
  SpanViews& operator=(const SpanViews&) = delete;

  waggle::ListView<waggle::FinishedSpan> spans() const { return {spans_.data(), spans_.size()}; }
  waggle::Batch batch(const waggle::Resource& resource) const { return {resource, spans()}; }

 private:
  using AttributeViews = std::vector<waggle::AttributeView>;

  waggle::FinishedSpan view(const OwnedSpan& owned) {
    waggle::FinishedSpan span = owned.plain;
    span.name = owned.name;
    span.trace_state = owned.trace_state;
    span.status_message = owned.status_message;
    span.scope = {owned.scope_name, owned.scope_version, owned.scope_schema_url};
    span.attributes = view(owned.attributes);
    span.events = view(owned.events);
    span.links = view(owned.links);
    return span;
  }

  waggle::ListView<waggle::AttributeView> view(const std::vector<OwnedAttribute>& owned) {
    AttributeViews& views = attributes_.emplace_back();
    for (const OwnedAttribute& attribute : owned) {
      const std::string& payload = payloads_.emplace_back(encoded(attribute.value));
      views.push_back({attribute.key, {attribute.value.tag, payload}});
    }
    return {views.data(), views.size()};
  }

  waggle::ListView<waggle::EventView> view(const std::vector<OwnedEvent>& owned) {
    std::vector<waggle::EventView>& views = events_.emplace_back();
    for (const OwnedEvent& event : owned) {
      views.push_back(
          {event.name, event.unix_nanoseconds, view(event.attributes), event.dropped_attributes});
    }
    return {views.data(), views.size()};
  }

  waggle::ListView<waggle::LinkView> view(const std::vector<OwnedLink>& owned) {
    std::vector<waggle::LinkView>& views = links_.emplace_back();
    for (const OwnedLink& link : owned) {
      views.push_back({link.trace_id, link.span_id, link.trace_flags, link.is_remote,
                       link.trace_state, view(link.attributes), link.dropped_attributes});
    }
    return {views.data(), views.size()};
  }

  const std::vector<OwnedSpan> owned_;
  // Deques, so that nothing moves once a view points to it.
  std::deque<std::string> payloads_;
  std::deque<AttributeViews> attributes_;
  std::deque<std::vector<waggle::EventView>> events_;
  std::deque<std::vector<waggle::LinkView>> links_;
  std::vector<waggle::FinishedSpan> spans_;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_SPAN_BUILDER_HPP
