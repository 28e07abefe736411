// Writes lists of attributes as OTLP/JSON: KeyValue and AnyValue of every kind, nested to any depth
// that a receiver's parser takes.
#ifndef WAGGLE_OTLP_ATTRIBUTE_WRITER_HPP
#define WAGGLE_OTLP_ATTRIBUTE_WRITER_HPP

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/otlp/json_writer.hpp"
#include "waggle/otlp/key_fragments.hpp"
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
    const KeyFragment* fragment = fragments_.find(attribute.key, attribute.value.tag());
    if (fragment == nullptr || !add_short(*fragment, attribute.value)) {
      json_.piece([this](char* to) { return separated(to); });
      element(attribute, true, 1);
    }
    is_empty_ = false;
  }

  void add(std::string_view key, std::int64_t number) {
    const std::string_view bytes(reinterpret_cast<const char*>(&number), sizeof(number));
    add({key, {ValueTag::Int64, bytes}});
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

  bool is_left_out(const ValueView& value) noexcept {
    const bool is_left_out = options_.omit_non_finite && value.tag() == ValueTag::Double &&
                             !std::isfinite(value.float64());
    if (is_left_out) ++omitted_values_;
    return is_left_out;
  }

  char* separated(char* to) const noexcept {
    return is_empty_ ? write_json(to, R"(,"attributes":[)") : write_json(to, ",");
  }

  // Adds an attribute by its fragment; false if its value is none of the short ones.
  bool add_short(const KeyFragment& fragment, const ValueView& value) {
    return json_.try_piece([&](char* to) -> char* {
      to = separated(to);
      std::memcpy(to, fragment.text, KeyFragment::kLongest);
      to = write_short(to + fragment.size, value);
      return to != nullptr ? write_json(to, "}}") : nullptr;
    });
  }

  // Writes a scalar that is one piece; null if it is none.
  static char* write_short(char* to, const ValueView& value) noexcept {
    switch (value.tag()) {
      case ValueTag::Boolean:
        return value.boolean() ? write_json(to, "true") : write_json(to, "false");
      case ValueTag::Int64:
        return write_quoted_number(to, value.int64());
      case ValueTag::Unsigned:
        return write_quoted_number(to, value.word());
      case ValueTag::Double:
        return std::isfinite(value.float64()) ? write_float64(to, value.float64()) : nullptr;
      case ValueTag::Text:
      case ValueTag::MangledType:
        return write_short_string(to, value.text());
      default:
        return nullptr;
    }
  }

  void value(const ValueView& value, int depth) {
    if (value.tag() == ValueTag::Array) return elements(value, depth, R"({"arrayValue":{)");
    if (value.tag() == ValueTag::Map) return elements(value, depth, R"({"kvlistValue":{)");
    if (value.tag() == ValueTag::Empty) return json_.raw("{}");
    json_.raw(value_opening(value.tag()));
    if (!json_.try_piece([&](char* to) { return write_short(to, value); })) write_rest(value);
    json_.raw("}");
  }

  // Writes a scalar that may be long, or no number.
  void write_rest(const ValueView& value) {
    if (value.tag() == ValueTag::Bytes) return json_.base64(value.text());
    if (value.tag() != ValueTag::Double) return json_.string(value.text());
    const double number = value.float64();
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
  KeyFragments fragments_;
  bool is_empty_ = true;
  std::uint64_t omitted_values_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_ATTRIBUTE_WRITER_HPP
