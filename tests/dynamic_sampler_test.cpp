#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>
#include <waggle/collect/sampling_weight.hpp>
#include <waggle/sampling/dynamic_sampler.hpp>

using namespace waggle;
using detail::KeySlot;
using detail::KeyTable;
using detail::SamplingKey;

namespace {

RootRequest request_of(std::string_view name, Attributes attributes = {},
                       std::uint64_t random_bits = 0) {
  return {sizeof(RootRequest), SpanKind::Server, 0, TraceId{1, random_bits}, name, nullptr,
          attributes,          Links{}};
}

RootDecision decide(const Sampler& sampler, const RootRequest& request) {
  RootDecision decision{
      sizeof(decision), Decision::Drop, kUnknownThreshold, nullptr, nullptr, nullptr, 0};
  sampler.decide(request, decision);
  return decision;
}

constexpr std::uint64_t kAllOnes = ~std::uint64_t{0};  // the random bits of a trace always kept

// Asks `times` times; returns the rate that the last one was kept at.
std::uint32_t ask(const Sampler& sampler, std::string_view name, int times = 1) {
  std::uint32_t rate = 0;
  for (int i = 0; i < times; ++i) {
    const RootDecision decision = decide(sampler, request_of(name, {}, kAllOnes));
    REQUIRE(decision.decision == Decision::RecordAndSample);
    rate = detail::sample_rate(decision.threshold, TraceId{1, kAllOnes});
  }
  return rate;
}

DynamicSamplerOptions by_name(double goal = 10) {
  DynamicSamplerOptions options;
  options.fields = {"name"};
  options.goal_sample_rate = goal;
  return options;
}

// Steps through time as a collector does.
class Clock {
 public:
  explicit Clock(const Sampler& sampler) : sampler_(sampler) { sampler.maintain(now_); }

  void pass(Milliseconds time) {
    for (Milliseconds part(0); part < time; part += Milliseconds(100)) {
      now_ += Milliseconds(100);
      sampler_.maintain(now_);
    }
  }

 private:
  const Sampler& sampler_;
  TimePoint now_ = TimePoint{} + std::chrono::hours(1);
};

constexpr Milliseconds kInterval{15000};

}  // namespace

TEST_CASE("a key is its fields' values in the order of their names") {
  const auto key = [](const std::vector<std::string>& fields) {
    const auto key_of = [&](Attributes attributes) {
      return std::string(SamplingKey(fields, request_of("GET", attributes)).text());
    };
    return key_of(
        {{"route", "/a"}, {"status", 200}, {"cached", true}, {"ratio", 0.5}, {"status", 404}});
  };
  CHECK(key({"name"}) == "GET\u2022,");
  CHECK(key({"route", "status"}) == "/a\u2022,404\u2022,");
  CHECK(key({"cached", "missing", "ratio"}) == "true\u2022,,0.5\u2022,");
  CHECK(key({}) == "");
  const std::string lengthy(1000, 'x');
  CHECK(SamplingKey({"name"}, request_of(lengthy)).text() == lengthy.substr(0, 120));
}

TEST_CASE("before there are rates the goal stands in; then unseen keys are kept") {
  const DynamicSampler sampler(by_name(7));
  Clock clock(sampler);
  CHECK(ask(sampler, "a", 1000) == 7);
  CHECK(ask(sampler, "b", 3) == 7);
  clock.pass(kInterval);
  CHECK(ask(sampler, "a") > 7);
  CHECK(ask(sampler, "b") == 1);
  CHECK(ask(sampler, "new") == 1);
}

TEST_CASE("rates follow the averages of the intervals, as the formulas have it") {
  DynamicSamplerOptions options = by_name();
  options.burst_multiple = 0;
  const DynamicSampler sampler(options);
  Clock clock(sampler);
  std::map<std::string, double> averages;
  std::mt19937_64 random(5);
  for (int interval = 0; interval < 12; ++interval) {
    std::map<std::string, int> counts;
    for (int key = 0; key < 30; ++key) {
      // Some stay away now and then.
      const int usual = 1 << (key % 10);
      if (random() % 4 != 0 || key % 10 == 9) counts["key " + std::to_string(key)] = usual;
    }
    for (const auto& [key, count] : counts) ask(sampler, key, count);
    clock.pass(kInterval);
    for (const auto& [key, count] : counts) averages.emplace(key, 0);
    for (auto entry = averages.begin(); entry != averages.end();) {
      const auto count = counts.find(entry->first);
      entry->second = entry->second / 2 + (count == counts.end() ? 0 : count->second) / 2.0;
      entry = entry->second < 0.5 ? averages.erase(entry) : std::next(entry);
    }
    std::map<std::string, double> in_order;  // that of the keys' text, with what stands behind it
    for (const auto& [key, average] : averages) in_order[key + "\u2022,"] = average;
    std::vector<detail::KeyRate> expected;
    for (const auto& [key, average] : in_order) expected.push_back({key, average, 1, nullptr});
    detail::settle_rates(expected, 10);
    for (const detail::KeyRate& key : expected) {
      const std::string_view name = key.key.substr(0, key.key.find("\u2022"));
      CAPTURE(name);
      CHECK(ask(sampler, name) == key.rate);  // which counts, for the model as well
    }
    clock.pass(kInterval);
    for (auto& entry : averages) entry.second = entry.second / 2 + 0.5;
  }
}

