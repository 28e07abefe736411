// Counts what is exported and keeps nothing, for programs that look at the books.
#ifndef WAGGLE_TESTS_SUPPORT_COUNTING_EXPORTER_HPP
#define WAGGLE_TESTS_SUPPORT_COUNTING_EXPORTER_HPP

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <waggle/sdk.hpp>

#include "driver.hpp"

namespace waggle_test {

class CountingExporter final : public waggle::Exporter {
 public:
  static inline std::atomic<std::uint64_t> spans{0};

  waggle::ExportResult export_batch(const waggle::Batch& batch,
                                    waggle::Deadline) noexcept override {
    spans += batch.spans.size();
    return {};
  }
};

inline waggle::Tracing start_counting(waggle::Config config = {}) {
  choose_driver(config);
  config.exporters.push_back(std::make_unique<CountingExporter>());
  return waggle::start(std::move(config));
}

// Ends the program with a message unless `holds`.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::_Exit(1);
}

inline std::uint64_t dropped(waggle::DropReason reason) {
  return waggle::stats().dropped_for(reason);
}

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_COUNTING_EXPORTER_HPP
