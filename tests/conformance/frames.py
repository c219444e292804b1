#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 120
"""What DataFrames say and SQL does not (observe, transpose, colRegex, checkpoints, spark.tvf, persist), the session's catalogue,
and show(), through an unmodified PySpark. Expected values are Spark 4's."""
import contextlib
import faulthandler
import io
import os
import sys
import tempfile
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _local import check, end, fails, served

from pyspark.sql import Observation, SparkSession, functions as F
from pyspark.storagelevel import StorageLevel


def rows(df):
    return [tuple(r) for r in df.collect()]


def shown(df, *arguments, **options):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        df.show(*arguments, **options)
    return out.getvalue()


def frames(spark):
    df = spark.createDataFrame([("Alice", 2), ("Bob", 5), ("Carl", None)], "name STRING, age INT")
    o = Observation("m")
    watched = df.observe(o, F.count(F.lit(1)).alias("n"), F.max("age"), F.sum(F.col("age").cast("decimal(9,2)")).alias("d"),
                         F.max("name").alias("s"), F.avg("age").alias("a"), F.max(F.lit(None).cast("int")).alias("none"))
    check("observed rows", watched.filter("age > 2").count(), 1)
    got = o.get
    check("observed", {k: str(v) for k, v in got.items()},
          {"n": "3", "max(age)": "5", "d": "7.00", "s": "Carl", "a": "3.5", "none": "None"})
    o = Observation("shown")
    shown(df.observe(o, F.count("age").alias("n")))
    check("observed by show", o.get, {"n": 2})
    fails("observed arrays", "UNSUPPORTED_FEATURE",
          lambda: df.observe(Observation("x"), F.collect_list("age").alias("l")).collect())

    check("colRegex", df.select(df.colRegex("`n.*e`")).columns, ["name"])
    check("colRegex, whole names", df.select(df.colRegex("`n`"), "age").columns, ["age"])
    check("colRegex, no case", df.select(df.colRegex("`NAME|AGE`")).columns, ["name", "age"])
    check("colRegex, plain", df.select(df.colRegex("name")).columns, ["name"])

    t = spark.createDataFrame([("A", 1, 2.5), ("B", 3, None), (None, 7, 7.5)], "id STRING, x INT, y DOUBLE").transpose()
    check("transpose", (t.schema.simpleString(), rows(t)),
          ("struct<key:string,A:double,B:double>", [("x", 1.0, 3.0), ("y", 2.5, None)]))
    t = spark.createDataFrame([(2, "b"), (1, "a")], "n INT, s STRING").transpose("n")
    check("transpose, in order", (t.columns, rows(t)), (["key", "1", "2"], [("s", "a", "b")]))
    check("transpose, index alone", spark.range(2).transpose().columns, ["key", "0", "1"])
    fails("transpose of many", "TRANSPOSE_EXCEED_ROW_LIMIT", lambda: spark.range(501).transpose().collect())
    fails("transpose, types", "TRANSPOSE_NO_LEAST_COMMON_TYPE",
          lambda: spark.sql("select 1 as a, date'2020-01-01' as b, true as c").transpose().collect())
    fails("transpose, index", "TRANSPOSE_INVALID_INDEX_COLUMN",
          lambda: spark.sql("select array(1) as a, 1 as b").transpose().collect())

    c = spark.range(3).select((F.rand() * 1e9).alias("r"), F.lit("x").alias("s")).localCheckpoint()
    check("checkpoint: rows stay", rows(c), rows(c))
    check("checkpoint: schema", c.schema.simpleString(), "struct<r:double,s:string>")
    twice = [spark.range(4).localCheckpoint(eager) for eager in (True, False)]
    check("checkpoints", [d.count() for d in twice], [4, 4])
    i = spark.sql("select interval '1' year as y, timestamp'2020-01-01 00:00:00' as t").localCheckpoint()
    check("checkpoint of an interval", i.schema.simpleString(), "struct<y:interval year,t:timestamp>")
    check("checkpoints are no tables", [t.name for t in spark.catalog.listTables() if "checkpoint" in t.name], [])

    check("tvf", rows(spark.tvf.explode(F.array(F.lit(1), F.lit(2)))), [(1,), (2,)])
    check("tvf, laterally", rows(df.alias("d").lateralJoin(spark.tvf.range(2)).filter("age = 5")), [("Bob", 5, 0), ("Bob", 5, 1)])
    fails("tvf that is none", "UNRESOLVABLE_TABLE_VALUED_FUNCTION", lambda: spark.tvf._fn("nothing").collect())

    check("not persisted", df.storageLevel, StorageLevel(False, False, False, False, 1))
    check("persisted", df.persist(StorageLevel.DISK_ONLY_2).storageLevel, StorageLevel(True, False, False, False, 2))
    check("unpersisted", df.unpersist().storageLevel, StorageLevel(False, False, False, False, 1))

    check("show: names are not cut", shown(spark.sql("select 'a' as `" + "n" * 25 + "`")).splitlines()[1], "|" + "n" * 25 + "|")
    check("show: cells are", shown(spark.sql("select repeat('c', 25) as c")).splitlines()[3], "|ccccccccccccccccc...|")
    check("show: bytes, nested nulls", shown(spark.sql("select X'6142' as b, array(1, null) as a, map('k', X'00') as m")).splitlines()[3],
          "|[61 42]|[1, NULL]|{k -> [00]}|")
    check("cast: bytes, nested nulls", rows(spark.sql("select cast(array(1, null) as string)")), [("[1, null]",)])


