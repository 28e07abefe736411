// A service that is told to end by a signal, as containers do: it ends its work, sends what it has
// recorded, and is gone before SIGKILL would come. `start()` installs no handler: signals are the
// program's own business.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>
#include <waggle/sdk.hpp>

int main() {
  // Blocked here and in all threads made from here on, to be waited for below.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  waggle::Config config;
  config.service_name = "service";
  config.exporters.push_back(std::make_unique<waggle::ConsoleExporter>());
  auto tracing = waggle::start(std::move(config));

  { waggle::Span span{"handle-request"}; }
  std::puts("serving; send SIGTERM");
  std::fflush(stdout);

  int signal = 0;
  sigwait(&ends, &signal);
  // Containers wait ten seconds by default.
  const bool is_complete = tracing.shutdown(std::chrono::seconds(5));
  std::printf("ended by signal %d, %s\n", signal, is_complete ? "all sent" : "not all sent");
}
