// An ended span as exporters and filters see it: everything that was recorded, in wall-clock time,
// with duplicate keys settled and limits applied. All views point into the Batch that holds it.
#ifndef WAGGLE_SDK_FINISHED_SPAN_HPP
#define WAGGLE_SDK_FINISHED_SPAN_HPP

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "waggle/core/context.hpp"
#include "waggle/core/record.hpp"

namespace waggle {
inline namespace abi1 {

// Views one attribute value of any AnyValue kind. Arrays and maps are walked by elements().
class ValueView {
 public:
  class Elements;

  ValueView() noexcept = default;
  ValueView(ValueTag tag, std::string_view payload) noexcept : tag_(tag), payload_(payload) {}

  ValueTag tag() const noexcept { return tag_; }
  bool boolean() const noexcept { return word() != 0; }
  std::int64_t int64() const noexcept { return static_cast<std::int64_t>(word()); }
  std::uint64_t word() const noexcept { return read<std::uint64_t>(); }
  double float64() const noexcept { return read<double>(); }

  // Returns the text, the raw bytes, or an array's encoded elements.
  std::string_view text() const noexcept { return payload_; }

  // Returns the elements of an array or a map, to be walked in a range-for.
  Elements elements() const noexcept;

 private:
  template <class T>
  T read() const noexcept {
    T value{};
    if (payload_.size() >= sizeof(T)) std::memcpy(&value, payload_.data(), sizeof(T));
    return value;
  }

  ValueTag tag_ = ValueTag::Empty;
  std::string_view payload_;
};

// Pairs a key with a value; a map's element has a key, an array's has none.
struct AttributeView {
  std::string_view key;
  ValueView value;
};

// Walks chunks that lie one behind the other; stops early rather than read past the end.
class ValueView::Elements {
 public:
  class Iterator {
   public:
    Iterator(std::string_view rest) noexcept : rest_(rest) { read(); }  // NOLINT
    const AttributeView& operator*() const noexcept { return element_; }
    const AttributeView* operator->() const noexcept { return &element_; }
    Iterator& operator++() noexcept {
      rest_.remove_prefix(size_);
      read();
      return *this;
    }
    bool operator!=(const Iterator& other) const noexcept {
      return rest_.size() != other.rest_.size();
    }

   private:
    // What is cut off ends the walk.
    void read() noexcept {
      detail::ChunkHeader header;
      const std::string_view rest = rest_;
      rest_ = rest.substr(rest.size());
      if (rest.size() < sizeof(header)) return;
      std::memcpy(&header, rest.data(), sizeof(header));
      const std::size_t value_at = sizeof(header) + detail::padded(header.key_size);
      const std::size_t size = value_at + detail::padded(header.value_size);
      if (size > rest.size()) return;
      rest_ = rest;
      size_ = size;
      element_ = {rest.substr(sizeof(header), header.key_size),
                  ValueView(header.tag, rest.substr(value_at, header.value_size))};
    }

    std::string_view rest_;
    std::size_t size_ = 0;
    AttributeView element_;
  };

  explicit Elements(std::string_view payload) noexcept : payload_(payload) {}
  Iterator begin() const noexcept { return {payload_}; }
  Iterator end() const noexcept { return {payload_.substr(payload_.size())}; }

 private:
  std::string_view payload_;
};

inline ValueView::Elements ValueView::elements() const noexcept { return Elements(payload_); }

// Views a contiguous list inside a Batch.
template <class T>
class ListView {
 public:
  ListView() noexcept = default;
  ListView(const T* data, std::size_t size) noexcept : data_(data), size_(size) {}

  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const T& operator[](std::size_t index) const noexcept { return data_[index]; }

 private:
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

struct EventView {
  std::string_view name;
  std::uint64_t unix_nanoseconds = 0;
  ListView<AttributeView> attributes;
  std::uint32_t dropped_attributes = 0;
};

struct LinkView {
  TraceId trace_id;
  SpanId span_id;
  std::uint8_t trace_flags = 0;
  bool is_remote = false;
  std::string_view trace_state;
  ListView<AttributeView> attributes;
  std::uint32_t dropped_attributes = 0;
};

// Names the instrumentation scope of a span.
struct ScopeView {
  std::string_view name;
  std::string_view version;
  std::string_view schema_url;
  ValueView attributes{};  // a map, or empty
  std::uint32_t dropped_attributes = 0;

  // Tells whether it has any, or would have if there had been room.
  bool has_attributes() const noexcept {
    return !attributes.text().empty() || dropped_attributes != 0;
  }
};

struct FinishedSpan {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;               // invalid for the first span of a trace
  bool parent_is_remote = false;  // the parent is a span of another process
  std::uint8_t trace_flags = 0;

  // The tracestate as it is exported, `ot=th:…` included.
  std::string_view trace_state;

  // How many traces this one stands for, a whole number with the right mean; 0 if nobody told.
  std::uint32_t sample_rate = 0;

  std::string_view name;
  SpanKind kind = SpanKind::Internal;
  std::uint64_t start_unix_nanoseconds = 0;
  std::uint64_t end_unix_nanoseconds = 0;  // never before the start
  StatusCode status = StatusCode::Unset;
  std::string_view status_message;  // with StatusCode::Error only
  ScopeView scope;

  ListView<AttributeView> attributes;  // keys are unique and not empty
  ListView<EventView> events;
  ListView<LinkView> links;
  std::uint32_t dropped_attributes = 0;
  std::uint32_t dropped_events = 0;
  std::uint32_t dropped_links = 0;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_FINISHED_SPAN_HPP
