#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What watches tail, and what it watches itself: hot reload, metrics, health, the admin socket, the heartbeat, silence,
tocsin's own log. The real program, with short time constants. TOCSIN_PROGRAM names it."""
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import PROGRAM, RULES, Box, append, eventually, line, lines, program_for_others  # noqa: E402  pylint: disable=wrong-import-position

FAST = "reload: {poll: 50ms, debounce: 100ms}\n"
SECRET = "s3cr3t-T0ken-in-the-path"

NAMED = """title: {title}
id: {id}
logsource:
  category: test
detection:
  any:
    {condition}
  condition: {what}
level: {level}
"""
COUNTED = """title: Three of a kind
id: 0e3e2b0c-5d5a-4c1e-9a46-2f6a4a3b1c09
correlation:
  type: event_count
  rules: [0e3e2b0c-5d5a-4c1e-9a46-2f6a4a3b1c02]
  group-by: [kind]
  timespan: 1h
  generate: true
  condition: {gte: 3}
level: high
"""


def named(title="Kind a", number="02", condition="kind: a", what="any", level="medium"):
    return NAMED.format(title=title, id=f"0e3e2b0c-5d5a-4c1e-9a46-2f6a4a3b1c{number}", condition=condition, what=what, level=level)


def record(seq, kind):
    return json.dumps({"seq": seq, "kind": kind, "time": "2026-11-20T10:00:%02dZ" % (seq % 60)}).encode("ascii") + b"\n"


class Endpoint:
    """A web server on loopback that counts what is posted to it."""

    def __init__(self, status=200):
        endpoint = self
        self.status = status
        self.paths = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                endpoint.paths.append(self.path)
                self.send_response(endpoint.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format, *args):  # pylint: disable=redefined-builtin
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"


