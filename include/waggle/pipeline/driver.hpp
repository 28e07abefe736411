// What makes the pipeline move: a thread of its own, or the host's loop. Both are handed the same
// requests from any thread, and both keep to the deadlines that they come with.
#ifndef WAGGLE_PIPELINE_DRIVER_HPP
#define WAGGLE_PIPELINE_DRIVER_HPP

#include <chrono>
#include <memory>

#include "waggle/pipeline/pipeline.hpp"
#include "waggle/sdk/deadline.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

using Microseconds = std::chrono::microseconds;

class Driver : public std::enable_shared_from_this<Driver> {
 public:
  explicit Driver(std::unique_ptr<Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;

  // Begins to work; false if there is no thread or descriptor to be had.
  virtual bool start() = 0;

  // Waits until all spans that ended before the call have met their fate; false after the deadline.
  virtual bool flush(Deadline deadline) = 0;

  // Flushes and ends; false if something had to be given up. Called once.
  virtual bool stop(Deadline deadline) = 0;

  // Lets the pipeline work on the calling thread, and returns how long nothing is to be done then.
  virtual Microseconds poll(Microseconds budget) = 0;

 protected:
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_DRIVER_HPP
