# SPDX-License-Identifier: Apache-2.0
"""What happens while tocsin is stopped or killed, with a store: 6, 7, 12, 18, 35 to 37, 40."""
import os
import random
import signal
import shutil
import subprocess
import time

from harness import Result, Skipped, append, expect, line, lines, need_root, need_state
from scenario import ANY, scenario


def run_first(box, *paths, count=1000):
    """Reads the first `count` records of a.log and stops; the paths are those of both runs."""
    need_state()
    append(box.log(), lines(1, count))
    tail = box.tail(*paths, state=box.root / "state")
    tail.wait_for(range(1, count + 1))
    return tail, tail.stop()


def finish(box, first, paths, wanted, **settings):
    tail, stats = first
    again = box.tail(*paths, state=box.root / "state", **settings)
    again.wait_for(set(wanted) - set(tail.seen))
    again.settle()
    return again, Result().judge([tail, again], wanted, [stats, again.stop()])


@scenario(6, "three rotations while it is stopped, all names followed")
def rotations_while_stopped(box):
    paths = [box.logs / "a*"]
    first = run_first(box, *paths)
    log = box.log()
    for rotation in range(3):
        begin = 1001 + rotation * 1000
        append(log, lines(begin, begin + 499))
        for number in range(rotation, 0, -1):
            os.rename(box.log(f"a.log.{number}"), box.log(f"a.log.{number + 1}"))
        os.rename(log, box.log("a.log.1"))
        append(log, lines(begin + 500, begin + 999))
    return finish(box, first, paths, range(1, 4001))[1]


@scenario(7, "moved away while it is stopped: what cannot be read any more is told")
def moved_while_stopped(box):
    paths = [box.log()]
    first = run_first(box, *paths)
    append(box.log(), lines(1001, 1100))
    shutil.copyfile(box.log(), box.root / "elsewhere")
    box.log().unlink()
    append(box.log(), lines(1101, 2000))
    again, result = finish(box, first, paths, [*range(1, 1001), *range(1101, 2001)])
    told = again.messages()
    expect("[file-vanished]" in told or "[file-replaced]" in told, f"nothing was said of it: {told[-600:]}")
    return result


@scenario(12, "truncated and regrown beyond the position while it is stopped")
def regrown_while_stopped(box):
    paths = [box.log()]
    first = run_first(box, *paths)
    os.truncate(box.log(), 0)
    append(box.log(), lines(1001, 3000))
    return finish(box, first, paths, range(1, 3001))[1]


@scenario(18, "deleted and made anew while it is stopped: often the same inode")
def recreated_while_stopped(box):
    paths = [box.log()]
    first = run_first(box, *paths)
    box.log().unlink()
    append(box.log(), lines(1001, 3000))
    return finish(box, first, paths, range(1, 3001))[1]


def kill_again_and_again(box, kills, seconds):
    need_state()
    log, state = box.log(), box.root / "state"
    log.touch()
    chance = random.Random(35)
    tails = []
    written = 0
    for kill in range(kills):
        tails.append(box.tail(box.logs / "a*", state=state))
        end = time.monotonic() + seconds * chance.random()
        while time.monotonic() < end:
            append(log, lines(written + 1, written + 50))
            written += 50
            time.sleep(0.005)
        if chance.random() < 0.3:
            os.rename(log, box.log(f"a.log.{kill}"))
            log.touch()
        tails[-1].kill()
        expect("position-damaged" not in tails[-1].messages(), "its positions could not be read")
    last = box.tail(box.logs / "a*", state=state)
    seen = set()
    for tail in tails:
        seen |= set(tail.seen)
    last.wait_for(set(range(1, written + 1)) - seen)
    last.settle()
    return Result().judge([*tails, last], range(1, written + 1), [last.stop()])


@scenario(35, "killed at random points, eight times", dup=ANY)
def killed(box):
    return kill_again_and_again(box, 8, 0.6)


@scenario(35, "killed at random points, 200 times", part="s", dup=ANY, soak=True)
def killed_often(box):
    return kill_again_and_again(box, 200, 1.0)


