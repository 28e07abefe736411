// How both example services configure tracing; included by their main.cpp only.
#ifndef EXAMPLES_COMMON_TRACING_CONFIG_HPP
#define EXAMPLES_COMMON_TRACING_CONFIG_HPP

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <waggle/sdk.hpp>

// Leaves the destination to the environment, as start() does by itself; but where that would leave
// tracing off, as in a log file without any key, the traces are drawn all the same.
inline waggle::Config tracing_config(const char* service_name) {
  const auto is_set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  waggle::Config config;
  config.service_name = service_name;
  if (!is_set("HONEYCOMB_API_KEY") && !is_set("OTEL_EXPORTER_OTLP_ENDPOINT")) {
    config.exporters.push_back(std::make_unique<waggle::ConsoleExporter>());
  }
  return config;
}

// Says on stderr why tracing is off, if it is. A service runs on without it.
inline void report_errors(const waggle::Tracing& tracing) {
  for (const std::string& error : tracing.errors())
    std::cerr << "tracing is off: " << error << '\n';
}

// Stops tracing and says on stdout what became of the spans.
inline void stop_tracing(waggle::Tracing& tracing) {
  tracing.shutdown();
  const waggle::Stats stats = waggle::stats();
  std::cout << "spans: " << stats.delivered << " delivered, " << stats.ended() - stats.delivered
            << " lost" << std::endl;
}

#endif  // EXAMPLES_COMMON_TRACING_CONFIG_HPP
