// Configures tracing, and sees the span of the library that it is linked with.
#include <cstdio>
#include <memory>
#include <utility>
#include <waggle/sdk.hpp>

void call_library();

int main() {
  auto store = std::make_shared<waggle::SpanStore>();
  waggle::Config config;
  config.exporters.push_back(std::make_unique<waggle::MemoryExporter>(store));
  auto tracing = waggle::start(std::move(config));
  call_library();
  tracing.force_flush();
  std::printf("waggle %s: %zu spans\n", WAGGLE_VERSION, store->size());
  return store->size() == 1 ? 0 : 1;
}
