#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the Debian package with CPack and looks at it: contents, dependencies, scripts, the unit; unpacks it and runs the
program with the configuration that it brings. With TOCSIN_DEBIAN_ROOT, a Debian 12 tree that has the libraries, and as root,
it is installed there, upgraded, removed and purged, and must leave nothing behind.
usage: package_test.py BUILD_FOLDER"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv.pop() if len(sys.argv) > 1 else "build/release").resolve()
SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
DEBIAN_ROOT = os.environ.get("TOCSIN_DEBIAN_ROOT", "")
SKIPPED = 77
# What systemd-analyze security calls the exposure: 0 is none, 10 all.
EXPOSURE_MAX = 2.0

LISTED = {
    "./usr/bin/tocsin": "-rwxr-xr-x", "./usr/lib/systemd/system/tocsin.service": "-rw-r--r--",
    "./etc/tocsin/tocsin.yaml": "-rw-r-----", "./etc/tocsin/rules/root_activity.yml": "-rw-r--r--",
    "./usr/share/doc/tocsin/copyright": "-rw-r--r--", "./usr/share/doc/tocsin/operation.md": "-rw-r--r--",
}


def run(*command, **settings):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=240, **settings)


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="tocsin-package-")  # pylint: disable=consider-using-with
        cls.root = pathlib.Path(cls.scratch.name)
        made = run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", cls.root / "cpack", cwd=cls.root)
        if made.returncode != 0:
            raise AssertionError(made.stdout + made.stderr)
        cls.package = next((cls.root / "cpack").glob("*.deb"))
        cls.tree = cls.root / "tree"
        subprocess.run(["dpkg-deb", "-x", str(cls.package), str(cls.tree)], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_what_is_in_it(self):
        rows = [row.split() for row in run("dpkg-deb", "-c", self.package).stdout.splitlines()]
        listed = {row[5]: (row[0], row[1]) for row in rows}
        for path, mode in LISTED.items():
            self.assertEqual(listed.get(path), (mode, "root/root"), path)
        for path in listed:
            self.assertRegex(path, r"^\./(usr/((bin|share|lib/systemd)(/|$)|lib/$|$)|etc/(tocsin(/|$))?|$)", path)

    def test_what_it_says_of_itself(self):
        fields = run("dpkg-deb", "-f", self.package).stdout
        self.assertRegex(fields, r"(?m)^Package: tocsin$")
        for library in ("libc6", "libre2-", "libsimdjson", "libcurl4", "libprometheus-cpp-core1.0", "adduser"):
            self.assertRegex(fields, rf"(?m)^Depends: .*\b{re.escape(library)}", library)
        control = self.root / "control"
        subprocess.run(["dpkg-deb", "-e", str(self.package), str(control)], check=True)
        self.assertEqual((control / "conffiles").read_text("utf-8").split(),
                         ["/etc/tocsin/tocsin.yaml", "/etc/tocsin/rules/root_activity.yml"])
        for script in ("postinst", "prerm", "postrm"):
            self.assertEqual(os.stat(control / script).st_mode & 0o777, 0o755, script)
            self.assertEqual(run("sh", "-n", control / script).returncode, 0, script)

    def test_the_program_in_it_runs_with_the_configuration_in_it(self):
        version = run(self.tree / "usr/bin/tocsin", "--version")
        self.assertEqual(version.returncode, 0, version.stderr)
        checked = run(self.tree / "usr/bin/tocsin", "check", "--config", self.tree / "etc/tocsin/tocsin.yaml",
                      self.tree / "etc/tocsin/rules")
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_the_unit_is_sound_and_little_exposed(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze")
        unit = self.tree / "usr/lib/systemd/system/tocsin.service"
        changed = self.root / "tocsin.service"
        text = unit.read_text("utf-8").replace("/usr/bin/tocsin", str(self.tree / "usr/bin/tocsin"))
        changed.write_text(text.replace("file:/usr/share", "file:/"), "utf-8")
        verified = run("systemd-analyze", "verify", "--man=no", changed)
        complaints = [row for row in verified.stderr.splitlines() if "tocsin.service" in row]
        self.assertEqual(complaints, [])
        exposed = run("systemd-analyze", "security", "--offline=true", "--no-pager", changed)
        level = re.search(r"Overall exposure level for tocsin.service: ([0-9.]+)", exposed.stdout)
        if level is None:
            self.skipTest("systemd-analyze cannot judge units offline")
        self.assertLessEqual(float(level.group(1)), EXPOSURE_MAX)

    def test_it_installs_upgrades_removes_and_purges(self):
        if not DEBIAN_ROOT or os.geteuid() != 0:
            self.skipTest("needs root and TOCSIN_DEBIAN_ROOT")
        upper, work, merged = self.root / "upper", self.root / "work", self.root / "merged"
        space = self.root / "space"
        space.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(space)], check=True)
        self.addCleanup(lambda: run("umount", "-l", space))
        upper, work, merged = space / "upper", space / "work", space / "merged"
        for folder in (upper, work, merged):
            folder.mkdir()
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={DEBIAN_ROOT},upperdir={upper},workdir={work}", str(merged)], check=True)
        self.addCleanup(lambda: run("umount", "-l", merged))
        shutil.copy(self.package, merged / "tocsin.deb")

        def inside(*command):
            done = run("chroot", merged, "env", "DEBIAN_FRONTEND=noninteractive", *command)
            self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
            return done.stdout
        wanted = re.sub(r"\([^)]*\)", "", run("dpkg-deb", "-f", self.package, "Depends").stdout).split(",")
        missing = [name for name in wanted
                   if all(run("chroot", merged, "dpkg-query", "-W", one.strip()).returncode != 0 for one in name.split("|"))]
        # Libraries that the tree lacks as packages may be there as files; what is judged is this package.
        force = ["--force-depends"] if missing else []
        inside("dpkg", *force, "-i", "/tocsin.deb")
        self.assertIn("tocsin", inside("getent", "passwd", "tocsin"))
        if not missing:
            self.assertIn("tocsin 0", inside("tocsin", "--version"))
        config = merged / "etc/tocsin/tocsin.yaml"
        self.assertEqual(oct(config.stat().st_mode & 0o777), "0o640")
        config.write_text(config.read_text("utf-8") + "# mine\n", "utf-8")
        (merged / "etc/tocsin/rules/mine.yml").write_text("# mine\n", "utf-8")
        (merged / "var/lib/tocsin").mkdir()
        inside("dpkg", *force, "--force-confold", "-i", "/tocsin.deb")
        self.assertIn("# mine", config.read_text("utf-8"))
        inside("dpkg", "-r", "tocsin")
        self.assertFalse((merged / "usr/bin/tocsin").exists())
        self.assertTrue(config.exists(), "removing keeps the configuration")
        inside("dpkg", "-P", "tocsin")
        self.assertFalse(config.exists())
        self.assertTrue((merged / "etc/tocsin/rules/mine.yml").exists(), "what the administrator wrote stays")
        self.assertFalse((merged / "var/lib/tocsin").exists())
        self.assertEqual(run("chroot", merged, "getent", "passwd", "tocsin").stdout, "")
        left = [path for path in upper.rglob("*tocsin*") if path.is_file() and path.name != "tocsin.deb"]
        self.assertEqual(left, [])


if __name__ == "__main__":
    if any(shutil.which(tool) is None for tool in ("cpack", "dpkg-deb", "dpkg-shlibdeps")):
        print("skipped: no cpack, dpkg-deb or dpkg-shlibdeps")
        sys.exit(SKIPPED)
    if not (BUILD / "tocsin").exists():
        print("skipped: the program is not built")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
