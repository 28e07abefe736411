// How a span that is too large for any request is made smaller.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>
#include <waggle/collect/span_cutter.hpp>

#include "support/span_builder.hpp"

using waggle::detail::is_utf8;
using waggle::detail::SpanCutter;
using namespace waggle_test;

namespace {

// Keeps one span with all that it points to.
struct OneSpan {
  SpanViews views;
  explicit OneSpan(OwnedSpan span) : views({std::move(span)}) {}
  const waggle::FinishedSpan& get() const { return views.spans()[0]; }
};

const waggle::ValueView* find(const waggle::FinishedSpan& span, std::string_view key) {
  for (const waggle::AttributeView& attribute : span.attributes) {
    if (attribute.key == key) return &attribute.value;
  }
  return nullptr;
}

// Returns the length of the text under "text" after each cut.
std::vector<std::size_t> lengths_of(const OneSpan& span) {
  std::vector<std::size_t> lengths;
  SpanCutter cutter(span.get());
  while (cutter.cut()) {
    const waggle::ValueView* value = find(cutter.span(), "text");
    if (value != nullptr) lengths.push_back(value->text().size());
  }
  return lengths;
}

OwnedSpan with_text(std::string value) {
  OwnedSpan span;
  span.attributes = {{"text", text(std::move(value))}};
  return span;
}

}  // namespace

TEST_CASE("a cut span says so, in its first attribute") {
  const OneSpan span(with_text("t"));
  const SpanCutter cutter(span.get());
  REQUIRE(cutter.span().attributes.size() == 2);
  CHECK(cutter.span().attributes[0].key == "waggle.cut_to_fit");
  CHECK(cutter.span().attributes[0].value.tag() == waggle::ValueTag::Boolean);
  CHECK(cutter.span().attributes[0].value.boolean());
  CHECK(cutter.span().attributes[1].key == "text");
}

TEST_CASE("events and links go first, and are counted beside those dropped before") {
  OwnedSpan owned = with_text(std::string(9000, 't'));
  owned.events.resize(3);
  owned.links.resize(2);
  owned.plain.dropped_events = 10;
  owned.plain.dropped_links = 20;
  const OneSpan span(std::move(owned));
  SpanCutter cutter(span.get());
  REQUIRE(cutter.cut());
  CHECK(cutter.span().events.empty());
  CHECK(cutter.span().links.empty());
  CHECK(cutter.span().dropped_events == 13);
  CHECK(cutter.span().dropped_links == 22);
  CHECK(find(cutter.span(), "text")->text().size() == 9000);  // for the next step
  CHECK(span.get().events.size() == 3);                       // the original is as it was
}

TEST_CASE("texts become shorter step by step") {
  CHECK(lengths_of(OneSpan(with_text(std::string(5000, 't')))) ==
        std::vector<std::size_t>{1024, 256, 64});  // then it goes
}

TEST_CASE("name and status message become shorter too") {
  OwnedSpan owned;
  owned.name = std::string(3000, 'n');
  owned.status_message = std::string(3000, 's');
  const OneSpan span(std::move(owned));
  SpanCutter cutter(span.get());
  REQUIRE(cutter.cut());
  CHECK(cutter.span().name.size() == 1024);
  CHECK(cutter.span().status_message.size() == 1024);
}

TEST_CASE("no character is cut in its middle") {
  std::string letters;
  while (letters.size() < 6000) letters += "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9d";  // 1 to 4 bytes
  OwnedSpan owned = with_text(letters);
  owned.name = letters;
  owned.status_message = letters;
  owned.attributes.push_back({"list", array({text(letters), map({{"k", text(letters)}})})});
  const OneSpan span(std::move(owned));
  SpanCutter cutter(span.get());
  REQUIRE(cutter.cut());
  const waggle::FinishedSpan& cut = cutter.span();
  CHECK(cut.name.size() == 2560);  // 1024 characters
  for (const std::string_view part : {cut.name, cut.status_message, find(cut, "text")->text()}) {
    CHECK(part.size() == 2560);
    CHECK(is_utf8(part));
  }
  for (const waggle::AttributeView& element : find(cut, "list")->elements()) {
    if (element.value.tag() == waggle::ValueTag::Map) {
      CHECK(element.value.elements().begin()->value.text().size() == 2560);
    } else {
      CHECK(element.value.text().size() == 2560);
      CHECK(is_utf8(element.value.text()));
    }
  }
}

TEST_CASE("numbers stay what they are, and bytes are cut to as many bytes") {
  OwnedSpan owned;
  owned.attributes = {{"number", int64(-7)}, {"raw", bytes(std::string(5000, '\xff'))}};
  const OneSpan span(std::move(owned));
  SpanCutter cutter(span.get());
  REQUIRE(cutter.cut());
  CHECK(find(cutter.span(), "number")->int64() == -7);
  CHECK(find(cutter.span(), "raw")->text().size() == 1024);
}

TEST_CASE("at last the later half of the attributes goes, again and again, and is counted") {
  OwnedSpan owned;
  for (int i = 0; i < 10; ++i) owned.attributes.push_back({"key" + std::to_string(i), int64(i)});
  owned.plain.dropped_attributes = 100;
  const OneSpan span(std::move(owned));
  SpanCutter cutter(span.get());
  std::vector<std::size_t> kept;
  while (cutter.cut()) {
    const waggle::FinishedSpan& cut = cutter.span();
    REQUIRE(kept.size() < 20);
    kept.push_back(cut.attributes.size());
    CHECK(cut.attributes[0].key == "waggle.cut_to_fit");
    // The mark is none of the ten.
    CHECK(cut.dropped_attributes == 100 + 11 - cut.attributes.size());
    for (std::size_t i = 1; i < cut.attributes.size(); ++i) {
      CHECK(cut.attributes[i].key == "key" + std::to_string(i - 1));
    }
  }
  CHECK(kept == std::vector<std::size_t>{11, 11, 11, 6, 3, 2, 1});
  CHECK_FALSE(cutter.cut());  // and so it stays
}

TEST_CASE("what identifies a span is never given up") {
  OwnedSpan owned = with_text(std::string(5000, 't'));
  owned.plain.trace_id = waggle::TraceId{1, 2};
  owned.plain.span_id = waggle::SpanId{3};
  owned.plain.parent_id = waggle::SpanId{4};
  owned.plain.start_unix_nanoseconds = 5;
  owned.plain.end_unix_nanoseconds = 6;
  owned.plain.sample_rate = 7;
  owned.name = "short";
  owned.scope_name = "scope";
  const OneSpan span(std::move(owned));
  SpanCutter cutter(span.get());
  while (cutter.cut()) {
  }
  const waggle::FinishedSpan& cut = cutter.span();
  CHECK(cut.trace_id == span.get().trace_id);
  CHECK(cut.span_id == span.get().span_id);
  CHECK(cut.parent_id == span.get().parent_id);
  CHECK(cut.start_unix_nanoseconds == 5);
  CHECK(cut.end_unix_nanoseconds == 6);
  CHECK(cut.sample_rate == 7);
  CHECK(cut.name == "short");
  CHECK(cut.scope.name == "scope");
}
