#!/usr/bin/env python3
"""Writes waggle.hpp, all of include/waggle in one file.

    generate.py            writes it
    generate.py --check    fails if it is not what would be written

The light band comes first, as it is; what configures tracing follows if WAGGLE_IMPLEMENTATION is defined. Every
part keeps its own include guard, so the file may be included twice, once without and then with the definition,
and beside the headers that it was made from.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parent / "include"
TARGET = HERE / "waggle.hpp"
OWN_INCLUDE = re.compile(r'^#include "(waggle/[^"]+)"\n', re.MULTILINE)

HEAD = """\
// waggle {version}: tracing for C++17 that writes OTLP/JSON to Honeycomb. Everything in one file.
//
// In files that make spans:                 #include "waggle.hpp"
// In the one file that configures tracing:  #define WAGGLE_IMPLEMENTATION
//                                           #include "waggle.hpp"
// Only that one needs libcurl, zlib and nlohmann_json: link -lcurl -lz -pthread.
//
// Made by single_include/generate.py from include/waggle; changes belong there.
{license}
"""

WITHOUT = """\
#if !defined(WAGGLE_IMPLEMENTATION) && !defined(WAGGLE_WITHOUT_IMPLEMENTATION)
#define WAGGLE_WITHOUT_IMPLEMENTATION

namespace waggle {
inline namespace abi1 {

struct Config;  // to have it, define WAGGLE_IMPLEMENTATION before this file is included

// Stands in for what the definition brings, to say so.
template <class... Arguments>
int start(Arguments&&...) {
  static_assert(sizeof...(Arguments) > 1000,
                "define WAGGLE_IMPLEMENTATION before waggle.hpp is included, in the one file that "
                "configures tracing");
  return 0;
}

}  // namespace abi1
}  // namespace waggle

#endif  // WAGGLE_IMPLEMENTATION

"""


def collect(name, seen, order):
    """Appends `name` to `order` behind all that it includes."""
    if name in seen:
        return
    seen.add(name)
    for included in OWN_INCLUDE.findall((INCLUDE / name).read_text(encoding="utf-8")):
        collect(included, seen, order)
    order.append(name)


def part(name):
    """Returns a header without its includes of other ones."""
    text = OWN_INCLUDE.sub("", (INCLUDE / name).read_text(encoding="utf-8"))
    return f"// ---- {name} ----\n\n" + re.sub(r"\n{3,}", "\n\n", text) + "\n"


def license_lines():
    """Returns the licence's first lines as a comment."""
    lines = (HERE.parent / "LICENSE").read_text(encoding="utf-8").splitlines()
    return "\n".join(f"// {line}".rstrip() for line in lines)


def generated():
    """Returns what waggle.hpp is to be."""
    seen, light, rest = set(), [], []
    collect("waggle/trace.hpp", seen, light)
    collect("waggle/sdk.hpp", seen, rest)
    version = re.search(r'WAGGLE_VERSION "([^"]+)"', (INCLUDE / "waggle/core/version.hpp").read_text(encoding="utf-8"))
    return "".join([HEAD.format(version=version[1], license=license_lines()), "\n", *map(part, light), WITHOUT,
                    "#ifdef WAGGLE_IMPLEMENTATION\n\n", *map(part, rest), "#endif  // WAGGLE_IMPLEMENTATION\n"])


def main():
    text = generated()
    if "--check" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print("single_include/waggle.hpp is not what include/ makes: run single_include/generate.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
