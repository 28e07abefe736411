// A span's record as a stream of bytes: first the span's own buffer, then blocks of the pool. The
// slow way in; the quick one is in open_span.hpp.
#ifndef WAGGLE_API_RECORDER_HPP
#define WAGGLE_API_RECORDER_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "waggle/api/open_span.hpp"
#include "waggle/core/hub.hpp"

namespace waggle {
inline namespace abi1 {

// Appends to an open span as to a stream of bytes: first its own buffer, then blocks of the pool.
// All of a chunk's room is secured before its first byte is written, so a chunk is in the record
// whole or not at all.
class Recorder {
 public:
  explicit Recorder(OpenSpan& span) noexcept : span_(span) {}

  // Returns how many bytes may be appended without asking the pool.
  std::size_t room() const noexcept {
    std::size_t free = span_.capacity_ - span_.used_;
    if (!span_.is_spilled_) return free;
    for (const auto* block = being_filled()->next; block != nullptr; block = block->next) {
      free += kBlockRoom;
    }
    return free;
  }

  // Secures `size` bytes, a multiple of 8, for append(). False if the pool or the record is full.
  bool secure(std::size_t size) noexcept {
    if (size <= room()) return true;
    if (size > left_in_record()) return false;
    detail::SpillBlock* blocks = nullptr;
    const std::size_t here = span_.is_spilled_ ? room() : 0;
    for (std::size_t got = here; got < size; got += kBlockRoom) {
      detail::SpillBlock* block = waggle_abi1_hub.acquire_spill();
      if (block == nullptr) {
        if (blocks != nullptr) waggle_abi1_hub.release_spill(blocks);
        return false;
      }
      block->used = 0;
      block->next = blocks;
      blocks = block;
    }
    chain(blocks);
    return true;
  }

  // Appends bytes and pads them to 8; the room has been secured.
  void append(const void* bytes, std::size_t size) noexcept {
    const char* from = static_cast<const char*>(bytes);
    constexpr char kZeros[8] = {};
    append_raw(from, size);
    append_raw(kZeros, detail::padded(size) - size);
  }

  // Returns the size that the record has now.
  std::size_t record_size() const noexcept {
    std::size_t size = sizeof(detail::RecordHeader) + span_.used_;
    if (!span_.is_spilled_) return size;
    for (const auto* block = span_.spill_; block != being_filled(); block = block->next) {
      size += static_cast<std::size_t>(block->used);
    }
    return size + span_.inline_used_;
  }

  std::size_t left_in_record() const noexcept {
    const std::size_t size = record_size() + OpenSpan::kDroppedChunk;
    return size < detail::kMaxRecordBytes ? detail::kMaxRecordBytes - size : 0;
  }

  // Copies the whole record, its header first, to `to`, which has room for it and a copy step more.
  void copy_to(char* to) const noexcept {
    to = copy(to, &span_.header_, sizeof(span_.header_));
    to = copy(to, span_.data_, span_.inline_used());
    if (!span_.is_spilled_) return;
    for (const auto* block = span_.spill_; block != being_filled(); block = block->next) {
      to = copy(to, block->bytes, static_cast<std::size_t>(block->used));
    }
    copy(to, span_.place_, span_.used_);
  }

  // Puts what was left out into the record, behind the span's own bytes, where its place was kept.
  void append_dropped_counts() noexcept {
    const detail::ChunkHeader chunk{detail::ChunkKind::Dropped, ValueTag::Empty, 0,
                                    sizeof(detail::DroppedCounts)};
    char* to = span_.data_ + span_.inline_used();
    copy(copy(to, &chunk, sizeof(chunk)), &span_.lost_, sizeof(span_.lost_));
    if (span_.is_spilled_) {
      span_.inline_used_ += static_cast<std::uint16_t>(OpenSpan::kDroppedChunk);
    } else {
      span_.used_ += static_cast<std::uint32_t>(OpenSpan::kDroppedChunk);
    }
  }

 private:
  // Short of the whole block: the fast way may zero a word behind what it writes.
  static constexpr std::size_t kBlockRoom = detail::SpillBlock::kCapacity - sizeof(std::uint64_t);

  static char* copy(char* to, const void* from, std::size_t size) noexcept {
    std::memcpy(to, from, size);
    return to + size;
  }

  void append_raw(const char* from, std::size_t size) noexcept {
    while (size > 0) {
      if (span_.used_ == span_.capacity_) go_on_in_next();
      const std::size_t free = span_.capacity_ - span_.used_;
      const std::size_t part = size < free ? size : free;
      copy(span_.place_ + span_.used_, from, part);
      span_.used_ += static_cast<std::uint32_t>(part);
      from += part;
      size -= part;
    }
  }

  // Once spilled: the block that place_ is in.
  detail::SpillBlock* being_filled() const noexcept {
    return reinterpret_cast<detail::SpillBlock*>(span_.place_ -
                                                 offsetof(detail::SpillBlock, bytes));
  }

  // secure() made sure that there is one.
  void go_on_in_next() noexcept {
    being_filled()->used = span_.used_;
    fill(*being_filled()->next);
  }

  void fill(detail::SpillBlock& block) noexcept {
    span_.place_ = block.bytes;
    span_.capacity_ = kBlockRoom;
    span_.used_ = 0;
  }

  void chain(detail::SpillBlock* blocks) noexcept {
    if (span_.is_spilled_) {
      detail::SpillBlock* last = being_filled();
      while (last->next != nullptr) last = last->next;
      last->next = blocks;
      return;
    }
    span_.call_for_general_end();
    span_.is_spilled_ = true;
    span_.inline_used_ = static_cast<std::uint16_t>(span_.used_);
    span_.spill_ = blocks;
    fill(*blocks);
  }

  OpenSpan& span_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_RECORDER_HPP
