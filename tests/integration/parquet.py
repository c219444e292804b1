#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 600
#
# Every Parquet file of tests/data/make_parquet.py, decoded by our reader (tests/support/parquet_dump)
# in several batch sizes and with rows left out, equals what pyarrow reads: values and nulls.
# Then the same files damaged: truncated and with flipped bytes. Each is either read or refused with a
# typed error, in time, without a crash.
import os
import subprocess
import sys
import tempfile

venv = os.environ.get("BERTH_VENV")
if venv and not sys.prefix.startswith(venv):
    os.execv(os.path.join(venv, "bin", "python"), [os.path.join(venv, "bin", "python")] + sys.argv)

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "data"))
import make_parquet

DUMP = os.path.join(os.environ.get("BERTH_BUILD", os.path.join(here, "..", "..", "build")),
                    "tests", "support", "parquet_dump")
PATTERNS = ((4096, 0), (1000, 0), (37, 100), (4096, 5000))
CLASSES = ("CANNOT_READ_FILE_FOOTER", "FAILED_READ_FILE.NO_HINT")


def plain_arrays(column):
    """(valid, values, lengths) in the form that parquet_dump writes."""
    c = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(c, pa.ChunkedArray):
        c = pa.concat_arrays(c.chunks) if c.num_chunks else pa.array([], c.type)
    valid = np.asarray(c.is_valid()).astype(np.uint8)
    t = c.type
    if pa.types.is_fixed_size_binary(t) and not pa.types.is_decimal(t):
        c, t = c.cast(pa.binary()), pa.binary()
    if pa.types.is_string(t) or pa.types.is_binary(t) or "view" in str(t) or "large" in str(t):
        c = pc.fill_null(c.cast(pa.large_binary()), b"")
        offsets = np.frombuffer(c.buffers()[1], np.int64)[c.offset:c.offset + len(c) + 1]
        data = bytes(c.buffers()[2] or b"")[offsets[0]:offsets[-1]] if len(c) else b""
        return valid, data, np.diff(offsets) if len(c) else np.array([], np.int64)
    if pa.types.is_decimal(t):
        raw = np.frombuffer(c.buffers()[1] or b"", np.int64).reshape(-1, 2)[c.offset:c.offset + len(c)]
        raw = np.where(valid[:, None] == 1, raw, 0)
        return valid, (raw[:, 0] if t.precision <= 18 else raw).tobytes(), None
    if pa.types.is_timestamp(t):
        v = np.asarray(pc.fill_null(c.cast(pa.int64()), 0))
        v = v * 1000 if t.unit == "ms" else v // 1000 if t.unit == "ns" else v
        return valid, np.where(valid == 1, v, 0).astype(np.int64).tobytes(), None
    if pa.types.is_date(t):
        return valid, np.asarray(pc.fill_null(c.cast(pa.int32()), 0)).tobytes(), None
    if pa.types.is_boolean(t):
        return valid, np.asarray(pc.fill_null(c, False)).astype(np.uint8).tobytes(), None
    v = np.asarray(pc.fill_null(c, 0))
    if v.dtype == np.uint64:
        return valid, np.stack([v, np.zeros_like(v)], 1).tobytes(), None
    wider = {np.dtype(np.uint8): np.int16, np.dtype(np.uint16): np.int32, np.dtype(np.uint32): np.int64}
    return valid, v.astype(wider.get(v.dtype, v.dtype)).tobytes(), None


def kept_rows(group_rows, batch, skip):
    keep = []
    at = 0
    for n in group_rows:
        rows = np.arange(n)
        keep.append(at + rows[rows % (batch + skip) < batch])
        at += n
    return np.concatenate(keep) if keep else np.array([], np.int64)


def check(path, table, folder):
    import pyarrow.parquet as pq

    meta = pq.ParquetFile(path).metadata
    groups = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
    schema = [pq.ParquetFile(path).schema_arrow.names.index(n) for n in table.column_names]
    out = os.path.join(folder, "out")
    for batch, skip in PATTERNS:
        p = subprocess.run([DUMP, path, out, str(batch), str(skip)], capture_output=True, text=True,
                           timeout=60)
        if p.returncode:
            return "batch %d: exit %d: %s" % (batch, p.returncode, p.stderr)
        rows = kept_rows(groups, batch, skip)
        chosen = table if skip == 0 else table.take(pa.array(rows))
        for number, name in zip(schema, table.column_names):
            valid, values, lengths = plain_arrays(chosen[name])
            prefix = "%s.%d." % (out, number)
            if not np.array_equal(np.fromfile(prefix + "valid", np.uint8), valid):
                return "batch %d: column %s: nulls differ" % (batch, name)
            if lengths is not None and not np.array_equal(np.fromfile(prefix + "lengths", np.int64),
                                                          lengths):
                return "batch %d: column %s: lengths differ" % (batch, name)
            with open(prefix + "values", "rb") as f:
                if f.read() != values:
                    return "batch %d: column %s: values differ" % (batch, name)
    return None


def damage(path, folder, rng, rounds):
    with open(path, "rb") as f:
        good = f.read()
    broken = os.path.join(folder, "broken.parquet")
    for _ in range(rounds):
        data = bytearray(good)
        if rng.random() < 0.2:
            data = data[:rng.integers(0, len(data))]
        for _ in range(rng.integers(1, 8)):
            if data:
                low = 0 if rng.random() < 0.5 else max(0, len(data) - 4000)
                data[rng.integers(low, len(data))] ^= 1 << rng.integers(0, 8)
        with open(broken, "wb") as f:
            f.write(data)
        p = subprocess.run([DUMP, broken, os.path.join(folder, "out")], capture_output=True,
                           text=True, timeout=10)
        if p.returncode == 0:
            continue
        if p.returncode != 2 or not p.stderr.startswith(CLASSES) or broken not in p.stderr:
            keep = os.path.join(os.environ.get("BERTH_OUT", folder), "broken.parquet")
            if keep != broken:
                with open(keep, "wb") as f:
                    f.write(data)
            return "damaged %s: exit %d: %s (kept as %s)" % (path, p.returncode, p.stderr, keep)
    return None


def main():
    rng = np.random.default_rng(7)
    rounds = int(os.environ.get("PARQUET_DAMAGE_ROUNDS", "3"))
    failures = files = 0
    with tempfile.TemporaryDirectory() as folder:
        for path, table in make_parquet.files(folder):
            files += 1
            for problem in (check(path, table, folder), damage(path, folder, rng, rounds)):
                if problem:
                    failures += 1
                    print("FAILED %s: %s" % (os.path.basename(path), problem), flush=True)
    print("%d files, %d failures" % (files, failures))
    return 1 if failures else 0


sys.exit(main())
