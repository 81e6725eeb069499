#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the checks themselves: each must find a violation that is planted, and pass without it."""
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

from support import SOURCE_DIR

SPDX_CC = "// SPDX-License-Identifier: Apache-2.0\n"


def write(root, name, text):
    path = pathlib.Path(root) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


class Floors(unittest.TestCase):
    """cmake/check_floors.cmake on small trees."""

    def check(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                write(root, name, text)
            result = subprocess.run(
                ["cmake", f"-DSOURCE_DIR={root}", "-P", str(SOURCE_DIR / "cmake/check_floors.cmake")],
                capture_output=True, text=True, check=False,
            )
        return result.returncode, result.stdout + result.stderr

    def test_what_the_table_allows_passes(self):
        status, output = self.check({
            "engine/event/a.cc": '#include "engine/event/a.h"\n#include "engine/base/b.h"\n#include <sys/stat.h>\n',
            "engine/event/a.h": "#include <vector>\n",
            "app/c.cc": '#include "rules/d.h"\n#include "alerts/e.h"\n',
            "tests/rules/f_test.cc": '#include <doctest/doctest.h>\n#include "tests/support/g.h"\n',
            "engine/match/regex.cc": "#include <re2/re2.h>\n",
        })
        self.assertEqual(status, 0, output)
        self.assertIn("5 files checked", output)

    def test_each_planted_violation_is_named_with_file_and_line(self):
        planted = {
            "a lower floor includes a higher one":
                ("engine/base/a.cc", '#include "engine/event/b.h"'),
            "rules include detectors": ("rules/a.cc", '#include "detectors/b.h"'),
            "alerts include rules": ("alerts/sinks/a.cc", '#include "rules/b.h"'),
            "detectors reach past their floor": ("detectors/a.h", '#include "engine/match/program.h"'),
            "the program includes a test": ("app/a.cc", '#include "tests/support/b.h"'),
            "a path relative to the file": ("engine/event/a.cc", '#include "value.h"'),
            "a library through another room's door": ("rules/a.cc", "#include <simdjson.h>"),
            "a library through another file of its room": ("engine/match/program.cc", "# include <re2/re2.h>"),
            "a library that no row names": ("app/a.cc", "#include <nlohmann/json.hpp>"),
        }
        for case, (name, include) in planted.items():
            with self.subTest(case):
                status, output = self.check({name: SPDX_CC + "// [a; bracket\n" + include + "\n#include <vector>\n"})
                self.assertNotEqual(status, 0, output)
                self.assertIn(f"{name}:3: ", output)

    def test_link_arrows_that_differ_from_the_table_are_found(self):
        status, output = self.check({
            "engine/base/a.cc": "",
            "CMakeLists.txt": "project(x)\ntocsin_room(base engine/base)\ntocsin_room(event engine/event USES base match)\n",
        })
        self.assertNotEqual(status, 0)
        self.assertIn("CMakeLists.txt:3: engine/event/ links", output)

    def test_a_folder_without_sources_is_an_error(self):
        self.assertNotEqual(self.check({"README.md": ""})[0], 0)


class Text(unittest.TestCase):
    """check_text.py on small trees."""

    def check(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                write(root, name, text)
            result = subprocess.run(
                [sys.executable, str(SOURCE_DIR / "tests/house/check_text.py"), root],
                capture_output=True, text=True, check=False,
            )
        return result.returncode, result.stdout

    def test_clean_files_pass(self):
        status, output = self.check({
            "a.cc": SPDX_CC + "int a;\n",
            "b.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n",
            "c.md": "caf\u00e9, ./work/x, https://example.org/work/x, /etc/tocsin\n",
        })
        self.assertEqual(status, 0, output)

    def test_each_planted_problem_is_found(self):
        planted = {
            "no SPDX line": ("a.cc", "int a;\n", "a.cc:1"),
            "SPDX not after the interpreter": ("a.py", "#!/usr/bin/env python3\nimport os\n", "a.py:2"),
            "not ASCII": ("a.h", SPDX_CC + "// caf\u00e9\n", "a.h:2"),
            "trailing blank": ("a.cc", SPDX_CC + "int a; \n", "a.cc:2"),
            "a tab": ("a.cc", SPDX_CC + "\tint a;\n", "a.cc:2"),
            "no newline": ("a.cc", SPDX_CC + "int a;", "a.cc:2"),
            "a machine path": ("a.md", "see\n" + "/".join(["", "work", "main"]) + "\n", "a.md:2"),
            "a home folder": ("a.yml", "x: " + "/".join(["", "home", "jane", "x"]) + "\n", "a.yml:1"),
        }
        for case, (name, text, place) in planted.items():
            with self.subTest(case):
                status, output = self.check({name: text})
                self.assertEqual(status, 1, output)
                self.assertIn(place + ":", output)


class Setup(unittest.TestCase):
    """scripts/setup.sh with stand-ins for the system's programs."""

    DEBIAN_12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'

    def run_setup(self, *, os_release=DEBIAN_12, installed=True, uid=0, sudo=None, apt_status=0, sets=("build",)):
        """Returns exit status, output, and what apt-get was asked for."""
        with tempfile.TemporaryDirectory() as root:
            tools = pathlib.Path(root) / "bin"
            tools.mkdir()
            log = pathlib.Path(root) / "apt.log"

            def tool(name, body):
                path = tools / name
                path.write_text("#!/bin/sh\n" + body + "\n", encoding="utf-8")
                path.chmod(path.stat().st_mode | stat.S_IXUSR)

            # All but ninja-build are there, or everything is.
            answer = "echo installed" if installed else '[ "$4" = ninja-build ] || echo installed'
            tool("dpkg-query", answer)
            tool("apt-get", f'echo "$@" >> {log}; echo "E: broken mirror"; exit {apt_status}')
            tool("id", f"echo {uid}")
            for name in ("env", "bash", "mktemp", "rm", "tail", "cat", "sh"):
                os.symlink(subprocess.check_output(["sh", "-c", f"command -v {name}"], text=True).strip(), tools / name)
            if sudo is not None:
                tool("sudo", f'[ "$1" = -n ] && exit {sudo}; exec "$@"')
            result = subprocess.run(
                [str(tools / "bash"), str(SOURCE_DIR / "scripts/setup.sh"), *sets],
                env={"PATH": str(tools), "TOCSIN_OS_RELEASE": str(write(root, "os-release", os_release))},
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            )
            asked = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return result.returncode, result.stdout + result.stderr, asked

    def test_nothing_is_said_or_done_where_all_is_installed(self):
        self.assertEqual(self.run_setup(uid=1000), (0, "", []))

    def test_root_installs_only_what_is_missing_and_says_what(self):
        status, output, asked = self.run_setup(installed=False)
        self.assertEqual(status, 0, output)
        self.assertIn("setup: installing 1 Debian packages: ninja-build\n", output)
        self.assertEqual(asked, ["-y -q update", "-y -q install --no-install-recommends ninja-build"])

    def test_another_user_installs_through_sudo(self):
        status, output, asked = self.run_setup(installed=False, uid=1000, sudo=0)
        self.assertEqual(status, 0, output)
        self.assertEqual(len(asked), 2)

    def test_without_root_and_sudo_the_packages_are_named(self):
        for sudo in (None, 1):
            with self.subTest(sudo=sudo):
                status, output, asked = self.run_setup(installed=False, uid=1000, sudo=sudo)
                self.assertEqual((status, asked), (1, []))
                self.assertIn("apt-get install --no-install-recommends ninja-build", output)

    def test_another_system_gets_the_whole_list_and_the_way_past(self):
        other = 'PRETTY_NAME="Fedora Linux 40"\nID=fedora\nVERSION_ID=40\n'
        status, output, asked = self.run_setup(os_release=other)
        self.assertEqual((status, asked), (1, []))
        for text in ("Fedora Linux 40", "libsimdjson-dev", "SETUP=no"):
            self.assertIn(text, output)

    def test_a_failing_apt_is_shown_and_fatal(self):
        status, output, _ = self.run_setup(installed=False, apt_status=100)
        self.assertEqual(status, 1)
        self.assertIn("E: broken mirror", output)

    def test_an_unknown_set_is_a_usage_error(self):
        self.assertEqual(self.run_setup(sets=("nonsense",))[0], 2)


if __name__ == "__main__":
    unittest.main()
