#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 120
"""What only DataFrames and messages can say, through an unmodified PySpark: as-of joins, nearest-by joins, JSON of a DataFrame, small calls. Expected values follow the
rules of Spark 4."""
import datetime
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _local import check, end, fails, served

from pyspark.sql import SparkSession, functions as F, types as T
import pyspark.sql.connect.proto as pb


def rows(df):
    return sorted((tuple(r) for r in df.collect()), key=str)


def as_of(spark):
    trades = spark.createDataFrame([("x", 10, 1.0), ("x", 20, 2.0), ("y", 10, 3.0), ("z", 10, 4.0), ("x", None, 5.0)], "s STRING, t INT, p DOUBLE")
    quotes = spark.createDataFrame([("x", 8, "a"), ("x", 10, "b"), ("x", 17, "c"), ("y", 11, "d"), ("y", None, "e")], "s STRING, t INT, q STRING")

    def joined(**options):
        j = trades._joinAsOf(quotes, "t", "t", "s", **options)
        check(f"columns {options}", j.columns, ["s", "t", "p", "s", "t", "q"])
        return rows(j.select(trades.s, trades.t, "q"))
    check("backward", joined(), [("x", 10, "b"), ("x", 20, "c")])
    check("backward, left", joined(how="left"), [("x", 10, "b"), ("x", 20, "c"), ("x", None, None), ("y", 10, None), ("z", 10, None)])
    check("not exact", joined(allowExactMatches=False), [("x", 10, "a"), ("x", 20, "c")])
    check("forward", joined(direction="forward"), [("x", 10, "b"), ("y", 10, "d")])
    check("forward, tolerance", joined(direction="forward", tolerance=F.lit(0)), [("x", 10, "b")])
    check("nearest", joined(direction="nearest"), [("x", 10, "b"), ("x", 20, "c"), ("y", 10, "d")])
    check("nearest, not exact", joined(direction="nearest", allowExactMatches=False), [("x", 10, "a"), ("x", 20, "c"), ("y", 10, "d")])
    check("nearest, tolerance", joined(direction="nearest", tolerance=F.lit(2)), [("x", 10, "b"), ("y", 10, "d")])
    check("condition", rows(trades._joinAsOf(quotes, trades.t, quotes.t, trades.s == quotes.s).select(trades.p, quotes.q)), [(1.0, "b"), (2.0, "c")])
    check("no keys", rows(trades._joinAsOf(quotes, trades.t, quotes.t).where("p < 3").select("p", "q")), [(1.0, "b"), (2.0, "c")])
    for error_class, options in (("AS_OF_JOIN.UNSUPPORTED_DIRECTION", {"direction": "up"}), ("AS_OF_JOIN.TOLERANCE_IS_NON_NEGATIVE", {"tolerance": F.lit(-1)}),
                                 ("AS_OF_JOIN.TOLERANCE_IS_UNFOLDABLE", {"tolerance": F.col("p")}), ("UNSUPPORTED_JOIN_TYPE", {"how": "cross"})):
        fails(error_class, error_class, lambda options=options: trades._joinAsOf(quotes, "t", "t", **options).collect())


def nearest_by(spark):
    users = spark.createDataFrame([(1, 10.0), (2, 20.0), (3, None)], "u INT, score DOUBLE")
    products = spark.createDataFrame([("A", 11.0), ("B", 22.0), ("C", 5.0)], "product STRING, pscore DOUBLE")
    distance = F.abs(users.score - products.pscore)

    def joined(*arguments, **options):
        return rows(users.nearestByJoin(products, *arguments, **options).select("u", "product"))
    check("one", joined(distance, 1, "exact", "distance"), [(1, "A"), (2, "B")])
    check("two", joined(distance, 2, "approx", "distance"), [(1, "A"), (1, "C"), (2, "A"), (2, "B")])
    check("similarity", joined(-distance, 1, "exact", "similarity"), [(1, "A"), (2, "B")])
    check("outer", joined(distance, 5, "exact", "distance", joinType="leftouter"),
          [(1, "A"), (1, "B"), (1, "C"), (2, "A"), (2, "B"), (2, "C"), (3, None)])
    twice = users.nearestByJoin(products, distance, 1, "exact", "distance")
    check("twice", twice.nearestByJoin(products.withColumnsRenamed({"product": "p2", "pscore": "s2"}), F.abs(F.col("pscore") - F.col("s2")), 1, "exact",
                                       "distance").select("u", "product", "p2").orderBy("u").collect()[0][:], (1, "A", "A"))
    for error_class, options in (("NUM_RESULTS_OUT_OF_RANGE", (distance, 0, "exact", "distance")),
                                 ("UNSUPPORTED_MODE", (distance, 1, "maybe", "distance")), ("UNSUPPORTED_DIRECTION", (distance, 1, "exact", "up"))):
        fails(error_class, f"NEAREST_BY_JOIN.{error_class}", lambda options=options: joined(*options))


