#!/usr/bin/env bash
# Programs and libraries built by different compilers see one tracer: with the two symbols exported,
# or without them by attach(). And an instrumented library can be unloaded.
set -euo pipefail
# Builds without a sanitizer, whatever the cell: once is enough.
case ${CXXFLAGS-} in *-fsanitize*) exit 77 ;; esac
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compilers=()
for compiler in g++ clang++-14 clang++-19; do
  if command -v "$compiler" > /dev/null; then compilers+=("$compiler"); fi
done
common=(-std=c++17 -O0 -I "$WAGGLE_INCLUDE" -I ..)
export_option=-Wl,--export-dynamic-symbol=waggle_abi1_hub,--export-dynamic-symbol=waggle_abi1_thread
libraries=(-lcurl -lz -ldl -pthread)

for compiler in "${compilers[@]}"; do
  for kind in linked plugin; do
    "$compiler" "${common[@]}" -fPIC -shared -fvisibility=hidden "libraries.$kind.cpp" -o "$work/$kind.$compiler.so"
  done
done
for compiler in "${compilers[@]}"; do
  "$compiler" "${common[@]}" -c ../support/recording.cpp -o "$work/recording.o"
  "$compiler" "${common[@]}" -c -DWAGGLE_TEST_PLUGIN='getenv("PLUGIN")' libraries.cpp -o "$work/main.o"
  for other in "${compilers[@]}"; do
    export PLUGIN="$work/plugin.$other.so"
    linked="$work/linked.$other.so"
    "$compiler" "$work/main.o" "$work/recording.o" "$linked" -Wl,-rpath,"$work" "$export_option" "${libraries[@]}" -o "$work/exported"
    "$work/exported" exported || { echo "$compiler with libraries of $other: exported" >&2; exit 1; }
    "$compiler" "$work/main.o" "$work/recording.o" "$linked" -Wl,-rpath,"$work" "${libraries[@]}" -o "$work/plain"
    "$work/plain" attached || { echo "$compiler with libraries of $other: attached" >&2; exit 1; }
  done
  "$compiler" "${common[@]}" unloading.cc "$work/recording.o" "$export_option" "${libraries[@]}" -o "$work/unloading"
  for other in "${compilers[@]}"; do
    "$work/unloading" "$work/plugin.$other.so" || { echo "$compiler, unloading a library of $other" >&2; exit 1; }
  done
done
