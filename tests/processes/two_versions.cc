// Opens a library that was built against another release of waggle, and starts tracing: exits with
// 0 if its spans are recorded in the program's traces, with 1 if they are not and start() said so,
// and else with 2. Built by two_versions_test.sh.
#include <dlfcn.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <waggle/sdk.hpp>

int main(int, char** arguments) {
  void* library = ::dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) return 2;
  const auto record = reinterpret_cast<bool (*)()>(::dlsym(library, "record_in_library"));
  std::string told;
  const auto store = std::make_shared<waggle::SpanStore>();
  waggle::Config config;
  config.exporters.push_back(std::make_unique<waggle::MemoryExporter>(store));
  config.on_message = [](std::string_view message, void* user) {
    static_cast<std::string*>(user)->append(message);
  };
  config.on_message_user = &told;
  auto tracing = waggle::start(std::move(config));
  bool is_recorded = false;
  waggle::SpanContext root;
  {
    const waggle::Span span{"in the program"};
    root = span.context();
    is_recorded = record();
  }
  tracing.force_flush();
  const bool is_told = told.find("another ABI (2, not 1)") != std::string::npos;
  const bool is_one_trace = is_recorded && store->spans().size() == 2 &&
                            store->find("in the library").parent_id == root.span_id();
  if (is_one_trace && told.empty()) return 0;
  return !is_recorded && is_told && store->spans().size() == 1 ? 1 : 2;
}
