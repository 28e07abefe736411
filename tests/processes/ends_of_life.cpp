// Spans where a program begins and ends: recorded, counted or nothing at all, but never a crash.
// run: global
// run: atexit
// run: thread_local
// run: detached
// run: exit_elsewhere
// run: quick_exit
// run: thread_key
// run: static_tracing
// run: abandoned
#include <pthread.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <thread>

#include "../support/counting_exporter.hpp"

using waggle_test::require;
using waggle_test::start_counting;

namespace {

void make_spans() {
  waggle::Span outer{"outer"};
  outer.set_attribute("key", "value");
  waggle::Span inner{"inner"};
  inner.add_event("event", {{"a", 1}});
  inner.set_attribute("long", std::string(3000, 'x'));
}

struct SpansAtBothEnds {
  SpansAtBothEnds() { make_spans(); }
  ~SpansAtBothEnds() { make_spans(); }
};

// Constructed before main() and destroyed after it, whatever the case.
SpansAtBothEnds global;
waggle::Span* open_global = nullptr;

void in_atexit() {
  make_spans();
  static waggle::Span last{"never ended by anybody"};
}

void global_objects() {
  static waggle::Span open{"open until the statics go"};
  auto tracing = start_counting();
  static waggle::Span recorded{"recorded, open until the statics go"};
  open_global = new waggle::Span{"leaked"};
  make_spans();
}

void atexit_before_and_after() {
  std::atexit(&in_atexit);
  static auto tracing = start_counting();
  std::atexit(&in_atexit);
  make_spans();
}

void thread_local_objects() {
  auto tracing = start_counting();
  std::thread([] {
    static thread_local SpansAtBothEnds before_first;
    make_spans();
    static thread_local SpansAtBothEnds after_first;
  }).join();
  static thread_local SpansAtBothEnds on_main;
  tracing.force_flush();
  require(waggle_test::CountingExporter::spans == 12, "spans of thread_local destructors are kept");
}

void detached_threads() {
  static auto tracing = start_counting();
  for (int i = 0; i < 3; ++i) {
    std::thread([] {
      for (;;) make_spans();
    }).detach();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
}

void exit_elsewhere() {
  static auto tracing = start_counting();
  make_spans();
  std::thread([] {
    waggle::Span open{"open while its thread calls exit"};
    std::exit(0);
  }).join();
}

void quick() {
  static auto tracing = start_counting();
  make_spans();
  std::at_quick_exit(&in_atexit);
  std::quick_exit(0);
}

// A key made after waggle's own: its destructor runs after the thread's exit hook.
pthread_key_t late_key;

void late_span(void* rounds) {
  make_spans();
  const auto left = reinterpret_cast<std::intptr_t>(rounds) - 1;
  if (left > 0) pthread_setspecific(late_key, reinterpret_cast<void*>(left));
}

void thread_key() {
  auto tracing = start_counting();
  make_spans();
  pthread_key_create(&late_key, &late_span);
  std::thread([] {
    pthread_setspecific(late_key, reinterpret_cast<void*>(3));
    make_spans();
  }).join();
  tracing.force_flush();
  const waggle::Stats stats = waggle::stats();
  require(stats.ended() == 10, "each span is in the books");
  require(stats.delivered + stats.dropped_for(waggle::DropReason::AfterShutdown) == 10,
          "delivered, or counted as after its thread's end");
}

void static_tracing() {
  static auto tracing = start_counting();
  make_spans();
}

struct Stuck final : waggle::Exporter {
  waggle::ExportResult export_batch(const waggle::Batch&, waggle::Deadline) noexcept override {
    std::mutex mutex;
    std::unique_lock<std::mutex> lock(mutex);
    std::condition_variable never;
    never.wait(lock, [] { return false; });
    return {};
  }
};

void abandoned() {
  waggle::Config config;
  config.exit_timeout = waggle::Milliseconds(20);
  config.exporters.push_back(std::make_unique<Stuck>());
  auto tracing = waggle::start(std::move(config));
  make_spans();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "global") global_objects();
  if (name == "atexit") atexit_before_and_after();
  if (name == "thread_local") thread_local_objects();
  if (name == "detached") detached_threads();
  if (name == "exit_elsewhere") exit_elsewhere();
  if (name == "quick_exit") quick();
  if (name == "thread_key") thread_key();
  if (name == "static_tracing") static_tracing();
  if (name == "abandoned") abandoned();
  return 0;
}
