// What a drawing says about a span beside its bar: its kind, why it failed, its attributes, its
// events. Pure: a span in, short printable texts out.
#ifndef WAGGLE_EXPORTERS_SPAN_NOTES_HPP
#define WAGGLE_EXPORTERS_SPAN_NOTES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "waggle/core/config.hpp"
#include "waggle/exporters/terminal_text.hpp"
#include "waggle/sdk/finished_span.hpp"
#include "waggle/sdk/joined.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Returns the kind's name, nothing for the usual one.
inline const char* kind_text(SpanKind kind) noexcept {
  switch (kind) {
    case SpanKind::Server:
      return "server";
    case SpanKind::Client:
      return "client";
    case SpanKind::Producer:
      return "producer";
    case SpanKind::Consumer:
      return "consumer";
    default:
      return "";
  }
}

// Holds one note; the label is drawn paler than the text that follows it.
struct SpanNote {
  std::string label;
  std::string text;
  bool is_error = false;
};

// Of attributes, elements and events, those beyond are only counted.
constexpr std::size_t kShownNotes = 6;

inline std::string value_text(const ValueView& value);

// Returns [1, 2, 3] for an array, {key=1} for a map.
WAGGLE_COLD std::string list_text(const ValueView& list) {
  const bool is_map = list.tag() == ValueTag::Map;
  std::string text = is_map ? "{" : "[";
  std::size_t shown = 0;
  for (const AttributeView& element : list.elements()) {
    if (shown != 0) text += ", ";
    if (shown++ == kShownNotes) {
      text += "…";
      break;
    }
    if (is_map) text += joined({terminal_text(element.key, 24), "="});
    text += value_text(element.value);
  }
  text += is_map ? "}" : "]";
  return text;
}

inline std::string number_text(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", number);
  return text;
}

// Returns a value in one line; of raw bytes their number only.
inline std::string value_text(const ValueView& value) {
  switch (value.tag()) {
    case ValueTag::Empty:
      return {};
    case ValueTag::Boolean:
      return value.boolean() ? "true" : "false";
    case ValueTag::Int64:
      return std::to_string(value.int64());
    case ValueTag::Unsigned:
      return std::to_string(value.word());
    case ValueTag::Double:
      return number_text(value.float64());
    case ValueTag::Array:
    case ValueTag::Map:
      return list_text(value);
    case ValueTag::Bytes:
      return joined({std::to_string(value.text().size()), " bytes"});
    default:
      return terminal_text(value.text(), 60);
  }
}

// An event shows its name only, an exception also what it was.
WAGGLE_COLD SpanNote event_note(const EventView& event) {
  SpanNote note{"◆ ", terminal_text(event.name, 32)};
  for (const AttributeView& attribute : event.attributes) {
    if (attribute.key == "exception.type" || attribute.key == "exception.message") {
      note.text += joined({" ", value_text(attribute.value)});
    }
  }
  return note;
}

// Tells whether people look for it first: what was asked of whom and why it failed (OpenTelemetry
// semantic conventions), and what the application says of itself.
inline bool is_key_attribute(std::string_view key) noexcept {
  for (std::string_view prefix : {"http.", "db.", "app."}) {
    if (key.substr(0, prefix.size()) == prefix) return true;
  }
  return key == "error.type";
}

// Returns the attributes that are shown: key attributes before others, each in their order.
WAGGLE_COLD std::vector<const AttributeView*> shown_attributes(ListView<AttributeView> attributes) {
  std::vector<const AttributeView*> shown;
  for (bool is_key : {true, false}) {
    for (const AttributeView& attribute : attributes) {
      if (shown.size() == kShownNotes) return shown;
      if (is_key_attribute(attribute.key) == is_key) shown.push_back(&attribute);
    }
  }
  return shown;
}

// Returns what there is to say about a span, the most important first.
WAGGLE_COLD std::vector<SpanNote> span_notes(const FinishedSpan& span) {
  std::vector<SpanNote> notes;
  const auto count_rest = [&](std::size_t size) {
    if (size > kShownNotes)
      notes.push_back({joined({"+", std::to_string(size - kShownNotes), " more"}), {}});
  };
  if (span.status == StatusCode::Error) {
    const std::string message = terminal_text(span.status_message, 80);
    notes.push_back({{}, joined({"error", message.empty() ? "" : ": ", message}), true});
  }
  for (const AttributeView* attribute : shown_attributes(span.attributes)) {
    notes.push_back(
        {joined({terminal_text(attribute->key, 32), "="}), value_text(attribute->value)});
  }
  count_rest(span.attributes.size());
  for (std::size_t i = 0; i < (std::min)(span.events.size(), kShownNotes); ++i) {
    notes.push_back(event_note(span.events[i]));
  }
  count_rest(span.events.size());
  return notes;
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_SPAN_NOTES_HPP
