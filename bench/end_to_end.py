#!/usr/bin/env python3
"""What tracing costs a service: requests a second and their latency of examples/02_http_backend under wrk, with
tracing compiled out, with no trace sampled and with all of them, in turns. Prints one JSON object a row.

    end_to_end.py PROGRAMS [--quick]      PROGRAMS: where backend, backend_disabled, users_disabled and sink are
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

PATH = "/api/activities/home"
CONNECTIONS = 4  # fewer than the example server has threads: each takes one as long as it is open
# Mode: the program, and what its environment says.
MODES = {
    "tracing compiled out": ("backend_disabled", {}),
    "no trace sampled": ("backend", {"OTEL_TRACES_SAMPLER": "always_off"}),
    "every trace sampled": ("backend", {"OTEL_TRACES_SAMPLER": "always_on"}),
}
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens at port {port}")


def clean_environment(**variables):
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("OTEL_", "HONEYCOMB_", "WAGGLE_"))}
    return {**kept, **variables}


def start(command, port, **variables):
    process = subprocess.Popen([str(word) for word in command], env=clean_environment(**variables),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(port)
    return process


def stop(process):
    process.terminate()
    process.wait(timeout=30)


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * UNITS[unit]


def run_wrk(port, seconds):
    """Returns {figure: value} of one run."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}{PATH}"]
    text = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(text)
    figures = {f"p{share}_ms": milliseconds(value) for share, value in re.findall(r"^ +(50|90|99)% +(\S+)", text, re.M)}
    figures["requests_per_second"] = float(re.search(r"^Requests/sec: +([\d.]+)", text, re.M)[1])
    return figures


def measure(programs, rounds, seconds):
    """Returns {mode: [figures of each round]}."""
    users_port = free_port()
    users = start([programs / "users_disabled", users_port], users_port)
    sink = subprocess.Popen([programs / "sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    endpoint = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
    results = {mode: [] for mode in MODES}
    try:
        for number in range(rounds):
            modes = list(MODES)
            for mode in modes[number % len(modes):] + modes[:number % len(modes)]:
                program, variables = MODES[mode]
                port = free_port()
                backend = start([programs / program, port, f"http://127.0.0.1:{users_port}"], port,
                                OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **variables)
                run_wrk(port, 1)  # warms up
                results[mode].append(run_wrk(port, seconds))
                stop(backend)
    finally:
        stop(users)
        sink.stdin.close()
        sink.wait(timeout=30)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("not run: end to end, wrk is not installed", file=sys.stderr)
        return 0
    results = measure(options.programs, 2 if options.quick else 7, 1 if options.quick else 5)
    without = statistics.median(run["requests_per_second"] for run in results["tracing compiled out"])
    for mode, runs in results.items():
        row = {"case": f"backend, {mode}", "section": "end to end"}
        for figure in runs[0]:
            row[figure] = statistics.median(run[figure] for run in runs)
        row["to_without"] = row["requests_per_second"] / without
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
