#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#include <waggle/exporters/memory_exporter.hpp>

#include "support/sample_trace.hpp"

using waggle::MemoryExporter;
using waggle::RecordedSpan;
using waggle::RecordedValue;
using waggle::SpanStore;
using waggle::ValueTag;
using waggle_test::SampleTrace;

namespace {

const waggle::Deadline kSoon = waggle::Deadline::in(waggle::Milliseconds(1000));

// Exports the spans and forgets them and the exporter.
std::shared_ptr<SpanStore> exported(SampleTrace& trace) {
  const auto store = std::make_shared<SpanStore>();
  MemoryExporter exporter(store);
  CHECK(exporter.export_batch(trace.batch(), kSoon).delivered);
  return store;
}

}  // namespace

TEST_CASE("the store keeps all of a span after its batch and its exporter are gone") {
  const auto store = std::make_shared<SpanStore>();
  {
    SampleTrace trace;
    trace.span("charge", 7, 3).lasting(5, 20).kind(waggle::SpanKind::Client).error("declined");
    trace.attribute("amount", 12.5).event("retry", {{"reason", "timeout"}});
    trace.link({waggle::TraceId{1, 2}, waggle::SpanId{3}, 1, true, "a=b", {}, 4}, {{"why", "it"}});
    waggle::FinishedSpan& span = trace.last();
    span.parent_is_remote = true;
    span.trace_flags = 3;
    span.trace_state = "ot=th:8";
    span.sample_rate = 2;
    span.scope = {"billing", "1.2", "https://schema/1"};
    span.dropped_attributes = 5;
    span.dropped_events = 6;
    span.dropped_links = 7;
    CHECK(MemoryExporter(store).export_batch(trace.batch(), kSoon).delivered);
  }
  REQUIRE(store->size() == 1);
  const RecordedSpan span = store->spans().at(0);
  CHECK(span.trace_id == SampleTrace::kTraceId);
  CHECK(span.span_id.value == 7);
  CHECK(span.parent_id.value == 3);
  CHECK(span.parent_is_remote);
  CHECK(span.trace_flags == 3);
  CHECK(span.trace_state == "ot=th:8");
  CHECK(span.sample_rate == 2);
  CHECK(span.name == "charge");
  CHECK(span.kind == waggle::SpanKind::Client);
  CHECK(span.start_unix_nanoseconds == SampleTrace::kBegin + 5'000'000);
  CHECK(span.end_unix_nanoseconds == SampleTrace::kBegin + 20'000'000);
  CHECK(span.status == waggle::StatusCode::Error);
  CHECK(span.status_message == "declined");
  CHECK(span.scope_name == "billing");
  CHECK(span.scope_version == "1.2");
  CHECK(span.scope_schema_url == "https://schema/1");
  CHECK(span.attribute("amount") == 12.5);
  CHECK(span.dropped_attributes == 5);
  CHECK(span.dropped_events == 6);
  CHECK(span.dropped_links == 7);

  REQUIRE(span.events.size() == 1);
  CHECK(span.events[0].name == "retry");
  CHECK(span.events[0].unix_nanoseconds == SampleTrace::kBegin);
  CHECK(span.events[0].attributes.at("reason") == "timeout");

  REQUIRE(span.links.size() == 1);
  CHECK(span.links[0].trace_id == waggle::TraceId{1, 2});
  CHECK(span.links[0].span_id.value == 3);
  CHECK(span.links[0].trace_flags == 1);
  CHECK(span.links[0].is_remote);
  CHECK(span.links[0].trace_state == "a=b");
  CHECK(span.links[0].attributes.at("why") == "it");
  CHECK(span.links[0].dropped_attributes == 4);
}

