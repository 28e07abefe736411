// A library that starts tracing by itself; built by pinned_test.sh.
#include "../support/counting_exporter.hpp"

extern "C" __attribute__((visibility("default"))) bool start_in_library() {
  static waggle::Tracing* const tracing = new waggle::Tracing(waggle_test::start_counting());
  waggle::Span span{"in the library that started it"};
  return tracing->ok() && span.is_recording();
}
