#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>
#include <waggle/collect/spill_pool.hpp>

using waggle::detail::MemoryBudget;
using waggle::detail::SpillBlock;
using waggle::detail::SpillPool;

TEST_CASE("blocks are distinct, run out, and come back") {
  MemoryBudget budget(1 << 20);
  SpillPool pool(budget);
  std::set<SpillBlock*> taken;
  while (SpillBlock* block = pool.acquire()) {
    CHECK(taken.insert(block).second);
    std::memset(block->bytes, 0x55, sizeof(block->bytes));
  }
  CHECK(taken.size() == 32);
  SpillBlock* chain = nullptr;
  for (SpillBlock* block : taken) {
    block->next = chain;
    chain = block;
  }
  pool.release(chain);
  std::size_t again = 0;
  while (SpillBlock* block = pool.acquire()) again += taken.count(block);
  CHECK(again == taken.size());
}

TEST_CASE("the collector tops the pool up, as far as an eighth of the budget") {
  MemoryBudget budget(4 << 20);
  SpillPool pool(budget);
  std::size_t taken = 0;
  for (int round = 0; round < 100; ++round) {
    while (pool.acquire() != nullptr) ++taken;
    pool.top_up();
  }
  CHECK(taken == budget.limit() / 8 / SpillBlock::kBytes);
  CHECK(budget.used() == taken * SpillBlock::kBytes);
}

TEST_CASE("threads that take and give back never hold the same block") {
  MemoryBudget budget(1 << 20);
  SpillPool pool(budget);
  std::vector<std::thread> threads;
  std::uint32_t collisions = 0;
  for (unsigned char mark = 1; mark <= 4; ++mark) {
    threads.emplace_back([&pool, &collisions, mark] {
      for (int round = 0; round < 20000; ++round) {
        SpillBlock* block = pool.acquire();
        if (block == nullptr) continue;
        std::memset(block->bytes, mark, 64);
        std::this_thread::yield();
        for (int i = 0; i < 64; ++i) {
          if (block->bytes[i] != static_cast<char>(mark)) {
            waggle::detail::fetch_add(collisions, std::uint32_t{1});
          }
        }
        block->next = nullptr;
        pool.release(block);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(collisions == 0);
}
