#!/usr/bin/env python3
"""Prints the rows of all benchmark programs as tables, one a section, and writes them as JSON.

    report.py [--json FILE] [--google FILE] ROWS ...

ROWS hold one JSON object a line; --google names the output of a Google Benchmark program. Rows without a section
say more about the rows of the same case.
"""

import argparse
import json
import pathlib
import sys

REQUIRED = ("case", "median_ns", "clock_pair_ns", "ratio", "delivered", "dropped")

# A column: title, field, digits behind the point.
SPAN = [("ns", "median_ns", 2), ("ratio", "ratio", 2), ("fast", "fast_ratio", 2), ("p99", "p99_ns", 1)]
COUNTS = [("instr", "instructions", 0), ("mallocs", "mallocs", 0), ("bytes", "record_bytes", 0),
          ("code", "code_bytes", 0)]
PROCESSOR = [("CPU us/span", "cpu_us_per_span", 2), ("of it waggle's thread", "worker_us_per_span", 2)]
BOOKS = [("delivered", "delivered", 0), ("dropped", "dropped", 0)]
SINGLE = [("p50", "median_ns", 0), ("p90", "p90_ns", 0), ("p99", "p99_ns", 0), ("p99.9", "p999_ns", 0),
          ("p99.99", "p9999_ns", 0), ("max", "max_ns", 0), ("p99.9 ratio", "p999_ratio", 2),
          ("fast", "fast_p999_ratio", 2), ("calm", "calm_p999_ratio", 2), ("to healthy", "p999_to_healthy", 2)]
COLUMNS = {
    "no tracer": SPAN + COUNTS,
    "recording": SPAN + COUNTS + BOOKS,
    "full ring": SPAN + BOOKS,
    "threads": SPAN[:3] + [("p90", "p90_ns", 1), ("p99", "p99_ns", 1)] + BOOKS,
    "tail": SINGLE + BOOKS,
    "tail by backend": SINGLE + BOOKS,
    "threads, single spans": [("ns", "median_ns", 0), ("ratio", "ratio", 1), ("p90", "p90_ns", 0),
                               ("max", "max_ns", 0)] + BOOKS,
    "end() alone": [("ns", "median_ns", 0), ("ratio", "ratio", 1), ("p90", "p90_ns", 0), ("max", "max_ns", 0)] + BOOKS,
    "memory": [("RSS a thread", "rss_bytes_per_thread", 0), ("of the budget", "budget_bytes_per_thread", 0),
               ("RSS of tracing", "rss_bytes_of_tracing", 0), ("RSS in all", "rss_bytes", 0)] + BOOKS,
    "export": [("spans/s", "spans_per_second", 0), ("seconds", "seconds", 0)] + PROCESSOR + BOOKS,
    "25,000 spans a second": PROCESSOR + [("wire B/span", "bytes_per_span", 0)] + BOOKS,
    "burst": PROCESSOR + [("peak MB", "peak_megabytes", 1)] + BOOKS,
    "idle": [("CPU ms/s", "cpu_ms_per_second", 3), ("wake-ups/s", "wake_ups_per_second", 2)],
    "encoder": [("ns/span", "median_ns", 0), ("p90", "p90_ns", 0), ("MB/s", "megabytes_per_second", 0),
                ("bytes/span", "bytes_per_span", 0), ("mallocs", "mallocs", 2)],
    "end to end": [("requests/s", "requests_per_second", 0), ("of without", "to_without", 3), ("p50 ms", "p50_ms", 2),
                   ("p90 ms", "p90_ms", 2), ("p99 ms", "p99_ms", 2)],
    "peers": [("ns", "median_ns", 1), ("ratio", "ratio", 2), ("p99", "p99_ns", 1), ("x waggle", "to_waggle", 1)],
    "build": [("lines C++17", "lines_cpp17", 0), ("lines C++20", "lines_cpp20", 0), ("compile s", "compile_seconds", 2),
              ("x <string_view>", "compile_ratio", 2), ("object KB", "object_kilobytes", 0),
              ("program KB", "program_kilobytes", 0)],
}
ANY_SECTION = SPAN + BOOKS
KINDS = ["child", "child + 4 attributes", "off"]  # of peers' spans


