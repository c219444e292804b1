#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
"""Our Arrow IPC reader and writer against pyarrow.

pyarrow writes a stream, build/tests/support/arrow_copy reads it with our reader and writes it with our
writer, pyarrow reads that. Values and types must be equal; what we refuse must be refused by name.
Usage: test_arrow.py [BUILD_DIR]
"""
import datetime
import decimal
import os
import pathlib
import subprocess
import sys
import unittest

VENV = os.environ.get("BERTH_VENV")
if VENV and os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    os.execv(os.path.join(VENV, "bin", "python"), [os.path.join(VENV, "bin", "python"), *sys.argv])

import pyarrow as pa

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BERTH_BUILD", ROOT / "build"))


def stream(batches, schema, options=None):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=options) as w:
        for b in batches:
            w.write_batch(b)
    return sink.getvalue().to_pybytes()


def copy(data, *args):
    tool = BUILD / "tests" / "support" / "arrow_copy"
    return subprocess.run([tool, *map(str, args)], input=data, capture_output=True, timeout=60)


def sample(n):
    """One column of each type that Spark Connect carries, with nulls."""
    def nullable(values):
        return [None if i % 5 == 3 else v for i, v in enumerate(values)]
    utc = datetime.timezone.utc
    r = range(n)
    ty = pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))])
    arrays = {
        "nothing": pa.nulls(n),
        "flag": pa.array(nullable([i % 3 == 0 for i in r]), pa.bool_()),
        "i8": pa.array(nullable([i % 100 - 50 for i in r]), pa.int8()),
        "i16": pa.array(nullable([i - 300 for i in r]), pa.int16()),
        "i32": pa.array(nullable([i * 1000003 % 2**31 for i in r]), pa.int32()),
        "i64": pa.array([i * 10**15 % 2**62 for i in r], pa.int64()),
        "f32": pa.array(nullable([i / 3 for i in r]), pa.float32()),
        "f64": pa.array(nullable([-i / 7 for i in r]), pa.float64()),
        "dec": pa.array(nullable([decimal.Decimal(i) / 100 - 5 for i in r]), pa.decimal128(20, 2)),
        "text": pa.array(nullable(["grüße %d" % i * (i % 4) for i in r]), pa.string()),
        "blob": pa.array(nullable([bytes([i % 256]) * (i % 9) for i in r]), pa.binary()),
        "day": pa.array(nullable([datetime.date(1970, 1, 1) + datetime.timedelta(i) for i in r]), pa.date32()),
        "ts": pa.array(nullable([datetime.datetime(2020, 1, 1, tzinfo=utc) + datetime.timedelta(hours=i)
                                 for i in r]), pa.timestamp("us", tz="Europe/Berlin")),
        "ntz": pa.array(nullable([datetime.datetime(1960, 1, 1) + datetime.timedelta(hours=i) for i in r]),
                        pa.timestamp("us")),
        "dur": pa.array(nullable([datetime.timedelta(seconds=i) for i in r]), pa.duration("us")),
        "list": pa.array(nullable([[j, None] * (i % 3) for i in r for j in [i]][:n]), pa.list_(pa.int64())),
        "map": pa.array(nullable([[("k%d" % i, i)] * (i % 3) for i in r]), pa.map_(pa.string(), pa.int32())),
        "struct": pa.array(nullable([{"a": i, "b": ["x", None, "y" * i][: i % 4]} for i in r]), ty),
        "deep": pa.array(nullable([[[i], None, []][: i % 4] for i in r]), pa.list_(pa.list_(pa.int16()))),
    }
    return pa.record_batch(arrays)


