#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# needs: venv tpch
# mem: 6G
# timeout: 300
"""Bad input through an unmodified PySpark: each gives a clear error of the class PySpark expects, only that query suffers,
and nothing leaks (descriptors of the gateway and the daemon, processes, cgroups)."""

import os
import random
import shutil
import subprocess
import sys
import time

VENV = os.environ["BERTH_VENV"]
if not sys.executable.startswith(VENV):
    os.execv(f"{VENV}/bin/python", [f"{VENV}/bin/python", *sys.argv])

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from pyspark.errors import (  # noqa: E402
    AnalysisException,
    ArithmeticException,
    NumberFormatException,
    ParseException,
    PySparkException,
    SparkRuntimeException,
)
from pyspark.sql import SparkSession  # noqa: E402
from pyspark.sql import functions as F  # noqa: E402

DATA = os.environ["BERTH_DATA"] + "/sf001"
FOLDER = os.environ["BERTH_DATA"] + "/bad"
REMOTE = "sc://127.0.0.1:15002"
results = []


def record(what, problem=None):
    results.append(problem is None)
    print(f"{'ok  ' if problem is None else 'FAIL'} {what}{': ' + problem if problem else ''}", flush=True)


def expect(what, kinds, words, action):
    """@action must raise one of @kinds whose text holds every word."""
    start = time.monotonic()
    try:
        action()
    except kinds as e:
        text = str(e)
        missing = [w for w in words if w.lower() not in text.lower()]
        if missing:
            record(what, f"the message lacks {missing}: {text[:300]!r}")
        elif "Traceback" in text or ".c:" in text:
            record(what, f"the message shows our insides: {text[:300]!r}")
        elif time.monotonic() - start > 10:
            record(what, f"took {time.monotonic() - start:.1f} s")
        else:
            record(what)
    except Exception as e:  # noqa: BLE001
        record(what, f"{type(e).__name__} instead of {kinds}: {str(e)[:300]!r}")
    else:
        record(what, "no error")


