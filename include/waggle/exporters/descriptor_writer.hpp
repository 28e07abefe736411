// Writes to a file descriptor by a deadline, whatever is at its other end: a stopped terminal, a
// full pipe, a reader that is gone.
#ifndef WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP
#define WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "waggle/http/sigpipe_guard.hpp"
#include "waggle/sdk/deadline.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Waits until a write would not block: it takes bytes, or says what is wrong. False at the
// deadline.
inline bool wait_until_writable(int descriptor, Deadline deadline) noexcept {
  for (;;) {
    const Milliseconds left = deadline.left(SteadyClock::now());
    pollfd state{descriptor, POLLOUT, 0};
    const int ready = ::poll(&state, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// Writes all of `text`; says why it could not, or nothing. The descriptor's flags stay as they are,
// since others may share it: a blocking one is written in pieces that poll() promised room for.
inline std::string write_by(int descriptor, std::string_view text, Deadline deadline) {
  constexpr std::size_t kPiece = 512;
  const SigpipeGuard guard;
  while (!text.empty()) {
    if (!wait_until_writable(descriptor, deadline)) return "it takes no more output";
    const ssize_t size =
        ::write(descriptor, text.data(), (std::min)(text.size(), std::size_t{kPiece}));
    if (size > 0) {
      text.remove_prefix(static_cast<std::size_t>(size));
    } else if (size < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
      return std::strerror(errno);
    }
  }
  return {};
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP
