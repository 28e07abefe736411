// Text that a batch needs and no record holds: demangled names, composed tracestates.
#ifndef WAGGLE_COLLECT_TEXT_ARENA_HPP
#define WAGGLE_COLLECT_TEXT_ARENA_HPP

#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Keeps texts at fixed addresses until cleared.
class TextArena {
 public:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  void clear() noexcept { texts_.clear(); }

 private:
  std::deque<std::string> texts_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_TEXT_ARENA_HPP
