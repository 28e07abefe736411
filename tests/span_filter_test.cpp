// The filter's last look at spans, and where they go from there.
#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/recording.hpp"

using waggle::DropReason;
using waggle::SpanEditor;
using waggle_test::Recording;

namespace {

waggle::Config with_filter(waggle::SpanFilter filter) {
  waggle::Config config;
  config.filter = std::move(filter);
  return config;
}

// What a test changes in the books.
struct Change {
  waggle::Stats before = waggle::stats();
  std::uint64_t delivered() const { return waggle::stats().delivered - before.delivered; }
  std::uint64_t dropped(DropReason reason) const {
    return waggle::stats().dropped_for(reason) - before.dropped_for(reason);
  }
};

// Wants every trace recorded, and none exported.
struct RecordOnlySampler final : waggle::Sampler {
  void decide(const waggle::RootRequest&, waggle::RootDecision& decision) const noexcept override {
    decision.decision = waggle::Decision::RecordOnly;
  }
};

// Takes nothing.
struct FailingExporter final : waggle::Exporter {
  waggle::ExportResult export_batch(const waggle::Batch&, waggle::Deadline) noexcept override {
    return waggle::ExportResult::failed("the disk is full");
  }
};

}  // namespace

TEST_CASE("a filter sees the whole span") {
  std::vector<std::string> seen;
  Recording recording(with_filter([&](SpanEditor& editor) {
    seen.emplace_back(editor.span().name);
    CHECK(editor.attribute("order.id")->int64() == 42);
    CHECK(editor.attribute("none") == nullptr);
    CHECK(editor.span().events.size() == 1);
    CHECK(editor.span().end_unix_nanoseconds >= editor.span().start_unix_nanoseconds);
    return true;
  }));
  {
    waggle::Span span{"checkout"};
    span.set_attribute("order.id", 42);
    span.add_event("paid");
  }
  recording.spans();
  CHECK(seen == std::vector<std::string>{"checkout"});
}

TEST_CASE("a filter may change the name and the status") {
  Recording recording(with_filter([](SpanEditor& editor) {
    if (editor.span().name == "GET /users/17") {
      editor.set_name(std::string("GET /users/") + "{id}");
      editor.set_status(waggle::StatusCode::Error, std::string("made") + " up");
    } else {
      editor.set_status(waggle::StatusCode::Ok, "is not kept");
    }
    return true;
  }));
  { waggle::Span span{"GET /users/17"}; }
  {
    waggle::Span span{"other"};
    span.set_status(waggle::StatusCode::Error, "was bad");
  }
  const waggle::RecordedSpan changed = recording.find("GET /users/{id}");
  CHECK(changed.status == waggle::StatusCode::Error);
  CHECK(changed.status_message == "made up");
  const waggle::RecordedSpan other = recording.find("other");
  CHECK(other.status == waggle::StatusCode::Ok);
  CHECK(other.status_message.empty());
}

TEST_CASE("a filter may set attributes of every kind, new ones and old ones") {
  Recording recording(with_filter([](SpanEditor& editor) {
    editor.set_attribute("text", std::string(100, 'x'));
    editor.set_attribute("literal", "a literal");
    editor.set_attribute("boolean", true);
    editor.set_attribute("int", -1);
    editor.set_attribute("long", std::int64_t{1} << 40);
    editor.set_attribute("double", 0.5);
    editor.set_attribute("replaced", "was a number");
    CHECK(editor.attribute("replaced")->text() == "was a number");
    return true;
  }));
  {
    waggle::Span span{"one"};
    span.set_attribute("kept", 1);
    span.set_attribute("replaced", 2);
  }
  { waggle::Span span{"bare"}; }
  const waggle::RecordedSpan one = recording.find("one");
  CHECK(one.attributes.size() == 8);
  CHECK(one.attribute("kept").int64() == 1);
  CHECK(one.attribute("replaced").text() == "was a number");
  const waggle::RecordedSpan bare = recording.find("bare");
  CHECK(bare.attributes.size() == 7);
  CHECK(bare.attribute("text").text() == std::string(100, 'x'));
  CHECK(bare.attribute("literal").text() == "a literal");
  CHECK(bare.attribute("boolean").boolean());
  CHECK(bare.attribute("int").int64() == -1);
  CHECK(bare.attribute("long").int64() == std::int64_t{1} << 40);
  CHECK(bare.attribute("double").float64() == 0.5);
}

TEST_CASE("a filter may remove attributes and events, and nothing is counted as dropped") {
  Recording recording(with_filter([](SpanEditor& editor) {
    editor.remove_attribute("password");
    editor.remove_attribute("was never there");
    editor.remove_events();
    return true;
  }));
  {
    waggle::Span span{"login"};
    span.set_attribute("user", "anna");
    span.set_attribute("password", "secret");
    span.set_attribute("method", "form");
    span.add_event("typed", {{"text", "secret"}});
  }
  const waggle::RecordedSpan span = recording.find("login");
  CHECK(span.attributes.size() == 2);
  CHECK(span.attribute("user").text() == "anna");
  CHECK(span.attribute("method").text() == "form");
  CHECK(span.events.empty());
  CHECK(span.dropped_attributes == 0);
  CHECK(span.dropped_events == 0);
}

