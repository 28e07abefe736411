// Runs a piece of instrumented code with a tracer of its own and returns what was exported.
#ifndef WAGGLE_TESTS_SUPPORT_RECORDING_HPP
#define WAGGLE_TESTS_SUPPORT_RECORDING_HPP

#include <memory>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "driver.hpp"

namespace waggle_test {

class Recording {
 public:
  explicit Recording(waggle::Config config = {}) {
    choose_driver(config);
    config.exporters.push_back(std::make_unique<waggle::MemoryExporter>(store_));
    tracing_ = waggle::start(std::move(config));
  }

  bool ok() const { return tracing_.ok() && tracing_.is_on(); }
  waggle::Tracing& tracing() { return tracing_; }

  // Returns all spans that ended so far.
  std::vector<waggle::RecordedSpan> spans() {
    tracing_.force_flush();
    return store_->spans();
  }

  waggle::RecordedSpan find(std::string_view name) {
    tracing_.force_flush();
    return store_->find(name);
  }

 private:
  std::shared_ptr<waggle::SpanStore> store_ = std::make_shared<waggle::SpanStore>();
  waggle::Tracing tracing_;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_RECORDING_HPP
