# SPDX-License-Identifier: Apache-2.0
"""Compressed logs: 32 to 34."""
import gzip
import os
import signal
import time

from harness import Result, append, expect, lines, need_state
from scenario import scenario


@scenario(32, "a gzip file appears complete; another one grows slowly")
def gzip_appears(box):
    tail = box.tail(box.logs / "*.gz", stall="30s")
    hidden = box.root / "hidden"
    hidden.write_bytes(gzip.compress(lines(1, 1000)))
    os.rename(hidden, box.log("a.gz"))
    packed = gzip.compress(lines(1001, 3000, pad=100), 1)
    for begin in range(0, len(packed), len(packed) // 8 + 1):
        append(box.log("b.gz"), packed[begin:begin + len(packed) // 8 + 1])
        time.sleep(0.15)
    tail.wait_for(range(1, 3001))
    return Result().judge([tail], range(1, 3001), [tail.stop()])


@scenario(32, "a gzip file that stays incomplete: read as far as it goes, and told", part="b")
def gzip_cut_off(box):
    packed = gzip.compress(lines(1, 20_000, pad=100), 1)
    append(box.log("a.gz"), packed[: len(packed) // 2])
    tail = box.tail(box.logs / "*.gz", stall="500ms")
    tail.wait_for(range(1, 5001))
    tail.wait_message("gzip")
    tail.wait_system("input-unreadable")
    tail.settle()
    stats = tail.stop()
    expect(tail.count() < 20_000, "more was read than is there")
    return Result().judge([tail], [seq for seq in tail.seen if seq is not None], [stats])


@scenario(33, "a rotated log is compressed while half of it is read")
def compressed_meanwhile(box):
    log, packed = box.log("a.log.1"), box.log("a.log.1.gz")
    append(log, lines(1, 40_000, pad=100))
    tail = box.tail(box.logs / "a*", rotate_wait="500ms")
    while tail.count() < 500:
        time.sleep(0.001)
    tail.signal(signal.SIGSTOP)
    packed.write_bytes(gzip.compress(log.read_bytes(), 1))
    log.unlink()
    tail.signal(signal.SIGCONT)
    tail.wait_for(range(1, 40_001))
    tail.settle(1.0)
    return Result().judge([tail], range(1, 40_001), [tail.stop()])


@scenario(34, "kill -9 in the middle of a gzip file of several members", dup=30_000)
def killed_in_gzip(box):
    need_state()
    state = box.root / "state"
    whole = b"".join(gzip.compress(lines(begin, begin + 9_999, pad=100), 1) for begin in range(1, 30_001, 10_000))
    box.log("a.gz").write_bytes(whole)
    tail = box.tail(box.logs / "*.gz", state=state)
    while tail.count() < 2_000:
        time.sleep(0.001)
    tail.kill()
    again = box.tail(box.logs / "*.gz", state=state)
    wanted = set(range(1, 30_001)) - set(tail.seen)
    again.wait_for(wanted)
    again.settle()
    return Result().judge([tail, again], range(1, 30_001), [again.stop()])
