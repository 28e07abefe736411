#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <thread>
#include <waggle/exporters/console_exporter.hpp>

#include "support/descriptor_ends.hpp"
#include "support/environment_variable.hpp"
#include "support/sample_trace.hpp"

using waggle::ConsoleExporter;
using waggle::ConsoleOptions;
using waggle::Deadline;
using waggle::ExportResult;
using waggle::Milliseconds;
using waggle_test::CookedTerminal;
using waggle_test::Ends;
using waggle_test::EnvironmentVariable;
using waggle_test::Pipe;
using waggle_test::SampleTrace;
using waggle_test::Socket;
using waggle_test::Terminal;
using waggle_test::Watchdog;

namespace {

void fill(SampleTrace& trace) {
  trace.span("GET /users", 1).lasting(0, 10).kind(waggle::SpanKind::Server);
  trace.span("SELECT", 2, 1).lasting(5, 10).error("gone");
}

ConsoleOptions options_for(const Ends& ends) {
  ConsoleOptions options;
  options.descriptor = ends.writer();
  return options;
}

// Draws one small trace and returns what arrived.
std::string drawn_on(Ends& ends) {
  const Watchdog watchdog;
  SampleTrace trace;
  fill(trace);
  ConsoleExporter exporter(options_for(ends));
  const ExportResult result =
      exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000)));
  CHECK(result.delivered);
  CHECK(result.reason == "");
  return ends.read_all();
}

std::string drawn_on_terminal(unsigned short columns) {
  Terminal terminal(columns);
  return drawn_on(terminal);
}

// What the waterfall itself makes of the trace.
std::string waterfall(std::size_t width, bool has_colour) {
  SampleTrace trace;
  fill(trace);
  const auto traces = waggle::detail::by_trace(trace.spans());
  return waggle::detail::Waterfall(traces.at(0), "shop", {has_colour, width}).draw();
}

// Adds traces of one span each.
void add_traces(SampleTrace& sample, unsigned count) {
  for (unsigned i = 1; i <= count; ++i) sample.span("work", 1).of_trace(waggle::TraceId{7, i});
}

std::size_t occurrences(const std::string& text, const std::string& words) {
  std::size_t count = 0;
  for (std::size_t at = text.find(words); at != text.npos; at = text.find(words, at + 1)) ++count;
  return count;
}

constexpr Milliseconds kBriefly{50};

// Fills what stands behind the descriptor, which has no reader, and more.
void check_full(const Ends& ends, std::size_t name_size) {
  SampleTrace sample;
  for (unsigned i = 1; i <= 2000; ++i) sample.span(std::string(name_size, 'x'), i, 1).error("bad");
  ConsoleExporter exporter(options_for(ends));
  const ExportResult result = exporter.export_batch(sample.batch(), Deadline::in(kBriefly));
  CHECK_FALSE(result.delivered);
  CHECK(result.reason == "the terminal: it takes no more output");
}

}  // namespace

TEST_CASE("elsewhere than on a terminal there are no colours, and lines for 100 columns") {
  const EnvironmentVariable terminal("TERM", "xterm-256color");
  Pipe pipe;
  const std::string text = drawn_on(pipe);
  CHECK(text == waterfall(100, false));
  CHECK(text.find("SELECT") != text.npos);
  CHECK(text.find('\033') == text.npos);
}

TEST_CASE("on a terminal there are colours, and lines of the window's width") {
  const EnvironmentVariable terminal("TERM", "xterm-256color");
  CHECK(drawn_on_terminal(80) == waterfall(80, true));
  CHECK(drawn_on_terminal(160) == waterfall(160, true));
  CHECK(waterfall(80, true) != waterfall(80, false));
}

TEST_CASE("a window too narrow, too wide or of unknown width is met by a width that can be read") {
  const EnvironmentVariable terminal("TERM", "xterm");
  CHECK(drawn_on_terminal(20) == waterfall(60, true));
  CHECK(drawn_on_terminal(5000) == waterfall(240, true));
  CHECK(drawn_on_terminal(0) == waterfall(100, true));
}

TEST_CASE("a window that was resized is drawn for at its new width") {
  const EnvironmentVariable name("TERM", "xterm");
  const Watchdog watchdog;
  Terminal terminal(80);
  SampleTrace trace;
  fill(trace);
  ConsoleExporter exporter(options_for(terminal));
  CHECK(exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000))).delivered);
  winsize size{};
  size.ws_col = 120;
  REQUIRE(::ioctl(terminal.writer(), TIOCSWINSZ, &size) == 0);
  CHECK(exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000))).delivered);
  CHECK(terminal.read_all() == waterfall(80, true) + waterfall(120, true));
}