TEST_CASE("values compare by kind and value") {
  SampleTrace trace;
  trace.span("values", 1)
      .attribute("flag", true)
      .attribute("one", 1)
      .attribute("minus", -1)
      .attribute("large", ~std::uint64_t{0})
      .attribute("part", 0.5)
      .attribute("unordered", std::nan(""))
      .attribute("text", "1");
  const RecordedSpan span = exported(trace)->find("values");
  CHECK(span.attribute("flag") == true);
  CHECK(span.attribute("flag") != false);
  CHECK(span.attribute("flag") != 1);
  CHECK(span.attribute("one") == 1);
  CHECK(span.attribute("one") == 1U);
  CHECK(span.attribute("one") == std::int64_t{1});
  CHECK(span.attribute("one") != 2);
  CHECK(span.attribute("one") != true);
  CHECK(span.attribute("one") != 1.0);
  CHECK(span.attribute("one") != "1");
  CHECK(span.attribute("minus") == -1);
  CHECK(span.attribute("minus") != ~std::uint64_t{0});
  CHECK(span.attribute("large") == ~std::uint64_t{0});
  CHECK(span.attribute("large") != -1);
  CHECK(span.attribute("part") == 0.5);
  CHECK(span.attribute("part") == 0.5F);
  CHECK(span.attribute("part") != 0.25);
  CHECK(span.attribute("part") != 0.75);
  CHECK(span.attribute("unordered") != 0.5);
  CHECK(span.attribute("text") == "1");
  CHECK(span.attribute("text") == std::string("1"));
  CHECK(span.attribute("text") == std::string_view("1"));
  CHECK(span.attribute("text") != "10");
  CHECK(span.attribute("text") != 1);
}

TEST_CASE("what is not there is empty and equals nothing") {
  SampleTrace trace;
  trace.span("there", 1).attribute("empty", "");
  const auto store = exported(trace);
  CHECK(store->find("not there").name.empty());
  CHECK_FALSE(store->find("not there").span_id.is_valid());
  CHECK(store->find("there").attribute("empty") == "");
  CHECK(store->find("there").attribute("absent").tag() == ValueTag::Empty);
  CHECK(store->find("there").attribute("absent") != "");
  CHECK(store->find("there").attribute("absent") != 0);
  CHECK(store->find("there").attribute("absent") != false);
}

TEST_CASE("arrays and maps own their elements") {
  SampleTrace trace;
  const auto inner = trace.list({{"", trace.make(2.5)}});
  trace.span("lists", 1)
      .attribute("array", trace.list({{"", trace.make("one")}, {"", trace.make(2)}, {"", inner}}))
      .attribute("map", trace.list({{"key", trace.make(true)}, {"second", trace.make("x")}}))
      .attribute("none", trace.list({}));
  const RecordedSpan span = exported(trace)->find("lists");

  const RecordedValue array = span.attribute("array");
  CHECK(array.tag() == ValueTag::Array);
  REQUIRE(array.elements().size() == 3);
  CHECK(array.elements()[0] == "one");
  CHECK(array.elements()[1] == 2);
  REQUIRE(array.elements()[2].elements().size() == 1);
  CHECK(array.elements()[2].elements()[0] == 2.5);

  const RecordedValue map = span.attribute("map");
  CHECK(map.tag() == ValueTag::Map);
  CHECK(map.keys() == std::vector<std::string>{"key", "second"});
  REQUIRE(map.elements().size() == 2);
  CHECK(map.elements()[0] == true);
  CHECK(map.elements()[1] == "x");
  CHECK(span.attribute("none").elements().empty());
}

TEST_CASE("recorded values and whole lists of attributes compare with each other") {
  SampleTrace trace;
  const auto fill = [&trace](const char* name, int number) {
    trace.span(name, 1)
        .attribute("map", trace.list({{"key", trace.make(number)}, {"other", trace.make("x")}}))
        .attribute("half", 0.5);
  };
  fill("one", 1);
  fill("same", 1);
  fill("different", 2);
  trace.span("zero", 4).attribute("zero", 0.0).attribute("minus zero", -0.0);
  trace.attribute("unordered", std::nan("")).attribute("text", "").attribute("number", 0);
  const auto store = exported(trace);
  CHECK(store->find("one").attributes == store->find("same").attributes);
  CHECK(store->find("one").attributes != store->find("different").attributes);
  const RecordedSpan zero = store->find("zero");
  CHECK(zero.attribute("zero") == zero.attribute("minus zero"));
  CHECK(zero.attribute("unordered") != zero.attribute("unordered"));
  CHECK(zero.attribute("text") != zero.attribute("absent"));
  CHECK(zero.attribute("number") != zero.attribute("zero"));
  CHECK(zero.attribute("absent") == RecordedValue());
}

