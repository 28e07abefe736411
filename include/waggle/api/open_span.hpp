// A span while it is open: the record it carries and the calls that write to it. Span and
// DetachedSpan are made of it; functions that add to a span of either kind take an OpenSpan&.
// Whatever is passed in is copied before the call returns. No call can fail visibly, throw or
// block; none is meant for two threads at once. Memory: some 256 bytes inside the span, then 4 KiB
// blocks from the collector's bounded pool, 16 KiB in all; what does not fit is left out and
// counted in the span.
#ifndef WAGGLE_API_OPEN_SPAN_HPP
#define WAGGLE_API_OPEN_SPAN_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "waggle/api/exception.hpp"
#include "waggle/api/span_options.hpp"
#include "waggle/core/hub.hpp"
#include "waggle/core/ticks.hpp"

namespace waggle {
inline namespace abi1 {

// Holds what Span and DetachedSpan have in common. Not made by itself.
class OpenSpan {
 public:
  OpenSpan(const OpenSpan&) = delete;
  OpenSpan& operator=(const OpenSpan&) = delete;

  // Tells whether what is set now will be kept: false for an unsampled or ended span, and for every
  // span while no tracer runs. Worth asking only before work done for an attribute's sake.
  bool is_recording() const noexcept { return state_ >= State::Recording; }

  // Returns the span's identity, also after its end. Invalid if no tracer ran when it started and
  // no parent was given; with a parent given, that parent.
  SpanContext context() const noexcept;

  // Sets an attribute; of equal keys the last one counts. Keys are non-empty text of at most 1,024
  // bytes. See AttributeValue for the types; a null `const char*` becomes an empty value.
  template <class T>
  WAGGLE_INLINE void set_attribute(std::string_view key, const T& value) noexcept {
    if constexpr (detail::is_scalar_value_v<T>) {
      stage_word(key, detail::to_word(value));
    } else if constexpr (detail::is_text_v<T>) {
      stage_text(key, detail::to_text(value));
    } else {
      set_value(key, AttributeValue(value));
    }
  }
  template <class T>
  void set_attribute(std::string_view key, const std::initializer_list<T>& values) noexcept {
    set_value(key, AttributeValue(values));
  }
  void set_attribute(std::string_view key, const AttributeValue& value) noexcept {
    set_value(key, value);
  }

  // Sets several attributes.
  void set_attributes(Attributes attributes) noexcept {
    for (const Attribute& attribute : attributes) set_value(attribute.key, attribute.value);
  }

  // Adds an event that happened at `time`, now by default. At most 128 events with 128 attributes
  // each are exported; what is beyond is counted as dropped.
  void add_event(std::string_view name, Attributes attributes = {},
                 Timestamp time = Timestamp{}) noexcept;

  // Adds a link to another span. Links known at the start are better given in SpanOptions: samplers
  // see only those.
  void add_link(const SpanContext& linked, Attributes attributes = {}) noexcept;

  // Sets the status. Ok is final; Unset is ignored; a description is kept with Error only
  // (OpenTelemetry, Set Status).
  void set_status(StatusCode code, std::string_view description = {}) noexcept;

  // Records an exception as an event named "exception", with its dynamic type (the static one when
  // compiled without RTTI) and its what(). Attributes given here win over these two. The status is
  // not touched: set it where the span failed by it.
  template <class Exception, class TypeName = detail::ExceptionTypeName>
  void record_exception(const Exception& exception, Attributes attributes = {}) noexcept {
    add_exception(TypeName::of(exception), {{}, detail::exception_message(exception)}, attributes);
  }

  // Records an exception of which you know more than C++ does. Attributes given here win as well.
  void record_exception(const ExceptionDetails& details, Attributes attributes = {}) noexcept {
    add_exception(AttributeValue(details.type), details, attributes);
  }

  // Replaces the name. The sampling decision stands.
  void update_name(std::string_view name) noexcept;

  // Replaces the start time.
  void set_start_time(Timestamp time) noexcept;

 protected:
  enum class State : std::uint8_t {
    Off = 0,         // no identity
    PassedOn,        // not recording, with the identity of the given parent
    Unsampled,       // not recording, with an identity that its entry holds
    UnsampledApart,  // not recording, with an identity of its own
    Ended,           // recording no more
    Recording,      // all of the record is in the span itself, and nothing is special about its end
    RecordingRare,  // recording, with something for the general way to do at its end
  };

  // Whoever derives from it begins with be_off() or a start.
  OpenSpan() noexcept {}  // NOLINT(modernize-use-equals-default): that one would be deleted
  ~OpenSpan() = default;

  static constexpr std::size_t kInlineBytes = 256;
  static constexpr std::size_t kDroppedChunk =
      sizeof(detail::ChunkHeader) + sizeof(detail::DroppedCounts);

  // In one store by set_state(). Whatever follows is written before state_ leaves Off, and what a
  // state does not need is never read in it.
  std::uint32_t used_;      // bytes staged at place_
  std::uint16_t capacity_;  // of place_; 0 when not recording
  State state_;
  bool is_spilled_;  // place_ is in a block of the pool

  bool is_remote_;             // with PassedOn: the parent is remote
  std::uint16_t inline_used_;  // once spilled: bytes staged in data_
  std::uint32_t session_;
  detail::DroppedCounts lost_;
  detail::ThreadState* owner_;
  detail::CurrentEntry* entry_;  // its entry among the owner's current spans; null: not current
  detail::ContextBlock* block_;
  detail::SpillBlock* spill_;  // the first block of what did not fit
  char* place_;                // what is being filled: data_, or the bytes of one of these blocks
  union {                      // so that its ids are not set to zero first
    alignas(16) detail::RecordHeader header_;  // NOLINT(readability-identifier-naming)
  };
  char data_[kInlineBytes + kDroppedChunk + detail::kCopyStep];

  // Returns where the header and, right behind it, what was staged lie.
  WAGGLE_INLINE const char* record_bytes() const noexcept {
    return reinterpret_cast<const char*>(this) + (data_ - reinterpret_cast<const char*>(this)) -
           sizeof(detail::RecordHeader);
  }

  // Sets the header's fields before the trace id, in one store.
  WAGGLE_INLINE void set_first_word(std::uint16_t scope, SpanKind kind,
                                    std::uint8_t trace_flags) noexcept {
    detail::store_bytes(reinterpret_cast<char*>(&header_),
                        std::uint64_t{scope} << 16 |
                            std::uint64_t{static_cast<std::uint8_t>(kind)} << 32 |
                            std::uint64_t{trace_flags} << 48);
  }

  // The longest name that is copied in the fast way.
  static constexpr std::size_t kLongestName = kInlineBytes - sizeof(detail::ChunkHeader);

  std::size_t inline_used() const noexcept { return is_spilled_ ? inline_used_ : used_; }

  // Opens the record with its name, at most kLongestName bytes of it.
  WAGGLE_INLINE void open_record(const char* name, std::size_t name_size) noexcept {
    detail::store_bytes(data_, detail::ChunkHeader{detail::ChunkKind::Name, ValueTag::Text, 0,
                                                   static_cast<std::uint32_t>(name_size)});
    detail::copy_padded(data_ + sizeof(detail::ChunkHeader), name, name_size);
    lost_ = {};
    place_ = data_;
    set_state(State::Recording, kInlineBytes,
              sizeof(detail::ChunkHeader) + detail::padded(name_size));
  }

  WAGGLE_INLINE void be_off() noexcept { set_state(State::Off, 0, 0); }

  // Sets the members of the first word.
  WAGGLE_INLINE void set_state(State state, std::uint64_t capacity, std::uint64_t used) noexcept {
    detail::store_bytes(
        reinterpret_cast<char*>(this),
        used | capacity << 32 | std::uint64_t{static_cast<std::uint8_t>(state)} << 48);
  }

  // ---- the rare cases of a span's life, in lifecycle.hpp ----

  void begin_named(std::uint16_t scope, const char* name, std::size_t name_size) noexcept;
  void begin_with(const detail::Beginning& beginning, bool make_current) noexcept;
  void set_end_time(Timestamp time) noexcept;
  void finish_in_general() noexcept;
  void release_context() noexcept;
  bool is_current() const noexcept;

  // Tells this span's entry from any other's.
  std::uint64_t token() const noexcept { return header_.span_id.value; }

 private:
  friend class ContextGuard;
  friend class ExceptionWatch;
  friend class Recorder;

  void begin_in_general(detail::ThreadState& thread, std::uint32_t session,
                        const detail::Beginning& beginning, bool make_current) noexcept;
  void pass_on(const SpanContext& parent) noexcept;
  void inherit(const detail::ContextFields& parent) noexcept;
  void decide(detail::ThreadState& thread, const detail::ContextFields& parent,
              const detail::Beginning& beginning) noexcept;
  static void add_sampler_attribute(void* span, const Attribute& attribute) noexcept;
  void settle(bool is_recorded) noexcept;
  void stage_beginning(const detail::Beginning& beginning) noexcept;
  void stage_context() noexcept;
  detail::ContextFields identity() const noexcept;
  void keep_identity() noexcept;
  void become_current(detail::ThreadState& thread) noexcept;
  void adopt_entry(detail::ThreadState& thread, detail::CurrentEntry* entry) noexcept;
  void call_for_general_end() noexcept { state_ = State::RecordingRare; }
  void submit(detail::ThreadState& thread) noexcept;

  // ---- staging: append a chunk at place_, or leave the rare cases to the cold twin ----

  WAGGLE_INLINE void stage_word(std::string_view key, detail::Word word) noexcept {
    const std::size_t value_at = sizeof(detail::ChunkHeader) + detail::padded(key.size());
    if (WAGGLE_LIKELY(used_ + value_at + sizeof(word.bits) <= capacity_)) {
      char* chunk = place_ + used_;
      detail::store_bytes(
          chunk, detail::ChunkHeader{detail::ChunkKind::Attribute, word.tag,
                                     static_cast<std::uint16_t>(key.size()), sizeof(word.bits)});
      detail::copy_padded(chunk + sizeof(detail::ChunkHeader), key.data(), key.size());
      detail::store_bytes(chunk + value_at, word.bits);
      used_ += static_cast<std::uint32_t>(value_at + sizeof(word.bits));
    } else if (is_recording()) {
      stage_word_cold(key, word);
    }
  }

  WAGGLE_INLINE void stage_text(std::string_view key, std::string_view text) noexcept {
    const std::size_t value_at = sizeof(detail::ChunkHeader) + detail::padded(key.size());
    const std::size_t size = value_at + detail::padded(text.size());
    if (WAGGLE_LIKELY(text.data() != nullptr && text.size() <= kInlineBytes &&
                      used_ + size <= capacity_)) {
      char* chunk = place_ + used_;
      detail::store_bytes(chunk, detail::ChunkHeader{detail::ChunkKind::Attribute, ValueTag::Text,
                                                     static_cast<std::uint16_t>(key.size()),
                                                     static_cast<std::uint32_t>(text.size())});
      detail::copy_padded(chunk + sizeof(detail::ChunkHeader), key.data(), key.size());
      copy_text(chunk + value_at, text.data(), text.size());
      used_ += static_cast<std::uint32_t>(size);
    } else if (is_recording()) {
      stage_text_cold(key, text);
    }
  }

  // Keys are nearly always literals, which copy as a few moves at the call site; texts are not.
  static WAGGLE_OUT_OF_LINE void copy_text(char* to, const char* text, std::size_t size) noexcept {
    detail::copy_padded(to, text, size);
  }

  // ---- the rare cases, in staging.hpp ----

  void set_value(std::string_view key, const AttributeValue& value) noexcept;
  void stage_word_cold(std::string_view key, detail::Word word) noexcept;
  void stage_text_cold(std::string_view key, std::string_view text) noexcept;
  bool stage_event(std::string_view name, Timestamp time) noexcept;
  void add_exception(const AttributeValue& type, const ExceptionDetails& details,
                     Attributes attributes) noexcept;
  void fail_unless_decided(std::string_view description) noexcept;
  bool stage_value(detail::ChunkKind kind, std::string_view key,
                   const AttributeValue& value) noexcept;
  bool stage(detail::ChunkKind kind, ValueTag tag, std::string_view key, const void* value,
             std::size_t value_size) noexcept;
  bool stage_in_pieces(const detail::ChunkHeader& header, std::string_view key,
                       const void* value) noexcept;
  void stage_counted(detail::ChunkKind kind, std::string_view key,
                     const AttributeValue& value) noexcept;
  void stage_list(detail::ChunkKind kind, Attributes attributes) noexcept;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_OPEN_SPAN_HPP
