// Shows people the way to their traces in Honeycomb, for development: one line for each trace that
// begins in this process.
#ifndef WAGGLE_EXPORTERS_TRACE_LINK_EXPORTER_HPP
#define WAGGLE_EXPORTERS_TRACE_LINK_EXPORTER_HPP

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "waggle/core/config.hpp"
#include "waggle/exporters/descriptor_writer.hpp"
#include "waggle/exporters/terminal_text.hpp"
#include "waggle/exporters/trace_link.hpp"
#include "waggle/otlp/reply.hpp"
#include "waggle/sdk/diagnostics.hpp"
#include "waggle/sdk/exporter.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/sdk/transport.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

struct TraceLinkOptions {
  std::string auth_url;  // whom to ask for team and environment of a key
  HeaderList headers;    // the key
  TracePages pages;      // but for team and environment
  int descriptor = STDERR_FILENO;
};

// Asks Honeycomb once, with the first trace that begins here, whose key it is (GET /1/auth); for
// two seconds at most, while rings hold what is recorded. Without a good answer it says why, and
// does nothing any more.
class TraceLinkExporter final : public Exporter {
 public:
  TraceLinkExporter(TraceLinkOptions options, std::unique_ptr<Transport> transport,
                    std::shared_ptr<Diagnostics> diagnostics) noexcept
      : options_(std::move(options)),
        transport_(std::move(transport)),
        diagnostics_(std::move(diagnostics)) {}

  // Never fails: the spans themselves go elsewhere.
  ExportResult export_batch(const Batch& batch, Deadline deadline) noexcept override {
    completes([&] {
      if (!has_root(batch)) return;
      if (transport_ != nullptr) ask(deadline);
      if (!options_.pages.team.empty()) write(links(batch), deadline);
    });
    return {};
  }

 private:
  static bool has_root(const Batch& batch) noexcept {
    return std::any_of(batch.spans.begin(), batch.spans.end(),
                       [](const FinishedSpan& span) { return !span.parent_id.is_valid(); });
  }

  WAGGLE_COLD void ask(Deadline deadline) {
    constexpr Milliseconds kLongest{2000};
    const std::unique_ptr<Transport> transport = std::move(transport_);
    const Deadline until((std::min)(deadline.at(), Deadline::in(kLongest).at()));
    HttpRequest request;
    request.url = options_.auth_url;
    request.headers = options_.headers;
    request.timeout = kLongest;
    transport->begin(request);
    while (transport->poll().outcome == TransportOutcome::Pending) {
      const TimePoint now = SteadyClock::now();
      if (until.passed(now)) return give_up("no answer in time");
      transport->wait(-1, until.left(now));
    }
    hear(transport->poll());
  }

  WAGGLE_COLD void hear(const HttpReply& reply) {
    if (reply.outcome != TransportOutcome::Answered) return give_up(reply.message);
    const KeyOwner owner = read_key_owner(reply.body);
    if (reply.status != 200 || owner.team.empty()) {
      const char* why = reply.status == 401 ? ", the key was refused" : "";
      return give_up(joined({"HTTP ", std::to_string(reply.status), why}));
    }
    options_.pages.team = owner.team;
    options_.pages.environment = owner.environment;
  }

  WAGGLE_COLD void give_up(std::string_view why) {
    diagnostics_->always(joined(
        {"no links to traces are shown: asked whose key it is, Honeycomb did not tell: ", why}));
  }

  WAGGLE_COLD std::string links(const Batch& batch) const {
    constexpr std::size_t kMost = 20;
    constexpr std::size_t kLongestName = 60;
    std::string text;
    std::size_t count = 0;
    for (const FinishedSpan& span : batch.spans) {
      if (span.parent_id.is_valid() || ++count > kMost) continue;
      text += joined(
          {terminal_text(span.name, kLongestName), ": ", options_.pages.link(span.trace_id), "\n"});
    }
    if (count > kMost) text += joined({"(and ", std::to_string(count - kMost), " traces more)\n"});
    return text;
  }

  void write(const std::string& text, Deadline deadline) const {
    std::string_view left = text;
    if (!left.empty()) NonBlockingDescriptor(options_.descriptor).write(left, deadline);
  }

  TraceLinkOptions options_;
  std::unique_ptr<Transport> transport_;  // until Honeycomb was asked
  std::shared_ptr<Diagnostics> diagnostics_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_TRACE_LINK_EXPORTER_HPP
