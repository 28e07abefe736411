#!/usr/bin/env python3
"""Checks single_include/waggle.hpp: it is what include/ makes, and a file may include it in every way that its head
allows, without a warning; where tracing is configured without the definition, the compiler says what to do.

    single_header.py --compiler COMPILER
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SINGLE = ROOT / "single_include"
FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wold-style-cast", "-Werror"]
DEFINE = "#define WAGGLE_IMPLEMENTATION\n"
INCLUDE = '#include "waggle.hpp"\n'
SPAN = 'inline void work() { waggle::Span span{"work"}; span.set_attribute("n", 1); }\n'
START = "int main() { waggle::Config config; auto tracing = waggle::start(std::move(config)); }\n"
HTTP = "".join(f"#define WAGGLE_INSTRUMENT_{name}\n" for name in ("BIND", "HTTP", "HTTPLIB", "CURL", "ASIO")) + """
#include "waggle.hpp"
inline auto bound = waggle::bind([] {});
static_assert(sizeof(waggle::HttplibServer) != 0 && sizeof(waggle::HttplibClient) != 0);
"""
START_PLAIN = "int main() { auto tracing = waggle::start(); }\n"

DISABLED = {"no tracing": INCLUDE + SPAN, "everything, and no tracing": DEFINE + HTTP + START}
WRONG = {
    "start() without the definition": INCLUDE + START_PLAIN,
    "start(argument) without the definition": INCLUDE + "int main() { return waggle::start(1); }\n",
}


def compile_program(compiler, text, arguments):
    """Returns what the compiler says; empty if it is content."""
    command = [compiler, "-std=c++17", *FLAGS, f"-I{SINGLE}", f"-I{ROOT / 'include'}", "-x", "c++", "-", *arguments]
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    return "" if done.returncode == 0 else done.stderr or "failed without a word"


def check_many_files(compiler, folder):
    """Returns what is wrong with a program of three files, two of which configure tracing."""
    objects = []
    texts = [INCLUDE + SPAN + "void more(); int main() { work(); more(); }\n",
             # Twice, then with what is for HTTP, and everything at last.
             INCLUDE + INCLUDE + SPAN + HTTP + DEFINE + INCLUDE + INCLUDE +
             "void other(); void more() { waggle::Config config; work(); other(); }\n",
             # Behind headers that it was made from, and before others.
             "#include <waggle/trace.hpp>\n" + DEFINE + INCLUDE + "#include <waggle/sdk.hpp>\n"
             "void other() { auto tracing = waggle::start(); }\n"]
    for number, text in enumerate(texts):
        objects.append(f"{folder}/{number}.o")
        if said := compile_program(compiler, text, ["-c", "-o", objects[-1]]):
            return said
    command = [compiler, *objects, "-lcurl", "-lz", "-pthread", "-o", f"{folder}/program"]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    return done.stderr if done.returncode != 0 else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--compiler", default="g++")
    compiler = parser.parse_args().compiler
    failures = 0
    if subprocess.run([sys.executable, SINGLE / "generate.py", "--check"], check=False).returncode != 0:
        failures += 1
    for way, text in DISABLED.items():
        if said := compile_program(compiler, text, ["-DWAGGLE_DISABLED", "-fsyntax-only"]):
            print(f"{way}:\n{said}")
            failures += 1
    for way, text in WRONG.items():
        if "define WAGGLE_IMPLEMENTATION" not in compile_program(compiler, text, ["-fsyntax-only"]):
            print(f"{way}: the compiler does not say what to do")
            failures += 1
    with tempfile.TemporaryDirectory() as folder:
        if said := check_many_files(compiler, folder):
            print(f"many files:\n{said}")
            failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
