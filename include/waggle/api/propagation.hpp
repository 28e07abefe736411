// Carries a context from process to process in the headers of W3C Trace Context (Level 2),
// `traceparent` and `tracestate`, and of W3C Baggage, `baggage`. The carrier is whatever holds the
// headers of a request or a message: a map, a list of pairs, or a function. Needs no tracer: a
// service that records nothing still hands a trace on. Other formats are not read.
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
#include <utility>

#include "waggle/api/baggage_header.hpp"
#include "waggle/api/current.hpp"
#include "waggle/api/header_carrier.hpp"
#include "waggle/api/trace_state.hpp"
#include "waggle/core/context.hpp"
#include "waggle/core/header_names.hpp"
#include "waggle/core/ids.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

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
inline SpanContext remote_context(const ContextFields& fields, std::string_view trace_state,
                                  Baggage baggage) noexcept {
  const std::uint64_t threshold =
      reliable_threshold(trace_state, fields.trace_id, fields.is_sampled());
  TraceStateBuffer buffer;
  write_trace_state(buffer, trace_state, threshold);
  return SpanContext(fields.trace_id, fields.span_id, fields.traits.flags, true, threshold,
                     buffer.view(), baggage);
}

}  // namespace detail

// Writes `traceparent`, and `tracestate` and `baggage` if there are any, into a request's headers,
// in place of what was there under these names. The receiver's spans become children of the span
// that `context` identifies. An invalid context writes its baggage only. The carrier is one of
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
  if (!context.baggage().empty()) {
    detail::write_header(carrier, detail::kBaggageName,
                         detail::BaggageHeader(context.baggage()).view());
  }
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
// one that is not valid: then it has only the `baggage`, which is independent of the others. An
// invalid `tracestate` is dropped as a whole and takes nothing else with it; at most 4,096 bytes of
// it are kept. Of `baggage`, members that are not valid are skipped, and so are those beyond 64
// members or 8,192 bytes. The carrier is one of
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
  detail::BaggageReader entries;
  detail::read_header(carrier, detail::kBaggageName, entries);
  const detail::ContextFields fields = trace_parent.fields();
  if (!fields.is_valid()) {
    return SpanContext({}, {}, 0, false, kUnknownThreshold, {}, entries.baggage());
  }
  detail::TraceStateReader trace_state;
  detail::read_header(carrier, detail::kTraceStateName, trace_state);
  return detail::remote_context(fields, trace_state.text(), entries.baggage());
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_API_PROPAGATION_HPP
