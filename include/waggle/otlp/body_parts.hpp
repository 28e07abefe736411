// Remembers where everything stands in an encoded body, so that the body of some of its spans can
// be copied out of it, without encoding a span again: for batches that a server finds too large.
#ifndef WAGGLE_OTLP_BODY_PARTS_HPP
#define WAGGLE_OTLP_BODY_PARTS_HPP

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace waggle {
inline namespace abi1 {

// Says where something stands in a body, in bytes.
struct ByteRange {
  std::size_t begin;
  std::size_t end;
};

namespace detail {

// A body is a head with the resource, scopes with a comma between them, and a tail; a scope is an
// opening, spans with a comma between them, and a closing.
class BodyParts {
 public:
  void clear() noexcept {
    spans_.clear();
    scopes_.clear();
  }

  // Each is told as it is written, from the front to the back.
  void end_head(std::size_t end) noexcept { head_end_ = end; }
  void open_scope(ByteRange opening) { scopes_.push_back({spans_.size(), opening, {0, 0}}); }
  void add_span(ByteRange span) { spans_.push_back(span); }
  void close_scope(ByteRange closing) noexcept { scopes_.back().closing = closing; }
  void begin_tail(std::size_t begin) noexcept { tail_begin_ = begin; }

  // Forgets what was told since there were `spans` and `scopes`; the last of these is open again.
  void restore(std::size_t spans, std::size_t scopes) {
    spans_.resize(spans);
    scopes_.resize(scopes, Scope{0, {0, 0}, {0, 0}});
  }

  std::size_t scope_count() const noexcept { return scopes_.size(); }
  bool has_scope() const noexcept { return !scopes_.empty(); }
  const std::vector<ByteRange>& spans() const noexcept { return spans_; }

  // Makes `part` the body of the spans `first` to before `end`, which are some at least.
  void copy(const std::string& whole, std::size_t first, std::size_t end, std::string& part) const {
    part.assign(whole, 0, head_end_);
    for (std::size_t index = 0; index < scopes_.size(); ++index) {
      const std::size_t from = (std::max)(first, scopes_[index].first_span);
      const std::size_t to = (std::min)(end, end_of_scope(index));
      if (from >= to) continue;
      if (part.size() != head_end_) part += ',';
      append(part, whole, scopes_[index].opening);
      append(part, whole, {spans_[from].begin, spans_[to - 1].end});
      append(part, whole, scopes_[index].closing);
    }
    part.append(whole, tail_begin_, std::string::npos);
  }

 private:
  struct Scope {
    std::size_t first_span;
    ByteRange opening;
    ByteRange closing;
  };

  std::size_t end_of_scope(std::size_t index) const noexcept {
    return index + 1 < scopes_.size() ? scopes_[index + 1].first_span : spans_.size();
  }

  static void append(std::string& part, const std::string& whole, ByteRange range) {
    part.append(whole, range.begin, range.end - range.begin);
  }

  std::vector<ByteRange> spans_;
  std::vector<Scope> scopes_;
  std::size_t head_end_ = 0;
  std::size_t tail_begin_ = 0;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_OTLP_BODY_PARTS_HPP