def read_rows(path):
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def read_google_benchmark(path):
    """Makes rows of a Google Benchmark report: figures per item, relative to its own clock pair."""
    report = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    runs = {}
    for run in report["benchmarks"]:
        if run["run_type"] == "iteration" and not run.get("error_occurred"):
            runs.setdefault(run["run_name"], []).append(run)
    rows = [make_row(name, repetitions) for name, repetitions in runs.items()]
    pair = next(row["median_ns"] for row in rows if row["case"] == "clock_pair")
    for row in rows:
        row["clock_pair_ns"] = pair
        row["ratio"] = row["median_ns"] / pair
    return [row for row in rows if row["case"] != "clock_pair"]


def make_row(name, repetitions):
    repetitions.sort(key=lambda run: run["items_per_second"], reverse=True)
    times = [1e9 / run["items_per_second"] for run in repetitions]
    middle = repetitions[len(times) // 2]
    row = {"case": name, "section": "encoder", "median_ns": times[len(times) // 2],
           "p90_ns": times[int(len(times) * 0.9)], "verdict": "ok"}
    if middle.get("bytes_per_second"):
        row["megabytes_per_second"] = middle["bytes_per_second"] / 1e6
    for field in ("bytes_per_span", "mallocs"):
        if field in middle:
            row[field] = middle[field]
    return row


def merge(rows):
    """Adds what rows without a section say to the others of their case."""
    sections = [row for row in rows if "section" in row]
    for more in rows:
        for row in sections:
            if "section" not in more and row["case"] == more["case"]:
                row.update(more)
    for row in sections:
        for field in REQUIRED:
            row.setdefault(field, None)
    return sections


def settle_peers(rows):
    """Keeps of each peer's turns the middle one, and compares it with waggle's."""
    turns = {}
    for row in rows:
        if row["section"] == "peers":
            turns.setdefault(row["case"], []).append(row)
    middles = {case: sorted(all_turns, key=lambda row: row["ratio"])[len(all_turns) // 2]
               for case, all_turns in turns.items()}
    for row in middles.values():
        if own := middles.get(f"waggle: {row['kind']}"):
            row["to_waggle"] = row["ratio"] / own["ratio"]
    others = [row for row in rows if row["section"] != "peers"]
    return others + sorted(middles.values(), key=lambda row: (KINDS.index(row["kind"]), row["ratio"]))


def cell(row, field, digits):
    value = row.get(field)
    return "-" if value is None else f"{value:,.{digits}f}"


def note(row):
    verdict = row.get("verdict", "ok")
    return "" if verdict in ("ok", "reference") else verdict


def heading(section, row):
    text = f"-- {section}"
    if row.get("clock_pair_ns"):
        text += f": clock pair {row['clock_pair_ns']:.1f} ns"
    if row.get("round_trip_ns"):
        text += f", core to core and back {row['round_trip_ns']:.0f} ns (p90 {row['round_trip_p90_ns']:.0f})"
    if row.get("fast_share") is not None:
        text += f", {row['fast_share']:.0%} of it in the machine's fast state"
    return text


def print_section(section, rows):
    columns = [column for column in COLUMNS.get(section, ANY_SECTION)
               if any(row.get(column[1]) is not None for row in rows)]
    lines = [["", *[title for title, _, _ in columns], ""]]
    for row in rows:
        lines.append([row["case"], *[cell(row, field, digits) for _, field, digits in columns], note(row)])
    widths = [max(map(len, column)) for column in zip(*lines)]
    print(heading(section, rows[-1]))
    for line in lines:
        cells = [text.rjust(width) for text, width in zip(line[1:-1], widths[1:-1])]
        print("  ".join([line[0].ljust(widths[0]), *cells, line[-1]]).rstrip())
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json")
    parser.add_argument("--google", action="append", default=[])
    parser.add_argument("rows", nargs="+")
    options = parser.parse_args()
    rows = [row for path in options.rows for row in read_rows(path)]
    rows += [row for path in options.google for row in read_google_benchmark(path)]
    rows = settle_peers(merge(rows))
    sections = {}
    for row in rows:
        sections.setdefault(row["section"], []).append(row)
    for section, members in sections.items():
        print_section(section, members)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"rows": rows}, file, indent=1)
            file.write("\n")
    for row in rows:
        if note(row).startswith("VOID"):
            print(f"void: {row['case']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