TEST_CASE("changing one span leaves its neighbours in the batch alone") {
  Recording recording(with_filter([](SpanEditor& editor) {
    if (editor.span().name != "b") return true;
    for (int i = 0; i < 50; ++i) editor.set_attribute("key" + std::to_string(i), i);
    return true;
  }));
  for (const char* name : {"a", "b", "c"}) {
    waggle::Span span{name};
    span.set_attribute("own", name);
  }
  for (const char* name : {"a", "b", "c"}) {
    const waggle::RecordedSpan span = recording.find(name);
    CHECK(span.attribute("own").text() == name);
    CHECK(span.attributes.size() == (span.name == "b" ? 51 : 1));
  }
}

TEST_CASE("what a filter drops is counted, and its neighbours go on") {
  const Change change;
  Recording recording(
      with_filter([](SpanEditor& editor) { return editor.span().name != "/health"; }));
  for (const char* name : {"/health", "first", "/health", "second", "/health"}) {
    waggle::Span span{name};
  }
  std::vector<std::string> names;
  for (const waggle::RecordedSpan& span : recording.spans()) names.push_back(span.name);
  CHECK(names == std::vector<std::string>{"first", "second"});
  CHECK(change.dropped(DropReason::Filtered) == 3);
  CHECK(change.delivered() == 2);
}

TEST_CASE("a batch of which nothing is left reaches no exporter") {
  struct Counting final : waggle::Exporter {
    int& batches;
    explicit Counting(int& count) : batches(count) {}
    waggle::ExportResult export_batch(const waggle::Batch&, waggle::Deadline) noexcept override {
      ++batches;
      return {};
    }
  };
  int batches = 0;
  waggle::Config config = with_filter([](SpanEditor&) { return false; });
  config.exporters.push_back(std::make_unique<Counting>(batches));
  Recording recording(std::move(config));
  { waggle::Span span{"gone"}; }
  CHECK(recording.tracing().force_flush());
  CHECK(batches == 0);
}

TEST_CASE("a filter that throws has not said that the span may be seen") {
  const Change change;
  Recording recording(with_filter([](SpanEditor& editor) {
    if (editor.span().name == "odd") throw std::runtime_error("a mistake in the filter");
    return true;
  }));
  { waggle::Span span{"odd"}; }
  { waggle::Span span{"even"}; }
  CHECK(recording.spans().size() == 1);
  CHECK(recording.find("even").name == "even");
  CHECK(change.dropped(DropReason::Filtered) == 1);
  CHECK(change.delivered() == 1);
}

TEST_CASE("spans that are recorded only are shown to the filter and never exported") {
  const Change change;
  int seen = 0;
  waggle::Config config = with_filter([&](SpanEditor&) {
    ++seen;
    return true;
  });
  config.sampler = std::make_shared<RecordOnlySampler>();
  Recording recording(std::move(config));
  for (const char* name : {"first", "second"}) {
    waggle::Span root{name};
    CHECK(root.is_recording());
    CHECK_FALSE(root.context().is_sampled());
  }
  CHECK(recording.spans().empty());
  CHECK(seen == 2);
  CHECK(change.dropped(DropReason::Filtered) == 2);
  CHECK(change.delivered() == 0);
}

TEST_CASE("without a filter, too, spans that are recorded only go nowhere") {
  const Change change;
  waggle::Config config;
  config.sampler = std::make_shared<RecordOnlySampler>();
  Recording recording(std::move(config));
  { waggle::Span root{"root"}; }
  CHECK(recording.spans().empty());
  CHECK(change.dropped(DropReason::Filtered) == 1);
}

TEST_CASE("all exporters see the same spans, as the filter left them") {
  const auto other = std::make_shared<waggle::SpanStore>();
  waggle::Config config = with_filter([](SpanEditor& editor) {
    editor.set_name("new");
    return true;
  });
  config.exporters.push_back(std::make_unique<waggle::MemoryExporter>(other));
  const Change change;
  Recording recording(std::move(config));
  { waggle::Span span{"old"}; }
  CHECK(recording.spans().at(0).name == "new");
  REQUIRE(other->size() == 1);
  CHECK(other->spans()[0].name == "new");
  CHECK(change.delivered() == 1);  // once, for all of them
}

TEST_CASE("with an exporter that fails nothing counts as delivered, and the others get it still") {
  std::vector<std::string> messages;
  waggle::Config config;
  config.on_message = [](std::string_view message, void* list) {
    static_cast<std::vector<std::string>*>(list)->emplace_back(message);
  };
  config.on_message_user = &messages;
  config.exporters.push_back(std::make_unique<FailingExporter>());
  const Change change;
  Recording recording(std::move(config));
  { waggle::Span span{"one"}; }
  CHECK(recording.spans().size() == 1);
  { waggle::Span span{"two"}; }
  CHECK(recording.spans().size() == 2);
  CHECK(change.dropped(DropReason::ExporterFailed) == 2);
  CHECK(change.delivered() == 0);
  recording.tracing().shutdown();
  REQUIRE(messages.size() == 2);  // once while it runs, and the sum at the end
  CHECK(messages[0].find("the disk is full") != std::string::npos);
  CHECK(messages[1].find("exporter_failed 2") != std::string::npos);
}
