#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
#include <waggle/otlp/encoder.hpp>

#include "support/golden.hpp"
#include "support/span_builder.hpp"

using nlohmann::json;
using waggle::OtlpEncoder;
using namespace waggle_test;
using namespace std::string_literals;

namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

waggle::Resource shop() {
  waggle::Resource resource;
  resource.set("service.name", "shop");
  return resource;
}

// The least that a span can be.
OwnedSpan tick() {
  OwnedSpan span;
  span.name = "tick";
  span.plain.trace_id = {0x0af7651916cd43dd, 0x8448eb211c80319c};
  span.plain.span_id = {0xb7ad6b7169203331};
  span.plain.trace_flags = 1;
  span.plain.start_unix_nanoseconds = 1700000000000000000;
  span.plain.end_unix_nanoseconds = 1700000000000001000;
  return span;
}

OwnedSpan tick_in(std::string scope_name, std::string version = {}, std::string schema_url = {}) {
  OwnedSpan span = tick();
  span.scope_name = std::move(scope_name);
  span.scope_version = std::move(version);
  span.scope_schema_url = std::move(schema_url);
  return span;
}

std::string encode(const std::vector<OwnedSpan>& spans, const waggle::Resource& resource = shop(),
                   waggle::OtlpEncoderOptions options = {}) {
  OtlpEncoder encoder(options);
  return encoder.encode(SpanViews(spans).batch(resource));
}

json encode_one(const OwnedSpan& span, waggle::OtlpEncoderOptions options = {}) {
  const json body = json::parse(encode({span}, shop(), options));
  return body.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").at(0);
}

OwnedValue nested_lists(int depth) {
  OwnedValue value = int64(7);
  for (int i = 1; i < depth; ++i) {
    value = i % 2 == 0 ? array({value}) : map({{"k", value}});
  }
  return value;
}

// Returns how many lists stand within each other, and what is in the innermost.
int count_nested(json value, json& innermost) {
  for (int depth = 0;; ++depth) {
    innermost = value;
    if (value.contains("arrayValue")) {
      value = json(value.at("arrayValue").at("values").at(0));
    } else if (value.contains("kvlistValue")) {
      value = json(value.at("kvlistValue").at("values").at(0).at("value"));
    } else {
      return depth;
    }
  }
}

}  // namespace

TEST_CASE("the least span is written with its defaults left out") {
  check_golden("minimal_root", encode({tick()}));
}

TEST_CASE("a span under a remote parent carries tracestate, flags and its rate") {
  OwnedSpan span = tick_in("billing", "1.2");
  span.name = "GET /";
  span.trace_state = "ot=th:c,vendor=x";
  span.plain.trace_flags = 3;
  span.plain.parent_id = {0x00f067aa0ba902b7};
  span.plain.parent_is_remote = true;
  span.plain.kind = waggle::SpanKind::Server;
  span.plain.sample_rate = 4;
  check_golden("remote_parent", encode({span}));
}

TEST_CASE("a span with everything is written with everything") {
  OwnedSpan span = tick_in("billing", "1.2", "https://opentelemetry.io/schemas/1.27.0");
  span.name = "charge \"card\"";
  span.trace_state = "ot=th:0";
  span.plain.trace_flags = 3;
  span.plain.parent_id = {0x00f067aa0ba902b7};
  span.plain.kind = waggle::SpanKind::Client;
  span.plain.start_unix_nanoseconds = 1700000000123456789;
  span.plain.end_unix_nanoseconds = 1700000001123456790;
  span.plain.sample_rate = 1;
  span.attributes = {{"order.id", int64(42)}, {"amount", float64(12.5)}};
  span.plain.dropped_attributes = 1;
  span.events = {{"retry", 1700000000500000000, {}, 0},
                 {"exception",
                  1700000000600000000,
                  {{"exception.type", text("std::runtime_error")},
                   {"exception.message", text("declined\nby bank")}},
                  2}};
  span.plain.dropped_events = 3;
  span.links = {
      {{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736}, {0x00f067aa0ba902b7}, 0, false, "", {}, 0},
      {{0, 0xff}, {1}, 1, true, "vendor=y", {{"why", text("batch")}}, 4}};
  span.plain.dropped_links = 5;
  span.plain.status = waggle::StatusCode::Error;
  span.status_message = "card declined";
  waggle::Resource resource = shop();
  resource.set("process.pid", std::int64_t{1234});
  resource.set_schema_url("https://opentelemetry.io/schemas/1.26.0");
  check_golden("full_span", encode({span}, resource));
}

