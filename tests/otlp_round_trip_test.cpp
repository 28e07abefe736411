#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>
#include <waggle/otlp/encoder.hpp>

#include "support/span_builder.hpp"
#include "support/strict_otlp.hpp"

using nlohmann::json;
using namespace waggle_test;

namespace {

using Complaints = std::vector<std::string>;

// ---- random spans ----

class RandomSpans {
 public:
  explicit RandomSpans(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }

  // Valid text, text with escapes, or bytes of any kind.
  std::string any_text() {
    static const char* const kPieces[] = {"bee",
                                          "\"",
                                          "\\",
                                          "\n",
                                          "\t",
                                          "\x01",
                                          "\xc3\xa4",
                                          "\xe2\x82\xac",
                                          "\xf0\x9f\x90\x9d",
                                          "a longer piece of text"};
    const bool is_any_byte = one_in(4);
    std::string text;
    for (std::uint64_t left = below(12); left != 0; --left) {
      if (is_any_byte) {
        text += static_cast<char>(random_());
      } else {
        text += kPieces[below(10)];
      }
    }
    return one_in(100) ? text + std::string(5000, 'x') + text : text;
  }

  // A number of any magnitude.
  std::uint64_t any_word() { return random_() >> below(64); }

  double any_double() {
    const double special[] = {0.0,
                              1.0,
                              -2.5,
                              std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::infinity(),
                              -std::numeric_limits<double>::infinity()};
    if (one_in(2)) return special[below(6)];
    const std::uint64_t bits = random_();
    double value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }

  OwnedValue any_value(int depth) {
    switch (below(depth == 0 ? 7 : 9)) {
      case 0:
        return empty_value();
      case 1:
        return boolean(one_in(2));
      case 2:
        return int64(static_cast<std::int64_t>(any_word() * (one_in(2) ? 1 : ~std::uint64_t{0})));
      case 3:
        return float64(any_double());
      case 4:
        return text(any_text());
      case 5:
        return bytes(any_text());
      case 6:
        return uint64(random_());
      case 7:
        return any_array(depth - 1);
      default:
        return map(any_attributes(depth - 1));
    }
  }

  OwnedValue any_array(int depth) {
    std::vector<OwnedValue> values;
    for (std::uint64_t left = below(5); left != 0; --left) values.push_back(any_value(depth));
    return array(values);
  }

  std::vector<OwnedAttribute> any_attributes(int depth) {
    std::vector<OwnedAttribute> attributes;
    for (std::uint64_t left = below(6); left != 0; --left) {
      attributes.push_back({any_text() + std::to_string(left), any_value(depth)});
    }
    return attributes;
  }

  OwnedSpan any_span() {
    OwnedSpan span;
    waggle::FinishedSpan& plain = span.plain;
    plain.trace_id = {any_word(), any_word() | 1};
    plain.span_id = {any_word() | 1};
    if (one_in(2)) plain.parent_id = {any_word() | 1};
    plain.parent_is_remote = one_in(2);
    plain.trace_flags = static_cast<std::uint8_t>(random_());
    plain.sample_rate = one_in(2) ? 0 : static_cast<std::uint32_t>(any_word());
    plain.kind = static_cast<waggle::SpanKind>(1 + below(5));
    plain.start_unix_nanoseconds = any_word();
    plain.end_unix_nanoseconds = any_word();
    plain.status = static_cast<waggle::StatusCode>(below(3));
    plain.dropped_attributes = any_count();
    plain.dropped_events = any_count();
    plain.dropped_links = any_count();
    span.name = any_text();
    span.trace_state = any_text();
    if (plain.status == waggle::StatusCode::Error) span.status_message = any_text();
    span.attributes = any_attributes(4);
    for (std::uint64_t left = below(3); left != 0; --left) span.events.push_back(any_event());
    for (std::uint64_t left = below(3); left != 0; --left) span.links.push_back(any_link());
    return span;
  }

  // Spans of a few scopes, one scope after the other.
  std::vector<OwnedSpan> any_batch() {
    std::vector<OwnedSpan> spans;
    for (std::uint64_t scope = 1 + below(3); scope != 0; --scope) {
      const std::string name = any_text() + std::to_string(scope);
      const std::string version = any_text();
      const std::string schema_url = any_text();
      for (std::uint64_t left = 1 + below(4); left != 0; --left) {
        OwnedSpan& span = spans.emplace_back(any_span());
        span.scope_name = name;
        span.scope_version = version;
        span.scope_schema_url = schema_url;
      }
    }
    return spans;
  }