TEST_CASE("NO_COLOR takes the colours away, unless it is empty") {
  const EnvironmentVariable terminal("TERM", "xterm");
  {
    const EnvironmentVariable no_colour("NO_COLOR", "1");
    CHECK(drawn_on_terminal(80) == waterfall(80, false));
  }
  const EnvironmentVariable no_colour("NO_COLOR", "");
  CHECK(drawn_on_terminal(80) == waterfall(80, true));
}

TEST_CASE("a dumb or unknown terminal gets no colours") {
  {
    const EnvironmentVariable terminal("TERM", "dumb");
    CHECK(drawn_on_terminal(80) == waterfall(80, false));
  }
  ::unsetenv("TERM");
  CHECK(drawn_on_terminal(80) == waterfall(80, false));
}

TEST_CASE("a stopped terminal fails the batch by its deadline") {
  const Watchdog watchdog;
  Terminal terminal(80);
  REQUIRE(::tcflow(terminal.writer(), TCOOFF) == 0);  // as Ctrl-S does
  SampleTrace trace;
  fill(trace);
  ConsoleExporter exporter(options_for(terminal));
  const ExportResult result = exporter.export_batch(trace.batch(), Deadline::in(kBriefly));
  CHECK_FALSE(result.delivered);
  CHECK(result.reason == "the terminal: it takes no more output");

  REQUIRE(::tcflow(terminal.writer(), TCOON) == 0);
  CHECK(exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000))).delivered);
}

TEST_CASE("a terminal, pipe or socket that nobody reads fails the batch by its deadline") {
  const Watchdog watchdog;
  CookedTerminal cooked(80);
  Terminal raw(80);
  Pipe pipe;
  Socket socket;
  for (const Ends* ends : std::initializer_list<const Ends*>{&cooked, &raw, &pipe, &socket}) {
    check_full(*ends, 12);
    CHECK((::fcntl(ends->writer(), F_GETFL) & O_NONBLOCK) == 0);  // others may share it
  }
}

TEST_CASE("a terminal that nobody reads fails the batch wherever its lines end") {
  const Watchdog watchdog;
  for (const unsigned short width : std::initializer_list<unsigned short>{80, 100, 160}) {
    for (std::size_t name_size = 3; name_size < 60; name_size += 8) {
      CAPTURE(width);
      CAPTURE(name_size);
      check_full(CookedTerminal(width), name_size);
    }
  }
}

TEST_CASE("what was cut off at a deadline is ended before the next drawing") {
  const EnvironmentVariable name("TERM", "xterm");
  const Watchdog watchdog;
  SampleTrace many;
  add_traces(many, 2000);
  SampleTrace trace;
  fill(trace);
  Terminal terminal(80);
  Pipe pipe;
  for (Ends* ends : {static_cast<Ends*>(&terminal), static_cast<Ends*>(&pipe)}) {
    ConsoleOptions options = options_for(*ends);
    options.traces_per_second = 100'000;
    ConsoleExporter exporter(options);
    CHECK_FALSE(exporter.export_batch(many.batch(), Deadline::in(kBriefly)).delivered);
    const std::string before = ends->read_now();
    REQUIRE(before.back() != '\n');
    for (int i = 0; i < 2; ++i) {
      CHECK(exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000))).delivered);
    }
    const bool is_terminal = ends == &terminal;
    const std::string drawing = waterfall(is_terminal ? 80 : 100, is_terminal);
    CHECK(ends->read_now() == (is_terminal ? "\033[0m\n" : "\n") + drawing + drawing);
  }
}

TEST_CASE("a file is drawn to behind what the program itself writes there") {
  const Watchdog watchdog;
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  ConsoleOptions options;
  options.descriptor = ::fileno(file);
  SampleTrace trace;
  fill(trace);
  ConsoleExporter exporter(options);
  REQUIRE(::write(options.descriptor, "before\n", 7) == 7);
  CHECK(exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000))).delivered);
  REQUIRE(::write(options.descriptor, "after\n", 6) == 6);
  std::string text(4096, '\0');
  const ssize_t size = ::pread(options.descriptor, text.data(), text.size(), 0);
  REQUIRE(size > 0);
  text.resize(static_cast<std::size_t>(size));
  CHECK(text == "before\n" + waterfall(100, false) + "after\n");
  std::fclose(file);
}

TEST_CASE("no descriptor stays open") {
  const Watchdog watchdog;
  const int free_before = ::dup(STDERR_FILENO);
  ::close(free_before);
  CHECK_FALSE(drawn_on_terminal(80).empty());
  const int free_after = ::dup(STDERR_FILENO);
  ::close(free_after);
  CHECK(free_after == free_before);
}

