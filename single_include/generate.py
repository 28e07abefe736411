#!/usr/bin/env python3
"""Writes waggle.hpp, all of include/waggle in one file.

    generate.py            writes it
    generate.py --check    fails if it is not what would be written

The light band comes first, as it is; what configures tracing follows if WAGGLE_IMPLEMENTATION is defined. Every
part keeps its own include guard, so the file may be included twice, once without and then with the definition,
and beside the headers that it was made from.
"""

import itertools
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parent / "include"
TARGET = HERE / "waggle.hpp"
INSTRUMENTS = ["bind", "http", "httplib", "curl", "asio"]
OWN_INCLUDE = re.compile(r'^#include "(waggle/[^"]+)"\n', re.MULTILINE)

HEAD = """\
// waggle {version}: tracing for C++17 that writes OTLP/JSON to Honeycomb. Everything in one file.
//
// In files that make spans:                 #include "waggle.hpp"
// In the one file that configures tracing:  #define WAGGLE_IMPLEMENTATION
//                                           #include "waggle.hpp"
// Only that one needs libcurl, zlib and nlohmann_json: link -lcurl -lz -pthread.
//
// For waggle/instrument/http.hpp define WAGGLE_INSTRUMENT_HTTP before it; likewise WAGGLE_INSTRUMENT_BIND,
// _HTTPLIB, _CURL and _ASIO.
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


def includes(name, branch=None):
    """Returns what a header includes; of trace.hpp, that of its first or its second branch, or of both."""
    text = (INCLUDE / name).read_text(encoding="utf-8")
    if branch is not None and "#else\n" in text:
        text = text.split("#else\n")[branch]
    return OWN_INCLUDE.findall(text)


def behind(names):
    """Returns all headers that these include, each behind the ones that it needs itself, and these at last."""
    order = []
    for name in names:
        order += [each for each in behind(includes(name)) + [name] if each not in order]
    return order


def parts(names):
    """Returns headers without their includes of other ones."""
    texts = []
    for name in names:
        text = OWN_INCLUDE.sub("", (INCLUDE / name).read_text(encoding="utf-8"))
        texts.append(f"// ---- {name} ----\n\n" + re.sub(r"\n{3,}", "\n\n", text) + "\n")
    return "".join(texts)


def under(condition, text):
    """Returns a text for the preprocessor to leave out unless the condition holds."""
    return f"#if {condition}\n\n{text}#endif  // {condition}\n\n"


def instruments(known):
    """Returns the headers of instrument/, each for those who have asked for it or for what needs it."""
    needs = {each: behind([f"waggle/instrument/{each}.hpp"]) for each in INSTRUMENTS}

    def asked(name):
        return " || ".join(f"defined(WAGGLE_INSTRUMENT_{each.upper()})" for each in INSTRUMENTS if name in needs[each])

    names = [name for name in behind(f"waggle/instrument/{each}.hpp" for each in INSTRUMENTS) if name not in known]
    return "".join(under(condition, parts(group)) for condition, group in itertools.groupby(names, asked))


def version():
    """Returns the number of this release."""
    text = (INCLUDE / "waggle/core/version.hpp").read_text(encoding="utf-8")
    return re.search(r'WAGGLE_VERSION "([^"]+)"', text)[1]


def license_lines():
    """Returns the licence's first lines as a comment."""
    lines = (HERE.parent / "LICENSE").read_text(encoding="utf-8").splitlines()
    return "\n".join(f"// {line}".rstrip() for line in lines)


def generated():
    """Returns what waggle.hpp is to be."""
    # What instrument/ uses beside trace.hpp, it uses with WAGGLE_DISABLED, too.
    used = [name for each in behind(f"waggle/instrument/{each}.hpp" for each in INSTRUMENTS)
            if each.startswith("waggle/instrument/") for name in includes(each)
            if not name.startswith("waggle/instrument/") and name != "waggle/trace.hpp"]
    disabled = behind(includes("waggle/trace.hpp", 0) + used)
    enabled = behind(includes("waggle/trace.hpp", 1))
    sdk = [name for name in behind(["waggle/sdk.hpp"]) if name not in ("waggle/trace.hpp", *disabled)]
    common = [name for name in disabled if name in enabled or name in behind(used)]
    seam = [name for name in enabled if name in behind([n for n in sdk if n not in enabled and n != "waggle/sdk.hpp"])
            and name not in common]
    return "".join([
        HEAD.format(version=version(), license=license_lines()), "\n", parts(common),
        under("defined(WAGGLE_DISABLED)", parts(n for n in disabled if n not in common)),
        under("!defined(WAGGLE_DISABLED) || defined(WAGGLE_IMPLEMENTATION)", parts(seam)),
        under("!defined(WAGGLE_DISABLED)", parts(n for n in enabled if n not in common + seam)),
        instruments(["waggle/trace.hpp", *enabled, *disabled]),
        WITHOUT,
        under("defined(WAGGLE_IMPLEMENTATION)", parts(n for n in sdk if n not in enabled)),
    ])


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
