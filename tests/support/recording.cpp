#include "recording.hpp"

#include <utility>

#include "driver.hpp"

namespace waggle_test {

Recording::Recording(waggle::Config config) : store_(std::make_shared<waggle::SpanStore>()) {
  choose_driver(config);
  config.exporters.push_back(std::make_unique<waggle::MemoryExporter>(store_));
  tracing_ = waggle::start(std::move(config));
}

Recording::~Recording() = default;

bool Recording::ok() const { return tracing_.ok() && tracing_.is_on(); }

std::vector<waggle::RecordedSpan> Recording::spans() {
  tracing_.force_flush();
  return store_->spans();
}

waggle::RecordedSpan Recording::find(std::string_view name) {
  tracing_.force_flush();
  return store_->find(name);
}

}  // namespace waggle_test
