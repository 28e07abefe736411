// An executor of asio's (1.18 or newer) that takes the current context along:
//
//   waggle::AsioContextExecutor executor{pool.get_executor()};
//   asio::post(executor, [] { send_mail(); });
//
// A handler of an asynchronous operation runs long after that was begun: bind the handler itself,
// timer.async_wait(waggle::bind(on_timer)). Empty where exceptions are off, unless asio was told
// so.
#ifndef WAGGLE_INSTRUMENT_ASIO_HPP
#define WAGGLE_INSTRUMENT_ASIO_HPP

#if defined(__cpp_exceptions) || defined(ASIO_NO_EXCEPTIONS)

#include <asio/execution/execute.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>
#include <type_traits>
#include <utility>

#include "waggle/instrument/bind.hpp"

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {

// Binds the work that it is given, as ContextExecutor does, and has the properties of `Executor`.
template <class Executor>
class AsioContextExecutor {
 public:
  explicit AsioContextExecutor(Executor executor) noexcept : executor_(std::move(executor)) {}

  template <class Callable>
  void execute(Callable&& callable) const {
    asio::execution::execute(executor_,
                             WAGGLE_SPANS_NAMESPACE::bind(std::forward<Callable>(callable)));
  }

  // Tell a property, or return an executor with another one; called by asio.
  template <class Property>
  auto query(const Property& property) const
      -> decltype(asio::query(std::declval<const Executor&>(), property)) {
    return asio::query(executor_, property);
  }
  template <class Property>
  auto require(const Property& property) const -> AsioContextExecutor<
      std::decay_t<decltype(asio::require(std::declval<const Executor&>(), property))>> {
    return wrapped(asio::require(executor_, property));
  }
  template <class Property>
  auto prefer(const Property& property) const -> AsioContextExecutor<
      std::decay_t<decltype(asio::prefer(std::declval<const Executor&>(), property))>> {
    return wrapped(asio::prefer(executor_, property));
  }

  friend bool operator==(const AsioContextExecutor& left,
                         const AsioContextExecutor& right) noexcept {
    return left.executor_ == right.executor_;
  }
  friend bool operator!=(const AsioContextExecutor& left,
                         const AsioContextExecutor& right) noexcept {
    return !(left == right);
  }

 private:
  template <class Other>
  static AsioContextExecutor<Other> wrapped(Other executor) noexcept {
    return AsioContextExecutor<Other>(std::move(executor));
  }

  Executor executor_;
};

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif

#endif  // WAGGLE_INSTRUMENT_ASIO_HPP
