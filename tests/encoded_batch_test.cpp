// A body that grows span by span and is cut by its size.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>
#include <waggle/pipeline/encoded_batch.hpp>

#include "support/span_builder.hpp"

using nlohmann::json;
using waggle::detail::BodyBounds;
using waggle::detail::EncodedBatch;
using waggle::detail::Fit;
using namespace waggle_test;

namespace {

waggle::Resource shop() {
  waggle::Resource resource;
  resource.set("service.name", "shop");
  return resource;
}

OwnedSpan span_of(std::uint64_t id, std::string scope = "", std::size_t text_size = 0) {
  OwnedSpan span;
  span.plain.span_id = waggle::SpanId{id};
  span.name = "span " + std::to_string(id);
  span.scope_name = std::move(scope);
  if (text_size != 0) span.attributes = {{"text", text(std::string(text_size, 't'))}};
  return span;
}

EncodedBatch batch_of(BodyBounds bounds) { return {waggle::OtlpEncoderOptions{}, bounds}; }

// Returns the whole body of these spans.
std::string body_of(const std::vector<OwnedSpan>& spans) {
  const SpanViews views(spans);
  EncodedBatch batch = batch_of({});
  batch.begin(shop());
  for (const waggle::FinishedSpan& span : views.spans()) REQUIRE(batch.add(span) == Fit::Added);
  batch.finish();
  return batch.body(0, batch.size());
}

// Returns the spans' names, with a slash before each scope's.
std::string names_in(const std::string& body) {
  std::string names;
  const json parsed = json::parse(body);
  for (const json& scope : parsed.at("resourceSpans").at(0).at("scopeSpans")) {
    names += "/";
    for (const json& span : scope.at("spans")) names += span.at("name").get<std::string>() + ",";
  }
  return names;
}

constexpr std::size_t kAny = 1000000;

}  // namespace

TEST_CASE("a body takes as many spans as it may") {
  const SpanViews views({span_of(1), span_of(2), span_of(3)});
  EncodedBatch batch = batch_of({2, kAny});
  batch.begin(shop());
  CHECK(batch.empty());
  CHECK(batch.add(views.spans()[0]) == Fit::Added);
  CHECK(batch.add(views.spans()[1]) == Fit::Added);
  CHECK(batch.add(views.spans()[2]) == Fit::Full);
  batch.finish();
  CHECK(batch.size() == 2);
  CHECK(batch.body(0, 2) == body_of({span_of(1), span_of(2)}));
}

TEST_CASE("a body never grows beyond its bytes") {
  for (std::size_t bytes = 1000; bytes < 3000; bytes += 5) {
    CAPTURE(bytes);
    const SpanViews views({span_of(1, "", 300)});
    EncodedBatch batch = batch_of({kAny, bytes});
    batch.begin(shop());
    while (batch.add(views.spans()[0]) == Fit::Added) REQUIRE(batch.size() < 100);
    batch.finish();
    CHECK(batch.size() >= 1);
    CHECK(batch.body(0, batch.size()).size() <= bytes);
    CHECK(batch.body(0, batch.size()).size() > bytes - 256 - 600);  // and makes use of them
  }
}

TEST_CASE("a span taken back leaves the body as if it had never been there") {
  const std::vector<OwnedSpan> spans{span_of(1, "a"), span_of(2, "a")};
  for (const std::string scope : {"a", "b", ""}) {
    CAPTURE(scope);
    const SpanViews views(spans);
    const SpanViews large({span_of(3, scope, 5000)});
    EncodedBatch batch = batch_of({kAny, 3000});
    batch.begin(shop());
    CHECK(batch.add(views.spans()[0]) == Fit::Added);
    CHECK(batch.add(large.spans()[0]) == Fit::Full);
    CHECK(batch.size() == 1);
    CHECK(batch.add(views.spans()[1]) == Fit::Added);  // in the same scope, which is open again
    batch.finish();
    CHECK(batch.body(0, 2) == body_of(spans));
    CHECK(batch.body(1, 1) == body_of({spans[1]}));
  }
}

