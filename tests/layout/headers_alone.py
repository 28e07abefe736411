#!/usr/bin/env python3
"""Checks that every header of include/waggle compiles alone, without a warning, in C++17 and in C++20; and that all
together do after macros like those of X11 and Windows, without exceptions and RTTI, and with WAGGLE_DISABLED.

    headers_alone.py [--root DIRECTORY] [--compiler COMPILER ...] [--jobs N] [--self-test]
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

WARNINGS = ("-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast "
            "-Werror").split()
WAYS = {
    "C++17": ["-std=c++17"],
    "C++20": ["-std=c++20"],
    "after hostile macros": ["-std=c++17"],
    "without exceptions and RTTI": ["-std=c++17", "-fno-exceptions", "-fno-rtti"],
    "without tracing": ["-std=c++17", "-DWAGGLE_DISABLED"],
}
TOGETHER = ("after hostile macros", "without exceptions and RTTI", "without tracing")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^">]+)[">]', re.MULTILINE)


def collect_system_includes(base, name, seen=None):
    """Returns the system headers that `name` includes, directly or through others, in order."""
    seen = set() if seen is None else seen
    found = []
    for target in INCLUDE.findall((base / name).read_text(encoding="utf-8")):
        if target in seen:
            continue
        seen.add(target)
        if not target.startswith("waggle/"):
            found.append(target)
        elif (base / target).exists():
            found += collect_system_includes(base, target, seen)
    return found


def write_source(base, names, way):
    lines = []
    if way == "after hostile macros":
        seen = set()
        # One that is there on other processors only must not stop the file.
        for header in (header for name in names
                       for header in collect_system_includes(base, name, seen)):
            lines += [f"#if __has_include(<{header}>)", f"#include <{header}>", "#endif"]
        lines.append(f'#include "{pathlib.Path(__file__).with_name("hostile_macros.hpp")}"')
    # Twice: the guards have to work.
    lines += [f'#include "{name}"' for name in names * 2]
    return "\n".join(lines) + "\n"


def compile_headers(base, names, compiler, way):
    """Compiles `names` in one file; returns the compiler's complaint, or an empty text."""
    command = [compiler, *WAYS[way], *WARNINGS, f"-I{base}", "-fsyntax-only", "-x", "c++", "-"]
    result = subprocess.run(command, input=write_source(base, names, way), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if result.returncode == 0:
        return ""
    what = names[0] if len(names) == 1 else "all headers"
    return f"--- {what}, {compiler}, {way}:\n" + "\n".join(result.stdout.splitlines()[:30])


def check_tree(root, compilers, jobs):
    """Returns (number of headers, list of complaints)."""
    base = pathlib.Path(root) / "include"
    names = sorted(path.relative_to(base).as_posix() for path in base.rglob("*.hpp"))
    tasks = [(base, files, compiler, way) for compiler in compilers for way in WAYS
             for files in ([names] if way in TOGETHER else [[name] for name in names])]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        complaints = list(pool.map(lambda task: compile_headers(*task), tasks))
    return len(names), [complaint for complaint in complaints if complaint]


def self_test(compilers, jobs):
    """Sees each way fail on a header that is wrong only in that way."""
    cases = {
        "": (0, "inline int twice(int value) { return 2 * value; }"),
        "a missing include": (5, "inline std::size_t size() { return 0; }"),
        "a warning": (5, "inline int narrow(long value) { int result = value; return result; }"),
        "a C++20 keyword": (1, "inline int concept = 1;"),
        "a macro's name": (1, "enum class Code { None, Fine };"),
        "an exception": (1, "inline void fail() { throw 1; }"),
        "no guard": (5, None),
    }
    wrong = 0
    for what, (expected, body) in cases.items():
        with tempfile.TemporaryDirectory() as root:
            path = pathlib.Path(root) / "include" / "waggle" / "toy.hpp"
            path.parent.mkdir(parents=True)
            path.write_text("struct Toy {};\n" if body is None else
                            f"#ifndef TOY\n#define TOY\n{body}\n#endif\n", encoding="utf-8")
            complaints = check_tree(root, compilers, jobs)[1]
        if len(complaints) != expected * len(compilers):
            wrong += 1
            print(f"misjudged: {what or 'a good header'}: {len(complaints)} complaints")
    print(f"{len(cases) - wrong} of {len(cases)} toy headers judged rightly")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--compiler", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    compilers = options.compiler or ["g++"]
    if options.self_test:
        return self_test(compilers, options.jobs)
    headers, complaints = check_tree(options.root, compilers, options.jobs)
    print("\n".join(complaints[:20]))
    print(f"{headers} headers, {len(compilers)} compiler(s), {len(WAYS)} ways: "
          f"{len(complaints)} complaints")
    return 1 if complaints or headers == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
