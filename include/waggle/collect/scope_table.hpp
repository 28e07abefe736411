// The instrumentation scopes by number: recording threads add to it at a scope's first use, the
// collector looks them up. Number 0 is the empty scope.
#ifndef WAGGLE_COLLECT_SCOPE_TABLE_HPP
#define WAGGLE_COLLECT_SCOPE_TABLE_HPP

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "waggle/core/scope.hpp"
#include "waggle/sdk/completes.hpp"
#include "waggle/sdk/finished_span.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Grows only; at most 65,535 scopes, any more share number 0.
class ScopeTable {
 public:
  ScopeTable() : scopes_(1) {}

  // Returns the number of the scope with the same texts and attributes; that of the empty one if
  // there is no memory for it. Any thread.
  std::uint16_t intern(const Scope& scope) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::size_t number = 0; number < scopes_.size(); ++number) {
      const Text& known = scopes_[number];
      if (known.name == scope.name() && known.version == scope.version() &&
          known.schema_url == scope.schema_url() && known.attributes == scope.attributes()) {
        return static_cast<std::uint16_t>(number);
      }
    }
    if (scopes_.size() > 0xffff) return 0;
    const bool is_kept = completes([&] {
      scopes_.push_back({std::string(scope.name()), std::string(scope.version()),
                         std::string(scope.schema_url()), std::string(scope.attributes()),
                         scope.dropped_attributes()});
    });
    return is_kept ? static_cast<std::uint16_t>(scopes_.size() - 1) : std::uint16_t{0};
  }

  // Returns the scope's texts, valid for good.
  ScopeView view(std::uint16_t number) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (number >= scopes_.size()) return {};
    const Text& text = scopes_[number];
    return {text.name, text.version, text.schema_url, ValueView(ValueTag::Map, text.attributes),
            text.dropped_attributes};
  }

 private:
  struct Text {
    std::string name;
    std::string version;
    std::string schema_url;
    std::string attributes;
    std::uint32_t dropped_attributes = 0;
  };

  std::mutex mutex_;
  std::deque<Text> scopes_;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_COLLECT_SCOPE_TABLE_HPP
