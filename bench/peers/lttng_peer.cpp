// LTTng-UST: a span as two tracepoints, without ids of its own, parents or a destination beyond
// this machine. run.sh keeps a tracing session around it; without one the tracepoints are off.
//   lttng_peer [--quick]

#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include <chrono>
#include <cstdint>
#include <thread>

#include "peers/lttng_tracepoints.hpp"
#include "peers/peer.hpp"
#include "support/span_kinds.hpp"

namespace {

std::uint64_t last_id = 0;

std::uint64_t time_tracepoints(int runs) {
  return bench::time_loop(runs, [] {
    const std::uint64_t id = ++last_id;
    lttng_ust_tracepoint(waggle_bench, span_start, "child span", id);
    lttng_ust_tracepoint(waggle_bench, span_end, id);
  });
}

std::uint64_t time_tracepoints_with_four(int runs) {
  const bench::Order& order = bench::Order::any();
  return bench::time_loop(runs, [&] {
    const std::uint64_t id = ++last_id;
    lttng_ust_tracepoint(waggle_bench, span_start, "child span", id);
    lttng_ust_tracepoint(waggle_bench, span_end_with_four, id, order.id, order.price, order.is_paid,
                         order.customer.c_str());
  });
}

void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

}  // namespace

int main(int argument_count, char** arguments) {
  bench::nanoseconds_per_tick();
  bench::pin_to_core(bench::kMeasuredCore);
  const bool is_on = lttng_ust_tracepoint_enabled(waggle_bench, span_start);
  bench::Peer peer("LTTng-UST, two tracepoints", bench::is_quick(argument_count, arguments));
  if (is_on) {
    peer.add(bench::kPeerChild, time_tracepoints);
    peer.add(bench::kPeerFour, time_tracepoints_with_four);
  } else {
    peer.add(bench::kPeerOff, time_tracepoints);
  }
  peer.run(settle);
}
