// An instrumented library; built with hidden visibility, it still shares the program's tracer.
#include <waggle/trace.hpp>

__attribute__((visibility("default"))) void call_library() { waggle::Span span{"library"}; }