TEST_CASE("each kind of value has its form, zeros and empty ones included") {
  OwnedSpan span = tick();
  span.plain.status = waggle::StatusCode::Ok;
  span.attributes = {
      {"empty", empty_value()},
      {"true", boolean(true)},
      {"false", boolean(false)},
      {"zero", int64(0)},
      {"lowest", int64(std::numeric_limits<std::int64_t>::min())},
      {"unsigned", uint64(std::numeric_limits<std::uint64_t>::max())},
      {"double", float64(0.1)},
      {"large double", float64(1e22)},
      {"nan", float64(kNan)},
      {"infinity", float64(kInfinity)},
      {"minus infinity", float64(-kInfinity)},
      {"no text", text("")},
      {"text", text("Gr\xc3\xbc\xc3\x9f"
                    "e \xf0\x9f\x90\x9d \t\x01\\")},
      {"not utf-8", text("caf\xc3!")},
      {"bytes", bytes("\x00\x01\x02\x7f"s)},
      {"no elements", array({})},
      {"array", array({int64(-1), text("two"), boolean(true), float64(4), empty_value()})},
      {"map", map({{"a", int64(1)}, {"inner", map({{"b", array({bytes("\xfb\xff")})}})}})},
      {"no members", map({})}};
  check_golden("all_value_kinds", encode({span}));
}

TEST_CASE("spans stand under their scopes, each with its own schema URL") {
  std::vector<OwnedSpan> spans = {
      tick_in("billing", "1.2", "https://opentelemetry.io/schemas/1.27.0"),
      tick_in("billing", "1.2", "https://opentelemetry.io/schemas/1.27.0"),
      tick_in("database", "", "https://opentelemetry.io/schemas/1.26.0")};
  for (std::size_t i = 0; i < spans.size(); ++i) spans[i].plain.span_id = {0xb0 + i};
  waggle::Resource resource = shop();
  resource.set_schema_url("https://opentelemetry.io/schemas/1.25.0");
  check_golden("two_scopes", encode(spans, resource));
}

TEST_CASE("a type's name that nobody demangled is text") {
  OwnedSpan span = tick();
  span.attributes = {{"type", {waggle::ValueTag::MangledType, "St9exception", {}}}};
  CHECK(encode_one(span).at("attributes").at(0).at("value") ==
        json{{"stringValue", "St9exception"}});
}

TEST_CASE("doubles that are not finite can be left out, in lists too, and are counted") {
  OwnedSpan span = tick();
  span.attributes = {{"nan", float64(kNan)},
                     {"list", array({float64(1), float64(kInfinity), float64(2)})},
                     {"only bad", array({float64(-kInfinity)})},
                     {"map", map({{"bad", float64(kNan)}, {"good", float64(3)}})}};
  span.events = {{"event", 1, {{"nan", float64(kNan)}}, 0}};
  OtlpEncoder encoder({true});
  const waggle::Resource resource = shop();
  const SpanViews views({span});
  const json body = json::parse(encoder.encode(views.batch(resource)));
  const json& read = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  CHECK(read.at("attributes") == json::parse(R"([
      {"key":"list","value":{"arrayValue":{"values":[{"doubleValue":1},{"doubleValue":2}]}}},
      {"key":"only bad","value":{"arrayValue":{}}},
      {"key":"map","value":{"kvlistValue":{"values":[{"key":"good","value":{"doubleValue":3}}]}}}
  ])"));
  CHECK_FALSE(read.at("events").at(0).contains("attributes"));
  CHECK(encoder.omitted_values() == 5);
  encoder.encode(views.batch(resource));
  CHECK(encoder.omitted_values() == 10);
}

TEST_CASE("an attribute list of which nothing is left is not written") {
  OwnedSpan span = tick();
  span.attributes = {{"nan", float64(kNan)}};
  CHECK_FALSE(encode_one(span, {true}).contains("attributes"));
}

TEST_CASE("the rate is added where it is known, unless the span has one of its own") {
  OwnedSpan span = tick();
  CHECK_FALSE(encode_one(span).contains("attributes"));
  span.plain.sample_rate = 4294967295;
  CHECK(encode_one(span).at("attributes") ==
        json::parse(R"([{"key":"SampleRate","value":{"intValue":"4294967295"}}])"));
  for (const char* own : {"SampleRate", "sampleRate"}) {
    span.attributes = {{own, int64(3)}};
    CHECK(encode_one(span).at("attributes").size() == 1);
  }
  span.attributes = {{"samplerate", int64(3)}};
  CHECK(encode_one(span).at("attributes").size() == 2);
}

TEST_CASE("flags tell the trace's bits and whether the parent is remote") {
  OwnedSpan span = tick();
  for (int flags = 0; flags < 256; ++flags) {
    span.plain.trace_flags = static_cast<std::uint8_t>(flags);
    span.plain.parent_is_remote = false;
    CHECK(encode_one(span).at("flags") == (flags | 0x100));
    span.plain.parent_is_remote = true;
    CHECK(encode_one(span).at("flags") == (flags | 0x300));
  }
}

