#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes engine/base/fold_table.inc: Unicode simple case folding (statuses C and S) as ranges {first, last, stride, delta}.

Simple folding is full folding where that is one code point; where full folding is longer, it is the one-code-point
lower case if there is one (status S), else nothing.
usage: gen_fold_table.py > engine/base/fold_table.inc"""
import unicodedata


def simple_fold(code):
    text = chr(code)
    full = text.casefold()
    if len(full) == 1:
        return ord(full)
    lower = text.lower()
    return ord(lower) if len(lower) == 1 else code


pairs = [(c, simple_fold(c)) for c in range(128, 0x110000) if not 0xD800 <= c <= 0xDFFF]
pairs = [(c, f - c) for c, f in pairs if f != c]
ranges = []
for code, delta in pairs:
    if ranges:
        first, last, stride, d = ranges[-1]
        step = code - last
        if d == delta and step in (1, 2) and (stride in (0, step)):
            ranges[-1] = (first, code, step, d)
            continue
    ranges.append((code, code, 0, delta))
print("// SPDX-License-Identifier: Apache-2.0")
print(f"// Made by scripts/gen_fold_table.py from Unicode {unicodedata.unidata_version}: {{first, last, stride, delta}}.")
for first, last, stride, delta in ranges:
    print(f"{{0x{first:04x}, 0x{last:04x}, {max(stride, 1)}, {delta}}},")
