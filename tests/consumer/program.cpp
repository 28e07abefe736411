// An instrumented program that starts no tracer.
#include <waggle/trace.hpp>

static_assert(__cplusplus >= 201703L, "waggle::waggle asks for C++17");

int main() { waggle::Span span{"program"}; }
