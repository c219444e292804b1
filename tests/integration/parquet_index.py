#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 600
"""Page indexes and Bloom filters leave rows unread and no row out.

Files of pyarrow and DuckDB with both, in pages and row groups of several sizes, against the same rows in a file without any
statistics: random filters over all types give the same rows of all columns. And they do prune: EXPLAIN ANALYZE says how many rows.
PARQUET_INDEX_FILTERS says how many filters are tried on each file, PARQUET_INDEX_SEED which.
"""
import datetime
import decimal
import os
import random
import re
import sys
import tempfile

venv = os.environ.get("BERTH_VENV")
if venv and not sys.prefix.startswith(venv):
    os.execv(os.path.join(venv, "bin", "python"), [os.path.join(venv, "bin", "python")] + sys.argv)

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "sql", "random"))
import engines

BUILD = os.environ.get("BERTH_BUILD", os.path.join(here, "..", "..", "build"))
FILTERS = int(os.environ.get("PARQUET_INDEX_FILTERS", "120"))
ROWS = 30000
EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)


def table(rng):
    """Columns whose values lie together in pages, and some whose do not."""
    def column(type_, make, nulls=0.05):
        return pa.array([None if rng.random() < nulls else make(i) for i in range(ROWS)], type_)

    near = lambda i: i // 10 + rng.randrange(200)
    doubles = [float("nan"), 0.0, -0.0, float("inf")]
    return pa.table({
        "id": pa.array(range(ROWS), pa.int64()),
        "near": column(pa.int32(), near),
        "far": column(pa.int64(), lambda i: rng.randrange(10**6)),
        "small": column(pa.int8(), lambda i: i // 400 % 256 - 128),
        "un": column(pa.uint32(), lambda i: 2**32 - 1 - near(i)),
        "dbl": column(pa.float64(), lambda i: rng.choice(doubles) if rng.random() < 0.02 else near(i) / 4),
        "flt": column(pa.float32(), lambda i: near(i) / 4),
        "s": column(pa.string(), lambda i: "key-%06d" % near(i)),
        "long": column(pa.string(), lambda i: "x" * 70 + "%06d" % near(i)),
        "word": column(pa.string(), lambda i: "w%d" % rng.randrange(5000)),
        "bin": column(pa.binary(), lambda i: b"\xff" * (i % 3) + b"%05d" % near(i)),
        "d": column(pa.date32(), lambda i: datetime.date(2000, 1, 1) + datetime.timedelta(near(i))),
        "ts": column(pa.timestamp("us", "UTC"), lambda i: EPOCH + datetime.timedelta(seconds=near(i))),
        "ms": column(pa.timestamp("ms", "UTC"), lambda i: EPOCH + datetime.timedelta(seconds=near(i))),
        "dec": column(pa.decimal128(12, 2), lambda i: decimal.Decimal(near(i)) / 4),
        "wide": column(pa.decimal128(30, 5), lambda i: decimal.Decimal(near(i)) * 10**15),
        "flag": column(pa.bool_(), lambda i: i % 9000 < 4000),
        "gone": column(pa.int32(), lambda i: i, nulls=0.5 if rng.random() < 0.5 else 0.999),
        "l": pa.array([[i, i + 1] if i % 3 else None for i in range(ROWS)]),
    })


def literal(rng, t, name):
    """A value of the column, or one near it."""
    v = t[name][rng.randrange(ROWS)].as_py()
    if v is None:
        return "NULL"
    kind = t.schema.field(name).type
    if pa.types.is_integer(kind):
        return str(v + rng.choice((0, 0, 0, 1, -7)))
    if pa.types.is_floating(kind):
        return "%s('%r')" % ("float" if kind == pa.float32() else "double", v)
    if pa.types.is_decimal(kind):
        return "CAST('%s' AS DECIMAL(%d,%d))" % (format(v, "f"), kind.precision, kind.scale)
    if pa.types.is_binary(kind):
        return "X'%s'" % v.hex()
    if pa.types.is_string(kind):
        return "'%s'" % (v + rng.choice(("", "", "", "0")))
    if pa.types.is_date(kind):
        return "DATE'%s'" % v
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP'%s'" % v.strftime("%Y-%m-%d %H:%M:%S+00:00")
    return str(v).lower()


def condition(rng, t):
    name = rng.choice([c for c in t.column_names if c != "l"])
    form = rng.randrange(8)
    if form == 0:
        return f"{name} IS NULL"
    if form == 1:
        return f"{name} IN ({', '.join(literal(rng, t, name) for _ in range(rng.randrange(1, 6)))})"
    if form == 2:
        return f"{name} BETWEEN {literal(rng, t, name)} AND {literal(rng, t, name)}"
    if form == 3:
        return f"NOT ({name} <=> {literal(rng, t, name)})"
    return f"{name} {rng.choice(('=', '=', '=', '<', '<=', '>', '>=', '<>'))} {literal(rng, t, name)}"


ALL = ("count(*), sum(id), count(near), sum(far), min(s), max(long), sum(hash(dbl, flt, word, bin, d)), sum(un), "
       "max(ts), min(ms), sum(dec), max(wide), sum(small), count_if(flag), sum(gone), sum(l[1])")


def write(folder, number, t, rng):
    """(path of a file with indexes, whether all columns are read as they were)"""
    path = os.path.join(folder, f"{number}.parquet")
    bloom = {n: {"ndv": 20000} for n in ("near", "far", "dbl", "flt", "s", "word", "bin", "d", "ts", "ms", "dec")}
    pq.write_table(t, path, write_page_index=True, row_group_size=rng.choice((ROWS, 11000, 5000)),
                   max_rows_per_page=rng.choice((100, 1000, 3001)), write_batch_size=100,
                   data_page_size=rng.choice((1 << 20, 3000)), use_dictionary=rng.choice((True, False, ["word", "s"])),
                   data_page_version=rng.choice(("1.0", "2.0")), compression=rng.choice(("none", "snappy", "zstd")),
                   bloom_filter_options=bloom if number % 2 else None)
    return path


def pruned(berth, path, where):
    # A statement's text is one cell with line ends in it: only the number is looked for.
    import subprocess
    p = subprocess.run([os.path.join(BUILD, "tests", "sql", "sqltest"), "--threads", "1", "--sql",
                        f"EXPLAIN ANALYZE SELECT {ALL} FROM parquet.`{path}` WHERE {where}"], capture_output=True, text=True, timeout=60)
    found = re.search(r"(\d+) rows pruned", p.stdout)
    return int(found.group(1)) if found else 0


def main():
    seed = int(os.environ.get("PARQUET_INDEX_SEED", "1"))
    failures = checks = 0

    def check(what, problem):
        nonlocal failures, checks
        checks += 1
        if problem:
            failures += 1
            print(f"FAILED {what}: {problem}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        berth = engines.Berth(os.path.join(BUILD, "tests", "sql", "sqltest"))
        for number in range(4):
            rng = random.Random(seed * 1000 + number)
            t = table(rng)
            plain = os.path.join(folder, "plain.parquet")
            pq.write_table(t, plain, write_statistics=False, use_dictionary=False)
            path = write(folder, number, t, rng)
            for _ in range(FILTERS):
                where = " AND ".join(condition(rng, t) for _ in range(rng.choice((1, 1, 2))))
                answers = [berth.ask(f"SELECT {ALL} FROM parquet.`{f}` WHERE {where}") for f in (path, plain)]
                check(f"file {number} of seed {seed}: {where}",
                      None if answers[0] == answers[1] and answers[0][0] == "ok" else f"{answers[0]} is not {answers[1]}")
            check("a point prunes pages", None if pruned(berth, path, "near = 1500") >= ROWS // 2 else "it does not")
            if number % 2:
                check("a Bloom filter prunes", None if pruned(berth, path, "word = 'w77777'") == ROWS else "it does not")
        path = os.path.join(folder, "duckdb.parquet")
        connection = duckdb.connect()
        connection.execute(f"copy (select i id, 'w' || (i * 7919 % 20000) word, i * 7919 % 20000 far from range(200000) t(i)) to '{path}' "
                           "(format parquet, row_group_size 50000)")
        for i in range(50):
            where = f"word = 'w{i * 401}'" if i % 2 else f"far = {i * 401}"
            got = berth.ask(f"SELECT count(*), sum(id) FROM parquet.`{path}` WHERE {where}")
            want = connection.execute(f"select count(*), sum(id) from '{path}' where {where}").fetchone()
            check(f"DuckDB's file: {where}", None if got[2] == ["\t".join("NULL" if v is None else str(v) for v in want)] else f"{got} is not {want}")
        berth.close()
    print(f"{checks - failures} passed, {failures} failed")
    return 1 if failures else 0


sys.exit(main())
