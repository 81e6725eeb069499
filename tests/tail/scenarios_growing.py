# SPDX-License-Identifier: Apache-2.0
"""Files that grow, in pieces and all at once: 1, 2, 24 to 27."""
import os
import time

from harness import SLOWDOWN, Failed, Result, append, eventually, expect, line, lines
from scenario import scenario


@scenario(1, "lines come byte by byte")
def bytes_one_by_one(box):
    log = box.log()
    log.touch()
    tail = box.tail(log)
    for byte in lines(1, 3, pad=4):
        append(log, bytes([byte]))
        time.sleep(0.002)
    tail.wait_for(range(1, 4))
    tail.settle()
    return Result().judge([tail], range(1, 4), [tail.stop()])


@scenario(2, "half a line waits for its end; one that never ends is counted and told")
def half_a_line(box):
    log = box.log()
    append(log, lines(1, 10))
    tail = box.tail(log, rotate_wait="500ms")
    whole = line(11)
    append(log, whole[:30])
    tail.wait_for(range(1, 11))
    tail.settle(0.5)
    expect(not tail.has(11), "half a line was evaluated")
    append(log, whole[30:])
    tail.wait_for([11])
    append(log, b'{"seq":12,"pad":"')
    tail.settle(0.3)
    log.unlink()
    tail.wait_system("record-malformed")
    stats = tail.stop()
    expect(stats["malformed"] == 1, f"malformed: {stats['malformed']}")
    expect("seq\\\":12" in str(tail.dead_letters()) or '"seq":12' in str(tail.dead_letters()), "not dead-lettered")
    return Result().judge([tail], range(1, 12), [stats])


@scenario(24, "a file in a new folder of a ** glob, written and closed at once; renamed within the glob")
def short_lived(box):
    tail = box.tail(box.logs / "**" / "*.json")
    folder = box.logs / "2026" / "11"
    folder.mkdir(parents=True)
    append(folder / "one.json", lines(1, 500))
    append(box.logs / "two.json", lines(501, 1000))
    time.sleep(0.02)
    os.rename(box.logs / "two.json", folder / "renamed.json")
    tail.wait_for(range(1, 1001))
    tail.settle()
    return Result().judge([tail], range(1, 1001), [tail.stop()])


@scenario(25, "a file that is empty at first, then holds one line of 20 bytes")
def one_short_line(box):
    log = box.log()
    tail = box.tail(box.logs / "*")
    log.touch()
    tail.settle(0.3)
    append(log, b'{"seq":1,"n":"abcd"}'[:20] + b"\n")
    begin = time.monotonic()
    tail.wait_for([1])
    expect(time.monotonic() - begin < 1.5, "it took longer than a second")
    return Result().judge([tail], [1], [tail.stop()])


@scenario(26, "a file that may not be read, and later may")
def forbidden(box):
    log = box.log()
    append(log, lines(1, 100))
    os.chmod(log, 0)
    user = 65534 if os.geteuid() == 0 else None
    if user:
        os.chmod(box.root, 0o777)
        box.root.joinpath("dead.ndjson").touch()
        os.chmod(box.root / "dead.ndjson", 0o666)
    tail = box.tail(log, user=user)
    tail.wait_message("[unreadable]")
    tail.wait_system("input-unreadable")
    before = tail.cpu_seconds()
    time.sleep(1.0)
    spent = tail.cpu_seconds() - before
    expect(spent < 0.05, f"it spins: {spent:.2f} s of processor time in a second")
    os.chmod(log, 0o644)
    tail.wait_for(range(1, 101))
    return Result().judge([tail], range(1, 101), [tail.stop()])


@scenario(27, "10,000 idle files and 10 that grow, with 1,024 descriptors", alone=True)
def many_files(box):
    for number in range(10_000):
        folder = box.logs / f"{number % 100:02}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.log").write_bytes(b"")
    active = [box.logs / f"active-{number}.log" for number in range(10)]
    for log in active:
        log.touch()
    # The polls as they are by default: the cost of idling is what is measured.
    tail = box.tail(box.logs, files_max=1024, poll="250ms", rescan="1s", rotate_wait="30s")
    time.sleep(2.0)
    before = tail.cpu_seconds()
    time.sleep(11.0)  # as long as a look at all files is apart from the next, and a little more
    idle = (tail.cpu_seconds() - before) / 11.0
    latencies = []
    for seq in range(1, 101):
        begin = time.monotonic()
        append(active[seq % 10], line(seq))
        eventually(lambda wanted=seq: tail.has(wanted), f"record {seq}")
        latencies.append(time.monotonic() - begin)
    expect(idle < 0.02 * SLOWDOWN, f"idle: {idle * 100:.1f} % of a core")
    slow = sorted(latencies)[98]
    expect(slow < 1.0 * SLOWDOWN, f"p99 of the latency: {slow:.2f} s")
    expect("Too many open files" not in tail.messages(), "it ran out of descriptors")
    opened = len(tail.open_files())
    if opened > 1000:
        raise Failed(f"{opened} descriptors are open")
    return Result().judge([tail], range(1, 101), [tail.stop()])
