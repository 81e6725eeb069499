# SPDX-License-Identifier: Apache-2.0
"""Which file is which: 17, 19 to 23."""
import os
import shutil
import time

from harness import Result, append, eventually, expect, lines
from scenario import scenario


@scenario(17, "deleted and made anew under its name: often the same inode")
def recreated(box):
    log = box.log()
    append(log, lines(1, 1000))
    tail = box.tail(log, rotate_wait="300ms")
    tail.wait_for(range(1, 1001))
    # While it is followed its descriptor keeps the inode; once let go of, it is used again.
    log.unlink()
    append(log, lines(1001, 2000))
    tail.wait_for(range(1001, 2001))
    log.unlink()
    tail.settle(0.8)
    append(log, lines(2001, 3000))
    tail.wait_for(range(2001, 3001))
    return Result().judge([tail], range(1, 3001), [tail.stop()])


@scenario(19, "the inode of a deleted log goes to an unrelated one")
def inode_reused(box):
    first, second = box.log("a.log"), box.log("b.log")
    append(first, lines(1, 1000))
    tail = box.tail(box.logs / "*.log", rotate_wait="300ms")
    tail.wait_for(range(1, 1001))
    first.unlink()
    eventually(lambda: not any("a.log" in name for name in tail.open_files()), "its descriptor to be closed")
    append(second, lines(1001, 3000))
    tail.wait_for(range(1001, 3001))
    return Result().judge([tail], range(1, 3001), [tail.stop()])


@scenario(20, "restored from a backup: the same content, another inode")
def restored(box):
    log, backup = box.log(), box.root / "backup"
    append(log, lines(1, 1000))
    tail = box.tail(log)
    tail.wait_for(range(1, 1001))
    shutil.copy2(log, backup)
    os.rename(backup, log)
    tail.settle(0.6)
    append(log, lines(1001, 2000))
    tail.wait_for(range(1001, 2001))
    tail.settle()
    return Result().judge([tail], range(1, 2001), [tail.stop()])


@scenario(21, "two files whose first 1,024 bytes are equal", dup=20)
def same_beginning(box):
    # Records of the common beginning are equal at equal places: the second file's are recognised, unless it is told apart.
    common = lines(1, 12, pad=60)
    expect(len(common) > 1024, "the beginning is too short")
    append(box.log("a.log"), common + lines(101, 1000))
    append(box.log("b.log"), common + lines(1001, 2000))
    tail = box.tail(box.logs / "*.log")
    tail.wait_for([*range(101, 2001)])
    tail.settle()
    return Result().judge([tail], [*range(1, 13), *range(101, 2001)], [tail.stop()])


@scenario(22, "a hard link to a log that is followed, in the glob too")
def hard_link(box):
    append(box.log("a.log"), lines(1, 500))
    os.link(box.log("a.log"), box.log("b.log"))
    tail = box.tail(box.logs / "*.log")
    tail.wait_for(range(1, 501))
    append(box.log("b.log"), lines(501, 1000))
    tail.wait_for(range(501, 1001))
    tail.settle()
    return Result().judge([tail], range(1, 1001), [tail.stop()])


@scenario(23, "a symbolic link flips to another file; links that lead in a circle or nowhere")
def symbolic_link(box):
    first, second, link = box.log("one"), box.log("two"), box.log("current.log")
    append(first, lines(1, 500))
    append(second, lines(1001, 1500))
    os.symlink("one", link)
    os.symlink("nowhere", box.log("dangling.log"))
    os.symlink("circle.log", box.log("circle.log"))
    tail = box.tail(box.logs / "*.log")
    tail.wait_for(range(1, 501))
    append(first, lines(501, 600))
    os.symlink("two", box.log("next"))
    os.rename(box.log("next"), link)
    append(first, lines(601, 700))
    append(second, lines(1501, 2000))
    tail.wait_for([*range(1, 701), *range(1001, 2001)])
    before = tail.cpu_seconds()
    time.sleep(1.0)
    spent = tail.cpu_seconds() - before
    expect(spent < 0.1, f"it spins: {spent:.2f} s of processor time in a second")
    return Result().judge([tail], [*range(1, 701), *range(1001, 2001)], [tail.stop()])
