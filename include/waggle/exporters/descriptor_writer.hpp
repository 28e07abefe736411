// Writes to a file descriptor by a deadline, whatever is at its other end: a stopped terminal, a
// full pipe, a reader that is gone. Never changes the flags of a descriptor that others may share.
#ifndef WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP
#define WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "waggle/http/sigpipe_guard.hpp"
#include "waggle/sdk/deadline.hpp"

namespace waggle {
inline namespace abi1 {
namespace detail {

// Waits until the descriptor takes bytes or says what is wrong. False at the deadline.
inline bool wait_until_writable(int descriptor, Deadline deadline) noexcept {
  for (;;) {
    const auto left = deadline.left(SteadyClock::now()).count();
    pollfd state{descriptor, POLLOUT, 0};
    const int ready = ::poll(&state, 1, left < INT_MAX ? static_cast<int>(left) : INT_MAX);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// Writes some of the text; -1 and errno as write() has them. A socket is never waited for.
inline ssize_t write_some(int descriptor, std::string_view text) noexcept {
  const ssize_t sent = ::send(descriptor, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) return sent;
  return ::write(descriptor, text.data(), text.size());
}

// Writes `text` in pieces and takes from its front what was written; says why anything is left, or
// nothing. Returns by the deadline if the descriptor does not block, or has room for a whole piece
// whenever poll() says that it has some.
inline std::string write_by(int descriptor, std::string_view& text, std::size_t piece,
                            Deadline deadline) {
  constexpr const char* kIsFull = "it takes no more output";
  constexpr timespec kMoment{0, 1'000'000};
  const SigpipeGuard guard;
  while (!text.empty()) {
    if (!wait_until_writable(descriptor, deadline)) return kIsFull;
    const ssize_t size = write_some(descriptor, text.substr(0, piece));
    if (size > 0) {
      text.remove_prefix(static_cast<std::size_t>(size));
    } else if (size == 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
      // A terminal may have room, yet not the two bytes that a line break becomes.
      if (deadline.passed(SteadyClock::now())) return kIsFull;
      ::nanosleep(&kMoment, nullptr);
    } else if (errno != EINTR) {
      return std::strerror(errno);
    }
  }
  return {};
}

// Leads to where a shared descriptor leads, without blocking. The flag that says so belongs to the
// open file, which the host program shares; so a terminal or pipe is opened once more. What cannot
// be opened again (another user's terminal, no /proc) is written in pieces that poll() has promised
// room for; there alone a terminal that is stopped between poll() and write() can block.
class NonBlockingDescriptor {
 public:
  explicit NonBlockingDescriptor(int shared) noexcept
      : is_terminal_(::isatty(shared) == 1), shared_(shared), own_(open_again(shared)) {}
  NonBlockingDescriptor(const NonBlockingDescriptor&) = delete;
  NonBlockingDescriptor& operator=(const NonBlockingDescriptor&) = delete;
  ~NonBlockingDescriptor() {
    if (own_ >= 0) ::close(own_);
  }

  // As write_by().
  std::string write(std::string_view& text, Deadline deadline) const {
    if (own_ >= 0) return write_by(own_, text, text.size(), deadline);
    return write_by(shared_, text, is_terminal_ ? kTerminalPiece : kPipePiece, deadline);
  }

 private:
  // Linux hands out a terminal's buffer by 256 bytes, and a line break takes two of them. A pipe
  // with room has PIPE_BUF bytes of it.
  static constexpr std::size_t kTerminalPiece = 128;
  static constexpr std::size_t kPipePiece = PIPE_BUF;

  // Returns -1 where it is impossible or wrong: a file would get a second position and overwrite
  // what the host writes, the controlling end of a pseudo-terminal would become a new one.
  int open_again(int shared) const noexcept {
    struct stat about {};
    unsigned number = 0;
    const bool is_pipe = ::fstat(shared, &about) == 0 && S_ISFIFO(about.st_mode);
    const bool is_controlling_end = is_terminal_ && ::ioctl(shared, TIOCGPTN, &number) == 0;
    if (is_controlling_end || (!is_terminal_ && !is_pipe)) return -1;
    char path[32];
    std::snprintf(path, sizeof(path), "/proc/self/fd/%d", shared);
    return ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  }

  const bool is_terminal_;
  const int shared_;
  const int own_;
};

// Tells whether what was written of `text` ends within a line; `otherwise` if nothing was.
inline bool is_cut_off(std::string_view text, std::string_view left, bool otherwise) noexcept {
  const std::size_t written = text.size() - left.size();
  return written == 0 ? otherwise : text[written - 1] != '\n';
}

}  // namespace detail
}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP
