#!/usr/bin/env python3
"""Checks what WAGGLE_DISABLED leaves of a program: a file whose calls come to no instruction and no symbol, and that
may stand beside files without it, in any order and with link-time optimisation. From the tree and from the single header.

    disabled.py --compiler COMPILER
"""

import argparse
import itertools
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}", f"-I{ROOT / 'single_include'}"]
DISABLED = "-DWAGGLE_DISABLED"
LIBRARIES = ["-lcurl", "-lz", "-pthread"]

CALLS = """
static const waggle::Scope scope{"billing", "1.2"};
void NAME(int number) {
  waggle::Span span{scope, "work"};
  waggle::ExceptionWatch watch{span};
  span.set_attribute("number", number);
  span.set_attributes({{"text", "more"}, {"list", {1, 2, 3}}});
  span.add_event("event", {{"a", 1}});
  span.add_link(span.context(), {{"b", 2}});
  span.set_status(waggle::StatusCode::Error, "failed");
  span.record_exception(waggle::ExceptionDetails{"Type", "message"});
  waggle::SpanOptions options;
  options.kind = waggle::SpanKind::Client;
  waggle::DetachedSpan detached{"apart", options, {{"c", 3}}};
  waggle::ContextGuard guard{detached};
  waggle::current_span().set_attribute("d", 4);
  waggle::inject(span.context(), [](std::string_view, std::string_view) {});
  detached.end();
  span.update_name("done");
  span.end();
}
"""
EMPTY = "void NAME(int) {}\n"
MAIN = """
void enabled(int number);
void disabled(int number);
int main() {
  waggle::Config config;
  const auto store = std::make_shared<waggle::SpanStore>();
  config.exporters.push_back(std::make_unique<waggle::MemoryExporter>(store));
  auto tracing = waggle::start(std::move(config));
  disabled(1);
  enabled(2);
  tracing.force_flush();
  return static_cast<int>(store->spans().size());
}
"""
WAYS = {
    "the tree": ("#include <waggle/trace.hpp>\n", "#include <waggle/sdk.hpp>\n"),
    "the single header": ('#include "waggle.hpp"\n', '#define WAGGLE_IMPLEMENTATION\n#include "waggle.hpp"\n'),
}


def run(command, text=None):
    """Returns what a command prints; fails with what it complains of."""
    done = subprocess.run([str(part) for part in command], input=text, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command[:2]))}: {done.stderr}")
    return done.stdout


def compiled(compiler, folder, name, text, *options):
    """Returns the object file of a text."""
    target = folder / f"{name}.o"
    run([compiler, *FLAGS, *options, "-c", "-x", "c++", "-", "-o", target], text)
    return target


def instructions(target):
    """Returns the instructions in an object file, without addresses."""
    lines = run(["objdump", "-d", "--no-show-raw-insn", target]).splitlines()
    return [line.split("\t", 1)[1].strip() for line in lines if "\t" in line]


def check_nothing_left(compiler, folder, include):
    """Yields what is left of the calls."""
    calls = compiled(compiler, folder, "calls", include + CALLS.replace("NAME", "calls"), DISABLED)
    empty = compiled(compiler, folder, "empty", EMPTY.replace("NAME", "calls"))
    if instructions(calls) != instructions(empty):
        yield "the calls leave instructions: " + "; ".join(instructions(calls))
    if symbols := [line for line in run(["nm", "-C", calls]).splitlines() if "waggle" in line]:
        yield "the calls leave symbols: " + "; ".join(symbols)


def check_mixed(compiler, folder, light, everything):
    """Yields what is wrong with programs of files with and without the definition."""
    options = ["-flto", "-Wodr"] if "clang" not in compiler else []
    files = [compiled(compiler, folder, "on", light + CALLS.replace("NAME", "enabled"), *options),
             compiled(compiler, folder, "off", light + CALLS.replace("NAME", "disabled"), DISABLED, *options),
             compiled(compiler, folder, "main", everything + MAIN, "-O0", *options)]
    for order in (files, files[::-1]):
        program = folder / "program"
        run([compiler, "-O0", "-Werror", *options, *order, *LIBRARIES, "-o", program])
        spans = subprocess.run([program], check=False).returncode
        if spans != 2:
            yield f"{[file.name for file in order]}: {spans} spans instead of 2"


def check_start(compiler, folder, everything):
    """Yields what is wrong with a file that configures tracing, with the definition."""
    main = EMPTY.replace("NAME", "disabled") + EMPTY.replace("NAME", "enabled") + MAIN
    program = folder / "off_program"
    run([compiler, compiled(compiler, folder, "off_main", everything + main, DISABLED, "-O0"), *LIBRARIES, "-o", program])
    if subprocess.run([program], check=False).returncode != 0:
        yield "start() starts something"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--compiler", default="g++")
    compiler = parser.parse_args().compiler
    wrong = []
    for way, (light, everything) in WAYS.items():
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for problem in itertools.chain(check_nothing_left(compiler, folder, light),
                                           check_mixed(compiler, folder, light, everything),
                                           check_start(compiler, folder, everything)):
                wrong.append(f"{way}: {problem}")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