def statistics(spark):
    df = spark.createDataFrame([(1, "a", 1.5), (2, "b", 2.5), (1, "b", 3.5), (1, None, 0.5), (3, "a", None), (None, "a", 1.0)],
                               "k INT, s STRING, v DOUBLE")
    table = df.stat.crosstab("k", "s")
    check("crosstab: names", table.columns, ["k_s", "a", "b", "null"])
    check("crosstab", sorted(rows(table)), [("1", 1, 1, 1), ("2", 0, 1, 0), ("3", 1, 0, 0), ("null", 1, 0, 0)])
    often = df.stat.freqItems(["k"], 0.4)
    check("freqItems: name", often.columns, ["k_freqItems"])
    check("freqItems: what is more often than 0.4", 1 in rows(often)[0][0], True)
    check("freqItems: NULL is a value", set(rows(df.stat.freqItems(["s"]))[0][0]), {None, "a", "b"})
    check("freqItems: all are rare", rows(df.stat.freqItems(["v"], 0.5))[0][0], [])
    fails("freqItems: support", "_LEGACY_ERROR_TEMP_3210", lambda: df.stat.freqItems(["k"], 1e-5).collect())
    sample = df.stat.sampleBy("k", {1: 1.0, 2: 0.0}, 0)
    check("sampleBy: all and none", sorted(r.v for r in sample.collect()), [0.5, 1.5, 3.5])
    check("product", sorted(rows(df.where("s IS NOT NULL").groupBy("s").agg(F.product("v")))), [("a", 1.5), ("b", 8.75)])
    times = spark.sql("SELECT * FROM VALUES (TIMESTAMP '2024-01-01 00:10:00', 1), (TIMESTAMP '2024-01-01 00:50:00', 2) AS t(t, v)")
    sums = times.groupBy(F.window("t", "1 hour", "30 minutes").alias("w")).agg(F.sum("v").alias("s"))
    check("window", sorted(r.s for r in sums.select("s").collect()), [1, 2, 3])
    sums = times.groupBy(F.session_window("t", "45 minutes")).agg(F.sum("v").alias("s"))
    check("session_window", rows(sums.select("s")), [(3,)])


