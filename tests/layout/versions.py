#!/usr/bin/env python3
"""Fails if a file names another release than include/waggle/core/version.hpp, or none, or if a file that is
written for a package manager cannot be read by it.

    versions.py                 checks this tree
    versions.py --self-test     sees each of the checks fail
"""
import ast
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = "include/waggle/core/version.hpp"
NUMBER = r"(\d+\.\d+\.\d+)"

# What names a release in each file: every match has to be the same one. The last release of the CHANGELOG counts.
NAMED = {
    HOME: rf'#define WAGGLE_VERSION "{NUMBER}"',
    "CHANGELOG.md": rf"\A.*?^## \[{NUMBER}\]",
    "README.md": rf"(?:\brelease |\bGIT_TAG v|find_package\(waggle ){NUMBER}",
    "packaging/README.md": rf"\bwaggle/{NUMBER}",
    "packaging/conan/conanfile.py": rf'^    version = "{NUMBER}"$',
    "packaging/vcpkg/waggle/vcpkg.json": rf'^  "version": "{NUMBER}",$',
    "MODULE.bazel": rf'^module\(\n    name = "waggle",\n    version = "{NUMBER}",$',
}
STARLARK = ["MODULE.bazel", "BUILD.bazel", "tests/consumer/BUILD.bazel", "tests/consumer/bazel/MODULE.bazel",
            "tests/consumer/bazel/BUILD.bazel"]
PYTHON = ["packaging/conan/conanfile.py", "packaging/conan/test_package/conanfile.py"]
JSON = ["packaging/vcpkg/waggle/vcpkg.json", "tests/consumer/vcpkg/vcpkg.json",
        "tests/consumer/vcpkg/vcpkg-configuration.json"]


def read_tree():
    names = sorted({*NAMED, *STARLARK, *PYTHON, *JSON})
    headers = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "include").rglob("*.hpp"))]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in {*names, *headers}}


def parts_of_home(text):
    """Returns the number that the three macros of version.hpp make up."""
    parts = [re.search(rf"#define WAGGLE_VERSION_{part} (\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
    return ".".join(part[1] if part else "?" for part in parts)


def disagreements(files):
    release = parts_of_home(files[HOME])
    for name, pattern in NAMED.items():
        found = re.findall(pattern, files[name], re.MULTILINE | re.DOTALL)
        if not found:
            yield f"{name} does not name the release"
        yield from (f"{name} says {other}, {HOME} {release}" for other in found if other != release)
    for name, text in files.items():
        if name.startswith("include/") and name != HOME and f'"{release}"' in text:
            yield f"{name} has a copy of the release's number"


def unreadable(files):
    for names, parse in ((STARLARK + PYTHON, ast.parse), (JSON, json.loads)):
        for name in names:
            try:
                parse(files[name])
            except (SyntaxError, ValueError) as error:
                yield f"{name} cannot be read: {error}"


def problems(files):
    return [*disagreements(files), *unreadable(files)]


def self_test(files):
    """Breaks each file in turn; returns those whose breaking goes unnoticed."""
    release = parts_of_home(files[HOME])
    unnoticed = []
    for name in sorted({*NAMED, *STARLARK, *PYTHON, *JSON}):
        broken = dict(files)
        broken[name] = files[name].replace(release, "9.9.9", 1) if name in NAMED else files[name] + "\n(]"
        if len(problems(broken)) <= len(problems(files)):
            unnoticed.append(f"a broken {name} goes unnoticed")
    return unnoticed


def main():
    files = read_tree()
    found = self_test(files) if "--self-test" in sys.argv else problems(files)
    print("\n".join(found) or f"{len(NAMED)} files name release {parts_of_home(files[HOME])}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
