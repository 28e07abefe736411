// What the light band's calls become once they are collected.
#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <waggle/api/propagation.hpp>

#include "support/recording.hpp"

using waggle::ContextGuard;
using waggle::DetachedSpan;
using waggle::RecordedSpan;
using waggle::Span;
using waggle::SpanContext;
using waggle::SpanKind;
using waggle::SpanOptions;
using waggle::StatusCode;
using waggle::Timestamp;
using waggle_test::Recording;

TEST_CASE("T16: a span is the child of the thread's current span") {
  Recording recording;
  {
    Span root{"root"};
    {
      Span first{"first"};
      Span below{"below first"};
    }
    Span second{"second"};
  }
  const RecordedSpan root = recording.find("root");
  CHECK_FALSE(root.parent_id.is_valid());
  CHECK(recording.find("first").parent_id == root.span_id);
  CHECK(recording.find("second").parent_id == root.span_id);
  CHECK(recording.find("below first").parent_id == recording.find("first").span_id);
  for (const RecordedSpan& span : recording.spans()) CHECK(span.trace_id == root.trace_id);
  CHECK(recording.spans().size() == 4);
}

TEST_CASE("an explicit parent wins over the current span, and root() begins a trace") {
  Recording recording;
  const SpanContext elsewhere(waggle::TraceId{7, 8}, waggle::SpanId{9}, 1, true);
  {
    Span current{"current"};
    SpanOptions options;
    options.parent = elsewhere;
    { Span child{"child of elsewhere", options}; }
    options.parent = waggle::Parent::root();
    { Span fresh{"fresh", options}; }
    options.parent = SpanContext{};
    { Span invalid{"invalid parent", options}; }
  }
  const RecordedSpan child = recording.find("child of elsewhere");
  CHECK(child.trace_id == elsewhere.trace_id());
  CHECK(child.parent_id == elsewhere.span_id());
  CHECK(child.parent_is_remote);
  CHECK(recording.find("fresh").trace_id != recording.find("current").trace_id);
  CHECK_FALSE(recording.find("fresh").parent_id.is_valid());
  CHECK_FALSE(recording.find("invalid parent").parent_id.is_valid());
}

TEST_CASE("every kind of attribute arrives as it was set") {
  enum class Colour : std::uint8_t { Red = 3 };
  Recording recording;
  {
    Span span{"values"};
    span.set_attribute("bool", true);
    span.set_attribute("int8", std::int8_t{-8});
    span.set_attribute("uint8", std::uint8_t{200});
    span.set_attribute("int64", INT64_MIN);
    span.set_attribute("uint64", std::uint64_t{1} << 62);
    span.set_attribute("too large", UINT64_MAX);
    span.set_attribute("float", 0.5F);
    span.set_attribute("double", 1e300);
    span.set_attribute("enum", Colour::Red);
    span.set_attribute("literal", "text");
    span.set_attribute("string", std::string("tempor") + "ary");
    span.set_attribute("empty", "");
    const char* none = nullptr;
    span.set_attribute("null", none);
    span.set_attribute("ints", {1, 2, 3});
    span.set_attribute("bools", std::vector<bool>{true, false});
    span.set_attribute("texts", std::vector<std::string>{"a", "", "ccccccccccccccccccccc"});
    const double numbers[] = {0.5, 1.5};
    span.set_attribute("array", numbers);
    span.set_attribute(std::string("computed.") + "key", 1);
  }
  const RecordedSpan span = recording.find("values");
  CHECK(span.attribute("bool") == true);
  CHECK(span.attribute("int8") == -8);
  CHECK(span.attribute("uint8") == 200);
  CHECK(span.attribute("int64") == INT64_MIN);
  CHECK(span.attribute("uint64") == (std::int64_t{1} << 62));
  CHECK(span.attribute("too large").tag() == waggle::ValueTag::Unsigned);
  CHECK(span.attribute("too large").word() == UINT64_MAX);
  CHECK(span.attribute("float") == 0.5);
  CHECK(span.attribute("double") == 1e300);
  CHECK(span.attribute("enum") == 3);
  CHECK(span.attribute("literal") == "text");
  CHECK(span.attribute("string") == "temporary");
  CHECK(span.attribute("empty") == "");
  CHECK(span.attribute("null").tag() == waggle::ValueTag::Empty);
  REQUIRE(span.attribute("ints").elements().size() == 3);
  CHECK(span.attribute("ints").elements()[2] == 3);
  REQUIRE(span.attribute("bools").elements().size() == 2);
  CHECK(span.attribute("bools").elements()[0] == true);
  CHECK(span.attribute("texts").elements()[1] == "");
  CHECK(span.attribute("texts").elements()[2] == "ccccccccccccccccccccc");
  CHECK(span.attribute("array").elements()[1] == 1.5);
  CHECK(span.attribute("computed.key") == 1);
}

