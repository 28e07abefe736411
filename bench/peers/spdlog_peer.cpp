// What many do instead of tracing: two clock reads, and a line with ids and duration to an
// asynchronous spdlog logger, whose file is /dev/null.
//   spdlog_peer [--quick]

#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

#include "peers/peer.hpp"
#include "support/span_kinds.hpp"

namespace {

std::shared_ptr<spdlog::logger> logger;
std::uint64_t last_id = 0;

std::uint64_t time_lines(int runs) {
  return bench::time_loop(runs, [] {
    const std::uint64_t start = bench::read_ticks();
    const std::uint64_t id = ++last_id;
    logger->info("{} trace={:016x} span={:016x} ticks={}", "child span", 1U, id,
                 bench::read_ticks() - start);
  });
}

std::uint64_t time_lines_with_four(int runs) {
  const bench::Order& order = bench::Order::any();
  return bench::time_loop(runs, [&] {
    const std::uint64_t start = bench::read_ticks();
    const std::uint64_t id = ++last_id;
    logger->info("{} trace={:016x} span={:016x} ticks={} order.id={} price={} paid={} customer={}",
                 "child span", 1U, id, bench::read_ticks() - start, order.id, order.price,
                 order.is_paid, order.customer);
  });
}

std::uint64_t time_lines_off(int runs) {
  return bench::time_loop(runs, [] {
    const std::uint64_t id = ++last_id;
    logger->debug("{} trace={:016x} span={:016x}", "child span", 1U, id);
  });
}

// The queue has room for 8,192 lines; a burst is far from that.
void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

}  // namespace

int main(int argument_count, char** arguments) {
  bench::nanoseconds_per_tick();
  bench::pin_to_core(bench::kOtherCore);
  spdlog::init_thread_pool(8192, 1);
  logger = spdlog::basic_logger_mt<spdlog::async_factory>("spans", "/dev/null");
  bench::pin_to_core(bench::kMeasuredCore);
  bench::Peer peer("spdlog, async, a line a span", bench::is_quick(argument_count, arguments));
  peer.add(bench::kPeerChild, time_lines);
  peer.add(bench::kPeerFour, time_lines_with_four);
  peer.add(bench::kPeerOff, time_lines_off);
  peer.run(settle);
}
