// Divides the memory that tracing may take: three quarters for the recording threads (their states,
// rings, spill blocks), one for what is collected. Neither can starve the other. With the default
// of 16 MB a thousand threads have a ring.
#ifndef WAGGLE_PIPELINE_MEMORY_PLAN_HPP
#define WAGGLE_PIPELINE_MEMORY_PLAN_HPP

#include <algorithm>
#include <cstddef>

#include "waggle/collect/span_batch.hpp"
#include "waggle/pipeline/encoded_batch.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Bounds each consumer of memory. What the collector may take adds up to its quarter: the queue,
// the spans of a batch being read, two bodies, their compressed form, and zlib's own state.
struct MemoryPlan {
  std::size_t threads;
  std::size_t queue;
  BatchBounds batch;
  BodyBounds body;

  static MemoryPlan of(std::size_t memory_limit, std::size_t batch_spans) noexcept {
    const std::size_t collector = memory_limit / 4;
    constexpr std::size_t kLargestBody = 4 * 1024 * 1024;
    MemoryPlan plan{};
    plan.threads = memory_limit - collector;
    plan.queue = collector / 4;
    plan.batch = {batch_spans, collector / 8};
    plan.body = {batch_spans, (std::min)(collector / 4, kLargestBody)};
    return plan;
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_MEMORY_PLAN_HPP
