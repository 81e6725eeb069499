#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every C++ source is formatted as .clang-format says, with clang-format 14 (`make format` mends it)."""
import shutil
import subprocess
import sys

from support import SKIPPED, SOURCE_DIR, tracked_files


def main():
    program = shutil.which("clang-format-14")
    if program is None:
        print("skipped: clang-format-14 is not installed")
        return SKIPPED
    names = [name for name in tracked_files() if name.endswith((".cc", ".h"))]
    result = subprocess.run(
        [program, "--dry-run", "-Werror", *names], cwd=SOURCE_DIR, capture_output=True, text=True, check=False
    )
    bad = sorted({line.split(":")[0] for line in result.stderr.splitlines() if "[-Wclang-format-violations]" in line})
    for name in bad:
        print(f"{name}: not formatted; run: make format")
    if result.returncode != 0 and not bad:
        print(result.stderr)
    print(f"{len(names)} files checked, {len(bad)} not formatted")
    return 1 if result.returncode != 0 or not names else 0


if __name__ == "__main__":
    sys.exit(main())
