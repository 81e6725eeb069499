#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every command that the documentation shows, in a scratch folder with a copy of examples/, and compares what is printed.

What a page says to this test:
- A fenced block of kind `console`: lines that begin with "$ " are run (a line that ends in a backslash goes on), the lines
  behind each are what it must print (stdout and stderr as a terminal would show them). `...` inside a line stands for any
  text, a line `...` for any lines. A command with nothing behind it prints nothing or anything; its exit status must be 0.
  An exit status other than 0 is written as a line `[exit status N]` behind what is printed.
- A fenced block of kind `sh`: run as a script; it must end with status 0. Lines `make TARGET` are not run: the target must exist.
- `<!-- file: NAME -->` before a block: the block is the content of that file, for the blocks behind it.
- `<!-- until stopped -->` before a `sh` block: its last command runs for ever; it gets SIGTERM after a moment and must end with 0.
Blocks of other kinds (yaml, json, text) are not run. Each page starts with a fresh copy.

TOCSIN_PROGRAM names the program; in the scratch copy it is build/release/tocsin, and `tocsin` on the PATH.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE_DIR / "tests/house"))
from support import tracked_files  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM = os.environ.get("TOCSIN_PROGRAM", str(SOURCE_DIR / "build/release/tocsin"))
TIMEOUT_S = 60
RUN_FOR_S = 2.0
FENCE = re.compile(r"^( *)(`{3,})(\w*)\s*$")
DIRECTIVE = re.compile(r"^<!--\s*(file: (?P<file>\S+)|(?P<stop>until stopped))\s*-->$")


class Block:
    def __init__(self, kind, line, text, directive):
        self.kind = kind
        self.line = line
        self.text = text
        self.file = directive.group("file") if directive else None
        self.until_stopped = bool(directive and directive.group("stop"))


def blocks_of(text):
    """The fenced blocks of a Markdown page, each with the directive in the last line before it."""
    blocks = []
    directive = None
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if fence:
            indent, ticks, kind = fence.groups()
            end = at + 1
            while end < len(lines) and lines[end].strip() != ticks:
                end += 1
            body = [line.removeprefix(indent) for line in lines[at + 1 : end]]
            blocks.append(Block(kind, at + 1, "\n".join(body) + "\n", directive))
            directive = None
            at = end
        elif lines[at].strip():
            directive = DIRECTIVE.match(lines[at].strip())
        at += 1
    return blocks


def commands_of(block):
    """(command, expected lines) of a console block."""
    commands = []
    lines = block.text.rstrip("\n").split("\n")
    at = 0
    while at < len(lines):
        if not lines[at].startswith("$ "):
            raise AssertionError(f"line {block.line + at + 1}: output without a command")
        command = lines[at][2:]
        while command.endswith("\\"):
            at += 1
            command += "\n" + lines[at]
        at += 1
        expected = []
        while at < len(lines) and not lines[at].startswith("$ "):
            expected.append(lines[at])
            at += 1
        commands.append((command, expected))
    return commands


def pattern_of(expected):
    """Expected lines as a regular expression: `...` is any text in a line, or any lines."""
    out = ""
    for line in expected:
        if line.strip() == "...":
            out += r"(?:.*\n)*?"
        else:
            out += "[^\n]*?".join(re.escape(part) for part in line.split("...")) + "\n"
    return out


def make_targets():
    text = (SOURCE_DIR / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))


class Page:
    """A page of documentation and the scratch copy that its commands run in."""

    def __init__(self, name, scratch):
        self.name = name
        self.blocks = blocks_of((SOURCE_DIR / name).read_text("utf-8"))
        self.root = pathlib.Path(scratch) / "tocsin"
        self.environment = {
            "PATH": f"{self.root}/build/release:{os.environ['PATH']}",
            "HOME": str(scratch),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            **{key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")},
        }

    def copy_examples(self):
        for name in tracked_files():
            if not name.startswith("examples/"):
                continue
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE_DIR / name, target)
        program = self.root / "build/release/tocsin"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.symlink_to(PROGRAM)

    def shell(self, script):
        return subprocess.run(
            ["bash", "-c", script], cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=False,
        )

    def run_until_stopped(self, script):
        """Runs the script, ends its last command with SIGTERM; returns its exit status and what it printed."""
        lines = script.rstrip("\n").split("\n")
        script = "set -e\n" + "\n".join(lines[:-1]) + "\nexec " + lines[-1]
        with subprocess.Popen(
            ["bash", "-c", script], cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:
            time.sleep(RUN_FOR_S)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=TIMEOUT_S)
        return process.returncode, output


def pages():
    found = ["README.md", "CONTRIBUTING.md"]
    found += [str(path.relative_to(SOURCE_DIR)) for path in sorted(SOURCE_DIR.glob("docs/*.md"))]
    found += [str(path.relative_to(SOURCE_DIR)) for path in sorted(SOURCE_DIR.glob("examples/**/README.md"))]
    return found


