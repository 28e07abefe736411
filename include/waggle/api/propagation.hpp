// Carries a context from process to process in W3C Trace Context's two headers, `traceparent` and
// `tracestate` (Level 2). The carrier is whatever holds the headers of a request or a message: a
// map, a list of pairs, or a function. Needs no tracer: a service that records nothing still hands
// a trace on. Baggage and other formats are not read.
//
//   httplib::Headers headers;                     // a client: into the request
//   waggle::inject(span.context(), headers);
//   client.Get("/cart", headers);
//
//   waggle::SpanOptions options;                  // a server: out of the request
//   options.kind = waggle::SpanKind::Server;
//   options.parent = waggle::extract(request.headers);
//   waggle::Span span{"GET /cart", options};
#ifndef WAGGLE_API_PROPAGATION_HPP
#define WAGGLE_API_PROPAGATION_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "waggle/api/current.hpp"
#include "waggle/api/trace_state.hpp"
#include "waggle/core/context.hpp"
#include "waggle/core/ids.hpp"
#include "waggle/core/value.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

constexpr std::string_view kTraceParentName = "traceparent";
constexpr std::string_view kTraceStateName = "tracestate";

// ---- traceparent ----

constexpr std::size_t kTraceParentSize = 55;

// Writes version 00; of the flags only those that are defined today (section 3.2.2.5: all others
// must be zero).
inline HexText<kTraceParentSize> trace_parent_text(const SpanContext& context) noexcept {
  HexText<kTraceParentSize> text;
  char* out = text.digits;
  out[0] = out[1] = '0';
  out[2] = out[35] = out[52] = '-';
  write_hex(out + 3, context.trace_id().high);
  write_hex(out + 19, context.trace_id().low);
  write_hex(out + 36, context.span_id().value);
  out[53] = '0';
  out[54] =
      static_cast<char>('0' + (context.trace_flags() & (kTraceFlagSampled | kTraceFlagRandom)));
  return text;
}

// Reads one header value into fields; they stay invalid unless it keeps to section 3.2.2 in all.
// Versions from 01 to fe are read as far as version 00 goes (section 3.2.4).
inline ContextFields parse_trace_parent(std::string_view value) noexcept {
  const std::string_view text = trim(value);
  if (text.size() < kTraceParentSize) return {};
  std::uint64_t version = 0;
  std::uint64_t flags = 0;
  if (!read_hex(text.substr(0, 2), version) || version == 0xff) return {};
  if (!read_hex(text.substr(53, 2), flags)) return {};
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  const bool is_longer = text.size() > kTraceParentSize;
  if (is_longer && (version == 0 || text[kTraceParentSize] != '-')) return {};
  ContextFields fields;
  fields.trace_id = TraceId::from_hex(text.substr(3, 32));
  fields.span_id = SpanId::from_hex(text.substr(36, 16));
  fields.traits.flags = static_cast<std::uint8_t>(flags);
  return fields;
}

// ---- the threshold ----

// Tells whether the sampled flag is what the threshold makes of the trace's 56 random bits; if not,
// somebody decided otherwise, and the threshold says nothing about the trace (OpenTelemetry,
// TraceState: Probability Sampling, general requirements).
inline bool agrees_with_flag(const OtelTraceState& told, TraceId trace_id,
                             bool is_sampled) noexcept {
  const std::uint64_t randomness =
      told.has_randomness ? told.randomness : trace_id.low & (kThresholdEnd - 1);
  return is_sampled == (randomness >= told.threshold);
}

// Returns the threshold that a tracestate tells, unless the sampled flag contradicts it.
inline std::uint64_t reliable_threshold(std::string_view trace_state, TraceId trace_id,
                                        bool is_sampled) noexcept {
  const OtelTraceState told = parse_otel_member(trace_state);
  return agrees_with_flag(told, trace_id, is_sampled) ? told.threshold : kUnknownThreshold;
}

// Writes the tracestate that goes out with a context: with its own threshold if it is sampled and
// has one, else with what the text tells, as far as that is reliable.
inline void write_outgoing_trace_state(TraceStateBuffer& buffer,
                                       const SpanContext& context) noexcept {
  const bool is_own = context.is_sampled() && context.sampling_threshold() < kThresholdEnd;
  write_trace_state(
      buffer, context.trace_state(),
      is_own ? context.sampling_threshold()
             : reliable_threshold(context.trace_state(), context.trace_id(), context.is_sampled()));
}

