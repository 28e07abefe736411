// Who waits for what: a flush is over once all that was recorded before it has met its fate. What
// is recorded later does not hold it up.
#ifndef WAGGLE_PIPELINE_FLUSH_LINE_HPP
#define WAGGLE_PIPELINE_FLUSH_LINE_HPP

#include <cstdint>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Flushes are numbered from 1 on. Those asked for while one is going on are done together by the
// next.
class FlushLine {
 public:
  // Asks for all flushes up to a number.
  void ask(std::uint64_t number) noexcept {
    if (number > wanted_) wanted_ = number;
  }

  std::uint64_t done() const noexcept { return done_; }
  bool is_flushing() const noexcept { return wanted_ != done_; }

  // Begins what was asked for, before the rings are looked at. `pass` is the number of the first
  // look at all rings that begins after this.
  void begin(std::uint64_t pass) noexcept {
    if (current_ != done_ || wanted_ == done_) return;
    current_ = wanted_;
    pass_ = pass;
    knows_goal_ = false;
  }

  // Takes note of how far things are: how many looks at all rings are over, how many spans were
  // collected in all, and how many of them have met their fate, in the same order.
  void advance(std::uint64_t passes, std::uint64_t collected, std::uint64_t settled) noexcept {
    if (current_ == done_) return;
    if (!knows_goal_ && passes >= pass_) {
      goal_ = collected;
      knows_goal_ = true;
    }
    if (knows_goal_ && settled >= goal_) done_ = current_;
  }

 private:
  std::uint64_t wanted_ = 0;
  std::uint64_t current_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t pass_ = 0;
  std::uint64_t goal_ = 0;
  bool knows_goal_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_PIPELINE_FLUSH_LINE_HPP