TEST_CASE("a failed test shows the value that it found") {
  SampleTrace trace;
  trace.span("values", 1)
      .attribute("list", trace.list({{"", trace.make(-1)}, {"", trace.make("two")}}))
      .attribute("map", trace.list({{"a", trace.make(true)}, {"b", trace.make(0.25)}}))
      .attribute("large", ~std::uint64_t{0})
      .attribute("bytes", waggle::ValueView(ValueTag::Bytes, "abc"));
  const RecordedSpan span = exported(trace)->find("values");
  const auto shown = [](const RecordedValue& value) {
    std::ostringstream stream;
    stream << value;
    return stream.str();
  };
  CHECK(shown(span.attribute("list")) == R"([-1, "two"])");
  CHECK(shown(span.attribute("map")) == R"({"a": true, "b": 0.25})");
  CHECK(shown(span.attribute("large")) == "18446744073709551615");
  CHECK(shown(span.attribute("bytes")) == "(3 bytes)");
  CHECK(shown(span.attribute("absent")) == "(nothing)");
  CHECK(doctest::toString(span.attribute("list")) == R"([-1, "two"])");
}

TEST_CASE("a store with a limit takes whole batches only, and fails those that do not fit") {
  const auto store = std::make_shared<SpanStore>(3);
  MemoryExporter exporter(store);
  SampleTrace two;
  two.span("a", 1).span("b", 2);
  SampleTrace one;
  one.span("c", 3);
  CHECK(exporter.export_batch(two.batch(), kSoon).delivered);
  const waggle::ExportResult result = exporter.export_batch(two.batch(), kSoon);
  CHECK_FALSE(result.delivered);
  CHECK(result.reason == "the store holds 3 spans at most");
  CHECK(store->size() == 2);
  CHECK(exporter.export_batch(one.batch(), kSoon).delivered);
  CHECK_FALSE(exporter.export_batch(one.batch(), kSoon).delivered);
  CHECK(store->size() == 3);
  store->clear();
  CHECK(exporter.export_batch(two.batch(), kSoon).delivered);
}

TEST_CASE("spans stand in the order of export, and find() returns the first of a name") {
  SampleTrace first;
  first.span("a", 1).span("b", 2);
  SampleTrace second;
  second.span("b", 3);
  const auto store = std::make_shared<SpanStore>();
  CHECK(MemoryExporter(store).export_batch(first.batch(), kSoon).delivered);
  CHECK(MemoryExporter(store).export_batch(second.batch(), kSoon).delivered);
  CHECK(store->size() == 3);
  CHECK(store->find("b").span_id.value == 2);
  CHECK(store->spans().at(2).span_id.value == 3);
  store->clear();
  CHECK(store->size() == 0);
  CHECK(store->spans().empty());
}

TEST_CASE("a store may be read while several exporters fill it") {
  constexpr std::size_t kBatches = 200;
  const auto store = std::make_shared<SpanStore>();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&store] {
      SampleTrace trace;
      trace.span("work", 1).attribute("key", "value");
      MemoryExporter exporter(store);
      for (std::size_t j = 0; j < kBatches; ++j) exporter.export_batch(trace.batch(), kSoon);
    });
  }
  for (int i = 0; i < 50; ++i) CHECK(store->spans().size() <= 3 * kBatches);
  for (std::thread& thread : threads) thread.join();
  CHECK(store->size() == 3 * kBatches);
  CHECK(store->find("work").attribute("key") == "value");
}