TEST_CASE("no text of any length loses or gains a byte, in the span or beyond it") {
  Recording recording;
  for (std::size_t size = 0; size < 700; size += size < 40 ? 1 : 37) {
    Span span{"text " + std::to_string(size)};
    span.set_attribute("before", 1);
    span.set_attribute("text", std::string(size, 'x'));
    span.set_attribute("after", 2);
  }
  std::size_t size = 0;
  for (const RecordedSpan& span : recording.spans()) {
    CHECK(span.name == "text " + std::to_string(size));
    CHECK(span.attribute("before") == 1);
    CHECK(span.attribute("text") == std::string(size, 'x'));
    CHECK(span.attribute("after") == 2);
    size += size < 40 ? 1 : 37;
  }
}

TEST_CASE("names of any length are kept whole") {
  Recording recording;
  constexpr std::size_t kSizes[] = {1, 247, 248, 249, 1000, 9000};
  for (std::size_t size : kSizes) {
    { Span span{std::string(size, 'n')}; }
    CHECK(recording.find(std::string(size, 'n')).span_id.is_valid());
  }
}

TEST_CASE("T23, J24: the last of equal keys counts, and it counts once") {
  Recording recording;
  {
    Span span{"twice"};
    span.set_attribute("key", 1);
    span.set_attribute("other", 2);
    span.set_attribute("key", "three");
  }
  const RecordedSpan span = recording.find("twice");
  CHECK(span.attributes.size() == 2);
  CHECK(span.attribute("key") == "three");
}

TEST_CASE("T35, T36: counts are limited as specified, and what is beyond is counted") {
  Recording recording;
  {
    Span span{"many"};
    for (int i = 0; i < 200; ++i) span.set_attribute("key" + std::to_string(i), i);
    span.set_attribute("key5", "overwritten beyond the limit");
    span.set_attribute("", 1);
  }
  {
    Span span{"many events"};
    for (int i = 0; i < 150; ++i) span.add_event("event");
  }
  {
    Span span{"many links"};
    for (int i = 0; i < 130; ++i) span.add_link(span.context());
  }
  const RecordedSpan span = recording.find("many");
  CHECK(span.attributes.size() == 128);
  CHECK(span.dropped_attributes == 73);
  CHECK(span.attribute("key5") == "overwritten beyond the limit");
  CHECK(recording.find("many events").events.size() == 128);
  CHECK(recording.find("many events").dropped_events == 22);
  CHECK(recording.find("many links").links.size() == 128);
  CHECK(recording.find("many links").dropped_links == 2);
}

TEST_CASE("T37: a length limit counts characters and cuts none in two") {
  waggle::Config config;
  config.limits.attribute_value_length = 3;
  Recording recording(std::move(config));
  {
    Span span{"cut"};
    span.set_attribute("umlauts", "äöüß");
    span.set_attribute("texts", std::vector<std::string>{"abcdef", "x"});
    span.set_attribute("number", 123456);
  }
  const RecordedSpan span = recording.find("cut");
  CHECK(span.attribute("umlauts") == "äöü");
  CHECK(span.attribute("texts").elements().at(0) == "abc");
  CHECK(span.attribute("texts").elements().at(1) == "x");
  CHECK(span.attribute("number") == 123456);
}

TEST_CASE("a span that outgrows its record is cut and says so, and is never lost") {
  Recording recording;
  {
    Span span{"huge"};
    span.set_attribute("first", 1);
    span.set_attribute("statement", std::string(40000, 'q'));
    for (int i = 0; i < 50; ++i)
      span.set_attribute("more" + std::to_string(i), std::string(100, 'm'));
    span.add_event("no room for this");
  }
  const RecordedSpan span = recording.find("huge");
  CHECK(span.attribute("first") == 1);
  const std::string kept = span.attribute("statement").text();
  CHECK(kept.size() > 15000);
  CHECK(kept.size() < 16384);
  CHECK(span.attribute("waggle.truncated_values") == 1);
  CHECK(span.dropped_attributes > 0);
}

