// A last look at a finished span before it leaves the process: to change it, to remove what must
// not be seen, or to drop it. Runs on the collector's thread.
#ifndef WAGGLE_SDK_SPAN_FILTER_HPP
#define WAGGLE_SDK_SPAN_FILTER_HPP

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/sdk/finished_span.hpp"

namespace waggle {
inline namespace abi1 {

// Changes one finished span. Texts given to it are copied; valid during the filter's call only.
class SpanEditor {
 public:
  // Keeps what was changed until the batch is gone.
  class Memory {
   public:
    void clear() noexcept {
      texts_.clear();
      lists_.clear();
    }

   private:
    friend class SpanEditor;
    std::deque<std::string> texts_;
    std::deque<std::vector<AttributeView>> lists_;
  };

  SpanEditor(FinishedSpan& span, Memory& memory) noexcept : span_(span), memory_(memory) {}
  SpanEditor(const SpanEditor&) = delete;
  SpanEditor& operator=(const SpanEditor&) = delete;

  // Shows the span as it is by now.
  const FinishedSpan& span() const noexcept { return span_; }

  // Returns the value under `key`, or null if there is none.
  const ValueView* attribute(std::string_view key) const noexcept {
    for (const AttributeView& attribute : span_.attributes) {
      if (attribute.key == key) return &attribute.value;
    }
    return nullptr;
  }

  void set_name(std::string_view name) { span_.name = keep(name); }

  // Sets an attribute, or replaces its value.
  void set_attribute(std::string_view key, std::string_view text) {
    set(key, {ValueTag::Text, keep(text)});
  }
  void set_attribute(std::string_view key, const char* text) {
    set_attribute(key, std::string_view(text));
  }
  void set_attribute(std::string_view key, bool value) {
    set_word(key, ValueTag::Boolean, value ? 1 : 0);
  }
  void set_attribute(std::string_view key, int value) { set_attribute(key, std::int64_t{value}); }
  void set_attribute(std::string_view key, std::int64_t value) {
    set_word(key, ValueTag::Int64, static_cast<std::uint64_t>(value));
  }
  void set_attribute(std::string_view key, double value) {
    std::uint64_t word;
    std::memcpy(&word, &value, sizeof(word));
    set_word(key, ValueTag::Double, word);
  }

  // Removes an attribute; does nothing if there is none of that key. Not counted in the span.
  void remove_attribute(std::string_view key) {
    std::vector<AttributeView>& list = own_attributes();
    for (std::size_t index = 0; index < list.size(); ++index) {
      if (list[index].key != key) continue;
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
      break;
    }
    show(list);
  }

  // Removes all events, for instance since their attributes may hold personal data.
  void remove_events() noexcept { span_.events = {}; }

  // Sets the status; the message is kept with StatusCode::Error only.
  void set_status(StatusCode code, std::string_view message = {}) {
    span_.status = code;
    span_.status_message = code == StatusCode::Error ? keep(message) : std::string_view();
  }

 private:
  std::string_view keep(std::string_view text) { return memory_.texts_.emplace_back(text); }

  void set_word(std::string_view key, ValueTag tag, std::uint64_t word) {
    set(key, {tag, keep({reinterpret_cast<const char*>(&word), sizeof(word)})});
  }

  void set(std::string_view key, ValueView value) {
    std::vector<AttributeView>& list = own_attributes();
    auto place = list.begin();
    while (place != list.end() && place->key != key) ++place;
    if (place == list.end()) {
      list.push_back({keep(key), value});
    } else {
      place->value = value;
    }
    show(list);
  }

  // The batch's lists lie one behind the other; a list that changes moves away from there.
  std::vector<AttributeView>& own_attributes() {
    if (attributes_ == nullptr) {
      attributes_ = &memory_.lists_.emplace_back(span_.attributes.begin(), span_.attributes.end());
    }
    return *attributes_;
  }

  void show(const std::vector<AttributeView>& list) noexcept {
    span_.attributes = {list.data(), list.size()};
  }

  FinishedSpan& span_;
  Memory& memory_;
  std::vector<AttributeView>* attributes_ = nullptr;
};

// Decides about a span: true lets it go on, as it is by then; false drops it, counted as filtered.
// One that throws drops the span. Spans that a sampler wanted recorded only are shown too.
using SpanFilter = std::function<bool(SpanEditor&)>;

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_SPAN_FILTER_HPP
