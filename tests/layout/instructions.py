#!/usr/bin/env python3
"""Fails where a kind of span executes more instructions than its budget, or allocates memory, as bench/counts.py
counts them. Needs no clock, so it says the same on a busy machine.

    instructions.py [--compiler COMPILER]
"""

import argparse
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import counts  # noqa: E402

# Per span, with g++ 12 -O2.
BUDGETS = {"child": 190, "child + 4 attributes": 370}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--compiler", default="g++")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not installed", file=sys.stderr)
        return 77
    rows = {row["case"]: row for row in counts.count(compiler=options.compiler)}
    problems = [f"{name}: not counted" for name in BUDGETS if name not in rows]
    for name, row in rows.items():
        budget = BUDGETS.get(name)
        print(f"{name}: {row['instructions']:.1f} instructions" + (f" (budget {budget})" if budget else ""))
        if budget and row["instructions"] > budget:
            problems.append(f"{name}: over budget")
        if row["mallocs"] != 0:
            problems.append(f"{name}: {row['mallocs']} allocations a span")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