TEST_CASE("many open spans that all outgrow themselves share a bounded pool") {
  Recording recording;
  constexpr int kSpans = 60;
  {
    std::vector<std::unique_ptr<Span>> open;
    for (int i = 0; i < kSpans; ++i) {
      open.push_back(std::make_unique<Span>("big"));
      open.back()->set_attribute("small", i);
      open.back()->set_attribute("large", std::string(5000, 'x'));
    }
    while (!open.empty()) open.pop_back();
  }
  const std::vector<RecordedSpan> spans = recording.spans();
  const waggle::Stats stats = waggle::stats();
  CHECK(stats.in_flight + stats.queued == 0);
  int complete = 0;
  for (const RecordedSpan& span : spans) {
    CHECK(span.attributes.count("small") == 1);
    complete += span.attributes.count("large") == 1 ? 1 : 0;
    if (span.attributes.count("large") == 0) CHECK(span.dropped_attributes == 1);
  }
  CHECK(complete > 9);
}

TEST_CASE("T24: events keep their order, attributes and times") {
  Recording recording;
  {
    Span span{"eventful"};
    span.add_event("first", {{"a", 1}, {"b", std::string("temp") + "orary"}});
    span.set_attribute("between", true);
    span.add_event("second", {}, Timestamp{1234567890});
    span.add_event("third", {}, Timestamp{4102444800000000000});
  }
  const RecordedSpan span = recording.find("eventful");
  REQUIRE(span.events.size() == 3);
  CHECK(span.events[2].unix_nanoseconds == 4102444800000000000);
  CHECK(span.events[0].name == "first");
  CHECK(span.events[0].attributes.at("a") == 1);
  CHECK(span.events[0].attributes.at("b") == "temporary");
  CHECK(span.events[0].unix_nanoseconds >= span.start_unix_nanoseconds);
  CHECK(span.events[0].unix_nanoseconds <= span.end_unix_nanoseconds + 1000);
  CHECK(span.events[1].unix_nanoseconds == 1234567890);
  CHECK(span.attribute("between") == true);
}

TEST_CASE(
    "T25: links carry context, tracestate and attributes, and one without ids may have the rest") {
  Recording recording;
  const SpanContext linked(waggle::TraceId{1, 2}, waggle::SpanId{3}, 1, true,
                           waggle::kUnknownThreshold, "vendor=x");
  {
    Span span{"linked", SpanOptions{}, {{"at", "start"}}, {{linked, {{"why", "batch"}}}}};
    span.add_link(linked);
    span.add_link(SpanContext{});
    span.add_link(SpanContext{}, {{"why", "no ids"}});
  }
  const RecordedSpan span = recording.find("linked");
  CHECK(span.attribute("at") == "start");
  REQUIRE(span.links.size() == 3);
  CHECK(span.links[0].trace_id == linked.trace_id());
  CHECK(span.links[0].span_id == linked.span_id());
  CHECK(span.links[0].is_remote);
  CHECK(span.links[0].trace_state == "vendor=x");
  CHECK(span.links[0].attributes.at("why") == "batch");
  CHECK(span.links[1].attributes.empty());
  CHECK_FALSE(span.links[2].trace_id.is_valid());
  CHECK(span.links[2].attributes.at("why") == "no ids");
}

TEST_CASE("T26, T27: Ok is final, Unset is ignored, a description goes with Error only") {
  Recording recording;
  {
    Span ok{"ok"};
    ok.set_status(StatusCode::Error, "early");
    ok.set_status(StatusCode::Ok, "ignored");
    ok.set_status(StatusCode::Error, "late");
  }
  {
    Span error{"error"};
    error.set_status(StatusCode::Error, "first");
    error.set_status(StatusCode::Error, "second");
    error.set_status(StatusCode::Unset);
  }
  CHECK(recording.find("ok").status == StatusCode::Ok);
  CHECK(recording.find("ok").status_message.empty());
  CHECK(recording.find("error").status == StatusCode::Error);
  CHECK(recording.find("error").status_message == "second");
}

TEST_CASE("T32: an exception is an event with its type and message; given attributes win") {
  Recording recording;
  {
    Span span{"failing"};
#if defined(__cpp_exceptions)
    try {
      throw std::out_of_range("no such order");
    } catch (const std::exception& exception) {
      span.record_exception(exception);
      span.record_exception(exception, {{"exception.message", "in other words"}, {"extra", 1}});
    }
#endif
  }
#if defined(__cpp_exceptions) && defined(__cpp_rtti)
  const RecordedSpan span = recording.find("failing");
  REQUIRE(span.events.size() == 2);
  CHECK(span.events[0].name == "exception");
  CHECK(span.events[0].attributes.at("exception.type") == "std::out_of_range");
  CHECK(span.events[0].attributes.at("exception.message") == "no such order");
  CHECK(span.events[1].attributes.at("exception.message") == "in other words");
  CHECK(span.events[1].attributes.at("extra") == 1);
  CHECK(span.status == StatusCode::Unset);
#endif
}

