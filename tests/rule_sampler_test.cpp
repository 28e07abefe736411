#include <doctest/doctest.h>

#include <string_view>
#include <utility>
#include <vector>
#include <waggle/sampling/rule_sampler.hpp>

using namespace waggle;

namespace {

// A trace that begins with a span of this name, kind and these attributes. Its random bits are the
// highest, so that any rate but none keeps it.
bool fits(const SamplingRule& rule, std::string_view name, SpanKind kind = SpanKind::Internal,
          Attributes attributes = {}) {
  const RootRequest request{sizeof(request), kind,       0, TraceId{1, ~std::uint64_t{0}}, name,
                            nullptr,         attributes, {}};
  return rule.fits(request);
}

RootDecision decide(const Sampler& sampler, std::string_view name, std::uint64_t random_bits,
                    Attributes attributes = {}) {
  const RootRequest request{sizeof(request), SpanKind::Server, 0, TraceId{1, random_bits}, name,
                            nullptr,         attributes,       {}};
  RootDecision decision{
      sizeof(decision), Decision::Drop, kUnknownThreshold, nullptr, nullptr, nullptr, 0};
  sampler.decide(request, decision);
  return decision;
}

}  // namespace

TEST_CASE("a pattern's star stands for any text, also none") {
  using detail::fits_pattern;
  for (const auto& [text, pattern] :
       std::vector<std::pair<const char*, const char*>>{{"", ""},
                                                        {"", "*"},
                                                        {"a", "*"},
                                                        {"a", "a"},
                                                        {"GET /a", "GET *"},
                                                        {"GET ", "GET *"},
                                                        {"abc", "a*c"},
                                                        {"ac", "a*c"},
                                                        {"abcbc", "a*bc"},
                                                        {"aXbXc", "*X*X*"},
                                                        {"aaa", "a**a"}}) {
    CHECK(fits_pattern(text, pattern));
  }
  for (const auto& [text, pattern] : std::vector<std::pair<const char*, const char*>>{
           {"a", ""}, {"", "a"}, {"A", "a"}, {"GET", "GET *"}, {"abcd", "a*c"}, {"ab", "*c*"}}) {
    CHECK_FALSE(fits_pattern(text, pattern));
  }
}

TEST_CASE("a rule without conditions fits all, else every condition has to hold") {
  CHECK(fits(SamplingRule::keep(), "anything"));
  const SamplingRule rule =
      SamplingRule::keep().name("GET *").kind(SpanKind::Server).has_attribute("tier");
  CHECK(fits(rule, "GET /", SpanKind::Server, {{"tier", 1}}));
  CHECK_FALSE(fits(rule, "PUT /", SpanKind::Server, {{"tier", 1}}));
  CHECK_FALSE(fits(rule, "GET /", SpanKind::Client, {{"tier", 1}}));
  CHECK_FALSE(fits(rule, "GET /", SpanKind::Server, {{"other", 1}}));
}

TEST_CASE("attributes are compared by value and type") {
  const auto is = [](const SamplingRule& rule, Attributes attributes) {
    return fits(rule, "x", SpanKind::Server, attributes);
  };
  const SamplingRule gold = SamplingRule::keep().attribute("tier", "gold");
  CHECK(is(gold, {{"tier", "gold"}}));
  CHECK_FALSE(is(gold, {{"tier", "silver"}}));
  CHECK_FALSE(is(gold, {{"tier", 1}}));
  CHECK_FALSE(is(gold, {}));
  CHECK(is(gold, {{"tier", "silver"}, {"tier", "gold"}}));
  CHECK_FALSE(is(gold, {{"tier", "gold"}, {"tier", "silver"}}));
  const SamplingRule seven = SamplingRule::keep().attribute("n", 7);
  CHECK(is(seven, {{"n", 7L}}));
  CHECK_FALSE(is(seven, {{"n", 7.0}}));
  CHECK_FALSE(is(seven, {{"n", "7"}}));
  const SamplingRule yes = SamplingRule::keep().attribute("b", true);
  CHECK(is(yes, {{"b", true}}));
  CHECK_FALSE(is(yes, {{"b", false}}));
  CHECK_FALSE(is(yes, {{"b", 1}}));
}

TEST_CASE("numbers are compared whatever their type, texts by a pattern") {
  const auto is = [](const SamplingRule& rule, Attributes attributes) {
    return fits(rule, "x", SpanKind::Server, attributes);
  };
  const SamplingRule server_error =
      SamplingRule::keep().attribute_at_least("code", 500).attribute_below("code", 600);
  CHECK(is(server_error, {{"code", 500}}));
  CHECK(is(server_error, {{"code", 599.5}}));
  CHECK_FALSE(is(server_error, {{"code", 600U}}));
  CHECK_FALSE(is(server_error, {{"code", -1}}));
  CHECK_FALSE(is(server_error, {{"code", "503"}}));
  CHECK_FALSE(is(server_error, {{"code", true}}));
  CHECK(is(SamplingRule::keep().attribute_at_least("n", 1e19), {{"n", ~std::uint64_t{0}}}));
  const SamplingRule api = SamplingRule::keep().attribute_like("route", "/api/*");
  CHECK(is(api, {{"route", "/api/users"}}));
  CHECK_FALSE(is(api, {{"route", "/web"}}));
  CHECK_FALSE(is(api, {{"route", 1}}));
}

TEST_CASE("the first rule that fits decides, with its rate; none keeps") {
  const RuleSampler sampler({SamplingRule::drop().name("GET /health"),
                             SamplingRule::keep().attribute("tier", "gold"),
                             SamplingRule::one_in(16).name("GET *")});
  constexpr std::uint64_t kHighest = (std::uint64_t{1} << 56) - 1;
  CHECK(decide(sampler, "GET /health", kHighest, {{"tier", "gold"}}).decision == Decision::Drop);
  CHECK(decide(sampler, "GET /a", 0, {{"tier", "gold"}}).decision == Decision::RecordAndSample);
  CHECK(decide(sampler, "GET /a", 0, {{"tier", "gold"}}).threshold == 0);
  CHECK(decide(sampler, "GET /a", kHighest).decision == Decision::RecordAndSample);
  CHECK(decide(sampler, "GET /a", kHighest).threshold == std::uint64_t{0xf} << 52);
  CHECK(decide(sampler, "GET /a", 0).decision == Decision::Drop);
  CHECK(decide(sampler, "PUT /a", 0).decision == Decision::RecordAndSample);
}
