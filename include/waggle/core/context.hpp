// What identifies a span to its children, on this thread, another thread or another machine: ids,
// flags, the sampling threshold, a remote parent's tracestate, baggage. A value that may be copied
// freely and kept; immutable once made.
#ifndef WAGGLE_CORE_CONTEXT_HPP
#define WAGGLE_CORE_CONTEXT_HPP

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#include "waggle/core/atomic.hpp"
#include "waggle/core/baggage.hpp"
#include "waggle/core/ids.hpp"

namespace waggle {
inline namespace abi1 {

// The bits of W3C's trace-flags that are defined today (Trace Context Level 2, section 3.2.2.5).
enum TraceFlags : std::uint8_t {
  kTraceFlagSampled = 0x01,
  kTraceFlagRandom = 0x02,
};

// The sampling threshold's value when nobody told at which rate the trace was sampled.
constexpr std::uint64_t kUnknownThreshold = ~std::uint64_t{0};

namespace detail {

// Stands in a threshold's place where only the rate is known: this mark, and the rate below it.
constexpr std::uint64_t kRateMark = std::uint64_t{1} << 63;

constexpr std::uint64_t rate_as_threshold(std::uint32_t rate) noexcept {
  return rate == 0 ? kUnknownThreshold : kRateMark | rate;
}

// Returns the rate that stands in a threshold's place, 0 if none does.
constexpr std::uint32_t rate_in_threshold(std::uint64_t threshold) noexcept {
  const bool is_rate = threshold >> 32 == kRateMark >> 32;
  return is_rate ? static_cast<std::uint32_t>(threshold) : 0;
}

// Text that travels with a context: immutable, counted, freed by whoever drops the last reference.
// Null for traces that began here, which is the common case and costs nothing.
struct ContextBlock {
  std::uint32_t references;
  std::uint16_t trace_state_size;
  std::uint16_t baggage_size;

  std::string_view trace_state() const noexcept { return {bytes(), trace_state_size}; }
  Baggage baggage() const noexcept { return Baggage({bytes() + trace_state_size, baggage_size}); }

  // Returns a block with one reference, or null where there is nothing to keep, it is too long, or
  // memory is out.
  static ContextBlock* create(std::string_view trace_state, Baggage baggage = {}) noexcept {
    const std::string_view entries = baggage.bytes();
    const std::size_t size = trace_state.size() + entries.size();
    if (size == 0 || trace_state.size() > 0xffff || entries.size() > 0xffff) return nullptr;
    void* memory = std::malloc(sizeof(ContextBlock) + size);
    if (memory == nullptr) return nullptr;
    auto* block = new (memory) ContextBlock{1, static_cast<std::uint16_t>(trace_state.size()),
                                            static_cast<std::uint16_t>(entries.size())};
    char* to = reinterpret_cast<char*>(block + 1);
    if (!trace_state.empty()) std::memcpy(to, trace_state.data(), trace_state.size());
    if (!entries.empty()) std::memcpy(to + trace_state.size(), entries.data(), entries.size());
    return block;
  }

  // Takes one reference to `block` and returns one to a block with the baggage of `other` as well;
  // both may be null.
  static ContextBlock* with_baggage(ContextBlock* block, const ContextBlock* other) noexcept {
    if (other == nullptr || other->baggage_size == 0) return block;
    ContextBlock* const both =
        create(block == nullptr ? std::string_view{} : block->trace_state(), other->baggage());
    if (both == nullptr) return block;
    release(block);
    return both;
  }

  static void retain(ContextBlock* block) noexcept {
    if (block != nullptr) fetch_add(block->references, 1U);
  }

  static void release(ContextBlock* block) noexcept {
    if (block != nullptr && fetch_add(block->references, ~0U) == 1) std::free(block);
  }

 private:
  const char* bytes() const noexcept { return reinterpret_cast<const char*>(this + 1); }
};

// How a child takes over from a context, decided once when the context becomes current.
enum class Inheritance : std::uint8_t {
  Ask = 0,    // no parent, a remote one, or one with text to carry on: the general way
  Sampled,    // copy the ids and record
  Unsampled,  // copy the ids and do not record
};

// A context's small parts, of the size of one word so that a child takes them over at once.
struct ContextTraits {
  std::uint8_t flags = 0;
  bool is_remote = false;
  Inheritance inheritance = Inheritance::Ask;
  bool is_record_only = false;  // recorded, but not sampled
  std::uint8_t spare[4] = {};
};

// A context's plain parts, as the thread's stack of current spans keeps them.
struct ContextFields {
  // What a child shares with its parent comes first.
  TraceId trace_id;
  std::uint64_t threshold = kUnknownThreshold;
  ContextTraits traits;
  SpanId span_id;
  ContextBlock* block = nullptr;

  bool is_valid() const noexcept { return trace_id.is_valid() && span_id.is_valid(); }
  bool is_sampled() const noexcept { return (traits.flags & kTraceFlagSampled) != 0; }

  void settle_inheritance() noexcept {
    const bool is_simple =
        is_valid() && !traits.is_remote && !traits.is_record_only && block == nullptr;
    traits.inheritance = !is_simple     ? Inheritance::Ask
                         : is_sampled() ? Inheritance::Sampled
                                        : Inheritance::Unsampled;
  }
};

}  // namespace detail

// Identifies a span: the value to hand to another thread, to inject into a request or to link to.
// A default-made one is invalid and stands for "no span". Copying is cheap and safe on any thread.
class SpanContext {
 public:
  SpanContext() noexcept = default;

  // Makes a context from ids known from elsewhere, as an own carrier or a test would.
  SpanContext(TraceId trace_id, SpanId span_id, std::uint8_t flags, bool is_remote,
              std::uint64_t threshold = kUnknownThreshold, std::string_view trace_state = {},
              Baggage baggage = {}) noexcept
      : fields_{
            trace_id, threshold, {}, span_id, detail::ContextBlock::create(trace_state, baggage)} {
    fields_.traits.flags = flags;
    fields_.traits.is_remote = is_remote;
  }

  // Shares the block that `fields` names.
  explicit SpanContext(const detail::ContextFields& fields) noexcept : fields_(fields) {
    detail::ContextBlock::retain(fields_.block);
  }

  SpanContext(const SpanContext& other) noexcept : SpanContext(other.fields_) {}
  SpanContext(SpanContext&& other) noexcept : fields_(other.fields_) {
    other.fields_.block = nullptr;
  }
  SpanContext& operator=(SpanContext other) noexcept {
    const detail::ContextFields mine = fields_;
    fields_ = other.fields_;
    other.fields_ = mine;
    return *this;
  }
  ~SpanContext() {
    if (WAGGLE_UNLIKELY(fields_.block != nullptr)) detail::ContextBlock::release(fields_.block);
  }

  TraceId trace_id() const noexcept { return fields_.trace_id; }
  SpanId span_id() const noexcept { return fields_.span_id; }

  // Returns all eight bits of the flags as they were received or decided; see TraceFlags.
  std::uint8_t trace_flags() const noexcept { return fields_.traits.flags; }

  // Tells whether the trace is being recorded.
  bool is_sampled() const noexcept { return fields_.is_sampled(); }

  // Tells whether this came from another process by way of extract().
  bool is_remote() const noexcept { return fields_.traits.is_remote; }

  // Tells whether both ids are set; an invalid context counts as "no parent".
  bool is_valid() const noexcept { return fields_.is_valid(); }

  // Returns the 56-bit rejection threshold (`th`): a trace is sampled if its random bits are not
  // below it; 0 means always, kUnknownThreshold that nobody told, or a rate only.
  std::uint64_t sampling_threshold() const noexcept {
    return fields_.threshold >> 56 == 0 ? fields_.threshold : kUnknownThreshold;
  }

  // Returns the tracestate header that arrived with the context, or nothing; valid for as long as
  // this object lives.
  std::string_view trace_state() const noexcept {
    return fields_.block == nullptr ? std::string_view{} : fields_.block->trace_state();
  }

  // Returns what travels with the request; valid for as long as this object lives.
  Baggage baggage() const noexcept {
    return fields_.block == nullptr ? Baggage{} : fields_.block->baggage();
  }

  // Returns the same context with another value under `name`; or without `name`; or without any
  // baggage. Baggage needs no span: SpanContext{}.with_baggage("tenant", "7") carries it to
  // whatever is begun with it as parent or current. What goes beyond 64 entries or 8,192 bytes is
  // left out, and so is all baggage if there is no memory.
  SpanContext with_baggage(std::string_view name, std::string_view value,
                           std::string_view metadata = {}) const noexcept {
    detail::BaggageBuffer entries;
    entries.add_others(baggage(), name);
    entries.add({name, value, metadata});
    return with(entries.view());
  }
  SpanContext without_baggage(std::string_view name) const noexcept {
    detail::BaggageBuffer entries;
    entries.add_others(baggage(), name);
    return with(entries.view());
  }
  SpanContext without_baggage() const noexcept { return with(Baggage{}); }

  const detail::ContextFields& fields() const noexcept { return fields_; }

 private:
  SpanContext with(Baggage baggage) const noexcept {
    SpanContext context;
    context.fields_ = fields_;
    context.fields_.block = detail::ContextBlock::create(trace_state(), baggage);
    return context;
  }

  detail::ContextFields fields_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_CORE_CONTEXT_HPP
