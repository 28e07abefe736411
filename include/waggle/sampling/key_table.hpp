// Counts traces by key on many threads at once, in memory of a fixed size and without a lock.
#ifndef WAGGLE_SAMPLING_KEY_TABLE_HPP
#define WAGGLE_SAMPLING_KEY_TABLE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "waggle/core/atomic.hpp"
#include "waggle/sampling/sampling_key.hpp"
#include "waggle/sampling/trace_counter.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// What is known of one key. Found by its hash alone; the text is for the order of keys.
struct alignas(kCacheLine) KeySlot {
  static constexpr std::size_t kShares = 8;
  static constexpr std::size_t kWords = SamplingKey::kBytes / 8;

  std::uint64_t hash;      // 0: the slot is free
  std::uint32_t is_ready;  // the text is written
  std::uint32_t rate;      // 0: none yet
  std::uint32_t counts[kShares];
  std::uint64_t size;
  std::uint64_t text[kWords];
  double average;  // for the collector only
};

// A key lies in one of the few slots that its hash names, so none ever needs to move. All that
// several threads see is atomic: one that comes late, while its key's slot passes on to another
// key, miscounts by one.
class KeyTable {
 public:
  explicit KeyTable(std::size_t most_keys)
      : most_keys_(most_keys), slots_(new KeySlot[kWays * rows_for(most_keys)]()) {
    rows_ = rows_for(most_keys);
  }

  // Returns the key's slot, a new one if it has none yet; null if there are too many keys.
  KeySlot* find_or_add(const SamplingKey& key) noexcept {
    const std::uint64_t hash = key.hash();
    KeySlot* const row = &slots_[kWays * ((hash >> 32) & (rows_ - 1))];
    for (KeySlot* slot = row; slot != row + kWays; ++slot) {
      if (load_relaxed(slot->hash) == hash) return slot;
    }
    for (KeySlot* slot = row; slot != row + kWays; ++slot) {
      if (take(*slot, hash, key.text())) return slot;
    }
    return nullptr;
  }

  static void count(KeySlot& slot) noexcept {
    fetch_add(slot.counts[thread_share(KeySlot::kShares)], std::uint32_t{1});
  }

  // ---- for the collector only ----

  // Visits all keys.
  template <class Visit>
  void for_each(Visit&& visit) noexcept {
    for (std::size_t index = 0; index < kWays * rows_; ++index) {
      if (load_acquire(slots_[index].is_ready) != 0) visit(slots_[index]);
    }
  }

  static std::uint64_t counted(const KeySlot& slot) noexcept {
    std::uint64_t sum = 0;
    for (const std::uint32_t& count : slot.counts) sum += load_relaxed(count);
    return sum;
  }

  // Returns a key's count and begins it anew.
  static std::uint64_t take_count(KeySlot& slot) noexcept {
    std::uint64_t sum = 0;
    for (std::uint32_t& count : slot.counts) sum += exchange(count, 0U);
    return sum;
  }

  static std::string_view text(const KeySlot& slot) noexcept {
    return {reinterpret_cast<const char*>(slot.text), slot.size};
  }

  void remove(KeySlot& slot) noexcept {
    store_relaxed(slot.is_ready, 0U);
    store_relaxed(slot.rate, 0U);
    slot.average = 0;
    store_release(slot.hash, std::uint64_t{0});
    fetch_add(keys_, ~std::uint64_t{0});
  }

 private:
  static constexpr std::size_t kWays = 16;

  // Eight keys to a row of sixteen in the mean: one in a few hundred finds its row full.
  static std::size_t rows_for(std::size_t keys) noexcept {
    std::size_t rows = 1;
    while (rows * 8 < keys) rows *= 2;
    return rows;
  }

  // Takes a slot that is free; also true if it went to the same key this very moment.
  bool take(KeySlot& slot, std::uint64_t hash, std::string_view text) noexcept {
    std::uint64_t found = load_relaxed(slot.hash);
    if (found != 0 || load_relaxed(keys_) >= most_keys_) return found == hash;
    if (!compare_exchange(slot.hash, found, hash)) return found == hash;
    fetch_add(keys_, std::uint64_t{1});
    std::uint64_t words[KeySlot::kWords] = {};
    std::memcpy(words, text.data(), text.size());
    for (std::size_t index = 0; index < KeySlot::kWords; ++index) {
      store_relaxed(slot.text[index], words[index]);
    }
    store_relaxed(slot.size, text.size());
    store_release(slot.is_ready, 1U);
    return true;
  }

  const std::size_t most_keys_;
  std::size_t rows_ = 0;
  std::unique_ptr<KeySlot[]> slots_;
  std::uint64_t keys_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SAMPLING_KEY_TABLE_HPP
