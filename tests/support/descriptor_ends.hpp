// Both ends of pipes, sockets and pseudo-terminals, for tests of what writes to them.
#ifndef WAGGLE_TESTS_SUPPORT_DESCRIPTOR_ENDS_HPP
#define WAGGLE_TESTS_SUPPORT_DESCRIPTOR_ENDS_HPP

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cstddef>
#include <string>

namespace waggle_test {

// Ends the program if what it guards does not return; only ever fires in a test that fails.
class Watchdog {
 public:
  Watchdog() { ::alarm(60); }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() { ::alarm(0); }
};

// A descriptor to write to and one to read at its other end.
class Ends {
 public:
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;
  ~Ends() {
    close(reader_);
    close(writer_);
  }

  int writer() const { return writer_; }
  int reader() const { return reader_; }
  void close_reader() { close(reader_); }
  void close_writer() { close(writer_); }

  // Reads to the end, which comes when the writing end is closed.
  std::string read_rest() const {
    std::string text;
    char piece[4096];
    for (;;) {
      const ssize_t size = ::read(reader_, piece, sizeof(piece));
      if (size <= 0) return text;  // a terminal without writers answers EIO
      text.append(piece, static_cast<std::size_t>(size));
    }
  }

  // Reads what is there already.
  std::string read_now() const {
    ::fcntl(reader_, F_SETFL, O_NONBLOCK);
    std::string text = read_rest();
    ::fcntl(reader_, F_SETFL, 0);
    return text;
  }

  // Closes the writing end and returns what was written, which must not have been too much to wait
  // there.
  std::string read_all() {
    close_writer();
    return read_rest();
  }

 protected:
  Ends() = default;
  int reader_ = -1;
  int writer_ = -1;

 private:
  static void close(int& descriptor) {
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
  }
};

struct Pipe : Ends {
  Pipe() {
    int both[2];
    REQUIRE(::pipe(both) == 0);
    reader_ = both[0];
    writer_ = both[1];
  }
};

struct Socket : Ends {
  Socket() {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0);
    constexpr int kSmall = 4096;  // bytes; the system takes twice as many
    REQUIRE(::setsockopt(both[1], SOL_SOCKET, SO_SNDBUF, &kSmall, sizeof(kSmall)) == 0);
    reader_ = both[0];
    writer_ = both[1];
  }
};

// A pseudo-terminal with the settings that terminals have for people.
struct CookedTerminal : Ends {
  explicit CookedTerminal(unsigned short columns) {
    winsize size{};
    size.ws_row = 50;
    size.ws_col = columns;
    REQUIRE(::openpty(&reader_, &writer_, nullptr, nullptr, &size) == 0);
  }
};

// One that passes on what is written to it as it is.
struct Terminal : CookedTerminal {
  explicit Terminal(unsigned short columns) : CookedTerminal(columns) {
    termios settings{};
    REQUIRE(::tcgetattr(writer_, &settings) == 0);
    ::cfmakeraw(&settings);
    REQUIRE(::tcsetattr(writer_, TCSANOW, &settings) == 0);
  }
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_DESCRIPTOR_ENDS_HPP
