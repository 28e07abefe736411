#!/usr/bin/env bash
# A library that calls start() is not unloaded any more, whatever way it was found, whatever kind of
# program opened it; and a program that calls it needs no pin, as a PIE or not, found by PATH or not.
set -euo pipefail
# Builds without a sanitizer, whatever the cell: once is enough.
case ${CXXFLAGS-} in *-fsanitize*) exit 77 ;; esac
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
common=(-std=c++17 -O0 -I "$WAGGLE_INCLUDE")
libraries=(-lcurl -lz -ldl -pthread)
fail() {
  echo "not so: $1" >&2
  exit 1
}

"${CXX:-g++}" "${common[@]}" -fPIC -shared -fvisibility=hidden pinned_library.cc -o "$work/libpinned.so" "${libraries[@]}"
for kind in -pie -no-pie; do
  compile=-fPIE
  if [ $kind = -no-pie ]; then compile=-fno-pie; fi
  "${CXX:-g++}" "${common[@]}" $compile $kind pinned_program.cc -o "$work/program" "${libraries[@]}"
  "$work/program" "$work/libpinned.so" || fail "$kind, by its full path"
  (cd "$work" && ./program ./libpinned.so) || fail "$kind, by a relative path"
  LD_LIBRARY_PATH=$work "$work/program" libpinned.so || fail "$kind, by the search path"
  "${CXX:-g++}" "${common[@]}" $compile $kind ends_of_life.cpp -o "$work/itself" "${libraries[@]}"
  "$work/itself" static_tracing || fail "$kind, the program itself"
  (cd / && PATH=$work:$PATH itself static_tracing) || fail "$kind, the program found by PATH"
done

