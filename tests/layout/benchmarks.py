#!/usr/bin/env python3
"""Runs bench/run.sh --quick and checks what it leaves behind: the table has each row of the file, each program gave
rows, and a row has the fields that bench/README.md promises. Says nothing about speed.

    benchmarks.py [--rows FILE]     with FILE nothing is run; that one is checked
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUIRED = ("case", "median_ns", "clock_pair_ns", "ratio", "delivered", "dropped")
# A row of each program, and what has to be counted in it.
WANTED = {
    "no tracer: child": lambda row: row["delivered"] == 0 and row["dropped"] == 0,
    "child + 4 attributes": lambda row: row["delivered"] + row["dropped"] == row["spans"] > 0 == row["mallocs"],
    "child + 16 attributes": lambda row: row["instructions"] > 0 and row["record_bytes"] > 400,
    "child": lambda row: row["code_bytes"] > 0,
    "ring full, all dropped: child": lambda row: row["dropped"] > 0,
    "single child span under a clock pair": lambda row: row["p9999_ns"] >= row["p999_ns"] >= row["median_ns"],
    "child span, backend hanging": lambda row: row["curve"][-1][1] >= row["curve"][0][1] > 0,
    "first span of a thread, new ring": lambda row: row["median_ns"] > 0,
    "64 threads at once, a child": lambda row: row["delivered"] > 0,
    "64 threads that recorded": lambda row: row["rss_bytes"] > 0,
    "collect a child span": lambda row: row["delivered"] == row["spans"] > 0,
    "highest rate held, 6 attributes": lambda row: row["delivered"] > 0 and row["spans_per_second"] > 0,
    "HTTP request, 6 attributes, gzip": lambda row: 0 < row["bytes_per_span"] < 200,
    "50000 in one burst": lambda row: row["delivered"] + row["dropped"] == row["spans"],
    "encode a span of 6 attributes": lambda row: row["bytes_per_span"] > 0 == row["mallocs"],
    "waggle: child": lambda row: row["to_waggle"] == 1,
    "spdlog, async, a line a span: child": lambda row: row["to_waggle"] > 0,
    "backend, every trace sampled": lambda row: row["requests_per_second"] > 0,
    "#include <waggle/sdk.hpp>, start()": lambda row: row["program_kilobytes"] > 0,
}


def check(rows, table):
    """Returns what is wrong with the rows of a run."""
    problems = []
    for row in rows:
        problems += [f"{row.get('case')}: no {field}" for field in REQUIRED if field not in row]
        if table is not None and not any(line.startswith(f"{row['case']} ") for line in table):
            problems.append(f"{row['case']}: not in the table")
    by_case = {row["case"]: row for row in rows}
    for case, holds in WANTED.items():
        try:
            if not holds(by_case[case]):
                problems.append(f"{case}: {by_case[case]}")
        except (KeyError, TypeError) as missing:
            problems.append(f"{case}: {missing}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=pathlib.Path)
    path = parser.parse_args().rows
    table = None
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            path = pathlib.Path(folder) / "rows.json"
            command = [ROOT / "bench" / "run.sh", "--quick", "--json", path]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            print(done.stdout)
            if done.returncode != 0:
                print(f"bench/run.sh ended with {done.returncode}")
                return 1
            table = done.stdout.splitlines()
        problems = check(json.loads(path.read_text(encoding="utf-8"))["rows"], table)
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
