#!/usr/bin/env python3
"""Checks tests/CONFORMANCE.md: each test it cites exists, no rule is missing or there twice, a rule that is kept
cites a test, one that is not gives its reason, and the counts are right.

    conformance.py           checks this tree
    conformance.py --fix     writes the counts
"""

import collections
import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
TABLE = TESTS / "CONFORMANCE.md"
LAST = {"J": 35, "H": 33, "T": 79, "E": 7, "P": 40, "S": 23, "R": 8, "F": 6, "G": 12, "X": 12, "Q": 24}
VERDICTS = ["kept", "declined", "later", "n/a"]
ROW = re.compile(r"^\| ([A-Z])(\d+) \|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)
CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')


def cases_of(name):
    """Returns the names of the test cases in a doctest file, or None if there is no such file."""
    path = TESTS / f"{name}_test.cpp"
    if not path.is_file():
        return None
    parts = CASE.findall(path.read_text(encoding="utf-8"))
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', part)) for part in parts]


def is_there(citation):
    """Tells whether a cited test exists."""
    if ": " not in citation:
        return any((TESTS / (citation + end)).is_file() for end in ("", ".cpp", ".py", ".sh"))
    name, beginning = citation.split(": ", 1)
    cases = cases_of(name)
    return cases is not None and any(case.startswith(beginning) for case in cases)


def check(text):
    """Returns what is wrong with the table's rows."""
    wrong = []
    seen = collections.Counter()
    for letter, number, _, verdict, tests, why in ROW.findall(text):
        rule = letter + number
        seen[rule] += 1
        citations = [part.strip() for part in tests.split(";") if part.strip()]
        if verdict.strip() not in VERDICTS:
            wrong.append(f"{rule}: the verdict is none of {', '.join(VERDICTS)}")
        if verdict.strip() == "kept" and not citations:
            wrong.append(f"{rule}: kept, but no test says so")
        if verdict.strip() == "declined" and not why.strip():
            wrong.append(f"{rule}: declined without a reason")
        wrong += [f"{rule}: there is no test '{each}'" for each in citations if not is_there(each)]
    for letter, last in LAST.items():
        expected = [f"{letter}{number}" for number in range(1, last + 1)]
        wrong += [f"{rule} is there {seen[rule]} times" for rule in expected if seen[rule] != 1]
    return wrong + [f"{rule} is no rule" for rule in seen if int(rule[1:]) > LAST.get(rule[0], 0)]


def counts(text):
    """Returns the line that sums the table up."""
    verdicts = collections.Counter(row[3].strip() for row in ROW.findall(text))
    told = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS)
    return f"**{sum(verdicts.values())} rules: {told}.**"


def main():
    text = TABLE.read_text(encoding="utf-8")
    line = counts(text)
    if "--fix" in sys.argv:
        TABLE.write_text(re.sub(r"^(COUNTS|\*\*\d+ rules: .*)$", line, text, flags=re.MULTILINE), encoding="utf-8")
        return 0
    wrong = check(text)
    if line not in text:
        wrong.append("the counts are not right: run conformance.py --fix")
    print("\n".join(wrong + [line]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
