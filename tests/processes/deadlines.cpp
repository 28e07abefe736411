// Every way to end returns by its deadline, whatever hangs, and the books balance afterwards: each
// case runs shutdown, force_flush, the destructor and the program's exit, each in a process of its
// own, with an alarm two seconds behind the deadline.
// run once: dead
// run once: never_reads
// run once: slow_reader
// run once: silent
// run once: byte_a_second
// run once: tls_stall
// run once: black_hole
// run once: names
// run once: exporter
// run once: terminal
// run once: crowd
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/sdk.hpp>

#include "../support/scripted_server.hpp"

using namespace waggle_test;
using waggle::Milliseconds;

// Stands before the C library's function: a name server that never answers.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  if (name != nullptr && std::string_view(name) == "hanging.test") {
    for (;;) ::pause();
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(name, service, hints, found);
}

namespace {

constexpr Milliseconds kDeadline{1000};
constexpr unsigned kWatchdogSeconds = 3;
constexpr int kCannotBeTested = 77;
constexpr std::uint64_t kSpans = 3 * 2000;

// ---- what hangs ----

// A listening socket whose queue is full: who connects gets no answer at all.
class FullBacklog {
 public:
  FullBacklog() {
    port_.open(0);
    for (int& descriptor : fillers_) descriptor = begin_to_connect();
  }
  ~FullBacklog() {
    for (const int descriptor : fillers_) ::close(descriptor);
    port_.close();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_.number()); }

  // Tells whether one more connection stays unanswered for as long as it is looked at.
  bool is_full() const {
    pollfd connection{begin_to_connect(), POLLOUT, 0};
    const bool is_answered = ::poll(&connection, 1, 300) != 0;
    ::close(connection.fd);
    return !is_answered;
  }

 private:
  int begin_to_connect() const {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_.number());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    return descriptor;
  }

  LoopbackPort port_;
  int fillers_[8];
};

// Blocks for good.
struct Stuck final : waggle::Exporter {
  waggle::ExportResult export_batch(const waggle::Batch&, waggle::Deadline) noexcept override {
    std::mutex mutex;
    std::unique_lock<std::mutex> lock(mutex);
    std::condition_variable never;
    never.wait(lock, [] { return false; });
    return {};
  }
};

// Makes a terminal that was stopped with Ctrl-S, and returns its descriptor.
int stopped_terminal() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) return -1;
  const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
  return terminal >= 0 && ::tcflow(terminal, TCOOFF) == 0 ? terminal : -1;
}

// ---- in the process that is judged ----

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::_Exit(1);
}

// Whether the case keeps every byte of a request from leaving.
bool nothing_can_leave = false;

void judge() {
  const waggle::Stats stats = waggle::stats();
  require(stats.ended() == kSpans, "each span is in the books");
  require(stats.in_rings + stats.queued + stats.in_flight == 0, "each span met its fate");
  require(stats.delivered + stats.rejected + stats.dropped_in_all() == kSpans,
          "ended = delivered + rejected + dropped");
  require(stats.delivered + stats.rejected == 0, "nothing was delivered");
  require(!nothing_can_leave || stats.dropped_for(waggle::DropReason::Unconfirmed) == 0,
          "what cannot have arrived is not unconfirmed");
}

waggle::Config config_for(const std::string& name, const std::string& url) {
  waggle::Config config;
  config.batch_delay = Milliseconds(1);
  config.exit_timeout = kDeadline;
  nothing_can_leave =
      name == "dead" || name == "tls_stall" || name == "black_hole" || name == "names";
  if (name == "exporter") {
    config.exporters.push_back(std::make_unique<Stuck>());
  } else if (name == "terminal") {
    waggle::ConsoleOptions options;
    options.descriptor = stopped_terminal();
    require(options.descriptor >= 0, "there is a terminal");
    config.exporters.push_back(std::make_unique<waggle::ConsoleExporter>(options));
  } else {
    config.endpoint = url;
  }
  return config;
}

// Lets the collector keep up while it can.
void pace() {
  for (int turn = 0; turn < 1000 && waggle::stats().in_rings > 100; ++turn) {
    std::this_thread::yield();
  }
}

