// The kinds of spans that the recording rows time. Each has its own last character in its spans'
// names, by which the exporter counts what arrived.
#ifndef WAGGLE_BENCH_SUPPORT_SPAN_KINDS_HPP
#define WAGGLE_BENCH_SUPPORT_SPAN_KINDS_HPP

#include <cstdint>
#include <string>
#include <waggle/trace.hpp>

#include "support/interleaved.hpp"

namespace bench {

// Values that the compiler cannot know.
struct Order {
  std::int64_t id = 4711;
  double price = 12.5;
  bool is_paid = true;
  std::string customer = std::string(20, 'c');

  static const Order& any() {
    static Order order;
    asm volatile("" : : "r"(&order) : "memory");
    return order;
  }
};

// Times children of one parent, which is begun and ended outside of the measured time.
template <class Body>
inline __attribute__((always_inline)) std::uint64_t time_children(int runs, Body&& body) {
  const waggle::Span parent{"parent"};
  return time_loop(runs, body);
}

inline std::uint64_t child(int runs) {
  return time_children(runs, [] { const waggle::Span span{"child span A"}; });
}

inline std::uint64_t child_with_attribute(int runs) {
  const Order& order = Order::any();
  return time_children(runs, [&] {
    waggle::Span span{"child span B"};
    span.set_attribute("order.id", order.id);
  });
}

inline std::uint64_t child_with_four_attributes(int runs) {
  const Order& order = Order::any();
  return time_children(runs, [&] {
    waggle::Span span{"child span C"};
    span.set_attribute("order.id", order.id);
    span.set_attribute("price", order.price);
    span.set_attribute("paid", order.is_paid);
    span.set_attribute("customer", order.customer);
  });
}

inline std::uint64_t child_with_sixteen_attributes(int runs) {
  const Order& order = Order::any();
  return time_children(runs, [&] {
    waggle::Span span{"child span I"};
    for (int four = 0; four < 4; ++four) {
      span.set_attribute("order.id", order.id);
      span.set_attribute("price", order.price);
      span.set_attribute("paid", order.is_paid);
      span.set_attribute("customer", order.customer);
    }
  });
}

inline std::uint64_t root_with_nine_children(int runs) {
  return time_loop(runs, [] {
    const waggle::Span root{"root span D"};
    for (int i = 0; i < 9; ++i) const waggle::Span span{"child span D"};
  });
}

template <int depth>
__attribute__((noinline)) void nest() {
  const waggle::Span span{"child span E"};
  if constexpr (depth > 1) nest<depth - 1>();
  asm volatile("" : : : "memory");
}
inline std::uint64_t nested_ten_deep(int runs) {
  return time_children(runs, [] { nest<10>(); });
}

// The sampler of recording_bench.cpp drops traces that begin with this name.
constexpr const char* kUnsampledRoot = "unsampled root";

inline std::uint64_t unsampled_child(int runs) {
  const waggle::Span parent{kUnsampledRoot};
  return time_loop(runs, [] { const waggle::Span span{"child span F"}; });
}

inline std::uint64_t unsampled_root(int runs) {
  return time_loop(runs, [] { const waggle::Span span{kUnsampledRoot}; });
}

inline std::uint64_t detached_span(int runs) {
  return time_children(runs, [] { const waggle::DetachedSpan span{"child span G"}; });
}

inline std::uint64_t child_with_event(int runs) {
  return time_children(runs, [] {
    waggle::Span span{"child span H"};
    span.add_event("cache miss");
  });
}

inline std::uint64_t inject_headers(int runs) {
  const waggle::Span span{"parent"};
  return time_loop(runs, [] {
    waggle::inject([](std::string_view name, std::string_view value) {
      asm volatile("" : : "r"(name.data()), "r"(value.data()) : "memory");
    });
  });
}

inline std::uint64_t extract_headers(int runs) {
  const auto headers = [](std::string_view name) -> std::string_view {
    if (name != "traceparent") return {};
    return "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  };
  return time_loop(runs, [&] {
    const waggle::SpanContext context = waggle::extract(headers);
    asm volatile("" : : "r"(&context) : "memory");
  });
}

// A row of recording spans, or of what goes along with them.
struct SpanKind {
  const char* name;
  std::uint64_t (*time_burst)(int runs);
  char mark;  // the last character of its spans' names; none: it records none
  int spans_per_run;
};

inline std::uint64_t no_span(int runs) {
  return time_loop(runs, [] {});
}

// What is timed before tracing is started.
constexpr SpanKind kWithoutTracer[] = {
    {"no tracer: empty loop", no_span, '\0', 1},
    {"no tracer: child", child, '\0', 1},
    {"no tracer: child + 4 attributes", child_with_four_attributes, '\0', 1},
};

constexpr SpanKind kSpanKinds[] = {
    {"child", child, 'A', 1},
    {"child + 1 attribute", child_with_attribute, 'B', 1},
    {"child + 4 attributes", child_with_four_attributes, 'C', 1},
    {"child + 16 attributes", child_with_sixteen_attributes, 'I', 1},
    {"root + 9 children, per span", root_with_nine_children, 'D', 10},
    {"nested 10 deep, per span", nested_ten_deep, 'E', 10},
    {"detached span", detached_span, 'G', 1},
    {"child + event", child_with_event, 'H', 1},
    {"unsampled child", unsampled_child, '\0', 1},
    {"root that is sampled out", unsampled_root, '\0', 1},
    {"inject", inject_headers, '\0', 1},
    {"extract", extract_headers, '\0', 1},
};

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_SPAN_KINDS_HPP
