# SPDX-License-Identifier: Apache-2.0
"""What the crash tests share: records, a log that grows and rotates, an endpoint that fails at times, and tocsin itself."""
import collections
import datetime
import http.server
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import threading
import time

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("TOCSIN_PROGRAM", str(SOURCE_DIR / "build/release/tocsin"))
IS_SOAK = bool(os.environ.get("TOCSIN_SOAK"))
SKIPPED = 77

DETECTION = """title: {title}
name: {name}
logsource: {{product: {product}}}
detection:
  sel: {{{field}: {value}}}
  condition: sel
level: {level}
{more}---
"""
RULES = (
    DETECTION.format(title="Trail deleted", name="deleted", product="aws", field="eventName", value="DeleteTrail", level="high", more="")
    + DETECTION.format(title="App error", name="app_error", product="app", field="k", value="error", level="medium", more="")
    + DETECTION.format(title="End", name="end", product="aws", field="eventName", value="EndOfTest", level="critical", more="")
    + DETECTION.format(title="End of app", name="end_app", product="app", field="k", value="end", level="critical", more="")
    + "".join(
        DETECTION.format(
            title=name, name=name, product=product, field=field, value=value, level="low", more="tocsin: {alert: false}\n"
        )
        for name, product, field, value in (
            ("login", "aws", "eventName", "ConsoleLogin"),
            ("assume", "aws", "eventName", "AssumeRole"),
            ("create", "aws", "eventName", "CreateUser"),
            ("app_login", "app", "k", "login"),
        )
    )
    + """title: Many logins
correlation: {type: event_count, rules: [login], group-by: [userIdentity.userName], timespan: 2m, condition: {gte: 4}}
level: medium
tocsin: {emit: watermark}
---
title: Many roles
correlation:
  type: value_count
  rules: [assume]
  group-by: [userIdentity.userName]
  timespan: 5m
  condition: {field: requestParameters.roleArn, gte: 4}
level: medium
tocsin: {emit: watermark}
---
title: Login then user
correlation: {type: temporal_ordered, rules: [login, create], group-by: [userIdentity.userName], timespan: 1m}
level: high
tocsin: {emit: watermark}
---
title: New address
correlation: {type: new_value, rules: [login], field: sourceIPAddress, group-by: [userIdentity.userName], learning: 2m,
  mature-after: 1s, min-days: 1}
level: medium
tocsin: {emit: watermark}
---
title: New machine
correlation: {type: new_value, rules: [app_login], field: host, group-by: [user], learning: 1m, mature-after: 1s, min-days: 1}
level: low
tocsin: {emit: watermark}
---
title: No user after login
correlation: {type: absence, rules: [create, login], direction: after, group-by: [userIdentity.userName], timespan: 30s}
level: low
---
title: Never
correlation: {type: event_count, rules: [end, end_app], generate: true, timespan: 1s, condition: {gte: 1000}}
level: low
"""
)

TRAIL = (
    '{"eventVersion":"1.10","eventTime":"%s","eventSource":"x.amazonaws.com","eventName":"%s","awsRegion":"eu-west-1",'
    '"sourceIPAddress":"203.0.113.%d","userAgent":"aws-cli/2.17.9","userIdentity":{"type":"IAMUser","accountId":"111122223333",'
    '"arn":"arn:aws:iam::111122223333:user/user%d","userName":"user%d"},"requestParameters":{"roleArn":"role-%d"},"eventID":'
    '"00000000-0000-4000-8000-%012d","recipientAccountId":"111122223333"}\n'
)
APP = '{"time":"%s","k":"%s","user":"user%d","host":"host%d","n":%d}\n'
USUAL = ("GetTrail", "ListUsers", "DescribeInstances", "GetObject")


class Records:
    """The same records each time: (input, line) by number. Times are a little out of order. `usual`: so many records that no rule
    matches beside few that one does."""

    def __init__(self, count, seconds, base, usual=250):
        self.usual = usual
        self.count = count
        self.seconds = seconds
        self.base = base

    def time_of(self, second):
        return (self.base + datetime.timedelta(seconds=int(second))).strftime("%Y-%m-%dT%H:%M:%SZ")

    def chunks(self, size):
        """Lists of `size` records for an input: (input, text), and how many records."""
        rng = random.Random(7)
        number = 0
        old = []
        while number < self.count:
            name = ("trail", "second", "app")[rng.randrange(3)]
            lines = []
            for _ in range(min(size, self.count - number)):
                second = max(0, number * self.seconds / self.count - rng.randrange(60))
                user = rng.randrange(40)
                if name == "app":
                    kind = rng.choices(("error", "login", "fine"), (1, 20, self.usual))[0]
                    lines.append(APP % (self.time_of(second), kind, user, min(int(rng.expovariate(0.5)), 30), number))
                else:
                    event = rng.choices(
                        ("DeleteTrail", "ConsoleLogin", "AssumeRole", "CreateUser", "usual"), (1, 8, 8, 2, self.usual)
                    )[0]
                    if event == "usual":
                        event = USUAL[rng.randrange(4)]
                    address = user % 7 if rng.randrange(12) else rng.randrange(250)
                    line = TRAIL % (self.time_of(second), event, address, user, user, rng.randrange(12), number)
                    lines.append(line)
                    if rng.randrange(40) == 0:
                        old.append(line)  # comes a second time, elsewhere
                number += 1
            yield name, "".join(lines), len(lines)
            if len(old) > 50:
                yield "second", "".join(old), len(old)
                old = []

    def end(self):
        """The last record of each input: its time lets everything that waits be decided."""
        time_text = self.time_of(self.seconds + 2 * 3600)
        yield "trail", TRAIL % (time_text, "EndOfTest", 1, 1, 1, 1, 10**9)
        yield "second", TRAIL % (time_text, "EndOfTest", 1, 1, 1, 1, 10**9 + 1)
        yield "app", APP % (time_text, "end", 1, 1, 10**9)