TEST_CASE("a body that was ended at a span too many can be ended there") {
  const SpanViews views({span_of(1, "a"), span_of(2, "b", 5000)});
  EncodedBatch batch = batch_of({kAny, 3000});
  batch.begin(shop());
  batch.add(views.spans()[0]);
  CHECK(batch.add(views.spans()[1]) == Fit::Full);
  batch.finish();
  CHECK(batch.body(0, 1) == body_of({span_of(1, "a")}));
}

TEST_CASE("a part is the body that its spans alone would make") {
  const std::vector<OwnedSpan> spans{span_of(1, "a"), span_of(2, "a"), span_of(3, "b"),
                                     span_of(4, "b"), span_of(5, "")};
  const SpanViews views(spans);
  EncodedBatch batch = batch_of({});
  batch.begin(shop());
  for (const waggle::FinishedSpan& span : views.spans()) batch.add(span);
  batch.finish();
  for (std::size_t first = 0; first < spans.size(); ++first) {
    for (std::size_t end = first + 1; end <= spans.size(); ++end) {
      CAPTURE(first);
      CAPTURE(end);
      const auto at = [&](std::size_t i) { return spans.begin() + static_cast<std::ptrdiff_t>(i); };
      CHECK(batch.body(first, end - first) == body_of({at(first), at(end)}));
    }
  }
}

TEST_CASE("a span that is too large even alone is cut until it fits") {
  const SpanViews views({span_of(1, "a", 100000), span_of(2, "a")});
  EncodedBatch batch = batch_of({kAny, 2000});
  batch.begin(shop());
  REQUIRE(batch.add(views.spans()[0]) == Fit::Added);
  REQUIRE(batch.add(views.spans()[1]) == Fit::Added);
  batch.finish();
  const std::string body = batch.body(0, 2);
  CHECK(body.size() <= 2000);
  CHECK(names_in(body) == "/span 1,span 2,");
  const json spans = json::parse(body)["resourceSpans"][0]["scopeSpans"][0]["spans"];
  const json& attributes = spans[0]["attributes"];
  CHECK(attributes[0]["key"] == "waggle.cut_to_fit");
  CHECK(attributes[0]["value"]["boolValue"] == true);
  CHECK(attributes[1]["value"]["stringValue"].get<std::string>().size() == 1024);
  CHECK_FALSE(spans[1].contains("attributes"));
}

TEST_CASE("behind other spans it is not cut but left for the next body") {
  const SpanViews views({span_of(1), span_of(2, "", 100000)});
  EncodedBatch batch = batch_of({kAny, 2000});
  batch.begin(shop());
  CHECK(batch.add(views.spans()[0]) == Fit::Added);
  CHECK(batch.add(views.spans()[1]) == Fit::Full);
  batch.begin(shop());
  CHECK(batch.add(views.spans()[1]) == Fit::Added);
}

TEST_CASE("a span that nothing helps is too large, and leaves no trace") {
  OwnedSpan hopeless = span_of(1, std::string(4000, 's'));  // a scope's name is not cut
  const SpanViews views({hopeless, span_of(2, "a")});
  EncodedBatch batch = batch_of({kAny, 2000});
  batch.begin(shop());
  CHECK(batch.add(views.spans()[0]) == Fit::TooLarge);
  CHECK(batch.empty());
  CHECK(batch.add(views.spans()[1]) == Fit::Added);
  batch.finish();
  CHECK(batch.body(0, 1) == body_of({span_of(2, "a")}));
}

TEST_CASE("a span of our own goes in whatever the bounds") {
  const SpanViews views({span_of(1), span_of(2, "waggle", 3000)});
  EncodedBatch batch = batch_of({1, 1500});
  batch.begin(shop());
  CHECK(batch.add(views.spans()[0]) == Fit::Added);
  batch.add_own(views.spans()[1]);
  batch.finish();
  CHECK(batch.size() == 2);
  CHECK(names_in(batch.body(0, 2)) == "/span 1,/span 2,");
}

TEST_CASE("the next body begins with nothing of the one before") {
  const SpanViews views({span_of(1, "a"), span_of(2, "a")});
  EncodedBatch batch = batch_of({});
  batch.begin(shop());
  batch.add(views.spans()[0]);
  batch.finish();
  batch.begin(shop());
  CHECK(batch.empty());
  batch.add(views.spans()[1]);
  batch.finish();
  CHECK(batch.body(0, 1) == body_of({span_of(2, "a")}));
}
