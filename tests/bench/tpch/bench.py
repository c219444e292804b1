#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TPC-H queries on Parquet, Berth beside DuckDB; how they are measured is said in side_by_side.py."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from side_by_side import Berth, DuckDB, arguments, interleave, show, tpch_data, tpch_views, warm_cache  # noqa: E402


def main():
    p = arguments("tpch", __doc__)
    p.add_argument("--queries", default="1,3,5,6,10,12,14,19", help="numbers, comma between, or all (default: the eight of %(default)s)")
    p.add_argument("--data", help="folder with the eight Parquet files (default: generated)")
    args = p.parse_args()
    runs = max(args.runs, 5)
    data = os.path.realpath(args.data or tpch_data(args.scale))
    queries = {}
    for number in range(1, 23) if args.queries == "all" else args.queries.split(","):
        with open(os.path.join(HERE, f"q{int(number):02d}.sql")) as f:
            queries[f"Q{int(number)}"] = "".join(line for line in f if not line.startswith("--"))

    views = tpch_views(data)
    warm_cache(views.values())
    berth, duck = Berth(args.berth, views, args.threads, data), DuckDB(views, args.threads)
    report = interleave(berth, duck, queries, runs)
    berth.close()
    what = (f"TPC-H SF{args.scale} Parquet, {args.threads} threads, hot, {runs} interleaved rounds, medians; "
            f"user CPU as mean per run; DuckDB {duck.version}")
    return show("tpch", what, report, args.json)


if __name__ == "__main__":
    sys.exit(main())
