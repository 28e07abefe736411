// Keeps a SIGPIPE that a write inside the guarded scope raises from reaching the host program, and
// leaves its signal disposition alone. TLS libraries below libcurl write without MSG_NOSIGNAL in
// some versions (libcurl before 7.87 with OpenSSL), and the default action ends the process.
#ifndef WAGGLE_HTTP_SIGPIPE_GUARD_HPP
#define WAGGLE_HTTP_SIGPIPE_GUARD_HPP

#include <pthread.h>
#include <signal.h>
#include <time.h>

namespace waggle {
inline namespace abi1 {
namespace detail {

// Blocks SIGPIPE on the calling thread for the guard's life and takes back one that arrived
// meanwhile. Does nothing on a thread that has the signal blocked already.
class SigpipeGuard {
 public:
  SigpipeGuard() noexcept {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    sigset_t before;
    if (pthread_sigmask(SIG_BLOCK, &sigpipe_, &before) != 0) return;
    blocked_here_ = sigismember(&before, SIGPIPE) == 0;
  }

  SigpipeGuard(const SigpipeGuard&) = delete;
  SigpipeGuard& operator=(const SigpipeGuard&) = delete;

  // A broken pipe's signal goes to the writing thread, so the pending one is ours. Nothing could
  // have been pending before: the signal was not blocked.
  ~SigpipeGuard() {
    if (!blocked_here_) return;
    const timespec no_wait{};
    sigtimedwait(&sigpipe_, nullptr, &no_wait);
    pthread_sigmask(SIG_UNBLOCK, &sigpipe_, nullptr);
  }

 private:
  sigset_t sigpipe_;
  bool blocked_here_ = false;
};

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_HTTP_SIGPIPE_GUARD_HPP
