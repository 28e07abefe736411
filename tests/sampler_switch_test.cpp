// Samplers that are replaced while threads are asking them.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/collect/sampler_switch.hpp>
#include <waggle/sdk.hpp>

#include "support/recording.hpp"

using namespace waggle;
using waggle_test::Recording;

namespace {

std::atomic<int> alive{0};

// Reads what its destructor takes away: a thread inside it behind its time would be noticed, by
// ASan for certain.
class Mortal final : public Sampler {
 public:
  Mortal() { ++alive; }
  ~Mortal() override {
    word_->assign("dead");
    --alive;
  }

  void decide(const RootRequest&, RootDecision& decision) const noexcept override {
    decision.decision = *word_ == "alive" ? Decision::RecordAndSample : Decision::Drop;
    if (*word_ != "alive") ++deaths();
  }

  static std::atomic<int>& deaths() {
    static std::atomic<int> count{0};
    return count;
  }

 private:
  std::unique_ptr<std::string> word_ = std::make_unique<std::string>("alive");
};

// Whether all are gone, as soon as the collector has let go of the one that it was looking at.
bool are_all_gone() {
  for (int turn = 0; turn < 1000 && alive != 0; ++turn) {
    std::this_thread::sleep_for(Milliseconds(5));
  }
  return alive == 0;
}

}  // namespace

TEST_CASE("a sampler that is replaced is freed, and nobody is inside it any more") {
  Config config;
  config.sampler = std::make_shared<Mortal>();
  std::atomic<bool> is_over{false};
  std::vector<std::thread> threads;
  int most_alive = 0;
  {
    Recording recording(std::move(config));
    REQUIRE(recording.ok());
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&is_over] {
        while (!is_over) const Span root{"root"};
      });
    }
    for (int turn = 0; turn < 100; ++turn) {
      CHECK(recording.tracing().set_sampler(std::make_shared<Mortal>()));
      most_alive = (std::max)(most_alive, alive.load());
    }
    is_over = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(recording.tracing().set_sample_ratio(1));
    CHECK(are_all_gone());
  }
  CHECK(Mortal::deaths() == 0);
  CHECK(most_alive < 50);
}

TEST_CASE("two threads that replace samplers at once free each of them") {
  {
    Recording recording;
    REQUIRE(recording.ok());
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&recording] {
        for (int turn = 0; turn < 100; ++turn) {
          recording.tracing().set_sampler(std::make_shared<Mortal>());
          const Span root{"root"};
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(recording.tracing().set_sample_ratio(1));
    CHECK(are_all_gone());
  }
}

TEST_CASE("a thread that does not come out keeps its sampler, and no other") {
  detail::ThreadRegistry threads(1024 * 1024);
  detail::SamplerSwitch samplers(threads);
  detail::ThreadState* stuck = threads.enlist();
  REQUIRE(stuck != nullptr);
  stuck->session = 0;
  samplers.set(std::make_shared<Mortal>());
  samplers.set(std::make_shared<Mortal>());
  CHECK(alive == 2);
  stuck->session = 1;
  samplers.set(std::make_shared<AlwaysOnSampler>());
  CHECK(alive == 0);
}

TEST_CASE("the ratio changes while running, for traces that begin from then on") {
  Recording recording;
  REQUIRE(recording.ok());
  {
    const Span before{"before"};
    CHECK(recording.tracing().set_sample_ratio(0));
    CHECK(before.is_recording());
    CHECK(Span("child").is_recording());
  }
  CHECK_FALSE(Span("dropped").is_recording());
  CHECK(recording.tracing().set_sampler(std::make_shared<RuleSampler>(
      std::vector<SamplingRule>{SamplingRule::drop().name("dropped"),
                                SamplingRule::ask(std::make_shared<AlwaysOnSampler>())})));
  CHECK_FALSE(Span("dropped").is_recording());
  CHECK(Span("kept").is_recording());
}

TEST_CASE("remote parents are still followed when the root's sampler changes") {
  Recording recording;
  CHECK(recording.tracing().set_sample_ratio(0));
  SpanOptions options;
  options.parent = SpanContext(TraceId{1, 2}, SpanId{3}, kTraceFlagSampled, true);
  CHECK(Span("kept", options).is_recording());
}

TEST_CASE("nonsense changes nothing, and neither does a tracer that is off") {
  Recording recording;
  for (const double ratio : {-0.1, 1.1, std::nan("")}) {
    CHECK_FALSE(recording.tracing().set_sample_ratio(ratio));
  }
  CHECK_FALSE(recording.tracing().set_sampler(nullptr));
  CHECK(Span("kept").is_recording());
  recording.tracing().shutdown();
  CHECK_FALSE(recording.tracing().set_sample_ratio(0.5));
  CHECK_FALSE(Tracing().set_sample_ratio(0.5));
}

TEST_CASE("samplers that keep nothing adapt all the same: asking wakes the collector") {
  // 1 of 100 traces a key at first; once the collector has looked, a rare key is kept.
  DynamicSamplerOptions options;
  options.fields = {"name"};
  options.goal_sample_rate = 1e9;
  options.adjustment_interval = Milliseconds(200);
  Config config;
  config.sampler = std::make_shared<DynamicSampler>(options);
  Recording recording(std::move(config));
  REQUIRE(recording.ok());
  bool is_kept = false;
  for (int turn = 0; turn < 2000 && !is_kept; ++turn) {
    is_kept = Span("rare").is_recording();
    recording.tracing().poll();
    std::this_thread::sleep_for(Milliseconds(10));
  }
  CHECK(is_kept);
}
