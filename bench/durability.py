#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `tail --state` costs, with ten correlations and two new_value rules: throughput with and without it, and how long it takes from
a written line to its alert at a webhook. usage: bench/durability.py [--program PATH] [--records N] [--seconds S]

A cost is the median over pairs of runs, one with the state and one without, in turns: once of a file that is read as fast as can be
(the time that passes: its bound is what throughput durability may cost), once of a log that grows by 100,000 records a second (does tail
keep up, and the processor's time of all its threads). What must be is printed beside what is; exit status 1: a bound is missed."""
import argparse
import http.server
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[1]
RUNS = 5
PACED_RUNS = 3
RATE = 100_000
PACE_S = 0.01
SETTLE_S = 0.3
FEEDS_EVERY = 16  # one record in so many feeds correlations ...
# ... and changes a row of state in each: of two feeding records one is a login (four counts, three pairs, two baselines), one a role
# (the same, and three counts of values).
ROWS_PER_FEED = (9 + 12) / 2
STATE_ROWS_MIN = 5_000
BEHIND_MS_MAX = 1000  # it keeps up
STATE_BOUNDS = {10: 15, 1000: 25}
MEMORY_MB_MAX = 150
STORED_MS_MAX, WEBHOOK_MS_MAX = 150, 250

DETECTION = """title: {name}
name: {name}
logsource: {{product: aws}}
detection:
  sel: {{eventName: {event}}}
  condition: sel
level: {level}
{more}---
"""
CORRELATION = """title: {title}
correlation: {{type: {type}, rules: [{rules}], group-by: [userIdentity.userName], {rest}}}
level: low
---
"""
QUIET = "tocsin: {alert: false}\n"
RECORD = (
    '{"eventVersion":"1.10","eventTime":"%s","eventSource":"x.amazonaws.com","eventName":"%s","awsRegion":"eu-west-1",'
    '"sourceIPAddress":"203.0.113.%d","userAgent":"aws-cli/2.17.9 Python/3.11 Linux/6.1 exe/x86_64","userIdentity":{"type":"IAMUser",'
    '"accountId":"111122223333","arn":"arn:aws:iam::111122223333:user/user%d","principalId":"AIDAEXAMPLE","userName":"user%d"},'
    '"requestParameters":{"roleArn":"role-%d","name":"trail-%d"},"responseElements":null,"readOnly":true,"eventType":"AwsApiCall",'
    '"managementEvent":true,"eventID":"00000000-0000-4000-8000-%012d","recipientAccountId":"111122223333"}\n'
)


def rules():
    """Ten correlations that hardly ever fire and two new_value rules, all fed by the same two detections."""
    text = DETECTION.format(name="marked", event="DeleteTrail", level="high", more="")
    text += DETECTION.format(name="login", event="ConsoleLogin", level="low", more=QUIET)
    text += DETECTION.format(name="assume", event="AssumeRole", level="low", more=QUIET)
    for number in range(4):
        rest = f"timespan: {number + 1}m, condition: {{gte: 100000}}"
        text += CORRELATION.format(title=f"Count {number}", type="event_count", rules="login, assume", rest=rest)
    for number in range(3):
        rest = f"timespan: {number + 1}m, condition: {{field: requestParameters.roleArn, gte: 5000}}"
        text += CORRELATION.format(title=f"Values {number}", type="value_count", rules="assume", rest=rest)
    for number in range(3):
        rest = f"timespan: {number + 1}s, condition: 'assume and not login and never'"
        rules_of = "login, assume, never"
        text += CORRELATION.format(title=f"Both {number}", type="temporal", rules=rules_of, rest=rest)
    text += DETECTION.format(name="never", event="NoSuchEvent", level="low", more=QUIET)
    for number, field in enumerate(("sourceIPAddress", "requestParameters.roleArn")):
        text += CORRELATION.format(
            title=f"New {number}",
            type="new_value",
            rules="login, assume",
            rest=f"field: {field}, learning: 30d, on-learning: silent",
        )
    return text


def record(number, alert_every, begin):
    event = "GetTrail"
    if alert_every and number % alert_every == alert_every - 1:
        event = "DeleteTrail"
    elif number % FEEDS_EVERY == 0:
        event = "ConsoleLogin" if number % (2 * FEEDS_EVERY) else "AssumeRole"
    user = (number * 7919) % 5000
    event_time = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin + number // 100_000))
    return RECORD % (event_time, event, number % 250, user, user, number % 11, number, number)


class Endpoint:
    def __init__(self):
        self.arrived = {}
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                now = time.monotonic()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                events = json.loads(body)["events"]
                if events:
                    endpoint.arrived[events[-1]["event_id"]] = now

            def log_message(self, *_arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Tail:
    def __init__(self, program, folder, log, state, url=None, beginning=True):
        (folder / "rules.yml").write_text(rules(), encoding="utf-8")
        receivers = f"receivers: [{{name: hook, webhook: {{url: '{url}'}}}}]\n" if url else ""
        (folder / "tocsin.yaml").write_text(f"version: 1\nrules: {{paths: [rules.yml]}}\n{receivers}", encoding="utf-8")
        (folder / "tocsin.yaml").chmod(0o600)
        command = [program, "tail", "--config", str(folder / "tocsin.yaml"), "--format", "ndjson", "--no-event"]
        command += ["--start", "beginning"] if beginning else []
        command += ["--state", str(state)] if state else []
        self.process = subprocess.Popen([*command, str(log)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.ready = threading.Event()
        self.alerts = 0
        self.more = threading.Condition()
        self.reader = threading.Thread(target=self.read_alerts, daemon=True)
        self.reader.start()
        threading.Thread(target=self.read_errors, daemon=True).start()

    def read_errors(self):
        for line in self.process.stderr:
            if b"loaded" in line:
                self.ready.set()

    def read_alerts(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            with self.more:
                self.alerts = self.alerts + data.count(b"\n") if data else float("inf")
                self.more.notify_all()
            if not data:
                return

    def wait_for_alerts(self, count):
        """Until there were so many in all."""
        with self.more:
            self.more.wait_for(lambda: self.alerts >= count)
            if self.alerts == float("inf"):
                raise SystemExit("tail ended early")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settled_cpu_seconds(self):
        """With what is still to be committed, but without what its end costs."""
        time.sleep(SETTLE_S)
        return self.cpu_seconds()

    def memory_mb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
        return 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.reader.join()


def fsync_ms(folder):
    times = []
    with open(folder / "fsync", "wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            begin = time.monotonic()
            os.fdatasync(file.fileno())
            times.append(1000 * (time.monotonic() - begin))
    return statistics.median(times)


class Bounds:
    """What was demanded beside what was measured."""

    def __init__(self):
        self.missed = 0

    def at_most(self, what, value, bound, unit):
        return self.judge(what, value, bound, unit, "at most", value <= bound)

    def at_least(self, what, value, bound, unit):
        return self.judge(what, value, bound, unit, "at least", value >= bound)

    def judge(self, what, value, bound, unit, how, met):
        self.missed += not met
        print(f"  {'met   ' if met else 'MISSED'} {what}: {value:,.1f} {unit} (must: {how} {bound:,} {unit})")


def write_log(path, records, alerts_per_second, rate):
    """A log of so many records that holds as many alerts a second as it would at `rate` records a second."""
    alert_every = rate // alerts_per_second
    begin = time.time() - 3600
    with path.open("w", encoding="ascii") as out:
        out.writelines(record(number, alert_every, begin) for number in range(records))
    return records // alert_every


def cost_percent(runs, column):
    """How much more the runs with --state took, of each pair of runs; the median."""
    return 100 * (statistics.median(w[column] / o[column] for o, w in zip(runs[False], runs[True])) - 1)


def throughput(program, folder, records, alerts_per_second, bounds):
    """A file that is read as fast as can be, with so many alerts per 100,000 records. The time counts from the first alert on."""
    log = folder / f"log-{alerts_per_second}.ndjson"
    alerts = write_log(log, records, alerts_per_second, RATE)
    counted = records - RATE // alerts_per_second
    runs = {False: [], True: []}
    for run in range(RUNS):
        # The order changes, so that neither kind of run always follows the other.
        for durable in (False, True) if run % 2 == 0 else (True, False):
            state = folder / f"state-{alerts_per_second}-{run}" if durable else None
            tail = Tail(program, folder, log, state)
            tail.wait_for_alerts(1)
            begin, cpu = time.monotonic(), tail.cpu_seconds()
            tail.wait_for_alerts(alerts)
            seconds = time.monotonic() - begin
            runs[durable].append((seconds, tail.settled_cpu_seconds() - cpu, tail.memory_mb()))
            tail.stop()
            if state:
                shutil.rmtree(state)
    log.unlink()
    rates = {durable: counted / statistics.median(run[0] for run in values) for durable, values in runs.items()}
    wall, cpu = cost_percent(runs, 0), cost_percent(runs, 1)
    lost = 100 * (1 - 100 / (100 + wall))
    print(f"{alerts_per_second} alerts per {RATE:,} records, as fast as can be: {rates[False]:,.0f} records/s without --state, "
          f"{rates[True]:,.0f} with it; CPU {cpu:+.1f} %")
    bounds.at_most("throughput that durability costs", lost, STATE_BOUNDS[alerts_per_second], "%")
    bounds.at_least("changed state rows", rates[True] / FEEDS_EVERY * ROWS_PER_FEED, STATE_ROWS_MIN, "rows/s")
    bounds.at_most("memory with --state", max(run[2] for run in runs[True]), MEMORY_MB_MAX, "MB")


def write_paced(source, log, bytes_per_second):
    """Appends `source` to `log` at a steady rate; by how much it was late at most."""
    size = source.stat().st_size
    step = int(bytes_per_second * PACE_S)
    late = 0.0
    begin = time.monotonic()
    with source.open("rb", buffering=0) as read, log.open("ab", buffering=0) as out:
        for number in range((size + step - 1) // step):
            wait = begin + number * PACE_S - time.monotonic()
            late = max(late, -wait)
            time.sleep(max(0.0, wait))
            left = min(step, size - number * step)
            while left > 0:
                left -= out.write(read.read(left))
    return late


def paced(program, folder, seconds, alerts_per_second, bounds):
    """A log that grows by 100,000 records a second: the processor's time that tail needs for it."""
    source = folder / "source.ndjson"
    alerts = write_log(source, RATE * seconds, alerts_per_second, RATE)
    runs = {False: [], True: []}
    late = behind = 0.0
    for run in range(PACED_RUNS):
        for durable in (False, True) if run % 2 == 0 else (True, False):
            log = folder / f"paced-{run}-{durable}.ndjson"
            log.touch()
            state = folder / f"state-paced-{run}" if durable else None
            tail = Tail(program, folder, log, state)
            tail.ready.wait(30)
            cpu = tail.cpu_seconds()
            late = max(late, write_paced(source, log, source.stat().st_size / seconds))
            written = time.monotonic()
            tail.wait_for_alerts(alerts)
            behind = max(behind, time.monotonic() - written)
            runs[durable].append((tail.settled_cpu_seconds() - cpu, tail.memory_mb()))
            tail.stop()
            log.unlink()
            if state:
                shutil.rmtree(state)
    source.unlink()
    cost = cost_percent(runs, 0)
    used = {durable: statistics.median(run[0] for run in values) / seconds for durable, values in runs.items()}
    print(f"{alerts_per_second} alerts/s at {RATE:,} records/s for {seconds} s: {100 * used[False]:.0f} % of a core without --state, "
          f"{100 * used[True]:.0f} % with it ({cost:+.1f} %, of all threads: commits have one of their own); writer at most "
          f"{1000 * late:.0f} ms late")
    bounds.at_most("last line written to its alert", 1000 * behind, BEHIND_MS_MAX, "ms")
    bounds.at_most("memory with --state", max(run[1] for run in runs[True]), MEMORY_MB_MAX, "MB")


def latency(program, folder, records_per_second, seconds, bounds):
    """Lines are written at a steady rate; from the write of a marked line to its arrival at the webhook."""
    log = folder / "growing.ndjson"
    log.touch()
    endpoint = Endpoint()
    tail = Tail(program, folder, log, folder / "state-latency", endpoint.url)
    tail.ready.wait(30)
    per_write = 50
    alert_every = records_per_second // 20
    begin = time.monotonic()
    began = time.time() - 60
    chunks = [
        "".join(record(number + i, alert_every, began) for i in range(per_write)).encode("ascii")
        for number in range(0, records_per_second * seconds, per_write)
    ]
    begin = time.monotonic()
    written = {}
    late = 0.0
    with log.open("ab", buffering=0) as out:
        for number, chunk in enumerate(chunks):
            wait = begin + number * per_write / records_per_second - time.monotonic()
            late = max(late, -wait)
            if wait > 0:
                time.sleep(wait)
            out.write(chunk)
            now = time.monotonic()
            first = number * per_write
            for marked in range(first - first % alert_every + alert_every - 1, first + per_write, alert_every):
                if marked >= first:
                    written[f"00000000-0000-4000-8000-{marked:012d}"] = now
    deadline = time.monotonic() + 10
    while len(endpoint.arrived) < len(written) and time.monotonic() < deadline:
        time.sleep(0.05)
    memory = tail.memory_mb()
    tail.stop()
    delays = sorted(1000 * (endpoint.arrived[event] - at) for event, at in written.items() if event in endpoint.arrived)
    print(f"line to webhook at {records_per_second:,} records/s: median {statistics.median(delays):.0f} ms, {len(delays)} of "
          f"{len(written)} alerts; writer at most {1000 * late:.0f} ms late")
    p99 = delays[int(len(delays) * 0.99)]
    bounds.at_most("p99 to stored (it is stored before it is sent, so this is the time to the webhook)", p99, STORED_MS_MAX, "ms")
    bounds.at_most("p99 to the webhook", p99, WEBHOOK_MS_MAX, "ms")
    bounds.at_most("memory", memory, MEMORY_MB_MAX, "MB")
    bounds.missed += len(delays) < len(written)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=str(SOURCE_DIR / "build/release/tocsin"))
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--folder", help="where logs and state are kept (its fsync time is printed)")
    arguments = parser.parse_args()
    bounds = Bounds()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=arguments.folder) as name:
        folder = pathlib.Path(name)
        print(f"fdatasync of 4 KB here: {fsync_ms(folder):.2f} ms; load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
        for alerts_per_second in STATE_BOUNDS:
            throughput(arguments.program, folder, arguments.records, alerts_per_second, bounds)
        for alerts_per_second in STATE_BOUNDS:
            paced(arguments.program, folder, arguments.seconds, alerts_per_second, bounds)
        latency(arguments.program, folder, 50_000, arguments.seconds, bounds)
    print("every bound is met" if bounds.missed == 0 else f"{bounds.missed} bounds are missed")
    raise SystemExit(bounds.missed > 0)


if __name__ == "__main__":
    main()
