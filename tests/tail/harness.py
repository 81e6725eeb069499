# SPDX-License-Identifier: Apache-2.0
"""Drives `tocsin tail` for the scenarios: a scratch folder each (Box), the program on real files (Tail), and what it said.

A record is {"seq": n, ...}; a rule that every record meets makes an alert of each, so that the alerts say which records were
evaluated. `lost` are those that were never; `dup` those that were evaluated again before the program recognised them
(--stats json counts these); `repeated` those that were even alerted twice, which is never allowed."""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("TOCSIN_PROGRAM", str(SOURCE_DIR / "build/release/tocsin"))
# How much slower than in a plain build the program may be: limits of time are multiplied by this.
SLOWDOWN = 10 if os.environ.get("TOCSIN_SANITIZED") else 1
ALERTS_KEPT = 50_000  # for a look at them; all are counted
TIMEOUT_S = float(os.environ.get("TOCSIN_SCENARIO_TIMEOUT", "30")) * SLOWDOWN

RULES = """title: Every record
id: 0e3e2b0c-5d5a-4c1e-9a46-2f6a4a3b1c01
logsource:
  category: test
detection:
  any:
    seq|exists: true
  condition: any
level: low
"""


class Skipped(Exception):
    """What the scenario needs is not there."""


class Failed(Exception):
    """The program did not do what the scenario demands."""


def expect(condition, message):
    if not condition:
        raise Failed(message)


def eventually(condition, what, timeout=None):
    """Waits for what another process does."""
    end = time.monotonic() + (timeout * SLOWDOWN if timeout else TIMEOUT_S)
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"in vain waited for: {what}")
        time.sleep(0.01)


def has_state():
    """Is there --state?"""
    return "--state" in subprocess.run([PROGRAM, "tail", "--help"], capture_output=True, text=True, check=False).stdout


def need_state():
    if not has_state():
        raise Skipped("this tocsin has no --state")


def need_root():
    if os.geteuid() != 0:
        raise Skipped("needs root")


def line(seq, pad=40):
    """One record; its content differs from that of every other."""
    return b'{"seq":%d,"eventID":"00000000-0000-4000-8000-%012d","pad":"%s"}\n' % (seq, seq, b"x" * pad)


def lines(first, last, pad=40):
    return b"".join(line(seq, pad) for seq in range(first, last + 1))


def append(path, data):
    with open(path, "ab", buffering=0) as out:
        out.write(data)


