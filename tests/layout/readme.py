#!/usr/bin/env python3
"""Fails if the README goes stale: a snippet that does not compile, a first program that is not the
example it shows, a command that fails, a link to a file or a variable that is not there."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT}/include", f"-I{ROOT}/single_include"]


def code_blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def without_leading_comment(source):
    return re.sub(r"\A(//[^\n]*\n)+", "", source)


def inline_commands(text):
    """Returns the commands that stand in the text, each in one line, in their order."""
    spans = re.findall(r"`((?:g\+\+|cmake) [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return [" ".join(command.split()) for command in spans]


def failing_commands(text):
    """Runs the commands as they stand there, beside a copy of this tree called waggle and the programs they name;
    those of CMake within the copy, first."""
    programs = {"app.cpp": "tracing.errors()", "server.cpp": "waggle::HttplibServer"}
    with tempfile.TemporaryDirectory() as home:
        shutil.copytree(ROOT, f"{home}/waggle", ignore=shutil.ignore_patterns("build", ".git"))
        for name, words in programs.items():
            snippet = next(snippet for snippet in code_blocks(text, "cpp") if words in snippet)
            pathlib.Path(home, name).write_text(snippet)
        variables = {**os.environ, "HOME": home, "PKG_CONFIG_PATH": f"{home}/.local/share/pkgconfig"}
        for command in sorted(inline_commands(text)):
            folder = f"{home}/waggle" if command.startswith("cmake") else home
            done = subprocess.run(command, shell=True, cwd=folder, env=variables, capture_output=True, text=True)
            if done.returncode != 0:
                yield f"{command}: {done.stderr}"


def problems(text, compiler):
    snippets = code_blocks(text, "cpp")
    if not snippets:
        yield "no snippet at all"
        return
    example = (ROOT / "examples/01_hello.cpp").read_text()
    if snippets[0] != without_leading_comment(example):
        yield "the first program is not examples/01_hello.cpp"
    for number, snippet in enumerate(snippets, 1):
        with tempfile.NamedTemporaryFile("w", suffix=".cpp") as file:
            file.write(snippet)
            file.flush()
            done = subprocess.run([compiler, *FLAGS, file.name], capture_output=True, text=True)
            if done.returncode != 0:
                yield f"snippet {number} does not compile:\n{done.stderr}"
    for command in re.findall(r"^(\./\S+)", "\n".join(code_blocks(text, "")), re.M):
        path = ROOT / command
        if not path.is_file() or not path.stat().st_mode & 0o100:
            yield f"no such command: {command}"
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
        if not (ROOT / link).exists():
            yield f"broken link: {link}"
    variables = set(re.findall(r"`((?:HONEYCOMB|OTEL)_[A-Z_]+)", text))
    sources = "".join(path.read_text() for path in (ROOT / "include").rglob("*.hpp"))
    for variable in sorted(variables):
        if f'"{variable}' not in sources:
            yield f"the library does not know {variable}"


def main():
    text = (ROOT / "README.md").read_text()
    found = list(problems(text, sys.argv[1] if len(sys.argv) > 1 else "g++"))
    if len(inline_commands(text)) < 3:
        found.append("the commands are not found any more")
    found += failing_commands(text)
    stale = text[:text.index("\n## ")].replace("waggle::Span checkout", "waggle::Spam checkout")
    if len(list(problems(stale, "g++"))) < 2:
        found.append("the check itself does not notice a stale snippet")
    print("\n".join(found) or f"{len(code_blocks(text, 'cpp'))} snippets compile")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
