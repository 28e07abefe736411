// A fork's child is quiet: it waits for nothing, sends nothing, counts what it had open, and the
// parent never notices.
// run once:
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "../support/counting_exporter.hpp"

using waggle_test::CountingExporter;
using waggle_test::dropped;
using waggle_test::require;

// In a child the other threads' stacks are gone, and what they held would count as leaked.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

namespace {

void in_child(int how, waggle::Tracing& tracing, waggle::Span& open) {
  const std::uint64_t exported = CountingExporter::spans;
  open.set_attribute("in child", true);
  open.end();
  { waggle::Span span{"begun in the child"}; }
  require(dropped(waggle::DropReason::Forked) == 1, "the open span is counted once, as forked");
  require(!tracing.force_flush(waggle::Milliseconds(60000)),
          "a flush in the child returns at once");
  tracing.shutdown(waggle::Milliseconds(60000));
  auto again = waggle_test::start_counting();
  require(!again.ok(), "a child cannot start tracing");
  require(CountingExporter::spans == exported, "the child exports nothing");
  if (how == 0) std::exit(0);
  if (how == 1) _exit(0);
}

}  // namespace

int main() {
  alarm(120);  // a watchdog
  auto tracing = waggle_test::start_counting();
  std::atomic<bool> is_over{false};
  std::vector<std::thread> load;
  for (int i = 0; i < 3; ++i) {
    load.emplace_back([&] {
      while (!is_over) {
        waggle::Span span{"load"};
        span.set_attribute("long", std::string(1000, 'x'));
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    waggle::Span open{"open at the fork"};
    const pid_t child = fork();
    require(child >= 0, "fork");
    if (child == 0) {
      for (std::thread& thread : load) thread.detach();
      in_child(i % 3, tracing, open);
      return 0;
    }
    int status = 0;
    require(waitpid(child, &status, 0) == child && status == 0, "the child ends well");
  }
  is_over = true;
  for (std::thread& thread : load) thread.join();
  require(tracing.force_flush(waggle::Milliseconds(60000)), "the parent goes on");
  const waggle::Stats stats = waggle::stats();
  require(stats.dropped_for(waggle::DropReason::Forked) == 0,
          "nothing of it in the parent's books");
  require(stats.delivered == CountingExporter::spans, "the parent's books are right");
  require(stats.ended() == stats.delivered + stats.dropped_in_all(), "and complete");
  return 0;
}
