#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# needs: venv tpch
# mem: 4G
# timeout: 300
"""Bad input through an unmodified PySpark: each gives a clear error of the class PySpark expects, only that query suffers,
and nothing leaks (descriptors of the gateway and the daemon, processes, cgroups)."""

import os
import random
import re
import shutil
import socket
import struct
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
from pyspark.errors.exceptions.connect import SparkException  # noqa: E402
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


def shapes(spark):
    """Wide and deep statements: answered, or refused as too complex; never a crash."""
    too_complex = ["FAILED_TO_PARSE_TOO_COMPLEX"]
    sql = lambda text: lambda: spark.sql(text).collect()  # noqa: E731
    n = 10000
    expect("10,000 parentheses", ParseException, too_complex, sql("SELECT " + "(" * n + "1" + ")" * n))
    expect("10,000 NOTs", ParseException, too_complex, sql("SELECT " + "NOT " * n + "true"))
    expect("10,000 CASEs", ParseException, too_complex, sql("SELECT " + "CASE WHEN true THEN " * n + "1" + " END" * n))
    expect("10,000 calls", ParseException, too_complex, sql("SELECT " + "abs(" * n + "1" + ")" * n))
    expect("5,000 nested grouping sets", ParseException, too_complex,
           sql("SELECT 1 FROM range(2) GROUP BY " + "GROUPING SETS(" * 5000 + "id" + ")" * 5000))
    expect("5,000 pipes", ParseException, too_complex, sql("FROM range(3) " + "|> WHERE id > 0 " * 5000))
    expect("50,000 grouping sets", PySparkException, ["4096"],
           sql("SELECT 1 FROM range(2) GROUP BY GROUPING SETS(" + ",".join(["id"] * 50000) + ")"))
    expect("5,000 subqueries in FROM", ParseException, too_complex,
           sql("SELECT * FROM (" * 5000 + "SELECT 1" + ")" * 5000))
    for what, text, want in (
        ("10,000 columns", "SELECT " + ", ".join(f"{i} AS c{i}" for i in range(n)), n),
        ("an IN list of 100,000", "SELECT count(*) FROM range(10) WHERE id IN (" + ",".join(
            str(i) for i in range(5, 100005)) + ")", 1),
        ("20,000 rows of VALUES", "SELECT count(*) FROM VALUES " + ",".join(f"({i})" for i in range(20000)), 1),
        ("a string of 1 MiB", "SELECT length('" + "x" * (1 << 20) + "') AS n", 1),
        ("a comment of 1 MiB", "SELECT 1 /* " + "x" * (1 << 20) + " */", 1),
    ):
        try:
            got = len(spark.sql(text).collect()[0])
            record(what, None if got == want else f"{got} columns")
        except Exception as e:  # noqa: BLE001
            record(what, f"{type(e).__name__}: {str(e)[:200]}")


def conditions(spark):
    """Class, condition, SQLSTATE and message parameters as Spark 4.2 gives them."""
    config = '"spark.sql.ansi.enabled"'
    path = "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]"
    for text, kind, condition, state, parameters in (
        ("SELECT 1 / 0", ArithmeticException, "DIVIDE_BY_ZERO", "22012", {"config": config}),
        ("SELECT 1 % 0", ArithmeticException, "DIVIDE_BY_ZERO", "22012", {"config": config}),
        ("SELECT 2147483647 + 1", ArithmeticException, "ARITHMETIC_OVERFLOW", "22003",
         {"message": "overflow", "config": config,
          "alternative": " Use 'try_add' to tolerate overflow and return NULL instead."}),
        ("SELECT CAST('x' AS INT)", NumberFormatException, "CAST_INVALID_INPUT", "22018",
         {"expression": "'x'", "sourceType": '"STRING"', "targetType": '"INT"', "ansiConfig": config}),
        ("SELECT CAST(300 AS TINYINT)", ArithmeticException, "CAST_OVERFLOW", "22003",
         {"value": "300", "sourceType": '"INT"', "targetType": '"TINYINT"', "ansiConfig": config}),
        ("SELECT * FROM nope", AnalysisException, "TABLE_OR_VIEW_NOT_FOUND", "42P01",
         {"relationName": "`nope`", "searchPath": path}),
        ("SELECT frobnicate(1)", AnalysisException, "UNRESOLVED_ROUTINE", "42883",
         {"routineName": "`frobnicate`", "searchPath": path}),
        ("SELECT ab FROM VALUES (1, 2) AS t(abc, xyz)", AnalysisException, "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703",
         {"objectName": "`ab`", "proposal": "`abc`, `xyz`"}),
        ("SELECT 1 + true", AnalysisException, "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", "42K09",
         {"sqlExpr": '"(1 + true)"', "left": '"INT"', "right": '"BOOLEAN"'}),
        ("SELECT NOT 1", AnalysisException, "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09",
         {"sqlExpr": '"(NOT 1)"', "paramIndex": "first", "requiredType": '"BOOLEAN"', "inputSql": '"1"',
          "inputType": '"INT"'}),
        ("SELECT substring('a')", AnalysisException, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "42605",
         {"functionName": "`substring`", "expectedNum": "[2, 3]", "actualNum": "1",
          "docroot": "https://spark.apache.org/docs/latest"}),
        ("selct 1", ParseException, "PARSE_SYNTAX_ERROR", "42601", {"error": "'selct'", "hint": ""}),
        ("SELECT a b c", ParseException, "PARSE_SYNTAX_ERROR", "42601", {"error": "'c'", "hint": ": extra input 'c'"}),
        ("SELECT (SELECT id FROM range(3))", SparkException, "SCALAR_SUBQUERY_TOO_MANY_ROWS", "21000", {}),
        (f"SELECT * FROM parquet.`{FOLDER}/nope.parquet`", AnalysisException, "PATH_NOT_FOUND", "42K03",
         {"path": f"file:{FOLDER}/nope.parquet"}),
    ):
        try:
            spark.sql(text).collect()
            record(text, "no error")
        except PySparkException as e:
            got = (e.getCondition(), e.getSqlState(), e.getMessageParameters())
            record(text, None if isinstance(e, kind) and got == (condition, state, parameters)
                   else f"{type(e).__name__} {got}")


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