TEST_CASE("an interval without traffic changes nothing") {
  const DynamicSampler sampler(by_name());
  Clock clock(sampler);
  ask(sampler, "a", 5000);
  ask(sampler, "b", 50);
  clock.pass(kInterval);
  clock.pass(20 * kInterval);
  CHECK(ask(sampler, "a") > 10);
}

TEST_CASE("weighted counts equal true counts within the binomial bound, key by key") {
  const DynamicSampler sampler(by_name(20));
  Clock clock(sampler);
  std::mt19937_64 random(11);
  std::map<std::string, double> asked;
  std::map<std::string, double> weighted;
  std::map<std::string, double> variance;
  for (int interval = 0; interval < 6; ++interval) {
    for (int trace = 0; trace < 30000; ++trace) {
      const std::string name = "key " + std::to_string(random() % 20 * (random() % 20));
      const TraceId id{1, random()};
      const RootDecision decision = decide(sampler, request_of(name, {}, id.low));
      asked[name] += 1;
      if (decision.decision != Decision::RecordAndSample) continue;
      const double rate = detail::sample_rate(decision.threshold, id);
      weighted[name] += rate;
      variance[name] += rate * (rate - 1);
    }
    clock.pass(kInterval);
  }
  for (const auto& [name, count] : asked) {
    CAPTURE(name);
    CHECK(std::abs(weighted[name] - count) <= 6 * std::sqrt(variance[name]) + 1e-6);
  }
}

TEST_CASE("a key that stays away is forgotten") {
  const DynamicSampler sampler(by_name());
  Clock clock(sampler);
  ask(sampler, "a", 1000);
  for (int interval = 0; interval < 30; ++interval) {
    ask(sampler, "b", 900);
    clock.pass(kInterval);
  }
  CHECK(ask(sampler, "a") == 1);
  CHECK(ask(sampler, "b") == 10);
}

TEST_CASE("a burst adjusts the rates at once, but not in the first intervals") {
  const DynamicSampler sampler(by_name());
  Clock clock(sampler);
  ask(sampler, "a", 100);
  clock.pass(kInterval);
  const std::uint32_t usual = ask(sampler, "a", 1000);
  clock.pass(Milliseconds(200));
  CHECK(ask(sampler, "a") == usual);
  for (int interval = 0; interval < 12; ++interval) {
    clock.pass(kInterval);
    ask(sampler, "a", 100);
    ask(sampler, "b", 100);
  }
  const std::uint32_t before = ask(sampler, "a");
  ask(sampler, "a", 100000);
  clock.pass(Milliseconds(200));
  CHECK(ask(sampler, "a") > before);
}

TEST_CASE("keys beyond the limit are all kept, and not counted") {
  DynamicSamplerOptions options = by_name();
  options.max_keys = 3;
  const DynamicSampler sampler(options);
  Clock clock(sampler);
  for (const char* name : {"a", "b", "c", "d", "e"}) ask(sampler, name, 100);
  clock.pass(kInterval);
  int kept_whole = 0;
  for (const char* name : {"a", "b", "c", "d", "e"}) kept_whole += ask(sampler, name) == 1 ? 1 : 0;
  CHECK(kept_whole == 2);
}

TEST_CASE("a table gives each key one slot, also to threads that come at once") {
  constexpr int kThreads = 8;
  constexpr int kKeys = 100;
  constexpr int kTurns = 200;
  KeyTable table(500);
  std::vector<std::string> names;
  for (int key = 0; key < kKeys; ++key) names.push_back("key " + std::to_string(key));
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      ++ready;
      while (ready != kThreads) std::this_thread::yield();
      for (int turn = 0; turn < kTurns; ++turn) {
        for (const std::string& name : names) {
          KeySlot* slot = table.find_or_add(SamplingKey({"name"}, request_of(name)));
          if (slot != nullptr) KeyTable::count(*slot);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> seen;
  table.for_each([&](KeySlot& slot) {
    seen.emplace(KeyTable::text(slot));
    CHECK(KeyTable::take_count(slot) == kThreads * kTurns);
    CHECK(KeyTable::counted(slot) == 0);
  });
  CHECK(seen.size() == kKeys);
}

TEST_CASE("a removed key's slot serves another") {
  KeyTable table(1);
  const SamplingKey first({"name"}, request_of("first"));
  const SamplingKey second({"name"}, request_of("second"));
  REQUIRE(table.find_or_add(first) != nullptr);
  CHECK(table.find_or_add(second) == nullptr);
  table.for_each([&](KeySlot& slot) { table.remove(slot); });
  KeySlot* slot = table.find_or_add(second);
  REQUIRE(slot != nullptr);
  CHECK(KeyTable::text(*slot) == "second\u2022,");
  CHECK(KeyTable::counted(*slot) == 0);
}
