// Finished spans made by hand, for tests of what draws, writes or keeps them.
#ifndef WAGGLE_TESTS_SUPPORT_SAMPLE_TRACE_HPP
#define WAGGLE_TESTS_SUPPORT_SAMPLE_TRACE_HPP

#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <waggle/sdk/exporter.hpp>

namespace waggle_test {

// Owns spans and all that they view. Spans are added one after the other; what describes a span
// follows it: trace.span("charge", 2, 1).lasting(0, 40).attribute("amount", 12.5). Times are in
// milliseconds since the trace began.
class SampleTrace {
 public:
  static constexpr std::uint64_t kBegin = 1'700'000'000'000'000'000;
  static constexpr waggle::TraceId kTraceId{0x0123456789abcdef, 0xfedcba9876543210};

  explicit SampleTrace(std::string_view service = "shop") {
    if (!service.empty()) resource_.set("service.name", service);
  }
  SampleTrace(const SampleTrace&) = delete;
  SampleTrace& operator=(const SampleTrace&) = delete;

  // ---- spans ----

  SampleTrace& span(std::string_view name, std::uint64_t id, std::uint64_t parent = 0) {
    parts_.emplace_back();
    waggle::FinishedSpan& span = parts_.back().span;
    span.trace_id = kTraceId;
    span.span_id.value = id;
    span.parent_id.value = parent;
    span.name = keep(name);
    span.start_unix_nanoseconds = span.end_unix_nanoseconds = kBegin;
    return *this;
  }

  SampleTrace& of_trace(waggle::TraceId id) {
    parts_.back().span.trace_id = id;
    return *this;
  }

  SampleTrace& lasting(double from_milliseconds, double to_milliseconds) {
    parts_.back().span.start_unix_nanoseconds = at(from_milliseconds);
    parts_.back().span.end_unix_nanoseconds = at(to_milliseconds);
    return *this;
  }

  SampleTrace& kind(waggle::SpanKind kind) {
    parts_.back().span.kind = kind;
    return *this;
  }

  SampleTrace& error(std::string_view message) {
    parts_.back().span.status = waggle::StatusCode::Error;
    parts_.back().span.status_message = keep(message);
    return *this;
  }

  // For what has no word of its own here; texts that are put in must outlive this object.
  waggle::FinishedSpan& last() { return parts_.back().span; }

  // ---- attributes, events, links ----

  template <class T>
  SampleTrace& attribute(std::string_view key, const T& value) {
    parts_.back().attributes.push_back({keep(key), make(value)});
    return *this;
  }

  SampleTrace& event(std::string_view name,
                     const std::vector<std::pair<std::string, std::string>>& attributes = {}) {
    Part& part = parts_.back();
    part.events.push_back({keep(name), kBegin, views(part, attributes), 0});
    return *this;
  }

  SampleTrace& link(const waggle::LinkView& link,
                    const std::vector<std::pair<std::string, std::string>>& attributes = {}) {
    Part& part = parts_.back();
    part.links.push_back(link);
    part.links.back().attributes = views(part, attributes);
    return *this;
  }

  // ---- values ----

  waggle::ValueView make(waggle::ValueView value) { return value; }
  waggle::ValueView make(std::string_view text) { return {waggle::ValueTag::Text, keep(text)}; }
  waggle::ValueView make(const char* text) { return make(std::string_view(text)); }
  waggle::ValueView make(const std::string& text) { return make(std::string_view(text)); }
  waggle::ValueView make(bool value) {
    return word(waggle::ValueTag::Boolean, std::uint64_t{value});
  }
  waggle::ValueView make(double value) { return word(waggle::ValueTag::Double, value); }
  waggle::ValueView make(int value) { return word(waggle::ValueTag::Int64, std::int64_t{value}); }
  waggle::ValueView make(std::uint64_t value) { return word(waggle::ValueTag::Unsigned, value); }

  // An array; elements that have a key make a map.
  waggle::ValueView list(const std::vector<waggle::AttributeView>& elements) {
    std::string bytes;
    bool is_map = false;
    for (const waggle::AttributeView& element : elements) {
      const std::string_view value = element.value.text();
      const waggle::detail::ChunkHeader header{
          waggle::detail::ChunkKind::Element, element.value.tag(),
          static_cast<std::uint16_t>(element.key.size()), static_cast<std::uint32_t>(value.size())};
      bytes.append(reinterpret_cast<const char*>(&header), sizeof(header));
      for (std::string_view part : {element.key, value}) {
        bytes.append(part).append(waggle::detail::padded(part.size()) - part.size(), '\0');
      }
      is_map = is_map || !element.key.empty();
    }
    return {is_map ? waggle::ValueTag::Map : waggle::ValueTag::Array, keep(bytes)};
  }

  // ---- what exporters take ----

  // Valid until a span is added or this object goes away.
  waggle::ListView<waggle::FinishedSpan> spans() {
    spans_.clear();
    for (Part& part : parts_) {
      part.span.attributes = {part.attributes.data(), part.attributes.size()};
      part.span.events = {part.events.data(), part.events.size()};
      part.span.links = {part.links.data(), part.links.size()};
      spans_.push_back(part.span);
    }
    return {spans_.data(), spans_.size()};
  }

  waggle::Batch batch() { return {resource_, spans()}; }

 private:
  using AttributeViews = std::vector<waggle::AttributeView>;

  struct Part {
    waggle::FinishedSpan span;
    AttributeViews attributes;
    std::vector<waggle::EventView> events;
    std::vector<waggle::LinkView> links;
    std::deque<AttributeViews> nested;  // of events and links
  };

  static std::uint64_t at(double milliseconds) {
    return kBegin + static_cast<std::uint64_t>(milliseconds * 1e6);
  }

  std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }

  template <class Word>
  waggle::ValueView word(waggle::ValueTag tag, Word value) {
    return {tag, keep({reinterpret_cast<const char*>(&value), sizeof(value)})};
  }

  waggle::ListView<waggle::AttributeView> views(
      Part& part, const std::vector<std::pair<std::string, std::string>>& attributes) {
    AttributeViews& kept = part.nested.emplace_back();
    for (const auto& [key, value] : attributes) kept.push_back({keep(key), make(value)});
    return {kept.data(), kept.size()};
  }

  waggle::Resource resource_;
  std::deque<std::string> texts_;
  std::deque<Part> parts_;
  std::vector<waggle::FinishedSpan> spans_;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_SAMPLE_TRACE_HPP