def http2_frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def announce_message(n_bytes):
    """Says over bare HTTP/2 that a message of @n_bytes follows and sends it, as far as the server lets us. Returns how many
    bytes of it were sent when the server ended the stream.

    PySpark itself refuses to send more than 128 MiB, and holds several copies of what it sends.
    """
    def text(value):
        return bytes([len(value)]) + value.encode()

    pairs = [(":method", "POST"), (":scheme", "http"), (":authority", "berth"), ("te", "trailers"),
             (":path", "/spark.connect.SparkConnectService/ExecutePlan"), ("content-type", "application/grpc")]
    pairs.sort(key=lambda pair: not pair[0].startswith(":"))
    headers = b"".join(b"\0" + text(name) + text(value) for name, value in pairs)
    chunk = bytes(16384)
    sent = 0
    with socket.create_connection(("127.0.0.1", 15002), timeout=10) as s:
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + http2_frame(4, 0, 0, b"") + http2_frame(1, 4, 1, headers)
                  + http2_frame(0, 0, 1, b"\0" + struct.pack(">I", n_bytes)))
        window = {0: 65535 - 5, 1: 65535 - 5}
        stream = s.makefile("rb")
        while True:
            while sent < n_bytes and min(window.values()) >= len(chunk):
                s.sendall(http2_frame(0, 0, 1, chunk))
                sent += len(chunk)
                for key in window:
                    window[key] -= len(chunk)
            head = stream.read(9)
            if len(head) < 9:
                return sent
            payload = stream.read(int.from_bytes(head[:3], "big"))
            number = int.from_bytes(head[5:9], "big")
            if head[3] == 8:
                window[number] = window.get(number, 0) + int.from_bytes(payload, "big")
            elif head[3] == 4 and not head[4] & 1:
                for at in range(0, len(payload), 6):
                    if payload[at:at + 2] == b"\0\4":
                        window[1] += int.from_bytes(payload[at + 2:at + 6], "big") - 65535
                s.sendall(http2_frame(4, 1, 0, b""))
            elif number == 1 and (head[3] == 3 or (head[3] == 1 and head[4] & 1)) or head[3] == 7:
                return sent


def large_message(spark):
    start = time.monotonic()
    try:
        sent = announce_message(200 << 20)
        late = time.monotonic() - start > 10
        record("a message of 200 MiB ends its stream, early",
               f"{sent} bytes were taken, {time.monotonic() - start:.1f} s" if late or sent > 1 << 20 else None)
    except OSError as e:
        record("a message of 200 MiB ends its stream, early", f"{type(e).__name__}: {e}")
    record("the session lives after it", None if spark.range(3).count() == 3 else "wrong count")


def still_right(spark):
    got = spark.sql(f"SELECT count(*) AS n FROM parquet.`{FOLDER}/good.parquet`").collect()[0].n
    record("the next query is right", None if got == 10000 else f"{got}")


def open_descriptors():
    """What each daemon holds; which socket or which executor is no matter."""
    counts = {}
    for name in ("berthd", "berth-gateway"):
        pid = subprocess.run(["pidof", "-s", name], capture_output=True, text=True, check=False).stdout.strip()
        counts[name] = sorted(re.sub(r"\d+", "N", os.readlink(f"/proc/{pid}/fd/{fd}"))
                              for fd in os.listdir(f"/proc/{pid}/fd")) if pid else []
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
    shapes(spark)
    conditions(spark)
    deep_plan(spark)
    large_message(spark)
    still_right(spark)
    spark.stop()
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(as_alice() if "BERTH_AS_ALICE" in os.environ else main())