def make_files():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(f"{FOLDER}/empty")
    table = pa.table({"i": list(range(10000)), "s": [f"text {i % 97}" for i in range(10000)]})
    pq.write_table(table, f"{FOLDER}/good.parquet", row_group_size=2000)
    with open(f"{FOLDER}/good.parquet", "rb") as f:
        good = f.read()
    with open(f"{FOLDER}/text.parquet", "w") as f:
        f.write("this is not Parquet\n" * 100)
    with open(f"{FOLDER}/truncated.parquet", "wb") as f:
        f.write(good[: len(good) // 2])
    with open(f"{FOLDER}/zero.parquet", "wb"):
        pass
    with open(f"{FOLDER}/secret.parquet", "wb") as f:
        f.write(good)
    os.chmod(f"{FOLDER}/secret.parquet", 0o600)  # root's
    rng = random.Random(1)
    for n in range(40):
        flipped = bytearray(good)
        for _ in range(3):
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        with open(f"{FOLDER}/flipped{n}.parquet", "wb") as f:
            f.write(flipped)


def files(spark):
    read = spark.read.parquet
    expect("missing file", AnalysisException, ["PATH_NOT_FOUND", "nowhere.parquet"],
           lambda: read(f"{FOLDER}/nowhere.parquet").collect())
    expect("directory without Parquet", AnalysisException, ["UNABLE_TO_INFER_SCHEMA"],
           lambda: read(f"{FOLDER}/empty").collect())
    for name in ("text", "truncated", "zero"):
        expect(f"{name} file", PySparkException, [f"{name}.parquet"],
               lambda name=name: read(f"{FOLDER}/{name}.parquet").collect())
    expect("a file the user may not read", PySparkException, ["secret.parquet", "ermission"],
           lambda: read(f"{FOLDER}/secret.parquet").collect())
    wrong = 0
    for n in range(40):  # a flip in the data may go unseen: then the answer has the right number of rows
        try:
            if len(read(f"{FOLDER}/flipped{n}.parquet").collect()) != 10000:
                wrong += 1
        except PySparkException:
            pass
    record("bit-flipped files", f"{wrong} of 40 lost rows without an error" if wrong else None)
    expect("a file outside the data roots", PySparkException, ["/etc/passwd"],
           lambda: read("/etc/passwd").collect())


def statements(spark):
    sql = lambda text: lambda: spark.sql(text).collect()  # noqa: E731
    # FORM is an alias for 1; the word behind it is the one too many.
    expect("syntax error with position", ParseException, ["PARSE_SYNTAX_ERROR", "line 1, pos 14", "'t'"],
           sql("SELECT 1 FORM t"))
    expect("syntax error on line 2", ParseException, ["line 2"], sql("SELECT 1\nFROM WHERE"))
    expect("unknown table", AnalysisException, ["TABLE_OR_VIEW_NOT_FOUND", "nope"], sql("SELECT * FROM nope"))
    expect("unknown column", AnalysisException, ["UNRESOLVED_COLUMN", "l_orderkye", "l_orderkey"],
           sql(f"SELECT l_orderkye FROM parquet.`{DATA}/lineitem.parquet`"))
    expect("unknown function", AnalysisException, ["UNRESOLVED_ROUTINE", "frobnicate"], sql("SELECT frobnicate(1)"))
    expect("type mismatch", AnalysisException, ["DATATYPE_MISMATCH"],
           sql(f"SELECT 1 FROM parquet.`{DATA}/lineitem.parquet` WHERE l_shipdate + true > 1"))
    expect("division by zero", ArithmeticException, ["DIVIDE_BY_ZERO"], sql("SELECT 1 / 0"))
    expect("overflow", ArithmeticException, ["ARITHMETIC_OVERFLOW"], sql("SELECT 2147483647 + 1"))
    expect("bad cast", (NumberFormatException, SparkRuntimeException), ["CAST_INVALID_INPUT"],
           sql("SELECT CAST('x' AS INT)"))
    expect("missing aggregation", AnalysisException, ["MISSING_AGGREGATION"],
           sql(f"SELECT l_orderkey, count(*) FROM parquet.`{DATA}/lineitem.parquet` GROUP BY l_partkey"))
    expect("SQL of 1 MiB is answered or refused clearly", PySparkException, [],
           sql("SELECT " + "+".join(["1"] * 500000) + " FROM nope"))


def deep_plan(spark):
    def build(depth):
        df = spark.range(1)
        for i in range(depth):
            df = df.filter(F.col("id") >= -i)
        return df

    try:
        rows = build(400).collect()
        record("a plan of 400 levels works", None if len(rows) == 1 else f"{rows}")
    except Exception as e:  # noqa: BLE001
        record("a plan of 400 levels works", f"{type(e).__name__}: {str(e)[:200]}")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100000)
    try:
        build(5000).collect()
        record("a plan of 5,000 levels", "no error")
    except RecursionError:
        record("a plan of 5,000 levels (the client cannot even send it)")
    except Exception as e:  # noqa: BLE001
        record("a plan of 5,000 levels", None if "cursion" in str(e) or "deep" in str(e) or "nest" in str(e)
               else f"unclear: {type(e).__name__}: {str(e)[:300]}")
    sys.setrecursionlimit(limit)


def large_message(spark):
    literal = "x" * (200 << 20)
    try:
        spark.sql(f"SELECT length('{literal}')").collect()
        record("a message of 200 MiB", "no error")
    except Exception as e:  # noqa: BLE001
        text = str(e)
        record("a message of 200 MiB", None if "larger" in text or "too long" in text or "RESOURCE" in text
               or "size" in text or "limit" in text else f"unclear: {type(e).__name__}: {text[:300]}")
    record("the session lives after it", None if spark.range(3).count() == 3 else "wrong count")


def still_right(spark):
    got = spark.sql(f"SELECT count(*) AS n FROM parquet.`{FOLDER}/good.parquet`").collect()[0].n
    record("the next query is right", None if got == 10000 else f"{got}")


def open_descriptors():
    counts = {}
    for name in ("berthd", "berth-gateway"):
        pid = subprocess.run(["pidof", "-s", name], capture_output=True, text=True, check=False).stdout.strip()
        counts[name] = sorted(os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")) if pid else []
    return counts


def main():
    make_files()
    warm = SparkSession.builder.remote(REMOTE).create()
    warm.range(1).collect()
    warm.stop()
    time.sleep(2)
    before = open_descriptors()
    # Another user's session: what it may not read is decided by the kernel.
    env = dict(os.environ, BERTH_AS_ALICE="1")
    done = subprocess.run(["runuser", "-u", "alice", "--", sys.executable, __file__], env=env, check=False)
    time.sleep(3)
    after = open_descriptors()
    record("no descriptor is left open", None if before == after else f"{before} before, {after} after")
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if done.returncode == 0 and all(results) else 1


def as_alice():
    spark = SparkSession.builder.remote(REMOTE).create()
    files(spark)
    statements(spark)
    deep_plan(spark)
    large_message(spark)
    still_right(spark)
    spark.stop()
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(as_alice() if "BERTH_AS_ALICE" in os.environ else main())
