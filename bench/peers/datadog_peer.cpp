// dd-trace-cpp: spans of a trace that stays open, its agent the same local server as waggle's, its
// telemetry off.
//   datadog_peer [--quick]

#include <datadog/span.h>
#include <datadog/span_config.h>
#include <datadog/tracer.h>
#include <datadog/tracer_config.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>

#include "peers/peer.hpp"
#include "support/backend.hpp"
#include "support/span_kinds.hpp"

namespace {

namespace dd = datadog::tracing;

dd::Tracer* tracer = nullptr;

dd::SpanConfig named(const char* name) {
  dd::SpanConfig config;
  config.name = name;
  return config;
}

std::uint64_t time_spans(int runs) {
  const dd::Span parent = tracer->create_span(named("parent"));
  return bench::time_loop(runs,
                          [&] { const dd::Span span = parent.create_child(named("child span")); });
}

std::uint64_t time_spans_with_four(int runs) {
  const bench::Order& order = bench::Order::any();
  const dd::Span parent = tracer->create_span(named("parent"));
  return bench::time_loop(runs, [&] {
    dd::Span span = parent.create_child(named("child span"));
    span.set_metric("order.id", static_cast<double>(order.id));
    span.set_metric("price", order.price);
    span.set_tag("paid", order.is_paid ? "true" : "false");
    span.set_tag("customer", order.customer);
  });
}

void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

}  // namespace

int main(int argument_count, char** arguments) {
  const bench::Backend backend;
  bench::nanoseconds_per_tick();
  dd::TracerConfig config;
  config.service = "bench";
  config.agent.url = backend.url();
  config.telemetry.enabled = false;
  bench::pin_to_core(bench::kOtherCore);
  const auto checked = dd::finalize_config(config);
  if (const dd::Error* error = checked.if_error()) {
    std::fprintf(stderr, "%s\n", error->message.c_str());
    return 1;
  }
  dd::Tracer made{*checked};
  tracer = &made;
  bench::pin_to_core(bench::kMeasuredCore);
  bench::Peer peer("dd-trace-cpp", bench::is_quick(argument_count, arguments));
  peer.add(bench::kPeerChild, time_spans);
  peer.add(bench::kPeerFour, time_spans_with_four);
  peer.run(settle);
}
