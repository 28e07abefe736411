// OTEL_TRACES_EXPORTER: whether traces are sent, drawn, both or neither. Where to is said
// elsewhere.
#ifndef WAGGLE_SETUP_TRACE_EXPORTERS_HPP
#define WAGGLE_SETUP_TRACE_EXPORTERS_HPP

#include <cstddef>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/sdk/joined.hpp"
#include "waggle/setup/environment.hpp"
#include "waggle/setup/setup_report.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

struct TraceExporters {
  bool is_said = false;
  bool otlp = false;
  bool console = false;

  bool is_none() const noexcept { return is_said && !otlp && !console; }
  bool only_console() const noexcept { return console && !otlp; }

  // Takes one word; false if it is not known.
  bool take(std::string_view word) noexcept {
    struct Known {
      std::string_view word;
      bool otlp;
      bool console;
    };
    constexpr Known kKnown[] = {
        {"otlp", true, false}, {"console", false, true}, {"none", false, false}};
    for (const Known& known : kKnown) {
      if (!equals_ignoring_case(known.word, word)) continue;
      is_said = true;
      otlp = otlp || known.otlp;
      console = console || known.console;
      return true;
    }
    return false;
  }

  // Reads a list of words between commas; one that is not known is told and left out.
  WAGGLE_COLD static TraceExporters of(const Environment& environment, SetupReport& report) {
    constexpr const char* kName = "OTEL_TRACES_EXPORTER";
    TraceExporters exporters;
    std::string_view text = environment.value(kName);
    while (!text.empty()) {
      const std::size_t comma = text.find(',');
      const std::string_view word = without_blanks(text.substr(0, comma));
      text = comma == text.npos ? std::string_view{} : text.substr(comma + 1);
      if (word.empty() || exporters.take(word)) continue;
      report.warn(joined(
          {kName, ": ", in_quotes(word), " is none of otlp, console and none, and is left out"}));
    }
    return exporters;
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SETUP_TRACE_EXPORTERS_HPP
