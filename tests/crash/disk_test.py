#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A state folder on a file system that is full: tocsin says so and waits, and when there is room again nothing is lost."""
import datetime
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

from support import SKIPPED, Endpoint, Log, Records, Tocsin, eventually, stored_alerts

RECORDS = 20_000


def mount(folder, size, *more):
    options = ",".join(("size=" + size, *more))
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False)


class FullDisk(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="tocsin-disk-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        state = self.folder / "state"
        state.mkdir(mode=0o700)
        mounted = mount(state, "1m", "mode=700")
        self.assertEqual(mounted.returncode, 0, mounted.stderr)
        self.addCleanup(subprocess.run, ["umount", str(state)], check=True)

    def test_inputs_wait_for_room_and_nothing_is_lost(self):
        base = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(hours=8)
        rng = random.Random(1)
        endpoint = Endpoint()
        self.addCleanup(endpoint.close)
        tocsin = Tocsin(self.folder, endpoint)
        logs = {name: Log(self.folder / "logs" / name, 0) for name in ("trail", "second", "app")}
        tocsin.start()
        for name, text, _ in Records(RECORDS, 3600, base).chunks(100):
            logs[name].write(text, rng)
        self.assertTrue(eventually(lambda: "the inputs wait" in tocsin.said(), 30), tocsin.said()[-2000:])
        self.assertIsNone(tocsin.process.poll())
        self.assertIn("full", tocsin.said())
        for name, text in Records(RECORDS, 3600, base).end():
            logs[name].write(text, rng)
            logs[name].close()
        self.assertEqual(endpoint.titles()["End"], 0)
        room = subprocess.run(
            ["mount", "-o", "remount,size=64m", str(tocsin.state)], capture_output=True, check=False
        )
        self.assertEqual(room.returncode, 0)
        ends = lambda: sum(endpoint.titles()[title] for title in ("End", "End of app")) == 3
        self.assertTrue(eventually(ends, 60), tocsin.said()[-2000:])
        self.assertIn("written again", tocsin.said())
        self.assertEqual(tocsin.end(), 0, tocsin.said()[-2000:])
        stored = stored_alerts(tocsin.state)
        print(f"{len(stored)} alerts stored, {len(endpoint.delivered())} delivered")
        self.assertEqual(set(stored), endpoint.delivered())
        # Each marked record has its alert: copies have the same identity.
        names = [rule for rule, _ in stored.values()]
        wanted = sum(
            text.count("DeleteTrail") for name, text, _ in Records(RECORDS, 3600, base).chunks(100) if name == "trail"
        )
        self.assertGreaterEqual(names.count("Trail deleted"), wanted)


def can_mount():
    with tempfile.TemporaryDirectory(prefix="tocsin-disk-") as folder:
        if os.geteuid() != 0 or mount(folder, "1m").returncode != 0:
            return False
        return subprocess.run(["umount", folder], check=False).returncode == 0


if __name__ == "__main__":
    if not can_mount():
        print("skipped: a tmpfs cannot be mounted here")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
