// A library with a span of its own; built by two_versions_test.sh against another release.
#include <waggle/trace.hpp>

extern "C" __attribute__((visibility("default"))) bool record_in_library() {
  waggle::Span span{"in the library"};
  return span.is_recording();
}
