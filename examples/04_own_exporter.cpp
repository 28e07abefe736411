// An exporter of one's own: spans go to Honeycomb, to a file, anywhere. This one adds up how long
// each kind of span took, and a filter takes out beforehand what nobody is to see.
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <waggle/sdk.hpp>

namespace {

struct Sum {
  int spans = 0;
  double milliseconds = 0;
};

// Called on waggle's thread, one batch after the other; what it views is gone afterwards.
class Summary final : public waggle::Exporter {
 public:
  waggle::ExportResult export_batch(const waggle::Batch& batch,
                                    waggle::Deadline) noexcept override {
    for (const waggle::FinishedSpan& span : batch.spans) {
      Sum& sum = sums_[std::string(span.name)];
      ++sum.spans;
      sum.milliseconds +=
          static_cast<double>(span.end_unix_nanoseconds - span.start_unix_nanoseconds) / 1e6;
    }
    return {};
  }

  ~Summary() override {
    for (const auto& [name, sum] : sums_) {
      std::printf("%-10s %3d spans, %.3f ms in all\n", name.c_str(), sum.spans, sum.milliseconds);
    }
  }

 private:
  std::map<std::string, Sum> sums_;
};

}  // namespace

int main() {
  waggle::Config config;
  config.service_name = "shop";
  config.exporters.push_back(std::make_unique<Summary>());
  config.filter = [](waggle::SpanEditor& span) {
    span.remove_attribute("user.email");
    return span.span().name != "health";
  };
  auto tracing = waggle::start(std::move(config));

  for (int turn = 0; turn < 10; ++turn) {
    waggle::Span request{"request"};
    request.set_attribute("user.email", "somebody@example.com");
    waggle::Span query{"query"};
    waggle::Span health{"health"};
  }
}
