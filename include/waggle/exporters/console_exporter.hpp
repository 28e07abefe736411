// Draws each trace on a terminal, for development: what start() chooses when nobody said where
// traces go and a person is watching.
#ifndef WAGGLE_EXPORTERS_CONSOLE_EXPORTER_HPP
#define WAGGLE_EXPORTERS_CONSOLE_EXPORTER_HPP

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "waggle/core/config.hpp"
#include "waggle/exporters/descriptor_writer.hpp"
#include "waggle/exporters/waterfall.hpp"
#include "waggle/sdk/exporter.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {

struct ConsoleOptions {
  int descriptor = STDERR_FILENO;

  // What is beyond is not drawn, but counted in a line of its own.
  unsigned traces_per_second = 20;
};

// Draws the traces of a batch as waterfalls. Colours and the window's width are used on a terminal
// only (and no colours if NO_COLOR is set or TERM is dumb); elsewhere lines are laid out for 100
// columns. NO_COLOR and TERM are read once, when it is made: the worker must not read an
// environment that the host may be changing. A trace whose spans come in several batches is drawn
// once a batch.
class ConsoleExporter final : public Exporter {
 public:
  explicit ConsoleExporter(ConsoleOptions options = {}) noexcept
      : options_(options), may_colour_(environment_allows_colour()) {}
  ConsoleExporter(const ConsoleExporter&) = delete;
  ConsoleExporter& operator=(const ConsoleExporter&) = delete;

  // Says how many traces the last seconds left out, if that can be written at once.
  ~ConsoleExporter() override {
    detail::completes([this] {
      write(skipped_ != 0 ? skipped_text() : std::string(), Deadline::in(Milliseconds(0)));
    });
  }

  // Fails by the deadline if the terminal takes no more; what it has not taken is given up. Fails
  // at once if there is no way to write without waiting. Never changes the descriptor's flags.
  ExportResult export_batch(const Batch& batch, Deadline deadline) noexcept override {
    return detail::export_by([&] { return draw(batch, deadline); });
  }

 private:
  WAGGLE_COLD ExportResult draw(const Batch& batch, Deadline deadline) {
    const detail::WaterfallStyle style = this->style();
    const std::string_view service = batch.resource.text("service.name");
    std::string text;
    for (detail::SpanList& trace : detail::by_trace(batch.spans)) {
      if (!may_draw()) continue;
      if (skipped_ != 0) text += skipped_text();
      text += detail::Waterfall(std::move(trace), service, style).draw();
    }
    const std::string problem = write(std::move(text), deadline);
    if (problem.empty()) return {};
    return ExportResult::failed(detail::joined({"the terminal: ", problem}));
  }

  static bool environment_allows_colour() noexcept {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    const bool is_dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
    return !is_dumb && (no_colour == nullptr || no_colour[0] == '\0');
  }

  detail::WaterfallStyle style() const noexcept {
    detail::WaterfallStyle style;
    if (::isatty(options_.descriptor) != 1) return style;
    style.has_colour = may_colour_;
    winsize size{};
    if (::ioctl(options_.descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
      style.width = std::clamp(std::size_t{size.ws_col}, kNarrowest, kWidest);
    }
    return style;
  }

  // What was given up within a line, perhaps within a colour, is ended before the next text, or
  // alone if there is none.
  WAGGLE_COLD std::string write(std::string text, Deadline deadline) {
    if (is_cut_off_) text.insert(0, style().has_colour ? "\033[0m\n" : "\n");
    if (text.empty()) return {};
    std::string_view left = text;
    const detail::NonBlockingDescriptor descriptor(options_.descriptor);
    std::string problem = descriptor.write(left, deadline);
    is_cut_off_ = detail::is_cut_off(text, left, is_cut_off_);
    return problem;
  }

  // A second's allowance begins with its first trace.
  bool may_draw() noexcept {
    const TimePoint now = SteadyClock::now();
    if (now - second_began_ >= std::chrono::seconds(1)) {
      second_began_ = now;
      drawn_ = 0;
    }
    if (drawn_ == options_.traces_per_second) {
      ++skipped_;
      return false;
    }
    ++drawn_;
    return true;
  }

  WAGGLE_COLD std::string skipped_text() {
    const char* what = skipped_ == 1 ? " trace was" : " traces were";
    const std::string count = std::to_string(std::exchange(skipped_, 0));
    return detail::joined({"(", count, what, " not drawn: more than ",
                           std::to_string(options_.traces_per_second), " a second)\n"});
  }

  static constexpr std::size_t kNarrowest = 60;  // columns; the bars need them
  static constexpr std::size_t kWidest = 240;

  const ConsoleOptions options_;
  const bool may_colour_;
  bool is_cut_off_ = false;
  TimePoint second_began_{};
  unsigned drawn_ = 0;
  std::size_t skipped_ = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_CONSOLE_EXPORTER_HPP
