#!/usr/bin/env bash
# Installs what is missing, builds waggle and tests it. The last line is `N passed, N failed`.
#   tests/run.sh            the whole suite with the default compiler, in minutes
#   tests/run.sh --all      the matrix: every cell below; what continuous integration runs
#   tests/run.sh CELL ...   only these cells
# What a cell builds and runs is in CMakePresets.json, under the same name; `bench` runs bench/run.sh.
# Details of each step are in build/logs/, and shown if the step fails.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

all_cells=(dev asan tsan clang14 noexcept tidy bench)
packages=(g++ cmake ninja-build python3 pkg-config doctest-dev libcurl4-openssl-dev zlib1g-dev
  nlohmann-json3-dev libcpp-httplib-dev libasio-dev libssl-dev openssl ca-certificates curl nghttp2-server clang-format-14
  universal-ctags valgrind)
matrix_packages=(g++-12 clang-14 clang-tidy-14 clang-19 libclang-rt-19-dev llvm-19
  libgrpc++-dev libprotobuf-dev)

logs=build/logs
jobs=$(nproc)
results=()

describe() {
  case $1 in
    dev) echo "default compiler, C++17: the whole suite" ;;
    asan) echo "clang 19, C++20, from the single header, AddressSanitizer and UndefinedBehaviorSanitizer: the whole suite" ;;
    tsan) echo "g++ 12, C++17, ThreadSanitizer: threads and pipeline" ;;
    clang14) echo "clang 14, C++17: every header alone, the light band's tests" ;;
    noexcept) echo "g++ 12, C++17, -fno-exceptions -fno-rtti, from the single header: the doctest files" ;;
    tidy) echo "clang-tidy 14: every header" ;;
    bench) echo "g++, -O2: the benchmarks, the quick way" ;;
    *) return 1 ;;
  esac
}

# Runs a command with its output in a log: step LOG TITLE COMMAND...
step() {
  local log=$logs/$1.log title=$2 began=$SECONDS status
  shift 2
  printf '  %-24s' "$title"
  "$@" > "$log" 2>&1 < /dev/null
  status=$?
  printf '%5d s  %s\n' $((SECONDS - began)) "$([ $status = 0 ] && echo ok || echo "FAILED, see $log")"
  return $status
}

# LeakSanitizer needs ptrace, which some containers forbid.
leaks_can_be_found() {
  local program=$logs/leak_probe
  echo 'int main() { return 0; }' > "$program.cpp"
  clang++-19 -fsanitize=address "$program.cpp" -o "$program" 2> /dev/null &&
    ASAN_OPTIONS=detect_leaks=1 "$program" 2> /dev/null
}

configure() {
  local options=(-DWAGGLE_BUILD_BENCH=OFF)
  if [ "$1" != dev ]; then options+=(-DWAGGLE_BUILD_EXAMPLES=OFF); fi
  if command -v ccache > /dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cmake --preset "$1" "${options[@]}"
}

# Tells summary.py about a step that is no test of ctest's: note CELL NAME passed|failed.
note() {
  echo "$2 $3" >> "$logs/$1.notes"
}

# How many simulated schedules a cell runs.
schedules() {
  case $1 in
    dev) [ ${#cells[@]} -gt 1 ] && echo 100000 || echo 10000 ;;
    *) echo 2000 ;;
  esac
}

# How often a cell runs each program that may end in many ways.
runs() {
  if [ -n "${WAGGLE_RUNS:-}" ]; then
    echo "$WAGGLE_RUNS"
  else
    [ "$1" = asan ] && [ ${#cells[@]} -gt 1 ] && echo 200 || echo 20
  fi
}

run_cell() {
  local cell=$1
  echo "$cell: $(describe "$cell")"
  rm -f "$logs/$cell".*
  results+=("$cell")
  : > "$logs/$cell.notes"

  if [ "$cell" = bench ]; then
    if step bench.run run tests/layout/benchmarks.py; then
      note bench run passed
    else
      tail -n 40 $logs/bench.run.log
      note bench run failed
    fi
    return
  fi
  if ! step "$cell.configure" configure configure "$cell"; then
    tail -n 40 "$logs/$cell.configure.log"
    note "$cell" configure failed
    return
  fi
  if ! step "$cell.build" build cmake --build --preset "$cell" -j "$jobs" -- -k 0; then
    grep -E -A12 'error:|FAILED:|warning:' "$logs/$cell.build.log" | head -n 80
    note "$cell" build failed
    return
  fi
  if [ "$cell" = tidy ]; then
    note "$cell" clang-tidy passed
    return
  fi
  # Failures are shown by summary.py at the end.
  WAGGLE_SCHEDULES=$(schedules "$cell") WAGGLE_RUNS=$(runs "$cell") step "$cell.test" test ctest --preset "$cell" -j "$jobs" --no-tests=error \
    --output-junit "$PWD/$logs/$cell.xml"
  [ -s "$logs/$cell.xml" ] || note "$cell" ctest failed
}

cells=()
for argument in "$@"; do
  if [ "$argument" = --all ]; then
    cells=("${all_cells[@]}")
  elif describe "$argument" > /dev/null; then
    cells+=("$argument")
  else
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
    printf 'Cells: %s\n' "${all_cells[*]}"
    [ "$argument" = --help ]
    exit
  fi
done
if [ ${#cells[@]} = 0 ]; then cells=(dev); fi
if [ "${cells[*]}" != dev ]; then packages+=("${matrix_packages[@]}"); fi

tests/install.sh "${packages[@]}" || exit 1
mkdir -p $logs

export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
export ASAN_OPTIONS=strict_string_checks=1
if [[ " ${cells[*]} " == *" asan "* ]] && ! leaks_can_be_found; then
  echo "LeakSanitizer does not work here: leaks are not looked for."
  ASAN_OPTIONS+=:detect_leaks=0
fi
symbolizer=$(command -v llvm-symbolizer-19) && export ASAN_SYMBOLIZER_PATH=$symbolizer

for cell in "${cells[@]}"; do run_cell "$cell"; done

echo
python3 tests/summary.py $logs "${results[@]}"
