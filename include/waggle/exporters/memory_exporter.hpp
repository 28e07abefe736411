// Keeps finished spans in memory, for tests: of your instrumentation, and of waggle itself.
#ifndef WAGGLE_EXPORTERS_MEMORY_EXPORTER_HPP
#define WAGGLE_EXPORTERS_MEMORY_EXPORTER_HPP

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "waggle/sdk/exporter.hpp"

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

  // Tells whether both the kind and the value are the same.
  template <class T>
  friend bool operator==(const RecordedValue& recorded, const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
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

 private:
  ValueView view() const noexcept { return {tag_, payload_}; }

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

// Holds the spans of one or several MemoryExporters; outlives them. Thread-safe.
class SpanStore {
 public:
  // Returns all spans so far, in the order in which they were exported.
  std::vector<RecordedSpan> spans() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return spans_;
  }

  // Returns the first span of that name; a default-made one if there is none.
  RecordedSpan find(std::string_view name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const RecordedSpan& span : spans_) {
      if (span.name == name) return span;
    }
    return {};
  }

  std::size_t size() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return spans_.size();
  }

  void clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    spans_.clear();
  }

  void add(RecordedSpan span) {
    const std::lock_guard<std::mutex> lock(mutex_);
    spans_.push_back(std::move(span));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<RecordedSpan> spans_;
};

// Copies every span into a store:
// config.exporters.push_back(std::make_unique<MemoryExporter>(store)).
class MemoryExporter final : public Exporter {
 public:
  explicit MemoryExporter(std::shared_ptr<SpanStore> store) noexcept : store_(std::move(store)) {}

  ExportResult export_batch(const Batch& batch, Deadline) noexcept override {
    for (const FinishedSpan& span : batch.spans) store_->add(copy(span));
    return {};
  }

 private:
  static RecordedAttributes copy(ListView<AttributeView> attributes) {
    RecordedAttributes copies;
    for (const AttributeView& attribute : attributes) {
      copies.emplace(attribute.key, RecordedValue(attribute.value));
    }
    return copies;
  }

  static RecordedSpan copy(const FinishedSpan& span) {
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
    copied.attributes = copy(span.attributes);
    for (const EventView& event : span.events) {
      copied.events.push_back({std::string(event.name), event.unix_nanoseconds,
                               copy(event.attributes), event.dropped_attributes});
    }
    for (const LinkView& link : span.links) {
      copied.links.push_back({link.trace_id, link.span_id, link.trace_flags, link.is_remote,
                              std::string(link.trace_state), copy(link.attributes),
                              link.dropped_attributes});
    }
    copied.dropped_attributes = span.dropped_attributes;
    copied.dropped_events = span.dropped_events;
    copied.dropped_links = span.dropped_links;
    return copied;
  }

  std::shared_ptr<SpanStore> store_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_MEMORY_EXPORTER_HPP
