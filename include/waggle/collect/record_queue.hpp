// Records on their way from the rings to their batch, in the order in which they were collected.
// Bounded and made once: when it is full collecting stops, and what is lost then is lost in the
// ring of the thread that makes too much.
#ifndef WAGGLE_COLLECT_RECORD_QUEUE_HPP
#define WAGGLE_COLLECT_RECORD_QUEUE_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Keeps records whole in one block of memory that is used round and round. For one thread.
class RecordQueue {
 public:
  // Its memory is touched only as far as it is used. Without memory the queue is always full.
  explicit RecordQueue(std::size_t capacity) noexcept
      : bytes_(static_cast<char*>(std::malloc(capacity))),
        capacity_(bytes_ != nullptr ? capacity : 0) {}
  RecordQueue(const RecordQueue&) = delete;
  RecordQueue& operator=(const RecordQueue&) = delete;
  ~RecordQueue() { std::free(bytes_); }

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return used_; }
  bool empty() const noexcept { return count_ == 0; }

  // Tells whether the queue had better be emptied soon.
  bool is_half_full() const noexcept { return used_ >= capacity_ / 2; }

  // Copies a record in; false if there is no room for it now.
  bool append(std::string_view record) noexcept {
    if (!make_room(record.size())) return false;
    std::memcpy(bytes_ + tail_, record.data(), record.size());
    tail_ += record.size();
    used_ += record.size();
    ++count_;
    return true;
  }

  // Shows the records from the front on to `visit(std::string_view record)`, which returns whether
  // it takes the record. They stay where they are until release().
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::size_t position = head_;
    for (std::size_t index = 0; index < count_; ++index) {
      if (is_wrapped_ && position == end_) position = 0;
      const std::string_view record = record_at(position);
      if (!visit(record)) return;
      position += record.size();
    }
  }

  // Gives the first `count` records back.
  void release(std::size_t count) noexcept {
    for (; count > 0; --count, --count_) {
      skip_to_next_lap();
      const std::size_t size = record_at(head_).size();
      head_ += size;
      used_ -= size;
    }
    skip_to_next_lap();
    if (count_ == 0) clear();
  }

  void clear() noexcept {
    head_ = tail_ = used_ = count_ = 0;
    is_wrapped_ = false;
  }

 private:
  // Makes `tail_` a place for `size` bytes: behind the last record or, if there is no room left,
  // before the first.
  bool make_room(std::size_t size) noexcept {
    if (is_wrapped_) return head_ - tail_ >= size;
    if (capacity_ - tail_ >= size) return true;
    if (head_ < size) return false;
    end_ = tail_;
    tail_ = 0;
    is_wrapped_ = true;
    return true;
  }

  void skip_to_next_lap() noexcept {
    if (!is_wrapped_ || head_ != end_) return;
    head_ = 0;
    is_wrapped_ = false;
  }

  // A record begins with its length in words of eight bytes.
  std::string_view record_at(std::size_t position) const noexcept {
    std::uint16_t words;
    std::memcpy(&words, bytes_ + position, sizeof(words));
    return {bytes_ + position, std::size_t{words} * 8};
  }

  char* bytes_;
  std::size_t capacity_;
  std::size_t head_ = 0;  // of the first record
  std::size_t tail_ = 0;  // behind the last
  std::size_t end_ = 0;   // of the lap before the one that the tail is in
  std::size_t used_ = 0;
  std::size_t count_ = 0;
  bool is_wrapped_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RECORD_QUEUE_HPP
