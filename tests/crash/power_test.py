#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""After a power failure the state folder may hold less than what was written, or something else: an older copy of it, a log that
ends early, blocks of nothing. tocsin starts, says what it found, and evaluates everything that is still on the disk."""
import datetime
import json
import pathlib
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest

from support import IS_SOAK, PROGRAM, Endpoint, Log, Records, Tocsin, eventually, stored_alerts

RECORDS = 60_000 if IS_SOAK else 6_000
ROUNDS = 40 if IS_SOAK else 9
CHUNK = 100


def tear_end(path, rng):
    """What was written last is not there."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(rng.randrange(size) if size else 0)


def tear_blocks(path, rng):
    """Some blocks never reached the disk, others did."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for _ in range(max(1, size // 4096 // 8)):
            file.seek(rng.randrange(max(1, size // 4096)) * 4096)
            file.write(rng.choice((b"\0" * 4096, rng.randbytes(4096))))


class Damage:
    """What a power failure may leave; each needs tocsin not to run."""

    def __init__(self, state, rng):
        self.state = state
        self.rng = rng
        self.copy = None

    def keep_copy(self):
        if self.copy is not None:
            shutil.rmtree(self.copy)
        self.copy = self.state.with_name("state.copy")
        shutil.copytree(self.state, self.copy)

    def old_copy(self):
        shutil.rmtree(self.state)
        shutil.copytree(self.copy, self.state)

    def log_ends_early(self):
        tear_end(self.state / "tocsin.db-wal", self.rng)

    def log_is_torn(self):
        tear_blocks(self.state / "tocsin.db-wal", self.rng)

    def log_is_gone(self):
        (self.state / "tocsin.db-wal").unlink()

    def file_ends_early(self):
        tear_end(self.state / "tocsin.db", self.rng)

    def file_is_torn(self):
        tear_blocks(self.state / "tocsin.db", self.rng)

    def file_is_something_else(self):
        (self.state / "tocsin.db").write_bytes(self.rng.randbytes(20_000))

    def file_is_empty(self):
        (self.state / "tocsin.db").write_bytes(b"")

    def all_kinds(self):
        return [
            self.old_copy,
            self.log_ends_early,
            self.log_is_torn,
            self.file_is_torn,
            self.file_ends_early,
            self.log_is_gone,
            self.file_is_something_else,
            self.file_is_empty,
        ]


class PowerFailures(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="tocsin-power-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        base = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(hours=8)
        self.records = Records(RECORDS, 3600, base)
        self.endpoint = Endpoint()
        self.addCleanup(self.endpoint.close)

    def test_nothing_that_is_on_the_disk_is_lost(self):
        rng = random.Random(23)
        tocsin = Tocsin(self.folder, self.endpoint)
        logs = {name: Log(self.folder / "logs" / name, 200_000) for name in ("trail", "second", "app")}
        damage = Damage(tocsin.state, rng)
        kinds = damage.all_kinds()
        chunks = list(self.records.chunks(CHUNK))
        tocsin.start()
        for number in range(ROUNDS):
            for name, text, _ in chunks[number * len(chunks) // ROUNDS : (number + 1) * len(chunks) // ROUNDS]:
                logs[name].write(text, rng)
            time.sleep(rng.uniform(0.2, 0.8))
            tocsin.kill()
            if number == 0 or rng.randrange(4) == 0:
                damage.keep_copy()
            kind = kinds[number % len(kinds)]
            with self.subTest(kind=kind.__name__):
                kind()
                tocsin.start()
                time.sleep(0.1)
                self.assertIsNone(tocsin.process.poll(), tocsin.said()[-2000:])
        for name, text in self.records.end():
            logs[name].write(text, rng)
            logs[name].close()
        # What matters is evaluated by rules without state, so that a state that begins anew changes nothing.
        wanted = self.expected_ids()
        done = eventually(lambda: wanted <= self.endpoint.delivered(), 120)
        self.assertTrue(done, f"{len(wanted - self.endpoint.delivered())} of {len(wanted)} missing: " + tocsin.said()[-2000:])
        self.assertEqual(tocsin.end(), 0, tocsin.said()[-2000:])
        said = tocsin.said()
        damaged = list(tocsin.state.glob("tocsin.db.damaged-*"))
        print(f"{ROUNDS} power failures, {len(wanted)} alerts, {len(damaged)} files set aside")
        self.assertGreater(said.count("state-damaged"), 0)
        self.assertIn("tocsin: state-damaged", " ".join(self.system_alerts()))
        self.assertLessEqual(wanted, set(stored_alerts(tocsin.state)) | self.endpoint.delivered())

    def system_alerts(self):
        return {f"tocsin: {body['rule']['name']}" for body in self.endpoint.bodies.values() if body["kind"] == "system"}

    def expected_ids(self):
        """The ids of the alerts of single records, from a run over what is on the disk."""
        found = set()
        for name, more in (("trail", []), ("second", []), ("app", ["--logsource", "product=app"])):
            result = subprocess.run(
                [PROGRAM, "scan", "--rules", str(self.folder / "rules.yml"), "--format", "ndjson", "-q", *more]
                + [str(self.folder / "logs" / name)],
                capture_output=True,
                text=True,
                check=True,
            )
            for line in result.stdout.splitlines():
                alert = json.loads(line)
                if alert["kind"] == "detection":
                    found.add(alert["id"])
        return found


class Refusals(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="tocsin-power-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        for name in ("trail", "second", "app"):
            (self.folder / "logs" / name).mkdir(parents=True)
        self.endpoint = Endpoint()
        self.addCleanup(self.endpoint.close)

    def test_a_second_instance_is_refused(self):
        tocsin = Tocsin(self.folder, self.endpoint)
        tocsin.start()
        self.assertTrue(eventually(lambda: "loaded" in tocsin.said(), 30))
        second = Tocsin(self.folder, self.endpoint)
        second.errors = self.folder / "second.txt"
        second.start()
        self.assertEqual(second.process.wait(timeout=30), 2)
        self.assertIn("in use by process", second.said())
        self.assertEqual(tocsin.end(), 0)

    def test_a_state_that_is_removed_under_a_running_tocsin_loses_nothing(self):
        tocsin = Tocsin(self.folder, self.endpoint)
        tocsin.start()
        self.assertTrue(eventually(lambda: "loaded" in tocsin.said(), 30))
        records = Records(3_000, 600, datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=8))
        chunks = list(records.chunks(100))
        rng = random.Random(5)
        logs = {name: Log(self.folder / "logs" / name / "new", 0) for name in ("trail", "second", "app")}
        for name, text, _ in chunks[: len(chunks) // 2]:
            logs[name].write(text, rng)
        self.assertTrue(eventually((tocsin.state / "used").exists, 30))
        shutil.rmtree(tocsin.state)
        for name, text, _ in chunks[len(chunks) // 2 :]:
            logs[name].write(text, rng)
        self.assertEqual(tocsin.process.wait(timeout=30), 3, tocsin.said())
        self.assertIn("was removed", tocsin.said())
        for name, text in records.end():
            logs[name].write(text, rng)
            logs[name].close()
        tocsin.start()
        ends = lambda: sum(self.endpoint.titles()[title] for title in ("End", "End of app")) == 3
        self.assertTrue(eventually(ends, 60), tocsin.said()[-2000:])
        self.assertEqual(tocsin.end(), 0)
        self.assertEqual(set(stored_alerts(tocsin.state)) - self.endpoint.delivered(), set())
        deleted = sum(text.count('"DeleteTrail"') for _, text, _ in chunks)
        titles = self.endpoint.titles()
        self.assertGreater(deleted, 0)
        # Copies of a record have its identity.
        originals = {line.split('"eventID":"')[1][:36] for _, text, _ in chunks for line in text.splitlines() if '"DeleteTrail"' in line}
        self.assertEqual(titles["Trail deleted"], len(originals))

    def test_an_input_in_the_state_folder_is_refused_and_one_around_it_does_not_read_it(self):
        tocsin = Tocsin(self.folder, self.endpoint)
        config = self.folder / "tocsin.yaml"
        text = config.read_text("utf-8")
        config.write_text(text.replace("paths: [logs/app]", "paths: ['state/*.ndjson']"), "utf-8")
        tocsin.start()
        self.assertEqual(tocsin.process.wait(timeout=30), 3)
        self.assertIn("which lies in the state folder", tocsin.said())
        config.write_text(text.replace("paths: [logs/app]", "paths: [.], exclude: ['*.yml', '*.yaml', '*.txt']"), "utf-8")
        tocsin.start()
        self.assertTrue(eventually(lambda: "loaded" in tocsin.said(), 30))
        app = Log(self.folder / "logs" / "app" / "new", 0)
        for name, line in Records(1, 1, datetime.datetime.now(datetime.timezone.utc)).end():
            if name == "app":
                app.write(line, random.Random(1))
        app.close()
        self.assertTrue(eventually(lambda: self.endpoint.titles()["End of app"] == 1, 30), tocsin.said()[-2000:])
        self.assertEqual(tocsin.end(), 0, tocsin.said())
        self.assertNotIn("malformed", tocsin.said().rpartition("loaded")[2].replace("0 malformed", ""))

    def test_a_state_of_a_later_version_is_refused_and_left_as_it_is(self):
        tocsin = Tocsin(self.folder, self.endpoint)
        tocsin.start()
        self.assertTrue(eventually(lambda: "loaded" in tocsin.said(), 30))
        self.assertEqual(tocsin.end(), 0)
        connection = sqlite3.connect(tocsin.state / "tocsin.db")
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        before = (tocsin.state / "tocsin.db").read_bytes()
        tocsin.start()
        self.assertEqual(tocsin.process.wait(timeout=30), 2)
        self.assertIn("later version", tocsin.said())
        self.assertEqual((tocsin.state / "tocsin.db").read_bytes(), before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