class Commands(unittest.TestCase):
    maxDiff = None

    def check_console(self, page, block):
        for command, expected in commands_of(block):
            with self.subTest(page=page.name, line=block.line, command=command):
                result = page.shell(command)
                if not expected:
                    self.assertEqual(result.returncode, 0, result.stdout)
                    continue
                printed = result.stdout
                if printed and not printed.endswith("\n"):
                    printed += "\n"
                if result.returncode != 0:
                    printed += f"[exit status {result.returncode}]\n"
                if not re.fullmatch(pattern_of(expected), printed):
                    self.assertMultiLineEqual("\n".join(expected) + "\n", printed)

    def check_script(self, page, block):
        targets = re.findall(r"^make ([a-z -]+)$", block.text, re.MULTILINE)
        for target in " ".join(targets).split():
            self.assertIn(target, make_targets(), f"{page.name}:{block.line}")
        script = re.sub(r"^make .*$", "", block.text, flags=re.MULTILINE)
        if not script.strip():
            return
        with self.subTest(page=page.name, line=block.line):
            if block.until_stopped:
                status, output = page.run_until_stopped(script)
            else:
                result = page.shell("set -eo pipefail\n" + script)
                status, output = result.returncode, result.stdout
            self.assertEqual(status, 0, output)

    def check_page(self, name):
        with tempfile.TemporaryDirectory(prefix="tocsin-docs-") as scratch:
            page = Page(name, scratch)
            if any(block.file or block.kind in ("console", "sh") for block in page.blocks):
                page.copy_examples()
            for block in page.blocks:
                if block.file:
                    path = page.root / block.file
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(block.text, encoding="utf-8")
                elif block.kind == "console":
                    self.check_console(page, block)
                elif block.kind == "sh":
                    self.check_script(page, block)

    def test_every_command_shown_does_what_the_page_says(self):
        self.assertGreater(len(pages()), 8)
        for name in pages():
            self.check_page(name)


class Completeness(unittest.TestCase):
    """The manual names whatever the program takes."""

    def help_of(self, *command):
        result = subprocess.run([PROGRAM, *command, "--help"], capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_every_command_and_option_is_in_the_manual(self):
        manual = (SOURCE_DIR / "docs/commands.md").read_text("utf-8")
        commands = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +\S", self.help_of(), re.MULTILINE)
        self.assertIn("scan", commands)
        for command in commands:
            self.assertIn(f"tocsin {command}", manual)
            for option in re.findall(r"--([a-z-]+)", self.help_of(*command.split())):
                self.assertIn(f"`--{option}", manual, f"option of tocsin {command}")

    def rows_of(self, name, behind=""):
        """Names of the rows of a table in the sources: `{"name",` at a line's beginning, then what `behind` looks for."""
        text = (SOURCE_DIR / name).read_text("utf-8")
        return re.findall(r'^\s*\{"([a-z0-9_]+)",' + behind, text, re.MULTILINE)

    def test_every_key_of_the_configuration_is_in_the_manual(self):
        manual = (SOURCE_DIR / "docs/configuration.md").read_text("utf-8")
        keys = self.rows_of("app/config_keys.cc") + self.rows_of("app/receiver_keys.cc")
        self.assertIn("placeholders", keys)
        self.assertIn("url_env", keys)
        for key in keys:
            self.assertIn(f"`{key}`", manual)

    def test_every_modifier_and_extension_is_in_the_manual(self):
        manual = (SOURCE_DIR / "docs/rules.md").read_text("utf-8")
        modifiers = self.rows_of("rules/modifiers.cc", behind=r'(?! *")')  # not the table of hints
        self.assertIn("base64offset", modifiers)
        for word in modifiers + self.rows_of("rules/extensions.cc"):
            self.assertIn(f"`{word}`", manual)

    def test_paths_and_functions_that_the_maps_of_the_code_name_exist(self):
        sources = [name for name in tracked_files() if name.endswith((".h", ".cc"))]
        text = "\n".join((SOURCE_DIR / name).read_text("utf-8") for name in sources)
        for page in ("docs/ARCHITECTURE.md", "docs/LIFE_OF_AN_EVENT.md", "CONTRIBUTING.md"):
            for word in re.findall(r"`([^`\n]+)`", (SOURCE_DIR / page).read_text("utf-8")):
                if re.fullmatch(r"[a-z_]+/[a-z_/.]*", word):
                    self.assertTrue((SOURCE_DIR / word).exists(), f"{page}: {word}")
                elif re.fullmatch(r"[A-Z]\w+::\w+", word):
                    owner, function = word.split("::")
                    self.assertRegex(text, rf"\b(class|struct) {owner}\b", page)
                    self.assertRegex(text, rf"\b{function}\(", page)

    def test_links_between_pages_lead_somewhere(self):
        for name in pages():
            folder = (SOURCE_DIR / name).parent
            text = (SOURCE_DIR / name).read_text("utf-8")
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
                if not re.match(r"[a-z]+:", target):
                    self.assertTrue((folder / target).exists(), f"{name}: {target}")


class Itself(unittest.TestCase):
    """This test's own reading of pages."""

    def test_blocks_directives_and_commands_are_read(self):
        blocks = blocks_of("a\n<!-- file: x.yml -->\n```yaml\nk: v\n```\n\n```console\n$ a \\\n  b\nout ... end\n$ c\n```\n")
        self.assertEqual([(b.kind, b.file) for b in blocks], [("yaml", "x.yml"), ("console", None)])
        self.assertEqual(blocks[0].text, "k: v\n")
        self.assertEqual(commands_of(blocks[1]), [("a \\\n  b", ["out ... end"]), ("c", [])])

    def test_patterns_take_what_varies_and_nothing_else(self):
        pattern = pattern_of(["took ... s", "...", "end."])
        self.assertTrue(re.fullmatch(pattern, "took 1.2 s\na\nb\nend.\n"))
        self.assertTrue(re.fullmatch(pattern, "took 1.2 s\nend.\n"))
        self.assertFalse(re.fullmatch(pattern, "took 1.2 s\nend!\n"))
        self.assertFalse(re.fullmatch(pattern_of(["a ... c"]), "a b\nb c\n"))


if __name__ == "__main__":
    unittest.main()
