// What is said about spans before they leave: each thing once, and only where it matters.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>
#include <waggle/pipeline/span_remarks.hpp>

#include "support/recording.hpp"

using waggle::AttributeView;
using waggle::FinishedSpan;
using waggle::ListView;
using waggle::detail::is_honeycomb_field;
using waggle::detail::SpanRemarks;

namespace {

struct Heard {
  std::vector<std::string> messages;
  waggle::Diagnostics diagnostics{&Heard::hear, this};

  static void hear(std::string_view message, void* user) {
    static_cast<Heard*>(user)->messages.emplace_back(message);
  }
};

void look_at(SpanRemarks& remarks, const std::vector<AttributeView>& attributes,
             std::uint32_t dropped_events = 0) {
  FinishedSpan span;
  span.name = "work";
  span.attributes = {attributes.data(), attributes.size()};
  span.dropped_events = dropped_events;
  remarks.look_at({&span, 1});
}

}  // namespace

TEST_CASE("the fields that Honeycomb makes itself are known, and no others") {
  for (const char* key :
       {"name", "type", "error", "span.kind", "duration_ms", "status_code", "status_message",
        "trace.trace_id", "trace.span_id", "trace.parent_id", "trace.trace_state",
        "trace.link.span_id", "meta.signal_type", "meta.annotation_type", "library.name",
        "library.version", "span.num_links", "span.num_events"}) {
    CHECK_MESSAGE(is_honeycomb_field(key), key);
  }
  for (const char* key : {"", "Name", "names", "error.type", "meta", "metadata", "trace.id",
                          "SampleRate", "library", "duration", "user.name", "trace.link"}) {
    CHECK_MESSAGE(!is_honeycomb_field(key), key);
  }
}

TEST_CASE("an attribute that overwrites Honeycomb's own field is told once a name") {
  Heard heard;
  SpanRemarks remarks(heard.diagnostics, true);
  for (int i = 0; i < 3; ++i) look_at(remarks, {{"error", {}}, {"mine", {}}, {"name", {}}});
  REQUIRE(heard.messages.size() == 2);
  CHECK(heard.messages[0].find("\"error\"") != std::string::npos);
  CHECK(heard.messages[1].find("\"name\"") != std::string::npos);
}

TEST_CASE("other destinations have no such fields") {
  Heard heard;
  SpanRemarks remarks(heard.diagnostics, false);
  look_at(remarks, {{"error", {}}});
  CHECK(heard.messages.empty());
}

TEST_CASE("names without end below meta. are not remembered without end") {
  Heard heard;
  SpanRemarks remarks(heard.diagnostics, true);
  for (int i = 0; i < 500; ++i) {
    const std::string key = "meta." + std::to_string(i);
    look_at(remarks, {{key, {}}});
  }
  CHECK(heard.messages.size() == 100);
}

TEST_CASE("T40: what a limit discarded is told once a kind") {
  Heard heard;
  SpanRemarks remarks(heard.diagnostics, false);
  for (int i = 0; i < 3; ++i) look_at(remarks, {}, 7);
  REQUIRE(heard.messages.size() == 1);
  CHECK(heard.messages[0].find("some events of span \"work\"") == 0);
}

TEST_CASE("T40: a running tracer tells it") {
  Heard heard;
  waggle::Config config;
  config.limits.attribute_count = 1;
  config.on_message = &Heard::hear;
  config.on_message_user = &heard;
  {
    waggle_test::Recording recording(std::move(config));
    for (int i = 0; i < 3; ++i) waggle::Span{"full"}.set_attributes({{"a", 1}, {"b", 2}});
    CHECK(recording.find("full").dropped_attributes == 1);
  }
  REQUIRE(heard.messages.size() == 1);
  CHECK(heard.messages[0].find("some attributes of span \"full\"") == 0);
}
