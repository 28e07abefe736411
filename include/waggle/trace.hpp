// The light band: everything an instrumented file needs. It depends on no library, links with
// nothing and starts nothing; until the program calls start() from waggle/sdk.hpp every call is a
// no-op. With WAGGLE_DISABLED defined every call compiles to nothing.
#ifndef WAGGLE_TRACE_HPP
#define WAGGLE_TRACE_HPP

#ifdef WAGGLE_DISABLED
#include "waggle/api/disabled.hpp"
#else
#include "waggle/api/current.hpp"
#include "waggle/api/detached_span.hpp"
#include "waggle/api/exception_watch.hpp"
#include "waggle/api/lifecycle.hpp"
#include "waggle/api/propagation.hpp"
#include "waggle/api/span.hpp"
#include "waggle/api/staging.hpp"
#endif

#endif  // WAGGLE_TRACE_HPP
