// Lets the same tests run with waggle's own thread and with the host's loop: the environment
// variable WAGGLE_TEST_HOST_LOOP=1 asks for the latter.
#ifndef WAGGLE_TESTS_SUPPORT_DRIVER_HPP
#define WAGGLE_TESTS_SUPPORT_DRIVER_HPP

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <waggle/sdk/config.hpp>

namespace waggle_test {

inline bool is_host_loop() {
  const char* value = std::getenv("WAGGLE_TEST_HOST_LOOP");
  return value != nullptr && std::string_view(value) == "1";
}

// Makes the configuration do without a thread if that is what is tested.
inline void choose_driver(waggle::Config& config) {
  if (is_host_loop()) config.worker_thread = false;
}

// Tells whether to leave out a test that makes no sense with the host's loop, and says why.
inline bool skips_host_loop(const char* why) {
  if (is_host_loop()) std::printf("skipped: %s\n", why);
  return is_host_loop();
}

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_DRIVER_HPP
