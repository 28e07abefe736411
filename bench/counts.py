#!/usr/bin/env python3
"""Counts what each kind of span takes, without a clock, so that a busy machine counts the same: instructions by
callgrind, heap allocations, bytes in the ring. Prints one JSON object a kind and line.

    counts.py [--root DIRECTORY] [--compiler COMPILER]
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(command):
    """Returns the standard output of a command that has to succeed."""
    result = subprocess.run([str(word) for word in command], text=True, capture_output=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def read_dumps(folder):
    """Returns {kind: {spans: instructions}} of what callgrind left."""
    counts = {}
    for dump in folder.glob("counts.*"):
        text = dump.read_text(encoding="utf-8")
        name = re.search(r"^desc: Trigger: Client Request: (\d+) (.+)$", text, re.MULTILINE)
        total = re.search(r"^(?:totals|summary): (\d+)$", text, re.MULTILINE)
        if name and total:
            counts.setdefault(name[2].strip(), {})[int(name[1])] = int(total[1])
    return counts


def count(root=ROOT, compiler="g++"):
    """Returns one row a kind of span: case, mallocs, record_bytes, instructions."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = folder / "program"
        run([compiler, "-std=c++17", "-O2", "-DNDEBUG", f"-I{root / 'include'}", f"-I{root / 'bench'}",
             root / "bench/counts_bench.cpp", "-pthread", "-o", program])
        rows = [json.loads(line) for line in run([program]).splitlines()]
        run(["valgrind", "--tool=callgrind", "--collect-atstart=no",
             f"--callgrind-out-file={folder / 'counts'}", program])
        instructions = read_dumps(folder)
    empty = instructions["no tracer: empty loop"]
    for row in rows:
        counted = instructions[row["case"]]
        spans = max(counted)
        loop = (empty[spans] - empty[0]) if spans in empty else 0
        row["instructions"] = (counted[spans] - counted[0] - loop) / spans
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path, default=ROOT)
    parser.add_argument("--compiler", default="g++")
    options = parser.parse_args()
    for row in count(options.root, options.compiler):
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