TEST_CASE("a change of the environment after the start is not looked at") {
  const EnvironmentVariable terminal_name("TERM", "xterm");
  const Watchdog watchdog;
  Terminal terminal(80);
  SampleTrace trace;
  fill(trace);
  ConsoleExporter exporter(options_for(terminal));
  const EnvironmentVariable no_colour("NO_COLOR", "1");
  CHECK(exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000))).delivered);
  CHECK(terminal.read_all() == waterfall(80, true));
}

TEST_CASE("a descriptor that does not block is waited for like any other") {
  const Watchdog watchdog;
  Pipe pipe;
  REQUIRE(::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK) == 0);
  SampleTrace sample;
  add_traces(sample, 2000);
  ConsoleOptions options = options_for(pipe);
  options.traces_per_second = 100'000;
  ExportResult result;
  std::thread writer([&] {
    ConsoleExporter exporter(options);
    result = exporter.export_batch(sample.batch(), Deadline::in(Milliseconds(30000)));
    pipe.close_writer();
  });
  const std::string text = pipe.read_rest();
  writer.join();
  CHECK(result.delivered);
  CHECK(occurrences(text, "trace 0000000000000007") == 2000);
}

TEST_CASE("a reader that is gone fails the batch and does not end the program") {
  const Watchdog watchdog;
  struct sigaction before {};
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  REQUIRE(::sigaction(SIGPIPE, &action, &before) == 0);
  SampleTrace trace;
  fill(trace);
  {
    Pipe pipe;
    ConsoleExporter exporter(options_for(pipe));
    pipe.close_reader();
    const ExportResult result =
        exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000)));
    CHECK_FALSE(result.delivered);
    CHECK(result.reason == "the terminal: Broken pipe");
  }
  {
    Terminal terminal(80);
    ConsoleExporter exporter(options_for(terminal));
    terminal.close_reader();
    const ExportResult result =
        exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000)));
    CHECK_FALSE(result.delivered);
    CHECK(result.reason == "the terminal: Input/output error");
  }
  CHECK(::sigaction(SIGPIPE, &before, nullptr) == 0);
}

TEST_CASE("a descriptor that is closed fails the batch in words") {
  SampleTrace trace;
  fill(trace);
  ConsoleOptions options;
  options.descriptor = 1'000'000;
  ConsoleExporter exporter(options);
  const ExportResult result =
      exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000)));
  CHECK_FALSE(result.delivered);
  CHECK(result.reason == "the terminal: Bad file descriptor");
}

TEST_CASE("traces beyond a second's allowance are counted in one line") {
  const Watchdog watchdog;
  Pipe pipe;
  ConsoleOptions options = options_for(pipe);
  options.traces_per_second = 0;
  {
    SampleTrace sample;
    add_traces(sample, 30);
    ConsoleExporter exporter(options);
    const Deadline deadline = Deadline::in(Milliseconds(30000));
    CHECK(exporter.export_batch(sample.batch(), deadline).delivered);
    CHECK(exporter.export_batch(sample.batch(), deadline).delivered);
  }
  CHECK(pipe.read_all() == "(60 traces were not drawn: more than 0 a second)\n");
}

TEST_CASE("after a second traces are drawn again, below the count of those that were not") {
  const Watchdog watchdog;
  Pipe pipe;
  ConsoleOptions options = options_for(pipe);
  options.traces_per_second = 1;
  SampleTrace trace;
  fill(trace);
  std::size_t offered = 0;
  std::string text;
  {
    ConsoleExporter exporter(options);
    while (occurrences(text, "GET /users") < 2 || occurrences(text, "not drawn") == 0) {
      exporter.export_batch(trace.batch(), Deadline::in(Milliseconds(30000)));
      ++offered;
      text += pipe.read_now();
    }
  }
  text += pipe.read_all();
  const std::size_t drawn = occurrences(text, "GET /users");
  CHECK(text.rfind("trace ", 0) == 0);
  CHECK(text.find("\n(") < text.rfind("\ntrace "));

  std::size_t counted = 0;
  for (std::size_t at = text.find("\n("); at != text.npos; at = text.find("\n(", at + 1)) {
    counted += std::stoul(text.substr(at + 2));
  }
  CHECK(drawn + counted == offered);
}

TEST_CASE("a single trace that was left out is one trace") {
  Pipe pipe;
  ConsoleOptions options = options_for(pipe);
  options.traces_per_second = 0;
  SampleTrace trace;
  fill(trace);
  CHECK(ConsoleExporter(options)
            .export_batch(trace.batch(), Deadline::in(Milliseconds(30000)))
            .delivered);
  CHECK(pipe.read_all() == "(1 trace was not drawn: more than 0 a second)\n");
}
