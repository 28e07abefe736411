#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <thread>
#include <utility>
#include <vector>
#include <waggle/collect/ring_pool.hpp>
#include <waggle/collect/ring_reader.hpp>

using namespace waggle::detail;

namespace {

// A pool that gets back at the end what a test took.
struct Rings {
  explicit Rings(std::size_t memory) : budget(memory) {}
  Rings(const Rings&) = delete;
  Rings& operator=(const Rings&) = delete;
  ~Rings() {
    for (Ring* ring : taken) pool.give_back(ring);
  }

  Ring* keep(Ring* ring) {
    if (ring != nullptr) taken.push_back(ring);
    return ring;
  }
  Ring* first() { return keep(pool.first()); }
  Ring* larger_than(const Ring& ring) { return keep(pool.larger_than(ring)); }

  MemoryBudget budget;
  RingPool pool{budget};
  std::vector<Ring*> taken;
};

// Writes a record of `size` bytes that can be recognised by `number`; false if there was no room.
bool write(RingProducer& producer, std::uint32_t number, std::size_t size) {
  if (!producer.make_room(size)) return false;
  char* to = producer.position();
  std::memset(to, static_cast<int>(number & 0x7f), size);
  const auto words = static_cast<std::uint16_t>(size / 8);
  std::memcpy(to, &words, sizeof(words));
  std::memcpy(to + 4, &number, sizeof(number));
  producer.commit(size);
  return true;
}

std::uint32_t number_of(std::string_view record) {
  std::uint32_t number = 0;
  std::memcpy(&number, record.data() + 4, sizeof(number));
  return number;
}

bool is_whole(std::string_view record) {
  const char expected = static_cast<char>(number_of(record) & 0x7f);
  return record.substr(8).find_first_not_of(expected) == record.npos;
}

}  // namespace

TEST_CASE("records come out whole, in order, over many laps and for any size") {
  Rings pool(2 << 20);
  for (int kind = 0; kind < 2; ++kind) {
    Ring* ring = kind == 0 ? pool.first() : nullptr;
    if (ring == nullptr) ring = pool.larger_than(*pool.first());
    RingProducer producer;
    producer.attach(ring);
    std::mt19937 random(11);
    std::uint32_t written = 0;
    std::uint32_t read = 0;
    for (int round = 0; round < 20000; ++round) {
      const std::size_t most = ring->slack - kCopyStep;
      const std::size_t size = 64 + random() % (most / 8 - 8) * 8;
      if (write(producer, written, size)) ++written;
      if (random() % 3 != 0) continue;
      read_ring(*ring, [&](std::string_view record) {
        REQUIRE(number_of(record) == read);
        REQUIRE(is_whole(record));
        ++read;
        return true;
      });
    }
    CHECK(written > 5000);
    read_ring(*ring, [&](std::string_view) { return ++read, true; });
    CHECK(read == written);
    CHECK(bytes_waiting(*ring) == 0);
  }
}

TEST_CASE("a full ring refuses, and nothing that is waiting is overwritten") {
  Rings pool(1 << 20);
  Ring* ring = pool.first();
  RingProducer producer;
  producer.attach(ring);
  std::uint32_t written = 0;
  while (write(producer, written, 200)) ++written;
  CHECK(written > ring->size / 250);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(write(producer, 99999, 200));
  std::uint32_t read = 0;
  read_ring(*ring, [&](std::string_view record) {
    CHECK(number_of(record) == read);
    CHECK(is_whole(record));
    ++read;
    return true;
  });
  CHECK(read == written);
  CHECK(write(producer, written, 200));
}

TEST_CASE("a reader that stops goes on where it stopped") {
  Rings pool(1 << 20);
  Ring* ring = pool.first();
  RingProducer producer;
  producer.attach(ring);
  for (std::uint32_t i = 0; i < 10; ++i) REQUIRE(write(producer, i, 80));
  std::uint32_t next = 0;
  while (next < 10) {
    int in_turn = 0;
    read_ring(*ring, [&](std::string_view record) {
      if (in_turn++ == 3) return false;
      CHECK(number_of(record) == next);
      ++next;
      return true;
    });
  }
  CHECK(next == 10);
}

TEST_CASE("the producer moves to a larger ring without losing what is in the old one") {
  Rings pool(4 << 20);
  Ring* ring = pool.first();
  Ring* larger = pool.larger_than(*ring);
  REQUIRE(larger != nullptr);
  RingProducer producer;
  producer.attach(ring);
  for (std::uint32_t i = 0; i < 5; ++i) REQUIRE(write(producer, i, 80));
  store_release(ring->successor, larger);
  for (std::uint32_t i = 5; i < 10; ++i) REQUIRE(write(producer, i, 80));
  CHECK(ring->retired == 1);
  std::uint32_t next = 0;
  const auto visit = [&](std::string_view record) {
    CHECK(number_of(record) == next);
    ++next;
    return true;
  };
  CHECK(read_ring(*ring, visit) == 5);
  CHECK(read_ring(*larger, visit) == 5);
}

TEST_CASE("two threads: every record that was accepted arrives, once and whole") {
  Rings pool(1 << 20);
  Ring* ring = pool.first();
  constexpr std::uint32_t kRecords = 200000;
  std::thread producing([&] {
    RingProducer producer;
    producer.attach(ring);
    std::mt19937 random(3);
    for (std::uint32_t number = 0; number < kRecords; ++number) {
      const std::size_t size = 64 + random() % 40 * 8;
      while (!write(producer, number, size)) std::this_thread::yield();
    }
  });
  std::uint32_t next = 0;
  std::uint32_t broken = 0;
  while (next < kRecords) {
    const std::size_t count = read_ring(*ring, [&](std::string_view record) {
      if (number_of(record) != next || !is_whole(record)) ++broken;
      ++next;
      return true;
    });
    if (count == 0) std::this_thread::yield();
  }
  producing.join();
  CHECK(broken == 0);
}

TEST_CASE("the pool keeps to its budget and gives small rings when memory is short") {
  Rings pool(400 * 1024);
  std::vector<Ring*> rings;
  while (Ring* ring = pool.first()) rings.push_back(ring);
  CHECK(rings.size() > 20);
  CHECK(rings.front()->size > rings.back()->size);
  CHECK(pool.budget.used() <= pool.budget.limit());
  CHECK(pool.larger_than(*rings.back()) == nullptr);
  pool.pool.give_back(rings.back());
  CHECK(pool.pool.first() == rings.back());
}

TEST_CASE("rings grow fourfold, and none takes more than a quarter of the memory") {
  for (const auto& [limit, largest] :
       {std::pair<std::size_t, std::size_t>{8 << 20, 1 << 20}, {4 << 20, 256 << 10}}) {
    Rings pool(limit);
    Ring* ring = pool.first();
    while (Ring* larger = pool.larger_than(*ring)) {
      CHECK(larger->size == ring->size * 4);
      ring = larger;
    }
    CHECK(ring->size == largest);
  }
}
