// Work that goes from thread to thread and stays in one trace.
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <waggle/sdk.hpp>

namespace {

// A thread knows nothing of the span that began its work: the context has to come along.
void resize(const waggle::SpanContext& parent) {
  const waggle::ContextGuard guard{parent};
  waggle::Span span{"resize"};
  span.set_attribute("width", 640);
}

// A span that begins on one thread and ends on another.
void upload() {
  waggle::DetachedSpan span{"upload"};
  std::thread([span = std::move(span)]() mutable { span.set_attribute("bytes", 4096); }).join();
}

}  // namespace

int main() {
  waggle::Config config;
  config.service_name = "pictures";
  config.exporters.push_back(std::make_unique<waggle::ConsoleExporter>());
  auto tracing = waggle::start(std::move(config));

  const waggle::Span request{"publish"};
  std::thread thread(resize, request.context());
  std::async(std::launch::async, resize, request.context()).get();
  thread.join();
  upload();
}