TEST_CASE("lists are written down to depth 30, where only scalars stand") {
  OwnedSpan span = tick();
  json innermost;
  for (int depth : {1, 2, 29, 30}) {
    span.attributes = {{"deep", nested_lists(depth)}};
    CHECK(count_nested(encode_one(span)["attributes"][0]["value"], innermost) == depth - 1);
    CHECK(innermost == json{{"intValue", "7"}});
  }
  for (int depth : {31, 32, 60}) {
    span.attributes = {{"deep", nested_lists(depth)}};
    CHECK(count_nested(encode_one(span)["attributes"][0]["value"], innermost) == 29);
    CHECK(innermost == json::object());
  }
}

TEST_CASE("a new scope entry begins where the scope changes in any part") {
  const std::vector<OwnedSpan> spans = {
      tick_in("a"), tick_in("a"), tick_in("a", "1"), tick_in("a", "1", "url"),
      tick_in("b"), tick_in(""),  tick_in("", "2")};
  const json body = json::parse(encode(spans));
  const json& scopes = body.at("resourceSpans").at(0).at("scopeSpans");
  REQUIRE(scopes.size() == 6);
  CHECK(scopes.at(0).at("spans").size() == 2);
  CHECK(scopes.at(0).at("scope") == json{{"name", "a"}});
  CHECK(scopes.at(1).at("scope") == json{{"name", "a"}, {"version", "1"}});
  CHECK_FALSE(scopes.at(1).contains("schemaUrl"));
  CHECK(scopes.at(2).at("schemaUrl") == "url");
  CHECK_FALSE(scopes.at(3).contains("schemaUrl"));
  CHECK(scopes.at(4).at("scope") == json::object());
  CHECK(scopes.at(5).at("scope") == json{{"version", "2"}});
}

TEST_CASE("without spans there is no body") {
  CHECK(encode({}).empty());
  OtlpEncoder encoder;
  const waggle::Resource resource = shop();
  const SpanViews one({tick()});
  const SpanViews none({});
  CHECK_FALSE(encoder.encode(one.batch(resource)).empty());
  CHECK(encoder.encode(none.batch(resource)).empty());
  CHECK(encoder.span_ranges().empty());
  encoder.begin(resource);
  CHECK(encoder.finish().empty());
}

TEST_CASE("a resource without attributes is an empty object") {
  const json body = json::parse(encode({tick()}, waggle::Resource()));
  CHECK(body.at("resourceSpans").at(0).at("resource") == json::object());
}

TEST_CASE("texts of resource and scope are escaped and repaired like any other") {
  waggle::Resource resource;
  resource.set("ke\"y", "a\xff");
  resource.set_schema_url("u\"rl");
  const json body = json::parse(encode({tick_in("n\"ame", "v\n", "s\\")}, resource));
  const json& entry = body.at("resourceSpans").at(0);
  CHECK(entry.at("schemaUrl") == "u\"rl");
  CHECK(entry.at("resource").at("attributes").at(0) ==
        json{{"key", "ke\"y"}, {"value", {{"stringValue", "a\xef\xbf\xbd"}}}});
  CHECK(entry.at("scopeSpans").at(0).at("scope") == json{{"name", "n\"ame"}, {"version", "v\n"}});
  CHECK(entry.at("scopeSpans").at(0).at("schemaUrl") == "s\\");
}

TEST_CASE("span by span gives the same body, and the size so far") {
  const std::vector<OwnedSpan> spans = {tick_in("a"), tick_in("a"), tick_in("b", "", "url")};
  const waggle::Resource resource = shop();
  const SpanViews views(spans);
  OtlpEncoder encoder;
  encoder.begin(resource);
  std::size_t size = 0;
  for (const waggle::FinishedSpan& span : views.spans()) {
    const std::size_t so_far = encoder.add(span);
    CHECK(so_far > size);
    CHECK(so_far == encoder.span_ranges().back().end);
    size = so_far;
  }
  const std::string body = encoder.finish();
  CHECK(body == encode(spans));
  REQUIRE(encoder.span_ranges().size() == 3);
  for (const waggle::ByteRange& range : encoder.span_ranges()) {
    CHECK(json::parse(body.substr(range.begin, range.end - range.begin)).at("name") == "tick");
  }
}

TEST_CASE("any part of a body is what encoding only its spans gives") {
  std::vector<OwnedSpan> spans;
  for (const char* scope : {"a", "a", "a", "b", "c", "c"}) {
    spans.push_back(tick_in(scope, "1", *scope == 'b' ? "" : "url"));
    spans.back().name = "span " + std::to_string(spans.size());
  }
  waggle::Resource resource = shop();
  resource.set_schema_url("resource url");
  OtlpEncoder encoder;
  encoder.encode(SpanViews(spans).batch(resource));
  std::string part = "what was there before";
  for (std::size_t first = 0; first <= spans.size(); ++first) {
    for (std::size_t count = 0; first + count <= spans.size(); ++count) {
      const auto from = spans.begin() + static_cast<std::ptrdiff_t>(first);
      encoder.copy_part(first, count, part);
      CHECK(part == encode({from, from + static_cast<std::ptrdiff_t>(count)}, resource));
    }
  }
}
