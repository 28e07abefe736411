#!/usr/bin/env bash
# Checks what a file that includes only waggle/trace.hpp does to its program: it compiles without a
# warning, links with no library, exports exactly the two names that tracers are shared by, and has no
# symbol that keeps a shared library from being unloaded.
#   links_nothing.sh [compiler]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

compiler=${1:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# Prints the names of the symbols that $1 defines for others and that contain "waggle", data only.
exported_data() {
  readelf --dyn-syms -W "$1" |
    awk '($4 == "OBJECT" || $4 == "TLS") && $7 != "UND" && $8 ~ /waggle/ {print $8}' | sort
}

source=tests/layout/user_program.cpp
two_names=$'waggle_abi1_hub\nwaggle_abi1_thread'

for level in -O0 -O2 -O3; do
  for standard in c++17 c++20; do
    "$compiler" -std=$standard $level -Wall -Wextra -Werror -Iinclude -c "$source" \
      -o "$work/user$level.o" || fail "does not compile with $standard $level -Wall -Wextra -Werror"
  done
done

for visibility in default hidden; do
  object=$work/$visibility.o
  if ! "$compiler" -std=c++17 -O2 -fPIC -fvisibility=$visibility -Iinclude -c "$source" -o "$object"
  then
    fail "does not compile with -fvisibility=$visibility"
    continue
  fi

  unique=$(nm "$object" | awk '$2 == "u"')
  [ -z "$unique" ] || fail "unique symbols, $visibility visibility:"$'\n'"$unique"

  "$compiler" -shared "$object" -o "$work/$visibility.so" || fail "no shared library"
  if [ $visibility = hidden ]; then
    names=$(exported_data "$work/hidden.so")
  else
    # Everything is exported here; of the names that C and other releases see, only two.
    names=$(exported_data "$work/default.so" | grep -v '^_Z')
  fi
  [ "$names" = "$two_names" ] || fail "exported data, $visibility visibility:"$'\n'"$names"
done

program=$work/program
options=-Wl,--export-dynamic-symbol=waggle_abi1_hub,--export-dynamic-symbol=waggle_abi1_thread
if "$compiler" "$work/hidden.o" -o "$program" "$options"; then
  libraries=$(readelf -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -Ev '^(libc|libstdc\+\+|libm|libgcc_s)\.so')
  [ -z "$libraries" ] || fail "needs libraries: $libraries"
  [ "$(exported_data "$program")" = "$two_names" ] || fail "the program does not export both names"
  "$program" || fail "the program ended with $?"
else
  fail "does not link without libraries"
fi

echo "$compiler: $failures failures"
[ $failures = 0 ]
