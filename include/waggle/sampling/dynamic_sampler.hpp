// Keeps what is rare and thins out what is frequent, by itself, as the traffic changes.
#ifndef WAGGLE_SAMPLING_DYNAMIC_SAMPLER_HPP
#define WAGGLE_SAMPLING_DYNAMIC_SAMPLER_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "waggle/sampling/key_rates.hpp"
#include "waggle/sampling/key_table.hpp"
#include "waggle/sampling/sampling_key.hpp"
#include "waggle/sampling/threshold.hpp"
#include "waggle/sdk/completes.hpp"
#include "waggle/sdk/sampler.hpp"

namespace waggle {
inline namespace abi1 {

// Configures a DynamicSampler. Names and defaults are those of Refinery's EMADynamicSampler.
struct DynamicSamplerOptions {
  // Whose values make up a trace's key: attributes that its first span has at its start, and "name"
  // for that span's name. Choose such as have few values: a route, a status, not a user's id.
  std::vector<std::string> fields;

  // How many traces one kept trace stands for, in the mean over all keys; at least 1.
  double goal_sample_rate = 10;

  // How often the rates are adjusted, and how much the last interval counts beside those before it.
  Milliseconds adjustment_interval{15000};
  double weight = 0.5;

  // A key whose average falls below this is forgotten. Negative: `weight`.
  double age_out = -1;

  // Adjusts at once when an interval has so many times the traffic that is usual, but not before so
  // many intervals are over; 0 or less: never.
  double burst_multiple = 2;
  std::uint32_t burst_detection_delay = 3;

  // How many keys are counted. Traces of further ones are all kept.
  std::size_t max_keys = 500;
};

// Chooses a rate for each kind of trace after dynsampler's EMASampleRate, so that frequent kinds
// are thinned out more than rare ones and the mean is the rate asked for. Whether a trace is kept
// then goes by its random bits, as with all samplers here, not by the dice.
class DynamicSampler final : public Sampler {
 public:
  explicit DynamicSampler(DynamicSamplerOptions options)
      : options_(std::move(options)), keys_(options_.max_keys) {
    std::sort(options_.fields.begin(), options_.fields.end());
    options_.goal_sample_rate = (std::max)(1.0, options_.goal_sample_rate);
    if (options_.age_out < 0) options_.age_out = options_.weight;
  }

  void decide(const RootRequest& request, RootDecision& decision) const noexcept override {
    detail::decide_by_threshold(request, threshold_of_rate(rate_of(request)), decision);
    detail::wake_for_root();
  }

  // A first look begins the first interval.
  void maintain(TimePoint now) const noexcept override {
    if (now < next_look_) return;
    next_look_ = now + Milliseconds(100);
    if (begin_ == TimePoint{}) begin_ = now;
    if (now - begin_ < options_.adjustment_interval && !is_burst()) return;
    begin_ = now;
    detail::completes([this] { adjust(); });
  }

  std::string description() const override {
    std::string text = "DynamicSampler{";
    for (const std::string& field : options_.fields) text.append(field).append(",");
    return text + std::to_string(std::lround(options_.goal_sample_rate)) + "}";
  }

 private:
  // A key that was not seen in the last interval is kept; before there is one the goal stands in.
  std::uint32_t rate_of(const RootRequest& request) const noexcept {
    detail::KeySlot* slot = keys_.find_or_add(detail::SamplingKey(options_.fields, request));
    if (slot != nullptr) detail::KeyTable::count(*slot);
    if (detail::load_acquire(has_rates_) == 0) {
      return static_cast<std::uint32_t>(options_.goal_sample_rate);
    }
    return slot == nullptr ? 1 : (std::max)(1U, detail::load_relaxed(slot->rate));
  }

  bool is_burst() const noexcept {
    if (options_.burst_multiple <= 0 || intervals_ < options_.burst_detection_delay) return false;
    std::uint64_t sum = 0;
    keys_.for_each([&](const detail::KeySlot& slot) { sum += detail::KeyTable::counted(slot); });
    return burst_ > 0 && static_cast<double>(sum) >= burst_;
  }

  // An interval without any traffic changes nothing.
  void adjust() const {
    std::uint64_t sum = 0;
    keys_.for_each([&](const detail::KeySlot& slot) { sum += detail::KeyTable::counted(slot); });
    if (sum == 0) return;
    std::vector<detail::KeyRate> rates;
    rates.reserve(options_.max_keys);
    keys_.for_each([&](detail::KeySlot& slot) {
      const auto count = static_cast<double>(detail::KeyTable::take_count(slot));
      slot.average = detail::moved_average(slot.average, count, options_.weight);
      if (slot.average < options_.age_out) return keys_.remove(slot);
      rates.push_back({detail::KeyTable::text(slot), slot.average, 1, &slot.rate});
    });
    burst_ = detail::sum_of_averages(rates) * options_.burst_multiple;
    detail::settle_rates(rates, options_.goal_sample_rate);
    for (const detail::KeyRate& key : rates) detail::store_relaxed(*key.published, key.rate);
    detail::store_release(has_rates_, 1U);
    ++intervals_;
  }

  DynamicSamplerOptions options_;
  mutable detail::KeyTable keys_;
  mutable std::uint32_t has_rates_ = 0;

  // For the collector only.
  mutable TimePoint begin_{};      // of this interval
  mutable TimePoint next_look_{};  // whether there is a burst
  mutable std::uint32_t intervals_ = 0;
  mutable double burst_ = 0;  // so many traces in an interval are a burst
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_DYNAMIC_SAMPLER_HPP
