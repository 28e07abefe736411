#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>
#include <waggle/collect/sampling_weight.hpp>
#include <waggle/sampling/rate_limiting_sampler.hpp>

using namespace waggle;

namespace {

// Traffic in made-up time: so many traces a second, evenly.
class Traffic {
 public:
  explicit Traffic(const Sampler& sampler) : sampler_(sampler) { sampler_.maintain(now_); }

  // Passes `seconds`; returns how many traces were kept.
  int run(int seconds, int traces_a_second) {
    const int kept = kept_;
    for (int tenth = 0; tenth < 10 * seconds; ++tenth) {
      for (int i = 0; i < traces_a_second / 10; ++i) ask();
      now_ += Milliseconds(100);
      sampler_.maintain(now_);
    }
    return kept_ - kept;
  }

  double weighted() const { return weighted_; }
  double variance() const { return variance_; }
  int asked() const { return asked_; }

 private:
  void ask() {
    const TraceId id{random_(), random_()};
    const RootRequest request{sizeof(request), SpanKind::Server, 0, id, "root", nullptr, {}, {}};
    RootDecision decision{
        sizeof(decision), Decision::Drop, kUnknownThreshold, nullptr, nullptr, nullptr, 0};
    sampler_.decide(request, decision);
    ++asked_;
    if (decision.decision != Decision::RecordAndSample) return;
    ++kept_;
    const double rate = detail::sample_rate(decision.threshold, id);
    weighted_ += rate;
    variance_ += rate * rate;  // what one kept trace adds to an estimate of the sum's variance
  }

  const Sampler& sampler_;
  TimePoint now_ = TimePoint{} + std::chrono::hours(1);
  std::mt19937_64 random_{7};
  int asked_ = 0;
  int kept_ = 0;
  double weighted_ = 0;
  double variance_ = 0;
};

bool is_about(int kept, double expected) {
  return std::abs(kept - expected) <= 6 * std::sqrt(expected) + 1;
}

}  // namespace

TEST_CASE("below the limit every trace is kept") {
  const RateLimitingSampler sampler(100);
  Traffic traffic(sampler);
  CHECK(traffic.run(10, 90) == 900);
  CHECK(traffic.weighted() == 900);
}

TEST_CASE("above the limit about so many are kept, each with its true weight") {
  const RateLimitingSampler sampler(100);
  Traffic traffic(sampler);
  traffic.run(10, 5000);
  CHECK(is_about(traffic.run(20, 5000), 20 * 100));
  CHECK(std::abs(traffic.weighted() - traffic.asked()) <= 6 * std::sqrt(traffic.variance()));
}

TEST_CASE("a burst keeps 1 + ln(b) times the limit at first, and then the limit") {
  const RateLimitingSampler sampler(200);
  Traffic traffic(sampler);
  traffic.run(20, 1000);
  CHECK(is_about(traffic.run(1, 20000), 200 * (1 + std::log(20))));
  traffic.run(10, 20000);
  CHECK(is_about(traffic.run(10, 20000), 10 * 200));
  CHECK(std::abs(traffic.weighted() - traffic.asked()) <= 6 * std::sqrt(traffic.variance()));
}

TEST_CASE("when traffic falls the share rises again") {
  const RateLimitingSampler sampler(100);
  Traffic traffic(sampler);
  traffic.run(10, 20000);
  traffic.run(12, 50);
  CHECK(traffic.run(10, 50) == 500);
  traffic.run(10, 20000);
  traffic.run(60, 0);
  CHECK(traffic.run(1, 50) == 50);
  CHECK(std::abs(traffic.weighted() - traffic.asked()) <= 6 * std::sqrt(traffic.variance()));
}

TEST_CASE("limits below one a second, none and nonsense") {
  const RateLimitingSampler rare(0.5);
  Traffic traffic(rare);
  traffic.run(30, 100);
  CHECK(is_about(traffic.run(400, 100), 200));
  for (const double limit : {0.0, -1.0, std::nan("")}) {
    const RateLimitingSampler none(limit);
    Traffic nothing(none);
    CHECK(nothing.run(2, 100) == 0);
  }
}

TEST_CASE("a counter is exact while there are few, and near when many threads count") {
  detail::TraceCounter counter;
  for (std::uint64_t i = 1; i <= 1024; ++i) REQUIRE(counter.count() == i);
  CHECK(counter.take() == 1024);
  CHECK(counter.count() == 1);
  CHECK(counter.take() == 1);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&counter] {
      for (int i = 0; i < 100000; ++i) counter.count();
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::uint64_t counted = counter.take();
  CHECK(counted <= 800000 + 8);
  CHECK(counted >= 800000 - 16 * 16);
}
