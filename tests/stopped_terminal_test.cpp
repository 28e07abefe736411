#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <string_view>
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
using namespace waggle_test;

namespace {

constexpr Milliseconds kBriefly{50};
constexpr Milliseconds kLong{30000};
const std::string kIsFull = "the terminal: it takes no more output";
const std::string kCannotOpen = "the terminal: it cannot be opened to write without waiting: ";

// Adds traces of one span each.
void add_traces(SampleTrace& sample, unsigned count) {
  for (unsigned i = 1; i <= count; ++i) sample.span("work", 1).of_trace(waggle::TraceId{7, i});
}

ConsoleOptions options_for(int descriptor) {
  ConsoleOptions options;
  options.descriptor = descriptor;
  options.traces_per_second = 100'000;
  return options;
}

ExportResult draw(ConsoleExporter& exporter, unsigned traces, Milliseconds time) {
  SampleTrace sample;
  add_traces(sample, traces);
  return exporter.export_batch(sample.batch(), Deadline::in(time));
}

ExportResult draw_on(int descriptor, unsigned traces, Milliseconds time) {
  ConsoleExporter exporter(options_for(descriptor));
  return draw(exporter, traces, time);
}

// What a terminal of 80 columns shows of as many traces.
std::string drawing(unsigned traces) {
  SampleTrace sample;
  add_traces(sample, traces);
  std::string text;
  for (const auto& trace : waggle::detail::by_trace(sample.spans())) {
    text += waggle::detail::Waterfall(trace, "shop", {true, 80}).draw();
  }
  return text;
}

void stop(const Ends& terminal) { REQUIRE(::tcflow(terminal.writer(), TCOOFF) == 0); }
void resume(const Ends& terminal) { REQUIRE(::tcflow(terminal.writer(), TCOON) == 0); }

// Runs `work` in a process of its own, which ends with what it returns; -1 if a signal ended it.
template <class Work>
int in_child(Work&& work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    ::_exit(work());
  }
  int state = 0;
  REQUIRE(::waitpid(child, &state, 0) == child);
  return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

// Takes the right to open a file that is open from this thread, as a program has it that another
// user gave its terminal. The root user's thread becomes nobody's as far as files go.
class ForeignFile {
 public:
  explicit ForeignFile(int descriptor) {
    REQUIRE(::fchmod(descriptor, 0) == 0);
    if (::geteuid() == 0) ::setfsuid(65534);
  }
  ForeignFile(const ForeignFile&) = delete;
  ForeignFile& operator=(const ForeignFile&) = delete;
  ~ForeignFile() { ::setfsuid(::geteuid()); }
};

// Lets this process open nothing more; what is open stays open.
class NoFreeDescriptors {
 public:
  NoFreeDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit limit{1, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  }
  NoFreeDescriptors(const NoFreeDescriptors&) = delete;
  NoFreeDescriptors& operator=(const NoFreeDescriptors&) = delete;
  ~NoFreeDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// Hides /proc from this process, if the system lets it.
bool hide_proc() {
  const int user = ::geteuid() == 0 ? 0 : CLONE_NEWUSER;
  return ::unshare(CLONE_NEWNS | user) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
}

}  // namespace

TEST_CASE("a stopped terminal fails the batch by its deadline, and shows whole drawings later") {
  const EnvironmentVariable name("TERM", "xterm");
  const Watchdog watchdog;
  Terminal terminal(80);
  const int flags = ::fcntl(terminal.writer(), F_GETFL);
  {
    ConsoleExporter exporter(options_for(terminal.writer()));
    CHECK(draw(exporter, 1, kLong).delivered);
    stop(terminal);
    const ExportResult result = draw(exporter, 2000, kBriefly);
    CHECK_FALSE(result.delivered);
    CHECK(result.reason == kIsFull);
    CHECK(::fcntl(terminal.writer(), F_GETFL) == flags);
    resume(terminal);
    CHECK(draw(exporter, 2, kLong).delivered);
  }
  CHECK(::fcntl(terminal.writer(), F_GETFL) == flags);
  CHECK(terminal.read_all() == drawing(1) + drawing(2));
}

TEST_CASE("what a stopped terminal has not taken of a drawing is ended before the next one") {
  const EnvironmentVariable name("TERM", "xterm");
  const Watchdog watchdog;
  Terminal terminal(80);
  const std::string many = drawing(2000);
  std::string text;
  ConsoleExporter exporter(options_for(terminal.writer()));
  CHECK(draw(exporter, 2000, kBriefly).reason == kIsFull);
  stop(terminal);
  text += terminal.read_now();
  const std::size_t taken = text.size();
  REQUIRE(text == many.substr(0, taken));
  REQUIRE(text.back() != '\n');
  CHECK(draw(exporter, 1, kBriefly).reason == kIsFull);
  resume(terminal);
  CHECK(draw(exporter, 1, kLong).delivered);
  CHECK(draw(exporter, 1, kLong).delivered);
  text += terminal.read_now();
  CHECK(text.substr(taken) == "\033[0m\n" + drawing(1) + drawing(1));
}

TEST_CASE("what was cut off is ended when nothing else comes, too") {
  const EnvironmentVariable name("TERM", "xterm");
  const Watchdog watchdog;
  Terminal terminal(80);
  std::string text;
  {
    ConsoleExporter exporter(options_for(terminal.writer()));
    CHECK(draw(exporter, 2000, kBriefly).reason == kIsFull);
    text = terminal.read_now();
    REQUIRE(text.back() != '\n');
  }
  CHECK(terminal.read_all() == "\033[0m\n");
}

TEST_CASE("a program that waits at its terminal itself does not make the exporter wait") {
  const Watchdog watchdog;
  Terminal terminal(80);
  const std::string printed(1 << 18, '.');
  std::thread host([&] {
    for (std::string_view left = printed; !left.empty();) {
      const ssize_t size = ::write(terminal.writer(), left.data(), left.size());
      if (size <= 0) return;
      left.remove_prefix(static_cast<std::size_t>(size));
    }
  });
  pollfd has_begun{terminal.reader(), POLLIN, 0};
  CHECK(::poll(&has_begun, 1, -1) == 1);
  const ExportResult result = draw_on(terminal.writer(), 2000, kBriefly);
  CHECK_FALSE(result.delivered);
  CHECK(result.reason == kIsFull);

  std::size_t dots = 0;
  char piece[4096];
  while (dots < printed.size()) {
    const ssize_t size = ::read(terminal.reader(), piece, sizeof(piece));
    if (size <= 0) break;
    for (const char c : std::string_view(piece, static_cast<std::size_t>(size))) dots += c == '.';
  }
  host.join();
  CHECK(dots == printed.size());
}

TEST_CASE("a terminal or pipe that cannot be opened again is not written at all") {
  const Watchdog watchdog;
  Terminal terminal(80);
  Terminal stopped(80);
  stop(stopped);
  Pipe pipe;
  for (const Ends* ends :
       {static_cast<Ends*>(&terminal), static_cast<Ends*>(&stopped), static_cast<Ends*>(&pipe)}) {
    const ForeignFile foreign(ends->writer());
    const ExportResult result = draw_on(ends->writer(), 2000, kLong);
    CHECK_FALSE(result.delivered);
    CHECK(result.reason == kCannotOpen + "Permission denied");
    CHECK(ends->read_now() == "");
  }
}

TEST_CASE("a program without free descriptors draws on no terminal or pipe, but on a socket") {
  const Watchdog watchdog;
  const Terminal terminal(80);
  const Pipe pipe;
  const Socket socket;
  ExportResult on_terminal;
  ExportResult on_pipe;
  ExportResult on_socket;
  {
    const NoFreeDescriptors limit;
    on_terminal = draw_on(terminal.writer(), 1, kLong);
    on_pipe = draw_on(pipe.writer(), 1, kLong);
    on_socket = draw_on(socket.writer(), 1, kLong);
  }
  CHECK(on_terminal.reason == kCannotOpen + "Too many open files");
  CHECK(on_pipe.reason == kCannotOpen + "Too many open files");
  CHECK(on_socket.delivered);
}

TEST_CASE("another user's terminal is drawn on if it is the one that controls the program") {
  const EnvironmentVariable name("TERM", "xterm");
  const Watchdog watchdog;
  Terminal terminal(80);
  CHECK(in_child([&] {
          if (::setsid() < 0 || ::ioctl(terminal.writer(), TIOCSCTTY, 0) != 0) return 2;
          const ForeignFile foreign(terminal.writer());
          return draw_on(terminal.writer(), 1, kLong).delivered ? 0 : 1;
        }) == 0);
  CHECK(terminal.read_now() == drawing(1));
}

TEST_CASE("without /proc a terminal is found by its name") {
  const EnvironmentVariable name("TERM", "xterm");
  const Watchdog watchdog;
  Terminal terminal(80);
  const int outcome = in_child([&] {
    if (!hide_proc()) return 2;
    return draw_on(terminal.writer(), 1, kLong).delivered ? 0 : 1;
  });
  if (outcome == 2) {
    MESSAGE("NOT TESTED: this process may not hide /proc from itself");
    return;
  }
  CHECK(outcome == 0);
  CHECK(terminal.read_now() == drawing(1));
}

TEST_CASE("the controlling end of a pseudo-terminal is not written") {
  const Watchdog watchdog;
  const Terminal terminal(80);
  const ExportResult result = draw_on(terminal.reader(), 1, kLong);
  CHECK_FALSE(result.delivered);
  CHECK(result.reason == kCannotOpen + "Inappropriate ioctl for device");
}

TEST_CASE("a named pipe that nobody reads fails the batch") {
  const Watchdog watchdog;
  char path[] = "/tmp/waggle-XXXXXX";
  REQUIRE(::mkdtemp(path) != nullptr);
  const std::string fifo = std::string(path) + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const int writer = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);
  CHECK(draw_on(writer, 1, kLong).delivered);
  ::close(reader);
  const ExportResult result = draw_on(writer, 1, kLong);
  CHECK_FALSE(result.delivered);
  CHECK(result.reason == kCannotOpen + "a pipe that nobody reads, or a socket");
  ::close(writer);
  ::unlink(fifo.c_str());
  ::rmdir(path);
}
