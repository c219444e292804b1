#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes two small tables in the shape of TPC-H's lineitem and orders as Parquet, with nothing but Python's library.

For machines where no generator can be installed. Columns are PLAIN and uncompressed, one data page per column chunk, 250,000
rows per row group; the same seed gives the same bytes. Source: the Apache Parquet format, parquet.thrift.

usage: make_parquet.py FOLDER [LINEITEM_ROWS]
"""

import array
import os
import random
import struct
import sys

GROUP_ROWS = 250_000
BOOLEAN, INT32, INT64, BYTE_ARRAY = 0, 1, 2, 6
UTF8, DECIMAL, DATE = 0, 5, 6


class Thrift:
    """The compact protocol, as far as Parquet's metadata needs it."""

    def __init__(self):
        self.out = bytearray()
        self.last = [0]

    def varint(self, n):
        while n > 127:
            self.out.append(n & 127 | 128)
            n >>= 7
        self.out.append(n)

    def zigzag(self, n):
        self.varint(n << 1 if n >= 0 else (-n << 1) - 1)

    def field(self, number, kind):
        delta = number - self.last[-1]
        self.out.append(delta << 4 | kind)
        self.last[-1] = number

    def i32(self, number, value):
        self.field(number, 5)
        self.zigzag(value)

    def i64(self, number, value):
        self.field(number, 6)
        self.zigzag(value)

    def binary(self, number, value):
        self.field(number, 8)
        self.varint(len(value))
        self.out += value

    def list(self, number, kind, n):
        self.field(number, 9)
        if n < 15:
            self.out.append(n << 4 | kind)
        else:
            self.out.append(0xF0 | kind)
            self.varint(n)

    def begin(self, number=None):
        if number is not None:
            self.field(number, 12)
        self.last.append(0)

    def end(self):
        self.out.append(0)
        self.last.pop()


def plain_ints(code, values):
    a = array.array(code, values)
    if sys.byteorder == "big":
        a.byteswap()
    return a.tobytes()


def plain_strings(values):
    known = {v: struct.pack("<I", len(v)) + v.encode() for v in set(values)}
    return b"".join(map(known.__getitem__, values))


def page(data, rows):
    t = Thrift()
    t.begin()
    t.i32(1, 0)  # DATA_PAGE
    t.i32(2, len(data))
    t.i32(3, len(data))
    t.begin(5)
    t.i32(1, rows)
    t.i32(2, 0)  # PLAIN
    t.i32(3, 3)  # RLE
    t.i32(4, 3)
    t.end()
    t.end()
    return bytes(t.out) + data


def write_table(path, columns, groups):
    """@columns: (name, physical type, converted type or None); @groups: lists of value lists."""
    metadata = []
    with open(path, "wb") as f:
        f.write(b"PAR1")
        for values in groups:
            rows, chunks = len(values[0]), []
            for (_, physical, _), column in zip(columns, values):
                data = plain_strings(column) if physical == BYTE_ARRAY else \
                    plain_ints("i" if physical == INT32 else "q", column)
                offset = f.tell()
                f.write(page(data, rows))
                chunks.append((offset, f.tell() - offset))
            metadata.append((rows, chunks))
        footer = file_metadata(columns, metadata)
        f.write(footer + struct.pack("<I", len(footer)) + b"PAR1")


def file_metadata(columns, groups):
    t = Thrift()
    t.begin()
    t.i32(1, 1)
    t.list(2, 12, len(columns) + 1)
    t.begin()
    t.binary(4, b"schema")
    t.i32(5, len(columns))
    t.end()
    for name, physical, converted in columns:
        t.begin()
        t.i32(1, physical)
        t.i32(3, 0)  # REQUIRED
        t.binary(4, name.encode())
        if converted is not None:
            t.i32(6, converted)
        if converted == DECIMAL:
            t.i32(7, 2)
            t.i32(8, 15)
        t.end()
    t.i64(3, sum(rows for rows, _ in groups))
    t.list(4, 12, len(groups))
    for rows, chunks in groups:
        t.begin()
        t.list(1, 12, len(chunks))
        for (name, physical, _), (offset, size) in zip(columns, chunks):
            t.begin()
            t.i64(2, offset)
            t.begin(3)
            t.i32(1, physical)
            t.list(2, 5, 2)
            t.zigzag(0)
            t.zigzag(3)
            t.list(3, 8, 1)
            t.varint(len(name))
            t.out += name.encode()
            t.i32(4, 0)  # UNCOMPRESSED
            t.i64(5, rows)
            t.i64(6, size)
            t.i64(7, size)
            t.i64(9, offset)
            t.end()
            t.end()
        t.i64(2, sum(size for _, size in chunks))
        t.i64(3, rows)
        t.end()
    t.binary(6, b"berth make_parquet")
    t.end()
    return bytes(t.out)


LINEITEM = [("l_orderkey", INT64, None), ("l_partkey", INT64, None), ("l_quantity", INT64, DECIMAL),
            ("l_extendedprice", INT64, DECIMAL), ("l_discount", INT64, DECIMAL), ("l_returnflag", BYTE_ARRAY, UTF8),
            ("l_shipdate", INT32, DATE), ("l_comment", BYTE_ARRAY, UTF8)]
ORDERS = [("o_orderkey", INT64, None), ("o_custkey", INT64, None), ("o_totalprice", INT64, DECIMAL),
          ("o_orderdate", INT32, DATE), ("o_orderpriority", BYTE_ARRAY, UTF8)]
PRIORITIES = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"]
FIRST_DAY, DAYS = 8035, 2400  # 1992-01-01 and somewhat more than six years


def lineitem_groups(rows, rng):
    comments = [f"comment number {i:05d} of a part" for i in range(20_000)]
    key = 0
    while key < rows:
        n = min(GROUP_ROWS, rows - key)
        number = range(key, key + n)
        quantity = rng.choices(range(1, 51), k=n)
        price = rng.choices(range(90_000, 10_500_000), k=n)
        yield [[i // 4 + 1 for i in number], rng.choices(range(1, 200_001), k=n), [q * 100 for q in quantity], price,
               rng.choices(range(0, 11), k=n), rng.choices("ANR", k=n),
               rng.choices(range(FIRST_DAY, FIRST_DAY + DAYS), k=n), rng.choices(comments, k=n)]
        key += n


def orders_groups(rows, rng):
    key = 0
    while key < rows:
        n = min(GROUP_ROWS, rows - key)
        yield [list(range(key + 1, key + n + 1)), rng.choices(range(1, 150_001), k=n),
               rng.choices(range(100_000, 40_000_000), k=n), rng.choices(range(FIRST_DAY, FIRST_DAY + DAYS), k=n),
               rng.choices(PRIORITIES, k=n)]
        key += n


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = sys.argv[1]
    rows = int(sys.argv[2]) if len(sys.argv) == 3 else 2_000_000
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(1)
    write_table(os.path.join(folder, "lineitem.parquet"), LINEITEM, lineitem_groups(rows, rng))
    write_table(os.path.join(folder, "orders.parquet"), ORDERS, orders_groups(rows // 4, rng))


if __name__ == "__main__":
    main()
