#include <waggle/trace.hpp>

extern "C" {
#pragma GCC diagnostic push
#if defined(__clang__)
#pragma GCC diagnostic ignored "-Wreturn-type-c-linkage"
#endif
__attribute__((visibility("default"))) waggle::SpanContext span_in_plugin() {
  static const waggle::Scope scope{"plugin"};
  waggle::Span span{scope, "in plugin"};
  return span.context();
}
#pragma GCC diagnostic pop
__attribute__((visibility("default"))) bool attach_plugin(waggle::Runtime& program) {
  return waggle::attach(program);
}
}
