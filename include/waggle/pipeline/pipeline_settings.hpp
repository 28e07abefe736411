// What a pipeline is made of: the process-wide sources that it works on, and what one session was
// configured with. Time, randomness, transport and exporters are all handed in here.
#ifndef WAGGLE_PIPELINE_PIPELINE_SETTINGS_HPP
#define WAGGLE_PIPELINE_PIPELINE_SETTINGS_HPP

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "waggle/collect/sampler_switch.hpp"
#include "waggle/collect/scope_table.hpp"
#include "waggle/collect/spill_pool.hpp"
#include "waggle/collect/thread_registry.hpp"
#include "waggle/collect/wall_clock.hpp"
#include "waggle/pipeline/delivery.hpp"
#include "waggle/pipeline/ledger.hpp"
#include "waggle/pipeline/memory_plan.hpp"
#include "waggle/sdk/exporter.hpp"
#include "waggle/sdk/limits.hpp"
#include "waggle/sdk/span_filter.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Outlives every pipeline.
struct PipelineSources {
  ThreadRegistry& threads;
  SpillPool& spill;
  ScopeTable& scopes;
  Ledger& ledger;
  SamplerSwitch* sampler = nullptr;  // none: nobody adapts
};

struct PipelineSettings {
  Resource resource;
  EffectiveLimits limits;
  std::vector<std::string> baggage_attributes;
  MemoryPlan memory{};
  Milliseconds batch_delay{1000};
  Milliseconds export_timeout{10000};
  SpanFilter filter;
  std::vector<std::unique_ptr<Exporter>> exporters;
  std::unique_ptr<Delivery> delivery;  // none: to the exporters only
  ClockSample (*sample_clocks)() = &detail::sample_clocks;
  std::uint64_t seed[2] = {};
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_PIPELINE_SETTINGS_HPP
