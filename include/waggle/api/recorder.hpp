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
  std::size_t room() noexcept {
    if (!span_.is_spilled_) return span_.capacity_ - span_.used_;
    std::size_t free = 0;
    for (const auto* block = span_.spill_last_; block != nullptr; block = block->next) {
      free += detail::SpillBlock::kCapacity - static_cast<std::size_t>(block->used);
    }
    return free;
  }

  // Secures `size` bytes, a multiple of 8, for append(). False if the pool or the record is full.
  bool secure(std::size_t size) noexcept {
    if (size <= room()) return true;
    if (size > left_in_record()) return false;
    detail::SpillBlock* blocks = nullptr;
    const std::size_t here = span_.is_spilled_ ? room() : 0;
    for (std::size_t got = here; got < size; got += detail::SpillBlock::kCapacity) {
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
    for (const auto* block = span_.spill_; block != nullptr; block = block->next) {
      size += static_cast<std::size_t>(block->used);
    }
    return size;
  }

  std::size_t left_in_record() const noexcept {
    const std::size_t size = record_size() + OpenSpan::kDroppedChunk;
    return size < detail::kMaxRecordBytes ? detail::kMaxRecordBytes - size : 0;
  }

  // Copies the whole record, its header first, to `to`, which has room for it and a copy step more.
  void copy_to(char* to) const noexcept {
    std::memcpy(to, &span_.header_, sizeof(span_.header_));
    to += sizeof(span_.header_);
    std::memcpy(to, span_.data_, span_.used_);
    to += span_.used_;
    if (!span_.is_spilled_) return;
    for (const auto* block = span_.spill_; block != nullptr; block = block->next) {
      std::memcpy(to, block->bytes, static_cast<std::size_t>(block->used));
      to += block->used;
    }
  }

  // Puts what was left out into the record, behind the span's own bytes, where its place was kept.
  void append_dropped_counts() noexcept {
    const detail::ChunkHeader chunk{detail::ChunkKind::Dropped, ValueTag::Empty, 0,
                                    sizeof(detail::DroppedCounts)};
    std::memcpy(span_.data_ + span_.used_, &chunk, sizeof(chunk));
    std::memcpy(span_.data_ + span_.used_ + sizeof(chunk), &span_.lost_, sizeof(span_.lost_));
    span_.used_ += static_cast<std::uint32_t>(OpenSpan::kDroppedChunk);
  }

 private:
  void append_raw(const char* from, std::size_t size) noexcept {
    if (!span_.is_spilled_) {
      if (size != 0) std::memcpy(span_.data_ + span_.used_, from, size);
      span_.used_ += static_cast<std::uint32_t>(size);
      return;
    }
    while (size > 0) {
      detail::SpillBlock& block = *writable_block();
      const std::size_t free = detail::SpillBlock::kCapacity - static_cast<std::size_t>(block.used);
      const std::size_t part = size < free ? size : free;
      std::memcpy(block.bytes + block.used, from, part);
      block.used += part;
      from += part;
      size -= part;
    }
  }

  // Returns the first block that is not full; secure() made sure that there is one.
  detail::SpillBlock* writable_block() noexcept {
    while (span_.spill_last_->used == detail::SpillBlock::kCapacity) {
      span_.spill_last_ = span_.spill_last_->next;
    }
    return span_.spill_last_;
  }

  void chain(detail::SpillBlock* blocks) noexcept {
    if (span_.is_spilled_) {
      detail::SpillBlock* last = span_.spill_last_;
      while (last->next != nullptr) last = last->next;
      last->next = blocks;
      return;
    }
    span_.is_spilled_ = true;
    span_.call_for_general_end();
    span_.capacity_ = 0;
    span_.spill_ = blocks;
    span_.spill_last_ = blocks;
  }

  OpenSpan& span_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_RECORDER_HPP
