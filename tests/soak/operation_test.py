#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The long haul: a log grows and rotates for TOCSIN_SOAK_MINUTES (30) at TOCSIN_SOAK_RATE (50,000) records a second, rules are loaded
again every few seconds, and in the first half of the time tocsin is killed every minute. At the end the alerts that are stored are
exactly those of the records that were written, and in the second half memory and descriptors did not grow. Part of `make soak`;
TOCSIN_PROGRAM names the program."""
import json
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

    def said(self):
        return (self.folder / "messages.txt").read_text("utf-8", "replace")

    def has_read_all(self):
        """Has it nothing of the logs left to read?"""
        status = subprocess.run([soak_test.PROGRAM, "status", "--admin", str(self.folder / "admin.sock"), "--format", "json"],
                                capture_output=True, text=True, check=False)
        return status.returncode == 0 and all(one["bytes_behind"] == 0 for one in json.loads(status.stdout)["inputs"])

    def stop(self):
        """Ends it, if it still runs; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.messages.close()


class Rotating(threading.Thread):
    """The writer: a log that is renamed every few seconds, of which only some are kept."""

    def __init__(self, logs):
        super().__init__(daemon=True)
        self.logs = logs
        self.log = logs / "trail.ndjson"
        self.log.touch()
        self.writer = soak_test.Writer(self.log)
        self.ended = threading.Event()
        self.problem = None

    def run(self):
        rotation = 0
        try:
            while not self.ended.is_set():
                self.writer.write_for(ROTATE_S)
                self.log.rename(self.logs / f"trail.{rotation}.ndjson")
                self.log.touch()
                if rotation >= KEPT_LOGS:
                    (self.logs / f"trail.{rotation - KEPT_LOGS}.ndjson").unlink()
                rotation += 1
        except OSError as problem:
            self.problem = problem

    def end(self):
        self.ended.set()
        self.join()


def stored(folder):
    """How many alerts are stored, and how many ids they have. Of a state that nobody uses."""
    connection = sqlite3.connect(folder / "state" / "tocsin.db")
    try:
        return connection.execute("SELECT count(*), count(DISTINCT id) FROM alert").fetchone()
    finally:
        connection.close()


class Operation(unittest.TestCase):
    def test_nothing_is_lost_stored_twice_or_leaked(self):
        soak_test.RECORDS_PER_SECOND = RATE
        with tempfile.TemporaryDirectory(prefix="tocsin-soak-", ignore_cleanup_errors=True) as name:
            folder = pathlib.Path(name)
            logs = folder / "logs"
            logs.mkdir()
            rotating = Rotating(logs)
            follower = Follower(folder)
            try:
                rotating.start()
                reloads, kills = self.disturb(follower, rotating)
            finally:
                rotating.end()
                self.wait_until_read(follower)
                status = follower.stop()
            messages = follower.said()
            self.assertEqual(status, 0, messages[-2000:])
            alerts = stored(folder)
        self.judge(follower, rotating.writer, alerts, messages, f"{kills} kills, {reloads} reloads")

    def disturb(self, follower, rotating):
        begin = time.monotonic()
        reloads = kills = 0
        while time.monotonic() - begin < 60.0 * MINUTES:
            time.sleep(1.0)
            self.assertIsNone(rotating.problem)
            self.assertIsNone(follower.process.poll(), "it ended by itself: " + follower.said()[-2000:])
            follower.sample()
            passed = time.monotonic() - begin
            if passed // RELOAD_S > reloads:
                reloads += 1
                follower.reload(reloads)
            # The second half of the time is one life: in it nothing may grow.
            if passed // KILL_S > kills and passed < 30.0 * MINUTES:
                kills += 1
                follower.kill()
        return reloads, kills

    @staticmethod
    def wait_until_read(follower):
        deadline = time.monotonic() + 120
        while not follower.has_read_all() and time.monotonic() < deadline:
            time.sleep(1.0)
        time.sleep(2.0)

    def judge(self, follower, writer, alerts, messages, what):
        life = follower.samples[-1]
        quarter = max(1, len(life) // 4)
        early, late = life[quarter:2 * quarter] or life, life[-quarter:]
        print(f"{writer.written:,} records, {alerts[0]:,} of {len(writer.marked):,} alerts, {what}, "
              f"{max(s[0] for s in early)} -> {max(s[0] for s in late)} kB, "
              f"{max(s[1] for s in early)} -> {max(s[1] for s in late)} descriptors, "
              f"writer at most {writer.seconds_behind:.1f} s late")
        self.assertNotIn("[input-lost]", messages)
        self.assertNotIn("reload-refused", messages)
        self.assertEqual(alerts, (len(writer.marked), len(writer.marked)))
        self.assertLessEqual(max(s[0] for s in late), GROWTH_MAX * max(s[0] for s in early))
        self.assertLessEqual(max(s[1] for s in late), max(s[1] for s in early) + 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
