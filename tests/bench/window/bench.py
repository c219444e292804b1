#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Window functions over few and many partitions, over one, and over a part of the rows; Berth beside DuckDB.

What they give is summed up again, so that the rows of the answer are not what is measured."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from side_by_side import on_tpch  # noqa: E402

ORDERED = "l_shipdate, l_orderkey, l_linenumber"


def over(function, window, table="lineitem", result="sum(w)"):
    return f"select count(*), {result} from (select {function} over ({window}) w from {table}) t"


def top(condition, function, window, columns="l_orderkey, l_extendedprice", table="lineitem"):
    return (f"select count(*), sum({columns.split(', ')[-1]}) from (select {columns}, {function} over ({window}) n "
            f"from {table}) t where n {condition}")


QUERIES = {
    "top 1 of few": top("= 1", "row_number()", f"partition by l_shipmode order by l_extendedprice desc, {ORDERED}"),
    "top 3 of 100 thousand": top("<= 3", "row_number()", "partition by o_custkey order by o_totalprice desc, o_orderkey",
                                 "o_orderkey, o_totalprice", "orders"),
    "top 1 of 1.5 million": top("= 1", "row_number()", "partition by l_orderkey order by l_extendedprice desc, l_linenumber"),
    "rank <= 2 of 10 thousand": top("<= 2", "rank()", "partition by l_suppkey order by l_shipdate"),
    "row number, 1.5 million": over("row_number()", "partition by l_orderkey order by l_linenumber"),
    "rank, few": over("rank()", "partition by l_shipmode order by l_shipdate"),
    "rank, 200 thousand": over("rank()", "partition by l_partkey order by l_shipdate"),
    "running sum, few": over("sum(l_quantity)", f"partition by l_shipmode order by {ORDERED}"),
    "running sum, 10 thousand": over("sum(l_quantity)", f"partition by l_suppkey order by {ORDERED}"),
    "running sum, one": over("sum(o_totalprice)", "order by o_orderdate, o_orderkey", "orders"),
    "lag, 100 thousand": over("lag(o_totalprice)", "partition by o_custkey order by o_orderdate, o_orderkey", "orders"),
    "lag, 200 thousand": over("lag(l_quantity)", f"partition by l_partkey order by {ORDERED}"),
    "whole, few": over("sum(l_extendedprice)", "partition by l_shipmode", result="max(w)"),
    "whole, 200 thousand": over("sum(l_extendedprice)", "partition by l_partkey", result="max(w)"),
    "moving average, 10 thousand": over("avg(l_extendedprice)",
                                        f"partition by l_suppkey order by {ORDERED} rows 10 preceding", result="max(w)"),
    "moving maximum, 10 thousand": over("max(l_extendedprice)",
                                        f"partition by l_suppkey order by {ORDERED} rows 10 preceding"),
    "two of one order": f"select count(*), sum(a), sum(b) from (select row_number() over (partition by l_suppkey order by {ORDERED}) a, "
                        f"sum(l_quantity) over (partition by l_suppkey order by l_shipdate) b from lineitem) t",
}

if __name__ == "__main__":
    sys.exit(on_tpch("window", __doc__, QUERIES))
