// The rare half of recording: events, links, lists, and everything that does not fit into the
// span's own buffer. Correct first; the fast cases are in open_span.hpp.
#ifndef WAGGLE_API_STAGING_HPP
#define WAGGLE_API_STAGING_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "waggle/api/list_elements.hpp"
#include "waggle/api/open_span.hpp"
#include "waggle/api/recorder.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

inline void count_lost(std::uint16_t& counter) noexcept {
  if (counter != 0xffff) ++counter;
}

}  // namespace detail

WAGGLE_COLD bool OpenSpan::stage(detail::ChunkKind kind, ValueTag tag, std::string_view key,
                                 const void* value, std::size_t value_size) noexcept {
  key = key.substr(0, detail::utf8_prefix(key, detail::kMaxKeyBytes));
  const detail::ChunkHeader header{kind, tag, static_cast<std::uint16_t>(key.size()),
                                   static_cast<std::uint32_t>(value_size)};
  const std::size_t value_at = sizeof(header) + detail::padded(key.size());
  const std::size_t size = value_at + detail::padded(value_size);
  if (used_ + size > capacity_ && !Recorder(*this).secure(size)) return false;
  if (used_ + size > capacity_) return stage_in_pieces(header, key, value);
  char* chunk = place_ + used_;
  detail::store_bytes(chunk, header);
  detail::copy_padded(chunk + sizeof(header), key.data(), key.size());
  if (value != nullptr) {
    detail::copy_padded(chunk + value_at, static_cast<const char*>(value), value_size);
  }
  used_ += static_cast<std::uint32_t>(value != nullptr ? size : value_at);
  return true;
}

// For a chunk that no block has room for as a whole; the room has been secured.
WAGGLE_COLD bool OpenSpan::stage_in_pieces(const detail::ChunkHeader& header, std::string_view key,
                                           const void* value) noexcept {
  Recorder recorder(*this);
  recorder.append(&header, sizeof(header));
  if (!key.empty()) recorder.append(key.data(), key.size());
  if (value != nullptr && header.value_size != 0) recorder.append(value, header.value_size);
  return true;
}

// Text too long for the record is cut to what is left, rather than lost.
WAGGLE_COLD bool OpenSpan::stage_value(detail::ChunkKind kind, std::string_view key,
                                       const AttributeValue& value) noexcept {
  if (value.is_word()) {
    const std::uint64_t bits = value.word();
    return stage(kind, value.tag(), key, &bits, sizeof(bits));
  }
  if (value.is_list()) {
    const std::size_t size = detail::ElementMeasure::size_of(value);
    if (size > detail::kMaxRecordBytes) return false;
    if (!stage(kind, value.tag(), key, nullptr, size)) return false;
    Recorder recorder(*this);
    detail::ElementWriter(recorder, size).write(value);
    return true;
  }
  std::string_view text = value.text();
  const std::size_t overhead = sizeof(detail::ChunkHeader) + detail::padded(key.size());
  const std::size_t left = Recorder(*this).left_in_record();
  const std::size_t longest = left > overhead ? left - overhead : 0;
  if (text.size() > longest) {
    text = text.substr(0, detail::utf8_prefix(text, longest));
    if (text.empty()) return false;
    detail::count_lost(lost_.cut_values);
    call_for_general_end();
  }
  return stage(kind, value.tag(), key, text.data(), text.size());
}

WAGGLE_COLD void OpenSpan::set_value(std::string_view key, const AttributeValue& value) noexcept {
  if (is_recording()) stage_counted(detail::ChunkKind::Attribute, key, value);
}

WAGGLE_COLD void OpenSpan::stage_word_cold(std::string_view key, detail::Word word) noexcept {
  if (!stage(detail::ChunkKind::Attribute, word.tag, key, &word.bits, sizeof(word.bits))) {
    detail::count_lost(lost_.attributes);
    call_for_general_end();
  }
}

WAGGLE_COLD void OpenSpan::stage_text_cold(std::string_view key, std::string_view text) noexcept {
  set_value(key, AttributeValue(text));
}

