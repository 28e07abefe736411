// From how often each kind of trace comes to how many of it one kept trace stands for: rare kinds
// are kept whole, frequent ones thinned out, so that the mean is the rate asked for. The formulas
// are those of Honeycomb's dynsampler (EMASampleRate). Pure.
#ifndef WAGGLE_SAMPLING_KEY_RATES_HPP
#define WAGGLE_SAMPLING_KEY_RATES_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

namespace waggle {
inline namespace abi1 {
namespace detail {

// One kind of trace: its key, the moving average of its counts, what comes of that, and where that
// is published.
struct KeyRate {
  std::string_view key;
  double average = 0;
  std::uint32_t rate = 1;
  std::uint32_t* published = nullptr;
};

// Moves an average on by one interval's count.
inline double moved_average(double average, double count, double weight) noexcept {
  return (1 - weight) * average + weight * count;
}

// Counts below 1 are taken for 1: their logarithms would turn the sum around.
inline double counted(const KeyRate& key) noexcept { return (std::max)(1.0, key.average); }

// Returns how many traces an interval has on average.
inline double sum_of_averages(const std::vector<KeyRate>& keys) noexcept {
  double sum = 0;
  for (const KeyRate& key : keys) sum += counted(key);
  return sum;
}

// Settles the rates, so that one of `goal_rate` traces is kept in the mean. Each key may keep as
// many as the logarithm of its count asks for; what a rare key does not need goes to those behind
// it in the order of their text.
inline void settle_rates(std::vector<KeyRate>& keys, double goal_rate) {
  std::sort(keys.begin(), keys.end(),
            [](const KeyRate& left, const KeyRate& right) { return left.key < right.key; });
  double logarithms = 0;
  for (const KeyRate& key : keys) logarithms += std::log10(counted(key));
  const double ratio = sum_of_averages(keys) / goal_rate / logarithms;
  double extra = 0;
  auto left = static_cast<double>(keys.size());
  for (KeyRate& key : keys) {
    const double count = counted(key);
    // Where no key comes more than once there is nothing to divide by, and all are kept.
    const double wanted = logarithms > 0 ? std::log10(count) * ratio : count;
    const double share = extra / left;
    extra -= share;
    left -= 1;
    const double goal = (std::max)(1.0, wanted) + share;
    if (count <= goal) {
      key.rate = 1;
      extra += goal - count;
    } else {
      const double rate = std::ceil(count / goal);
      key.rate = static_cast<std::uint32_t>((std::min)(rate, 2147483647.0));
      extra += goal - count / rate;
    }
  }
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_KEY_RATES_HPP
