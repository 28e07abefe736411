#!/usr/bin/env python3
"""What waggle costs before a program runs: machine code at a call site; lines, compile time, object and program size
of what is included. Prints one JSON object a row.

    footprint.py [--quick] [--compiler COMPILER]      --quick compiles once where it else takes the middle of five
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
INCLUDES = [f"-I{ROOT / 'include'}", f"-I{ROOT / 'single_include'}"]
LIBRARIES = ["-lcurl", "-lz", "-pthread"]
SITES = 64

# Rows of the recording section, and what stands at such a call site.
CALL_SITES = {
    "child": 'waggle::Span span{{"call site {0:03}"}};',
    "child + 1 attribute": 'waggle::Span span{{"call site {0:03}"}}; span.set_attribute("order.id", order.id);',
    "child + 4 attributes": (
        'waggle::Span span{{"call site {0:03}"}}; span.set_attribute("order.id", order.id); '
        'span.set_attribute("price", order.price); span.set_attribute("paid", order.paid); '
        'span.set_attribute("customer", order.customer);'),
    "child + event": 'waggle::Span span{{"call site {0:03}"}}; span.add_event("cache miss");',
    "detached span": 'waggle::DetachedSpan span{{"call site {0:03}"}};',
}
SOURCE = """#include <string>
#include <waggle/trace.hpp>
struct Order {{ long id; double price; bool paid; std::string customer; }};
void work();
void sites(const Order& order) {{
  (void)order;
{0}}}
"""

NOTHING = "int main() {}\n"
TRACED = 'void work() { waggle::Span span{"work"}; span.set_attribute("n", 1); }\nint main() { work(); }\n'
CONFIGURING = "int main() { auto tracing = waggle::start(); }\n"
# What is included: name, text before, the text of a program with it, its libraries.
INCLUDED = [
    ("<string_view>", "#include <string_view>\n", NOTHING, []),
    ("<string>", "#include <string>\n", NOTHING, []),
    ("<iostream>", "#include <iostream>\n", NOTHING, []),
    ("<waggle/trace.hpp>", "#include <waggle/trace.hpp>\n", NOTHING, []),
    ("<waggle/trace.hpp>, a span", "#include <waggle/trace.hpp>\n", TRACED, []),
    ("<waggle/sdk.hpp>", "#include <waggle/sdk.hpp>\n", NOTHING, LIBRARIES),
    ("<waggle/sdk.hpp>, start()", "#include <waggle/sdk.hpp>\n", CONFIGURING, LIBRARIES),
    ("waggle.hpp, a span", '#include "waggle.hpp"\n', TRACED, []),
    ("waggle.hpp, start()", '#define WAGGLE_IMPLEMENTATION\n#include "waggle.hpp"\n', CONFIGURING, LIBRARIES),
]


def compile_text(compiler, text, folder, *options):
    source = folder / "source.cpp"
    source.write_text(text, encoding="utf-8")
    subprocess.run([compiler, "-std=c++17", "-O2", *INCLUDES, str(source), *options], check=True)


# ---- call sites ----


def code_bytes(compiler, site, count, folder):
    """Returns the bytes of machine code of an object with that many call sites, what is cold left out."""
    target = folder / "sites.o"
    body = "".join("  {" + site.format(i) + " work(); }\n" for i in range(count))
    compile_text(compiler, SOURCE.format(body), folder, "-c", "-o", str(target))
    sizes = subprocess.run(["size", "-A", str(target)], check=True, text=True, stdout=subprocess.PIPE).stdout
    return sum(int(size) for name, size in re.findall(r"^(\.text\S*)\s+(\d+)", sizes, re.MULTILINE)
               if not name.startswith(".text.unlikely"))


def growth(compiler, site, folder):
    few = code_bytes(compiler, site, SITES, folder)
    return (code_bytes(compiler, site, 2 * SITES, folder) - few) / SITES


def call_site_rows(compiler, folder):
    empty = growth(compiler, "", folder)
    for case, site in CALL_SITES.items():
        yield {"case": case, "code_bytes": growth(compiler, site, folder) - empty}


# ---- includes ----


def preprocessed_lines(compiler, text, standard):
    result = subprocess.run([compiler, f"-std={standard}", "-E", "-P", *INCLUDES, "-x", "c++", "-"],
                            input=text, text=True, stdout=subprocess.PIPE, check=True)
    return len(result.stdout.splitlines())


def seconds_to_compile(compiler, text, folder, times):
    def once():
        start = time.monotonic()
        compile_text(compiler, text, folder, "-c", "-o", str(folder / "unit.o"))
        return time.monotonic() - start
    return statistics.median(once() for _ in range(times))


def program_bytes(compiler, unit, folder, libraries):
    program = folder / "program"
    subprocess.run([compiler, str(unit), *libraries, "-o", str(program)], check=True)
    subprocess.run(["strip", str(program)], check=True)
    return program.stat().st_size


def include_rows(compiler, folder, times):
    base = None
    for name, include, program, libraries in INCLUDED:
        text = include + program
        seconds = seconds_to_compile(compiler, text, folder, times)
        base = base or seconds
        yield {"case": f"#include {name}", "section": "build",
               "lines_cpp17": preprocessed_lines(compiler, include, "c++17"),
               "lines_cpp20": preprocessed_lines(compiler, include, "c++20"),
               "compile_seconds": seconds, "compile_ratio": seconds / base,
               "object_kilobytes": (folder / "unit.o").stat().st_size / 1000,
               "program_kilobytes": program_bytes(compiler, folder / "unit.o", folder, libraries) / 1000}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--compiler", default="g++")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for row in call_site_rows(options.compiler, folder):
            print(json.dumps(row))
        for row in include_rows(options.compiler, folder, 1 if options.quick else 5):
            print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
