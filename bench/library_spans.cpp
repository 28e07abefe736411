// A shared library that makes spans, as a plugin would: position-independent, with hidden names,
// opened by dlopen(). It knows waggle's headers and nothing of the program.

#include <waggle/trace.hpp>

#include "support/interleaved.hpp"

extern "C" __attribute__((visibility("default"))) std::uint64_t time_library_spans(int runs) {
  return bench::time_loop(runs, [] { const waggle::Span span{"child span L"}; });
}
