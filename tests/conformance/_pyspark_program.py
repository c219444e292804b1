# SPDX-License-Identifier: Apache-2.0
"""A small day's work with PySpark, in words that 3.5 and every 4.x know. Run by client_pyspark.py, once with each version.

usage: _pyspark_program.py URL FOLDER
"""
import datetime
import decimal
import sys
import warnings

warnings.filterwarnings("ignore")

import pyspark
from pyspark.sql import Row, SparkSession, Window, functions as F, types as T
from pyspark.errors import AnalysisException, ParseException, PySparkException

from _stack import Checks

check = Checks()


def rows(frame):
    return [tuple(r) for r in frame.collect()]


def main(url, folder):
    spark = SparkSession.builder.remote(url).appName("a client").config("spark.sql.shuffle.partitions", "7").getOrCreate()
    check("version", spark.version.startswith("4."), True)
    check("an option of the builder", spark.conf.get("spark.sql.shuffle.partitions"), "7")

    # SQL
    check("select", rows(spark.sql("select 1 as a, 'x' as b, null as c")), [(1, "x", None)])
    check("types", rows(spark.sql(
        "select cast(1 as tinyint), cast(2 as smallint), 3L, 1.5, 2.5d, true, date'2024-02-29', timestamp_ntz'2024-02-29 01:02:03', "
        "x'00ff', array(1, null), map('k', 1), named_struct('p', 1, 'q', 'r'), interval '1' day")),
        [(1, 2, 3, decimal.Decimal("1.5"), 2.5, True, datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 1, 2, 3),
          bytearray(b"\0\xff"), [1, None], {"k": 1}, Row(p=1, q="r"), datetime.timedelta(days=1))])
    check("arguments by name", rows(spark.sql("select :n + 1, :t", args={"n": 7, "t": "it's"})), [(8, "it's")])
    check("arguments by place", rows(spark.sql("select ? * 2", args=[21])), [(42,)])
    check("a query's schema", spark.sql("select 1 as a, 'x' as b").schema.simpleString(), "struct<a:int,b:string>")
    check("no rows", rows(spark.sql("select 1 as a where false")), [])
    check("a view of SQL", rows(spark.sql("create or replace temp view three as select * from values (1,'a'),(2,'b'),(3,'a') t(n,s)")), [])
    check("reading it", rows(spark.sql("select s, sum(n) from three group by s order by s")), [("a", 4), ("b", 2)])
    check("show tables", [r.tableName for r in spark.sql("show tables").collect()], ["three"])

    # DataFrames
    three = spark.table("three")
    check("columns", three.columns, ["n", "s"])
    check("filter and select", rows(three.filter(F.col("n") > 1).select("n", F.upper("s").alias("u")).orderBy("n")), [(2, "B"), (3, "A")])
    check("group", rows(three.groupBy("s").agg(F.sum("n").alias("t"), F.count("*").alias("c")).orderBy("s")), [("a", 4, 2), ("b", 2, 1)])
    check("pivot", rows(three.groupBy().pivot("s", ["a", "b"]).sum("n")), [(4, 2)])
    check("window", rows(three.withColumn("r", F.row_number().over(Window.partitionBy("s").orderBy(F.desc("n")))).orderBy("n")),
          [(1, "a", 2), (2, "b", 1), (3, "a", 1)])
    other = spark.createDataFrame([Row(s="a", w=1.5), Row(s="c", w=None)])
    check("join", rows(three.join(other, "s", "left").orderBy("n")), [("a", 1, 1.5), ("b", 2, None), ("a", 3, 1.5)])
    check("anti join", rows(three.join(other, "s", "left_anti").select("n")), [(2,)])
    check("union, distinct", rows(three.select("s").union(other.select("s")).distinct().orderBy("s")), [("a",), ("b",), ("c",)])
    check("except", rows(three.select("s").exceptAll(other.select("s")).orderBy("s")), [("a",), ("b",)])
    check("fill, drop", (rows(other.na.fill(0.0).orderBy("s")), rows(other.na.drop())), ([("a", 1.5), ("c", 0.0)], [("a", 1.5)]))
    check("when", rows(three.select(F.when(F.col("n") == 1, "one").otherwise("more").alias("w")).orderBy("n")), [("one",), ("more",), ("more",)])
    check("explode", rows(spark.sql("select array(3, 4) as a").select(F.explode("a"))), [(3,), (4,)])
    check("higher-order function", rows(spark.sql("select array(1, 2) as a").select(F.transform("a", lambda x: x * 10))), [([10, 20],)])
    check("count, first, take, tail", (three.count(), three.orderBy("n").first()[0], three.orderBy("n").take(2)[1][0],
                                      spark.range(5).tail(1)[0][0]), (3, 1, 2, 4))
    check("range", [r.id for r in spark.range(2, 10, 3).collect()], [2, 5, 8])
    check("sort, limit, offset", rows(three.orderBy(F.desc("n")).offset(1).limit(1).select("n")), [(2,)])
    check("rename, drop", three.withColumnRenamed("n", "m").drop("s").columns, ["m"])
    check("describe", rows(three.select("n").describe().where("summary in ('count','max')")), [("count", "3"), ("max", "3")])
    check("crosstab", rows(three.crosstab("s", "n").orderBy("s_n")), [("a", 1, 0, 1), ("b", 0, 1, 0)])
    check("melt", len(three.melt(["s"], ["n"], "k", "v").collect()), 3)
    check("sample", spark.range(1000).sample(0.5, 7).count() in range(300, 700), True)
    check("dropDuplicates", three.dropDuplicates(["s"]).count(), 2)

    # createDataFrame, pandas
    schema = T.StructType([T.StructField("i", T.IntegerType(), False), T.StructField("d", T.DecimalType(10, 2)), T.StructField("a", T.ArrayType(T.StringType()))])
    made = spark.createDataFrame([(1, decimal.Decimal("2.50"), ["p"]), (2, None, [])], schema)
    check("createDataFrame", rows(made), [(1, decimal.Decimal("2.50"), ["p"]), (2, None, [])])
    check("a schema in words", rows(spark.createDataFrame([(1, "z")], "a long, b string")), [(1, "z")])
    frame = three.orderBy("n").toPandas()
    check("to pandas", (list(frame["n"]), list(frame["s"])), ([1, 2, 3], ["a", "b", "a"]))
    check("from pandas", rows(spark.createDataFrame(frame).groupBy("s").count().orderBy("s")), [("a", 2), ("b", 1)])

    # files and tables
    three.write.mode("overwrite").parquet(f"{folder}/p")
    check("parquet", rows(spark.read.parquet(f"{folder}/p").orderBy("n")), [(1, "a"), (2, "b"), (3, "a")])
    three.write.mode("overwrite").option("header", True).csv(f"{folder}/c")
    check("csv", rows(spark.read.csv(f"{folder}/c", header=True, inferSchema=True).orderBy("n")), [(1, "a"), (2, "b"), (3, "a")])
    three.write.mode("overwrite").partitionBy("s").json(f"{folder}/j")
    check("json in partitions", rows(spark.read.json(f"{folder}/j").select("s", "n").orderBy("n")), [("a", 1), ("b", 2), ("a", 3)])

    # the session
    check("catalog", (spark.catalog.tableExists("three"), spark.catalog.currentDatabase(), [t.name for t in spark.catalog.listTables()]),
          (True, "default", ["three"]))
    check("explain", "Physical" in three._explain_string() if hasattr(three, "_explain_string") else True, True)
    spark.conf.set("spark.sql.session.timeZone", "Europe/Berlin")
    check("time zone", rows(spark.sql("select string(timestamp_seconds(0))")), [("1970-01-01 01:00:00",)])
    three.createOrReplaceTempView("again")
    check("drop a view", (spark.catalog.dropTempView("again"), spark.catalog.tableExists("again")), (True, False))
    cached = three.cache()
    check("cache", (cached.count(), cached.unpersist() is not None), (3, True))
    check("local iterator", [r.n for r in three.orderBy("n").toLocalIterator()], [1, 2, 3])

    # errors
    check.fails("a missing table", "AnalysisException: [TABLE_OR_VIEW_NOT_FOUND]", lambda: spark.sql("select * from nowhere").collect())
    check.fails("a missing column", "AnalysisException: [UNRESOLVED_COLUMN.WITH_SUGGESTION]", lambda: three.select("m").collect())
    check.fails("no SQL", "ParseException: [PARSE_SYNTAX_ERROR]", lambda: spark.sql("selec 1").collect())
    check.fails("division", "ArithmeticException: [DIVIDE_BY_ZERO]", lambda: spark.sql("select 1 / 0").collect())
    check.fails("cast", "NumberFormatException: [CAST_INVALID_INPUT]", lambda: spark.sql("select int('x')").collect())
    check("after errors", rows(spark.sql("select 1")), [(1,)])
    assert issubclass(ParseException, AnalysisException) and issubclass(AnalysisException, PySparkException)
    spark.stop()
    return check.end(45)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
