// The SDK band: what the one file that configures tracing includes. Needs libcurl, zlib and
// threads.
#ifndef WAGGLE_SDK_HPP
#define WAGGLE_SDK_HPP

#include "waggle/exporters/console_exporter.hpp"
#include "waggle/exporters/file_exporter.hpp"
#include "waggle/exporters/memory_exporter.hpp"
#include "waggle/sampling/always_sampler.hpp"
#include "waggle/sampling/deterministic_sampler.hpp"
#include "waggle/sampling/dynamic_sampler.hpp"
#include "waggle/sampling/parent_based_sampler.hpp"
#include "waggle/sampling/rate_limiting_sampler.hpp"
#include "waggle/sampling/ratio_sampler.hpp"
#include "waggle/sampling/rule_sampler.hpp"
#include "waggle/setup/start.hpp"
#include "waggle/setup/tracing.hpp"
#include "waggle/trace.hpp"

#endif  // WAGGLE_SDK_HPP
