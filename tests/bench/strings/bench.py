#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""LIKE, RLIKE and regexp_replace over columns of few and of many distinct values, Berth beside DuckDB."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from side_by_side import on_tpch  # noqa: E402


QUERIES = {
    "like low": "select count(*) from lineitem where l_shipinstruct like '%BACK%'",
    "like middle": "select count(*) from part where p_type like '%BRUSHED%STEEL'",
    "like prefix high": "select count(*) from part where p_name like 'forest%'",
    "like high": "select count(*) from orders where o_comment like '%special%requests%'",
    "like high, 6 million": "select count(*) from lineitem where l_comment like '%express%'",
    "not like high": "select count(*) from orders where o_comment not like '%special%requests%'",
    "group after like": "select l_shipmode, count(*) from lineitem where l_shipinstruct like 'DELIVER%' "
                        "group by l_shipmode order by l_shipmode",
    "rlike low": ("select count(*) from lineitem where l_shipinstruct rlike 'BACK|NONE'",
                  "select count(*) from lineitem where regexp_matches(l_shipinstruct, 'BACK|NONE')"),
    "rlike middle": ("select count(*) from part where p_type rlike '^(SMALL|LARGE).*(TIN|STEEL)$'",
                     "select count(*) from part where regexp_matches(p_type, '^(SMALL|LARGE).*(TIN|STEEL)$')"),
    "rlike high": ("select count(*) from orders where o_comment rlike 'special.*requests'",
                   "select count(*) from orders where regexp_matches(o_comment, 'special.*requests')"),
    "rlike alternatives high": ("select count(*) from orders where o_comment rlike '(pending|express) (deposits|accounts)'",
                                "select count(*) from orders where regexp_matches(o_comment, '(pending|express) (deposits|accounts)')"),
    "replace low": ("select regexp_replace(l_shipinstruct, '[AEIOU]', '*') v, count(*) from lineitem group by 1 order by 1",
                    "select regexp_replace(l_shipinstruct, '[AEIOU]', '*', 'g') v, count(*) from lineitem group by 1 order by 1"),
    "replace middle": ("select count(distinct regexp_replace(p_type, '^[A-Z]+ ', '')) from part",
                       "select count(distinct regexp_replace(p_type, '^[A-Z]+ ', '', 'g')) from part"),
    "replace high": ("select max(length(regexp_replace(o_comment, '[aeiou]+', '-'))) from orders",
                     "select max(length(regexp_replace(o_comment, '[aeiou]+', '-', 'g'))) from orders"),
    "upper, substring": "select substring(upper(o_clerk), 1, 9) c, count(*) from orders group by 1 order by 1",
}

if __name__ == "__main__":
    sys.exit(on_tpch("strings", __doc__, QUERIES))