  waggle::Resource any_resource() {
    waggle::Resource resource;
    for (std::uint64_t left = below(4); left != 0; --left) {
      resource.set(any_text() + std::to_string(left), any_text());
      resource.set("number " + std::to_string(left), static_cast<std::int64_t>(random_()));
    }
    resource.set_schema_url(any_text());
    return resource;
  }

 private:
  std::uint32_t any_count() { return one_in(2) ? 0 : static_cast<std::uint32_t>(random_()); }
  OwnedEvent any_event() { return {any_text(), any_word(), any_attributes(2), any_count()}; }
  OwnedLink any_link() {
    return {{any_word(), any_word() | 1},
            {any_word() | 1},
            static_cast<std::uint8_t>(random_()),
            one_in(2),
            any_text(),
            any_attributes(2),
            any_count()};
  }

  std::mt19937_64 random_;
};

// ---- what a reader should find ----

// Valid text stays; what is not valid is what another implementation makes of it.
std::string repaired(const std::string& bytes) {
  return json::parse(json(bytes).dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string hex(std::uint64_t value) {
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

std::string base64(const std::string& bytes) {
  static const std::string kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bits;
  for (char c : bytes) {
    for (int bit = 7; bit >= 0; --bit) bits += (c >> bit & 1) != 0 ? '1' : '0';
  }
  std::string result;
  for (; !bits.empty(); bits.erase(0, 6)) {
    bits.resize((bits.size() + 5) / 6 * 6, '0');
    result += kDigits[std::stoul(bits.substr(0, 6), nullptr, 2)];
  }
  result.resize((result.size() + 3) / 4 * 4, '=');
  return result;
}

template <class Word>
Word word_of(const OwnedValue& value) {
  Word word;
  std::memcpy(&word, value.payload.data(), sizeof(word));
  return word;
}

// Says what a receiver should find for the spans, message by message.
class Expectation {
 public:
  explicit Expectation(bool omit_non_finite) : omit_non_finite_(omit_non_finite) {}

  std::uint64_t omitted = 0;

  json body(const std::vector<OwnedSpan>& spans, const waggle::Resource& resource) {
    json scopes = json::array();
    const OwnedSpan* last = nullptr;
    for (const OwnedSpan& span : spans) {
      if (last == nullptr || last->scope_name != span.scope_name) {
        json scope = json::object();
        set_text(scope, "name", span.scope_name);
        set_text(scope, "version", span.scope_version);
        scopes.push_back({{"scope", scope}, {"spans", json::array()}});
        set_text(scopes.back(), "schemaUrl", span.scope_schema_url);
      }
      last = &span;
      scopes.back()["spans"].push_back(this->span(span));
    }
    json entry = {{"resource", this->resource(resource)}, {"scopeSpans", scopes}};
    set_text(entry, "schemaUrl", resource.schema_url());
    return {{"resourceSpans", json::array({entry})}};
  }

 private:
  static void set_text(json& object, const char* name, const std::string& text) {
    if (!text.empty()) object[name] = repaired(text);
  }
  static void set_count(json& object, const char* name, std::uint32_t count) {
    if (count != 0) object[name] = count;
  }
  static void set_list(json& object, const char* name, const json& list) {
    if (!list.empty()) object[name] = list;
  }

  static json resource(const waggle::Resource& resource) {
    json list = json::array();
    for (const waggle::ResourceAttribute& attribute : resource.attributes()) {
      const json value = attribute.is_number ? json{{"intValue", std::to_string(attribute.number)}}
                                             : json{{"stringValue", repaired(attribute.text)}};
      list.push_back({{"key", repaired(attribute.key)}, {"value", value}});
    }
    json result = json::object();
    set_list(result, "attributes", list);
    return result;
  }

  json span(const OwnedSpan& span) {
    const waggle::FinishedSpan& plain = span.plain;
    json result = {{"traceId", hex(plain.trace_id.high) + hex(plain.trace_id.low)},
                   {"spanId", hex(plain.span_id.value)},
                   {"flags", plain.trace_flags + (plain.parent_is_remote ? 0x300 : 0x100)},
                   {"name", repaired(span.name)},
                   {"kind", static_cast<int>(plain.kind)},
                   {"startTimeUnixNano", std::to_string(plain.start_unix_nanoseconds)},
                   {"endTimeUnixNano", std::to_string(plain.end_unix_nanoseconds)}};
    if (plain.parent_id.value != 0) result["parentSpanId"] = hex(plain.parent_id.value);
    set_text(result, "traceState", span.trace_state);
    json list = attributes(span.attributes);
    if (plain.sample_rate != 0) {
      list.push_back(
          {{"key", "SampleRate"}, {"value", {{"intValue", std::to_string(plain.sample_rate)}}}});
    }
    set_list(result, "attributes", list);
    set_list(result, "events", events(span.events));
    set_list(result, "links", links(span.links));
    set_count(result, "droppedAttributesCount", plain.dropped_attributes);
    set_count(result, "droppedEventsCount", plain.dropped_events);
    set_count(result, "droppedLinksCount", plain.dropped_links);
    if (plain.status != waggle::StatusCode::Unset) {
      result["status"]["code"] = static_cast<int>(plain.status);
      set_text(result["status"], "message", span.status_message);
    }
    return result;
  }

  json events(const std::vector<OwnedEvent>& events) {
    json result = json::array();
    for (const OwnedEvent& event : events) {
      json entry = {{"timeUnixNano", std::to_string(event.unix_nanoseconds)},
                    {"name", repaired(event.name)}};
      set_list(entry, "attributes", attributes(event.attributes));
      set_count(entry, "droppedAttributesCount", event.dropped_attributes);
      result.push_back(entry);
    }
    return result;
  }

  json links(const std::vector<OwnedLink>& links) {
    json result = json::array();
    for (const OwnedLink& link : links) {
      json entry = {{"traceId", hex(link.trace_id.high) + hex(link.trace_id.low)},
                    {"spanId", hex(link.span_id.value)},
                    {"flags", link.trace_flags + (link.is_remote ? 0x300 : 0x100)}};
      set_text(entry, "traceState", link.trace_state);
      set_list(entry, "attributes", attributes(link.attributes));
      set_count(entry, "droppedAttributesCount", link.dropped_attributes);
      result.push_back(entry);
    }
    return result;
  }

  bool is_left_out(const OwnedValue& value) {
    const bool result = omit_non_finite_ && value.tag == waggle::ValueTag::Double &&
                        !std::isfinite(word_of<double>(value));
    if (result) ++omitted;
    return result;
  }

  json attributes(const std::vector<OwnedAttribute>& attributes) {
    json result = json::array();
    for (const OwnedAttribute& attribute : attributes) {
      if (is_left_out(attribute.value)) continue;
      result.push_back({{"key", repaired(attribute.key)}, {"value", value(attribute.value)}});
    }
    return result;
  }

  static json float64(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    return value;
  }

  json list(const OwnedValue& owner) {
    json values = json::array();
    if (owner.tag == waggle::ValueTag::Map) {
      values = attributes(owner.elements);
    } else {
      for (const OwnedAttribute& element : owner.elements) {
        if (!is_left_out(element.value)) values.push_back(value(element.value));
      }
    }
    json result = json::object();
    set_list(result, "values", values);
    return result;
  }

  json value(const OwnedValue& value) {
    switch (value.tag) {
      case waggle::ValueTag::Boolean:
        return {{"boolValue", word_of<std::uint64_t>(value) != 0}};
      case waggle::ValueTag::Int64:
        return {{"intValue", std::to_string(word_of<std::int64_t>(value))}};
      case waggle::ValueTag::Unsigned:
        return {{"stringValue", std::to_string(word_of<std::uint64_t>(value))}};
      case waggle::ValueTag::Double:
        return {{"doubleValue", float64(word_of<double>(value))}};
      case waggle::ValueTag::Bytes:
        return {{"bytesValue", base64(value.payload)}};
      case waggle::ValueTag::Array:
        return {{"arrayValue", list(value)}};
      case waggle::ValueTag::Map:
        return {{"kvlistValue", list(value)}};
      case waggle::ValueTag::Text:
        return {{"stringValue", repaired(value.payload)}};
      default:
        return json::object();
    }
  }

  bool omit_non_finite_;
};

// Each range holds one span's object and nothing else, in order; between two stands a comma, or
// what closes one scope and opens the next.
void check_span_ranges(const std::string& body, const json& read,
                       const std::vector<waggle::ByteRange>& ranges) {
  auto range = ranges.begin();
  for (const json& scope : read.at("resourceSpans").at(0).at("scopeSpans")) {
    for (const json& span : scope.at("spans")) {
      REQUIRE(range != ranges.end());
      const std::string cut = body.substr(range->begin, range->end - range->begin);
      REQUIRE((cut.front() == '{' && cut.back() == '}'));
      REQUIRE(json::parse(cut, nullptr, false) == span);
      if (&span != &scope.at("spans").front()) {
        REQUIRE(range->begin == std::prev(range)->end + 1);
        REQUIRE(body[range->begin - 1] == ',');
      }
      ++range;
    }
  }
  REQUIRE(range == ranges.end());
}

// Returns the body that the steps begin(), add() and finish() give.
std::string encoded_in_steps(waggle::OtlpEncoder& encoder, const waggle::Batch& batch) {
  encoder.begin(batch.resource);
  for (const waggle::FinishedSpan& span : batch.spans) {
    const std::size_t size = encoder.add(span);
    REQUIRE(size == encoder.span_ranges().back().end);
  }
  return encoder.finish();
}

// There is but one thread here, and ThreadSanitizer makes each many times as slow.
#ifdef __SANITIZE_THREAD__
constexpr int kRounds = 300;
#else
constexpr int kRounds = 1500;
#endif

void check_round_trips(bool omit_non_finite, std::uint64_t seed) {
  RandomSpans random(seed);
  waggle::OtlpEncoder encoder({omit_non_finite});
  Expectation expectation(omit_non_finite);
  std::string part;
  CAPTURE(seed);
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    const std::vector<OwnedSpan> spans = random.any_batch();
    const waggle::Resource resource = random.any_resource();
    const SpanViews views(spans);
    const std::string& body = encoder.encode(views.batch(resource));
    REQUIRE(StrictOtlpReader(body).complaints() == Complaints{});
    const json read = json::parse(body);
    REQUIRE(read == expectation.body(spans, resource));
    REQUIRE(encoder.omitted_values() == expectation.omitted);
    check_span_ranges(body, read, encoder.span_ranges());

    const std::size_t first = random.below(spans.size());
    const std::size_t count = 1 + random.below(spans.size() - first);
    encoder.copy_part(first, count, part);
    waggle::OtlpEncoder anew({omit_non_finite});
    REQUIRE(part == anew.encode({resource, {views.spans().begin() + first, count}}));
    REQUIRE(body == encoded_in_steps(anew, views.batch(resource)));
  }
}

const char* const kGood =
    R"({"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":{"intValue":"1"}}]},)"
    R"("scopeSpans":[{"scope":{},"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",)"
    R"("spanId":"b7ad6b7169203331","flags":257,"name":"tick","kind":1,)"
    R"("startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]})";

