// Takes the current context along to where work runs: to a thread, a task, a callback, an executor.
//
//   std::thread worker{waggle::bind(index_pages), first, last};
//   auto sum = std::async(std::launch::async, waggle::bind([&] { return add_up(orders); }));
//   asio::post(pool, waggle::bind([] { send_mail(); }));
//   waggle::ContextExecutor executor{pool.executor()};  // binds whatever it is given
//
// Spans that the work starts are children of the span that was current where bind() was called,
// also when that one has ended by then.
#ifndef WAGGLE_INSTRUMENT_BIND_HPP
#define WAGGLE_INSTRUMENT_BIND_HPP

#include <type_traits>
#include <utility>

#include "waggle/trace.hpp"

namespace waggle {
inline namespace WAGGLE_SPANS_NAMESPACE {

// Calls what it was made of, with a context as the current one. May be moved, copied if its
// callable may, and called on any thread and as often as the callable. Where no context was current
// nothing is changed for the call.
template <class Callable>
class BoundCallable {
 public:
  template <class Argument>
  BoundCallable(SpanContext context, Argument&& callable)
      : context_(std::move(context)), callable_(std::forward<Argument>(callable)) {}

  template <class... Arguments>
  std::invoke_result_t<Callable&, Arguments...> operator()(Arguments&&... arguments) & {
    const ContextGuard guard{context_};
    return callable_(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  std::invoke_result_t<const Callable&, Arguments...> operator()(Arguments&&... arguments) const& {
    const ContextGuard guard{context_};
    return callable_(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  std::invoke_result_t<Callable&&, Arguments...> operator()(Arguments&&... arguments) && {
    const ContextGuard guard{context_};
    return std::move(callable_)(std::forward<Arguments>(arguments)...);
  }

  // Returns what is current during the call.
  const SpanContext& context() const noexcept { return context_; }

 private:
  SpanContext context_;
  Callable callable_;
};

// Returns `callable` with the given context.
template <class Callable>
BoundCallable<std::decay_t<Callable>> bind(const SpanContext& context, Callable&& callable) {
  return {context, std::forward<Callable>(callable)};
}

// Returns `callable` with the context that is current here and now.
template <class Callable>
BoundCallable<std::decay_t<Callable>> bind(Callable&& callable) {
  return WAGGLE_SPANS_NAMESPACE::bind(current_context(), std::forward<Callable>(callable));
}

// Gives work to an executor, anything with execute(callable), and binds it to the context that is
// current where it is given. As copyable and thread-safe as that executor. For asio's there is
// AsioContextExecutor.
template <class Executor>
class ContextExecutor {
 public:
  explicit ContextExecutor(Executor executor) : executor_(std::move(executor)) {}

  template <class Callable>
  void execute(Callable&& callable) const {
    executor_.execute(WAGGLE_SPANS_NAMESPACE::bind(std::forward<Callable>(callable)));
  }

  friend bool operator==(const ContextExecutor& left, const ContextExecutor& right) noexcept {
    return left.executor_ == right.executor_;
  }
  friend bool operator!=(const ContextExecutor& left, const ContextExecutor& right) noexcept {
    return !(left == right);
  }

 private:
  Executor executor_;
};

}  // namespace WAGGLE_SPANS_NAMESPACE
}  // namespace waggle

#endif  // WAGGLE_INSTRUMENT_BIND_HPP
