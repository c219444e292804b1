#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GROUP BY with few, some and many groups, over numbers and strings, and COUNT(DISTINCT); Berth beside DuckDB.

The many groups are counted and summed again, so that the rows of the answer are not what is measured."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from side_by_side import on_tpch  # noqa: E402


def again(key, table, value):
    return (f"select count(*), max(n), sum(s) from (select {key}, count(*) n, sum({value}) s from {table} group by {key}) t")


QUERIES = {
    "low, string": "select l_shipmode, count(*), sum(l_quantity), avg(l_extendedprice) from lineitem group by l_shipmode order by 1",
    "low, two strings": "select l_shipinstruct, l_shipmode, count(*), sum(l_tax) from lineitem group by 1, 2 order by 1, 2",
    "low, number": "select l_linenumber, count(*), min(l_shipdate), max(l_discount) from lineitem group by l_linenumber order by 1",
    "middle, date": again("l_shipdate", "lineitem", "l_quantity"),
    "middle, string": again("o_clerk", "orders", "o_totalprice"),
    "middle, number": again("l_suppkey", "lineitem", "l_extendedprice"),
    "200 thousand, number": again("l_partkey", "lineitem", "l_extendedprice"),
    "1.5 million, number": again("l_orderkey", "lineitem", "l_quantity"),
    "two numbers": again("l_partkey, l_suppkey", "lineitem", "l_quantity"),
    "high, string": again("o_comment", "orders", "o_totalprice"),
    "very high, string": "select count(*), max(n) from (select l_comment, count(*) n from lineitem group by l_comment) t",
    "distinct low": "select count(distinct l_shipmode), count(distinct l_shipdate) from lineitem",
    "distinct number": "select count(distinct l_partkey) from lineitem",
    "distinct high number": "select count(distinct l_orderkey) from lineitem",
    "distinct string": "select count(distinct o_comment) from orders",
    "distinct in groups": "select l_shipmode, count(distinct l_partkey) from lineitem group by l_shipmode order by 1",
    "distinct rows": "select count(*) from (select distinct l_partkey, l_shipmode from lineitem) t",
}

if __name__ == "__main__":
    sys.exit(on_tpch("groupby", __doc__, QUERIES))
