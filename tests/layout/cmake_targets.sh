#!/usr/bin/env bash
# Checks the two CMake targets as another project sees them, by add_subdirectory: waggle::waggle brings
# no library and makes a program export the two shared names, but not a library; waggle::sdk brings its
# libraries; neither brings waggle's own tests, benchmarks or examples along.
#   cmake_targets.sh [compiler]
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

compiler=${1:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

cat > "$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.21)
project(other LANGUAGES CXX)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
add_subdirectory($root waggle)
add_executable(light program.cpp)
target_link_libraries(light PRIVATE waggle::waggle)
add_library(linked SHARED library.cpp)
target_link_libraries(linked PRIVATE waggle::waggle)
add_library(plugin MODULE library.cpp)
target_link_libraries(plugin PRIVATE waggle::waggle)
add_executable(whole program.cpp)
target_link_libraries(whole PRIVATE waggle::sdk)
foreach(target waggle_light_tests waggle_sdk_tests waggle_headers)
  if(TARGET \${target})
    message(FATAL_ERROR "waggle brings its own \${target} along")
  endif()
endforeach()
END
cat > "$work/program.cpp" <<'END'
#include <waggle/trace.hpp>
#if __cplusplus < 201703L
#error "no C++17"
#endif
int main() { waggle::Span span{"program"}; }
END
cat > "$work/library.cpp" <<'END'
#include <waggle/trace.hpp>
void call_library() { waggle::Span span{"library"}; }
END

# Prints how many of the two names a file exports.
count_exports() {
  nm -D --defined-only "$1" | grep -c ' waggle_abi1_'
}

build=$work/build
if cmake -S "$work" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_VISIBILITY_PRESET=hidden > "$work/log" 2>&1 &&
  cmake --build "$build" --verbose >> "$work/log" 2>&1; then
  for program in light whole; do
    [ "$(count_exports "$build/$program")" = 2 ] || fail "$program does not export both names"
    "$build/$program" || fail "$program ended with $?"
  done
  grep -- '--export-dynamic-symbol' "$work/log" | grep -qE -- '-o lib(linked|plugin).so' &&
    fail "a library is linked with the programs' option"
  readelf -d "$build/light" | grep -qE 'NEEDED.*(curl|libz|ssl)' && fail "light needs a library"
  grep -q -- "-isystem $root/include" "$build/compile_commands.json" ||
    fail "the headers are not system headers for other projects"
else
  cat "$work/log"
  fail "does not build"
fi

echo "$compiler: $failures failures"
[ $failures = 0 ]
