// Who is looked at when, and that nobody is passed over.
#include <doctest/doctest.h>

#include <string_view>
#include <vector>
#include <waggle/pipeline/collector.hpp>

#include "support/made_records.hpp"

using waggle::DropReason;
using waggle::detail::Collector;
using waggle::detail::RecordQueue;
using waggle::detail::ThreadRegistry;
using waggle::detail::ThreadState;
using waggle_test::made_record;
using waggle_test::number_of;
using waggle_test::write_record;

namespace {

constexpr std::size_t kMemory = 4 * 1024 * 1024;

std::vector<std::uint64_t> numbers_in(const RecordQueue& queue) {
  std::vector<std::uint64_t> numbers;
  queue.for_each([&](std::string_view record) {
    numbers.push_back(number_of(record));
    return true;
  });
  return numbers;
}

bool holds(const RecordQueue& queue, std::uint64_t number) {
  for (const std::uint64_t found : numbers_in(queue)) {
    if (found == number) return true;
  }
  return false;
}

void write_some(ThreadState& thread, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(write_record(thread, made_record(first + i)));
}

void refill(ThreadState& thread) {
  while (write_record(thread, made_record(1))) {
  }
}

}  // namespace

TEST_CASE("the records of all threads are collected, each thread's in its order") {
  ThreadRegistry threads(kMemory);
  ThreadState* first = threads.enlist();
  ThreadState* second = threads.enlist();
  write_some(*first, 10, 3);
  write_some(*second, 20, 2);
  Collector collector(threads);
  RecordQueue queue(4096);
  CHECK(collector.collect(queue) == 5);
  CHECK(numbers_in(queue) == std::vector<std::uint64_t>{20, 21, 10, 11, 12});
  CHECK(collector.collect(queue) == 0);
}

