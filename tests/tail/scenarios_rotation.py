# SPDX-License-Identifier: Apache-2.0
"""Rotation while it is followed: 3 to 5, 8 to 11, 13 to 16."""
import json
import os
import shutil
import threading
import time

from harness import Result, append, eventually, expect, line, lines
from scenario import scenario


def rename_rotation(box, *paths):
    log, old = box.log(), box.log("a.log.1")
    append(log, lines(1, 1000))
    tail = box.tail(*paths)
    writer = open(log, "ab", buffering=0)  # pylint: disable=consider-using-with
    os.rename(log, old)
    append(log, lines(1101, 2100))
    for seq in range(1001, 1101):  # the writer has not noticed yet
        writer.write(line(seq))
        time.sleep(0.005)
    writer.close()
    tail.wait_for(range(1, 2101))
    tail.settle(1.5)  # past rotate_wait
    return Result().judge([tail], range(1, 2101), [tail.stop()])


@scenario(3, "renamed, and its writer goes on for a while; the new name is not followed")
def rename_out_of_glob(box):
    return rename_rotation(box, box.log())


@scenario(4, "renamed within the glob")
def rename_in_glob(box):
    return rename_rotation(box, box.logs / "a*")


@scenario(5, "ten rotations in a second, each name shifted")
def rotation_storm(box):
    log = box.log()
    append(log, lines(1, 100))
    tail = box.tail(box.logs / "a*")
    for rotation in range(1, 11):
        for number in range(rotation - 1, 0, -1):
            os.rename(box.log(f"a.log.{number}"), box.log(f"a.log.{number + 1}"))
        os.rename(log, box.log("a.log.1"))
        append(log, lines(rotation * 100 + 1, rotation * 100 + 100))
        time.sleep(0.1)
    tail.wait_for(range(1, 1101))
    tail.settle()
    return Result().judge([tail], range(1, 1101), [tail.stop()])


@scenario(8, "copied and truncated, after all was read")
def copytruncate(box):
    log = box.log()
    append(log, lines(1, 1000))
    tail = box.tail(log)
    tail.wait_for(range(1, 1001))
    tail.settle(0.2)
    shutil.copyfile(log, box.log("a.log.1"))
    os.truncate(log, 0)
    append(log, lines(1001, 2000))
    tail.wait_for(range(1001, 2001))
    return Result().judge([tail], range(1, 2001), [tail.stop()])


@scenario(9, "copied and truncated under a writer of 10,000 lines a second, the copy followed too", alone=True)
def copytruncate_under_load(box):
    log, copy = box.log(), box.log("a.log.1")
    log.touch()
    tail = box.tail(box.logs / "a*", rotate_wait="2s")
    ended = threading.Event()

    def write():
        seq = 0
        with open(log, "ab", buffering=0) as out:
            while not ended.is_set():
                out.write(lines(seq + 1, seq + 100))
                seq += 100
                time.sleep(0.01)
    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(1.0)
    shutil.copyfile(log, copy)
    os.truncate(log, 0)
    time.sleep(0.7)
    ended.set()
    writer.join()
    # What neither the copy nor the file holds is lost by the copying itself, unless it was read in time.
    there = [json.loads(text)["seq"] for path in (copy, log) for text in path.read_bytes().splitlines()]
    tail.wait_for(there)
    tail.settle(0.5)
    stats = tail.stop()
    expected = set(there) | {seq for seq in tail.seen if seq is not None}
    return Result().judge([tail], expected, [stats])


def truncate_and_write(box, before, after, first_line=b"", pause=0.0):
    log = box.log()
    append(log, first_line + lines(1, before))
    tail = box.tail(log)
    tail.wait_for(range(1, before + 1))
    tail.settle(0.2)
    with open(log, "r+b", buffering=0) as out:  # both within one look
        out.truncate(0)
        time.sleep(pause)
        out.write(first_line + lines(before + 1, before + after))
    tail.wait_for(range(1, before + after + 1))
    tail.settle()
    return tail


@scenario(10, "truncated, then less is written than was there")
def regrow_less(box):
    tail = truncate_and_write(box, 1000, 500, pause=0.2)
    return Result().judge([tail], range(1, 1501), [tail.stop()])


@scenario(11, "truncated, then more is written than was there, within one look")
def regrow_more(box):
    tail = truncate_and_write(box, 1000, 2000)
    return Result().judge([tail], range(1, 3001), [tail.stop()])


@scenario(13, "truncated and regrown behind the same first line", dup=1)
def same_first_line(box):
    # The first line comes again and is recognised.
    tail = truncate_and_write(box, 1000, 2000, first_line=line(0))
    return Result().judge([tail], range(0, 3001), [tail.stop()])


@scenario(14, "truncated to a line's end in the middle: what is kept is evaluated again and recognised", dup=400)
def truncate_to_middle(box):
    log = box.log()
    append(log, lines(1, 1000))
    tail = box.tail(log)
    tail.wait_for(range(1, 1001))
    tail.settle(0.2)
    os.truncate(log, len(lines(1, 400)))
    tail.wait_message("[file-truncated]")
    append(log, lines(1001, 1500))
    tail.wait_for(range(1001, 1501))
    return Result().judge([tail], range(1, 1501), [tail.stop()])


@scenario(15, "copied and truncated under a writer that does not append: a hole at the beginning")
def hole(box):
    log = box.log()
    log.touch()
    tail = box.tail(log)
    with open(log, "r+b", buffering=0) as out:
        out.write(lines(1, 1000))
        tail.wait_for(range(1, 1001))
        tail.settle(0.2)
        os.truncate(log, 0)
        tail.settle(0.2)
        out.write(lines(1001, 2000))  # at the old offset
    tail.wait_for(range(1001, 2001))
    stats = tail.stop()
    expect(stats["malformed"] <= 1, f"malformed: {stats['malformed']}")
    return Result().judge([tail], range(1, 2001), [stats])


@scenario(16, "deleted while its writer goes on; let go of soon after")
def deleted(box):
    log = box.log()
    append(log, lines(1, 1000))
    tail = box.tail(log, rotate_wait="500ms")
    writer = open(log, "ab", buffering=0)  # pylint: disable=consider-using-with
    tail.wait_for(range(1, 1001))
    log.unlink()
    for seq in range(1001, 1501):
        writer.write(line(seq))
    writer.close()
    tail.wait_for(range(1001, 1501))
    eventually(lambda: not any("a.log" in name for name in tail.open_files()), "its descriptor to be closed")
    return Result().judge([tail], range(1, 1501), [tail.stop()])
