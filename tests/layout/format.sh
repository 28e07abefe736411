#!/usr/bin/env bash
# Fails if a C++ file is not laid out as .clang-format says; `format.sh --fix` lays it out.
# clang-format 14 is the one that decides: other releases differ in details.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

clang_format=$(command -v clang-format-14 || command -v clang-format) || {
  echo "there is no clang-format"
  exit 1
}
files() {
  find include tests bench examples \( -name '*.hpp' -o -name '*.cpp' \) -print0
}

if [ "${1:-}" = "--fix" ]; then
  files | xargs -0 "$clang_format" -i
  exit
fi
if ! complaints=$(files | xargs -0 -P "$(nproc)" -n 8 "$clang_format" --dry-run -Werror 2>&1); then
  grep -oE '^[^ :]+:[0-9]+' <<< "$complaints" | sort -u
  echo "to be mended by: tests/layout/format.sh --fix"
  exit 1
fi
