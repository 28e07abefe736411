// How long the program has computed, and how much of that waggle's own thread.
#ifndef WAGGLE_BENCH_SUPPORT_PROCESSOR_TIME_HPP
#define WAGGLE_BENCH_SUPPORT_PROCESSOR_TIME_HPP

#include <pthread.h>
#include <time.h>

#include <cstdint>
#include <waggle/sdk.hpp>

#include "support/row.hpp"

namespace bench {

// Returns the seconds that this process has computed so far, or one of its threads by its clock.
inline double processor_seconds(clockid_t clock = CLOCK_PROCESS_CPUTIME_ID) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Seconds of processor time: of all threads together, and of waggle's.
struct ProcessorTime {
  double process = 0;
  double worker = 0;

  friend ProcessorTime operator-(ProcessorTime later, ProcessorTime earlier) {
    return {later.process - earlier.process, later.worker - earlier.worker};
  }
};

// Reads the process's clock and the worker's.
class ProcessorClock {
 public:
  // Has the worker say which clock is its own. This has to outlive the worker, and can be read
  // after the first flush.
  void watch(waggle::Config& config) {
    config.on_worker_start = [](void* self) {
      ::pthread_getcpuclockid(::pthread_self(), &static_cast<ProcessorClock*>(self)->worker_);
    };
    config.on_worker_start_user = this;
  }

  ProcessorTime read() const { return {processor_seconds(), processor_seconds(worker_)}; }

 private:
  clockid_t worker_ = CLOCK_PROCESS_CPUTIME_ID;
};

// Adds what a span took of the processor.
inline void add_processor_time(Row& row, ProcessorTime time, std::uint64_t spans) {
  row.number("cpu_us_per_span", time.process * 1e6 / static_cast<double>(spans));
  row.number("worker_us_per_span", time.worker * 1e6 / static_cast<double>(spans));
}

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_PROCESSOR_TIME_HPP
