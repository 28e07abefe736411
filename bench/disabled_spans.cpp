// The same call site as that of the row of a child with an attribute, in a file that was compiled
// with WAGGLE_DISABLED.

#define WAGGLE_DISABLED
#include <waggle/trace.hpp>

#include "support/interleaved.hpp"

namespace bench {

std::uint64_t time_disabled_spans(int runs) {
  return time_loop(runs, [] {
    waggle::Span span{"child span"};
    span.set_attribute("order.id", 4711);
  });
}

}  // namespace bench