TEST_CASE(
    "T24, J17: explicit times are kept to the nanosecond, and an end never lies before its start") {
  Recording recording;
  SpanOptions options;
  options.start_time = Timestamp{1700000000123456789U};
  {
    Span span{"given", options};
    span.end(Timestamp{1700000000123456999U});
  }
  {
    Span span{"backwards", options};
    span.end(Timestamp{1600000000000000000U});
  }
  {
    options.start_time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1500));
    Span span{"chrono", options};
  }
  CHECK(recording.find("given").start_unix_nanoseconds == 1700000000123456789U);
  CHECK(recording.find("given").end_unix_nanoseconds == 1700000000123456999U);
  CHECK(recording.find("backwards").end_unix_nanoseconds == 1700000000123456789U);
  CHECK(recording.find("chrono").start_unix_nanoseconds == 1500000000U);
}

TEST_CASE("T29: only the first end counts, and nothing is kept after it") {
  Recording recording;
  {
    Span span{"ended"};
    const SpanContext before = span.context();
    span.end();
    span.end();
    span.set_attribute("late", 1);
    span.add_event("late");
    CHECK_FALSE(span.is_recording());
    CHECK(span.context().span_id() == before.span_id());
    Span next{"next"};
    CHECK_FALSE(waggle::current_context().span_id() == before.span_id());
  }
  CHECK(recording.spans().size() == 2);
  CHECK(recording.find("ended").attributes.empty());
  CHECK_FALSE(recording.find("next").parent_id.is_valid());
}

TEST_CASE("a detached span is never current, moves, and ends on another thread") {
  Recording recording;
  {
    Span root{"root"};
    DetachedSpan detached{"detached"};
    CHECK(waggle::current_context().span_id() == root.context().span_id());
    detached.set_attribute("here", 1);
    std::thread([moved = std::move(detached)]() mutable {
      moved.set_attribute("there", std::string(1000, 'x'));
      DetachedSpan again = std::move(moved);
      again.set_attribute("again", true);
    }).join();
    CHECK_FALSE(detached.is_recording());  // NOLINT: a moved-from span is a no-op
  }
  const RecordedSpan span = recording.find("detached");
  CHECK(span.parent_id == recording.find("root").span_id);
  CHECK(span.attribute("here") == 1);
  CHECK(span.attribute("there") == std::string(1000, 'x'));
  CHECK(span.attribute("again") == true);
  CHECK(recording.spans().size() == 2);
}

TEST_CASE("a guard makes a span or a context current, and current_span() reaches the span") {
  Recording recording;
  DetachedSpan request{"request"};
  {
    ContextGuard guard{request};
    waggle::current_span().set_attribute("reached", true);
    Span child{"child"};
  }
  CHECK_FALSE(waggle::current_context().is_valid());
  std::thread([context = request.context()] {
    ContextGuard guard{context};
    waggle::current_span().set_attribute("not reached", true);
    Span child{"child elsewhere"};
  }).join();
  request.end();
  CHECK(recording.find("request").attribute("reached") == true);
  CHECK(recording.find("request").attributes.size() == 1);
  CHECK(recording.find("child").parent_id == request.context().span_id());
  CHECK(recording.find("child elsewhere").parent_id == request.context().span_id());
}

TEST_CASE("current_span() is never null, and a kept one is harmless after the span's end") {
  waggle::current_span().set_attribute("nobody", 1);
  Recording recording;
  waggle::current_span().set_attribute("nobody", 1);
  waggle::CurrentSpan kept;
  {
    Span span{"kept"};
    kept = waggle::current_span();
    CHECK(kept.context().span_id() == span.context().span_id());
    kept.set_attribute("while open", 1);
  }
  kept.set_attribute("too late", 1);
  CHECK_FALSE(kept.context().is_valid());
  Span other{"other"};
  kept.set_attribute("mine?", 1);
  other.end();
  CHECK(recording.find("kept").attributes.size() == 1);
  CHECK(recording.find("other").attributes.empty());
}

