#!/usr/bin/env python3
"""Counts what the headers cost a user and a reader, and fails where a budget is overrun: the lines that
waggle/trace.hpp brings into a file, the length of a header, the length of a function.

    budgets.py [--root DIRECTORY] [--compiler COMPILER]
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys

# Lines after preprocessing, as `g++ -E -P | wc -l` counts them; set for libstdc++ 12.
PREPROCESSED_LINES = {"c++17": 14000, "c++20": 18000}
SINGLE_HEADER_LINES = {"": 14000, "-DWAGGLE_IMPLEMENTATION": 110000}
FILE_LINES = 300
FUNCTION_LINES = 60


def count_preprocessed(compiler, folder, header, arguments):
    command = [compiler, *arguments, "-E", "-P", f"-I{folder}", "-x", "c++", "-"]
    result = subprocess.run(command, input=f"#include <{header}>\n", text=True,
                            stdout=subprocess.PIPE, check=False)
    return len(result.stdout.splitlines()) if result.returncode == 0 else None


def list_functions(headers):
    """Returns [(lines, "file: function")] of every function body that ctags sees."""
    command = ["ctags", "--output-format=json", "--languages=C++", "--kinds-C++=f", "--fields=+ne",
               "-I", "WAGGLE_INLINE,WAGGLE_COLD,WAGGLE_OUT_OF_LINE,WAGGLE_PUBLIC", "-f", "-",
               *map(str, headers)]
    tags = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True).stdout
    tags = [json.loads(line) for line in tags.splitlines()]
    return [(tag["end"] - tag["line"] + 1, f"{tag['path']}: {tag['name']}")
            for tag in tags if "end" in tag]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--compiler", default="g++")
    options = parser.parse_args()
    include = pathlib.Path(options.root) / "include"
    headers = sorted(include.rglob("*.hpp"))
    problems = []

    def judge(what, value, budget):
        print(f"{what}: {value} (budget {budget})")
        if value is None or value > budget:
            problems.append(what)

    for standard, budget in PREPROCESSED_LINES.items():
        lines = count_preprocessed(options.compiler, include, "waggle/trace.hpp", [f"-std={standard}"])
        judge(f"lines that <waggle/trace.hpp> brings, {standard}", lines, budget)
    for mode, budget in SINGLE_HEADER_LINES.items():
        lines = count_preprocessed(options.compiler, include.parent / "single_include", "waggle.hpp",
                                   ["-std=c++17", *mode.split()])
        judge(f"lines that the single header brings, c++17 {mode}".rstrip(), lines, budget)

    lengths = [(len(path.read_text(encoding="utf-8").splitlines()), path.relative_to(include))
               for path in headers]
    if not lengths:
        print(f"there is no header under {include}")
        return 1
    print(f"headers: {len(headers)}, lines: {sum(lines for lines, _ in lengths)}, "
          f"median file: {statistics.median_low(lines for lines, _ in lengths)}")
    for lines, name in sorted(lengths, reverse=True)[:1]:
        print(f"longest header: {name}")
        judge("lines of the longest header", lines, FILE_LINES)

    if shutil.which("ctags"):
        functions = sorted(list_functions(headers), reverse=True)
        if functions:
            print(f"functions: {len(functions)}, "
                  f"median: {statistics.median_low(lines for lines, _ in functions)} lines, "
                  f"the longest: {functions[0][1]}")
            judge("lines of the longest function", functions[0][0], FUNCTION_LINES)
    else:
        print("function lengths: not counted, there is no ctags")

    for problem in problems:
        print(f"over budget: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
