// Samplers at work in a running tracer: what reaches the exporter, with which weight, and what the
// spans that do not hand on.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "support/driver.hpp"

using namespace waggle;

namespace {

struct Traced {
  explicit Traced(Config config) {
    config.exporters.push_back(std::make_unique<MemoryExporter>(store));
    waggle_test::choose_driver(config);
    tracing = start(std::move(config));
    REQUIRE(tracing.ok());
  }

  std::vector<RecordedSpan> spans() {
    REQUIRE(tracing.force_flush());
    return store->spans();
  }

  std::shared_ptr<SpanStore> store = std::make_shared<SpanStore>();
  Tracing tracing;
};

Config sampled_by(std::shared_ptr<const Sampler> sampler) {
  Config config;
  config.sampler = std::move(sampler);
  return config;
}

SpanOptions below(const SpanContext& parent) {
  SpanOptions options;
  options.parent = parent;
  return options;
}

SpanContext remote(std::uint8_t flags, std::uint64_t low_bits = 2) {
  return {TraceId{1, low_bits}, SpanId{3}, flags, true};
}

// Adds an attribute and a tracestate to what it keeps, and knows a rate without a threshold.
class TellingSampler final : public Sampler {
 public:
  void decide(const RootRequest&, RootDecision& decision) const noexcept override {
    decision.decision = Decision::RecordAndSample;
    decision.sample_rate = 25;
    decision.block = detail::ContextBlock::create("vendor=told");
    decision.add_attribute(decision.span, {"sampler.rule", "all"});
  }
};

}  // namespace

TEST_CASE("weighted counts equal true counts within the binomial bound, whatever sampler decides") {
  constexpr int kTraces = 20000;
  const auto telling = [](std::uint32_t rate) {
    return std::make_shared<RuleSampler>(
        std::vector<SamplingRule>{SamplingRule::one_in(rate).name("*")});
  };
  const std::vector<std::pair<std::shared_ptr<const Sampler>, double>> samplers = {
      {std::make_shared<AlwaysOnSampler>(), 1},
      {std::make_shared<RatioSampler>(0.3), 0.3},
      {std::make_shared<RatioSampler>(0.07), 0.07},
      {telling(3), 1.0 / 3},
      {telling(20), 0.05},
      {std::make_shared<DeterministicSampler>(7), 1.0 / 7}};
  for (const auto& each : samplers) {
    const auto& sampler = each.first;
    const double share = each.second;
    CAPTURE(sampler->description());
    Traced traced(sampled_by(sampler));
    for (int i = 0; i < kTraces; ++i) {
      { const Span root{"root"}; }
      if (i % 500 == 499) REQUIRE(traced.tracing.force_flush());
    }
    double weighted = 0;
    for (const RecordedSpan& span : traced.spans()) weighted += span.sample_rate;
    const double deviation = std::sqrt(kTraces * (1 - share) / share);
    CHECK(std::abs(weighted - kTraces) <= 6 * deviation + 1e-6);
  }
}

TEST_CASE("every span of a trace has its root's SampleRate, on whatever thread") {
  for (const auto& sampler : std::vector<std::shared_ptr<const Sampler>>{
           std::make_shared<RatioSampler>(0.4), std::make_shared<DeterministicSampler>(3),
           std::make_shared<TellingSampler>()}) {
    CAPTURE(sampler->description());
    Traced traced(sampled_by(sampler));
    for (int i = 0; i < 50; ++i) {
      const Span root{"root"};
      const Span child{"child"};
      const Span grandchild{"grandchild"};
      std::thread elsewhere([context = child.context()] {
        const Span task{"task", below(context)};
      });
      elsewhere.join();
    }
    std::map<std::string, std::set<std::uint32_t>> rates;
    std::map<std::string, int> sizes;
    for (const RecordedSpan& span : traced.spans()) {
      const std::string trace(std::string_view(span.trace_id.hex()));
      rates[trace].insert(span.sample_rate);
      ++sizes[trace];
    }
    REQUIRE_FALSE(rates.empty());
    for (const auto& [trace, seen] : rates) {
      CHECK(seen.size() == 1);
      CHECK(*seen.begin() != 0);
      CHECK(sizes[trace] == 4);
    }
  }
}

