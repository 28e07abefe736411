// How setup reports mistakes: a value that either holds what was asked for or says what is wrong
// and how to mend it. Nothing in waggle throws.
#ifndef WAGGLE_SDK_RESULT_HPP
#define WAGGLE_SDK_RESULT_HPP

#include <string>
#include <utility>

namespace waggle {
inline namespace abi1 {

// Describes one failure in words for the person who can mend it.
struct Error {
  std::string message;
};

// Holds a value or an Error. Test it before use; value() of a failed Result is a default value.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)), ok_(true) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : error_(std::move(error)), ok_(false) {}  // NOLINT(google-explicit-constructor)

  bool ok() const noexcept { return ok_; }
  explicit operator bool() const noexcept { return ok_; }
  T& value() noexcept { return value_; }
  const T& value() const noexcept { return value_; }
  const std::string& error() const noexcept { return error_.message; }

 private:
  T value_{};
  Error error_;
  bool ok_;
};

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_SDK_RESULT_HPP
