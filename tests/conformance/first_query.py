#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml qemu
# needs: venv tpch
# timeout: 180
"""What a first user does, with an unmodified pyspark-client: connect, read Parquet, a DataFrame, some SQL.

usage: first_query.py [--data FOLDER] [--remote sc://...] [--wait]

--wait keeps the session open until standard input ends, so that somebody can look at it from outside.
Prints one line `answer NAME VALUE` for each result, and `session ID`.
"""

import argparse
import os
import sys

VENV = os.environ.get("BERTH_VENV")
if VENV and os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    os.execv(os.path.join(VENV, "bin", "python"), [os.path.join(VENV, "bin", "python"), *sys.argv])

from pyspark.sql import SparkSession, functions as F  # noqa: E402


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", default=os.path.join(os.environ.get("BERTH_DATA", ""), "sf001"))
    p.add_argument("--remote", default="sc://127.0.0.1:15002")
    p.add_argument("--wait", action="store_true")
    args = p.parse_args()

    spark = SparkSession.builder.remote(args.remote).getOrCreate()
    print("session", spark.session_id, flush=True)
    print("answer version", spark.version)

    lineitem = spark.read.parquet(f"{args.data}/lineitem.parquet")
    orders = spark.read.parquet(f"{args.data}/orders.parquet")
    count = lineitem.count()
    print("answer lineitem", count)

    by_flag = (lineitem.filter(F.col("l_quantity") < 24).groupBy("l_returnflag")
               .agg(F.count("*").alias("n"), F.sum("l_extendedprice").alias("price")).orderBy("l_returnflag"))
    by_flag.show()
    for row in by_flag.collect():
        print("answer flag", row.l_returnflag, row.n, row.price)

    lineitem.createOrReplaceTempView("lineitem")
    orders.createOrReplaceTempView("orders")
    joined = spark.sql("""
        select o_orderpriority, count(*) as n, sum(l_extendedprice * (1 - l_discount)) as revenue
        from orders join lineitem on o_orderkey = l_orderkey
        where o_orderdate >= date '1994-01-01' and l_shipdate < date '1994-06-01'
        group by o_orderpriority order by o_orderpriority""")
    for row in joined.collect():
        print("answer priority", row.o_orderpriority, row.n, row.revenue)
    total = spark.sql("select count(*) as n from lineitem").collect()[0].n
    frame = spark.range(5).toPandas()
    print("answer range", frame["id"].sum(), flush=True)

    if args.wait:
        print("waiting", flush=True)
        sys.stdin.read()
        # The session is still the same one: its views are there.
        print("answer still", spark.sql("select count(*) as n from orders").collect()[0].n, flush=True)
    spark.stop()
    if total != count or frame["id"].sum() != 10:
        print("answers disagree", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