// Returns how often a reader complains once `from` is `to` in a good body.
std::size_t count_complaints(const std::string& from, const std::string& to) {
  std::string body = kGood;
  const std::size_t at = body.find(from);
  REQUIRE(at != body.npos);
  body.replace(at, from.size(), to);
  return StrictOtlpReader(body).complaints().size();
}

}  // namespace

TEST_CASE("what was recorded is what a strict reader finds, whatever bytes the texts hold") {
  check_round_trips(false, 30);
}

TEST_CASE("the same for a receiver that is not sent what is not finite") {
  check_round_trips(true, 31);
}

TEST_CASE("the strict reader of this test sees what the strictest receivers refuse") {
  REQUIRE(StrictOtlpReader(kGood).complaints() == Complaints{});
  CHECK(count_complaints(R"("1","end)", R"(1,"end)") == 1);  // a time as a number
  CHECK(count_complaints(R"("intValue":"1")", R"("intValue":1)") == 1);
  CHECK(count_complaints(R"({"intValue":"1"})", R"({"arrayValue":{"values":[{"intValue":1}]}})") ==
        1);
  CHECK(count_complaints(R"({"intValue":"1"})", R"({"kvListValue":{}})") == 1);
  CHECK(count_complaints(R"({"intValue":"1"})", R"({"intValue":"1","boolValue":true})") == 1);
  CHECK(count_complaints("spanId", "span_id") == 2);     // unknown, and missing
  CHECK(count_complaints("0af7651916cd43dd", "") == 1);  // an id of half the length
  CHECK(count_complaints("0af7651916cd43dd", "0AF7651916CD43DD") == 1);
  CHECK(count_complaints("b7ad6b7169203331", "0000000000000000") == 1);
  CHECK(count_complaints(R"("kind":1)", R"("kind":"SPAN_KIND_INTERNAL")") == 1);
  CHECK(count_complaints(R"("name":"tick")", R"("name":"tick","name":"tock")") == 1);
  CHECK(count_complaints(R"("name":"tick")", R"("name":"tick","vendor":1)") == 1);
  CHECK(count_complaints(R"("name":"tick")", R"("name":null)") == 1);
  CHECK(count_complaints(R"({"intValue":"1"})", "null") == 1);
  CHECK(count_complaints(R"({"intValue":"1"})", R"({"arrayValue":{"values":[null]}})") == 1);
  CHECK(count_complaints(R"("name":"tick")", "\"name\":\"caf\xc3\"") == 1);
  CHECK(count_complaints(R"("name":"tick")", R"("name":"tick","attributes":[])") == 1);
  CHECK(count_complaints(R"(}]}]}]})", R"(}]}]}]},)") == 1);
}
