#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo: plays the events of all examples into a growing log file while `tocsin tail` follows it.

usage: play.py --program PATH [--rate EVENTS_PER_SECOND] [--timeout SECONDS]

Alerts appear on stdout as tail raises them. When as many alerts were seen as the examples promise (or after the
timeout), tail is asked to end (SIGTERM) and prints its summary. The exit status is 0 if every alert came.
"""
import argparse
import json
import os
import pathlib
import pty
import signal
import subprocess
import sys
import tempfile
import threading
import time

EXAMPLES = pathlib.Path(__file__).resolve().parents[1]


def folders():
    """The examples whose rules the demo's configuration names."""
    config = (EXAMPLES / "demo/tocsin.yaml").read_text("utf-8")
    return [path for path in sorted(EXAMPLES.iterdir()) if f"../{path.name}/rules" in config]


def load_events():
    """The records of these examples in the order of their time."""
    lines = [line for path in folders() for line in (path / "events.ndjson").read_text("utf-8").splitlines()]
    return sorted(lines, key=lambda line: json.loads(line)["eventTime"])


def count_promised():
    lines = [line for path in folders() for line in (path / "alerts.expected").read_text("utf-8").splitlines()]
    return sum(1 for line in lines if line and not line.startswith("#"))


class Tail:
    """`tocsin tail` as a child process whose stdout is passed on and counted. Keeps the terminal's colours."""

    def __init__(self, program, log):
        command = [program, "tail", "--config", str(EXAMPLES / "demo/tocsin.yaml"), "--start", "beginning", str(log)]
        reader, writer = pty.openpty() if sys.stdout.isatty() else os.pipe()
        self.process = subprocess.Popen(command, stdout=writer, stdin=subprocess.DEVNULL)
        os.close(writer)
        self.output = os.fdopen(reader, "rb", buffering=0)
        self.alerts = 0
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.copy, daemon=True)
        self.thread.start()

    def copy(self):
        while True:
            try:
                data = self.output.read(65536)
            except OSError:  # a pseudo-terminal ends with EIO
                data = b""
            if not data:
                break
            sys.stdout.buffer.write(data.replace(b"\r\n", b"\n"))
            sys.stdout.buffer.flush()
            with self.changed:
                self.alerts += data.count(b"\n")
                self.changed.notify()

    def wait_for(self, alerts, seconds):
        with self.changed:
            self.changed.wait_for(lambda: self.alerts >= alerts or not self.thread.is_alive(), timeout=seconds)

    def end(self):
        """SIGTERM, and the exit status; killed if it does not end within 15 s."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.thread.join(timeout=5)
        return status


def main():
    parser = argparse.ArgumentParser(description="Plays example events into a log that tocsin follows.")
    parser.add_argument("--program", default=str(EXAMPLES.parent / "build/release/tocsin"))
    parser.add_argument("--rate", type=float, default=8.0, help="events per second")
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds to wait for the last alert")
    options = parser.parse_args()

    events = load_events()
    promised = count_promised()
    with tempfile.TemporaryDirectory(prefix="tocsin-demo-") as folder:
        log = pathlib.Path(folder) / "cloudtrail.ndjson"
        log.touch()
        print(f"demo: tocsin tail follows {log}; {len(events)} events come at {options.rate:g} a second\n", file=sys.stderr)
        tail = Tail(options.program, log)
        try:
            with log.open("a", encoding="utf-8") as out:
                for event in events:
                    out.write(event + "\n")
                    out.flush()
                    time.sleep(1 / options.rate)
                    if tail.process.poll() is not None:
                        break
            tail.wait_for(promised, options.timeout)
        except KeyboardInterrupt:
            print(file=sys.stderr)
        status = tail.end()
    print(f"\ndemo: {tail.alerts} alerts from {len(events)} events ({promised} promised)", file=sys.stderr)
    if status != 0:
        print(f"demo: tocsin ended with status {status}", file=sys.stderr)
    return 0 if status == 0 and tail.alerts == promised else 1


if __name__ == "__main__":
    sys.exit(main())
