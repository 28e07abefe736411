// Runs loops of spans under callgrind, each kind of span dumped under its own name; instructions.py
// reads the counts. There is no collector: the program plays its part, so that every run executes
// the same instructions.

#include <valgrind/callgrind.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <waggle/trace.hpp>

namespace {

using namespace waggle::detail;

constexpr std::size_t kRingBytes = 256 * 1024;
constexpr std::size_t kSlackBytes = 17 * 1024;
constexpr int kLoops = 20;
constexpr int kSpansPerLoop = 500;  // less than half a ring, whatever their size

alignas(kCacheLine) char ring_bytes[kRingBytes + kSlackBytes + 2 * kCopyStep];
Ring ring;
ThreadState thread;
Decision decision = Decision::RecordAndSample;

void turn_tracing_on() {
  ring.bytes = ring_bytes;
  ring.size = kRingBytes;
  ring.slack = kSlackBytes;
  thread.ids.seed(1, 2);
  thread.ring.attach(&ring);
  thread.session = 1;
  waggle_abi1_thread = &thread;
  waggle_abi1_hub.decide_root = [](const RootRequest&, RootDecision& answer) noexcept {
    answer.decision = decision;
    answer.threshold = 0;
  };
  waggle_abi1_hub.wake_collector = []() noexcept {};
  waggle_abi1_hub.session = 1;
}

// What the collector does once it has read everything.
void drain() { store_release(ring.head, load_acquire(ring.tail)); }

template <class Body>
void count(const char* name, Body&& body) {
  body();  // the first run binds symbols
  for (int loop = 0; loop < kLoops; ++loop) {
    drain();
    CALLGRIND_TOGGLE_COLLECT;
    for (int i = 0; i < kSpansPerLoop; ++i) {
      body();
      asm volatile("" : : : "memory");
    }
    CALLGRIND_TOGGLE_COLLECT;
  }
  CALLGRIND_DUMP_STATS_AT(name);
}

void count_children() {
  const std::string customer(20, 'c');
  long order = 1;
  double price = 1.5;
  bool is_paid = true;
  asm volatile("" : "+m"(order), "+m"(price), "+m"(is_paid));
  count("child", [] { waggle::Span span{"child span"}; });
  count("child + 1 attribute", [&] {
    waggle::Span span{"child span"};
    span.set_attribute("order.id", order);
  });
  count("child + 4 attributes", [&] {
    waggle::Span span{"child span"};
    span.set_attribute("order.id", order);
    span.set_attribute("price", price);
    span.set_attribute("paid", is_paid);
    span.set_attribute("customer", customer);
  });
}

}  // namespace

int main() {
  count("empty", [] {});
  count("no tracer", [] { waggle::Span span{"child span"}; });
  turn_tracing_on();
  {
    waggle::Span parent{"parent"};
    count_children();
  }
  decision = Decision::Drop;
  {
    waggle::Span parent{"unsampled parent"};
    count("unsampled child", [] { waggle::Span span{"child span"}; });
  }
  // Each span counted here was recorded, none was dropped: 3 kinds, and their common parent.
  const std::uint64_t expected = 3 * (kLoops * kSpansPerLoop + 1) + 1;
  for (std::uint64_t dropped : thread.dropped) {
    if (dropped != 0) return 1;
  }
  return thread.recorded == expected ? 0 : 1;
}