TEST_CASE("spans deeper than 64 are recorded, and never current") {
  Recording recording;
  std::vector<std::unique_ptr<Span>> open;
  for (int depth = 0; depth < 100; ++depth) {
    open.push_back(std::make_unique<Span>("depth " + std::to_string(depth)));
  }
  const SpanContext deepest = open[63]->context();
  CHECK(waggle::current_context().span_id() == deepest.span_id());
  while (!open.empty()) open.pop_back();
  CHECK_FALSE(waggle::current_context().is_valid());
  CHECK(recording.spans().size() == 100);
  CHECK(recording.find("depth 80").parent_id == deepest.span_id());
  CHECK(recording.find("depth 40").parent_id == recording.find("depth 39").span_id);
}

TEST_CASE("T20: without a tracer spans do nothing, and hand a given parent on") {
  const SpanContext parent(waggle::TraceId{1, 2}, waggle::SpanId{3}, 1, true,
                           waggle::kUnknownThreshold, "vendor=x");
  Span plain{"plain"};
  CHECK_FALSE(plain.is_recording());
  CHECK_FALSE(plain.context().is_valid());
  SpanOptions options;
  options.parent = parent;
  Span passing{"passing", options};
  passing.set_attribute("ignored", 1);
  CHECK_FALSE(passing.is_recording());
  CHECK(passing.context().span_id() == parent.span_id());
  CHECK(passing.context().trace_state() == "vendor=x");
}

TEST_CASE("a span left open over shutdown is counted when it ends") {
  const waggle::Stats before = waggle::stats();
  auto recording = std::make_unique<Recording>();
  Span span{"left open"};
  recording.reset();
  span.end();
  const waggle::Stats after = waggle::stats();
  constexpr auto kReason = waggle::DropReason::AfterShutdown;
  CHECK(after.dropped_for(kReason) == before.dropped_for(kReason) + 1);
}

TEST_CASE("a second start is refused, and the first goes on") {
  Recording first;
  REQUIRE(first.ok());
  Recording second;
  CHECK_FALSE(second.ok());
  CHECK_FALSE(second.tracing().errors().empty());
  { Span span{"to the first"}; }
  CHECK(first.spans().size() == 1);
}

TEST_CASE("tracing starts again after shutdown, with the same threads") {
  for (int round = 0; round < 5; ++round) {
    Recording recording;
    REQUIRE(recording.ok());
    { Span span{"round"}; }
    CHECK(recording.spans().size() == 1);
  }
}

TEST_CASE("scopes are told apart, also when first used in a second session") {
  static const waggle::Scope billing{"billing", "1.0"};
  static const waggle::Scope shipping{"shipping"};
  for (int round = 0; round < 2; ++round) {
    Recording recording;
    { Span span{billing, "b"}; }
    { Span span{shipping, "s"}; }
    { Span span{"none"}; }
    CHECK(recording.find("b").scope_name == "billing");
    CHECK(recording.find("b").scope_version == "1.0");
    CHECK(recording.find("s").scope_name == "shipping");
    CHECK(recording.find("none").scope_name.empty());
  }
}

TEST_CASE("a span's options may be kept and used again") {
  Recording recording;
  SpanOptions options;
  options.kind = SpanKind::Client;
  {
    Span root{"root"};
    options.parent = root.context();
  }
  { Span one{"one", options}; }
  { Span two{"two", options}; }
  CHECK(recording.find("one").kind == SpanKind::Client);
  CHECK(recording.find("two").parent_id == recording.find("root").span_id);
}

TEST_CASE("T28: the name can be replaced") {
  Recording recording;
  {
    Span span{"before"};
    span.update_name("after");
  }
  CHECK(recording.find("after").span_id.is_valid());
  CHECK_FALSE(recording.find("before").span_id.is_valid());
}

TEST_CASE("T16: a remote parent's trace goes on, with its tracestate") {
  Recording recording;
  const SpanContext parent(waggle::TraceId{1, 2}, waggle::SpanId{3}, 3, true,
                           waggle::kUnknownThreshold, "vendor=x");
  {
    SpanOptions options;
    options.parent = parent;
    options.kind = SpanKind::Server;
    Span server{"server", options};
    CHECK(server.context().trace_state() == "vendor=x");
    Span inner{"inner"};
    CHECK(inner.context().trace_state() == "vendor=x");
    CHECK_FALSE(inner.context().is_remote());
  }
  const RecordedSpan server = recording.find("server");
  CHECK(server.trace_state == "vendor=x");
  CHECK(server.sample_rate == 0);
  CHECK(server.trace_flags == 3);
  CHECK(recording.find("inner").trace_state == "vendor=x");
  CHECK(recording.find("inner").parent_id == server.span_id);
}