class Box:
    """A scratch folder with logs/ in it."""

    def __init__(self, base=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-scenario-", dir=base))
        os.chmod(self.root, 0o755)
        self.logs = self.root / "logs"
        self.logs.mkdir()
        (self.root / "rules.yml").write_text(RULES, "utf-8")
        self.tails = []
        self.cleanups = []

    def log(self, name="a.log"):
        return self.logs / name

    def tail(self, *paths, **settings):
        tail = Tail(self, [str(path) for path in paths], **settings)
        self.tails.append(tail)
        return tail

    def close(self):
        for tail in self.tails:
            tail.kill()
        for cleanup in reversed(self.cleanups):
            with contextlib.suppress(Exception):
                cleanup()
        shutil.rmtree(self.root, ignore_errors=True)


def program_for_others(folder):
    """A copy of the program where another user can run it: a clone may stand in a folder that is root's alone."""
    copy = folder / "tocsin"
    # By a process of its own: what another scenario starts meanwhile would hold the copy open for writing, and a program
    # that somebody writes cannot be run.
    subprocess.run(["cp", str(PROGRAM), str(copy)], check=True)
    os.chmod(copy, 0o755)
    return str(copy)


class Tail:
    """A running `tocsin tail`. `input_keys` are further keys of its input, `config` further text of the configuration."""

    def __init__(self, box, paths, *, state=None, start="beginning", poll="50ms", rescan="100ms", rotate_wait="1s",
                 stall="1s", input_keys="", config="", arguments=(), files_max=None, user=None, environment=None,
                 wrapper=(), read_output=True, format_="ndjson"):
        self.box = box
        self.number = len(box.tails)
        self.out = box.root / f"alerts-{self.number}.ndjson"
        self.err = box.root / f"messages-{self.number}.txt"
        self.dead = box.root / "dead.ndjson"
        self.config = box.root / "tocsin.yaml"
        listed = "".join(f"      - {json.dumps(path)}\n" for path in paths)
        self.config.write_text(
            "version: 1\nrules: {paths: [rules.yml]}\ninputs:\n  - id: logs\n    format: json\n"
            f"    logsource: {{category: test}}\n    paths:\n{listed}    start: {start}\n    poll: {poll}\n"
            f"    rescan: {rescan}\n    rotate_wait: {rotate_wait}\n    compressed_stall: {stall}\n{input_keys}"
            f"shutdown_grace: 1s\n{config}", "utf-8")
        command = [*wrapper, PROGRAM, "tail", "--config", str(self.config), "--format", format_, "--stats", "json", "-v",
                   "--dead-letter", str(self.dead), *arguments]
        if state:
            command += ["--state", str(state)]
        self.seen = {}
        self.system = []
        self.alerts = []
        self.lock = threading.Lock()
        self.readable = threading.Event()
        if read_output:
            self.readable.set()

        if user is not None:
            command[command.index(PROGRAM)] = program_for_others(box.root)

        def prepare():
            if files_max:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))

        self.messages_file = open(self.err, "wb")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with,subprocess-popen-preexec-fn
            command, stdout=subprocess.PIPE, stderr=self.messages_file, preexec_fn=prepare, user=user,
            env={**os.environ, **(environment or {})}, cwd=box.root)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if not read_output:
            return  # it says so after its first alerts, which nobody takes
        eventually(lambda: "loaded" in self.messages() or self.process.poll() is not None, "its start")

    def read(self):
        self.readable.wait()
        for text in self.process.stdout:
            if not text.endswith(b"\n"):
                return  # killed in the middle of a line
            alert = json.loads(text)
            with self.lock:
                if len(self.alerts) < ALERTS_KEPT:
                    self.alerts.append(alert)
                if alert["kind"] == "system":
                    self.system.append(alert)
                else:
                    event = alert["events"][-1].get("event", {})
                    seq = event.get("seq") if isinstance(event, dict) else None
                    self.seen[seq] = self.seen.get(seq, 0) + 1

    def messages(self):
        return self.err.read_text("utf-8", "replace")

    def dead_letters(self):
        return [json.loads(text) for text in self.dead.read_text("utf-8").splitlines()] if self.dead.exists() else []

    def count(self):
        with self.lock:
            return len(self.seen)

    def has(self, *seqs):
        with self.lock:
            return all(seq in self.seen for seq in seqs)

    def wait_for(self, seqs, timeout=None):
        """In vain when for so long nothing new came: a busy machine may be slow."""
        wanted = set(seqs)
        seen = -1
        end = 0.0
        while True:
            with self.lock:
                # Comparing all of them takes the reader's time: only when there may be enough.
                if len(self.seen) >= len(wanted) and wanted <= self.seen.keys():
                    return
                count = len(self.seen)
            if count != seen:
                seen = count
                end = time.monotonic() + (timeout or TIMEOUT_S)
            elif time.monotonic() > end:
                missing = sorted(wanted - self.seen.keys())
                raise Failed(f"{len(missing)} records lost, the first {missing[:3]}; {self.messages()[-600:]}")
            time.sleep(0.01)

    def wait_system(self, code, timeout=None):
        def told():
            with self.lock:
                return [alert for alert in self.system if alert["rule"]["name"] == code]
        eventually(told, f"the system alert {code}; {self.messages()[-400:]}", timeout)
        return told()[0]

    def wait_message(self, text, timeout=None):
        eventually(lambda: text in self.messages(), f"{text!r} among: {self.messages()[-600:]}", timeout)

    def settle(self, seconds=0.4):
        """Time for what must not happen."""
        time.sleep(seconds)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.finish()

    def finish(self):
        self.readable.set()
        self.process.wait()
        self.reader.join()
        self.messages_file.close()

    def stop(self, allowed=(0, 3)):
        """SIGTERM; the statistics."""
        self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise Failed("does not end after SIGTERM") from None
        self.finish()
        expect(status in allowed, f"exit status {status}: {self.messages()[-600:]}")
        return json.loads(self.messages().strip().splitlines()[-1])

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_kb(self):
        for row in pathlib.Path(f"/proc/{self.process.pid}/status").read_text("ascii").splitlines():
            if row.startswith("VmHWM:"):
                return int(row.split()[1])
        return 0

    def open_files(self):
        folder = f"/proc/{self.process.pid}/fd"
        names = []
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                names.append(os.readlink(f"{folder}/{name}"))
        return names


class Result:
    """What came of a scenario, over all its runs of the program."""

    def __init__(self):
        self.lost = 0
        self.dup = 0

    def judge(self, tails, expected, stats):
        """`expected`: the numbers of all records that could be read; `stats`: of the runs that were stopped."""
        seen = {}
        for tail in tails:
            for seq, count in tail.seen.items():
                seen[seq] = seen.get(seq, 0) + count
        expected = set(expected)
        unknown = sorted(str(seq) for seq in seen.keys() - expected)
        expect(not unknown, f"alerts of records that were not written: {unknown[:5]}")
        self.lost = len(expected - seen.keys())
        self.dup = sum(one["duplicates"] for one in stats) + sum(count - 1 for count in seen.values())
        if len(tails) == 1:
            expect(all(count == 1 for count in seen.values()), "a record raised two alerts")
        return self
