// How much of a span is exported: which limit holds, and what each leaves.
#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/recording.hpp"

using waggle::AttributeLimits;
using waggle::Bytes;
using waggle::List;
using waggle::Map;
using waggle::RecordedSpan;
using waggle::Span;
using waggle::SpanLimits;
using waggle::detail::EffectiveLimits;
using waggle_test::Recording;

namespace {

std::string recorded(const waggle::AttributeValue& value, waggle::Config config) {
  Recording recording(std::move(config));
  Span{"span"}.set_attribute("value", value);
  return recording.find("span").attribute("value").description();
}

waggle::Config with_length(std::uint32_t length) {
  waggle::Config config;
  config.limits.attribute_value_length = length;
  return config;
}

waggle::Config with_depth(std::uint32_t depth) {
  waggle::Config config;
  config.limits.attribute_value_depth = depth;
  return config;
}

// Reads one attribute of the resource.
class ResourceReader final : public waggle::Exporter {
 public:
  explicit ResourceReader(std::string& told) : told_(told) {}

  waggle::ExportResult export_batch(const waggle::Batch& batch,
                                    waggle::Deadline) noexcept override {
    for (const waggle::ResourceAttribute& attribute : batch.resource.attributes()) {
      if (attribute.key == "resource.text") told_ = attribute.text;
    }
    return {};
  }

 private:
  std::string& told_;
};

}  // namespace

TEST_CASE("T35: the limits nobody set are the specification's") {
  const EffectiveLimits limits = EffectiveLimits::of({}, {});
  CHECK(limits.attribute_count == 128);
  CHECK(limits.value_length == SpanLimits::kUnlimited);
  CHECK(limits.value_depth == 64);
  CHECK(limits.event_count == 128);
  CHECK(limits.link_count == 128);
  CHECK(limits.attribute_per_event_count == 128);
  CHECK(limits.attribute_per_link_count == 128);
}

TEST_CASE("T39: a span's own limit wins over the general one, and that over the default") {
  AttributeLimits general;
  general.count = 10;
  general.value_length = 20;
  general.value_depth = 3;
  CHECK(EffectiveLimits::of({}, general).attribute_count == 10);
  CHECK(EffectiveLimits::of({}, general).value_length == 20);
  CHECK(EffectiveLimits::of({}, general).value_depth == 3);
  SpanLimits own;
  own.attribute_count = 128;
  own.attribute_value_length = 0;
  CHECK(EffectiveLimits::of(own, general).attribute_count == 128);
  CHECK(EffectiveLimits::of(own, general).value_length == 0);
  CHECK(EffectiveLimits::of(own, general).value_depth == 3);
}

TEST_CASE("T39: the general count governs spans when theirs is not set") {
  waggle::Config config;
  config.attribute_limits.count = 2;
  Recording recording(std::move(config));
  Span{"span"}.set_attributes({{"a", 1}, {"b", 2}, {"c", 3}});
  CHECK(recording.find("span").attributes.size() == 2);
  CHECK(recording.find("span").dropped_attributes == 1);
}

TEST_CASE("T36: a map's entries do not count, and a key that is there already is no new one") {
  waggle::Config config;
  config.limits.attribute_count = 1;
  Recording recording(std::move(config));
  Span{"span"}.set_attributes({{"map", Map{{"a", 1}, {"b", 2}}}, {"new", 1}, {"map", List{1, 2}}});
  const RecordedSpan span = recording.find("span");
  CHECK(span.attribute("map").description() == "[1, 2]");
  CHECK(span.attributes.size() == 1);
  CHECK(span.dropped_attributes == 1);
}

TEST_CASE("T37: a length holds inside arrays and maps, for bytes in bytes, and not for keys") {
  CHECK(recorded(List{"äöüß", 12345, List{"abcd", "x"}}, with_length(3)) ==
        R"(["äöü", 12345, ["abc", "x"]])");
  CHECK(recorded(Map{{"long key", "long text"}, {"m", Map{{"inner key", "abcd"}}}},
                 with_length(3)) == R"({"long key": "lon", "m": {"inner key": "abc"}})");
  CHECK(recorded(Bytes{"äöüß", 8}, with_length(3)) == "(3 bytes)");
  CHECK(recorded(List{Bytes{"äöüß", 8}, true}, with_length(3)) == "[(3 bytes), true]");
}

TEST_CASE("T38: lists below the depth become empty values, and other values stay") {
  CHECK(recorded(List{1, List{2, List{3, Map{{"k", 4}}}}}, with_depth(4)) ==
        R"([1, [2, [3, {"k": 4}]]])");
  CHECK(recorded(List{1, List{2, List{3, Map{{"k", 4}}}}}, with_depth(3)) ==
        "[1, [2, [3, (nothing)]]]");
  CHECK(recorded(List{1, List{2, List{3}}}, with_depth(1)) == "[1, (nothing)]");
  CHECK(recorded(List{1}, with_depth(0)) == "(nothing)");
  CHECK(recorded(Map{{"k", Map{{"l", 1}}}}, with_depth(1)) == R"({"k": (nothing)})");
}

TEST_CASE("T41: 0 keeps none, and the resource has no limits") {
  std::string told;
  waggle::Config config;
  config.limits = {0, 0, 0, 0, 0, 0, 0};
  config.resource_attributes = {{"resource.text", "longer than nothing"}};
  config.exporters.push_back(std::make_unique<ResourceReader>(told));
  Recording recording(std::move(config));
  {
    Span span{"span"};
    span.set_attribute("k", "v");
    span.add_event("event");
    span.add_link(span.context());
  }
  const RecordedSpan span = recording.find("span");
  CHECK(span.attributes.empty());
  CHECK(span.dropped_attributes == 1);
  CHECK(span.dropped_events == 1);
  CHECK(span.dropped_links == 1);
  CHECK(told == "longer than nothing");
}

TEST_CASE("T35: events and links have counts of their own for their attributes") {
  waggle::Config config;
  config.limits.attribute_per_event_count = 1;
  config.limits.attribute_per_link_count = 2;
  config.attribute_limits.count = 0;
  Recording recording(std::move(config));
  {
    Span span{"span"};
    span.add_event("event", {{"a", 1}, {"b", 2}, {"", 3}});
    span.add_link(span.context(), {{"a", 1}, {"b", 2}, {"c", 3}});
  }
  const RecordedSpan span = recording.find("span");
  CHECK(span.events.at(0).attributes.size() == 1);
  CHECK(span.events.at(0).dropped_attributes == 2);
  CHECK(span.links.at(0).attributes.size() == 2);
  CHECK(span.links.at(0).dropped_attributes == 1);
}
