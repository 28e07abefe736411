// Baggage with a tracer at work: who inherits it, and which of it becomes attributes.
#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/driver.hpp"

using namespace waggle;

namespace {

// A tracer that copies the baggage of these names, into a store.
struct Traced {
  explicit Traced(std::vector<std::string> names, SpanLimits limits = {}) {
    Config config;
    config.baggage_attributes = std::move(names);
    config.limits = limits;
    config.exporters.push_back(std::make_unique<MemoryExporter>(store));
    waggle_test::choose_driver(config);
    tracing = start(std::move(config));
    REQUIRE(tracing.ok());
  }

  RecordedSpan span(const char* name) {
    REQUIRE(tracing.force_flush());
    return store->find(name);
  }

  std::shared_ptr<SpanStore> store = std::make_shared<SpanStore>();
  Tracing tracing;
};

std::string header(const SpanContext& context) {
  std::map<std::string, std::string> headers;
  inject(context, headers);
  return headers["baggage"];
}

SpanOptions below(const SpanContext& parent) {
  SpanOptions options;
  options.parent = parent;
  return options;
}

const SpanContext kRemote(TraceId{1, 2}, SpanId{3}, 1, true, kUnknownThreshold, "a=b");

}  // namespace

TEST_CASE("a remote parent's baggage reaches every span below it, and goes out with each") {
  Traced traced({"tenant"});
  {
    const Span server{"server", below(kRemote.with_baggage("tenant", "7").with_baggage("x", "y"))};
    const Span child{"child"};
    CHECK(header(child.context()) == "tenant=7,x=y");
    CHECK(header(current_context()) == "tenant=7,x=y");
    CHECK(child.context().trace_state() == "a=b");
    std::thread elsewhere([context = child.context()] { const Span task{"task", below(context)}; });
    elsewhere.join();
    DetachedSpan detached{"detached"};
  }
  for (const char* name : {"server", "child", "task", "detached"}) {
    CAPTURE(name);
    const RecordedSpan span = traced.span(name);
    CHECK(span.attribute("tenant") == "7");
    CHECK(span.attributes.size() == 1);
    CHECK(span.trace_state == "a=b");
  }
}

TEST_CASE("baggage without a span goes to the root that is begun with it") {
  Traced traced({"tenant"});
  const SpanContext baggage = SpanContext{}.with_baggage("tenant", "7");
  {
    const Span root{"by parent", below(baggage)};
    CHECK(root.context().is_valid());
    CHECK(header(root.context()) == "tenant=7");
  }
  {
    const Span outer{"outer"};
    const ContextGuard guard{baggage};
    CHECK(header(current_context()) == "tenant=7");
    const Span root{"by guard"};
    CHECK(root.context().trace_id() != outer.context().trace_id());
    CHECK(header(root.context()) == "tenant=7");
  }
  for (const char* name : {"by parent", "by guard"}) {
    CAPTURE(name);
    CHECK_FALSE(traced.span(name).parent_id.is_valid());
    CHECK(traced.span(name).attribute("tenant") == "7");
    CHECK(traced.span(name).trace_state == "ot=th:0");
  }
  CHECK(traced.span("outer").attributes.empty());
}

TEST_CASE("a guard adds baggage for a while, below the same span") {
  Traced traced({"step"});
  {
    const Span outer{"outer"};
    {
      const ContextGuard guard{outer.context().with_baggage("step", "1")};
      const Span inner{"inner"};
      CHECK(header(inner.context()) == "step=1");
    }
    const Span after{"after"};
    CHECK(header(after.context()).empty());
  }
  CHECK(traced.span("inner").parent_id == traced.span("outer").span_id);
  CHECK(traced.span("inner").attribute("step") == "1");
  CHECK(traced.span("after").attributes.empty());
}

TEST_CASE(
    "a span's own attribute wins over baggage of that name, and of one name the last counts") {
  Traced traced({"tenant", "zone"});
  std::map<std::string, std::string> headers{{"baggage", "tenant=a,zone=1,zone=2"}};
  {
    Span span{"span", below(extract(headers))};
    span.set_attribute("tenant", "own");
  }
  CHECK(traced.span("span").attribute("tenant") == "own");
  CHECK(traced.span("span").attribute("zone") == "2");
  CHECK(traced.span("span").attributes.size() == 2);
}

TEST_CASE("limits hold for what baggage brings") {
  SpanLimits limits;
  limits.attribute_count = 1;
  limits.attribute_value_length = 3;
  Traced traced({"a", "b"}, limits);
  {
    const Span span{"span", below(SpanContext{}.with_baggage("a", "12345").with_baggage("b", "2"))};
  }
  CHECK(traced.span("span").attribute("a") == "123");
  CHECK(traced.span("span").attributes.size() == 1);
  CHECK(traced.span("span").dropped_attributes == 1);
}

TEST_CASE("unless names are chosen no baggage becomes an attribute") {
  Traced traced({});
  { const Span span{"span", below(kRemote.with_baggage("tenant", "7"))}; }
  CHECK(traced.span("span").attributes.empty());
  CHECK(traced.span("span").trace_state == "a=b");
}

TEST_CASE("T17: the trace that is not sampled carries its baggage on all the same") {
  Traced traced({"tenant"});
  const SpanContext unsampled(TraceId{1, 2}, SpanId{3}, 0, true);
  const Span server{"server", below(unsampled.with_baggage("tenant", "7"))};
  const Span child{"child"};
  CHECK_FALSE(child.is_recording());
  CHECK(header(child.context()) == "tenant=7");
}