// ---- carriers ----

// Receives the values of one header name.
class HeaderReader {
 public:
  virtual void read(std::string_view value) noexcept = 0;

 protected:
  ~HeaderReader() = default;
};

constexpr char to_lowercase(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Compares a header's name with one of ours, which are lowercase.
inline bool is_header_name(std::string_view text, std::string_view name) noexcept {
  if (text.size() != name.size()) return false;
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (to_lowercase(text[at]) != name[at]) return false;
  }
  return true;
}

template <class Pair, class = void>
constexpr bool is_text_pair_v = false;
template <class Pair>
constexpr bool is_text_pair_v<Pair, std::void_t<decltype(std::declval<const Pair&>().first),
                                                decltype(std::declval<const Pair&>().second)>> =
    is_text_v<decltype(Pair::first)>&& is_text_v<decltype(Pair::second)>;

template <class Carrier>
constexpr bool is_header_range_v = is_text_pair_v<typename RangeElement<Carrier>::Type>;

template <class Carrier>
constexpr bool is_setter_v = std::is_invocable_v<Carrier&, std::string_view, std::string_view>;

}  // namespace detail

// Takes the values of a header from a carrier that is a function: to be called once a value, in the
// order of the header's lines. For the duration of that function's call only.
class HeaderSink {
 public:
  explicit HeaderSink(detail::HeaderReader& reader) noexcept : reader_(&reader) {}

  // Takes text or a `const char*`; null stands for no value.
  template <class Text>
  void operator()(const Text& value) const noexcept {
    reader_->read(detail::to_text(value));
  }

 private:
  detail::HeaderReader* reader_;
};

namespace detail {

template <class Carrier>
constexpr bool is_lister_v = std::is_invocable_v<const Carrier&, std::string_view, HeaderSink>;

template <class Carrier>
constexpr bool is_getter_v = std::is_invocable_v<const Carrier&, std::string_view>;

// Reads every value that a carrier has under `name`, in order.
template <class Carrier>
void read_header(const Carrier& carrier, std::string_view name, HeaderReader& reader) {
  if constexpr (is_header_range_v<Carrier>) {
    for (const auto& header : carrier) {
      if (is_header_name(to_text(header.first), name)) reader.read(to_text(header.second));
    }
  } else if constexpr (is_lister_v<Carrier>) {
    carrier(name, HeaderSink(reader));
  } else {
    static_assert(is_getter_v<Carrier>,
                  "not a carrier: pass a range of pairs of text, or a function of a header's name");
    const auto& value = carrier(name);
    reader.read(to_text(value));
  }
}

// Removes every header of this name, in whatever case.
template <class Container>
void erase_header(Container& headers, std::string_view name) {
  for (auto header = headers.begin(); header != headers.end();) {
    if (is_header_name(header->first, name)) {
      header = headers.erase(header);
    } else {
      ++header;
    }
  }
}

// Replaces a header; an empty value only removes it.
template <class Carrier>
void write_header(Carrier& carrier, std::string_view name, std::string_view value) {
  if constexpr (is_setter_v<Carrier>) {
    if (!value.empty()) carrier(name, value);
  } else {
    static_assert(is_header_range_v<Carrier>,
                  "not a carrier: pass a container of pairs of strings, or a function that takes a "
                  "header's name and value as std::string_view");
    using Pair = typename Carrier::value_type;
    using Name = Bare<typename Pair::first_type>;
    using Value = typename Pair::second_type;
    static_assert(!std::is_trivially_copyable_v<Name> && !std::is_trivially_copyable_v<Value>,
                  "the container has to own its text: std::string, not std::string_view");
    erase_header(carrier, name);
    if (value.empty()) return;
    carrier.insert(carrier.end(),
                   Pair(Name(name.data(), name.size()), Value(value.data(), value.size())));
  }
}

// ---- extraction ----

class TraceParentReader final : public HeaderReader {
 public:
  void read(std::string_view value) noexcept override {
    if (value.data() == nullptr) return;
    ++line_count_;
    fields_ = parse_trace_parent(value);
  }