WAGGLE_COLD void OpenSpan::stage_counted(detail::ChunkKind kind, std::string_view key,
                                         const AttributeValue& value) noexcept {
  if (stage_value(kind, key, value)) return;
  detail::count_lost(lost_.attributes);
  call_for_general_end();
}

inline void OpenSpan::stage_list(detail::ChunkKind kind, Attributes attributes) noexcept {
  for (const Attribute& attribute : attributes) {
    stage_counted(kind, attribute.key, attribute.value);
  }
}

WAGGLE_COLD bool OpenSpan::stage_event(std::string_view name, Timestamp time) noexcept {
  const std::uint64_t at = time.is_set() ? time.unix_nanoseconds : detail::read_ticks();
  const ValueTag tag = time.is_set() ? ValueTag::Int64 : detail::kTickTime;
  if (stage(detail::ChunkKind::Event, tag, name, &at, sizeof(at))) return true;
  detail::count_lost(lost_.events);
  call_for_general_end();
  return false;
}

WAGGLE_OUT_OF_LINE void OpenSpan::add_event(std::string_view name, Attributes attributes,
                                            Timestamp time) noexcept {
  if (!is_recording() || !stage_event(name, time)) return;
  stage_list(detail::ChunkKind::EventAttribute, attributes);
}

WAGGLE_OUT_OF_LINE void OpenSpan::add_link(const SpanContext& linked,
                                           Attributes attributes) noexcept {
  if (!is_recording()) return;
  const std::string_view trace_state = linked.trace_state();
  const bool is_empty = !linked.is_valid() && trace_state.empty() && attributes.empty();
  if (is_empty) return;
  const detail::LinkFields fields{
      linked.trace_id(), linked.span_id(),
      linked.trace_flags() | (linked.is_remote() ? std::uint64_t{0x100} : std::uint64_t{0})};
  if (!stage(detail::ChunkKind::Link, ValueTag::Bytes, {}, nullptr,
             sizeof(fields) + trace_state.size())) {
    detail::count_lost(lost_.links);
    call_for_general_end();
    return;
  }
  Recorder recorder(*this);
  recorder.append(&fields, sizeof(fields));
  recorder.append(trace_state.data(), trace_state.size());
  stage_list(detail::ChunkKind::LinkAttribute, attributes);
}

inline void OpenSpan::set_status(StatusCode code, std::string_view description) noexcept {
  if (!is_recording() || code == StatusCode::Unset) return;
  if (header_.status == StatusCode::Ok) return;
  header_.status = code;
  if (code == StatusCode::Error) {
    stage_value(detail::ChunkKind::StatusMessage, {}, AttributeValue(description));
  }
}

inline void OpenSpan::update_name(std::string_view name) noexcept {
  if (!is_recording()) return;
  stage_value(detail::ChunkKind::Name, {}, AttributeValue(name));
}

inline void OpenSpan::set_start_time(Timestamp time) noexcept {
  if (!is_recording() || !time.is_set()) return;
  header_.start = time.unix_nanoseconds;
  header_.marks |= detail::kExplicitStart;
}

// The attributes that are given stand behind the generated ones: the last of a key counts.
WAGGLE_COLD void OpenSpan::add_exception(const AttributeValue& type,
                                         const ExceptionDetails& details,
                                         Attributes attributes) noexcept {
  if (!is_recording() || !stage_event("exception", {})) return;
  const auto add = [this](std::string_view key, const AttributeValue& value) noexcept {
    if (!value.is_word() && value.text().empty()) return;
    stage_counted(detail::ChunkKind::EventAttribute, key, value);
  };
  add("exception.type", type);
  add("exception.message", details.message);
  add("exception.stacktrace", details.stacktrace);
  if (details.escaped) add("exception.escaped", true);
  stage_list(detail::ChunkKind::EventAttribute, attributes);
}

WAGGLE_COLD void OpenSpan::fail_unless_decided(std::string_view description) noexcept {
  if (is_recording() && header_.status == StatusCode::Unset) {
    set_status(StatusCode::Error, description);
  }
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_STAGING_HPP
