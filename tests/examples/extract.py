#!/usr/bin/env python3
"""Compile and run every example of the manual pages and the README.

Owns the rules by which an example is found; a block it does not understand is a failure, so that
none can go untested by mistake. Must not touch the source tree: everything is made in a folder
of its own and removed.

Manual pages: the comment line before each `.Bd -literal` says what the block is.
	.\\" example: NAME	a C program, or a part of one that some check_*.c beside this script
				includes as "NAME.c" and puts to the test
	.\\" output: NAME	exactly what the program NAME prints
	.\\" shell		a transcript: `$ ` begins a command, other lines are its output,
				`...` stands for anything in a line, alone for any lines
	.\\" not run: REASON	reported as skipped
	.\\" text		no example
README: ```c (named by `<!-- example: NAME -->` on the line before), ```console (a transcript) and
```sh (skipped: builds and installs). Other fences are text.

Environment: LAPSE_SRC (source tree), LAPSE_BUILD (folder of liblapse.a and the program lapse), CC,
CFLAGS. Prints TAP; the status is 1 if anything failed.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SRC = Path(os.environ.get("LAPSE_SRC", HERE.parent.parent)).resolve()
BUILD = Path(os.environ.get("LAPSE_BUILD", SRC / "build")).resolve()
CC = shlex.split(os.environ.get("CC", "cc"))
CFLAGS = shlex.split(os.environ.get("CFLAGS", ""))
HANG_GUARD_S = 30


class Block(NamedTuple):
    where: str  # file:line
    kind: str  # example, output, shell, not run, text
    name: str  # of the example, or the reason why it is not run
    text: str


class Failed(Exception):
    pass


ESCAPES = {r"\e": "\\", r"\-": "-", r"\&": "", r"\(aq": "'", r"\(dq": '"', r"\(ti": "~",
           r"\(ha": "^", r"\(ga": "`"}


def unescape(line, where):
    if line.startswith((".", "'")):
        raise Failed(f"{where}: a macro inside a literal block: {line}")

    def one(match):
        if match.group() not in ESCAPES:
            raise Failed(f"{where}: unknown escape in {line}")
        return ESCAPES[match.group()]

    return re.sub(r"\\(\(..|.|$)", one, line)


def blocks_of_page(path):
    mark = None
    lines = iter(enumerate(path.read_text().split("\n"), 1))
    for number, line in lines:
        where = f"{path.name}:{number}"
        if line.startswith(".Bd -literal"):
            if mark is None:
                raise Failed(f"{where}: a literal block without a mark")
            text = []
            for number, line in lines:
                if line == ".Ed":
                    break
                text.append(unescape(line, f"{path.name}:{number}"))
            yield Block(where, *mark, "\n".join(text) + "\n")
        mark = None
        found = re.fullmatch(r'\.\\" (example|output|shell|not run|text)(?:: (.*))?', line)
        if found:
            mark = (found.group(1), found.group(2) or "")


def blocks_of_readme(path):
    lines = iter(enumerate(path.read_text().split("\n"), 1))
    name = "readme"
    for number, line in lines:
        named = re.fullmatch(r"<!-- example: (\w+) -->", line)
        if named:
            name = named.group(1)
        if not line.startswith("```"):
            continue
        where = f"{path.name}:{number}"
        kind = {"```c": "example", "```console": "shell", "```sh": "not run"}.get(line, "text")
        text = []
        for _, body in lines:
            if body == "```":
                break
            text.append(body)
        label = {"example": name, "not run": "builds or installs"}.get(kind, "")
        yield Block(where, kind, label, "\n".join(text) + "\n")


def run(argv, folder, **more):
    """Status and output (both streams) of a command, in a process group that dies with it."""
    path = f"{BUILD}:{BUILD / 'tools'}:{os.environ['PATH']}"
    child = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, start_new_session=True,
                             env={**os.environ, "PATH": path, "LC_ALL": "C"}, **more)
    try:
        output, _ = child.communicate(timeout=HANG_GUARD_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        raise Failed(f"hung for {HANG_GUARD_S} s: {argv}\n{output}")
    return child.returncode, output


def check_program(source, folder, expected):
    program = source.stem
    argv = [*CC, *CFLAGS, "-Wall", "-Wextra", "-Werror", f"-I{SRC / 'include'}", f"-I{folder}",
            str(source), "-o", program, str(BUILD / "liblapse.a"), "-pthread"]
    status, output = run(argv, folder)
    if status != 0:
        raise Failed(output)
    status, output = run([f"./{program}"], folder)
    if status != 0:
        raise Failed(f"exit status {status}\n{output}")
    if expected is not None and output != expected:
        raise Failed(f"printed\n{output}the page says\n{expected}")


def steps_of_transcript(text):
    """Pairs of a command (with its continuation lines) and the output that is shown for it."""
    steps = []
    for line in text.rstrip("\n").split("\n"):
        if line.startswith("$ "):
            steps.append([line[2:], []])
        elif steps and not steps[-1][1] and steps[-1][0].endswith(("\\", "|")):
            steps[-1][0] += "\n" + line
        elif steps:
            steps[-1][1].append(line)
        else:
            raise Failed(f"a transcript has to begin with '$ ': {line}")
    return steps


def pattern(lines):
    any_text = re.escape("...")
    return "\n".join("(.|\n)*" if line == "..." else re.escape(line).replace(any_text, ".*")
                     for line in lines)


def check_transcript(block, folder):
    """One shell runs all commands, so that $?, variables and background jobs work."""
    steps = steps_of_transcript(block.text)
    mark = "-- end of step --"
    script = "".join(f"{command}\nlast=$?; printf '\\n%s\\n' '{mark}'; (exit $last)\n"
                     for command, _ in steps)
    _, output = run(["sh", "-c", script], folder)
    parts = output.split(f"\n{mark}\n")
    if len(parts) != len(steps) + 1:
        raise Failed(f"the shell stopped early:\n{output}")
    for (command, shown), part in zip(steps, parts):
        if not re.fullmatch(pattern(shown), part.rstrip("\n")):
            raise Failed(f"$ {command}\n{part}\nthe page says\n" + "\n".join(shown))


def collect():
    blocks = []
    for page in sorted((SRC / "docs/man").glob("*.[1-9]")):
        blocks += blocks_of_page(page)
    blocks += blocks_of_readme(SRC / "README.md")
    names = [b.name for b in blocks if b.kind == "example"]
    for name in names:
        if names.count(name) > 1:
            raise Failed(f"two examples are called {name}")
    return blocks


def plan(blocks, folder):
    """Write the examples into folder; return (label, reason to skip, check) for each thing to do:
    programs first, since transcripts run them."""
    outputs = {b.name: b.text for b in blocks if b.kind == "output"}
    drivers = sorted(HERE.glob("check_*.c"))
    included = "".join(driver.read_text() for driver in drivers)
    tasks = []

    def program(source, expected):
        return lambda: check_program(source, folder, expected)

    def transcript(block):
        return lambda: check_transcript(block, folder)

    for block in blocks:
        if block.kind != "example":
            continue
        source = folder / f"{block.name}.c"
        source.write_text(block.text)
        if re.search(r"^int main\(", block.text, re.M):
            tasks.append((f"{block.where} {block.name}", None,
                          program(source, outputs.pop(block.name, None))))
        elif f'#include "{block.name}.c"' not in included:
            raise Failed(f"{block.where}: no check_*.c includes {block.name}.c")
    tasks += [(driver.name, None, program(driver, None)) for driver in drivers]
    tasks += [(f"{b.where} transcript", None, transcript(b)) for b in blocks if b.kind == "shell"]
    tasks += [(f"{b.where} shell", b.name, None) for b in blocks if b.kind == "not run"]
    if outputs:
        raise Failed(f"output of no program: {', '.join(outputs)}")
    return tasks


def comment(failure):
    return "".join(f"# {line}\n" for line in str(failure).rstrip("\n").split("\n"))


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix="lapse-examples-") as name:
        folder = Path(name)
        for link in ("include", "src"):
            (folder / link).symlink_to(SRC / link)
        try:
            tasks = plan(collect(), folder)
        except Failed as failure:
            print(f"Bail out! {failure}")
            return 1
        print(f"1..{len(tasks)}")
        for number, (label, skip, check) in enumerate(tasks, 1):
            if skip is not None:
                print(f"ok {number} - {label} # SKIP {skip}", flush=True)
                continue
            try:
                check()
                print(f"ok {number} - {label}", flush=True)
            except Failed as failure:
                failed += 1
                print(f"not ok {number} - {label}\n{comment(failure)}", end="", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
