#include <waggle/trace.hpp>

__attribute__((visibility("default"))) waggle::SpanContext span_in_linked_library() {
  waggle::Span span{"in linked library"};
  return span.context();
}
