#!/usr/bin/env python3
"""Prints the rows of all benchmark programs as one table, and writes them as JSON.

    report.py [--json FILE] [--google FILE] ROWS ...

ROWS hold one JSON object a line; --google names the output of a Google Benchmark program.
"""

import argparse
import collections
import json
import pathlib
import sys

COLUMNS = [  # title, field, digits after the point
    ("median ns", "median_ns", 2),
    ("ratio", "ratio", 3),
    ("fast ratio", "fast_ratio", 3),
    ("fast %", "fast_share", 0),
    ("p90 ns", "p90_ns", 1),
    ("p99 ns", "p99_ns", 1),
    ("p99.9 ns", "p999_ns", 1),
    ("max ns", "max_ns", 0),
    ("delivered", "delivered", 0),
    ("dropped", "dropped", 0),
]
REQUIRED = ("case", "median_ns", "clock_pair_ns", "ratio", "delivered", "dropped")


def read_rows(path):
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def read_google_benchmark(path):
    """Makes rows of a Google Benchmark report: figures per item, relative to its own clock pair."""
    report = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    runs = collections.defaultdict(list)
    for run in report["benchmarks"]:
        if run["run_type"] == "iteration" and not run.get("error_occurred"):
            runs[run["run_name"]].append(run)
    rows = []
    for name, repetitions in runs.items():
        repetitions.sort(key=lambda run: run["items_per_second"], reverse=True)
        times = [1e9 / run["items_per_second"] for run in repetitions]
        row = {"case": name, "section": "encoder", "median_ns": times[len(times) // 2],
               "p90_ns": times[int(len(times) * 0.9)], "delivered": None, "dropped": None,
               "verdict": "ok"}
        middle = repetitions[len(times) // 2]
        if middle.get("bytes_per_second"):
            row["megabytes_per_second"] = middle["bytes_per_second"] / 1e6
        if "bytes_per_span" in middle:
            row["bytes_per_span"] = middle["bytes_per_span"]
        rows.append(row)
    pair = next(row["median_ns"] for row in rows if row["case"] == "clock_pair")
    for row in rows:
        row["clock_pair_ns"] = pair
        row["ratio"] = row["median_ns"] / pair
    return [row for row in rows if row["case"] != "clock_pair"]


def describe(row):
    """Returns what a row has to say beside its columns."""
    notes = []
    if row.get("p999_ratio"):
        notes.append(f"p99.9 ratio {row['p999_ratio']:.2f}")
    if row.get("fast_p999_ratio"):
        notes.append(f"fast {row['fast_p999_ratio']:.2f}")
    if row.get("calm_p999_ratio") and row["verdict"] != "reference":
        notes.append(f"calm {row['calm_p999_ratio']:.2f} ({row['calm_share']:.1%})")
    if row.get("p999_to_healthy"):
        notes.append(f"to healthy {row['p999_to_healthy']:.2f}")
    if row.get("own_round_trip_ns"):
        notes.append(f"core to core {row['own_round_trip_ns']:.0f} ns")
    if row.get("rss_bytes"):
        notes.append(f"a thread {row['rss_bytes_per_thread']:,.0f} bytes RSS,"
                     f" {row['budget_bytes_per_thread']:,.0f} of the budget; in all"
                     f" {row['rss_bytes'] / 1e6:.1f} MB RSS, {row['rss_bytes_of_tracing'] / 1e6:.1f}"
                     f" by tracing, {row['budget_bytes'] / 1e6:.1f} of the budget")
    if "spans_per_second" in row:
        notes.append(f"{row['spans_per_second']:,.0f} spans/s for {row['seconds']:.0f} s")
    if row.get("cpu_us_per_span"):
        notes.append(f"{row['cpu_us_per_span']:.2f} us CPU a span")
    if row.get("megabytes_per_second"):
        notes.append(f"{row['megabytes_per_second']:.0f} MB/s")
    if row.get("bytes_per_span"):
        notes.append(f"{row['bytes_per_span']:.0f} bytes a span")
    if row.get("verdict", "ok") not in ("ok", "reference"):
        notes.append(row["verdict"])
    return ", ".join(notes)


def cell(row, field, digits):
    value = row.get(field)
    if value is None:
        return "-"
    if field == "fast_share":
        value *= 100
    return f"{value:,.{digits}f}"


def print_table(rows):
    table = [["case"] + [title for title, _, _ in COLUMNS] + [""]]
    sections = []
    for row in rows:
        if row["section"] not in sections:
            sections.append(row["section"])
            table.append([None, row])
        table.append([row["case"]] + [cell(row, field, digits) for _, field, digits in COLUMNS] +
                     [describe(row)])
    plain = [line for line in table if line[0] is not None]
    widths = [max(len(line[i]) for line in plain) for i in range(len(plain[0]))]
    for line in table:
        if line[0] is None:
            print_section(line[1])
            continue
        cells = [line[0].ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(line[1:-1], widths[1:-1])]
        print("  ".join(cells + [line[-1]]).rstrip())


def print_section(row):
    text = f"-- {row['section']}"
    if row.get("clock_pair_ns"):
        text += f": clock pair {row['clock_pair_ns']:.1f} ns"
    if row.get("round_trip_ns"):
        text += (f", core to core and back {row['round_trip_ns']:.0f} ns"
                 f" (p90 {row['round_trip_p90_ns']:.0f})")
    print(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json")
    parser.add_argument("--google", action="append", default=[])
    parser.add_argument("rows", nargs="+")
    options = parser.parse_args()
    rows = [row for path in options.rows for row in read_rows(path)]
    rows += [row for path in options.google for row in read_google_benchmark(path)]
    for row in rows:
        for field in REQUIRED:
            row.setdefault(field, None)
    print_table(rows)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"rows": rows}, file, indent=1)
            file.write("\n")
    void = [row["case"] for row in rows if row.get("verdict", "").startswith("VOID")]
    for case in void:
        print(f"void: {case}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