void record() {
  std::thread threads[3];
  for (std::thread& thread : threads) {
    thread = std::thread([] {
      const std::string text(300, 'x');
      for (std::uint64_t number = 0; number < kSpans / 3; ++number) {
        if (number % 20 == 0) pace();
        waggle::Span span{"work"};
        span.set_attribute("text", text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

waggle::Tracing start_and_record(waggle::Config config) {
  waggle::Tracing tracing = waggle::start(std::move(config));
  require(tracing.is_on(), "tracing is on");
  record();
  return tracing;
}

void watch() { ::alarm(kWatchdogSeconds); }

void end_by_shutdown(waggle::Config config) {
  waggle::Tracing tracing = start_and_record(std::move(config));
  watch();
  require(!tracing.shutdown(kDeadline), "shutdown tells that something was given up");
  judge();
}

void end_by_flush(waggle::Config config) {
  waggle::Tracing tracing = start_and_record(std::move(config));
  watch();
  require(!tracing.force_flush(kDeadline), "the flush tells that it was not done");
  watch();
  tracing.shutdown(Milliseconds(100));
  judge();
}

void end_by_destructor(waggle::Config config) {
  {
    const waggle::Tracing tracing = start_and_record(std::move(config));
    watch();
  }
  judge();
}

void end_by_exit(waggle::Config config) {
  std::atexit(&judge);  // runs after what start() registers
  static waggle::Tracing* const tracing = new waggle::Tracing(start_and_record(std::move(config)));
  require(tracing->is_on(), "tracing is on until the exit");
  watch();
  std::exit(0);
}

void end_in_a_crowd(waggle::Config config) {
  waggle::Tracing tracing = start_and_record(std::move(config));
  std::atomic<bool> may_begin{false};
  std::vector<std::thread> threads;
  for (int number = 0; number < 64; ++number) {
    threads.emplace_back([&, number] {
      while (!may_begin) std::this_thread::yield();
      if (number % 2 == 0) tracing.force_flush(kDeadline);
      if (number % 2 != 0) tracing.shutdown(kDeadline);
    });
  }
  watch();
  may_begin = true;
  for (std::thread& thread : threads) thread.join();
  judge();
}

// ---- in the process that judges ----

struct WayToEnd {
  const char* name;
  void (*end)(waggle::Config);
};

// A process that waits for its URL and then ends in its way.
class Process {
 public:
  Process(const WayToEnd& way, const std::string& name) : way_(way) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    process_ = ::fork();
    if (process_ == 0) {
      ::close(ends[1]);
      run(name, ends[0]);
    }
    ::close(ends[0]);
    url_ = ends[1];
  }

  void begin(const std::string& url) const {
    if (::write(url_, url.data(), url.size()) < 0) std::abort();
    ::close(url_);
  }

  bool has_passed() const {
    int status = 0;
    ::waitpid(process_, &status, 0);
    if (WIFSIGNALED(status)) std::printf("%s: killed by signal %d\n", way_.name, WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) std::printf("%s: failed\n", way_.name);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  [[noreturn]] void run(const std::string& name, int descriptor) const {
    ::alarm(60);
    char url[200] = {};
    const ssize_t size = ::read(descriptor, url, sizeof(url) - 1);
    if (size < 0) std::abort();
    way_.end(config_for(name, url));
    std::exit(0);
  }

  const WayToEnd& way_;
  pid_t process_ = 0;
  int url_ = -1;
};

// Lets the processes run against what `name` says, and returns an exit status.
int run_against(const std::string& name, const std::string& url, std::vector<Process>& processes) {
  for (const Process& process : processes) process.begin(url);
  bool have_passed = true;
  for (const Process& process : processes) have_passed &= process.has_passed();
  std::printf("%s: %s\n", name.c_str(), have_passed ? "passed" : "failed");
  return have_passed ? 0 : 1;
}

Act act_for(const std::string& name) {
  if (name == "never_reads") return end_in_request(0, Ending::Stall);
  if (name == "slow_reader") return read_slowly(1, std::chrono::seconds(1));
  if (name == "byte_a_second") return reply_byte_by_byte(std::chrono::seconds(1));
  if (name == "tls_stall") return spoil_handshake(Handshake::Stall);
  return stall_reply();
}

int run_case(const std::string& name) {
  static constexpr WayToEnd kWays[] = {{"shutdown", &end_by_shutdown},
                                       {"force_flush", &end_by_flush},
                                       {"destructor", &end_by_destructor},
                                       {"exit", &end_by_exit}};
  static constexpr WayToEnd kCrowd[] = {{"crowd", &end_in_a_crowd}};
  std::vector<Process> processes;
  if (name == "crowd") {
    processes.emplace_back(kCrowd[0], name);
  } else {
    for (const WayToEnd& way : kWays) processes.emplace_back(way, name);
  }
  if (name == "names") return run_against(name, "http://hanging.test:4318", processes);
  if (name == "dead") {
    const LoopbackPort port;
    return run_against(name, "http://127.0.0.1:" + std::to_string(port.number()), processes);
  }
  if (name == "black_hole") {
    const FullBacklog backlog;
    if (backlog.is_full()) return run_against(name, backlog.url(), processes);
    std::printf("a full queue does not keep connections from being made here\n");
    std::fflush(stdout);
    std::_Exit(kCannotBeTested);
  }
  ScriptedServer server(always(act_for(name)));
  std::string url = server.url();
  if (name == "tls_stall") url.replace(0, 4, "https");
  return run_against(name, url, processes);
}

}  // namespace

int main(int argc, char** argv) { return argc == 2 ? run_case(argv[1]) : 2; }
