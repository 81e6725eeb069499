# SPDX-License-Identifier: Apache-2.0
"""A world that does not help: blocked output, no inotify, clocks that jump, reloads: 38 to 40."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

from harness import Result, Skipped, append, expect, lines, need_root
from scenario import scenario

# A user namespace of its own, in which no inotify instance can be made.
WITHOUT_INOTIFY = ("unshare", "--user", "--map-root-user", "sh", "-c",
                   'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"', "sh")
WITH_SMALL_QUEUE = ("unshare", "--user", "--map-root-user", "sh", "-c",
                    'echo 1 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh")
CLOCK = os.environ.get("TOCSIN_CLOCK_SHIM", "")


@scenario(38, "the output is blocked while the log rotates five times and the old ones are deleted")
def blocked_output(box):
    log = box.log()
    log.touch()
    tail = box.tail(log, read_output=False, rotate_wait="500ms")
    first, per_file = 1, 4_000
    for rotation in range(6):
        append(log, lines(first, first + per_file - 1, pad=200))
        first += per_file
        time.sleep(0.3)
        if rotation < 5:
            os.rename(log, box.log("gone"))
            log.touch()
            time.sleep(0.2)
            box.log("gone").unlink()
    time.sleep(1.0)
    tail.readable.set()
    tail.wait_for(range(1, first))
    tail.settle(1.0)
    return Result().judge([tail], range(1, first), [tail.stop()])


def run_wrapped(box, wrapper):
    probe = subprocess.run([*wrapper, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        raise Skipped("user namespaces cannot be had: " + probe.stderr.decode("utf-8", "replace").strip()[:80])
    log = box.log()
    append(log, lines(1, 500))
    tail = box.tail(box.logs, wrapper=wrapper)
    tail.wait_for(range(1, 501))
    os.rename(log, box.log("a.log.1"))
    append(log, lines(501, 1000))
    (box.logs / "sub").mkdir()
    append(box.logs / "sub" / "b.log", lines(1001, 1500))
    tail.wait_for(range(501, 1501))
    append(log, lines(1501, 2000))
    tail.wait_for(range(1501, 2001))
    tail.settle()
    return Result().judge([tail], range(1, 2001), [tail.stop()])


@scenario(39, "inotify cannot be had")
def no_inotify(box):
    return run_wrapped(box, WITHOUT_INOTIFY)


@scenario(39, "inotify has too few watches", part="b")
def few_watches(box):
    return run_wrapped(box, WITH_SMALL_QUEUE)


@scenario(39, "a flood of events that overflows the queue of inotify", part="c")
def flood(box):
    log = box.log()
    log.touch()
    tail = box.tail(box.logs / "*.log")
    tail.settle(0.3)
    tail.signal(signal.SIGSTOP)
    other = box.log("noise")
    for _ in range(20_000):
        other.write_bytes(b"")
    os.rename(log, box.log("b.log"))
    append(box.log("b.log"), lines(1, 500))
    append(log, lines(501, 1000))
    tail.signal(signal.SIGCONT)
    tail.wait_for(range(1, 1001))
    return Result().judge([tail], range(1, 1001), [tail.stop()])


@scenario(39, "a FUSE file system, where inotify does not tell what others write: polled", part="d")
def fuse(box):
    if shutil.which("bindfs") is None or not os.path.exists("/dev/fuse"):
        raise Skipped("no bindfs or no /dev/fuse")
    mounted = box.root / "mounted"
    mounted.mkdir()
    done = subprocess.run(["bindfs", str(box.logs), str(mounted)], capture_output=True, check=False)
    if done.returncode != 0:
        raise Skipped("bindfs cannot mount: " + done.stderr.decode("utf-8", "replace").strip()[:80])
    box.cleanups.append(lambda: subprocess.run(["umount", "-l", str(mounted)], check=False))
    tail = box.tail(mounted / "*.log")
    append(box.log(), lines(1, 500))
    tail.wait_for(range(1, 501))
    os.rename(box.log(), box.log("b.log"))
    append(box.log(), lines(501, 1000))
    tail.wait_for(range(501, 1001))
    tail.settle()
    return Result().judge([tail], range(1, 1001), [tail.stop()])


@scenario(39, "an overlay file system: a log is written for the first time, and gets another inode", part="e")
def overlay(box):
    need_root()
    lower, upper, work, merged = (box.root / name for name in ("lower", "upper", "work", "merged"))
    space = box.root / "space"
    space.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(space)], capture_output=True, check=False).returncode != 0:
        raise Skipped("no tmpfs can be mounted")
    box.cleanups.append(lambda: subprocess.run(["umount", "-l", str(space)], check=False))
    lower, upper, work, merged = (space / name for name in ("lower", "upper", "work", "merged"))
    for folder in (lower, upper, work, merged):
        folder.mkdir()
    append(lower / "a.log", lines(1, 500))
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}",
                           str(merged)], capture_output=True, check=False)
    if done.returncode != 0:
        raise Skipped("no overlay can be mounted")
    box.cleanups.append(lambda: subprocess.run(["umount", "-l", str(merged)], check=False))
    tail = box.tail(merged / "*.log")
    tail.wait_for(range(1, 501))
    append(merged / "a.log", lines(501, 1000))
    tail.wait_for(range(501, 1001))
    tail.settle()
    return Result().judge([tail], range(1, 1001), [tail.stop()])


@scenario(40, "the clock jumps by an hour, back and forth")
def clock_jumps(box):
    if not CLOCK or not os.path.exists(CLOCK):
        raise Skipped("no clock shim was built (TOCSIN_CLOCK_SHIM)")
    offset = box.root / "offset"
    offset.write_text("0", "ascii")
    log = box.log()
    append(log, lines(1, 500))
    tail = box.tail(log, environment={"LD_PRELOAD": CLOCK, "TOCSIN_CLOCK_OFFSET": str(offset)})
    tail.wait_for(range(1, 501))
    first = 501
    for seconds in (3600, -3600, 0):
        offset.write_text(str(seconds), "ascii")
        append(log, lines(first, first + 249))
        os.rename(log, box.log(f"a.log.{first}"))
        append(log, lines(first + 250, first + 499))
        tail.wait_for(range(first, first + 500))
        first += 500
    alert_times = {alert["detected_at"][:13] for alert in tail.alerts}
    expect(len(alert_times) >= 2, f"the shim does not move the clock: {alert_times}")
    tail.settle(1.3)
    return Result().judge([tail], range(1, first), [tail.stop()])


@scenario(40, "files that were changed in 1970 and in the future", part="b")
def strange_times(box):
    append(box.log("old.log"), lines(1, 500))
    os.utime(box.log("old.log"), (0, 0))
    append(box.log("new.log"), lines(501, 1000))
    future = time.time() + 10 * 365 * 86400
    os.utime(box.log("new.log"), (future, future))
    tail = box.tail(box.logs / "*.log")
    tail.wait_for(range(1, 1001))
    append(box.log("old.log"), lines(1001, 1100))
    os.utime(box.log("old.log"), (0, 0))
    append(box.log("new.log"), lines(1101, 1200))
    os.utime(box.log("new.log"), (future, future))
    tail.wait_for(range(1001, 1201))
    tail.settle()
    return Result().judge([tail], range(1, 1201), [tail.stop()])


@scenario(40, "SIGHUP with other rules under load, then SIGTERM: nothing is read again, all that was read is evaluated", part="c")
def reload_and_drain(box):
    log = box.log()
    log.touch()
    tail = box.tail(log)
    rules = box.root / "rules.yml"
    text = rules.read_text("utf-8")
    for number in range(5):
        append(log, lines(number * 1000 + 1, number * 1000 + 1000))
        rules.write_text(text + f"# version {number}\n", "utf-8")
        tail.signal(signal.SIGHUP)
        time.sleep(0.1)
    tail.wait_message("[reloaded]")
    append(log, lines(5001, 6000))
    tail.wait_for(range(1, 6001))
    return Result().judge([tail], range(1, 6001), [tail.stop()])


@scenario(40, "a new input and new paths by a changed configuration: what was read is not read again", part="d")
def reload_inputs(box):
    append(box.log("a.log"), lines(1, 500))
    tail = box.tail(box.log("a.log"), config="reload: {poll: 50ms, debounce: 50ms}\n")
    tail.wait_for(range(1, 501))
    config = pathlib.Path(tail.config)
    text = config.read_text("utf-8")
    append(box.log("b.log"), lines(501, 700))
    config.write_text(text.replace(f'      - "{box.log("a.log")}"\n', f'      - "{box.logs}/*.log"\n'), "utf-8")
    tail.wait_message("[reloaded]")
    append(box.log("a.log"), lines(701, 1000))
    append(box.log("b.log"), lines(1001, 1200))
    tail.wait_for([*range(1, 501), *range(501, 1201)])
    tail.settle()
    return Result().judge([tail], range(1, 1201), [tail.stop()])