def parse(spark):
    lines = spark.createDataFrame([('{"b": 1, "a": "x"}',), ('{"b": 2.5, "c": [1, null]}',), ("",), (None,), ("  ",)], "line STRING")
    df = spark.read.json(lines)
    check("inferred", df.schema.simpleString(), "struct<a:string,b:double,c:array<bigint>>")
    check("inferred rows", rows(df), [("x", 1.0, None), (None, 2.5, [1, None])])
    given = spark.read.schema("a STRING, b INT").json(lines.where("line LIKE '%x%'"))
    check("given", (given.schema.simpleString(), rows(given)), ("struct<a:string,b:int>", [("x", 1)]))
    bad = spark.createDataFrame([("{",), ('{"a": 1}',)], "line STRING")
    check("bad records", rows(spark.read.json(bad).select("_corrupt_record", "a")), [("{", None), (None, 1)])
    fails("bad records, fail fast", "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", lambda: spark.read.schema("a INT").json(bad, mode="FAILFAST").collect())
    check("a format of dates", rows(spark.read.schema("d DATE").json(spark.createDataFrame([('{"d": "31/12/2025"}',)], "line STRING"), dateFormat="dd/MM/yyyy")),
          [(datetime.date(2025, 12, 31),)])
    df.createOrReplaceTempView("parsed")
    check("as a view", spark.sql("SELECT sum(b) FROM parsed").first()[0], 3.5)
    fails("options", "UNSUPPORTED_FEATURE", lambda: spark.read.option("allowComments", "true").json(lines).collect())
    fails("CSV", "UNSUPPORTED_FEATURE", lambda: spark.read.csv(lines).collect())
    fails("more than one column", "ASSIGNMENT_ARITY_MISMATCH", lambda: spark.read.json(lines.select("line", "line")).collect())


def small(spark):
    df = spark.createDataFrame([("a", 1), ("b", 3), ("c", 2), ("d", None)], "x STRING, y INT")
    check("max_by of three", df.select(F.max_by("x", "y", 2)).first()[0], ["b", "c"])
    check("min_by of three", df.select(F.min_by("x", "y", 9)).first()[0], ["a", "c", "b"])
    check("max_by, none", df.where("y IS NULL").select(F.max_by("x", "y", 2)).first()[0], [])
    fails("max_by of 0", "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", lambda: df.select(F.max_by("x", "y", 0)).collect())
    schema = T.StructType([T.StructField("a", T.IntegerType(), False), T.StructField("b c", T.ArrayType(T.StringType())),
                           T.StructField("m", T.MapType(T.StringType(), T.StructType([T.StructField("x", T.DecimalType(5, 2), False)])))])
    check("DDL of JSON", spark._client._analyze(method="json_to_ddl", json_string=schema.json()).ddl_string,
          "a INT NOT NULL,`b c` ARRAY<STRING>,m MAP<STRING, STRUCT<x: DECIMAL(5,2) NOT NULL>>")
    df.createOrReplaceTempView("target")
    fails("merge", "UNSUPPORTED_FEATURE.TABLE_OPERATION",
          lambda: df.alias("s").mergeInto("target", F.expr("target.x = s.x")).whenMatched().delete().merge())
    command = pb.Command()
    command.get_resources_command.SetInParent()
    check("resources", spark._client.execute_command(command)[1], {"get_resources_command_result": {}})


def main():
    with served() as url:
        spark = SparkSession.builder.remote(url).create()
        for part in (as_of, nearest_by, parse, small):
            try:
                part(spark)
            except Exception:  # the other parts are asked all the same
                check(part.__name__, traceback.format_exc(), "its end")
        spark.stop()
    end()


if __name__ == "__main__":
    main()
