// A finished span that owns all it tells, with values that compare with plain C++ ones: what tests
// look at after a batch is gone.
#ifndef WAGGLE_EXPORTERS_RECORDED_SPAN_HPP
#define WAGGLE_EXPORTERS_RECORDED_SPAN_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "waggle/sdk/finished_span.hpp"

namespace waggle {
inline namespace abi1 {

// Owns one attribute value; compares with plain C++ values: span.attribute("paid") == true.
class RecordedValue {
 public:
  RecordedValue() = default;
  explicit RecordedValue(const ValueView& value) : tag_(value.tag()) {
    if (tag_ == ValueTag::Array || tag_ == ValueTag::Map) {
      for (const AttributeView& element : value.elements()) {
        keys_.emplace_back(element.key);
        elements_.emplace_back(element.value);
      }
    } else {
      payload_ = value.text();
    }
  }

  ValueTag tag() const noexcept { return tag_; }
  bool boolean() const noexcept { return view().boolean(); }
  std::int64_t int64() const noexcept { return view().int64(); }
  std::uint64_t word() const noexcept { return view().word(); }
  double float64() const noexcept { return view().float64(); }
  const std::string& text() const noexcept { return payload_; }

  // The elements of an array or a map; a map's have keys().
  const std::vector<RecordedValue>& elements() const noexcept { return elements_; }
  const std::vector<std::string>& keys() const noexcept { return keys_; }

  // Returns the value as a failed test should show it: "text", 42, 0.5, [1, 2], {"key": true}.
  std::string description() const {
    switch (tag_) {
      case ValueTag::Empty:
        return "(nothing)";
      case ValueTag::Boolean:
        return boolean() ? "true" : "false";
      case ValueTag::Int64:
        return std::to_string(int64());
      case ValueTag::Unsigned:
        return std::to_string(word());
      case ValueTag::Double:
        return described_double();
      case ValueTag::Array:
      case ValueTag::Map:
        return described_elements();
      case ValueTag::Bytes:
        return "(" + std::to_string(payload_.size()) + " bytes)";
      default:
        return '"' + payload_ + '"';
    }
  }

  // Tells whether both the kind and the value are the same. A NaN equals nothing.
  template <class T>
  friend bool operator==(const RecordedValue& recorded, const T& value) {
    if constexpr (std::is_same_v<T, RecordedValue>) {
      return recorded.is_same_as(value);
    } else if constexpr (std::is_same_v<T, bool>) {
      return recorded.tag_ == ValueTag::Boolean && recorded.boolean() == value;
    } else if constexpr (std::is_integral_v<T>) {
      const auto word = static_cast<std::uint64_t>(value);
      const bool is_above_int64 = std::is_unsigned_v<T> && word >> 63 != 0;
      return recorded.tag_ == (is_above_int64 ? ValueTag::Unsigned : ValueTag::Int64) &&
             recorded.word() == word;
    } else if constexpr (std::is_floating_point_v<T>) {
      return recorded.tag_ == ValueTag::Double && recorded.float64() <= value &&
             recorded.float64() >= value;
    } else {
      return recorded.tag_ == ValueTag::Text && recorded.payload_ == std::string_view(value);
    }
  }
  template <class T>
  friend bool operator!=(const RecordedValue& recorded, const T& value) {
    return !(recorded == value);
  }

  // Prints the description; test frameworks find it. A template, so that no stream is included.
  template <class Stream>
  friend auto operator<<(Stream& stream, const RecordedValue& value)
      -> decltype(stream << std::string()) {
    return stream << value.description();
  }

 private:
  ValueView view() const noexcept { return {tag_, payload_}; }

  bool is_same_as(const RecordedValue& other) const {
    if (tag_ != other.tag_) return false;
    if (tag_ == ValueTag::Double) return *this == other.float64();
    return payload_ == other.payload_ && keys_ == other.keys_ && elements_ == other.elements_;
  }

  std::string described_double() const {
    char text[32];
    std::snprintf(text, sizeof(text), "%.17g", float64());
    return text;
  }

  std::string described_elements() const {
    std::string text;
    for (std::size_t index = 0; index < elements_.size(); ++index) {
      if (index != 0) text += ", ";
      if (tag_ == ValueTag::Map) text += '"' + keys_[index] + "\": ";
      text += elements_[index].description();
    }
    return tag_ == ValueTag::Map ? "{" + text + "}" : "[" + text + "]";
  }

  ValueTag tag_ = ValueTag::Empty;
  std::string payload_;
  std::vector<std::string> keys_;
  std::vector<RecordedValue> elements_;
};

using RecordedAttributes = std::map<std::string, RecordedValue>;

struct RecordedEvent {
  std::string name;
  std::uint64_t unix_nanoseconds = 0;
  RecordedAttributes attributes;
  std::uint32_t dropped_attributes = 0;
};

struct RecordedLink {
  TraceId trace_id;
  SpanId span_id;
  std::uint8_t trace_flags = 0;
  bool is_remote = false;
  std::string trace_state;
  RecordedAttributes attributes;
  std::uint32_t dropped_attributes = 0;
};

// Owns all that FinishedSpan views; see there for each member.
struct RecordedSpan {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;
  bool parent_is_remote = false;
  std::uint8_t trace_flags = 0;
  std::string trace_state;
  std::uint32_t sample_rate = 0;
  std::string name;
  SpanKind kind = SpanKind::Internal;
  std::uint64_t start_unix_nanoseconds = 0;
  std::uint64_t end_unix_nanoseconds = 0;
  StatusCode status = StatusCode::Unset;
  std::string status_message;
  std::string scope_name;
  std::string scope_version;
  std::string scope_schema_url;
  RecordedAttributes scope_attributes;
  RecordedAttributes attributes;
  std::vector<RecordedEvent> events;
  std::vector<RecordedLink> links;
  std::uint32_t dropped_attributes = 0;
  std::uint32_t dropped_events = 0;
  std::uint32_t dropped_links = 0;

  // Returns an attribute's value; an empty value if there is no such attribute.
  RecordedValue attribute(const std::string& key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? RecordedValue{} : found->second;
  }
};

namespace detail {

inline RecordedAttributes recorded(ListView<AttributeView> attributes) {
  RecordedAttributes copies;
  for (const AttributeView& attribute : attributes) {
    copies.emplace(attribute.key, RecordedValue(attribute.value));
  }
  return copies;
}

// Copies a span and all that it views.
inline RecordedSpan recorded(const FinishedSpan& span) {
  RecordedSpan copied;
  copied.trace_id = span.trace_id;
  copied.span_id = span.span_id;
  copied.parent_id = span.parent_id;
  copied.parent_is_remote = span.parent_is_remote;
  copied.trace_flags = span.trace_flags;
  copied.trace_state = span.trace_state;
  copied.sample_rate = span.sample_rate;
  copied.name = span.name;
  copied.kind = span.kind;
  copied.start_unix_nanoseconds = span.start_unix_nanoseconds;
  copied.end_unix_nanoseconds = span.end_unix_nanoseconds;
  copied.status = span.status;
  copied.status_message = span.status_message;
  copied.scope_name = span.scope.name;
  copied.scope_version = span.scope.version;
  copied.scope_schema_url = span.scope.schema_url;
  for (const AttributeView& attribute : span.scope.attributes.elements()) {
    copied.scope_attributes.emplace(attribute.key, RecordedValue(attribute.value));
  }
  copied.attributes = recorded(span.attributes);
  for (const EventView& event : span.events) {
    copied.events.push_back({std::string(event.name), event.unix_nanoseconds,
                             recorded(event.attributes), event.dropped_attributes});
  }
  for (const LinkView& link : span.links) {
    copied.links.push_back({link.trace_id, link.span_id, link.trace_flags, link.is_remote,
                            std::string(link.trace_state), recorded(link.attributes),
                            link.dropped_attributes});
  }
  copied.dropped_attributes = span.dropped_attributes;
  copied.dropped_events = span.dropped_events;
  copied.dropped_links = span.dropped_links;
  return copied;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_RECORDED_SPAN_HPP
