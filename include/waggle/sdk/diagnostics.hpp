// What waggle has to say about itself: one line a kind of trouble, to stderr or to a callback,
// never from a recording thread.
#ifndef WAGGLE_SDK_DIAGNOSTICS_HPP
#define WAGGLE_SDK_DIAGNOSTICS_HPP

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waggle/core/config.hpp"
#include "waggle/sdk/completes.hpp"

namespace waggle {
inline namespace abi1 {

// Takes a message; `user` is what was given beside it. Must not throw. Called from the collector's
// thread and from start().
using MessageHandler = void (*)(std::string_view message, void* user);

namespace detail {

// Adds `text` to what was told already; false if it is among that. Meant for a few.
WAGGLE_COLD bool remember(std::vector<std::string>& told, std::string_view text) {
  std::string copy(text);
  if (std::find(told.begin(), told.end(), copy) != told.end()) return false;
  told.push_back(std::move(copy));
  return true;
}

}  // namespace detail

// Tells each kind of trouble once, so that a server that is down for a day is one line in the log.
class Diagnostics {
 public:
  explicit Diagnostics(MessageHandler handler = nullptr, void* user = nullptr)
      : handler_(handler != nullptr ? handler : &to_stderr), user_(user) {}

  // Passes `message` on unless one of the same kind was passed on before.
  // Without memory to remember the kind it is passed on, and told again another time.
  void once(std::string_view kind, std::string_view message) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    bool is_new = true;
    detail::completes([&] { is_new = detail::remember(told_, kind); });
    if (is_new) handler_(message, user_);
  }

  void always(std::string_view message) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    handler_(message, user_);
  }

 private:
  static void to_stderr(std::string_view message, void*) {
    std::fprintf(stderr, "waggle: %.*s\n", static_cast<int>(message.size()), message.data());
  }

  std::mutex mutex_;
  std::vector<std::string> told_;
  MessageHandler handler_;
  void* user_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_DIAGNOSTICS_HPP