def catalogue(spark, folder):
    sql, cat = spark.sql, spark.catalog
    sql("CREATE TABLE t (name STRING, age INT) USING csv TBLPROPERTIES ('k' = 'v')")
    check("empty", rows(spark.table("t")), [])
    sql("INSERT INTO t VALUES ('a', 1), ('b', 2)")
    check("inserted", rows(spark.table("spark_catalog.default.t")), [("a", 1), ("b", 2)])
    check("its files", os.path.isdir(f"{folder}/spark-warehouse/t"), True)
    table = cat.getTable("default.t")
    check("getTable", tuple(table), ("t", "spark_catalog", ["default"], None, "MANAGED", False))
    check("properties", cat.getTableProperties("t"), {"k": "v"})
    check("columns", [(c.name, c.dataType) for c in cat.listColumns("t")], [("name", "string"), ("age", "int")])
    fails("again", "TABLE_OR_VIEW_ALREADY_EXISTS", lambda: sql("CREATE TABLE t (a INT) USING csv"))
    sql("CREATE TABLE IF NOT EXISTS t (a INT) USING csv")
    check("cached", (cat.isCached("t"), cat.cacheTable("t"), cat.isCached("default.t"), cat.uncacheTable("t"), cat.isCached("t")),
          (False, None, True, None, False))
    sql("TRUNCATE TABLE t")
    check("truncated", spark.table("t").count(), 0)
    sql("DROP TABLE t")
    check("dropped", (cat.tableExists("t"), os.path.exists(f"{folder}/spark-warehouse/t")), (False, False))
    fails("dropped twice", "TABLE_OR_VIEW_NOT_FOUND", lambda: sql("DROP TABLE t"))
    fails("nowhere", "TABLE_OR_VIEW_NOT_FOUND", lambda: cat.getTable("t"))

    sql("CREATE TABLE p (q INT, id INT) USING parquet PARTITIONED BY (q)")
    check("partitions last", spark.table("p").columns, ["id", "q"])
    sql("INSERT INTO p PARTITION (q = 1) SELECT 7")
    sql("INSERT INTO p VALUES (8, 2)")
    check("partitioned", rows(spark.table("p").sort("id")), [(7, 1), (8, 2)])
    check("listPartitions", sorted(x.partition for x in cat.listPartitions("p")), ["q=1", "q=2"])
    fails("another partition", "PARTITIONS_NOT_FOUND", lambda: sql("INSERT INTO p PARTITION (id = 1) SELECT 7"))
    check("createtab", cat.getCreateTableString("p").split("\n")[-3:], ["USING parquet", "PARTITIONED BY (q)", ""])
    sql("DROP TABLE p")

    with tempfile.TemporaryDirectory() as d:
        sql(f"CREATE TABLE e (a STRING) USING text LOCATION '{d}/e'")
        sql("INSERT INTO e VALUES ('x')")
        check("external", cat.getTable("e").tableType, "EXTERNAL")
        sql("DROP TABLE e")
        check("external files stay", os.path.isdir(f"{d}/e"), True)

    sql("CREATE VIEW v AS SELECT 1 AS a")
    spark.range(1).createTempView("w")
    check("views", sorted((t.name, t.tableType, t.isTemporary, tuple(t.namespace)) for t in cat.listViews()),
          [("v", "VIEW", False, ("default",)), ("w", "TEMPORARY", True, ())])
    check("exists", [cat.tableExists(n) for n in ("v", "default.v", "w", "default.w")], [True, True, True, False])
    check("dropped views", (cat.dropView("v"), cat.dropTempView("w"), cat.dropTempView("w")), (None, True, False))
    spark.range(1).createGlobalTempView("g")
    check("global views", (spark.table("global_temp.g").count(), cat.dropGlobalTempView("g"), cat.dropGlobalTempView("g")),
          (1, True, False))

    cat.createDatabase("d1")
    check("databases", [d.name for d in cat.listDatabases()], ["d1", "default"])
    fails("database twice", "SCHEMA_ALREADY_EXISTS", lambda: sql("CREATE DATABASE d1"))
    sql("DROP DATABASE d1 CASCADE")
    fails("no database", "SCHEMA_NOT_FOUND", lambda: cat.getDatabase("d1"))
    check("functions", (cat.functionExists("count"), cat.functionExists("nothing"), cat.getFunction("abs").name,
                        len(cat.listFunctions("to_*")) > 3), (True, False, "abs", True))
    fails("no function", "UNRESOLVED_ROUTINE", lambda: cat.getFunction("nothing"))
    cat.createTable("c", schema=spark.range(1).schema, source="parquet")
    check("createTable", spark.table("c").schema.simpleString(), "struct<id:bigint>")
    cat.dropTable("c")
    spark.range(3).write.bucketBy(2, "id").sortBy("id").saveAsTable("b")
    spark.range(2).write.insertInto("b")
    check("saveAsTable, insertInto", spark.table("b").count(), 5)
    cat.dropTable("b")
    check("nothing is left", [os.listdir(f"{folder}/spark-warehouse{d}") for d in ("", "/_catalog")], [["_catalog"], []])


def commands_as_relations(spark):
    """Other clients send SQL that is no query, and the catalogue's questions, as any relation; Spark runs them."""
    from pyspark.sql.connect import plan
    from pyspark.sql.connect.dataframe import DataFrame

    def frame(relation):
        return DataFrame(relation, spark)
    check("a command as a relation", frame(plan.SQL("create or replace temp view of_relation as select 7 as a")).collect(), [])
    check("below another", [r.a for r in frame(plan.Limit(plan.SQL("select a from of_relation"), 1)).collect()], [7])
    check("rows of a command", [r.namespace for r in frame(plan.Limit(plan.SQL("show databases"), 1)).collect()], ["default"])
    check("the catalogue below another", [r[0] for r in frame(plan.Limit(plan.CurrentDatabase(), 1)).collect()], ["default"])
    spark.catalog.dropTempView("of_relation")


def main():
    faulthandler.dump_traceback_later(90, exit=True)
    with served() as url, tempfile.TemporaryDirectory() as folder:
        spark = SparkSession.builder.remote(url).getOrCreate()
        fails("a table without a directory", "UNSUPPORTED_FEATURE", lambda: spark.sql("CREATE TABLE t (a INT) USING csv"))
        spark.conf.set("spark.berth.directory", folder)
        for part in (frames, commands_as_relations, statistics, lambda s: catalogue(s, folder)):
            try:
                part(spark)
            except Exception:  # the other parts are asked all the same
                check(part.__name__, traceback.format_exc(), "its end")
        spark.stop()
    end()


if __name__ == "__main__":
    main()
