#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every example with the program, as its README says, and compares the alerts with alerts.expected.
TOCSIN_PROGRAM names the program; TOCSIN_SHARED (or ../shared) is where AWS' own records are, if they are there."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = SOURCE_DIR / "examples"
PROGRAM = os.environ.get("TOCSIN_PROGRAM", str(SOURCE_DIR / "build/release/tocsin"))
SHARED = pathlib.Path(os.environ.get("TOCSIN_SHARED", SOURCE_DIR.parent / "shared"))
CONFIG = str(EXAMPLES / "demo/tocsin.yaml")
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/events.ndjson"))
# Those whose rules the demo plays together: tocsin.yaml names them.
TOGETHER = [f for f in FOLDERS if f"../{f.name}/rules" in pathlib.Path(CONFIG).read_text("utf-8")]
TIMEOUT_S = 60

# What AWS documents of each service (../shared/data/aws-doc-records.ndjson, by line), and the rules meant for it. Four of
# the records are sessions of a role without MFA in the console; where they say readOnly false, the rule for that fires too.
DOCUMENTED = {
    (0, "Security Hub insight changed"),
    (1, "HSM created from an unknown network"),
    (2, "GuardDuty threat list changed"),
    (2, "Console change by a role without MFA"),
    (3, "Unexpected principal in Inspector"),
    (4, "Unexpected principal in Inspector"),
    (5, "Unexpected principal in Fleet Hub"),
    (5, "Console change by a role without MFA"),
}


def run(*arguments):
    return subprocess.run(
        [PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=SOURCE_DIR
    )


def further_options(folder):
    """What the rules of an example need beside themselves."""
    options = []
    for name, option in (("placeholders.yaml", "--placeholders"), ("geo.mmdb", "--geo-database")):
        if (folder / name).exists():
            options += [option, folder / name]
    return options


def rule_options(folder):
    return ["--rules", folder / "rules"] + further_options(folder)


def alerts_of(result):
    """(record, level, title) of each alert in --format ndjson output, in the order printed."""
    alerts = [json.loads(line) for line in result.stdout.splitlines()]
    return [(alert["events"][-1]["record"], alert["level"], alert["rule"]["title"]) for alert in alerts]


def expected_of(folder):
    rows = []
    for line in (folder / "alerts.expected").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            record, level, title = line.split(" ", 2)
            rows.append((int(record), level, title))
    return rows


class Examples(unittest.TestCase):
    maxDiff = None

    def scan(self, *arguments):
        result = run("scan", "--format", "ndjson", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("error[", result.stderr)
        self.assertNotIn("warning[", result.stderr)
        return result

    def test_every_folder_is_complete(self):
        self.assertGreaterEqual(len(FOLDERS), 7)
        for folder in FOLDERS:
            with self.subTest(folder.name):
                for name in ("README.md", "alerts.expected"):
                    self.assertTrue((folder / name).is_file(), name)
                self.assertTrue(list((folder / "rules").glob("*.yml")))
                for line in (folder / "events.ndjson").read_text("utf-8").splitlines():
                    self.assertLessEqual({"eventVersion", "eventTime", "awsRegion", "eventID"}, set(json.loads(line)))

    def test_each_example_raises_the_alerts_it_promises_and_no_others(self):
        for folder in FOLDERS:
            with self.subTest(folder.name):
                result = self.scan(*rule_options(folder), folder / "events.ndjson")
                self.assertEqual(sorted(alerts_of(result)), sorted(expected_of(folder)))

    def test_each_rule_fires_at_least_once_and_each_example_has_quiet_events(self):
        for folder in FOLDERS:
            with self.subTest(folder.name):
                listed = run("rules", "list", "--format", "ndjson", *rule_options(folder)[2:], folder / "rules")
                rules = [json.loads(line) for line in listed.stdout.splitlines()]
                titles = {rule["title"] for rule in rules if rule["alert"]}
                self.assertTrue(titles)
                expected = expected_of(folder)
                self.assertEqual({title for _, _, title in expected}, titles)
                events = len((folder / "events.ndjson").read_text("utf-8").splitlines())
                self.assertLess(len({record for record, _, _ in expected}), events)

    def test_rules_are_clean_under_strict(self):
        for folder in FOLDERS:
            with self.subTest(folder.name):
                result = run("check", "--strict", *further_options(folder), folder / "rules")
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_the_tests_inside_the_rules_pass(self):
        if "\n  test " not in run("--help").stdout:
            self.skipTest("this program has no command `test` yet")
        for folder in FOLDERS:
            with self.subTest(folder.name):
                result = run("test", *further_options(folder), folder / "rules")
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_all_rules_together_raise_the_same_alerts(self):
        paths = [folder / "events.ndjson" for folder in TOGETHER]
        result = self.scan("--config", CONFIG, *paths)
        got = {}
        for line in result.stdout.splitlines():
            alert = json.loads(line)
            event = alert["events"][-1]
            name = pathlib.Path(event["source"]).parent.name
            got.setdefault(name, []).append((event["record"], alert["level"], alert["rule"]["title"]))
        self.assertEqual({n: sorted(a) for n, a in got.items()}, {f.name: sorted(expected_of(f)) for f in TOGETHER})

    def test_records_as_aws_documents_them_trigger_exactly_the_rules_meant_for_them(self):
        path = SHARED / "data/aws-doc-records.ndjson"
        if not path.exists():
            self.skipTest("the shared folder is not there")
        result = self.scan("--config", CONFIG, path)
        self.assertEqual({(record, title) for record, _, title in alerts_of(result)}, DOCUMENTED)
        self.assertEqual(len(alerts_of(result)), len(DOCUMENTED))

    def test_no_secret_of_an_event_leaves_the_program(self):
        result = self.scan(*rule_options(EXAMPLES / "no-mfa"), EXAMPLES / "no-mfa/events.ndjson")
        self.assertIn("AssumeRole", result.stdout)
        self.assertNotIn("IQoJb3JpZ2luX2Vj", result.stdout)

    def test_the_demo_ends_by_itself_with_every_alert(self):
        result = subprocess.run(
            [sys.executable, str(EXAMPLES / "demo/play.py"), "--program", PROGRAM, "--rate", "400"],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL,
        )
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual(len(lines), sum(len(expected_of(folder)) for folder in TOGETHER))
        for line in lines:
            self.assertLessEqual(len(line), 120)


if __name__ == "__main__":
    unittest.main()
