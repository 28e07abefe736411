// Encodes batches as OTLP/JSON (opentelemetry-proto, JSON Protobuf Encoding): pure, one pass, a
// scope after the other. Right under both of Honeycomb's decoders: times and 64-bit numbers are
// strings, unknown fields are never written, default values are left out.
#ifndef WAGGLE_OTLP_ENCODER_HPP
#define WAGGLE_OTLP_ENCODER_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "waggle/otlp/attribute_writer.hpp"
#include "waggle/otlp/body_parts.hpp"
#include "waggle/otlp/json_writer.hpp"
#include "waggle/otlp/span_pieces.hpp"
#include "waggle/sdk/exporter.hpp"

namespace waggle {
inline namespace abi1 {

// Encodes one batch after the other. For one thread; keeps its memory from batch to batch.
class OtlpEncoder {
 public:
  explicit OtlpEncoder(OtlpEncoderOptions options = {}) noexcept : attributes_(json_, options) {}
  OtlpEncoder(const OtlpEncoder&) = delete;
  OtlpEncoder& operator=(const OtlpEncoder&) = delete;

  // Encodes a whole batch; the text is valid until the next call. Empty for a batch without spans:
  // an envelope without any is never sent (OTLP, Empty Telemetry Envelopes).
  const std::string& encode(const Batch& batch) {
    begin(batch.resource);
    for (const FinishedSpan& span : batch.spans) add(span);
    return finish();
  }

  // The same in steps, for a caller that watches the size: begin(), add() for each span, grouped by
  // scope, then finish(). What the scopes' views point to has to stay until then.
  void begin(const Resource& resource) {
    json_.clear();
    parts_.clear();
    resource_schema_url_ = resource.schema_url();
    json_.raw(R"({"resourceSpans":[{"resource":{)");
    const char* before = R"("attributes":[)";
    for (const ResourceAttribute& attribute : resource.attributes()) {
      json_.raw(before);
      before = ",";
      resource_attribute(attribute);
    }
    if (!resource.attributes().empty()) json_.raw("]");
    json_.raw(R"(},"scopeSpans":[)");
    parts_.end_head(json_.size());
  }

  // Adds a span and returns the size so far; finish() adds some brackets and the schema URLs.
  std::size_t add(const FinishedSpan& span) {
    if (!parts_.has_scope() || !is_same_scope(span.scope)) {
      open_scope(span.scope);
    } else {
      json_.raw(",");
    }
    const std::size_t begin = json_.size();
    write_span(span);
    parts_.add_span({begin, json_.size()});
    return json_.size();
  }

  // Marks the place between two spans, for take_back().
  struct Mark {
    std::size_t bytes;
    std::size_t spans;
    std::size_t scopes;
    ScopeView scope;
  };
  Mark mark() const noexcept {
    return {json_.size(), parts_.spans().size(), parts_.scope_count(), scope_};
  }

  // Takes the spans back that were added since the mark.
  void take_back(const Mark& mark) {
    json_.truncate(mark.bytes);
    parts_.restore(mark.spans, mark.scopes);
    scope_ = mark.scope;
  }

  // Makes room for bodies of that size in advance.
  void reserve(std::size_t bytes) { json_.reserve(bytes); }

  // Returns the whole body, as encode() does.
  const std::string& finish() {
    if (!parts_.has_scope()) {
      json_.clear();
      return json_.text();
    }
    close_scope();
    parts_.begin_tail(json_.size());
    json_.raw("]");
    schema_url(resource_schema_url_);
    json_.raw("}]}");
    return json_.text();
  }

  // Returns the body that was finished last.
  const std::string& text() { return json_.text(); }

  // Returns where each span's object stands in the body, in the order of add().
  const std::vector<ByteRange>& span_ranges() const noexcept { return parts_.spans(); }

  // Makes `body` what encode() would give for `count` of the spans, from number `first` on, by
  // copying. Only after finish(), and for spans that are there; empty if `count` is 0.
  void copy_part(std::size_t first, std::size_t count, std::string& body) {
    body.clear();
    if (count != 0) parts_.copy(json_.text(), first, first + count, body);
  }

  // Returns how many values were left out since the encoder was made, for not being finite.
  std::uint64_t omitted_values() const noexcept { return attributes_.omitted_values(); }

 private:
  // ---- scopes ----

  bool is_same_scope(const ScopeView& scope) const noexcept {
    return scope.name == scope_.name && scope.version == scope_.version &&
           scope.schema_url == scope_.schema_url &&
           scope.attributes.text() == scope_.attributes.text();
  }

  void open_scope(const ScopeView& scope) {
    if (parts_.has_scope()) {
      close_scope();
      json_.raw(",");
    }
    scope_ = scope;
    const std::size_t begin = json_.size();
    json_.raw(R"({"scope":{)");
    const bool is_named = !scope.name.empty() || scope.has_attributes();
    if (is_named) text_field(R"("name":)", scope.name);
    if (!scope.version.empty()) {
      text_field(is_named ? R"(,"version":)" : R"("version":)", scope.version);
    }
    attributes_.open();
    for (const AttributeView& attribute : scope.attributes.elements()) attributes_.add(attribute);
    attributes_.close();
    count(R"(,"droppedAttributesCount":)", scope.dropped_attributes);
    json_.raw(R"(},"spans":[)");
    parts_.open_scope({begin, json_.size()});
  }

  void close_scope() {
    const std::size_t begin = json_.size();
    json_.raw("]");
    schema_url(scope_.schema_url);
    json_.raw("}");
    parts_.close_scope({begin, json_.size()});
  }

  void schema_url(std::string_view url) {
    if (!url.empty()) text_field(R"(,"schemaUrl":)", url);
  }

  void resource_attribute(const ResourceAttribute& attribute) {
    text_field(R"({"key":)", attribute.key);
    if (attribute.is_number) {
      json_.raw(R"(,"value":{"intValue":)");
      json_.int64(attribute.number);
    } else {
      json_.raw(R"(,"value":{"stringValue":)");
      json_.string(attribute.text);
    }
    json_.raw("}}");
  }

  // ---- spans ----

  void write_span(const FinishedSpan& span) {
    json_.piece([&](char* to) { return detail::write_ids(to, span); });
    if (!span.trace_state.empty()) text_field(R"(,"traceState":)", span.trace_state);
    text_field(R"(,"name":)", span.name);
    json_.piece([&](char* to) { return detail::write_kind_and_times(to, span); });
    span_attributes(span);
    count(R"(,"droppedAttributesCount":)", span.dropped_attributes);
    events(span);
    count(R"(,"droppedEventsCount":)", span.dropped_events);
    links(span);
    count(R"(,"droppedLinksCount":)", span.dropped_links);
    status(span);
    json_.raw("}");
  }

  void span_attributes(const FinishedSpan& span) {
    const bool has_rate = span.sample_rate != 0 && !names_sample_rate(span.attributes);
    attributes_.open();
    for (const AttributeView& attribute : span.attributes) attributes_.add(attribute);
    if (has_rate) attributes_.add("SampleRate", std::int64_t{span.sample_rate});
    attributes_.close();
  }

  static bool names_sample_rate(ListView<AttributeView> attributes) noexcept {
    for (const AttributeView& attribute : attributes) {
      if (attribute.key == "SampleRate" || attribute.key == "sampleRate") return true;
    }
    return false;
  }

  void events(const FinishedSpan& span) {
    if (span.events.empty()) return;
    const char* before = R"(,"events":[{)";
    for (const EventView& event : span.events) {
      json_.raw(before);
      before = ",{";
      time(R"("timeUnixNano":)", event.unix_nanoseconds);
      text_field(R"(,"name":)", event.name);
      nested(event.attributes, event.dropped_attributes);
    }
    json_.raw("]");
  }

  void links(const FinishedSpan& span) {
    if (span.links.empty()) return;
    const char* before = R"(,"links":[{"traceId":)";
    for (const LinkView& link : span.links) {
      json_.raw(before);
      before = R"(,{"traceId":)";
      json_.id(link.trace_id);
      json_.raw(R"(,"spanId":)");
      json_.id(link.span_id);
      if (!link.trace_state.empty()) text_field(R"(,"traceState":)", link.trace_state);
      json_.piece(
          [&](char* to) { return detail::write_flags(to, link.trace_flags, link.is_remote); });
      nested(link.attributes, link.dropped_attributes);
    }
    json_.raw("]");
  }

  void nested(ListView<AttributeView> attributes, std::uint32_t dropped) {
    attributes_.open();
    for (const AttributeView& attribute : attributes) attributes_.add(attribute);
    attributes_.close();
    count(R"(,"droppedAttributesCount":)", dropped);
    json_.raw("}");
  }

  void status(const FinishedSpan& span) {
    if (span.status == StatusCode::Unset) return;
    json_.raw(R"(,"status":{"code":)");
    json_.uint32(static_cast<std::uint32_t>(span.status));
    if (!span.status_message.empty()) text_field(R"(,"message":)", span.status_message);
    json_.raw("}");
  }

  // ---- fields ----

  void text_field(std::string_view name, std::string_view text) {
    json_.raw(name);
    json_.string(text);
  }

  void time(std::string_view name, std::uint64_t unix_nanoseconds) {
    json_.raw(name);
    json_.uint64(unix_nanoseconds);
  }

  // A zero is the default and left out.
  void count(std::string_view name, std::uint32_t number) {
    if (number == 0) return;
    json_.raw(name);
    json_.uint32(number);
  }

  detail::JsonWriter json_;
  detail::AttributeWriter attributes_;
  detail::BodyParts parts_;
  std::string resource_schema_url_;
  ScopeView scope_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_ENCODER_HPP
