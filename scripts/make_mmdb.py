#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a MaxMind database (.mmdb) from JSON: for tests, and for networks of one's own.

usage: make_mmdb.py SPEC.json OUT.mmdb

SPEC.json: {"database_type": "Own-City", "ip_version": 6, "record_size": 24,
            "networks": {"192.0.2.0/24": {"country": {"iso_code": "DE"}, ...}, ...}}
Later networks win over the earlier ones that contain them. In a database of ip_version 6 an IPv4 network lies under
::/96, as in MaxMind's. Numbers: integers are uint32, others double; "accuracy_radius" is uint16.
Format: MaxMind DB File Format Specification 2.0.
"""
import ipaddress
import json
import sys

MARKER = b"\xab\xcd\xefMaxMind.com"


def control(kind, size):
    """The control byte(s) of a field."""
    extended = kind > 7
    first = 0 if extended else kind << 5
    if size < 29:
        head, tail = size, b""
    elif size < 285:
        head, tail = 29, bytes([size - 29])
    else:
        head, tail = 30, (size - 285).to_bytes(2, "big")
    return bytes([first | head]) + (bytes([kind - 7]) if extended else b"") + tail


def encode(value, key=""):
    if isinstance(value, bool):
        return control(14, 1 if value else 0)
    if isinstance(value, str):
        data = value.encode()
        return control(2, len(data)) + data
    if isinstance(value, float):
        import struct
        return control(3, 8) + struct.pack(">d", value)
    if isinstance(value, int):
        data = value.to_bytes((value.bit_length() + 7) // 8, "big")
        kind = 5 if key in ("accuracy_radius", "record_size", "ip_version", "binary_format_major_version",
                            "binary_format_minor_version") else 9 if key == "build_epoch" else 6
        return control(kind, len(data)) + data
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(encode(item) for item in value)
    if isinstance(value, dict):
        out = control(7, len(value))
        for name, item in value.items():
            out += encode(name) + encode(item, name)
        return out
    raise SystemExit(f"make_mmdb: cannot encode {value!r}")


def insert(tree, bits, leaf):
    """tree: a node is a list of two; None is empty, an int a leaf."""
    node = tree
    for i, bit in enumerate(bits):
        if i + 1 == len(bits):
            node[bit] = leaf
            return
        below = node[bit]
        if not isinstance(below, list):  # a wider network: both halves keep its data
            below = [below, below]
            node[bit] = below
        node = below


def network_bits(text, version):
    network = ipaddress.ip_network(text)
    length, prefix = network.max_prefixlen, network.prefixlen
    number = int(network.network_address)
    bits = [(number >> (length - 1 - i)) & 1 for i in range(prefix)]
    if network.version == 6 and version == 4:
        raise SystemExit(f"make_mmdb: {text} does not fit into a database of ip_version 4")
    return [0] * 96 + bits if network.version == 4 and version == 6 else bits


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__.split("\n\n")[1])
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    version, size = spec.get("ip_version", 6), spec.get("record_size", 24)
    data, offsets, tree = b"", {}, [None, None]
    for text, value in spec["networks"].items():
        encoded = encode(value)
        if encoded not in offsets:
            offsets[encoded] = len(data)
            data += encoded
        insert(tree, network_bits(text, version), offsets[encoded])
    nodes, numbers = [tree], {id(tree): 0}
    for node in nodes:
        for below in node:
            if isinstance(below, list):
                numbers[id(below)] = len(nodes)
                nodes.append(below)

    def record(below):
        if below is None:
            return len(nodes)
        return numbers[id(below)] if isinstance(below, list) else len(nodes) + 16 + below

    out = b""
    for node in nodes:
        left, right = record(node[0]), record(node[1])
        if size == 28:
            out += (left & 0xffffff).to_bytes(3, "big") + bytes([(left >> 24) << 4 | right >> 24]) \
                + (right & 0xffffff).to_bytes(3, "big")
        else:
            out += left.to_bytes(size // 8, "big") + right.to_bytes(size // 8, "big")
    metadata = {"node_count": len(nodes), "record_size": size, "ip_version": version,
                "database_type": spec["database_type"], "languages": ["en"], "binary_format_major_version": 2,
                "binary_format_minor_version": 0, "build_epoch": spec.get("build_epoch", 1700000000),
                "description": {"en": spec.get("description", spec["database_type"])}}
    with open(sys.argv[2], "wb") as file:
        file.write(out + bytes(16) + data + MARKER + encode(metadata))


if __name__ == "__main__":
    main()
