#!/usr/bin/env python3
"""Adds up what run.sh's cells left in their logs and prints the failures, the counts of each cell and, last,
the line `N passed, N failed`. A doctest program counts by its test cases, every other test as one.

    summary.py LOG_DIRECTORY CELL ...
"""

import pathlib
import re
import sys
import xml.etree.ElementTree

CASES = re.compile(r"\[doctest\] test cases: +(\d+) \| +(\d+) passed \| +(\d+) failed")
FAILED_CASE = re.compile(r"^TEST CASE:  (.*)$", re.MULTILINE)
SHOWN_LINES = 60


class Cell:
    """Holds the counts and failures of one cell of the matrix."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failures = []  # (what, output)
        self.skipped = []

    def add_notes(self, path):
        for line in path.read_text(encoding="utf-8").splitlines():
            what, result = line.split()
            if result == "passed":
                self.passed += 1
            else:
                self.failures.append((what, f"see {path.with_suffix('')}.{what}.log"))

    def add_ctest(self, path):
        for test in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
            self.add_test(test)

    def add_test(self, test):
        name, status = test.get("name"), test.get("status")
        output = test.findtext("system-out") or ""
        skipped = test.find("skipped")
        if skipped is not None and "SKIP_RETURN_CODE" in skipped.get("message", ""):
            self.skipped.append(name)
            return
        cases = CASES.search(output)
        is_doctest = name.startswith(("light.", "sdk."))
        failed = int(cases.group(3)) if cases else 0
        self.passed += int(cases.group(2)) if cases else int(status == "run" and not is_doctest)
        if is_doctest and not cases:
            problems = ["ended without a summary"]
        elif cases and int(cases.group(1)) == 0:
            problems = ["holds no test case"]
        elif status == "run" and failed == 0:
            return
        else:
            problems = list_problems(test, output, failed)
        for problem in problems:
            self.failures.append((f"{name}: {problem}" if problem else name, output))
            output = ""


def list_problems(test, output, failed):
    """Returns the failed cases that a doctest program named, else what ctest says."""
    names = list(dict.fromkeys(name.strip() for name in FAILED_CASE.findall(output)))
    names += ["(one more)"] * (failed - len(names))
    if names:
        return names
    failure = test.find("failure")
    return [failure.get("message") if failure is not None else test.get("status")]


def read_cell(directory, name):
    cell = Cell(name)
    cell.add_notes(directory / f"{name}.notes")
    if (directory / f"{name}.xml").exists():
        cell.add_ctest(directory / f"{name}.xml")
    return cell


def main():
    directory = pathlib.Path(sys.argv[1])
    cells = [read_cell(directory, name) for name in sys.argv[2:]]
    for cell in cells:
        for what, output in cell.failures:
            if output:
                print(f"--- {cell.name}: {what}")
                print("\n".join(output.strip().splitlines()[-SHOWN_LINES:]))
    for cell in cells:
        for what, _ in cell.failures:
            print(f"FAILED  {cell.name}: {what}")
        if cell.skipped:
            print(f"skipped {cell.name}: {', '.join(cell.skipped)}")
    if len(cells) > 1:
        for cell in cells:
            print(f"{cell.name:10} {cell.passed:6} passed {len(cell.failures):6} failed")
    passed = sum(cell.passed for cell in cells)
    failed = sum(len(cell.failures) for cell in cells)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
