#!/usr/bin/env python3
"""Counts the instructions that one span executes, by callgrind, as the difference to an empty loop; fails
where a budget is overrun. Needs no clock, so it says the same on a busy machine.

    instructions.py [--root DIRECTORY] [--compiler COMPILER] [--json]
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# Per span, with g++ 12 -O2.
BUDGETS = {"child": 190, "child + 4 attributes": 370}
LOOPS_TIMES_SPANS = 20 * 500  # as instructions.cpp has it


def run(command):
    result = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{result.stdout}")


def count_instructions(root, compiler):
    """Returns {kind of span: instructions}, the empty loop among them."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = folder / "instructions"
        run([compiler, "-std=c++17", "-O2", f"-I{root / 'include'}",
             root / "tests/layout/instructions.cpp", "-o", program])
        run(["valgrind", "--tool=callgrind", "--collect-atstart=no",
             f"--callgrind-out-file={folder / 'counts'}", program])
        counts = {}
        for dump in folder.glob("counts*"):
            text = dump.read_text(encoding="utf-8")
            name = re.search(r"^desc: Trigger: Client Request: (.+)$", text, re.MULTILINE)
            total = re.search(r"^(?:totals|summary): (\d+)$", text, re.MULTILINE)
            if name and total:
                counts[name[1].strip()] = int(total[1])
    return counts


def per_span(counts):
    empty = counts.pop("empty")
    return {name: (count - empty) / LOOPS_TIMES_SPANS for name, count in counts.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--json", action="store_true", help="print the figures only, as JSON")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not installed", file=sys.stderr)
        return 77
    try:
        instructions = per_span(count_instructions(options.root, options.compiler))
    except (RuntimeError, KeyError) as problem:
        print(f"could not count: {problem}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(instructions))
        return 0

    problems = [name for name in BUDGETS if name not in instructions]
    for name, count in sorted(instructions.items(), key=lambda item: item[1]):
        budget = BUDGETS.get(name)
        print(f"{name}: {count:.1f} instructions" + (f" (budget {budget})" if budget else ""))
        if budget and count > budget:
            problems.append(name)
    for problem in problems:
        print(f"over budget or not counted: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
