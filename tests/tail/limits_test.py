#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The limits of what is read (docs/inputs.md), each crossed with the real program: what crosses it is counted, dead-lettered
where it is a record, told, and costs its neighbours nothing. Line length: scenarios 28 and 29. Open files: scenario 27."""
import gzip
import os
import pathlib
import sys
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import Box, append, eventually, lines  # noqa: E402  pylint: disable=wrong-import-position

# A sanitizer keeps a shadow of the memory, which is not the program's.
MEMORY_KB_MAX = 150_000 * (3 if os.environ.get("TOCSIN_SANITIZED") else 1)


def packed_zeros(size):
    """A gzip stream of `size` blanks behind ten records, without holding them."""
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = stream.compress(lines(1, 10))
    for _ in range(size >> 20):
        data += stream.compress(b" " * (1 << 20))
    return data + stream.flush()


class LimitsTest(unittest.TestCase):
    def setUp(self):
        self.box = Box()
        self.addCleanup(self.box.close)
        self.log = self.box.log()

    def test_records_nested_100000_deep_are_evaluated_and_cost_their_neighbours_nothing(self):
        deep = b'{"seq":11,"pad":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
        open_end = b'{"seq":12,"pad":' + b"[" * 100_000 + b"\n"
        append(self.log, lines(1, 10) + deep + open_end + lines(13, 20))
        tail = self.box.tail(self.log, arguments=["--strict-json"])
        tail.wait_for([*range(1, 12), *range(13, 21)])
        tail.wait_system("record-malformed")
        stats = tail.stop()
        self.assertEqual((stats["malformed"], stats["repaired"]), (1, 1))
        self.assertEqual(len(tail.dead_letters()), 1)
        self.assertLess(len(tail.dead_letters()[0]["bytes"]), 10_000)

    def test_a_file_that_inflates_to_more_than_a_thousand_times_its_size_is_given_up_and_told(self):
        self.box.log("bomb.gz").write_bytes(packed_zeros(256 << 20))
        append(self.log, lines(101, 200))
        tail = self.box.tail(self.box.logs)
        tail.wait_for([*range(101, 201)])
        tail.wait_system("input-unreadable")
        eventually(lambda: "bomb.gz" in tail.messages(), "a message about the file")
        append(self.log, lines(201, 300))
        tail.wait_for(range(201, 301))
        peak = tail.peak_kb()
        tail.stop(allowed=(3,))
        self.assertLess(peak, MEMORY_KB_MAX)

    @unittest.skipUnless(os.environ.get("TOCSIN_SOAK"), "skipped: inflates more than a gigabyte; part of make soak")
    def test_a_file_that_inflates_to_more_than_a_gigabyte_is_given_up_and_told(self):
        block = gzip.compress(b"".join(lines(begin, begin + 999, pad=900) for begin in (1, 1001, 2001)), 6)
        count = (1 << 30) // len(gzip.decompress(block)) + 20
        with self.box.log("large.gz").open("wb") as out:
            for _ in range(count):
                out.write(block)
        tail = self.box.tail(self.box.logs, stall="5s")
        tail.wait_for(range(1, 3001), timeout=120)
        tail.wait_system("input-unreadable", timeout=240)
        append(self.log, lines(5001, 5100))
        tail.wait_for(range(5001, 5101))
        peak = tail.peak_kb()
        tail.stop(allowed=(3,))
        # What was evaluated is remembered, so that second copies are known.
        self.assertLess(peak, 2 * MEMORY_KB_MAX)

    def test_memory_in_flight_is_bounded_while_the_output_takes_nothing(self):
        with self.log.open("wb") as out:
            for begin in range(1, 200_001, 10_000):
                out.write(lines(begin, begin + 9_999, pad=800))
        tail = self.box.tail(self.log, read_output=False, arguments=["--threads", "2"])
        tail.settle(3.0)
        peak = tail.peak_kb()
        tail.readable.set()
        tail.kill()
        self.assertLess(peak, MEMORY_KB_MAX)


if __name__ == "__main__":
    unittest.main(verbosity=2)
