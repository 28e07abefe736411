#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <random>
#include <waggle/sampling/parent_based_sampler.hpp>
#include <waggle/sampling/ratio_sampler.hpp>

using waggle::Decision;
using waggle::kUnknownThreshold;
using waggle::ParentBasedSampler;
using waggle::RatioSampler;
using waggle::RootDecision;
using waggle::RootRequest;
using waggle::Sampler;
using waggle::SpanContext;
using waggle::SpanId;
using waggle::TraceId;

namespace {

// A decision, with the tracestate that it carries on.
struct Answer {
  Decision decision;
  std::uint64_t threshold;
  SpanContext context;
};

Answer ask(const Sampler& sampler, TraceId id, const SpanContext* parent = nullptr) {
  const RootRequest request{
      sizeof(request), waggle::SpanKind::Server, 0, id, "root", parent, {}, {}};
  RootDecision decision{
      sizeof(decision), Decision::Drop, kUnknownThreshold, nullptr, nullptr, nullptr, 0};
  sampler.decide(request, decision);
  waggle::detail::ContextFields fields;
  fields.block = decision.block;
  const SpanContext context(fields);
  waggle::detail::ContextBlock::release(decision.block);
  return {decision.decision, decision.threshold, context};
}

bool keeps(const Sampler& sampler, TraceId id) {
  return ask(sampler, id).decision == Decision::RecordAndSample;
}

SpanContext remote(bool is_sampled, std::uint64_t threshold, std::string_view trace_state) {
  return {TraceId{1, 2}, SpanId{3}, static_cast<std::uint8_t>(is_sampled ? 1 : 0),
          true,          threshold, trace_state};
}

}  // namespace

TEST_CASE("ratio 1 keeps all with threshold 0, ratio 0 keeps none") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const TraceId id{random(), random()};
    CHECK(keeps(RatioSampler(1.0), id));
    CHECK_FALSE(keeps(RatioSampler(0.0), id));
  }
  CHECK(ask(RatioSampler(1.0), TraceId{1, 0}).threshold == 0);
  CHECK_FALSE(keeps(RatioSampler(std::nan("")), TraceId{1, 2}));
}

TEST_CASE("a ratio keeps that share of the traces, and a larger one a superset") {
  std::mt19937_64 random(2);
  const RatioSampler tenth(0.1);
  const RatioSampler half(0.5);
  int kept_by_tenth = 0;
  constexpr int kTraces = 50000;
  for (int i = 0; i < kTraces; ++i) {
    const TraceId id{random(), random()};
    if (!keeps(tenth, id)) continue;
    ++kept_by_tenth;
    CHECK(keeps(half, id));
  }
  const double deviation = std::sqrt(kTraces * 0.1 * 0.9);
  CHECK(std::abs(kept_by_tenth - kTraces * 0.1) < 5 * deviation);
}

TEST_CASE("the decision compares the 56 low bits of the trace id with the threshold") {
  const RatioSampler half(0.5);
  CHECK(ask(half, TraceId{9, 0xff80000000000000U}).threshold == std::uint64_t{1} << 55);
  CHECK(keeps(half, TraceId{9, 0x0080000000000000U}));
  CHECK_FALSE(keeps(half, TraceId{9, 0xff7fffffffffffffU}));
}

TEST_CASE("explicit randomness wins over the trace id (OpenTelemetry, rv)") {
  const RatioSampler half(0.5);
  const SpanContext low = remote(true, kUnknownThreshold, "ot=rv:00000000000001");
  const SpanContext high = remote(true, kUnknownThreshold, "ot=rv:ffffffffffffff");
  CHECK(ask(half, TraceId{9, ~std::uint64_t{0}}, &low).decision == Decision::Drop);
  const Answer kept = ask(half, TraceId{9, 1}, &high);
  CHECK(kept.decision == Decision::RecordAndSample);
  CHECK(kept.context.trace_state() == "ot=th:8;rv:ffffffffffffff");
}

TEST_CASE("a remote parent's decision, threshold and tracestate are carried on") {
  const ParentBasedSampler sampler(std::make_shared<RatioSampler>(0.0));
  const SpanContext kept = remote(true, std::uint64_t{12} << 52, "ot=th:c,vendor=x");
  const Answer answer = ask(sampler, TraceId{1, 2}, &kept);
  CHECK(answer.decision == Decision::RecordAndSample);
  CHECK(answer.threshold == std::uint64_t{12} << 52);
  CHECK(answer.context.trace_state() == "ot=th:c,vendor=x");
  const SpanContext dropped = remote(false, kUnknownThreshold, "vendor=x");
  const Answer refusal = ask(sampler, TraceId{1, 2}, &dropped);
  CHECK(refusal.decision == Decision::Drop);
  CHECK(refusal.context.trace_state() == "vendor=x");
}

TEST_CASE("a sampled remote parent that names no threshold leaves the rate unknown") {
  const ParentBasedSampler sampler(std::make_shared<RatioSampler>(1.0));
  const SpanContext parent = remote(true, kUnknownThreshold, "vendor=x");
  CHECK(ask(sampler, TraceId{1, 2}, &parent).threshold == kUnknownThreshold);
}

TEST_CASE("traces that begin here are the root sampler's") {
  CHECK(keeps(ParentBasedSampler(std::make_shared<RatioSampler>(1.0)), TraceId{1, 2}));
  CHECK_FALSE(keeps(ParentBasedSampler(std::make_shared<RatioSampler>(0.0)), TraceId{1, 2}));
}
