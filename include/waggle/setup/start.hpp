// start(): the one call that turns tracing on.
#ifndef WAGGLE_SETUP_START_HPP
#define WAGGLE_SETUP_START_HPP

#include <utility>

#include "waggle/setup/tracing.hpp"

namespace waggle {
#ifdef WAGGLE_DISABLED
inline namespace disabled1 {

// Starts nothing, as WAGGLE_DISABLED wants it.
inline Tracing start(Config = {}) { return {}; }

}  // namespace disabled1
#else
inline namespace abi1 {

// Starts tracing. Everything may be left to the environment; what `config` says wins. On a mistake
// tracing stays off and the result names every mistake at once. One tracer runs in a process; it
// may be started again after it was shut down.
inline Tracing start(Config config = {}) { return detail::Starter::start(std::move(config)); }

}  // namespace abi1
#endif
}  // namespace waggle

#endif  // WAGGLE_SETUP_START_HPP
