#!/usr/bin/env python3
"""Breaks the pipeline on purpose, one way at a time, and fails if the simulation does not notice.

Finds WAGGLE_INCLUDE, CXX and CXXFLAGS in its environment.
"""

import concurrent.futures
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = pathlib.Path(os.environ.get("WAGGLE_INCLUDE", HERE.parent.parent / "include"))
COMPILER = os.environ.get("CXX", "g++")
FLAGS = shlex.split(os.environ.get("CXXFLAGS", "-std=c++17"))
SCHEDULES = "5000"

MUTANTS = {
    "a batch of filtered spans sends the one before it again": (
        "pipeline/pipeline.hpp",
        "if (!std::exchange(is_encoding_, false) || delivery_->next().empty()) return;",
        "is_encoding_ = false;"),
    "a flush does not wait for a look at all rings": (
        "pipeline/flush_line.hpp", "passes >= pass_", "true"),
    "an attempt that may have arrived is forgotten": (
        "pipeline/delivery.hpp", "part.may_have_arrived |= answer.may_have_arrived;", ""),
    "half of what was too large is lost": (
        "pipeline/batch_parts.hpp",
        "parts_.push_back({part.first, half, part.may_have_arrived});", ""),
    "the server's wish to be left alone is not heeded": (
        "pipeline/delivery.hpp", "answer.has_delay ? answer.delay : own", "own"),
    "the queue gives back a record too many": (
        "collect/record_queue.hpp",
        "for (; count > 0; --count, --count_) {",
        "if (count > 1 && count < count_) ++count;\n    for (; count > 0; --count, --count_) {"),
    "shutdown waits for its flush whatever the time": (
        "pipeline/pipeline.hpp", " || now >= stop_deadline_", ""),
}


def verdict_on(name, directory):
    """Returns None if the simulation found the mutant, else what is wrong."""
    file, old, new = MUTANTS[name]
    include = directory / "include"
    shutil.copytree(INCLUDE, include)
    header = include / "waggle" / file
    text = header.read_text(encoding="utf-8")
    if text.count(old) != 1:
        return f"{file} does not hold {old!r} once"
    header.write_text(text.replace(old, new), encoding="utf-8")
    program = directory / "simulation"
    build = subprocess.run(
        [COMPILER, *FLAGS, "-g0", "-w", f"-I{include}", str(HERE / "simulation.cpp"), "-o",
         str(program), "-lz", "-lpthread"], capture_output=True, text=True, check=False)
    if build.returncode != 0:
        return "does not compile: " + build.stderr[-500:]
    run = subprocess.run([program, "--schedules", SCHEDULES], capture_output=True, text=True,
                         check=False, timeout=600)
    found = run.returncode == 1 and run.stdout.startswith("FAILED: ")
    print(f"{name}: {run.stdout.splitlines()[0] if run.stdout else run.returncode}", flush=True)
    return None if found else "was not noticed"


def try_mutant(name):
    with tempfile.TemporaryDirectory() as directory:
        return name, verdict_on(name, pathlib.Path(directory))


def main():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        problems = [(name, problem) for name, problem in pool.map(try_mutant, MUTANTS) if problem]
    for name, problem in problems:
        print(f"{name}: {problem}")
    print(f"{len(MUTANTS) - len(problems)} of {len(MUTANTS)} mutants were noticed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
