#!/usr/bin/env bash
# Builds the two example services, sends them requests and shows the traces that they record. Installs
# what is missing on a Debian machine; needs no account. With HONEYCOMB_API_KEY set the traces go to
# Honeycomb instead.
#   examples/demo.sh [--programs FOLDER]    FOLDER: where the services have been built already
# BACKEND_PORT and USERS_PORT choose other ports than 4567 and 4568.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

backend_port=${BACKEND_PORT:-4567}
users_port=${USERS_PORT:-4568}
backend=http://127.0.0.1:$backend_port
users=http://127.0.0.1:$users_port
packages=(g++ cmake ninja-build pkg-config libcurl4-openssl-dev zlib1g-dev nlohmann-json3-dev
  libcpp-httplib-dev curl ca-certificates)

work=$(mktemp -d)
declare -A pids=() outputs=()
trace_ids=()
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

title() { printf '\n== %s\n' "$*"; }

# Asks a service to end, and waits for it; `timeout` kills one that does not.
stop() {
  local pid=${pids[$1]}
  unset "pids[$1]"
  kill "$pid" 2> /dev/null
  wait "$pid" || fail "$1 ended with status $?"
}

leave_nothing_behind() {
  local name
  for name in "${!pids[@]}"; do stop "$name" 2> /dev/null; done
  rm -rf "$work"
}
trap leave_nothing_behind EXIT

give_up() {
  fail "$@"
  exit 1
}

build() {
  programs=build/demo/examples
  title "Building the two services"
  tests/install.sh "${packages[@]}" || exit 1
  if ! { cmake -S . -B build/demo -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DWAGGLE_BUILD_TESTS=OFF -DWAGGLE_BUILD_BENCH=OFF &&
    cmake --build build/demo --target example_backend example_users; } > "$work/build.log" 2>&1; then
    tail -n 60 "$work/build.log" >&2
    give_up "the services do not build"
  fi
  echo "$programs/backend  $programs/users"
}

# Starts a service and waits until it says that it listens: start NAME ARGUMENT... It draws its traces
# on the terminal, with colours; without one they are kept until show() shows them.
start() {
  local name=$1 log=/dev/stderr line output
  shift
  if [ ! -t 2 ]; then log=$work/$name.log; fi
  mkfifo "$work/$name.out"
  timeout --kill-after=10 100 "$programs/$name" "$@" > "$work/$name.out" 2>> "$log" &
  pids[$name]=$!
  exec {output}< "$work/$name.out"
  outputs[$name]=$output
  if ! read -r -t 20 line <&"$output"; then
    if [ ! -t 2 ]; then cat "$log" >&2; fi
    give_up "$name did not start (BACKEND_PORT and USERS_PORT choose other ports)"
  fi
  printf '%-8s %s\n' "$name" "$line"
}

# Sends a request, shows it and its reply: request STATUS TITLE PATH CURL_ARGUMENT...
request() {
  local expected=$1 what=$2 url=$backend$3 status trace_id
  shift 3
  printf '\n%s\n  $ curl' "$what"
  if [ $# != 0 ]; then printf " %s '%s'" "$@"; fi  # pairs of an option and its value
  printf ' %s\n' "$url"
  : > "$work/body"
  status=$(curl --silent --show-error --noproxy '*' --max-time 20 --dump-header "$work/headers" \
    --output "$work/body" --write-out '%{http_code}' "$@" "$url")
  trace_id=$(tr -d '\r' < "$work/headers" | sed -n 's/^X-Trace-Id: //p')
  printf '  %s  %.96s\n  trace %s\n' "$status" "$(cat "$work/body")" "$trace_id"
  trace_ids+=("$trace_id")
  [ "$status" = "$expected" ] || fail "expected the status $expected"
}

# Stops a service, which sends or draws all that it has recorded, and shows what it wrote.
show() {
  local line=
  title "What $1 recorded"
  stop "$1"
  if [ ! -t 2 ]; then cat "$work/$1.log"; fi
  read -r -t 5 line <&"${outputs[$1]}"
  echo "$line"
  [[ $line =~ ^"spans: "[1-9][0-9]*" delivered, 0 lost"$ ]] || fail "$1 lost spans"
}

if [ "${1:-}" = --programs ] && [ $# = 2 ]; then
  programs=$2
elif [ $# = 0 ]; then
  build
else
  sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '$d'
  exit 2
fi

if [ -n "${HONEYCOMB_API_KEY:-}" ]; then
  export HONEYCOMB_ENABLE_LOCAL_VISUALIZATIONS=${HONEYCOMB_ENABLE_LOCAL_VISUALIZATIONS:-true}
fi

title "Starting the services"
start users "$users_port"
start backend "$backend_port" "$users"
if [ -n "${HONEYCOMB_API_KEY:-}" ]; then
  echo "HONEYCOMB_API_KEY is set: the traces go to Honeycomb${HONEYCOMB_API_ENDPOINT:+, at the endpoint that HONEYCOMB_API_ENDPOINT names}."
elif [ -n "${OTEL_EXPORTER_OTLP_ENDPOINT:-}" ]; then
  echo "OTEL_EXPORTER_OTLP_ENDPOINT is set: the traces go there."
fi

title "Requests"
caller=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
request 200 "An ordinary one:" /api/activities/home
request 500 "One whose handler throws:" /api/activities/broken
request 200 "One from a caller that is traced itself, and hands over its trace:" /api/activities/home \
  -H "traceparent: 00-${caller:0:32}-${caller:32:16}-01" -H "tracestate: rojo=00f067aa0ba902b7"
[ "${trace_ids[2]}" = "${caller:0:32}" ] || fail "the caller's trace was not continued"

show backend
show users

title "What you see"
if [ "$failures" != 0 ]; then
  echo "Not what it should be: $failures failure(s), named above."
  exit 1
fi
if [ -n "${HONEYCOMB_API_KEY:-}" ]; then
  echo "Both services sent their spans; the backend wrote links to the traces that begin there. In Honeycomb, datasets"
  echo "backend and users, these are all of them:"
  printf '  %s\n' "${trace_ids[@]}"
elif [ -n "${OTEL_EXPORTER_OTLP_ENDPOINT:-}" ]; then
  echo "Both services sent their spans, of the traces"
  printf '  %s\n' "${trace_ids[@]}"
else
  echo "Each service drew its part of every trace; the trace ids say which parts belong together."
  echo "To send the same to Honeycomb: HONEYCOMB_API_KEY=your-key ./examples/demo.sh"
fi
