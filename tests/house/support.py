# SPDX-License-Identifier: Apache-2.0
"""What the checks of the source tree share: which files there are."""
import pathlib
import subprocess

SKIPPED = 77  # the exit status that ctest counts as skipped

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]


def tracked_files(root=SOURCE_DIR):
    """Paths relative to root of the files that belong to the project: what git knows, else all but build folders."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=root, capture_output=True, check=False
        )
        if listed.returncode == 0:
            names = listed.stdout.decode("utf-8").split("\0")
            return sorted(name for name in names if name and (root / name).is_file())
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in (".git", "build")
    )
