#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The long haul: a log grows and rotates for TOCSIN_SOAK_MINUTES (30) at TOCSIN_SOAK_RATE (50,000) records a second, rules are loaded
again every few seconds, and tocsin is killed every minute. At the end the alerts that are stored are exactly those of the records
that were written, and memory and descriptors are as they were at first. Part of `make soak`; TOCSIN_PROGRAM names the program."""
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

import soak_test

MINUTES = float(os.environ.get("TOCSIN_SOAK_MINUTES", "30"))
RATE = int(os.environ.get("TOCSIN_SOAK_RATE", "50000"))
ROTATE_S, RELOAD_S, KILL_S = 10.0, 7.0, 60.0
KEPT_LOGS = 5
# Duplicates are remembered, 24 hours of them: memory may grow by what they need, and by nothing else.
GROWTH_MAX = 1.3


class Follower:
    def __init__(self, folder):
        self.folder = folder
        self.rules = folder / "rule.yml"
        self.rules.write_text(soak_test.RULE, "utf-8")
        (folder / "tocsin.yaml").write_text(
            "version: 1\nrules: {paths: [rule.yml]}\ninputs:\n  - {id: trail, paths: [logs], start: beginning}\nstate: state\n"
            "store: {keep_delivered_bytes: 4GiB}\nreload: {poll: 500ms, debounce: 200ms}\nmetrics: {listen: '127.0.0.1:0'}\nadmin: {socket: admin.sock}\n", "utf-8")
        self.messages = open(folder / "messages.txt", "ab")  # pylint: disable=consider-using-with
        self.process = None
        self.samples = []  # of each life: (kB, descriptors), in time
        self.start()

    def start(self):
        self.samples.append([])
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [soak_test.PROGRAM, "tail", "--config", str(self.folder / "tocsin.yaml"), "--format", "none"],
            stderr=self.messages, cwd=self.folder)

    def sample(self):
        root = pathlib.Path(f"/proc/{self.process.pid}")
        memory = int(re.search(r"VmRSS:\s+(\d+)", (root / "status").read_text("ascii")).group(1))
        self.samples[-1].append((memory, len(os.listdir(root / "fd"))))

    def reload(self, number):
        self.rules.write_text(soak_test.RULE + f"# version {number}\n", "utf-8")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=120)
        self.messages.close()
        return status


def stored(folder):
    """Which records the stored alerts are of, as often as they are stored."""
    connection = sqlite3.connect(folder / "state" / "tocsin.db")
    try:
        return connection.execute("SELECT count(*), count(DISTINCT id) FROM alert").fetchone()
    finally:
        connection.close()


class Operation(unittest.TestCase):
    def test_nothing_is_lost_stored_twice_or_leaked(self):
        soak_test.RECORDS_PER_SECOND = RATE
        with tempfile.TemporaryDirectory(prefix="tocsin-soak-") as name:
            folder = pathlib.Path(name)
            logs = folder / "logs"
            logs.mkdir()
            log = logs / "trail.ndjson"
            log.touch()
            follower = Follower(folder)
            writer = soak_test.Writer(log)
            ended = threading.Event()

            def write():
                rotation = 0
                while not ended.is_set():
                    writer.write_for(ROTATE_S)
                    log.rename(logs / f"trail.{rotation}.ndjson")
                    log.touch()
                    if rotation >= KEPT_LOGS:
                        (logs / f"trail.{rotation - KEPT_LOGS}.ndjson").unlink()
                    rotation += 1
            thread = threading.Thread(target=write)
            thread.start()
            begin = time.monotonic()
            reloads = kills = 0
            while time.monotonic() - begin < 60.0 * MINUTES:
                time.sleep(1.0)
                self.assertIsNone(follower.process.poll(), "it ended by itself")
                follower.sample()
                passed = time.monotonic() - begin
                if passed // RELOAD_S > reloads:
                    reloads += 1
                    follower.reload(reloads)
                # The second half of the time is one life: in it nothing may grow.
                if passed // KILL_S > kills and passed < 30.0 * MINUTES:
                    kills += 1
                    follower.kill()
            ended.set()
            thread.join()
            deadline = time.monotonic() + 120
            while stored(folder)[0] < len(writer.marked) and time.monotonic() < deadline:
                time.sleep(1.0)
            self.assertEqual(follower.stop(), 0)
            alerts = stored(folder)
            messages = (folder / "messages.txt").read_text("utf-8", "replace")
        life = follower.samples[-1]
        quarter = max(1, len(life) // 4)
        early, late = life[quarter:2 * quarter] or life, life[-quarter:]
        print(f"{writer.written} records, {alerts[0]} alerts, {kills} kills, {reloads} reloads, "
              f"{max(s[0] for s in early)} -> {max(s[0] for s in late)} kB, {max(s[1] for s in late)} descriptors, "
              f"writer at most {writer.seconds_behind:.1f} s late")
        self.assertEqual(alerts, (len(writer.marked), len(writer.marked)))
        self.assertNotIn("[input-lost]", messages)
        self.assertNotIn("reload-refused", messages)
        self.assertLessEqual(max(s[0] for s in late), GROWTH_MAX * max(s[0] for s in early))
        self.assertLessEqual(max(s[1] for s in late), max(s[1] for s in early) + 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
