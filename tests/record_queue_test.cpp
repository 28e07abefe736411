// The queue between the rings and the batches, against a plain list of strings.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>
#include <waggle/collect/record_queue.hpp>

#include "support/made_records.hpp"

using waggle::detail::RecordQueue;
using waggle_test::made_record;
using waggle_test::number_of;

namespace {

std::deque<std::string> contents(const RecordQueue& queue) {
  std::deque<std::string> records;
  queue.for_each([&](std::string_view record) {
    records.emplace_back(record);
    return true;
  });
  return records;
}

std::size_t bytes_of(const std::deque<std::string>& records) {
  std::size_t sum = 0;
  for (const std::string& record : records) sum += record.size();
  return sum;
}

// Fills the queue with records of one size, numbered from `first` on; returns how many went in.
std::size_t fill(RecordQueue& queue, std::uint64_t first, std::size_t bytes) {
  std::size_t count = 0;
  while (queue.append(made_record(first + count, bytes))) ++count;
  return count;
}

// Does at random what a collector does, and the same to a list.
class QueueModel {
 public:
  explicit QueueModel(std::uint64_t seed) : random_(seed), queue_(kCapacity) {}

  void run() {
    for (int turn = 0; turn < 400; ++turn) {
      if (pick(0, 2) == 0) {
        release();
      } else {
        append();
      }
      compare();
    }
  }

  int refusals() const { return refusals_; }
  std::uint64_t appended() const { return next_; }

 private:
  static constexpr std::size_t kCapacity = 4096;
  static constexpr std::size_t kLargest = 1600;

  std::size_t pick(std::size_t least, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(least, most)(random_);
  }

  void append() {
    const std::size_t longest = pick(0, 3) == 0 ? kLargest : 240;
    const std::string record = made_record(next_, 8 * pick(8, longest / 8));
    if (queue_.append(record)) {
      model_.push_back(record);
      ++next_;
      return;
    }
    ++refusals_;
    // What is wasted at the end is less than the record that did not fit there.
    REQUIRE(bytes_of(model_) + record.size() + kLargest > kCapacity);
  }

  void release() {
    const std::size_t count = pick(0, model_.size());
    queue_.release(count);
    model_.erase(model_.begin(), model_.begin() + static_cast<std::ptrdiff_t>(count));
  }

  void compare() const {
    REQUIRE(queue_.size() == model_.size());
    REQUIRE(queue_.bytes() == bytes_of(model_));
    REQUIRE(queue_.empty() == model_.empty());
    REQUIRE(queue_.is_half_full() == (bytes_of(model_) >= kCapacity / 2));
    REQUIRE(contents(queue_) == model_);
  }

  std::mt19937_64 random_;
  RecordQueue queue_;
  std::deque<std::string> model_;
  std::uint64_t next_ = 0;
  int refusals_ = 0;
};

}  // namespace

TEST_CASE("whatever is appended and released, the queue holds what a list would hold") {
  int refusals = 0;
  std::uint64_t appended = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    QueueModel model(seed);
    model.run();
    refusals += model.refusals();
    appended += model.appended();
  }
  CHECK(refusals > 100);  // it was full now and then
  CHECK(appended > 1000);
}

TEST_CASE("records are kept whole when the queue starts again at its beginning") {
  RecordQueue queue(1000);  // not a multiple of the records' size
  REQUIRE(fill(queue, 0, 128) == 7);
  queue.release(3);
  REQUIRE(fill(queue, 7, 128) == 3);  // into the room in front
  std::uint64_t expected = 3;
  for (const std::string& record : contents(queue)) {
    CHECK(record == made_record(expected++, 128));
  }
  CHECK(expected == 10);
}

TEST_CASE("a full queue takes nothing until something is released") {
  RecordQueue queue(1024);
  REQUIRE(fill(queue, 0, 128) == 8);
  CHECK(queue.bytes() == 1024);
  CHECK_FALSE(queue.append(made_record(8, 64)));
  CHECK(contents(queue).size() == 8);
  queue.release(1);
  CHECK(queue.append(made_record(8, 128)));
  CHECK_FALSE(queue.append(made_record(9, 64)));
  CHECK(number_of(contents(queue).front()) == 1);
  CHECK(number_of(contents(queue).back()) == 8);
}

TEST_CASE("one record may fill the queue, wherever the queue stood before") {
  RecordQueue queue(1024);
  const std::string huge = made_record(1, 1024);
  CHECK(queue.append(huge));
  CHECK(contents(queue).front() == huge);
  queue.release(1);
  CHECK(queue.append(made_record(2, 512)));
  CHECK_FALSE(queue.append(huge));
  queue.release(1);
  CHECK(queue.append(huge));
  CHECK_FALSE(RecordQueue(1016).append(huge));
}

TEST_CASE("releasing nothing changes nothing") {
  RecordQueue queue(1024);
  queue.release(0);
  CHECK(queue.empty());
  fill(queue, 0, 128);
  queue.release(5);
  fill(queue, 8, 128);
  const std::deque<std::string> before = contents(queue);
  queue.release(0);
  CHECK(contents(queue) == before);
}

TEST_CASE("who looks at the records may stop early") {
  RecordQueue queue(1024);
  fill(queue, 0, 128);
  std::vector<std::uint64_t> seen;
  queue.for_each([&](std::string_view record) {
    if (seen.size() == 3) return false;
    seen.push_back(number_of(record));
    return true;
  });
  CHECK(seen == std::vector<std::uint64_t>{0, 1, 2});
  CHECK(queue.size() == 8);
}

TEST_CASE("a cleared queue is as good as new") {
  RecordQueue queue(1024);
  fill(queue, 0, 128);
  queue.release(2);
  fill(queue, 8, 128);
  queue.clear();
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
  CHECK(contents(queue).empty());
  CHECK(queue.append(made_record(1, 1024)));
}
