#!/usr/bin/env bash
# A program and a library built against two releases share one tracer if these have the same ABI; else
# the library's calls do nothing, and start() says so.
set -euo pipefail
# Builds without a sanitizer, whatever the cell: once is enough.
case ${CXXFLAGS-} in *-fsanitize*) exit 77 ;; esac
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
common=(-std=c++17 -O0)
export_option=-Wl,--export-dynamic-symbol=waggle_abi1_hub,--export-dynamic-symbol=waggle_abi1_thread

"${CXX:-g++}" "${common[@]}" -I "$WAGGLE_INCLUDE" two_versions.cc "$export_option" -o "$work/program" -lcurl -lz -ldl -pthread

# Makes the headers of another release: $1 its name, $2 how it differs.
release() {
  cp -r "$WAGGLE_INCLUDE" "$work/$1"
  find "$work/$1" -name '*.hpp' -exec sed -i "$2" {} +
  "${CXX:-g++}" "${common[@]}" -I "$work/$1" -fPIC -shared -fvisibility=hidden two_versions.plugin.cc -o "$work/$1.so"
}

expect() {
  local status=0
  "$work/program" "$work/$1.so" || status=$?
  [ $status = "$2" ] || { echo "$1: status $status instead of $2" >&2; exit 1; }
}

release newer 's/#define WAGGLE_VERSION ".*"/#define WAGGLE_VERSION "99.0.0"/'
expect newer 0
release other_abi 's/abi1/abi2/g; s/kAbi = 1/kAbi = 2/'
expect other_abi 1
