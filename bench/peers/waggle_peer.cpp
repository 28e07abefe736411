// waggle among its peers: recording with OTLP/JSON on its way to a local server.
//   waggle_peer [--quick]

#include <string>
#include <utility>
#include <waggle/sdk.hpp>

#include "peers/peer.hpp"
#include "support/backend.hpp"
#include "support/command_line.hpp"
#include "support/drain.hpp"
#include "support/span_kinds.hpp"
#include "support/start.hpp"

int main(int argument_count, char** arguments) {
  const bench::Backend backend;
  bench::nanoseconds_per_tick();
  bench::pin_to_core(bench::kMeasuredCore);
  bench::Peer off("waggle", bench::is_quick(argument_count, arguments));
  off.add(bench::kPeerOff, bench::child);
  off.run([] {});

  waggle::Config config;
  config.service_name = "bench";
  config.endpoint = backend.url();
  waggle::Tracing tracing = bench::start_on_other_core(std::move(config));
  if (!tracing.is_on()) return 1;
  bench::grow_ring();
  bench::Peer peer("waggle", bench::is_quick(argument_count, arguments));
  peer.add(bench::kPeerChild, bench::child);
  peer.add(bench::kPeerFour, bench::child_with_four_attributes);
  peer.run(bench::wait_until_drained);
}
