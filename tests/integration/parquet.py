#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 600
#
# Every Parquet file of tests/data/make_parquet.py, decoded by our reader (tests/support/parquet_dump)
# in several batch sizes and with rows left out, equals what pyarrow reads: values and nulls.
# Then the same files damaged (tests/support/parquet_damage, under the address and undefined-behaviour sanitizers): cut at
# every border of the format and with flipped bits. Each copy is read or refused with a typed error, within 2 s of CPU
# and 256 MiB; in small files also with each number of the footer, of page headers and of indexes at extremes, of which
# PARQUET_DAMAGE_FIELDS copies are tried. PARQUET_DAMAGE_ROUNDS says how many copies with flipped bits there are of each file.
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
DAMAGE = DUMP.replace("parquet_dump", "parquet_damage_sanitized")
if not os.path.exists(DAMAGE):  # the whole build is under the sanitizers already
    DAMAGE = DUMP.replace("parquet_dump", "parquet_damage")
PATTERNS = ((4096, 0), (1000, 0), (37, 100), (4096, 5000))
FIELDS = int(os.environ.get("PARQUET_DAMAGE_FIELDS", "1500"))
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


def refuse(path, word, folder):
    p = subprocess.run([DUMP, path, os.path.join(folder, "out")], capture_output=True, text=True, timeout=60)
    if p.returncode != 2 or not p.stderr.startswith(CLASSES) or word not in p.stderr:
        return "exit %d: %s, but a refusal that says %s was expected" % (p.returncode, p.stderr, word)
    return None


def damage(path, seed, rounds, keep, fields=0):
    """(problem or None, copies read, copies refused)"""
    p = subprocess.run([DAMAGE, path, str(seed), str(rounds), keep, str(fields)], capture_output=True, text=True,
                       timeout=600, env=dict(os.environ, ASAN_OPTIONS="detect_leaks=1:max_allocation_size_mb=512"))
    words = p.stdout.split()
    if p.returncode or len(words) < 4:
        return "damaged: exit %d: %s (kept as %s)" % (p.returncode, p.stderr[-4000:], keep), 0, 0
    return None, int(words[0]), int(words[2])


def main():
    rounds = int(os.environ.get("PARQUET_DAMAGE_ROUNDS", "40"))
    failures = files = read = refused = 0
    with tempfile.TemporaryDirectory() as folder:
        keep = os.path.join(os.environ.get("BERTH_OUT", folder), "broken.parquet")

        def report(path, problem):
            if problem:
                print("FAILED %s: %s" % (os.path.basename(path), problem), flush=True)
            return 1 if problem else 0

        for path, table in make_parquet.files(folder):
            files += 1
            failures += report(path, check(path, table, folder))
            problem, n_read, n_refused = damage(path, files, rounds, keep)
            failures += report(path, problem)
            read += n_read
            refused += n_refused
            os.unlink(path)
        for path in make_parquet.small_files(folder):
            files += 1
            problem, n_read, n_refused = damage(path, files, rounds, keep, FIELDS)
            failures += report(path, problem)
            read += n_read
            refused += n_refused
        for path, word in make_parquet.refused(folder):
            files += 1
            failures += report(path, refuse(path, word, folder))
    print("%d files; of damaged copies %d were read, %d refused; %d failures" % (files, read, refused, failures))
    return 1 if failures else 0


sys.exit(main())
