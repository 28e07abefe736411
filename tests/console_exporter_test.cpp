#include <doctest/doctest.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <thread>
#include <waggle/exporters/console_exporter.hpp>

#include "support/environment_variable.hpp"
#include "support/sample_trace.hpp"

using waggle::ConsoleExporter;
using waggle::ConsoleOptions;
using waggle::Deadline;
using waggle::ExportResult;
using waggle::Milliseconds;
using waggle_test::EnvironmentVariable;
using waggle_test::SampleTrace;

namespace {

// Ends the program if what it guards does not return; only ever fires in a test that fails.
class Watchdog {
 public:
  Watchdog() { ::alarm(60); }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() { ::alarm(0); }
};

// A descriptor to write to and one to read at its other end.
class Ends {
 public:
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;
  ~Ends() {
    close(reader_);
    close(writer_);
  }

  int writer() const { return writer_; }
  void close_reader() { close(reader_); }
  void close_writer() { close(writer_); }

  // Reads to the end, which comes when the writing end is closed.
  std::string read_rest() const {
    std::string text;
    char piece[4096];
    for (;;) {
      const ssize_t size = ::read(reader_, piece, sizeof(piece));
      if (size <= 0) return text;  // a terminal without writers answers EIO
      text.append(piece, static_cast<std::size_t>(size));
    }
  }

  // Reads what is there already.
  std::string read_now() const {
    ::fcntl(reader_, F_SETFL, O_NONBLOCK);
    return read_rest();
  }

  // Closes the writing end and returns what was written, which must not have been too much to wait
  // there.
  std::string read_all() {
    close_writer();
    return read_rest();
  }

 protected:
  Ends() = default;
  int reader_ = -1;
  int writer_ = -1;

 private:
  static void close(int& descriptor) {
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
  }
};

struct Pipe : Ends {
  Pipe() {
    int both[2];
    REQUIRE(::pipe(both) == 0);
    reader_ = both[0];
    writer_ = both[1];
  }
};

// A pseudo-terminal that passes on what is written to it as it is.
struct Terminal : Ends {
  explicit Terminal(unsigned short columns) {
    winsize size{};
    size.ws_row = 50;
    size.ws_col = columns;
    REQUIRE(::openpty(&reader_, &writer_, nullptr, nullptr, &size) == 0);
    termios settings{};
    REQUIRE(::tcgetattr(writer_, &settings) == 0);
    ::cfmakeraw(&settings);
    REQUIRE(::tcsetattr(writer_, TCSANOW, &settings) == 0);
  }
};

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

TEST_CASE("a terminal or pipe that nobody reads fails the batch by its deadline once it is full") {
  const Watchdog watchdog;
  SampleTrace sample;
  add_traces(sample, 2000);
  Terminal terminal(80);
  Pipe pipe;
  for (const Ends* ends : {static_cast<Ends*>(&terminal), static_cast<Ends*>(&pipe)}) {
    ConsoleOptions options = options_for(*ends);
    options.traces_per_second = 100'000;
    ConsoleExporter exporter(options);
    const ExportResult result = exporter.export_batch(sample.batch(), Deadline::in(kBriefly));
    CHECK_FALSE(result.delivered);
    CHECK(result.reason == "the terminal: it takes no more output");
    CHECK((::fcntl(ends->writer(), F_GETFL) & O_NONBLOCK) == 0);  // others may share it
  }
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
