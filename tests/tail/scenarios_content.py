# SPDX-License-Identifier: Apache-2.0
"""Lines that are too long, broken or strange: 28 to 31."""
import os

from harness import Result, append, expect, lines, need_state
from scenario import scenario

RECORD_BYTES_MAX = 4 << 20


def long_line(seq, size):
    head = b'{"seq":%d,"pad":"' % seq
    return head + b"x" * (size - len(head) - 2) + b'"}\n'


@scenario(28, "a line one byte longer than allowed: counted, dead-lettered, told; its neighbours are fine")
def too_long(box):
    log = box.log()
    append(log, lines(1, 10) + long_line(11, RECORD_BYTES_MAX) + long_line(12, RECORD_BYTES_MAX + 1) + lines(13, 20))
    tail = box.tail(log)
    wanted = [*range(1, 12), *range(13, 21)]
    tail.wait_for(wanted, timeout=60)
    alert = tail.wait_system("record-oversized")
    expect(alert["level"] == "high" and "a.log" in alert["summary"], f"the alert says {alert['summary']}")
    stats = tail.stop()
    expect(stats["oversized"] == 1, f"oversized: {stats['oversized']}")
    letters = tail.dead_letters()
    expect(len(letters) == 1 and letters[0]["problem"] == "oversized" and
           letters[0]["offset"] == len(lines(1, 10)) + RECORD_BYTES_MAX + 1 - 0, f"dead letters: {str(letters)[:300]}")
    return Result().judge([tail], wanted, [stats])


@scenario(29, "100 MB without a newline: memory stays bounded, the next line is fine", alone=True)
def endless_line(box):
    log = box.log()
    append(log, lines(1, 10))
    tail = box.tail(log)
    tail.wait_for(range(1, 11))
    with open(log, "ab", buffering=0) as out:
        out.write(b'{"seq":11,"pad":"')
        for _ in range(100):
            out.write(b"x" * (1 << 20))
        out.write(b'"}\n' + lines(12, 20))
    wanted = [*range(1, 11), *range(12, 21)]
    tail.wait_for(wanted, timeout=60)
    peak = tail.peak_kb()
    expect(peak < 150_000, f"{peak} kB of memory")
    tail.wait_system("record-oversized")
    return Result().judge([tail], wanted, [tail.stop()])


@scenario(29, "a restart inside a line of 100 MB does not take its tail for a record", part="b", alone=True)
def restart_in_endless_line(box):
    need_state()
    log, state = box.log(), box.root / "state"
    append(log, lines(1, 10) + b'{"seq":11,"pad":"' + b"x" * (20 << 20))
    tail = box.tail(log, state=state)
    tail.wait_for(range(1, 11))
    tail.settle(1.0)
    first = tail.stop()
    append(log, b'","inner":1}\n' + lines(12, 20))
    again = box.tail(log, state=state)
    wanted = [*range(1, 11), *range(12, 21)]
    again.wait_for(range(12, 21))
    return Result().judge([tail, again], wanted, [first, again.stop()])


@scenario(30, "invalid UTF-8, lone surrogates, NUL, byte order mark, CRLF: repaired and evaluated")
def strange_bytes(box):
    log = box.log()
    append(log, b'\xef\xbb\xbf{"seq":1}\r\n{"seq":2,"pad":"\xff\xfe"}\r\n{"seq":3,"pad":"\\ud800"}\n{"seq":4,"pad":"a\x00b"}\n'
           b'{"seq":5,"pad":"\\u0000"}\n\r\n\n{"seq":6}\r\n')
    tail = box.tail(log, arguments=["--strict-json"])
    tail.wait_for(range(1, 7))
    stats = tail.stop()
    expect(stats["malformed"] == 0 and stats["repaired"] == 3, f"repaired: {stats}")
    return Result().judge([tail], range(1, 7), [stats])


@scenario(31, "a line that is no JSON, and one that a rotation cuts off")
def broken_lines(box):
    log = box.log()
    broken = b'{"seq":101,"pad":"no end\n'
    append(log, lines(1, 100) + broken + lines(102, 200))
    tail = box.tail(log, rotate_wait="500ms")
    wanted = [*range(1, 101), *range(102, 201)]
    tail.wait_for(wanted)
    tail.wait_system("record-malformed")
    letters = tail.dead_letters()
    expect(len(letters) == 1 and letters[0]["offset"] == len(lines(1, 100)) and letters[0]["source"] == str(log),
           f"dead letters: {letters}")
    append(log, lines(201, 210) + b'{"seq":211,"pa')
    os.rename(log, box.log("a.log.1"))
    append(log, lines(212, 300))
    wanted += [*range(201, 211), *range(212, 301)]
    tail.wait_for(wanted)
    tail.settle(1.2)
    stats = tail.stop()
    expect(stats["malformed"] == 2, f"malformed: {stats['malformed']}")
    return Result().judge([tail], wanted, [stats])
