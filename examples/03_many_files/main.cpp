// One file configures tracing; the others only make spans, need no library and do not know where
// their spans go. Draws the trace of one order on stderr.
#include <memory>
#include <utility>
#include <waggle/sdk.hpp>

#include "03_many_files/orders.hpp"

int main() {
  waggle::Config config;
  config.service_name = "shop";
  config.exporters.push_back(std::make_unique<waggle::ConsoleExporter>());
  auto tracing = waggle::start(std::move(config));

  place_order(42);
}
