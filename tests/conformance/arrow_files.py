#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 300
"""Arrow files and streams that pyarrow wrote, read by SQL: values and nulls of every type that is read, under both
compressions and framings, with dictionaries that grow; and the same files damaged (tests/support/arrow_damage, under the
sanitizers): each copy is read or refused with a typed error, within 2 s of CPU and 256 MiB; and with each charge of memory
refused in turn. ARROW_TESTING names a checkout of apache/arrow-testing whose files are read, too."""
import datetime
import decimal
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

VENV = os.environ.get("BERTH_VENV")
if VENV and os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    os.execv(os.path.join(VENV, "bin", "python"), [os.path.join(VENV, "bin", "python"), *sys.argv])

import pyarrow as pa

from test_arrow import sample

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BERTH_BUILD", ROOT / "build"))
DAMAGE = BUILD / "tests" / "support" / "arrow_damage_sanitized"
if not DAMAGE.exists():  # the whole build is under the sanitizers already
    DAMAGE = BUILD / "tests" / "support" / "arrow_damage"
ROUNDS = os.environ.get("ARROW_DAMAGE_ROUNDS", "300")
D = decimal.Decimal


def ask(folder, statement):
    """The result as a table of pyarrow, or the error's text."""
    done = subprocess.run([BUILD / "client" / "berth", "sql", "--embedded", "--quiet", "--format=arrow", "--data", folder, statement],
                          capture_output=True, timeout=120, env=dict(os.environ, BERTH_EXECUTOR=str(BUILD / "exec" / "berth-executor")))
    if done.returncode != 0:
        return done.stderr.decode()
    return pa.ipc.open_stream(done.stdout).read_all()


def other_types():
    """Forms that become ours. What is beside each is the form that it has then."""
    return {
        "u8": (pa.array([1, None, 255], pa.uint8()), pa.int16()),
        "u16": (pa.array([1, None, 65535], pa.uint16()), pa.int32()),
        "u32": (pa.array([1, None, 2**32 - 1], pa.uint32()), pa.int64()),
        "u64": (pa.array([1, None, 2**64 - 1], pa.uint64()), pa.decimal128(20, 0)),
        "half": (pa.array([1.5, None, -6.1035e-05], pa.float16()), pa.float32()),
        "tiny": (pa.array([5.960464477539063e-08, None, float("inf")], pa.float16()), pa.float32()),
        "d32": (pa.array([D("1.50"), None, D("-2.50")], pa.decimal32(5, 2)), pa.decimal128(5, 2)),
        "d64": (pa.array([D("1.50"), None, D("-2.50")], pa.decimal64(12, 2)), pa.decimal128(12, 2)),
        "d256": (pa.array([D("1.50"), None, D("-2.50")], pa.decimal256(38, 2)), pa.decimal128(38, 2)),
        "bytes": (pa.array([b"abc", None, b"xyz"], pa.binary(3)), pa.binary()),
        "pair": (pa.array([[1, 2], None, [3, None]], pa.list_(pa.int32(), 2)), pa.list_(pa.int32())),
        "view": (pa.array(["a", None, "a string that lies elsewhere"], pa.string_view()), pa.string()),
        "bview": (pa.array([b"a", None, b"b" * 20], pa.binary_view()), pa.binary()),
        "large": (pa.array(["a", None, "c"], pa.large_string()), pa.string()),
        "large_list": (pa.array([["a"], None, []], pa.large_list(pa.large_string())), pa.list_(pa.string())),
        "sec": (pa.array([1, None, -1], pa.timestamp("s")), pa.timestamp("us")),
        "span": (pa.array([1, None, -1], pa.duration("ms")), pa.duration("us")),
        "date": (pa.array([0, None, -86400000], pa.date64()), pa.date32()),
        "coded": (pa.array(["x", None, "y"]).dictionary_encode(), pa.string()),
        "coded_int": (pa.array([7, None, 8], pa.int64()).dictionary_encode(), pa.int64()),
        "coded_list": (pa.array([["x"], None, ["y", None, "x"]], pa.list_(pa.dictionary(pa.uint8(), pa.string()))),
                       pa.list_(pa.string())),
    }


