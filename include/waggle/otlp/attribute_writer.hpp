// Writes lists of attributes as OTLP/JSON: KeyValue and AnyValue of every kind, nested to any depth
// that a receiver's parser takes.
#ifndef WAGGLE_OTLP_ATTRIBUTE_WRITER_HPP
#define WAGGLE_OTLP_ATTRIBUTE_WRITER_HPP

#include <cmath>
#include <cstdint>
#include <string_view>

#include "waggle/otlp/json_writer.hpp"
#include "waggle/sdk/finished_span.hpp"

namespace waggle {
inline namespace abi1 {

struct OtlpEncoderOptions {
  // Leave doubles that are not finite out, and count them: one of Honeycomb's decoders reads them
  // as 0. Else they are written as the mapping's strings.
  bool omit_non_finite = false;
};

namespace detail {

// Writes `,"attributes":[...]` between open() and close(), or nothing if nothing is added.
class AttributeWriter {
 public:
  AttributeWriter(JsonWriter& json, OtlpEncoderOptions options) noexcept
      : json_(json), options_(options) {}

  void open() noexcept { is_empty_ = true; }

  void add(const AttributeView& attribute) {
    if (is_left_out(attribute.value)) return;
    begin_pair(attribute.key);
    value(attribute.value, 1);
    json_.raw("}");
  }

  void add(std::string_view key, std::int64_t number) {
    begin_pair(key);
    json_.raw(R"({"intValue":)");
    json_.int64(number);
    json_.raw("}}");
  }

  void close() {
    if (!is_empty_) json_.raw("]");
  }

  // Returns how many values were left out so far, for not being finite.
  std::uint64_t omitted_values() const noexcept { return omitted_values_; }

 private:
  // Where only scalars may stand: a map costs three nested messages, and a receiver's protobuf
  // parser commonly takes a hundred.
  static constexpr int kDeepest = 30;

  void begin_pair(std::string_view key) {
    if (is_empty_) {
      json_.raw(R"(,"attributes":[{"key":)");
    } else {
      json_.raw(R"(,{"key":)");
    }
    is_empty_ = false;
    json_.string(key);
    json_.raw(R"(,"value":)");
  }

  bool is_left_out(const ValueView& value) noexcept {
    const bool is_left_out = options_.omit_non_finite && value.tag() == ValueTag::Double &&
                             !std::isfinite(value.float64());
    if (is_left_out) ++omitted_values_;
    return is_left_out;
  }

  void value(const ValueView& value, int depth) {
    switch (value.tag()) {
      case ValueTag::Empty:
        return json_.raw("{}");
      case ValueTag::Boolean:
        return json_.raw(value.boolean() ? R"({"boolValue":true})" : R"({"boolValue":false})");
      case ValueTag::Int64:
        json_.raw(R"({"intValue":)");
        json_.int64(value.int64());
        break;
      case ValueTag::Unsigned:
        json_.raw(R"({"stringValue":)");
        json_.uint64(value.word());
        break;
      case ValueTag::Double:
        json_.raw(R"({"doubleValue":)");
        float64(value.float64());
        break;
      case ValueTag::Text:
      case ValueTag::MangledType:
        json_.raw(R"({"stringValue":)");
        json_.string(value.text());
        break;
      case ValueTag::Bytes:
        json_.raw(R"({"bytesValue":)");
        json_.base64(value.text());
        break;
      case ValueTag::Array:
        return elements(value, depth, R"({"arrayValue":{)");
      case ValueTag::Map:
        return elements(value, depth, R"({"kvlistValue":{)");
    }
    json_.raw("}");
  }

  void float64(double number) {
    if (std::isfinite(number)) return json_.float64(number);
    json_.raw(std::isnan(number) ? R"("NaN")" : number > 0 ? R"("Infinity")" : R"("-Infinity")");
  }

  // A list that is nested too deeply becomes the empty value: to call it an empty list were wrong.
  void elements(const ValueView& list, int depth, std::string_view opening) {
    if (depth == kDeepest) return json_.raw("{}");
    json_.raw(opening);
    bool is_first = true;
    for (const AttributeView& item : list.elements()) {
      if (is_left_out(item.value)) continue;
      json_.raw(is_first ? R"("values":[)" : ",");
      is_first = false;
      element(item, list.tag() == ValueTag::Map, depth + 1);
    }
    json_.raw(is_first ? "}}" : "]}}");
  }

  void element(const AttributeView& item, bool has_key, int depth) {
    if (!has_key) return value(item.value, depth);
    json_.raw(R"({"key":)");
    json_.string(item.key);
    json_.raw(R"(,"value":)");
    value(item.value, depth);
    json_.raw("}");
  }

  JsonWriter& json_;
  const OtlpEncoderOptions options_;
  bool is_empty_ = true;
  std::uint64_t omitted_values_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_ATTRIBUTE_WRITER_HPP
