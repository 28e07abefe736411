// Compares a body with a file of tests/golden.
#ifndef WAGGLE_TESTS_SUPPORT_GOLDEN_HPP
#define WAGGLE_TESTS_SUPPORT_GOLDEN_HPP

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace waggle_test {

// Compares a body with golden/<name>.json byte for byte. With WAGGLE_WRITE_GOLDEN=1 in the
// environment the file is written instead; read its difference before committing it. The files end
// with a newline, as text files do; a body does not.
inline void check_golden(const std::string& name, const std::string& body) {
  const std::string here = __FILE__;  // in tests/support
  const std::string tests = here.substr(0, here.rfind('/', here.rfind('/') - 1));
  const std::string path = tests + "/golden/" + name + ".json";
  const char* is_writing = std::getenv("WAGGLE_WRITE_GOLDEN");
  if (is_writing != nullptr && is_writing == std::string("1")) {
    std::ofstream file(path, std::ios::binary);
    REQUIRE_MESSAGE((file << body << '\n').flush().good(), path);
    MESSAGE("written, not compared: " << path);
    return;
  }
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.is_open(), path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  CHECK(body + '\n' == text);
}

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_GOLDEN_HPP
