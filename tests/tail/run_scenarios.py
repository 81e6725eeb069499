#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The forty scenarios that a tail must survive (docs/operation.md), each with the real program on real files, and the records
that it may lose and evaluate twice. usage: run_scenarios.py [--soak] [NUMBER...]; TOCSIN_PROGRAM names the program.

A scenario whose means are missing (root, a tmpfs, FUSE, the store) says "skipped" and why. Exit status 1: one failed."""
import concurrent.futures
import importlib
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import Box, Failed, Skipped  # noqa: E402  pylint: disable=wrong-import-position
from scenario import SCENARIOS  # noqa: E402  pylint: disable=wrong-import-position

MODULES = ("growing", "rotation", "identity", "content", "compressed", "trouble", "restart")
WORKERS = 6


def run_one(entry):
    begin = time.monotonic()
    box = Box()
    try:
        result = entry.run(box)
        if result is not None and (result.lost > entry.lost or result.dup > entry.dup):
            raise Failed(f"lost {result.lost}, evaluated again {result.dup}")
        state, note = "ok", "" if result is None else f"lost {result.lost}, again {result.dup}"
    except Skipped as reason:
        state, note = "skipped", str(reason)
    except Failed as reason:
        state, note = "FAILED", str(reason)
    except Exception:  # pylint: disable=broad-except
        state, note = "FAILED", traceback.format_exc()
    finally:
        box.close()
    return entry, state, note, time.monotonic() - begin


def main(arguments):
    for name in MODULES:
        importlib.import_module("scenarios_" + name)
    soak = "--soak" in arguments
    wanted = {argument for argument in arguments if argument != "--soak"}
    chosen = [entry for entry in SCENARIOS if (str(entry.number) in wanted or entry.label in wanted or not wanted)
              and (soak or not entry.soak or wanted)]
    numbers = {entry.number for entry in SCENARIOS}
    missing = sorted(set(range(1, 41)) - numbers)
    # Those that measure the processor run alone, at the end.
    together = [entry for entry in chosen if not entry.alone]
    alone = [entry for entry in chosen if entry.alone]
    failed = len(missing)
    print(f"{'no':>4}  {'result':<8} {'may lose':>8} {'again':>6}  {'time':>6}  scenario")
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(run_one, together)) + [run_one(entry) for entry in alone]
    for entry, state, note, seconds in sorted(outcomes, key=lambda outcome: (outcome[0].number, outcome[0].label)):
        failed += state == "FAILED"
        print(f"{entry.label:>4}  {state:<8} {entry.lost_text:>8} {entry.dup_text:>6}  {seconds:5.1f}s  {entry.about}"
              f"{' (' + note + ')' if note else ''}")
    for number in missing:
        print(f"{number:>4}  FAILED: there is no such scenario")
    skipped = sum(outcome[1] == "skipped" for outcome in outcomes)
    print(f"{len(outcomes)} scenarios: {len(outcomes) - skipped - failed} passed, {skipped} skipped, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
