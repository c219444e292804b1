#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 300
"""What an unmodified PySpark writes through Spark Connect: save modes, partitions, options; files that pyarrow and DuckDB read with
the same values, types, statistics and page indexes. What CSV, JSON and text look like was taken from Spark 4.0."""
import datetime
import decimal
import glob
import gzip
import os
import pathlib
import sys
import tempfile

VENV = os.environ.get("BERTH_VENV")
if VENV and os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    os.execv(os.path.join(VENV, "bin", "python"), [os.path.join(VENV, "bin", "python"), *sys.argv])

import duckdb
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import local_server

BUILD = pathlib.Path(os.environ.get("BERTH_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
counts = {True: 0, False: 0}


def check(what, good, seen=None):
    counts[bool(good)] += 1
    if not good:
        print(f"FAILED  {what}: {seen!r}", flush=True)


def fails(what, error_class, call):
    try:
        call()
    except Exception as e:  # noqa: BLE001
        check(what, error_class in str(e), str(e)[:300])
        return
    check(what, False, "it went through")


def data_files(path):
    return sorted(f for f in glob.glob(f"{path}/**/*", recursive=True) if os.path.basename(f).startswith("part-"))


def text(path):
    return b"".join(pathlib.Path(f).read_bytes() for f in data_files(path)).decode()


ALL_TYPES = """
SELECT id, CAST(id AS TINYINT) AS b, CAST(id * 3 AS SMALLINT) AS sh, CAST(id * 1000 AS INT) AS i, IF(id % 5 = 0, NULL, id * 10000000000) AS l,
  CAST(id / 8 AS FLOAT) AS f, IF(id % 7 = 3, double('NaN'), id / 16) AS d, CAST(id * 1.25 AS DECIMAL(9,2)) AS d9,
  CAST(id * -1.25 AS DECIMAL(18,4)) AS d18, CAST(CAST(id AS DECIMAL(20,0)) * -123456789012345678 AS DECIMAL(38,3)) AS d38,
  IF(id % 4 = 1, NULL, concat('text ', CAST(id % 11 AS STRING))) AS s, concat(repeat('long ', 30), CAST(id AS STRING)) AS ls,
  CAST(concat('bin', CAST(id AS STRING)) AS BINARY) AS bin, id % 2 = 0 AS bo, date_add(date'1969-12-01', CAST(id AS INT)) AS da,
  CAST(id * 86399 - 5000000 AS TIMESTAMP) AS ts, timestamp_ntz'2020-02-29 12:34:56.789012' AS tn, CAST(NULL AS STRING) AS nothing,
  IF(id % 6 = 0, NULL, array(id, NULL, id + 1)) AS a, IF(id % 3 = 0, map(), map(CAST(id AS STRING), id, 'z', NULL)) AS m,
  IF(id % 5 = 4, NULL, struct(id AS x, array(struct(CAST(id AS STRING) AS z)) AS y)) AS st,
  IF(id % 2 = 0, array(), array(array(id), array(), NULL)) AS aa
FROM range(100)"""


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (a != a and b != b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


def plain(v):
    """A value of PySpark's as pyarrow gives it."""
    if hasattr(v, "asDict"):
        return {k: plain(x) for k, x in v.asDict().items()}
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, dict):
        return [(k, plain(x)) for k, x in v.items()]
    return bytes(v) if isinstance(v, bytearray) else v


def types(spark, folder):
    df = spark.sql(ALL_TYPES)
    rows = [{k: plain(v) for k, v in r.asDict().items()} for r in df.orderBy("id").collect()]
    for codec in ("snappy", "zstd", "gzip", "none", "lz4_raw"):
        path = f"{folder}/types-{codec}"
        df.write.option("compression", codec).parquet(path)
        back = spark.read.parquet(path)
        check(f"{codec}: types come back", back.schema.simpleString() == df.schema.simpleString(), back.schema.simpleString())
        check(f"{codec}: and values", same([{k: plain(v) for k, v in r.asDict().items()} for r in back.orderBy("id").collect()], rows))
        table = pq.read_table(path).sort_by("id")
        utc = [dict(r, ts=r["ts"].astimezone(datetime.timezone.utc).replace(tzinfo=None)) for r in table.to_pylist()]
        mine = [dict(r, ts=r["ts"].astimezone(datetime.timezone.utc).replace(tzinfo=None)) for r in rows]
        check(f"{codec}: pyarrow reads the same", same(utc, mine), [(k, u[k], m[k]) for u, m in zip(utc, mine) for k in m
                                                                 if not same(u[k], m[k])][:3])
        count = duckdb.sql(f"SELECT count(*), sum(id), sum(d38), count(s), sum(len(ls)), min(ts), count(a), sum(cardinality(m)) "
                           f"FROM '{path}/*.parquet'").fetchall()[0]
        check(f"{codec}: DuckDB reads it", count[:2] == (100, 4950) and count[3] == 75 and count[6] == 83, count)
        meta = pq.ParquetFile(data_files(path)[0]).metadata
        check(f"{codec}: Spark's schema is there", b"org.apache.spark.sql.parquet.row.metadata" in meta.metadata)


def statistics(spark, folder):
    path = f"{folder}/stats"
    spark.sql("SELECT id, IF(id % 10 = 0, NULL, CAST(id % 100 AS STRING)) AS s, id / 4 AS d, concat(repeat('x', 70), id) AS l "
              "FROM range(100000) ORDER BY id").write.option("parquet.block.size", 400000).parquet(path)
    files = data_files(path)
    check("what is sorted is one file", len(files) == 1, files)
    meta = pq.ParquetFile(files[0], page_checksum_verification=True).metadata
    check("several row groups", meta.num_row_groups > 3, meta.num_row_groups)
    at = 0
    for g in range(meta.num_row_groups):
        group = meta.row_group(g)
        ids, s, d, l = (group.column(i) for i in range(4))
        check("bounds of ids", (ids.statistics.min, ids.statistics.max) == (at, at + group.num_rows - 1), ids.statistics)
        check("nulls are counted", s.statistics.null_count == len(range(-at % 10, group.num_rows, 10)), s.statistics)
        check("bounds of floats", (d.statistics.min, d.statistics.max) == (at / 4, (at + group.num_rows - 1) / 4))
        check("cut bounds hold", l.statistics.min <= "x" * 70 + "0" and l.statistics.max >= "x" * 70 + "99999", l.statistics)
        check("page indexes", all(group.column(i).has_offset_index and group.column(i).has_column_index for i in range(4)))
        check("a dictionary where it pays", "RLE_DICTIONARY" in s.encodings and "RLE_DICTIONARY" not in ids.encodings,
              (s.encodings, ids.encodings))
        at += group.num_rows
    for low in (0, 777, 50000, 99990):
        n = spark.read.parquet(path).where(f"id >= {low} AND id < {low + 7}").count()
        check("filters over them", n == min(7, 100000 - low), n)
        one = duckdb.sql(f"SELECT count(*), min(l) FROM '{files[0]}' WHERE id BETWEEN {low} AND {low + 6}").fetchall()[0]
        check("DuckDB's too", one == (min(7, 100000 - low), "x" * 70 + str(low)), one)


def modes(spark, folder):
    path = f"{folder}/modes"
    one, two = spark.range(1), spark.range(10, 12)
    one.write.parquet(path)
    fails("errorifexists", "PATH_ALREADY_EXISTS", lambda: two.write.parquet(path))
    two.write.mode("ignore").parquet(path)
    check("ignore", spark.read.parquet(path).count() == 1)
    two.write.mode("append").parquet(path)
    two.write.mode("append").parquet(path)
    check("append", sorted(r.id for r in spark.read.parquet(path).collect()) == [0, 10, 10, 11, 11])
    spark.read.parquet(path).where("id > 10").write.mode("overwrite").parquet(path)
    check("overwrite, reading itself", [r.id for r in spark.read.parquet(path).collect()] == [11, 11])
    check("_SUCCESS", os.path.exists(f"{path}/_SUCCESS"))
    check("nothing is left over", not glob.glob(f"{folder}/_*") and not glob.glob(f"{path}/_[!S]*"), os.listdir(path))
    two.write.format("parquet").option("path", f"{folder}/by-option").save()
    check("path as an option", spark.read.parquet(f"{folder}/by-option").count() == 2)
    fails("a failed query", "CAST_INVALID_INPUT",
          lambda: spark.sql("SELECT CAST(x AS INT) FROM VALUES ('1'), ('q') t(x)").write.mode("overwrite").parquet(path))
    check("leaves the old data", spark.read.parquet(path).count() == 2)
    fails("no table without a place", "LOCATION", lambda: one.write.saveAsTable("nowhere"))
    fails("an unknown format", "DATA_SOURCE_NOT_FOUND", lambda: one.write.format("foo").save(f"{folder}/x"))
    one.write.bucketBy(2, "id").option("path", f"{folder}/buckets").saveAsTable("b")
    check("bucketBy says nothing of which rows there are", spark.table("b").count() == one.count())
    one.write.option("path", f"{folder}/t").saveAsTable("t")
    spark.range(5, 6).write.insertInto("t")
    check("saveAsTable with a path, insertInto", sorted(r.id for r in spark.table("t").collect()) == [0, 5])
    spark.range(7, 8).write.insertInto("t", overwrite=True)
    check("insertInto, overwrite", [r.id for r in spark.table("t").collect()] == [7])


def partitions(spark, folder):
    path = f"{folder}/parts"
    df = spark.sql("SELECT * FROM VALUES (1, 'a/b', date'2020-01-01'), (2, NULL, NULL), (3, '', NULL), (4, 'x=y z%', NULL) t(x, p, q)")
    df.write.partitionBy("p", "q").parquet(path)
    check("folders as Spark names them", sorted({os.path.relpath(os.path.dirname(f), path) for f in data_files(path)}) == [
        "p=__HIVE_DEFAULT_PARTITION__/q=__HIVE_DEFAULT_PARTITION__", "p=a%2Fb/q=2020-01-01",
        "p=x%3Dy z%25/q=__HIVE_DEFAULT_PARTITION__"], data_files(path))
    df.write.mode("append").partitionBy("p", "q").parquet(path)
    back = sorted((r.x, r.p, r.q) for r in spark.read.parquet(path).where("p IS NOT NULL").collect())
    check("and they come back", back == [(1, "a/b", datetime.date(2020, 1, 1))] * 2 + [(4, "x=y z%", None)] * 2 or len(back) == 4, back)
    spark.range(20000).selectExpr("id", "id % 50 AS k").write.mode("overwrite").partitionBy("k").parquet(path)
    check("one file each", len(data_files(path)) == 50, len(data_files(path)))
    check("all rows", spark.read.parquet(path).groupBy("k").count().where("count = 400").count() == 50)
    def some():
        return spark.range(3).selectExpr("id", "id + 48 AS k").write.mode("overwrite").partitionBy("k")
    some().option("partitionOverwriteMode", "dynamic").parquet(path)
    back = {r.k: r["count"] for r in spark.read.parquet(path).groupBy("k").count().collect()}
    check("only the partitions that are written", back == {**{k: 400 for k in range(48)}, 48: 1, 49: 1, 50: 1}, back)
    some().parquet(path)
    check("and then all", spark.read.parquet(path).count() == 3)
    fails("all columns", "ALL_PARTITION_COLUMNS_NOT_ALLOWED", lambda: spark.range(1).write.partitionBy("id").parquet(f"{folder}/x"))
    fails("a column that is not there", "not found in", lambda: spark.range(1).write.partitionBy("y").parquet(f"{folder}/x"))


def texts(spark, folder):
    row = ("select 1 a, 'x,\"y\\n z' b, cast(null as string) c, '' d, timestamp'2020-01-02 03:04:05.123456' ts, "
           "timestamp_ntz'2020-01-02 03:04:05' tn, date'2020-02-03' dt, 1.5d dd, cast(2.50 as decimal(10,2)) de, true bo, "
           "'\\\\back\"q' e, ' sp ' f, x'4142' bi")
    spark.sql(row).write.csv(f"{folder}/csv")
    check("CSV", text(f"{folder}/csv") == '1,"x,\\"y\n z",,"",2020-01-02T03:04:05.123Z,2020-01-02T03:04:05.000,2020-02-03,1.5,2.50,true,'
          '"\\\\back\\"q",sp,[41 42]\n', text(f"{folder}/csv"))
    spark.sql(row).write.json(f"{folder}/json")
    check("JSON", text(f"{folder}/json") == '{"a":1,"b":"x,\\"y\\n z","d":"","ts":"2020-01-02T03:04:05.123Z",'
          '"tn":"2020-01-02T03:04:05.000","dt":"2020-02-03","dd":1.5,"de":2.50,"bo":true,"e":"\\\\back\\"q","f":" sp ","bi":"QUI="}\n',
          text(f"{folder}/json"))
    strange = ("select * from values ('a#b'),('#c'),('a\\tb'),(' lead'),('q\"q'),('a\\\\b'),('a\\rb'),('a\\nb'),('null'),('\\\\'),"
               "('\\\\,x'),('  '),(' ,') t(x)")
    spark.sql(strange).write.csv(f"{folder}/strange")
    check("quotes", text(f"{folder}/strange") == 'a#b\n"#c"\na\tb\nlead\n"q\\"q"\na\\b\n"a\rb"\n"a\nb"\nnull\n\\\n"\\\\,x"\n""\n","\n',
          text(f"{folder}/strange"))
    spark.sql("select '  ' a, '#x' b, '' c, cast(null as int) d, 'q' e, ' z ' f").write.csv(
        f"{folder}/options", ignoreLeadingWhiteSpace=False, ignoreTrailingWhiteSpace=False, sep=";", nullValue="NULL", emptyValue="E",
        quoteAll=True, header=True)
    check("options", text(f"{folder}/options") == '"a";"b";"c";"d";"e";"f"\n"  ";"#x";"E";"NULL";"q";" z "\n', text(f"{folder}/options"))
    spark.sql("select 'a,b' a, 'x\"y' b, '\"z' c, 'q\\\\,' d").write.csv(f"{folder}/escape", escape='"')
    check("escape", text(f"{folder}/escape") == '"a,b","x""y","""z","q\\,"\n', text(f"{folder}/escape"))
    spark.sql("select 1 x where false").write.csv(f"{folder}/empty", header=True)
    check("no rows", text(f"{folder}/empty") == "x\n" and len(data_files(f"{folder}/empty")) == 1)
    spark.sql("select * from values ('a'),(null),('b\nc') t(x)").write.text(f"{folder}/text")
    check("text", text(f"{folder}/text") == "a\n\nb\nc\n", text(f"{folder}/text"))
    spark.range(1000).write.json(f"{folder}/gz", compression="gzip")
    file, = data_files(f"{folder}/gz")
    check("gzip", file.endswith(".json.gz") and gzip.open(file).read().decode() == "".join(f'{{"id":{i}}}\n' for i in range(1000)))
    spark.sql("select double('NaN') a, float('inf') b, 1e300 c, 0.1f d, -0.0d e, cast('-inf' as double) f").write.csv(f"{folder}/numbers")
    check("numbers", text(f"{folder}/numbers") == "NaN,Infinity,1.0E300,0.1,-0.0,-Infinity\n", text(f"{folder}/numbers"))
    spark.range(95).coalesce(1).write.option("maxRecordsPerFile", 10).csv(f"{folder}/max")
    check("maxRecordsPerFile", len(data_files(f"{folder}/max")) == 10, data_files(f"{folder}/max"))


def main():
    server, peer, url = local_server.start(str(BUILD / "tests" / "support" / "service_peer"))
    try:
        spark = SparkSession.builder.remote(url).getOrCreate()
        with tempfile.TemporaryDirectory(prefix="berth-write-") as folder:
            for part in (types, statistics, modes, partitions, texts):
                part(spark, folder)
        spark.stop()
    except Exception as e:  # noqa: BLE001
        check("it goes through", False, repr(e))
    server.stop(0)
    peer.close()
    print(f"{counts[True]} ok, {counts[False]} failed")
    sys.exit(1 if counts[False] else 0)


main()
