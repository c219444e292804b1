#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
"""COUNT, MIN and MAX of whole files come from their footers where those are exact, and are what DuckDB reads."""
import datetime
import decimal
import math
import os
import pathlib
import subprocess
import sys
import tempfile

VENV = os.environ.get("BERTH_VENV")
if VENV and os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    os.execv(os.path.join(VENV, "bin", "python"), [os.path.join(VENV, "bin", "python"), *sys.argv])

import duckdb
import pyarrow
import pyarrow.parquet

BUILD = pathlib.Path(os.environ.get("BERTH_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
counts = {True: 0, False: 0}


def check(what, good, seen=None):
    counts[bool(good)] += 1
    if not good:
        print(f"FAILED  {what}: {seen!r}", flush=True)


def ask(statement):
    done = subprocess.run([BUILD / "tests" / "sql" / "sqltest", "--sql", statement], capture_output=True, text=True)
    return done.stdout.splitlines()[1:]


def table(first, n, with_nulls):
    nulls = lambda values: [None if with_nulls and i % 7 == 3 else v for i, v in enumerate(values)]  # noqa: E731
    ids = range(first, first + n)
    return pyarrow.table({
        "i": pyarrow.array(nulls([(i * 37) % 1001 - 500 for i in ids]), pyarrow.int32()),
        "l": pyarrow.array(nulls([i * 10**12 for i in ids]), pyarrow.int64()),
        "d": pyarrow.array(nulls([datetime.date(2020, 1, 1) + datetime.timedelta(i % 700) for i in ids]), pyarrow.date32()),
        "c": pyarrow.array(nulls([decimal.Decimal(i * 13 % 997) / 100 for i in ids]), pyarrow.decimal128(12, 2)),
        "w": pyarrow.array(nulls([decimal.Decimal(10) ** 25 + i for i in ids]), pyarrow.decimal128(30, 0)),
        "s": pyarrow.array(nulls([f"a long text that a writer may cut short {i * 31 % 977}" for i in ids]), pyarrow.string()),
        "f": pyarrow.array(nulls([math.nan if i % 11 == 5 else i / 4 for i in ids]), pyarrow.float64()),
        "n": pyarrow.array([None] * n, pyarrow.int64()),
    })


def main():
    with tempfile.TemporaryDirectory() as folder:
        for case, options in (("plain", {}), ("groups", {"row_group_size": 100}), ("bare", {"write_statistics": False}),
                              ("plain-data", {"use_dictionary": False})):
            for with_nulls in (False, True):
                path = os.path.join(folder, f"{case}-{with_nulls}")
                os.mkdir(path)
                for part in range(3):
                    pyarrow.parquet.write_table(table(part * 1000, 1000 + part, with_nulls), f"{path}/{part}.parquet", **options)
                for what in ("count(*)", *(f"{f}({c})" for f in ("count", "min", "max") for c in "ildcwsfn" if (f, c) != ("max", "f"))):
                    ours = ask(f"SELECT {what} FROM parquet.`{path}`")
                    theirs = duckdb.sql(f"SELECT {what} FROM read_parquet('{path}/*.parquet')").fetchall()[0][0]
                    text = "NULL" if theirs is None else str(theirs)
                    check(f"{case} {with_nulls} {what}", ours == [text], (ours, text))
                check(f"{case} {with_nulls} NaN", ask(f"SELECT max(f) FROM parquet.`{path}`") == ["NaN"])
                for what, scans in (("count(*)", False), ("min(i), max(d), count(l), min(w)", case == "bare"), ("min(s)", True), ("max(f)", True),
                                    ("sum(i)", True), ("count(DISTINCT i)", True)):
                    plan = "\n".join(ask(f"EXPLAIN SELECT {what} FROM parquet.`{path}`"))
                    check(f"{case} {with_nulls} {what} reads {'pages' if scans else 'nothing'}", ("FileScan" in plan) == scans, plan)
                filtered = ask(f"SELECT count(*) FROM parquet.`{path}` WHERE i > 0")
                theirs = duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}/*.parquet') WHERE i > 0").fetchall()[0][0]
                check(f"{case} {with_nulls} filtered", filtered == [str(theirs)], filtered)
    print(f"{counts[True]} passed, {counts[False]} failed")
    return 1 if counts[False] else 0


if __name__ == "__main__":
    sys.exit(main())
