#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ORDER BY with LIMIT: few and many rows wanted, narrow and wide, ties, strings; Berth beside DuckDB."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from side_by_side import on_tpch  # noqa: E402

QUERIES = {
    "10 by number": "select l_orderkey, l_linenumber, l_extendedprice from lineitem "
                    "order by l_extendedprice desc, l_orderkey, l_linenumber limit 10",
    "10 by date": "select l_orderkey, l_linenumber, l_shipdate from lineitem "
                  "order by l_shipdate, l_orderkey, l_linenumber limit 10",
    "10 all columns": "select * from lineitem order by l_extendedprice desc, l_orderkey, l_linenumber limit 10",
    "1000 all columns": "select * from lineitem order by l_extendedprice desc, l_orderkey, l_linenumber limit 1000",
    "10000 all columns": "select * from lineitem order by l_extendedprice desc, l_orderkey, l_linenumber limit 10000",
    "100 by string": "select o_orderkey, o_clerk, o_comment from orders order by o_comment, o_orderkey limit 100",
    "100 by string, low": "select o_orderkey, o_clerk from orders order by o_clerk desc, o_orderkey limit 100",
    "filtered": "select * from orders where o_orderpriority = '1-URGENT' order by o_totalprice desc, o_orderkey limit 20",
    "offset": "select l_orderkey, l_partkey from lineitem order by l_partkey, l_orderkey, l_linenumber limit 10 offset 5000",
    "of groups": "select l_partkey, sum(l_quantity) q from lineitem group by l_partkey order by q desc, l_partkey limit 10",
}

if __name__ == "__main__":
    sys.exit(on_tpch("topn", __doc__, QUERIES))
