#!/usr/bin/env python3
"""Checks that every header of include/waggle includes only its own floor or lower ones.

Reads each #include (comments and conditions aside) and fails on an arrow that runs up or in a circle,
a header without a floor, a system header that the light band cannot afford, and a heavy library outside
its one home. The tables below are the rule; CONTRIBUTING.md explains it.

    floors.py [--root DIRECTORY]   checks DIRECTORY/include/waggle, this tree unless told otherwise
    floors.py --self-test          builds small wrong trees and sees each rule fail
"""

import argparse
import pathlib
import re
import sys
import tempfile

# A header's own row wins over its directory's.
FLOORS = {
    "core/version.hpp": 0, "core/header_names.hpp": 0, "core/uncaught_exceptions.hpp": 0, "core/config.hpp": 0, "core/atomic.hpp": 0,
    "core/ids.hpp": 1, "core/random.hpp": 1, "core/ticks.hpp": 1, "core/value.hpp": 1,
    "core/value_traits.hpp": 1,
    "core/baggage.hpp": 1, "core/utf8.hpp": 1,
    "core/context.hpp": 2, "core/link.hpp": 2, "core/record.hpp": 2, "core/scope.hpp": 2, "core/ring.hpp": 2, "core/thread_state.hpp": 2,
    "core/hub.hpp": 2,
    "api/": 3,
    "trace.hpp": 4,
    # What needs no library keeps to the light band's rules; what does is on a floor of its own.
    "instrument/url.hpp": 4, "instrument/header_values.hpp": 4, "instrument/forwarded.hpp": 4,
    "instrument/http_span.hpp": 4, "instrument/http.hpp": 4, "instrument/bind.hpp": 4,
    "instrument/": 4.5,
    "sdk/": 5, "sampling/": 5,
    "collect/": 6, "otlp/": 6, "http/": 6,
    "exporters/": 7, "pipeline/": 7,
    "setup/": 8, "sdk.hpp": 8,
}
HIGHEST_LIGHT_FLOOR = 4

# Each of these costs more lines than the light band may have, or needs a library.
NOT_IN_LIGHT_BAND = {
    "thread", "mutex", "shared_mutex", "condition_variable", "functional", "iostream", "atomic",
    "string", "memory", "vector", "chrono", "optional", "x86intrin.h", "immintrin.h", "map",
    "unordered_map", "sstream", "ostream", "random", "algorithm",
}

# The only headers that may include these; an empty list: none may.
HOMES = {
    "curl/": ["http/curl.hpp", "instrument/curl_details.hpp"],
    "zlib.h": ["http/gzip.hpp"],
    "nlohmann/": ["otlp/reply.hpp"],
    "thread": ["pipeline/worker.hpp"],
    "condition_variable": ["pipeline/turn.hpp", "pipeline/worker.hpp", "setup/engine.hpp"],
    "mutex": ["collect/sampler_switch.hpp", "collect/scope_table.hpp", "collect/thread_registry.hpp", "exporters/memory_exporter.hpp",
              "instrument/curl_details.hpp", "pipeline/host_loop.hpp", "pipeline/turn.hpp", "pipeline/worker.hpp", "sdk/diagnostics.hpp",
              "setup/engine.hpp"],
    "functional": ["sdk/span_filter.hpp"],
    "iostream": [], "regex": [], "future": [], "filesystem": [], "sstream": [],
    "asio/": ["instrument/asio.hpp"],
    "httplib.h": ["instrument/httplib_client.hpp", "instrument/httplib_server.hpp"], "openssl/": [], "doctest/": [],
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.MULTILINE)
BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def look_up(table, name):
    """Returns the row of `name`, else that of the directory it lies in, else None."""
    return table.get(name, table.get(name.split("/")[0] + "/" if "/" in name else None))


def read_includes(header):
    """Returns [(quote or bracket, included name)] of a file."""
    text = BLOCK_COMMENT.sub("", header.read_text(encoding="utf-8"))
    return INCLUDE.findall(text)


def find_circle(arrows):
    """Returns one circle of includes as a list of names, or None."""
    done, path = set(), []

    def visit(name):
        if name in path:
            return path[path.index(name):] + [name]
        if name in done:
            return None
        path.append(name)
        for target in arrows.get(name, []):
            circle = visit(target)
            if circle:
                return circle
        path.pop()
        done.add(name)
        return None

    for name in sorted(arrows):
        circle = visit(name)
        if circle:
            return circle
    return None


def check_own_include(name, floor, bracket, target, headers):
    """Returns what is wrong with `name` including waggle's header `target`, or None."""
    if bracket == "<":
        return f'{name}: <waggle/{target}> has to be "waggle/{target}"'
    if target not in headers:
        return f"{name}: includes waggle/{target}, which does not exist"
    target_floor = look_up(FLOORS, target)
    if None not in (floor, target_floor) and target_floor > floor:
        return f"{name} (floor {floor}) includes {target} (floor {target_floor}): an arrow up"
    return None


def check_foreign_include(name, floor, bracket, target):
    """Returns what is wrong with `name` including the system's header `target`, or None."""
    if bracket == '"':
        return f'{name}: "{target}" has to be written "waggle/..." or <...>'
    if floor is not None and floor <= HIGHEST_LIGHT_FLOOR and target in NOT_IN_LIGHT_BAND:
        return f"{name}: <{target}> is too heavy for the light band"
    homes = look_up(HOMES, target)
    if homes is not None and name not in homes:
        return f"{name}: <{target}> is allowed only in: {', '.join(homes) or 'no header'}"
    return None


