// The formulas of dynsampler's EMASampleRate, against a second account of them that is written as
// their description is.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>
#include <waggle/sampling/key_rates.hpp>

using waggle::detail::KeyRate;
using waggle::detail::moved_average;
using waggle::detail::settle_rates;

namespace {

using Averages = std::map<std::string, double>;
using Rates = std::map<std::string, std::uint32_t>;

// In the words of the description, with a map, which is in the order of the keys.
Rates described(const Averages& averages, double goal_rate) {
  double sum = 0;
  double logarithms = 0;
  for (const auto& [key, average] : averages) {
    sum += std::fmax(1, average);
    logarithms += std::log10(std::fmax(1, average));
  }
  const double goal_ratio = (sum / goal_rate) / logarithms;
  Rates rates;
  double extra = 0;
  double remaining = static_cast<double>(averages.size());
  for (const auto& [key, average] : averages) {
    const double count = std::fmax(1, average);
    double goal = std::fmax(1, std::log10(count) * goal_ratio);
    const double extra_for_key = extra / remaining;
    goal += extra_for_key;
    extra -= extra_for_key;
    remaining -= 1;
    if (count <= goal) {
      rates[key] = 1;
      extra += goal - count;
      continue;
    }
    const double rate = std::ceil(count / goal);
    if (std::isnan(rate)) {
      rates[key] = 1;
    } else {
      rates[key] = static_cast<std::uint32_t>(rate);
      extra += goal - count / rate;
    }
  }
  return rates;
}

Rates settled(const Averages& averages, double goal_rate) {
  std::vector<KeyRate> keys;
  for (auto entry = averages.rbegin(); entry != averages.rend(); ++entry) {
    keys.push_back({entry->first, entry->second, 0, nullptr});
  }
  settle_rates(keys, goal_rate);
  Rates rates;
  for (const KeyRate& key : keys) rates[std::string(key.key)] = key.rate;
  return rates;
}

}  // namespace

TEST_CASE("rates are those of the description, for any averages") {
  std::mt19937_64 random(20261123);
  for (int turn = 0; turn < 2000; ++turn) {
    Averages averages;
    const std::uint64_t keys = 1 + random() % 40;
    for (std::uint64_t key = 0; key < keys; ++key) {
      const double magnitude = static_cast<double>(random() % 6000) / 1000;
      averages[std::to_string(random() % 1000)] = std::pow(10.0, magnitude) - 0.5;
    }
    const double goal = 1 + static_cast<double>(random() % 100);
    CAPTURE(turn);
    REQUIRE(settled(averages, goal) == described(averages, goal));
  }
}

TEST_CASE("a worked example: the frequent pay for the rare") {
  // sum 1111, a fifth of it 222.2; logarithms 3 + 2 + 1 + 0, so 37.03 for each of their units.
  const Rates rates = settled({{"a", 1000}, {"b", 100}, {"c", 10}, {"d", 1}}, 5);
  CHECK(rates.at("a") == 10);  // of 111.1
  CHECK(rates.at("b") == 2);   // of 74.07 and a third of the 11.1 that a has left
  CHECK(rates.at("c") == 1);
  CHECK(rates.at("d") == 1);
}

TEST_CASE("where no key comes more than once all are kept") {
  CHECK(settled({{"a", 1}, {"b", 0.5}}, 10) == Rates{{"a", 1}, {"b", 1}});
  CHECK(settled({}, 10) == Rates{});
}

TEST_CASE("the mean over all keys comes near the goal") {
  const Averages averages = {{"a", 90000}, {"b", 7000}, {"c", 900}, {"d", 50}, {"e", 2}};
  double kept = 0;
  double all = 0;
  for (const auto& [key, rate] : settled(averages, 20)) {
    all += averages.at(key);
    kept += averages.at(key) / rate;
  }
  CHECK(all / kept >= 20);  // rates are rounded up
  CHECK(all / kept < 30);
}

TEST_CASE("an average moves by the weight of the last interval") {
  CHECK(moved_average(100, 200, 0.5) == doctest::Approx(150));
  CHECK(moved_average(100, 0, 0.25) == doctest::Approx(75));
  CHECK(moved_average(0, 8, 0.5) == doctest::Approx(4));
}
