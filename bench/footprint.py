#!/usr/bin/env python3
"""Prints what waggle costs before a program runs: machine code at a call site, instructions a span, lines
and compile time of an include, and how large the source is.

    footprint.py [--quick] [--compiler COMPILER]      --quick leaves out compile times
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
sys.path.insert(0, str(ROOT / "tests/layout"))
import budgets  # noqa: E402  (the counts of lines and functions are those that the tests bound)

SITES = 64
HEADERS = ("<string_view>", "<waggle/trace.hpp>", "<waggle/sdk.hpp>")

BARE_SITE = '  {{ waggle::Span span{{"call site {0:03}"}}; work(); }}\n'
FOUR_ATTRIBUTE_SITE = (
    '  {{ waggle::Span span{{"call site {0:03}"}};\n'
    '    span.set_attribute("order.id", order.id);\n'
    '    span.set_attribute("price", order.price);\n'
    '    span.set_attribute("paid", order.paid);\n'
    '    span.set_attribute("customer", order.customer);\n'
    '    work(); }}\n')
EMPTY_SITE = "  {{ work(); }}\n"
SOURCE = """#include <string>
#include <waggle/trace.hpp>
struct Order {{ long id; double price; bool paid; std::string customer; }};
void work();
void sites(const Order& order) {{
  (void)order;
{0}}}
"""


def compile_text(compiler, text, folder, *options):
    source = folder / "source.cpp"
    source.write_text(text, encoding="utf-8")
    subprocess.run([compiler, "-std=c++17", "-O2", f"-I{INCLUDE}", *options, str(source)],
                   check=True)


def code_bytes(compiler, site, count, folder):
    """Returns (hot, cold) bytes of machine code of an object with that many call sites."""
    target = folder / "sites.o"
    body = "".join(site.format(i) for i in range(count))
    compile_text(compiler, SOURCE.format(body), folder, "-c", "-o", str(target))
    sizes = subprocess.run(["size", "-A", str(target)], check=True, text=True,
                           stdout=subprocess.PIPE).stdout
    hot = cold = 0
    for name, size in re.findall(r"^(\.text\S*)\s+(\d+)", sizes, re.MULTILINE):
        if name.startswith(".text.unlikely"):
            cold += int(size)
        else:
            hot += int(size)
    return hot, cold


def bytes_per_site(compiler, site, folder):
    def growth(text):
        few = code_bytes(compiler, text, SITES, folder)
        many = code_bytes(compiler, text, 2 * SITES, folder)
        return [(more - less) / SITES for less, more in zip(few, many)]
    return [mine - empty for mine, empty in zip(growth(site), growth(EMPTY_SITE))]


def print_call_sites(compiler, folder):
    for name, site in (("bare call site", BARE_SITE), ("with 4 attributes", FOUR_ATTRIBUTE_SITE)):
        hot, cold = bytes_per_site(compiler, site, folder)
        print(f"machine code, {name}: {hot:.0f} bytes, and {cold:.0f} on the way of exceptions")


def print_instructions(compiler):
    result = subprocess.run([sys.executable, str(ROOT / "tests/layout/instructions.py"), "--json",
                             "--compiler", compiler],
                            check=False, text=True, stdout=subprocess.PIPE)
    if result.returncode != 0:
        print("instructions a span: not counted")
        return
    for name, count in json.loads(result.stdout).items():
        print(f"instructions, {name}: {count:.0f}")


def preprocessed_lines(compiler, header, standard):
    result = subprocess.run([compiler, f"-std={standard}", "-E", "-P", f"-I{INCLUDE}",
                             "-x", "c++", "-"],
                            input=f"#include {header}\n", text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=False)
    return len(result.stdout.splitlines()) if result.returncode == 0 else None


def compile_seconds(compiler, header, folder):
    times = []
    for _ in range(3):
        start = time.monotonic()
        compile_text(compiler, f"#include {header}\n", folder, "-c", "-o", str(folder / "unit.o"))
        times.append(time.monotonic() - start)
    return statistics.median(times)


def print_includes(compiler, folder, is_quick):
    base = None
    for header in HEADERS:
        lines = [preprocessed_lines(compiler, header, standard)
                 for standard in ("c++17", "c++20")]
        if None in lines:
            print(f"#include {header}: does not compile")
            continue
        text = f"#include {header}: {lines[0]:,} lines in C++17, {lines[1]:,} in C++20"
        if not is_quick:
            seconds = compile_seconds(compiler, header, folder)
            base = base or seconds
            text += f"; {seconds:.2f} s to compile, {seconds / base:.2f} x <string_view>"
        print(text)


def print_source():
    headers = sorted(INCLUDE.rglob("*.hpp"))
    lengths = [(len(path.read_text(encoding="utf-8").splitlines()),
                str(path.relative_to(INCLUDE))) for path in headers]
    lines, longest = max(lengths)
    print(f"headers: {len(headers)}, {sum(lines for lines, _ in lengths):,} lines; the longest: "
          f"{longest}, {lines}")
    try:
        functions = budgets.list_functions(headers)
    except (OSError, subprocess.CalledProcessError):
        print("functions: not counted, there is no ctags")
        return
    lines, longest = max(functions)
    middle = statistics.median_low(lines for lines, _ in functions)
    longest = longest.replace(f"{INCLUDE}/", "")
    print(f"functions: {len(functions)}, median {middle} lines; the longest: {longest}, {lines}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--compiler", default="g++")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        print_call_sites(options.compiler, folder)
        print_instructions(options.compiler)
        print_includes(options.compiler, folder, options.quick)
    print_source()
    return 0


if __name__ == "__main__":
    sys.exit(main())
