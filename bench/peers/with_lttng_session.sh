#!/usr/bin/env bash
# Runs a command while LTTng records the tracepoints of waggle_bench, and throws the trace away. Where there can
# be no session the command runs without.
#   with_lttng_session.sh COMMAND ...
set -uo pipefail
trace=$(mktemp -d)
session=waggle-bench-$$
started_daemon=
if ! pgrep -x lttng-sessiond > /dev/null 2>&1; then
  timeout 20 lttng-sessiond --daemonize > /dev/null 2>&1 && started_daemon=yes
fi
finish() {
  timeout 20 lttng destroy "$session" > /dev/null 2>&1
  if [ -n "$started_daemon" ]; then pkill -x lttng-sessiond; fi
  rm -rf "$trace"
}
trap finish EXIT
timeout 20 lttng create "$session" --output="$trace" > /dev/null 2>&1 &&
  timeout 20 lttng enable-event --session="$session" --userspace 'waggle_bench:*' > /dev/null 2>&1 &&
  timeout 20 lttng start "$session" > /dev/null 2>&1
"$@"