  // Two lines contradict each other, so neither counts.
  ContextFields fields() const noexcept { return line_count_ == 1 ? fields_ : ContextFields{}; }

 private:
  unsigned line_count_ = 0;
  ContextFields fields_;
};

class TraceStateReader final : public HeaderReader {
 public:
  void read(std::string_view value) noexcept override {
    is_valid_ = is_valid_ && add_trace_state_line(buffer_, value);
  }

  std::string_view text() const noexcept { return is_valid_ ? buffer_.view() : std::string_view{}; }

 private:
  TraceStateBuffer buffer_;
  bool is_valid_ = true;
};

// Makes the context of a remote parent. A threshold that the flag contradicts is taken out of the
// text as well, so that nobody who reads it later counts with it.
inline SpanContext remote_context(const ContextFields& fields,
                                  std::string_view trace_state) noexcept {
  const std::uint64_t threshold =
      reliable_threshold(trace_state, fields.trace_id, fields.is_sampled());
  TraceStateBuffer buffer;
  write_trace_state(buffer, trace_state, threshold);
  return SpanContext(fields.trace_id, fields.span_id, fields.traits.flags, true, threshold,
                     buffer.view());
}

}  // namespace detail

// Writes `traceparent`, and `tracestate` if there is any, into a request's headers, in place of
// what was there under these names. The receiver's spans become children of the span that `context`
// identifies. An invalid context writes nothing. The carrier is one of
//   - a container of pairs of strings: std::map, std::unordered_map, their multi kinds (such as
//     httplib::Headers), std::vector or std::list; names are compared without regard to case;
//   - a function called as set(name, value) with two std::string_view that are valid during the
//     call; it should replace what its carrier holds under that name:
//
//   waggle::inject(span.context(), [&](std::string_view name, std::string_view value) {
//     message.set_property(std::string(name), std::string(value));
//   });
//
// A sampled context whose sampling threshold is known sends it as `ot=th:...` in the tracestate.
// Throws only what the carrier throws.
template <class Carrier>
void inject(const SpanContext& context, Carrier&& carrier) {
  if (!context.is_valid()) return;
  detail::TraceStateBuffer trace_state;
  detail::write_outgoing_trace_state(trace_state, context);
  detail::write_header(carrier, detail::kTraceParentName, detail::trace_parent_text(context));
  detail::write_header(carrier, detail::kTraceStateName, trace_state.view());
}

// Writes the context of this thread's current span; see above.
//
//   std::map<std::string, std::string> headers;
//   waggle::inject(headers);
template <class Carrier>
void inject(Carrier&& carrier) {
  inject(current_context(), std::forward<Carrier>(carrier));
}

// Reads the context that a request's headers carry: the parent to give to the first span of the
// work for it. Remote; invalid, and so no parent, if there is no `traceparent`, more than one, or
// one that is not valid. An invalid `tracestate` is dropped as a whole and takes nothing else with
// it; at most 4,096 bytes of it are kept. The carrier is one of
//   - a range of pairs of text, as for inject(); names are compared without regard to case, several
//     `tracestate` lines are joined;
//   - a function of the header's name that returns text or a `const char*`, null for "absent":
//
//   waggle::extract([&](std::string_view name) { return message.property(name); });
//
//   - a function of the name and a HeaderSink, which is called with each value in order. For
//     carriers that can hold a name more than once, since only so a second `traceparent` shows:
//
//   waggle::extract([&](std::string_view name, waggle::HeaderSink sink) {
//     for (const auto& header : request.all(name)) sink(header.value);
//   });
//
// Names are asked for in lowercase. Whatever the headers hold, this neither fails nor throws,
// unless the carrier throws.
template <class Carrier>
SpanContext extract(const Carrier& carrier) {
  detail::TraceParentReader trace_parent;
  detail::read_header(carrier, detail::kTraceParentName, trace_parent);
  const detail::ContextFields fields = trace_parent.fields();
  if (!fields.is_valid()) return {};
  detail::TraceStateReader trace_state;
  detail::read_header(carrier, detail::kTraceStateName, trace_state);
  return detail::remote_context(fields, trace_state.text());
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_PROPAGATION_HPP
