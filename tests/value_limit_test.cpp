// Attribute limits, as they show in what is exported.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/driver.hpp"

using namespace waggle;

namespace {

// Returns what a value looks like once it was exported within these limits.
template <class Value>
std::string exported(const SpanLimits& limits, const Value& value) {
  const auto store = std::make_shared<SpanStore>();
  Config config;
  config.limits = limits;
  config.exporters.push_back(std::make_unique<MemoryExporter>(store));
  waggle_test::choose_driver(config);
  Tracing tracing = start(std::move(config));
  REQUIRE(tracing.ok());
  { Span{"span"}.set_attribute("value", value); }
  REQUIRE(tracing.shutdown());
  return store->find("span").attribute("value").description();
}

SpanLimits length_of(std::uint32_t length) {
  SpanLimits limits;
  limits.attribute_value_length = length;
  return limits;
}

SpanLimits depth_of(std::uint32_t depth) {
  SpanLimits limits;
  limits.attribute_value_depth = depth;
  return limits;
}

}  // namespace

TEST_CASE("T37: texts are cut by characters, bytes by bytes, in whatever they are nested") {
  const unsigned char bytes[] = {1, 2, 3, 4};
  CHECK(exported(length_of(2), "caf\xc3\xa9") == "\"ca\"");
  CHECK(exported(length_of(4), "caf\xc3\xa9!") == "\"caf\xc3\xa9\"");
  CHECK(exported(length_of(0), "text") == "\"\"");
  CHECK(exported(length_of(3), bytes) == "(3 bytes)");
  CHECK(exported(length_of(2),
                 Map{{"a long key", List{"texts", bytes, 12345, true, Map{{"k", "more"}}}}}) ==
        R"({"a long key": ["te", (2 bytes), 12345, true, {"k": "mo"}]})");
}

TEST_CASE("T38: what is nested too deeply becomes the empty value") {
  const std::vector<std::vector<std::vector<int>>> deep{{{1}, {}}, {}};
  CHECK(exported(depth_of(3), deep) == "[[[1], []], []]");
  CHECK(exported(depth_of(2), deep) == "[[(nothing), (nothing)], []]");
  CHECK(exported(depth_of(1), deep) == "[(nothing), (nothing)]");
  CHECK(exported(depth_of(0), deep) == "(nothing)");
  CHECK(exported(depth_of(1), 7) == "7");
  CHECK(exported(depth_of(1), Map{{"k", Map{{"k", 1}}}, {"n", 1}}) ==
        R"({"k": (nothing), "n": 1})");
}

TEST_CASE("T35: without limits all stays as it is") {
  const std::string text(3000, 'x');
  CHECK(exported({}, text) == "\"" + text + "\"");
  CHECK(exported({}, Map{{"k", List{1, List{2, List{"deep", 3}}}}}) ==
        R"({"k": [1, [2, ["deep", 3]]]})");
}
