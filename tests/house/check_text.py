#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the text of the project's files: no absolute path of somebody's machine; sources are ASCII and begin with the
SPDX line; no tabs or trailing blanks in sources; text ends with a newline.
usage: check_text.py [ROOT]"""
import pathlib
import re
import sys

from support import SOURCE_DIR, tracked_files

SPDX = "SPDX-License-Identifier: Apache-2.0"
SOURCE_ENDS = (".cc", ".h", ".cmake", ".py", ".sh")
SOURCE_NAMES = ("CMakeLists.txt", "Makefile", ".ci/run")
# Written so that this file does not contain what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w.~$}/*-])/(?:work|root|Users)/\w|(?<![\w.~$}/*-])/home/(?!(?:USER|user)/)\w")


def is_source(name):
    path = pathlib.PurePosixPath(name)
    return path.suffix in SOURCE_ENDS or path.name in SOURCE_NAMES or name in SOURCE_NAMES


def problems_of_source(name, lines):
    head = lines[:2] if lines and lines[0].startswith("#!") else lines[:1]
    if not head or SPDX not in head[-1]:
        yield f"{name}:{len(head) or 1}: the first line (after #!) is not the SPDX line"
    for number, line in enumerate(lines, 1):
        if not line.isascii():
            yield f"{name}:{number}: a source is ASCII; write other characters as escapes"
        if line != line.rstrip():
            yield f"{name}:{number}: blanks at the line's end"
        if "\t" in line and pathlib.PurePosixPath(name).name != "Makefile":
            yield f"{name}:{number}: a tab"


def problems_of(root, name):
    data = (root / name).read_bytes()
    if b"\0" in data or not data:
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        if is_source(name):
            yield f"{name}:1: not UTF-8"
        return
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            yield f"{name}:{number}: an absolute path of one machine: {line.strip()[:100]}"
    if is_source(name):
        yield from problems_of_source(name, lines)
        if lines[-1] != "":
            yield f"{name}:{len(lines)}: no newline at the end"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE_DIR
    names = tracked_files(root)
    problems = [problem for name in names for problem in problems_of(root, name)]
    for problem in problems:
        print(problem)
    print(f"{len(names)} files checked, {len(problems)} problems")
    return 1 if problems or not names else 0


if __name__ == "__main__":
    sys.exit(main())