def coded(values, indices):
    return pa.record_batch({"c": pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), pa.array(values)),
                            "n": pa.array(range(len(indices)))})


class ArrowFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="berth-arrow-")
        cls.path = pathlib.Path(cls.folder.name)
        cls.written = []

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def write(self, name, batches, options=None):
        new = pa.ipc.new_stream if name.endswith(".arrows") else pa.ipc.new_file
        with new(self.path / name, batches[0].schema, options=options) as w:
            for b in batches:
                w.write_batch(b)
        self.written.append(str(self.path / name))
        return f"arrow.`{self.path / name}`"

    def same(self, source, want, columns="*"):
        got = ask(self.path, f"SELECT {columns} FROM {source}")
        self.assertIsInstance(got, pa.Table, got)
        self.assertEqual(got.num_rows, want.num_rows)
        for field in want.schema:
            self.assertEqual(got[field.name].to_pylist(), want[field.name].to_pylist(), field.name)

    def test_every_type(self):
        """Types of Spark, in batches of all lengths, both framings, all compressions."""
        b = sample(5000).drop_columns(["ts"])  # a client gets instants in another zone than pyarrow
        pieces = [b, b.slice(0, 4096), b.slice(7, 9), b.slice(0, 0), b.slice(3, 64)]
        for codec in (None, "lz4", "zstd"):
            for end in ("arrow", "arrows"):
                options = pa.ipc.IpcWriteOptions(compression=codec)
                self.same(self.write(f"all-{codec}.{end}", pieces, options), pa.Table.from_batches(pieces))
        for name, options in (("old.arrows", {"use_legacy_format": True}), ("v4.arrow", {"metadata_version": pa.MetadataVersion.V4})):
            self.same(self.write(name, pieces, pa.ipc.IpcWriteOptions(**options)), pa.Table.from_batches(pieces))

    def test_instants(self):
        utc = datetime.timezone.utc
        b = pa.record_batch({"ms": pa.array([1, None, -1], pa.timestamp("ms", tz="Europe/Berlin")),
                             "ns": pa.array([1999, None, -1], pa.timestamp("ns", tz="UTC"))})
        got = ask(self.path, f"SELECT unix_micros(ms) AS ms, unix_micros(ns) AS ns FROM {self.write('instants.arrow', [b])}")
        self.assertEqual(got.to_pydict(), {"ms": [1000, None, -1000], "ns": [1, None, -1]})
        self.assertEqual(datetime.datetime.fromtimestamp(0, utc).year, 1970)

    def test_other_types(self):
        columns = other_types()
        b = pa.record_batch({name: array for name, (array, _) in columns.items()})
        want = pa.table({name: (pa.array(array.to_pylist(), form) if name in ("u64", "d32", "d64", "half", "tiny", "view", "bview")
                                or name.startswith("coded") else array.cast(form)) for name, (array, form) in columns.items()})
        for name in ("other.arrow", "other.arrows"):
            self.same(self.write(name, [b, b]), pa.concat_tables([want, want]))

    def test_intervals(self):
        months = pa.Array.from_buffers(pa.int32(), 2, [None, pa.py_buffer((14).to_bytes(4, "little") * 2)])
        b = pa.record_batch({"days": pa.array([datetime.timedelta(3, 5)], pa.duration("s")), "m": months.slice(0, 1)})
        got = ask(self.path, f"SELECT CAST(days AS STRING) AS d FROM {self.write('intervals.arrow', [b])}")
        self.assertEqual(got["d"].to_pylist(), ["INTERVAL '3 00:00:05' DAY TO SECOND"])

    def test_dictionaries_that_grow(self):
        parts = [coded(["a"], [0, 0, None]), coded(["a", "b"], [1, 0]), coded(["a", "b", "c", None], [2, 3, 1])]
        options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
        want = ["a", "a", None, "b", "a", "c", None, "b"]
        got = ask(self.path, f"SELECT c FROM {self.write('delta.arrow', parts, options)}")
        self.assertEqual(got["c"].to_pylist(), want)
        parts.append(coded(["z"], [0]))  # in a stream another dictionary may come
        got = ask(self.path, f"SELECT c FROM {self.write('delta.arrows', parts, options)}")
        self.assertEqual(got["c"].to_pylist(), [*want, "z"])
        got = ask(self.path, f"SELECT c, count(*) AS n FROM arrow.`{self.path}/delta.arrows` WHERE c > 'a' GROUP BY c ORDER BY c")
        self.assertEqual(got.to_pydict(), {"c": ["b", "c", "z"], "n": [2, 1, 1]})

    def test_only_what_is_wanted(self):
        """A column that is not read is refused when it is asked for, and only then; counts need no bytes at all."""
        b = pa.record_batch({"a": pa.array([1, 2]), "t": pa.array([1, 2], pa.time64("us")), "wide": pa.array([D(1), D(2)], pa.decimal256(50, 0)),
                             "u": pa.UnionArray.from_dense(pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()),
                                                           [pa.array([1]), pa.array(["x"])]),
                             "z": pa.array(["p", "q"])})
        source = self.write("unread.arrow", [b])
        self.assertEqual(ask(self.path, f"SELECT a, z FROM {source}").to_pydict(), {"a": [1, 2], "z": ["p", "q"]})
        for column, words in (("t", "time"), ("wide", "decimal256(50, 0)"), ("u", "union")):
            self.assertIn(words, ask(self.path, f"SELECT {column} FROM {source}"))
        self.assertIn("LocalTableScan", str(ask(self.path, f"EXPLAIN SELECT count(*) FROM {source}").to_pylist()))

    def test_queries(self):
        """Batches that are whole multiples of ours, so that vectors are pointers into the file's bytes: filters, groups, joins."""
        n = 8192
        b = pa.record_batch({"a": pa.array([i % 100 for i in range(n)], pa.int8()), "i": pa.array(range(n), pa.int32()),
                             "d": pa.array([i / 7 for i in range(n)]), "s": pa.array([f"row {i % 50} and more text" for i in range(n)]),
                             "c": pa.array([f"code {i % 5}" for i in range(n)]).dictionary_encode(),
                             "x": pa.array([None if i % 3 == 0 else i for i in range(n)], pa.int32())})
        rows = b.to_pylist() + b.slice(0, 5000).to_pylist()
        kept = [r for r in rows if r["i"] % 3 == 1 and r["d"] > 2 and "1" in r["s"] and r["c"] != "code 2"]
        for codec in (None, "zstd"):
            source = self.write(f"queries-{codec}.arrow", [b, b.slice(0, 5000)], pa.ipc.IpcWriteOptions(compression=codec))
            got = ask(self.path, "SELECT count(*), sum(a), sum(i + 1), max(d), count(DISTINCT s), sum(x) "
                      f"FROM {source} WHERE i % 3 = 1 AND d > 2 AND s LIKE '%1%' AND c <> 'code 2'")
            self.assertEqual([c[0].as_py() for c in got.columns],
                             [len(kept), sum(r["a"] for r in kept), sum(r["i"] + 1 for r in kept), max(r["d"] for r in kept),
                              len({r["s"] for r in kept}), sum(r["x"] for r in kept if r["x"] is not None)])
            got = ask(self.path, f"SELECT c, count(*) AS n FROM {source} GROUP BY c ORDER BY c")
            self.assertEqual(got.to_pydict(), {"c": [f"code {k}" for k in range(5)],
                                               "n": [sum(r["c"] == f"code {k}" for r in rows) for k in range(5)]})
            got = ask(self.path, f"SELECT count(*) AS n FROM {source} AS l JOIN {source} AS r ON l.i = r.i AND l.c = r.c")
            self.assertEqual(got["n"].to_pylist(), [4 * 5000 + n - 5000])

    def test_folders(self):
        """Partitions, columns that a file lacks, another order; other files are passed over."""
        for k, b in ((1, pa.record_batch({"a": pa.array([1]), "b": pa.array(["x"])})),
                     (2, pa.record_batch({"b": pa.array(["y"]), "a": pa.array([2])})), (3, pa.record_batch({"a": pa.array([3])}))):
            (self.path / "t" / f"k={k}").mkdir(parents=True)
            self.write(f"t/k={k}/part.feather", [b])
        (self.path / "t" / "k=1" / "notes.txt").write_text("nothing")
        got = ask(self.path, f"SELECT k, a, b FROM arrow.`{self.path}/t` ORDER BY k")
        self.assertEqual(got.to_pydict(), {"k": [1, 2, 3], "a": [1, 2, 3], "b": ["x", "y", None]})
        self.assertEqual(ask(self.path, f"SELECT a FROM arrow.`{self.path}/t` WHERE k = 2").to_pydict(), {"a": [2]})

    def test_no_arrow(self):
        for name, data in (("empty", b""), ("text", b"no Arrow at all, but long enough"), ("cut", b"ARROW1\0\0"), ("feather", b"FEA1" + b"\0" * 40)):
            (self.path / f"{name}.arrow").write_bytes(data)
            self.assertIn("FAILED_READ_FILE", ask(self.path, f"SELECT * FROM arrow.`{self.path}/{name}.arrow`"))

    def test_one_batch_named_often(self):
        """A footer that names one large batch in place of all others (AF-4)."""
        large, small = pa.record_batch({"a": pa.array(range(20000))}), pa.record_batch({"a": pa.array([1])})
        self.write("often.arrow", [large] + [small] * 20)
        data = bytearray((self.path / "often.arrow").read_bytes())
        at = data.rindex((21).to_bytes(4, "little"), 0, -10) + 4
        self.assertEqual(ask(self.path, f"SELECT count(*) AS n FROM arrow.`{self.path}/often.arrow`")["n"].to_pylist(), [20020])
        for i in range(1, 21):
            data[at + 24 * i:at + 24 * (i + 1)] = data[at:at + 24]
        (self.path / "often.arrow").write_bytes(data)
        self.assertIn("share their bytes", ask(self.path, f"SELECT count(*) FROM arrow.`{self.path}/often.arrow`"))
        self.written.remove(str(self.path / "often.arrow"))

    def test_zz_damage(self):
        """The files of the other tests, small ones of each kind."""
        self.write("small.arrow", [sample(30)])
        files = [f for f in self.written if os.path.getsize(f) < 100000]
        for codec in ("lz4", "zstd"):
            self.write(f"small-{codec}.arrow", [sample(100)], pa.ipc.IpcWriteOptions(compression=codec))
            files.append(self.written[-1])
        for what in (["--rounds", ROUNDS], ["--starve"]):
            done = subprocess.run([DAMAGE, *what, *files], capture_output=True, text=True, timeout=250)
            self.assertEqual(done.returncode, 0, (done.stdout + done.stderr)[-2000:])

    if "ARROW_TESTING" in os.environ:  # the files are not ours to keep

        def test_zz_corpus(self):
            files = [str(f) for part in ("file", "stream") for f in (pathlib.Path(os.environ["ARROW_TESTING"]) / "data" / f"arrow-ipc-{part}").rglob("*")
                     if f.is_file()]
            self.assertGreater(len(files), 100)
            done = subprocess.run([DAMAGE, *files], capture_output=True, text=True, timeout=250)
            self.assertEqual(done.returncode, 0, (done.stdout + done.stderr)[-2000:])


if __name__ == "__main__":
    unittest.main(verbosity=1)