class Arrow(unittest.TestCase):
    def same(self, batches, schema):
        done = copy(stream(batches, schema))
        self.assertEqual(done.returncode, 0, done.stderr)
        got = pa.ipc.open_stream(done.stdout).read_all()
        got.validate(full=True)
        want = pa.Table.from_batches(batches, schema)
        self.assertEqual(got.schema, want.schema)
        self.assertTrue(got.equals(want))

    def test_every_type(self):
        for n in (0, 1, 2, 7, 8, 9, 63, 64, 65, 200):
            b = sample(n)
            self.same([b], b.schema)

    def test_several_batches_and_none(self):
        b = sample(20)
        self.same([b, b.slice(3, 9), b], b.schema)
        self.same([], b.schema)

    def test_slices(self):
        b = sample(100)
        for first, count in ((0, 100), (1, 9), (3, 64), (8, 8), (13, 87), (50, 0), (100, 0)):
            done = copy(stream([b], b.schema), first, count)
            self.assertEqual(done.returncode, 0, done.stderr)
            got = pa.ipc.open_stream(done.stdout).read_all()
            got.validate(full=True)
            self.assertTrue(got.equals(pa.Table.from_batches([b.slice(first, count)])), (first, count))

    def test_not_nullable_and_odd_names(self):
        schema = pa.schema([pa.field("", pa.int64(), nullable=False), pa.field("ä" * 300, pa.string()),
                            pa.field("", pa.bool_())])
        self.same([pa.record_batch([pa.array([1]), pa.array(["x"]), pa.array([True])], schema=schema)], schema)

    def test_no_columns(self):
        self.same([], pa.schema([]))

    def test_forms_that_become_ours(self):
        b = pa.record_batch({
            "text": pa.array(["a", None, "ccc"], pa.large_string()),
            "blob": pa.array([b"a", None, b""], pa.large_binary()),
            "list": pa.array([[1], None, [2, 3]], pa.large_list(pa.int32())),
            "sec": pa.array([1, None, -1], pa.timestamp("s")),
            "milli": pa.array([1, None, -1], pa.timestamp("ms", tz="UTC")),
            "nano": pa.array([1999, None, -1], pa.timestamp("ns")),
            "span": pa.array([1, None, -1], pa.duration("ms")),
            "date": pa.array([0, None, -86400000], pa.date64()),
        })
        done = copy(stream([b], b.schema))
        self.assertEqual(done.returncode, 0, done.stderr)
        t = pa.ipc.open_stream(done.stdout).read_all()
        t.validate(full=True)
        self.assertEqual([str(f.type) for f in t.schema],
                         ["string", "binary", "list<item: int32>", "timestamp[us]", "timestamp[us, tz=UTC]",
                          "timestamp[us]", "duration[us]", "date32[day]"])
        self.assertEqual(t["text"].to_pylist(), ["a", None, "ccc"])
        self.assertEqual(t["list"].to_pylist(), [[1], None, [2, 3]])
        self.assertEqual(t["sec"].cast(pa.int64()).to_pylist(), [1000000, None, -1000000])
        self.assertEqual(t["nano"].cast(pa.int64()).to_pylist(), [1, None, -1])
        self.assertEqual(t["span"].cast(pa.int64()).to_pylist(), [1000, None, -1000])
        self.assertEqual(t["date"].cast(pa.int32()).to_pylist(), [0, None, -1])

    def refused(self, batch, words, options=None):
        done = copy(stream([batch], batch.schema, options))
        self.assertEqual(done.returncode, 3, done.stdout[:50])
        self.assertIn(words, done.stderr.decode())

    def test_refused_by_name(self):
        self.refused(pa.record_batch({"c": pa.array(["a", "b"]).dictionary_encode()}), 'field "c" is dictionary-encoded')
        self.refused(pa.record_batch({"c": pa.array([1], pa.uint16())}), 'field "c" has the type uint16')
        self.refused(pa.record_batch({"c": pa.array([1], pa.time64("us"))}), 'field "c" has the type time')
        self.refused(pa.record_batch({"c": pa.array(["x"], pa.string_view())}), "utf8_view")
        self.refused(pa.record_batch({"c": pa.array([1.0], pa.float16())}), "half-float")
        self.refused(pa.record_batch({"c": pa.array([decimal.Decimal(1)], pa.decimal256(50, 0))}), "decimal256")
        for codec in ("lz4", "zstd"):
            self.refused(pa.record_batch({"c": pa.array(list(range(1000)))}), "compressed Arrow batch",
                         pa.ipc.IpcWriteOptions(compression=codec))

    def test_cut_or_flipped_never_crashes(self):
        b = sample(30)
        data = stream([b], b.schema)
        for n in range(0, len(data), 97):
            self.assertIn(copy(data[:n]).returncode, (0, 3))
        for at in range(0, min(len(data), 4000), 41):
            bad = bytearray(data)
            bad[at] ^= 0x91
            self.assertIn(copy(bytes(bad)).returncode, (0, 3))


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        BUILD = pathlib.Path(sys.argv.pop(1))
    unittest.main(verbosity=1)
