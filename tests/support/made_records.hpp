// Records without spans: written the way a recording thread writes them, for tests of the
// collector's side that need no thread and no tracer.
#ifndef WAGGLE_TESTS_SUPPORT_MADE_RECORDS_HPP
#define WAGGLE_TESTS_SUPPORT_MADE_RECORDS_HPP

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <waggle/core/record.hpp>
#include <waggle/core/thread_state.hpp>

namespace waggle_test {

// Makes a record of `bytes`, a multiple of 8 and 64 at least, that is known by its number.
inline std::string made_record(std::uint64_t number, std::size_t bytes = 128) {
  waggle::detail::RecordHeader header{};
  header.words = static_cast<std::uint16_t>(bytes / 8);
  header.span_id = waggle::SpanId{number};
  std::string record(bytes, static_cast<char>('a' + number % 26));
  std::memcpy(record.data(), &header, sizeof(header));
  return record;
}

// Returns the number that a record was made with.
inline std::uint64_t number_of(std::string_view record) {
  waggle::detail::RecordHeader header;
  std::memcpy(&header, record.data(), sizeof(header));
  return header.span_id.value;
}

// Writes a record into a thread's ring; false, and counted, if there is no room.
inline bool write_record(waggle::detail::ThreadState& state, std::string_view record) {
  if (!state.ring.make_room(record.size())) {
    state.count_drop(waggle::DropReason::RingFull);
    return false;
  }
  std::memcpy(state.ring.position(), record.data(), record.size());
  state.recorded += 1;
  state.ring.commit(record.size());
  return true;
}

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_MADE_RECORDS_HPP
