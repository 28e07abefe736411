// A program that wants no other thread: an event loop that gives waggle a moment when it has one.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>
#include <waggle/sdk.hpp>

int main() {
  using std::chrono::microseconds;
  using std::chrono::milliseconds;

  waggle::Config config;
  config.service_name = "loop";
  config.worker_thread = false;
  config.batch_delay = milliseconds(20);
  config.exporters.push_back(std::make_unique<waggle::ConsoleExporter>());
  auto tracing = waggle::start(std::move(config));

  for (int turn = 0; turn < 3; ++turn) {
    { waggle::Span span{"turn"}; }
    // Works for 200 us at most, never waits, and says how long it can do without.
    const microseconds rest = tracing.poll(microseconds(200));
    const auto timeout = std::chrono::ceil<milliseconds>((std::min)(rest, microseconds(30000)));
    ::poll(nullptr, 0, static_cast<int>(timeout.count()));  // here: the descriptors of the program
  }
  tracing.poll();
  std::printf("%d spans on their way or delivered\n", static_cast<int>(waggle::stats().ended()));
}