def damage(box, how):
    paths = [box.log()]
    first = run_first(box, *paths)
    state = box.root / "state"
    for path in [path for path in state.iterdir() if path.is_file() and path.stat().st_size > 4096]:
        data = bytearray(path.read_bytes())
        how(path, data)
    append(box.log(), lines(1001, 1500))
    # Everything is read from the beginning: what was evaluated before is evaluated again.
    again = box.tail(*paths, state=state)
    again.wait_for(range(1, 1501))
    kinds = {alert["rule"]["name"] for alert in again.system}
    told = again.messages()
    expect(kinds or "damage" in told, f"nothing was said of the damage: {told[-600:]}")
    return Result().judge([first[0], again], range(1, 1501), [first[1], again.stop()])


@scenario(36, "the store is zeroed", dup=1000)
def zeroed(box):
    return damage(box, lambda path, data: path.write_bytes(bytes(len(data))))


@scenario(36, "the store is cut off", part="b", dup=1000)
def cut_off(box):
    return damage(box, lambda path, data: path.write_bytes(data[: len(data) // 3]))


@scenario(36, "the store is overwritten with garbage", part="c", dup=1000)
def garbage(box):
    def overwrite(path, data):
        data[:] = random.Random(36).randbytes(len(data))
        path.write_bytes(data)
    return damage(box, overwrite)


@scenario(37, "the disk of the store is full for a while: it waits, and goes on", dup=ANY)
def full_disk(box):
    need_state()
    need_root()
    space = box.root / "space"
    space.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(space)], capture_output=True, check=False)
    if done.returncode != 0:
        raise Skipped("no tmpfs can be mounted")
    box.cleanups.append(lambda: subprocess.run(["umount", "-l", str(space)], check=False))
    log = box.log()
    append(log, lines(1, 500))
    tail = box.tail(log, state=space / "state")
    tail.wait_for(range(1, 501))
    ballast = space / "ballast"
    try:
        with open(ballast, "wb", buffering=0) as out:
            while True:
                out.write(bytes(4096))
    except OSError:
        pass
    append(log, lines(501, 4000, pad=200))
    time.sleep(2.0)
    expect(tail.process.poll() is None, f"it ended: {tail.messages()[-400:]}")
    ballast.unlink()
    tail.wait_for(range(1, 4001), timeout=60)
    stats = tail.stop()
    again = box.tail(log, state=space / "state")
    append(log, line(4001))
    again.wait_for([4001])
    return Result().judge([tail, again], range(1, 4002), [stats, again.stop()])


@scenario(40, "mounted anew while it is stopped: another device, the same logs", part="e")
def remounted(box):
    need_state()
    need_root()
    mounts = []
    for name in ("one", "two"):
        folder = box.root / name
        folder.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True, check=False).returncode != 0:
            raise Skipped("no tmpfs can be mounted")
        box.cleanups.append(lambda folder=folder: subprocess.run(["umount", "-l", str(folder)], check=False))
        mounts.append(folder)
    current = box.root / "current"
    current.symlink_to("one")
    append(mounts[0] / "a.log", lines(1, 1000))
    tail = box.tail(current / "a.log", state=box.root / "state")
    tail.wait_for(range(1, 1001))
    stats = tail.stop()
    shutil.copy2(mounts[0] / "a.log", mounts[1] / "a.log")
    current.unlink()
    current.symlink_to("two")
    append(mounts[1] / "a.log", lines(1001, 2000))
    again = box.tail(current / "a.log", state=box.root / "state")
    again.wait_for(range(1001, 2001))
    again.settle()
    return Result().judge([tail, again], range(1, 2001), [stats, again.stop()])


@scenario(40, "SIGTERM under load: what was read is finished, nothing is read again", part="f")
def drained(box):
    need_state()
    log, state = box.log(), box.root / "state"
    append(log, lines(1, 20_000, pad=100))
    tail = box.tail(log, state=state)
    while tail.count() < 1_000:
        time.sleep(0.001)
    tail.signal(signal.SIGTERM)
    tail.process.wait()
    tail.finish()
    again = box.tail(log, state=state)
    again.wait_for(set(range(1, 20_001)) - set(tail.seen))
    again.settle()
    return Result().judge([tail, again], range(1, 20_001), [again.stop()])
