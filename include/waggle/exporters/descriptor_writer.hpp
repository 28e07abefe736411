// Writes to a file descriptor by a deadline, whatever is at its other end: a stopped terminal, a
// full pipe, a reader that is gone. Never changes the flags of a descriptor that others may share.
#ifndef WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP
#define WAGGLE_EXPORTERS_DESCRIPTOR_WRITER_HPP

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "waggle/core/config.hpp"
#include "waggle/http/sigpipe_guard.hpp"
#include "waggle/sdk/deadline.hpp"
#include "waggle/sdk/joined.hpp"

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

// Writes `text` and takes from its front what was written; says why anything is left, or nothing.
// Tries once even if the deadline has passed. Returns by the deadline if the descriptor does not
// block.
WAGGLE_COLD std::string write_by(int descriptor, std::string_view& text, Deadline deadline) {
  constexpr const char* kIsFull = "it takes no more output";
  constexpr timespec kMoment{0, 1'000'000};
  const SigpipeGuard guard;
  while (!text.empty()) {
    if (!wait_until_writable(descriptor, deadline)) return kIsFull;
    const ssize_t size = write_some(descriptor, text);
    if (size > 0) {
      text.remove_prefix(static_cast<std::size_t>(size));
    } else if (size == 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
      // A terminal may have room, yet not the two bytes that a line break becomes.
      ::nanosleep(&kMoment, nullptr);
    } else if (errno != EINTR) {
      return std::strerror(errno);
    }
    // A reader may take a little now and then, for ever.
    if (!text.empty() && deadline.passed(SteadyClock::now())) return kIsFull;
  }
  return {};
}

// Says in words why open() failed with O_NONBLOCK.
inline const char* reason_not_opened(int error) noexcept {
  return error == ENXIO ? "a pipe that nobody reads, or a socket" : std::strerror(error);
}

// Leads to where a shared descriptor leads, without blocking. The flag that says so belongs to the
// open file, which the host program shares; so a terminal or pipe is opened once more, and not
// written at all if that is impossible: after poll() said that there is room, another program may
// fill it or stop the terminal, and even a small write() would wait for as long as that lasts.
// Sockets need no opening, and files do not wait; opened again, a file would get a second position
// and overwrite what the host writes.
class NonBlockingDescriptor {
 public:
  explicit NonBlockingDescriptor(int shared) noexcept : shared_(shared) {
    const bool is_terminal = ::isatty(shared) == 1;
    if (!is_terminal && !is_pipe(shared)) return;
    own_ = is_terminal ? open_terminal(shared) : open_again(shared);
    if (own_ < 0) problem_ = errno;
  }
  NonBlockingDescriptor(const NonBlockingDescriptor&) = delete;
  NonBlockingDescriptor& operator=(const NonBlockingDescriptor&) = delete;
  ~NonBlockingDescriptor() {
    if (own_ >= 0) ::close(own_);
  }

  // As write_by().
  std::string write(std::string_view& text, Deadline deadline) const {
    if (problem_ == 0) return write_by(own_ >= 0 ? own_ : shared_, text, deadline);
    return joined({"it cannot be opened to write without waiting: ", reason_not_opened(problem_)});
  }

 private:
  static bool is_pipe(int descriptor) noexcept {
    struct stat about {};
    return ::fstat(descriptor, &about) == 0 && S_ISFIFO(about.st_mode);
  }

  static int open_path(const char* path) noexcept {
    return ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  }

  static int open_again(int shared) noexcept {
    char path[32];
    std::snprintf(path, sizeof(path), "/proc/self/fd/%d", shared);
    return open_path(path);
  }

  // Without /proc a terminal has a name still, and one that belongs to another user (as after su)
  // can be opened as this process's own. The controlling end of a pseudo-terminal must not be: it
  // would become a new one.
  static int open_terminal(int shared) noexcept {
    unsigned number = 0;
    if (::ioctl(shared, TIOCGPTN, &number) == 0) {
      errno = ENOTTY;
      return -1;
    }
    int own = open_again(shared);
    const int problem = errno;
    char name[64];
    if (own < 0 && ::ttyname_r(shared, name, sizeof(name)) == 0) own = open_path(name);
    if (own < 0 && ::tcgetsid(shared) >= 0) own = open_path("/dev/tty");
    errno = problem;
    return own;
  }

  const int shared_;
  int own_ = -1;
  int problem_ = 0;
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