class WatchTest(unittest.TestCase):
    def setUp(self):
        self.box = Box()
        self.addCleanup(self.box.close)
        self.log = self.box.log()
        self.log.touch()
        self.rules = self.box.root / "rules.yml"

    def titles(self, tail):
        with tail.lock:
            return [alert["rule"]["title"] for alert in tail.alerts]

    def reloads(self, tail):
        return tail.messages().count("[reloaded]")

    def refusals(self, tail):
        return tail.messages().count("[reload-refused]")

    # --- reload ---

    def test_rules_that_change_are_loaded_again_and_counts_go_on(self):
        self.rules.write_text(named() + "---\n" + COUNTED, "utf-8")
        tail = self.box.tail(self.log, config=FAST)
        append(self.log, record(1, "a") + record(2, "a"))
        eventually(lambda: len(tail.alerts) == 2, "two alerts")
        self.rules.write_text(named() + "---\n" + COUNTED + "---\n" + named("Kind b", "03", "kind: b"), "utf-8")
        eventually(lambda: self.reloads(tail) == 1, "the reload")
        append(self.log, record(3, "a") + record(4, "b"))
        eventually(lambda: len(tail.alerts) == 5, f"five alerts; {tail.messages()[-500:]}")
        self.assertEqual(sorted(self.titles(tail)), ["Kind a", "Kind a", "Kind a", "Kind b", "Three of a kind"])
        tail.stop()

    def test_a_changed_correlation_starts_anew_and_a_removed_rule_is_gone(self):
        self.rules.write_text(named() + "---\n" + COUNTED + "---\n" + named("Kind b", "03", "kind: b"), "utf-8")
        tail = self.box.tail(self.log, config=FAST)
        append(self.log, record(1, "a") + record(2, "a") + record(3, "b"))
        eventually(lambda: len(tail.alerts) == 3, "three alerts")
        self.rules.write_text(named() + "---\n" + COUNTED.replace("1h", "2h"), "utf-8")
        eventually(lambda: self.reloads(tail) == 1, "the reload")
        append(self.log, record(4, "b") + record(5, "a"))
        eventually(lambda: len(tail.alerts) == 4, "four alerts")
        tail.settle()
        self.assertEqual(self.titles(tail)[3], "Kind a")
        self.assertEqual(len(tail.alerts), 4)
        tail.stop()

    def test_a_rule_that_no_longer_compiles_keeps_its_last_good_version(self):
        good = named() + "---\n" + COUNTED + "---\n" + named("Kind b", "03", "kind: b")
        self.rules.write_text(good, "utf-8")
        tail = self.box.tail(self.log, config=FAST)
        broken = named(condition="kind|no_such_modifier: a") + "---\n" + COUNTED + "---\n" + named("Kind c", "03", "kind: c")
        self.rules.write_text(broken, "utf-8")
        eventually(lambda: self.reloads(tail) == 1, "the reload")
        alert = tail.wait_system("rule-kept")
        self.assertIn("Kind a", alert["summary"])
        self.assertIn("no_such_modifier", tail.messages())
        self.assertIn("1 kept in an earlier version", tail.messages())
        for seq in range(3):
            append(self.log, record(seq, "a"))
        append(self.log, record(8, "b") + record(9, "c"))
        eventually(lambda: "Kind c" in self.titles(tail), "the changed rule")
        self.assertEqual(sorted(title for title in self.titles(tail) if not title.startswith("tocsin")),
                         ["Kind a", "Kind a", "Kind a", "Kind c", "Three of a kind"])
        # Once more broken: the version that is kept is still there. Then mended.
        self.rules.write_text(broken.replace("Kind c", "Kind d").replace("kind: c", "kind: d"), "utf-8")
        eventually(lambda: self.reloads(tail) == 2, "the second reload")
        append(self.log, record(10, "a"))
        eventually(lambda: self.titles(tail).count("Kind a") == 4, "the kept rule")
        self.rules.write_text(named(condition="kind: z") + "---\n" + COUNTED, "utf-8")
        eventually(lambda: self.reloads(tail) == 3, "the third reload")
        append(self.log, record(11, "a") + record(12, "z"))
        eventually(lambda: self.titles(tail).count("Kind a") == 5, "the mended rule")
        tail.settle()
        self.assertEqual(self.titles(tail).count("Kind a"), 5)
        tail.stop()

    def test_a_document_that_is_no_yaml_any_more_is_kept_too(self):
        self.rules.write_text(named() + "---\n" + named("Kind b", "03", "kind: b"), "utf-8")
        tail = self.box.tail(self.log, config=FAST)
        self.rules.write_text("title: [\n---\n" + named("Kind b", "03", "kind: c"), "utf-8")
        eventually(lambda: self.reloads(tail) == 1, "the reload")
        append(self.log, record(1, "a") + record(2, "b") + record(3, "c"))
        eventually(lambda: {"Kind a", "Kind b"} <= set(self.titles(tail)), "both rules")
        tail.settle()
        self.assertEqual(len([title for title in self.titles(tail) if title.startswith("Kind")]), 2)
        tail.stop()

    def test_a_broken_configuration_keeps_the_whole_old_set(self):
        tail = self.box.tail(self.log, config=FAST)
        config = tail.config.read_text("utf-8")
        self.rules.write_text(RULES.replace("Every record", "Another title"), "utf-8")
        tail.config.write_text(config + "no_such_key: 1\n", "utf-8")
        alert_of = tail.wait_system("reload-refused")
        self.assertIn("no_such_key", alert_of["summary"])
        append(self.log, line(1))
        tail.wait_for([1])
        self.assertIn("Every record", self.titles(tail))
        tail.config.write_text(config, "utf-8")
        eventually(lambda: self.reloads(tail) >= 1, "the reload")
        append(self.log, line(2))
        tail.wait_for([2])
        self.assertIn("Another title", self.titles(tail))
        tail.stop()

    def test_no_rules_at_all_or_a_broken_pipeline_keep_the_old_set(self):
        pipeline = self.box.root / "pipeline.yml"
        pipeline.write_text("name: p\npriority: 1\ntransformations: []\n", "utf-8")
        tail = self.box.tail(self.log, config=FAST, arguments=["--pipeline", str(pipeline)])
        pipeline.write_text("name: p\ntransformations: [{type: no_such_type}]\n", "utf-8")
        eventually(lambda: self.refusals(tail) == 1, "the refusal")
        pipeline.write_text("name: p\npriority: 1\ntransformations: []\n", "utf-8")
        eventually(lambda: self.reloads(tail) == 1, "the reload")
        self.rules.unlink()
        eventually(lambda: self.refusals(tail) == 2, "the second refusal")
        append(self.log, line(1))
        tail.wait_for([1])
        tail.stop()

    def test_lists_receivers_and_routes_change_with_the_configuration(self):
        first, second = Endpoint(), Endpoint()
        names = self.box.root / "names.txt"
        names.write_text("a\n", "utf-8")
        self.rules.write_text(named(condition="kind|expand: '%names%'"), "utf-8")
        receiver = "placeholders: {names: {file: names.txt}}\nreceivers:\n  - name: soc\n    webhook: {url: 'URL', min_interval: 1ms}\n"
        tail = self.box.tail(self.log, config=FAST + receiver.replace("URL", first.url))
        append(self.log, record(1, "a") + record(2, "b"))
        eventually(lambda: len(first.paths) == 1, "the first delivery")
        names.write_text("b\n", "utf-8")
        eventually(lambda: self.reloads(tail) == 1, "the reload")
        append(self.log, record(3, "a") + record(4, "b"))
        eventually(lambda: len(first.paths) == 2, "the second delivery")
        tail.config.write_text(tail.config.read_text("utf-8").replace(first.url, second.url), "utf-8")
        eventually(lambda: self.reloads(tail) == 2, "the second reload")
        append(self.log, record(5, "b"))
        eventually(lambda: len(second.paths) == 1, "the delivery to the new place")
        self.assertEqual(len(first.paths), 2)
        self.assertEqual(len(tail.alerts), 3)
        self.assertIn("3 alerts delivered", tail.messages() + str(tail.stop()) + tail.messages())

    def test_without_watching_it_reloads_when_it_is_told(self):
        socket = self.box.root / "admin.sock"
        tail = self.box.tail(self.log, config=f"reload: {{watch: false, poll: 50ms}}\nadmin: {{socket: {socket}}}\n")
        self.rules.write_text(RULES.replace("Every record", "Second"), "utf-8")
        tail.settle(0.5)
        self.assertEqual(self.reloads(tail), 0)
        tail.signal(signal.SIGHUP)
        eventually(lambda: self.reloads(tail) == 1, "the reload")
        self.rules.write_text("title: [\n", "utf-8")
        told = subprocess.run([PROGRAM, "reload", "--admin", str(socket)], capture_output=True, text=True, check=False)
        self.assertEqual(told.returncode, 0, told)
        self.assertIn("kept in an earlier version", told.stdout)
        self.rules.unlink()
        told = subprocess.run([PROGRAM, "reload", "--config", str(tail.config)], capture_output=True, text=True, check=False)
        self.assertEqual(told.returncode, 2, told)
        self.assertIn("refused", told.stdout)
        append(self.log, line(1))
        tail.wait_for([1])
        self.assertEqual([title for title in self.titles(tail) if not title.startswith("tocsin")], ["Second"])
        tail.stop()

    # --- watching ---

    def get(self, tail, path):
        found = re.search(r"http://(127\.0\.0\.1:\d+)/metrics", tail.messages())
        self.assertTrue(found, tail.messages())
        try:
            with urllib.request.urlopen(f"http://{found.group(1)}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode("utf-8")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode("utf-8")

    def metrics(self, tail):
        status, text = self.get(tail, "/metrics")
        self.assertEqual(status, 200)
        return {match.group(1): float(match.group(2)) for match in re.finditer(r"^([a-z_]+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}

    def test_metrics_tell_what_happens(self):
        tail = self.box.tail(self.log, rotate_wait="300ms", config="metrics: {listen: '127.0.0.1:0'}\n" + FAST)
        append(self.log, lines(1, 100) + b"no json\n" + lines(101, 150))
        tail.wait_for(range(1, 151))
        os.rename(self.log, self.box.log("old"))
        append(self.log, lines(151, 200))
        tail.wait_for(range(151, 201))
        eventually(lambda: self.metrics(tail).get('tocsin_input_rotations_total{input="logs"}') == 1, "the rotation")
        numbers = self.metrics(tail)
        for name, value in {
                'tocsin_input_records_total{input="logs"}': 200, 'tocsin_input_malformed_total{input="logs"}': 1,
                'tocsin_input_lag_bytes{input="logs"}': 0, 'tocsin_rules{state="loaded"}': 1,
                'tocsin_rule_matches_total{rule="0e3e2b0c-5d5a-4c1e-9a46-2f6a4a3b1c01"}': 200,
                'tocsin_alerts_total{level="low"}': 200, "tocsin_healthy": 1, "tocsin_detector_keys": 0}.items():
            self.assertEqual(numbers.get(name), value, name)
        self.assertGreater(numbers['tocsin_input_bytes_total{input="logs"}'], 10_000)
        self.rules.write_text(RULES + "# changed\n", "utf-8")
        eventually(lambda: self.metrics(tail)['tocsin_reloads_total{result="done"}'] == 1, "the reload")
        self.assertEqual(self.get(tail, "/health"), (200, "well\n"))
        self.assertEqual(self.get(tail, "/elsewhere")[0], 404)
        tail.stop()

    def test_every_metric_is_in_the_manual_and_serves_promtool(self):
        tail = self.box.tail(self.log, config="metrics: {listen: '127.0.0.1:0'}\n")
        text = self.get(tail, "/metrics")[1]
        names = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
        manual = (pathlib.Path(__file__).resolve().parents[2] / "docs/operation.md").read_text("utf-8")
        self.assertGreater(len(names), 25)
        self.assertEqual([name for name in sorted(names) if f"`{name}" not in manual], [])
        self.assertEqual(len(re.findall(r"^# HELP ", text, re.MULTILINE)), len(names))
        tail.stop()

    def test_a_blocked_engine_is_not_well_and_sends_no_heartbeat(self):
        endpoint = Endpoint()
        tail = self.box.tail(self.log, read_output=False,
                             config="metrics: {listen: '127.0.0.1:0'}\nheartbeat: {url: '%s', interval: 50ms, stall: 700ms}\n"
                             % endpoint.url)
        eventually(lambda: len(endpoint.paths) >= 2, "two heartbeats")
        self.assertEqual(self.get(tail, "/health")[0], 200)
        append(self.log, lines(1, 3000, pad=300))
        eventually(lambda: self.get(tail, "/health")[0] == 503, "it to be unwell")
        count = len(endpoint.paths)
        tail.settle(0.4)
        self.assertLessEqual(len(endpoint.paths), count + 1)
        self.assertIn("no step", self.get(tail, "/health")[1])
        tail.readable.set()
        eventually(lambda: self.get(tail, "/health")[0] == 200, "it to be well again")
        tail.wait_for(range(1, 3001))
        tail.stop()

    def test_a_silent_input_raises_an_alert(self):
        tail = self.box.tail(self.log, input_keys="    no_data_for: 600ms\n", config="system_alerts: {interval: 1ms}\n")
        append(self.log, line(1))
        alert = tail.wait_system("input-silent")
        self.assertIn("logs", alert["summary"])
        self.assertEqual(alert["level"], "high")
        tail.stop()

    def test_system_alerts_of_a_kind_are_limited(self):
        tail = self.box.tail(self.log, config="system_alerts: {interval: 1500ms}\n")
        begin = time.monotonic()
        while time.monotonic() - begin < 2.2:
            append(self.log, b"no json\n")
            time.sleep(0.05)
        eventually(lambda: len(tail.system) == 2, f"two system alerts, not {len(tail.system)}")
        self.assertIn("more of this kind", tail.system[1]["summary"])
        self.assertGreater(tail.system[1]["count"], 5)
        tail.stop()

    def test_status_over_the_admin_socket(self):
        socket = self.box.root / "admin.sock"
        tail = self.box.tail(self.log, config=f"admin: {{socket: {socket}}}\n")
        append(self.log, lines(1, 10))
        tail.wait_for(range(1, 11))
        tail.settle(0.4)
        self.assertEqual(os.stat(socket).st_mode & 0o777, 0o600)
        told = subprocess.run([PROGRAM, "status", "--admin", str(socket), "--format", "json"], capture_output=True, text=True, check=True)
        status = json.loads(told.stdout)
        self.assertEqual((status["healthy"], status["inputs"][0]["records"], status["rules"]["loaded"]), (True, 10, 1))
        self.assertEqual(status["pid"], tail.process.pid)
        told = subprocess.run([PROGRAM, "status", "--config", str(tail.config)], capture_output=True, text=True, check=True)
        self.assertRegex(told.stdout, r"(?m)^health +well$")
        self.assertRegex(told.stdout, r"(?m)^input +logs: 10 records")
        second = subprocess.run([PROGRAM, "tail", "--config", str(tail.config)], capture_output=True, text=True, check=False, timeout=20)
        self.assertEqual(second.returncode, 2)
        self.assertIn("another tocsin answers", second.stderr)
        if os.geteuid() == 0:
            os.chmod(socket, 0o666)
            os.chmod(socket.parent, 0o755)
            program = program_for_others(socket.parent)
            other = subprocess.run([program, "status", "--admin", str(socket)], capture_output=True, text=True, check=False, user=65534)
            self.assertEqual((other.returncode, other.stdout), (2, ""))
        tail.stop()
        self.assertFalse(socket.exists())
        gone = subprocess.run([PROGRAM, "status", "--admin", str(socket)], capture_output=True, text=True, check=False)
        self.assertEqual(gone.returncode, 2)
        self.assertIn("no tocsin answers", gone.stderr)

    def test_a_socket_that_a_killed_process_left_is_replaced(self):
        socket = self.box.root / "admin.sock"
        tail = self.box.tail(self.log, config=f"admin: {{socket: {socket}}}\n")
        eventually(socket.exists, "the socket")
        tail.kill()
        self.assertTrue(socket.exists())
        tail = self.box.tail(self.log, config=f"admin: {{socket: {socket}}}\n")
        eventually(lambda: subprocess.run([PROGRAM, "status", "--admin", str(socket)], capture_output=True, check=False).returncode == 0, "status")
        tail.stop()

    def test_no_secret_is_in_logs_status_or_metrics(self):
        endpoint = Endpoint(status=404)
        heart = Endpoint(status=500)
        socket = self.box.root / "admin.sock"
        config = (f"admin: {{socket: {socket}}}\nmetrics: {{listen: '127.0.0.1:0'}}\nlog: {{format: json}}\n"
                  f"heartbeat: {{url: '{heart.url}', interval: 100ms}}\n"
                  f"receivers:\n  - name: soc\n    webhook: {{url: '{endpoint.url}', min_interval: 1ms}}\n") + FAST
        tail = self.box.tail(self.log, config=config)
        append(self.log, line(1))
        eventually(lambda: endpoint.paths and heart.paths, "requests")
        tail.config.write_text(tail.config.read_text("utf-8") + f"receivers2: {endpoint.url}\n", "utf-8")
        eventually(lambda: self.refusals(tail) or "reload-refused" in tail.messages(), "the refusal")
        eventually(lambda: "heartbeat" in tail.messages() and "delivery" in tail.messages(), "complaints")
        status = subprocess.run([PROGRAM, "status", "--admin", str(socket)], capture_output=True, text=True, check=True).stdout
        metrics = self.get(tail, "/metrics")[1]
        tail.wait_system("reload-refused")
        tail.signal(signal.SIGTERM)
        tail.process.wait()
        tail.finish()
        for text in (tail.messages(), status, metrics, json.dumps(tail.alerts)):
            self.assertNotIn(SECRET, text)
        logged = [json.loads(text) for text in tail.messages().splitlines() if text.startswith('{"time"')]
        self.assertGreater(len(logged), 3)
        self.assertEqual({"time", "level", "code", "message"} - logged[0].keys(), set())

    def test_the_journal_gets_levels(self):
        stream = self.box.root / "journal"
        with open(stream, "wb") as out:
            info = os.fstat(out.fileno())
            process = subprocess.run(
                [PROGRAM, "tail", "--rules", str(self.rules), str(self.box.root / "nowhere"), "--format", "none"],
                stderr=out, stdout=subprocess.DEVNULL, check=False, timeout=20,
                env={**os.environ, "JOURNAL_STREAM": f"{info.st_dev}:{info.st_ino}"}, preexec_fn=lambda: signal.alarm(1))
        self.assertEqual(process.returncode, -signal.SIGALRM)
        self.assertRegex(stream.read_text("utf-8"), r"(?m)^<[3-6]>.*nowhere")

    def test_metrics_that_cannot_listen_are_an_error_at_the_start(self):
        with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as taken:
            config = self.box.root / "t.yaml"
            config.write_text(f"version: 1\nrules: {{paths: [rules.yml]}}\ninputs: [{{paths: [logs]}}]\n"
                              f"metrics: {{listen: '127.0.0.1:{taken.server_port}'}}\n", "utf-8")
            done = subprocess.run([PROGRAM, "tail", "--config", str(config)], capture_output=True, text=True, check=False, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertIn("cannot listen on 127.0.0.1:", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
