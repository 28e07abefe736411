#!/usr/bin/env bash
# Installs what is missing, builds the benchmarks and runs them; prints one table. README.md beside this
# file explains its columns.
#   bench/run.sh [--quick] [--json FILE]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

quick=()
json=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=(--quick) ;;
    --json)
      json=(--json "$(realpath -m "${2:?--json needs the name of a file}")")
      shift
      ;;
    *)
      sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
      [ "$1" = --help ]
      exit
      ;;
  esac
  shift
done

cd "$here/.."
packages=(g++ cmake ninja-build python3 binutils valgrind universal-ctags libbenchmark-dev
  libcurl4-openssl-dev zlib1g-dev nlohmann-json3-dev ca-certificates)
tests/install.sh "${packages[@]}"

build=build/bench
flags="-O2 -DNDEBUG"
logs=$build/logs
mkdir -p $logs

# Runs a command with its output in a log, which is shown if it fails: quietly LOG COMMAND...
quietly() {
  local log=$logs/$1.log
  shift
  if ! "$@" > "$log" 2>&1; then
    tail -n 60 "$log" >&2
    exit 1
  fi
}

quietly configure cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_FLAGS_RELEASE="$flags" \
  -DWAGGLE_BUILD_TESTS=OFF -DWAGGLE_BUILD_EXAMPLES=OFF -DWAGGLE_BUILD_BENCH=ON
quietly build cmake --build $build

echo "machine   $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
  "load $(cut -d' ' -f1-3 /proc/loadavg)"
echo "kernel    $(uname -sr), clock source" \
  "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource 2> /dev/null || echo '?')"
echo "compiler  $(g++ --version | head -n 1), -std=c++17 $flags"
echo "waggle    $(sed -n 's/^#define WAGGLE_VERSION "\(.*\)"/\1/p' include/waggle/core/version.hpp)," \
  "commit $(git describe --always --dirty 2> /dev/null || echo '?')"
echo

rows=()
for program in recording tail backend edge memory export; do
  rows+=("$logs/$program.rows")
  if ! $build/bench/${program}_bench "${quick[@]}" > "$logs/$program.rows" 2> "$logs/$program.log"
  then
    cat "$logs/$program.log" >&2
    exit 1
  fi
done

repetitions=15
if [ ${#quick[@]} != 0 ]; then repetitions=5; fi
quietly encoder $build/bench/encoder_bench --benchmark_format=console \
  --benchmark_out="$logs/encoder.json" --benchmark_out_format=json \
  --benchmark_enable_random_interleaving=true --benchmark_min_time=0.1 \
  --benchmark_repetitions=$repetitions

python3 bench/report.py "${json[@]}" --google "$logs/encoder.json" "${rows[@]}"
echo
python3 bench/footprint.py "${quick[@]}"
