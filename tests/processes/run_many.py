#!/usr/bin/env python3
"""Runs a small program many times and fails if any run ends badly.

    run_many.py [--runs N] [--jobs N] [--timeout SECONDS] [--] program [argument ...]

A run is bad if the program exits with anything but 0, dies by a signal, is still there after the
timeout, or prints a sanitizer's report (which an exit inside a handler could hide). Exit 77 says that
this cannot be tested here and is passed on. N defaults to WAGGLE_RUNS, else to 20.
"""

import argparse
import collections
import concurrent.futures
import os
import re
import signal
import subprocess
import sys

SKIPPED = 77
REPORT = re.compile(
    rb"ERROR: (Address|Leak)Sanitizer|WARNING: (Thread|Memory)Sanitizer|runtime error: ")


def run_once(command, timeout):
    """Returns (verdict, output); the verdict of a good run is "ok"."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        # The whole session: a child that the program forked may hold the pipe open.
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return f"still running after {timeout:g} s", output
    if process.returncode < 0:
        return f"killed by {signal.Signals(-process.returncode).name}", output
    if process.returncode not in (0, SKIPPED):
        return f"exit status {process.returncode}", output
    if REPORT.search(output):
        return "sanitizer report", output
    return "ok" if process.returncode == 0 else "skipped", output


def run_many(command, runs, jobs, timeout):
    """Runs the command, prints what came of it, and returns an exit status."""
    verdicts = collections.Counter()
    shown = set()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for verdict, output in pool.map(lambda _: run_once(command, timeout), range(runs)):
            verdicts[verdict] += 1
            if verdict not in ("ok", "skipped") and verdict not in shown:
                shown.add(verdict)
                print(f"--- {verdict}; the output of the first such run:")
                print(output.decode(errors="replace")[-20000:], end="\n---\n")
    print(f"{os.path.basename(command[0])}: {runs} runs: " +
          ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
    if verdicts["skipped"] == runs:
        return SKIPPED
    return 0 if verdicts["ok"] + verdicts["skipped"] == runs else 1


def self_test():
    """Sees every kind of bad run fail, and a good one pass."""
    cases = [
        ("exit 0", 0), ("exit 3", 1), ("kill -SEGV $$", 1), ("sleep 30", 1), ("exit 77", SKIPPED),
        ("sleep 30 & sleep 30", 1),
        ("echo 'x.cpp:1:2: runtime error: signed integer overflow'", 1),
        ("echo '==1==ERROR: AddressSanitizer: heap-use-after-free'; exit 0", 1),
        ("echo 'WARNING: ThreadSanitizer: data race'; exit 0", 1),
    ]
    wrong = [script for script, expected in cases
             if run_many(["/bin/sh", "-c", script], 2, 2, 1) != expected]
    for script in wrong:
        print(f"misjudged: {script}")
    print(f"{len(cases) - len(wrong)} of {len(cases)} kinds of run judged rightly")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=int(os.environ.get("WAGGLE_RUNS", "20")))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=20)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("no program given")
    return run_many(command, options.runs, options.jobs, options.timeout)


if __name__ == "__main__":
    sys.exit(main())