def check_guard(name, text):
    """Returns what is wrong with the include guard, or None."""
    guard = "WAGGLE_" + re.sub(r"[/.]", "_", name).upper()
    if f"#ifndef {guard}\n#define {guard}\n" not in text or "#pragma once" in text:
        return f"{name}: the include guard has to be {guard}"
    return None


def check_tree(root):
    """Returns (number of headers, number of arrows, list of what is wrong)."""
    base = pathlib.Path(root) / "include" / "waggle"
    headers = {path.relative_to(base).as_posix(): path
               for path in sorted(base.rglob("*")) if path.is_file() and path.suffix != ".md"}
    problems, arrows = [], {}
    if not headers:
        problems.append(f"there is no header under {base}")
    for name, path in headers.items():
        floor = look_up(FLOORS, name)
        if floor is None:
            problems.append(f"{name}: has no floor; give it one in tests/layout/floors.py")
        problems.append(check_guard(name, path.read_text(encoding="utf-8")))
        for bracket, target in read_includes(path):
            if target.startswith("waggle/"):
                target = target[len("waggle/"):]
                arrows.setdefault(name, []).append(target)
                problems.append(check_own_include(name, floor, bracket, target, headers))
            else:
                problems.append(check_foreign_include(name, floor, bracket, target))
    circle = find_circle(arrows)
    if circle:
        problems.append("a circle of includes: " + " -> ".join(circle))
    return len(headers), sum(map(len, arrows.values())), [p for p in problems if p]


def write_tree(root, files):
    for name, body in files.items():
        guard = "WAGGLE_" + re.sub(r"[/.]", "_", name).upper()
        path = pathlib.Path(root) / "include" / "waggle" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#ifndef {guard}\n#define {guard}\n{body}\n#endif\n", encoding="utf-8")


GOOD_TREE = {
    "core/config.hpp": "#include <cstdint>\n// #include <thread>\n/*\n#include <iostream>\n*/",
    "core/ids.hpp": '#include "waggle/core/config.hpp"',
    "core/value.hpp": '#include "waggle/core/ids.hpp"',
    "trace.hpp": '#include "waggle/core/value.hpp"',
    "sdk/config.hpp": '#include <string>\n#include "waggle/trace.hpp"',
    "http/gzip.hpp": '#include <zlib.h>\n#include "waggle/sdk/config.hpp"',
}

# (what is added to the good tree, a piece of the expected complaint)
BAD_TREES = [
    ({"core/ticks.hpp": '#include "waggle/trace.hpp"'}, "an arrow up"),
    ({"core/baggage.hpp": '#  if 1\n # include "waggle/core/hub.hpp"\n#endif', "core/hub.hpp": ""},
     "an arrow up"),
    ({"sdk/writer.hpp": '#include "waggle/otlp/json.hpp"', "otlp/json.hpp": ""}, "an arrow up"),
    ({"core/ids.hpp": '#include "waggle/core/value.hpp"'}, "a circle of includes"),
    ({"core/ids.hpp": '#include "waggle/core/ids.hpp"'}, "a circle of includes"),
    ({"core/strings.hpp": ""}, "has no floor"),
    ({"extra/strings.hpp": ""}, "has no floor"),
    ({"strings.hpp": ""}, "has no floor"),
    ({"core/hub.hpp": "#include <atomic>"}, "too heavy for the light band"),
    ({"api/span.hpp": "#include <string>"}, "too heavy for the light band"),
    ({"sdk/stats.hpp": "#include <thread>"}, "is allowed only in: pipeline/worker.hpp"),
    ({"sdk/stats.hpp": "#include <iostream>"}, "is allowed only in: no header"),
    ({"http/other.hpp": "#include <curl/curl.h>"}, "is allowed only in: http/curl.hpp, "
     "instrument/curl_details.hpp"),
    ({"otlp/encoder.hpp": "#include <nlohmann/json.hpp>"}, "is allowed only in: otlp/reply.hpp"),
    ({"sdk/stats.hpp": '#include "config.hpp"'}, "has to be written"),
    ({"sdk/stats.hpp": "#include <waggle/trace.hpp>"}, 'has to be "waggle/'),
    ({"sdk/stats.hpp": '#include "waggle/sdk/gone.hpp"'}, "does not exist"),
    ({"sdk/stats.hpp": "#pragma once"}, "include guard"),
]


def self_test():
    misjudged = 0
    for extra, expected in [({}, None)] + BAD_TREES:
        with tempfile.TemporaryDirectory() as root:
            write_tree(root, {**GOOD_TREE, **extra})
            problems = check_tree(root)[2]
        right = not problems if expected is None else (
            len(problems) == 1 and expected in problems[0])
        if not right:
            misjudged += 1
            print(f"misjudged: {extra}: expected {expected!r}, got {problems}")
    print(f"{len(BAD_TREES) + 1 - misjudged} of {len(BAD_TREES) + 1} small trees judged rightly")
    return 1 if misjudged else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    headers, arrows, problems = check_tree(options.root)
    for problem in problems:
        print(problem)
    print(f"{headers} headers, {arrows} arrows, {len(problems)} wrong")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
