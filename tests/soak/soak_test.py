#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A log grows at 50,000 records a second and is rotated ten times while `tocsin tail` follows it: not one record may be lost,
none may be read twice, and memory stays bounded. Part of `make soak`; TOCSIN_PROGRAM names the program."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("TOCSIN_PROGRAM", str(SOURCE_DIR / "build/release/tocsin"))
RECORDS_PER_SECOND = 50_000
ROTATIONS = 10
SECONDS_BETWEEN = 2.0
CHUNKS_PER_SECOND = 20
ALERT_EVERY = 500
MEMORY_KB_MAX = 100_000

RULE = """title: A marked record
logsource:
  product: aws
  service: cloudtrail
detection:
  marked:
    eventName: DeleteTrail
  condition: marked
level: high
"""
RECORD = (
    '{"eventVersion":"1.10","eventTime":"2026-11-20T10:00:00Z","eventSource":"cloudtrail.amazonaws.com","eventName":"%s",'
    '"awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.24","userAgent":"aws-cli/2.17.9","userIdentity":{"type":"IAMUser",'
    '"accountId":"111122223333","arn":"arn:aws:iam::111122223333:user/jane","userName":"jane"},"requestParameters":{"name":'
    '"trail-%09d"},"eventID":"00000000-0000-4000-8000-%012d","recipientAccountId":"111122223333"}\n'
)


class Writer:
    """Appends records at a steady rate; counts them."""

    def __init__(self, log):
        self.log = log
        self.written = 0
        self.marked = set()
        self.seconds_behind = 0.0

    def chunk(self, count):
        lines = []
        for number in range(self.written, self.written + count):
            is_marked = number % ALERT_EVERY == 0
            if is_marked:
                self.marked.add(f"00000000-0000-4000-8000-{number:012d}")
            lines.append(RECORD % ("DeleteTrail" if is_marked else "GetTrail", number, number))
        self.written += count
        return "".join(lines).encode("ascii")

    def write_for(self, seconds):
        count = RECORDS_PER_SECOND // CHUNKS_PER_SECOND
        begin = time.monotonic()
        with self.log.open("ab", buffering=0) as out:
            for chunk in range(int(seconds * CHUNKS_PER_SECOND)):
                data = self.chunk(count)
                # In two pieces, so that lines are torn in the middle.
                out.write(data[: len(data) // 2 + 7])
                out.write(data[len(data) // 2 + 7 :])
                wait = begin + (chunk + 1) / CHUNKS_PER_SECOND - time.monotonic()
                self.seconds_behind = max(self.seconds_behind, -wait)
                time.sleep(max(0.0, wait))


class Follower:
    def __init__(self, folder, *inputs):
        rule = folder / "rule.yml"
        rule.write_text(RULE, encoding="utf-8")
        command = [PROGRAM, "tail", "--rules", str(rule), "--format", "ndjson", "--no-event", "--stats", "json", "-q"]
        self.process = subprocess.Popen(
            [*command, "--start", "beginning", *map(str, inputs)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.alerts = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.alerts.append(json.loads(line)["events"][-1]["event_id"])

    def memory_kb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
        raise AssertionError("no VmHWM")

    def stop(self):
        """Ends it; returns its statistics."""
        self.process.send_signal(signal.SIGTERM)
        self.thread.join(timeout=60)
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        if self.process.wait(timeout=60) != 0:
            raise AssertionError(errors)
        return json.loads(errors.strip().splitlines()[-1])


class Rotation(unittest.TestCase):
    def follow(self, rotate):
        with tempfile.TemporaryDirectory(prefix="tocsin-soak-") as name:
            folder = pathlib.Path(name)
            logs = folder / "logs"
            logs.mkdir()
            log = logs / "trail.ndjson"
            log.touch()
            writer = Writer(log)
            follower = Follower(folder, logs)
            for number in range(ROTATIONS):
                writer.write_for(SECONDS_BETWEEN)
                rotate(log, number, follower, writer)
            writer.write_for(SECONDS_BETWEEN)
            deadline = time.monotonic() + 30
            while len(follower.alerts) < len(writer.marked) and time.monotonic() < deadline:
                time.sleep(0.1)
            memory = follower.memory_kb()
            stats = follower.stop()
        print(f"{writer.written} records, {len(follower.alerts)} alerts, {memory} KB, writer at most {writer.seconds_behind:.2f} s late")
        self.assertEqual(stats["events"], writer.written)
        self.assertEqual(stats["malformed"], 0)
        self.assertEqual(set(follower.alerts), writer.marked)
        self.assertEqual(len(follower.alerts), len(writer.marked))
        self.assertLess(memory, MEMORY_KB_MAX)

    def test_renamed_files_lose_nothing(self):
        def rename(log, number, _follower, _writer):
            log.rename(log.with_suffix(f".{number}.ndjson"))

        self.follow(rename)

    def test_copied_and_truncated_files_lose_nothing_that_was_read_before(self):
        def copy_and_truncate(log, number, follower, writer):
            # copytruncate loses what is not read yet, by its nature; so wait until it is.
            deadline = time.monotonic() + 10
            while len(follower.alerts) < len(writer.marked) and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.5)
            shutil.copyfile(log, log.parent.parent / f"old.{number}")
            os.truncate(log, 0)

        self.follow(copy_and_truncate)


if __name__ == "__main__":
    unittest.main(verbosity=2)