TEST_CASE("T47: a sampler's attributes and tracestate reach the root, and a rate writes no th") {
  Traced traced(sampled_by(std::make_shared<TellingSampler>()));
  std::map<std::string, std::string> headers;
  {
    const Span root{"root"};
    const Span child{"child"};
    CHECK(child.context().sampling_threshold() == kUnknownThreshold);
    inject(child.context(), headers);
  }
  CHECK(headers["tracestate"] == "vendor=told");
  for (const RecordedSpan& span : traced.spans()) {
    CHECK(span.sample_rate == 25);
    CHECK(span.trace_state == "vendor=told");
    CHECK(span.attributes.size() == (span.name == "root" ? 1 : 0));
  }
  CHECK(traced.store->find("root").attribute("sampler.rule") == "all");
}

TEST_CASE(
    "T57: what is recorded only is seen by the filter, with all below it, and never exported") {
  Config config =
      sampled_by(std::make_shared<AlwaysRecordSampler>(std::make_shared<AlwaysOffSampler>()));
  std::vector<std::string> seen;
  config.filter = [&seen](SpanEditor& span) {
    seen.emplace_back(span.span().name);
    return true;
  };
  const Stats before = stats();
  Traced traced(std::move(config));
  std::map<std::string, std::string> headers;
  {
    const Span root{"root"};
    const Span child{"child"};
    CHECK(child.is_recording());
    CHECK_FALSE(child.context().is_sampled());
    inject(child.context(), headers);
    DetachedSpan detached{"detached", below(child.context())};
    CHECK(detached.is_recording());
  }
  CHECK(headers["traceparent"].substr(53) == "02");
  CHECK(traced.spans().empty());
  CHECK(std::set<std::string>(seen.begin(), seen.end()) ==
        std::set<std::string>{"root", "child", "detached"});
  const Stats after = stats();
  CHECK(after.dropped_for(DropReason::Filtered) - before.dropped_for(DropReason::Filtered) == 3);
}

TEST_CASE("T49: remote parents are followed, unless a sampler stands for them") {
  SUBCASE("followed") {
    Traced traced(sampled_by(std::make_shared<AlwaysOffSampler>()));
    CHECK(Span("kept", below(remote(1))).is_recording());
    CHECK_FALSE(Span("dropped", below(remote(0))).is_recording());
    CHECK_FALSE(Span("root").is_recording());
  }
  SUBCASE("not followed") {
    Config config;
    config.remote_parent_sampled = std::make_shared<AlwaysOffSampler>();
    config.remote_parent_not_sampled = std::make_shared<RatioSampler>(0.5);
    Traced traced(std::move(config));
    CHECK_FALSE(Span("dropped", below(remote(1))).is_recording());
    CHECK_FALSE(Span("low bits", below(remote(0, 1))).is_recording());
    CHECK(Span("high bits", below(remote(0, std::uint64_t{1} << 55))).is_recording());
    CHECK(Span("root").is_recording());
  }
}

TEST_CASE("T17: a dropped trace has ids, and says downstream that it is not sampled") {
  Traced traced(sampled_by(std::make_shared<AlwaysOffSampler>()));
  const Span root{"root"};
  const Span child{"child"};
  CHECK(root.context().is_valid());
  CHECK(child.context().trace_id() == root.context().trace_id());
  CHECK(child.context().span_id() != root.context().span_id());
  std::map<std::string, std::string> headers;
  inject(child.context(), headers);
  CHECK(headers["traceparent"].substr(53) == "02");
  CHECK(headers.count("tracestate") == 0);
}

TEST_CASE("T48: samplers say what they are") {
  CHECK(AlwaysOnSampler().description() == "AlwaysOnSampler");
  CHECK(AlwaysOffSampler().description() == "AlwaysOffSampler");
  CHECK(RatioSampler(0.0001).description() == "TraceIdRatioBased{0.000100}");
  CHECK(ParentBasedSampler(std::make_shared<AlwaysOnSampler>()).description() ==
        "ParentBased{root=AlwaysOnSampler,remoteParentSampled=AlwaysOnSampler,"
        "remoteParentNotSampled=AlwaysOffSampler}");
  CHECK(AlwaysRecordSampler(std::make_shared<RatioSampler>(0.5)).description() ==
        "AlwaysRecord{TraceIdRatioBased{0.500000}}");
}
