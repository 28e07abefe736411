// Sets an environment variable for as long as a test needs it.
#ifndef WAGGLE_TESTS_SUPPORT_ENVIRONMENT_VARIABLE_HPP
#define WAGGLE_TESTS_SUPPORT_ENVIRONMENT_VARIABLE_HPP

#include <stdlib.h>

#include <string>

namespace waggle_test {

// Holds a variable for its own life, then removes it from the environment.
class EnvironmentVariable {
 public:
  EnvironmentVariable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  EnvironmentVariable(const EnvironmentVariable&) = delete;
  EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;
  ~EnvironmentVariable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace waggle_test

#endif  // WAGGLE_TESTS_SUPPORT_ENVIRONMENT_VARIABLE_HPP
