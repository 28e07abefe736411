// Starts tracing for a benchmark.
#ifndef WAGGLE_BENCH_SUPPORT_START_HPP
#define WAGGLE_BENCH_SUPPORT_START_HPP

#include <cstdio>
#include <string>
#include <utility>
#include <waggle/sdk.hpp>

#include "support/machine.hpp"

namespace bench {

// Says what is wrong, if it does not start.
inline waggle::Tracing start_tracing(waggle::Config config) {
  waggle::Tracing tracing = waggle::start(std::move(config));
  for (const std::string& error : tracing.errors()) std::fprintf(stderr, "%s\n", error.c_str());
  return tracing;
}

// The same with the worker on the other core: a thread inherits the core of the one that starts it.
// The caller is bound to the measured core from then on.
inline waggle::Tracing start_on_other_core(waggle::Config config) {
  pin_to_core(kOtherCore);
  waggle::Tracing tracing = start_tracing(std::move(config));
  pin_to_core(kMeasuredCore);
  return tracing;
}

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_START_HPP