TEST_CASE("a full queue ends the pass early, and the next one goes on where it stopped") {
  ThreadRegistry threads(kMemory);
  ThreadState* first = threads.enlist();
  ThreadState* second = threads.enlist();
  write_some(*second, 0, 10);
  write_some(*first, 10, 3);
  Collector collector(threads);
  RecordQueue queue(8 * 128);
  std::vector<std::uint64_t> all;
  for (int round = 0; round < 2; ++round) {
    const std::size_t count = collector.collect(queue);
    CHECK(count == (round == 0 ? 8 : 5));
    for (const std::uint64_t number : numbers_in(queue)) all.push_back(number);
    queue.clear();
  }
  CHECK(all == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

TEST_CASE(
    "a pass counts when all threads were visited, and a whole one begins after the question") {
  ThreadRegistry threads(kMemory);
  write_some(*threads.enlist(), 0, 20);
  Collector collector(threads);
  RecordQueue queue(8 * 128);
  CHECK(collector.passes() == 0);
  CHECK(collector.next_whole_pass() == 1);

  collector.collect(queue);  // stops at the full queue
  CHECK(collector.passes() == 0);
  CHECK(collector.next_whole_pass() == 2);
  collector.collect(queue);  // is still full
  CHECK(collector.passes() == 0);

  queue.clear();
  collector.collect(queue);
  queue.clear();
  collector.collect(queue);
  CHECK(collector.passes() == 1);
  CHECK(collector.next_whole_pass() == 2);
}

TEST_CASE("what was written before a whole pass began is collected when it is over") {
  ThreadRegistry threads(kMemory);
  ThreadState* quiet = threads.enlist();
  ThreadState* noisy = threads.enlist();
  Collector collector(threads);
  RecordQueue queue(8 * 128);
  refill(*noisy);
  collector.collect(queue);
  write_some(*quiet, 777, 1);
  const std::uint64_t goal = collector.next_whole_pass();
  bool is_collected = false;
  for (int round = 0; collector.passes() < goal; ++round) {
    REQUIRE(round < 10000);
    is_collected |= holds(queue, 777);
    queue.clear();
    refill(*noisy);
    collector.collect(queue);
  }
  CHECK((is_collected || holds(queue, 777)));
}

TEST_CASE("a noisy thread keeps nobody waiting for more rounds than its rings can fill") {
  for (const bool is_noisy_first : {true, false}) {
    CAPTURE(is_noisy_first);
    ThreadRegistry threads(kMemory);
    ThreadState* one = threads.enlist();
    ThreadState* other = threads.enlist();
    // The one that came last is visited first.
    ThreadState* noisy = is_noisy_first ? other : one;
    ThreadState* quiet = is_noisy_first ? one : other;
    Collector collector(threads);
    constexpr std::size_t kQueue = 16 * 1024;
    RecordQueue queue(kQueue);
    // It grows to the largest ring meanwhile: 256 KiB, and as much as that again before.
    constexpr std::size_t kBound = 2 * 300 * 1024 / kQueue + 2;
    for (std::uint64_t number = 1000; number < 1005; ++number) {
      write_some(*quiet, number, 1);
      std::size_t rounds = 0;
      while (!holds(queue, number)) {
        REQUIRE(++rounds <= kBound);
        queue.clear();
        refill(*noisy);
        collector.collect(queue);
      }
    }
  }
}

TEST_CASE("of many noisy threads each gets its turn") {
  ThreadRegistry threads(kMemory);
  std::vector<ThreadState*> all;
  for (int i = 0; i < 5; ++i) all.push_back(threads.enlist());
  Collector collector(threads);
  RecordQueue queue(4 * 1024);
  std::vector<std::uint64_t> collected(all.size());
  for (int round = 0; round < 3000; ++round) {
    for (std::size_t who = 0; who < all.size(); ++who) {
      while (write_record(*all[who], made_record(who))) {
      }
    }
    queue.clear();
    collector.collect(queue);
    for (const std::uint64_t who : numbers_in(queue)) ++collected[who];
  }
  for (const std::uint64_t count : collected) CHECK(count > 3000);
}

TEST_CASE("what an ended thread left is collected, and its state goes to the next thread") {
  ThreadRegistry threads(kMemory);
  ThreadState* ended = threads.enlist();
  write_some(*ended, 5, 10);
  ThreadRegistry::retire(*ended);
  Collector collector(threads);
  RecordQueue queue(8 * 128);
  CHECK(collector.collect(queue) == 8);
  CHECK(threads.enlist() != ended);  // there is something in its ring
  queue.clear();
  CHECK(collector.collect(queue) == 2);
  CHECK(threads.enlist() == ended);
  CHECK(threads.recorded() == 10);  // the totals stay
}

TEST_CASE("a thread that comes while a pass is under way is seen by the next") {
  ThreadRegistry threads(kMemory);
  write_some(*threads.enlist(), 0, 10);
  Collector collector(threads);
  RecordQueue queue(8 * 128);
  collector.collect(queue);
  write_some(*threads.enlist(), 99, 1);
  queue.clear();
  CHECK(collector.collect(queue) == 2);
  CHECK_FALSE(holds(queue, 99));
  CHECK(collector.passes() == 1);
  collector.collect(queue);
  CHECK(holds(queue, 99));
}

TEST_CASE("discarding empties every ring, counts, and begins anew") {
  ThreadRegistry threads(kMemory);
  ThreadState* first = threads.enlist();
  ThreadState* second = threads.enlist();
  write_some(*first, 0, 20);
  write_some(*second, 100, 7);
  ThreadRegistry::retire(*second);
  Collector collector(threads);
  RecordQueue queue(4 * 128);
  CHECK(collector.collect(queue) == 4);
  CHECK(collector.discard() == 23);
  CHECK(collector.next_whole_pass() == collector.passes() + 1);  // none is under way
  CHECK(collector.discard() == 0);
  CHECK(threads.enlist() == second);
  queue.clear();
  write_some(*first, 50, 1);
  CHECK(collector.collect(queue) == 1);
  CHECK(numbers_in(queue) == std::vector<std::uint64_t>{50});
}

TEST_CASE("a thread that fills its ring gets a larger one, and nothing is lost on the way") {
  ThreadRegistry threads(kMemory);
  ThreadState* thread = threads.enlist();
  Collector collector(threads);
  RecordQueue queue(2 * 1024 * 1024);
  const auto* first_ring = thread->ring.ring();
  std::uint64_t next = 0;
  for (int round = 0; round < 5; ++round) {
    while (write_record(*thread, made_record(next))) ++next;
    collector.collect(queue);
  }
  CHECK(thread->ring.ring() != first_ring);
  const std::vector<std::uint64_t> numbers = numbers_in(queue);
  REQUIRE(numbers.size() == next);
  for (std::uint64_t number = 0; number < next; ++number) REQUIRE(numbers[number] == number);
  CHECK(threads.dropped(DropReason::RingFull) == 5);
}
