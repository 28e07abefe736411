#include <doctest/doctest.h>
#include <signal.h>

#include <waggle/http/sigpipe_guard.hpp>

TEST_CASE("a SIGPIPE raised under the guard is swallowed, and the signal mask comes back") {
  struct sigaction action {};
  REQUIRE(::sigaction(SIGPIPE, nullptr, &action) == 0);
  const struct sigaction before = action;
  action.sa_handler = SIG_DFL;
  REQUIRE(::sigaction(SIGPIPE, &action, nullptr) == 0);
  sigset_t mask_before;
  sigset_t mask_after;
  REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &mask_before) == 0);
  {
    const waggle::detail::SigpipeGuard guard;
    const waggle::detail::SigpipeGuard inner_guard;
    ::raise(SIGPIPE);
  }
  REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &mask_after) == 0);
  CHECK(::sigismember(&mask_before, SIGPIPE) == ::sigismember(&mask_after, SIGPIPE));
  CHECK(::sigaction(SIGPIPE, &before, nullptr) == 0);
}
