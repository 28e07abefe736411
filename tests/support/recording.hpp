// Runs a piece of instrumented code with a tracer of its own and returns what was exported.
#ifndef WAGGLE_TESTS_SUPPORT_RECORDING_HPP
#define WAGGLE_TESTS_SUPPORT_RECORDING_HPP

#include <memory>
#include <string_view>
#include <vector>
#include <waggle/sdk.hpp>

namespace waggle_test {

// Defined in recording.cpp, so that the pipeline is compiled there and not in every test.
class Recording {
 public:
  explicit Recording(waggle::Config config = {});
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  bool ok() const;
  waggle::Tracing& tracing() { return tracing_; }

  // Returns all spans that ended so far.
  std::vector<waggle::RecordedSpan> spans();
  // The one of this name, as SpanStore::find() has it.
  waggle::RecordedSpan find(std::string_view name);

 private:
  std::shared_ptr<waggle::SpanStore> store_;
  waggle::Tracing tracing_;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_RECORDING_HPP
