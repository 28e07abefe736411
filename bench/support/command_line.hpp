// What all benchmark programs are told by their arguments.
#ifndef WAGGLE_BENCH_SUPPORT_COMMAND_LINE_HPP
#define WAGGLE_BENCH_SUPPORT_COMMAND_LINE_HPP

#include <cstring>

namespace bench {

// Tells whether to measure for a shorter time.
inline bool is_quick(int argument_count, char** arguments) noexcept {
  return argument_count > 1 && std::strcmp(arguments[1], "--quick") == 0;
}

}  // namespace bench

#endif  // WAGGLE_BENCH_SUPPORT_COMMAND_LINE_HPP
