#!/usr/bin/env bash
# Installs what is missing, builds the benchmarks and runs them; prints one table a section. README.md
# beside this file explains their columns.
#   bench/run.sh [--quick] [--json FILE] [--results NAME]
# FILE gets the rows as JSON. --results writes what was printed, and plots, to bench/results/NAME*.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

quick=()
rows_file=
results=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=(--quick) ;;
    --json)
      rows_file=$(realpath -m "${2:?--json needs the name of a file}")
      shift
      ;;
    --results)
      results=${2:?--results needs a name}
      shift
      ;;
    *)
      sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | head -n -1
      [ "$1" = --help ]
      exit
      ;;
  esac
  shift
done

cd "$here/.."
packages=(g++ cmake ninja-build python3 pkg-config binutils valgrind universal-ctags libbenchmark-dev
  libcurl4-openssl-dev zlib1g-dev nlohmann-json3-dev libcpp-httplib-dev ca-certificates
  wrk procps libspdlog-dev liblttng-ust-dev lttng-tools)
tests/install.sh "${packages[@]}"

build=build/bench
flags="-O2 -DNDEBUG"
logs=$build/logs
rm -rf $logs
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

# Runs a command whose standard output is rows: rows_of NAME COMMAND...
rows_of() {
  local name=$1
  shift
  if ! "$@" "${quick[@]}" >> "$logs/$name.rows" 2> "$logs/$name.log"; then
    cat "$logs/$name.log" >&2
    exit 1
  fi
}

# Peers take turns, so that what the machine does meanwhile it does to all.
run_peers() {
  local turn peer before
  for turn in 1 2 3; do
    for peer in waggle opentelemetry datadog lttng spdlog; do
      before=()
      if [ $peer = lttng ]; then before=(bench/peers/with_lttng_session.sh); fi
      if [ -x $build/bench/${peer}_peer ]; then
        rows_of peers "${before[@]}" $build/bench/${peer}_peer
      elif [ $turn = 1 ]; then
        echo "not run: $peer, which is not installed"
      fi
    done
  done
}

describe_machine() {
  echo "machine   $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
    "load $(cut -d' ' -f1-3 /proc/loadavg)"
  echo "kernel    $(uname -sr), clock source" \
    "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource 2> /dev/null || echo '?')"
  echo "compiler  $(g++ --version | head -n 1), -std=c++17 $flags"
  echo "libraries $(dpkg-query --showformat='${Package} ${Version}, ' --show libcurl4 zlib1g \
    2> /dev/null | sed 's/, $//')"
  echo "peers     $(cat $build/bench/peers.txt)"
  echo "waggle    $(sed -n 's/^#define WAGGLE_VERSION "\(.*\)"/\1/p' include/waggle/core/version.hpp)," \
    "commit $(git describe --always --dirty 2> /dev/null || echo '?')"
  echo
}

run_all() {
  local program repetitions=15
  if [ ${#quick[@]} != 0 ]; then repetitions=5; fi
  describe_machine
  for program in recording tail backend edge threads memory collector export shapes; do
    rows_of $program $build/bench/${program}_bench
  done
  quietly encoder $build/bench/encoder_bench --benchmark_format=console \
    --benchmark_out=$logs/encoder.json --benchmark_out_format=json \
    --benchmark_enable_random_interleaving=true --benchmark_min_time=0.1 \
    --benchmark_repetitions=$repetitions
  run_peers
  rows_of end_to_end bench/end_to_end.py $build/bench
  rows_of footprint bench/footprint.py
  python3 bench/counts.py > $logs/counts.rows
  python3 bench/report.py --json $logs/rows.json --google $logs/encoder.json \
    $logs/{recording,tail,backend,edge,threads,memory,collector,export,shapes,peers,end_to_end,footprint,counts}.rows
}

quietly configure cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_FLAGS_RELEASE="$flags" \
  -DWAGGLE_BUILD_TESTS=OFF -DWAGGLE_BUILD_EXAMPLES=OFF -DWAGGLE_BUILD_BENCH=ON
quietly build cmake --build $build
run_all | tee $logs/table.txt
if [ -n "$rows_file" ]; then cp $logs/rows.json "$rows_file"; fi
if [ -n "$results" ]; then
  python3 bench/plots.py $logs/rows.json bench/results "$results"
  {
    echo "# One machine's figures"
    echo
    echo "\`bench/run.sh ${quick[*]:+${quick[*]} }--results $results\`; [README.md](../README.md) says what the rows mean."
    echo
    echo '```'
    cat $logs/table.txt
    echo '```'
    echo
    echo "![percentiles of single spans]($results-percentiles.svg)"
    echo
    echo "![what a span costs with other libraries]($results-peers.svg)"
  } > "bench/results/$results.md"
fi
