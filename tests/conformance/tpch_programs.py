# SPDX-License-Identifier: Apache-2.0
"""The eight TPC-H queries of the first release as DataFrame programs, and the types Spark gives their columns.

The SQL texts are tests/bench/tpch/qNN.sql; both are written from the TPC-H specification with its validation parameters.
"""

from datetime import date
from decimal import Decimal

from pyspark.sql import functions as F

TABLES = ["customer", "lineitem", "nation", "orders", "part", "region", "supplier"]

# Spark's rules: sum(decimal(p,s)) = decimal(min(38,p+10),s), avg = decimal(p+4,s+4), products p1+p2+1, cut at 38.
SCHEMAS = {
    1: "l_returnflag string, l_linestatus string, sum_qty decimal(25,2), sum_base_price decimal(25,2), "
    "sum_disc_price decimal(38,4), sum_charge decimal(38,6), avg_qty decimal(19,6), avg_price decimal(19,6), "
    "avg_disc decimal(19,6), count_order bigint",
    3: "l_orderkey bigint, revenue decimal(38,4), o_orderdate date, o_shippriority int",
    5: "n_name string, revenue decimal(38,4)",
    6: "revenue decimal(38,4)",
    10: "c_custkey bigint, c_name string, revenue decimal(38,4), c_acctbal decimal(15,2), n_name string, "
    "c_address string, c_phone string, c_comment string",
    12: "l_shipmode string, high_line_count bigint, low_line_count bigint",
    14: "promo_revenue decimal(38,6)",
    19: "revenue decimal(38,4)",
}


def revenue(col):
    return col("l_extendedprice") * (F.lit(1) - col("l_discount"))


def q1(t):
    li = t["lineitem"]
    return (
        li.filter(F.col("l_shipdate") <= date(1998, 9, 2))
        .groupBy("l_returnflag", "l_linestatus")
        .agg(
            F.sum("l_quantity").alias("sum_qty"),
            F.sum("l_extendedprice").alias("sum_base_price"),
            F.sum(revenue(F.col)).alias("sum_disc_price"),
            F.sum(revenue(F.col) * (F.lit(1) + F.col("l_tax"))).alias("sum_charge"),
            F.avg("l_quantity").alias("avg_qty"),
            F.avg("l_extendedprice").alias("avg_price"),
            F.avg("l_discount").alias("avg_disc"),
            F.count("*").alias("count_order"),
        )
        .orderBy("l_returnflag", "l_linestatus")
    )


def q3(t):
    c = t["customer"].filter(F.col("c_mktsegment") == "BUILDING")
    o = t["orders"].filter(F.col("o_orderdate") < date(1995, 3, 15))
    li = t["lineitem"].filter(F.col("l_shipdate") > date(1995, 3, 15))
    return (
        c.join(o, c["c_custkey"] == o["o_custkey"])
        .join(li, F.col("l_orderkey") == F.col("o_orderkey"))
        .groupBy("l_orderkey", "o_orderdate", "o_shippriority")
        .agg(F.sum(revenue(F.col)).alias("revenue"))
        .select("l_orderkey", "revenue", "o_orderdate", "o_shippriority")
        .orderBy(F.col("revenue").desc(), "o_orderdate")
        .limit(10)
    )


def q5(t):
    return (
        t["region"].filter(F.col("r_name") == "ASIA")
        .join(t["nation"], F.col("r_regionkey") == F.col("n_regionkey"))
        .join(t["supplier"], F.col("n_nationkey") == F.col("s_nationkey"))
        .join(t["lineitem"], F.col("s_suppkey") == F.col("l_suppkey"))
        .join(
            t["orders"].filter((F.col("o_orderdate") >= date(1994, 1, 1)) & (F.col("o_orderdate") < date(1995, 1, 1))),
            F.col("l_orderkey") == F.col("o_orderkey"),
        )
        .join(
            t["customer"],
            (F.col("o_custkey") == F.col("c_custkey")) & (F.col("c_nationkey") == F.col("s_nationkey")),
        )
        .groupBy("n_name")
        .agg(F.sum(revenue(F.col)).alias("revenue"))
        .orderBy(F.desc("revenue"))
    )


