#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tocsin is killed at random points while logs grow and rotate and the endpoint fails at times: the alerts that are stored are those of
a run that nobody disturbed, and what was delivered twice was under way when it was killed. A few kills in `make test`, 200 in
`make soak`."""
import collections
import datetime
import pathlib
import random
import tempfile
import threading
import time
import unittest

from support import IS_SOAK, Endpoint, Log, Records, Tocsin, essence, eventually, folded_counts, stored_alerts

RECORDS = 1_000_000 if IS_SOAK else 40_000
KILLS = 200 if IS_SOAK else 6
RUN_SECONDS_MAX = 1.6 if IS_SOAK else 1.0
CHUNK = 200
ROTATE_BYTES = 6_000_000 if IS_SOAK else 1_500_000
EVENT_SECONDS, USUAL = (RECORDS // 200, 1000) if IS_SOAK else (RECORDS // 50, 250)
LATENESS = "30m" if IS_SOAK else "10m"


class Writer(threading.Thread):
    """Writes all records at a steady pace, and when it is let, the last ones."""

    def __init__(self, folder, records, records_per_second):
        super().__init__(daemon=True)
        self.records = records
        self.pace = records_per_second
        self.logs = {name: Log(folder / "logs" / name, ROTATE_BYTES) for name in ("trail", "second", "app")}
        self.may_end = threading.Event()

    def run(self):
        rng = random.Random(11)
        begin = time.monotonic()
        written = 0
        for name, text, count in self.records.chunks(CHUNK):
            self.logs[name].write(text, rng)
            written += count
            if self.pace:
                time.sleep(max(0.0, begin + written / self.pace - time.monotonic()))
        self.may_end.wait()
        for name, text in self.records.end():
            self.logs[name].write(text, rng)
            self.logs[name].close()


class Kills(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="tocsin-kill-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def follow(self, name, records, failures, disturb):
        """Runs to the end; returns the endpoint, the alerts that are stored, and what was folded into each."""
        folder = self.folder / name
        folder.mkdir()
        endpoint = Endpoint(failures)
        self.addCleanup(endpoint.close)
        tocsin = Tocsin(folder, endpoint, lateness=LATENESS)
        pace = RECORDS / (KILLS * RUN_SECONDS_MAX * 0.5) if disturb else None
        writer = Writer(folder, records, pace)
        writer.start()
        if disturb:
            tocsin.start()
            disturb(tocsin)
        writer.may_end.set()
        writer.join()
        if not disturb:
            tocsin.start()
        ends = lambda: sum(endpoint.titles()[title] for title in ("End", "End of app")) == 3
        self.assertTrue(eventually(ends, 600 if IS_SOAK else 60), tocsin.said()[-3000:])
        # The last record lets correlations report what they waited with: that is delivered behind its own alert.
        endpoint.wait_until_quiet(5.0 if IS_SOAK else 0.7)
        self.assertEqual(tocsin.end(), 0, tocsin.said()[-3000:])
        self.assertNotIn("damaged", tocsin.said())
        if disturb:
            self.assertGreater(sum(log.rotations for log in writer.logs.values()), 3)
        return endpoint, stored_alerts(tocsin.state), folded_counts(tocsin.state)

    def test_stored_alerts_are_those_of_an_undisturbed_run(self):
        base = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(hours=8)
        records = Records(RECORDS, EVENT_SECONDS, base, USUAL)
        calm, expected, calm_folded = self.follow("calm", records, 0.0, None)
        rng = random.Random(5)

        def disturb(tocsin):
            for _ in range(KILLS):
                time.sleep(rng.uniform(0.02, RUN_SECONDS_MAX))
                tocsin.kill()
                if rng.randrange(4) == 0:
                    time.sleep(rng.uniform(0, 0.5))  # files are rotated while nobody looks
                tocsin.start()

        endpoint, stored, folded = self.follow("killed", records, 0.1, disturb)
        counts = collections.Counter(expected.values())
        print(f"{RECORDS} records, {KILLS} kills, {len(expected)} alerts: {dict(calm.titles())}")
        self.assertGreater(len(counts), 7, counts)
        self.assertEqual(stored, expected)
        self.assertEqual(calm.delivered(), set(expected))
        self.assertEqual(endpoint.delivered(), set(expected))
        for alert, body in calm.bodies.items():
            self.assertEqual(essence(endpoint.bodies[alert]), essence(body))
            self.check_counts(alert, [(body, calm_folded[alert]), (endpoint.bodies[alert], folded[alert])])
        self.check_repeats(endpoint)

    def check_counts(self, alert, runs):
        """The count that an alert was raised with is the same in all runs; what was delivered is that and some of the later firings
        (all that is known of it is how many there were), so that it is equal where there were none."""
        least = max(body.get("count", 0) - later for body, later in runs)
        most = min(body.get("count", 0) for body, _ in runs)
        self.assertLessEqual(least, most, (alert, [(body.get("count"), later) for body, later in runs]))

    def check_repeats(self, endpoint):
        """What was taken twice was the last that an earlier life had delivered."""
        taken = [(life, alert) for life, alert, answer in endpoint.requests if answer == 200]
        last_of_life = dict(taken)
        lives = collections.defaultdict(list)
        for life, alert in taken:
            lives[alert].append(life)
        repeated = {alert: found for alert, found in lives.items() if len(found) > 1}
        print(f"{len(taken)} deliveries, {len(repeated)} alerts delivered again")
        for alert, found in repeated.items():
            for life in found[:-1]:
                self.assertEqual(last_of_life[life], alert, f"delivered in lives {found}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
