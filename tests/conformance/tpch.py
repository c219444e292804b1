#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# needs: venv tpch1
# mem: 8G
# timeout: 600
"""Eight TPC-H queries at SF1 through an unmodified PySpark: SQL equals DuckDB, values and types; DataFrames equal SQL.

Types are Spark's (tpch_programs.SCHEMAS): DuckDB's sums are wider decimals and its quotients doubles, so its values are
cast to Spark's type first; a quotient may differ in the last digit.
"""

import os
import sys

VENV = os.environ["BERTH_VENV"]
if not sys.executable.startswith(VENV):
    os.execv(f"{VENV}/bin/python", [f"{VENV}/bin/python", *sys.argv])

from decimal import Decimal  # noqa: E402

import duckdb  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402

import tpch_programs as tpch  # noqa: E402

DATA = os.environ["BERTH_DATA"] + "/" + os.environ.get("TPCH_FOLDER", "sf1")
SQL = os.environ["BERTH_CHECKOUT"] + "/tests/bench/tpch"


def near(a, b):
    if isinstance(a, Decimal) and isinstance(b, float):
        return abs(float(a) - b) <= 1e-6 * max(1.0, abs(b))
    if isinstance(a, Decimal) and isinstance(b, Decimal):
        return a == b or abs(a - b) <= Decimal(1).scaleb(a.as_tuple().exponent)
    return a == b


def rows_equal(ours, theirs, exact):
    if len(ours) != len(theirs):
        return f"{len(ours)} rows instead of {len(theirs)}"
    for i, (a, b) in enumerate(zip(ours, theirs)):
        for x, y in zip(a, b):
            if not (x == y if exact else near(x, y)):
                return f"row {i}: {a} instead of {b}"
    return None


def main():
    spark = SparkSession.builder.remote("sc://127.0.0.1:15002").getOrCreate()
    tables = {name: spark.read.parquet(f"{DATA}/{name}.parquet") for name in tpch.TABLES}
    for name, df in tables.items():
        df.createOrReplaceTempView(name)
    db = duckdb.connect()
    for name in tpch.TABLES:
        db.execute(f"CREATE VIEW {name} AS SELECT * FROM '{DATA}/{name}.parquet'")
    passed = failed = 0

    def check(what, problem):
        nonlocal passed, failed
        if problem:
            failed += 1
            print(f"FAIL {what}: {problem}")
        else:
            passed += 1
            print(f"ok   {what}")

    for number, program in tpch.PROGRAMS.items():
        with open(f"{SQL}/q{number:02d}.sql") as f:
            text = f.read().strip().rstrip(";")
        sql = spark.sql(text)
        got = [tuple(r) for r in sql.collect()]
        want = db.execute(text).fetchall()
        # Every decimal but averages and quotients is exact in both engines.
        check(f"q{number} SQL against DuckDB", rows_equal(got, want, exact=number not in (1, 14)))
        schema = ", ".join(f"{f.name} {f.dataType.simpleString()}" for f in sql.schema)
        check(f"q{number} types", None if schema == tpch.SCHEMAS[number] else f"{schema}, not {tpch.SCHEMAS[number]}")
        frame = program(tables)
        check(f"q{number} DataFrame against SQL", rows_equal([tuple(r) for r in frame.collect()], got, exact=True))
        check(f"q{number} count", None if frame.count() == len(got) else "count() differs from collect()")
        pandas = sql.toPandas()
        check(f"q{number} toPandas", None if len(pandas) == len(got) else "toPandas() differs from collect()")
    spark.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