def q6(t):
    return (
        t["lineitem"]
        .filter(
            (F.col("l_shipdate") >= date(1994, 1, 1))
            & (F.col("l_shipdate") < date(1995, 1, 1))
            & F.col("l_discount").between(Decimal("0.05"), Decimal("0.07"))
            & (F.col("l_quantity") < 24)
        )
        .agg(F.sum(F.col("l_extendedprice") * F.col("l_discount")).alias("revenue"))
    )


def q10(t):
    o = t["orders"].filter((F.col("o_orderdate") >= date(1993, 10, 1)) & (F.col("o_orderdate") < date(1994, 1, 1)))
    return (
        t["customer"]
        .join(o, F.col("c_custkey") == F.col("o_custkey"))
        .join(t["lineitem"].filter(F.col("l_returnflag") == "R"), F.col("l_orderkey") == F.col("o_orderkey"))
        .join(t["nation"], F.col("c_nationkey") == F.col("n_nationkey"))
        .groupBy("c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment")
        .agg(F.sum(revenue(F.col)).alias("revenue"))
        .select("c_custkey", "c_name", "revenue", "c_acctbal", "n_name", "c_address", "c_phone", "c_comment")
        .orderBy(F.col("revenue").desc())
        .limit(20)
    )


def q12(t):
    high = F.col("o_orderpriority").isin("1-URGENT", "2-HIGH")
    return (
        t["orders"]
        .join(t["lineitem"], F.col("o_orderkey") == F.col("l_orderkey"))
        .filter(
            F.col("l_shipmode").isin("MAIL", "SHIP")
            & (F.col("l_commitdate") < F.col("l_receiptdate"))
            & (F.col("l_shipdate") < F.col("l_commitdate"))
            & (F.col("l_receiptdate") >= date(1994, 1, 1))
            & (F.col("l_receiptdate") < date(1995, 1, 1))
        )
        .groupBy("l_shipmode")
        .agg(
            F.sum(F.when(high, 1).otherwise(0)).alias("high_line_count"),
            F.sum(F.when(~high, 1).otherwise(0)).alias("low_line_count"),
        )
        .orderBy("l_shipmode")
    )


def q14(t):
    promo = F.when(F.col("p_type").like("PROMO%"), revenue(F.col)).otherwise(0)
    return (
        t["lineitem"]
        .filter((F.col("l_shipdate") >= date(1995, 9, 1)) & (F.col("l_shipdate") < date(1995, 10, 1)))
        .join(t["part"], F.col("l_partkey") == F.col("p_partkey"))
        .agg((F.lit(Decimal("100.00")) * F.sum(promo) / F.sum(revenue(F.col))).alias("promo_revenue"))
    )


def q19(t):
    def arm(brand, containers, low, high, size):
        return (
            (F.col("p_brand") == brand)
            & F.col("p_container").isin(*containers)
            & (F.col("l_quantity") >= low)
            & (F.col("l_quantity") <= high)
            & F.col("p_size").between(1, size)
        )

    return (
        t["lineitem"]
        .join(t["part"], F.col("p_partkey") == F.col("l_partkey"))
        .filter(F.col("l_shipmode").isin("AIR", "AIR REG") & (F.col("l_shipinstruct") == "DELIVER IN PERSON"))
        .filter(
            arm("Brand#12", ["SM CASE", "SM BOX", "SM PACK", "SM PKG"], 1, 11, 5)
            | arm("Brand#23", ["MED BAG", "MED BOX", "MED PKG", "MED PACK"], 10, 20, 10)
            | arm("Brand#34", ["LG CASE", "LG BOX", "LG PACK", "LG PKG"], 20, 30, 15)
        )
        .agg(F.sum(revenue(F.col)).alias("revenue"))
    )


PROGRAMS = {1: q1, 3: q3, 5: q5, 6: q6, 10: q10, 12: q12, 14: q14, 19: q19}
