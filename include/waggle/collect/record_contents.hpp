// How much there is in records that were not read yet, so that lists can have their size at once.
#ifndef WAGGLE_COLLECT_RECORD_CONTENTS_HPP
#define WAGGLE_COLLECT_RECORD_CONTENTS_HPP

#include <cstddef>
#include <string_view>

#include "waggle/collect/record_chunks.hpp"
#include "waggle/core/record.hpp"
#include "waggle/sdk/finished_span.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Counts what is in some records, at most.
struct RecordContents {
  std::size_t attributes = 0;
  std::size_t nested_attributes = 0;
  std::size_t events = 0;
  std::size_t links = 0;

  // Adds a record, of whose baggage that many entries become attributes at most.
  void add(std::string_view record, std::size_t baggage_names) {
    for_each_chunk(record.substr(sizeof(RecordHeader)),
                   [&](const ChunkHeader& chunk, std::string_view, std::string_view) {
                     if (chunk.kind == ChunkKind::Attribute) {
                       ++attributes;
                     } else if (chunk.kind == ChunkKind::Event) {
                       ++events;
                     } else if (chunk.kind == ChunkKind::Link) {
                       ++links;
                     } else if (chunk.kind == ChunkKind::Baggage) {
                       attributes += baggage_names;
                     } else {
                       ++nested_attributes;
                     }
                   });
    ++attributes;  // the count of cut values
  }

  // Returns how many bytes all lists take.
  std::size_t bytes() const noexcept {
    return (attributes + nested_attributes) * sizeof(AttributeView) + events * sizeof(EventView) +
           links * sizeof(LinkView);
  }
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_RECORD_CONTENTS_HPP