class Log:
    """One growing log in a folder of its own, renamed now and then."""

    def __init__(self, folder, rotate_bytes):
        self.folder = folder
        folder.mkdir(parents=True)
        self.path = folder / "log.ndjson"
        self.rotate_bytes = rotate_bytes
        self.rotations = 0
        self.out = self.path.open("ab", buffering=0)

    def write(self, text, rng):
        data = text.encode("ascii")
        cut = rng.randrange(len(data))
        self.out.write(data[:cut])  # a line may be torn in the middle for a while
        self.out.write(data[cut:])
        if self.rotate_bytes and self.out.tell() > self.rotate_bytes:
            self.out.close()
            self.rotations += 1
            self.path.rename(self.folder / f"log.{self.rotations:04d}.ndjson")
            self.out = self.path.open("ab", buffering=0)

    def close(self):
        self.out.close()


class Endpoint:
    """Takes alerts by HTTP. Keeps (life, id, answer) of each request, and the last body of each id. The path ends with the life that
    sent it: what comes from one that was killed may be read when the next runs."""

    def __init__(self, failures=0.0):
        self.life = 0
        self.requests = []
        self.bodies = {}
        self.lock = threading.Lock()
        self.failures = failures
        self.rng = random.Random(3)
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = endpoint.take(int(self.path.rsplit("/", 1)[1]), json.loads(body))
                if answer == 0:
                    self.close_connection = True
                    return
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_arguments):
                pass  # a client that is killed resets its connection

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def take(self, life, alert):
        with self.lock:
            answer = 200
            if self.rng.random() < self.failures:
                answer = self.rng.choice((500, 503, 429, 0))
            self.requests.append((life, alert["id"], answer))
            if answer == 200:
                self.bodies[alert["id"]] = alert
            return answer

    def delivered(self):
        with self.lock:
            return set(self.bodies)

    def wait_until_quiet(self, seconds):
        """Until nothing has come for so long."""
        before = -1
        while before != len(self.requests):
            before = len(self.requests)
            time.sleep(seconds)

    def titles(self):
        with self.lock:
            return collections.Counter(body["rule"]["title"] or body["rule"]["name"] for body in self.bodies.values())

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Tocsin:
    """tocsin tail over the three logs of a folder, started, killed and ended."""

    def __init__(self, folder, endpoint, more="", lateness="1h"):
        self.folder = folder
        self.state = folder / "state"
        self.endpoint = endpoint
        self.process = None
        self.errors = folder / "stderr.txt"
        (folder / "rules.yml").write_text(RULES, encoding="utf-8")
        (folder / "tocsin.yaml").write_text(
            f"""version: 1
rules: {{paths: [rules.yml]}}
state: state
lateness: {lateness}
shutdown_grace: 60s
inputs:
  - {{id: trail, paths: [logs/trail], start: beginning}}
  - {{id: second, paths: [logs/second], start: beginning}}
  - {{id: app, paths: [logs/app], start: beginning, format: json, logsource: {{product: app}}}}
receivers:
  - name: hook
    webhook: {{url_env: HOOK_URL, retry_initial: 20ms, retry_max: 200ms}}
{more}""",
            encoding="utf-8",
        )
        (folder / "tocsin.yaml").chmod(0o600)

    def start(self):
        self.endpoint.life += 1
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [PROGRAM, "tail", "--config", str(self.folder / "tocsin.yaml"), "--format", "none"],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=os.environ | {"HOOK_URL": f"{self.endpoint.url}/{self.endpoint.life}"},
            )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=90)

    def said(self):
        return self.errors.read_text("utf-8", "replace")


def eventually(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def stored_alerts(state):
    """id -> (rule, level) of all alerts in a state folder that nobody uses."""
    connection = sqlite3.connect(state / "tocsin.db")
    try:
        return {row[0]: row[1:] for row in connection.execute("SELECT id, rule_key, level FROM alert")}
    finally:
        connection.close()


def folded_counts(state):
    """id -> how many later firings were folded into the alert."""
    connection = sqlite3.connect(state / "tocsin.db")
    try:
        return dict(connection.execute("SELECT id, folded FROM alert"))
    finally:
        connection.close()


def essence(alert):
    """An alert without what tells when and by whom it was received."""
    copy = dict(alert)
    copy.pop("detected_at")
    copy.pop("engine")
    # Later firings raise it until it is delivered: Kills.check_counts().
    copy.pop("count", None)
    # Of the copies of a CloudTrail record the first that is read is named; which one that is depends on the run.
    copy["events"] = [
        {key: value for key, value in event.items() if key != "source" and (key != "record" or event["event_id"] is None)}
        for event in alert["events"]
    ]
    copy["rule"] = {key: value for key, value in alert["rule"].items() if key != "file"}
    return copy
