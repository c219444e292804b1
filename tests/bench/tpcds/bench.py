#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The 99 queries of TPC-DS on Parquet, Berth beside DuckDB; how they are measured is said in side_by_side.py.

Data and texts come from DuckDB's extension. In the texts for Berth names in double quotes are in back-ticks, as Spark wants them. Rows are
compared as a multiset: where ORDER BY leaves ties, or says nothing of nulls, the two may differ in order.
"""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from side_by_side import TOP, Berth, DuckDB, arguments, interleave, same_value, show, warm_cache  # noqa: E402


def close(a, b):
    """same_value(), or equal to six digits: DuckDB divides decimals as doubles."""
    if a is None or b is None or same_value(a, b):
        return (a is None) == (b is None)
    try:
        return abs(float(a) - float(b)) <= 1e-6 * max(1, abs(float(b)))
    except (ValueError, TypeError):
        return False


def same_multiset(ours, theirs):
    def key(row):
        return ["" if v is None else str(v) for v in row]

    def same(x, y):
        return len(x) == len(y) and all(len(p) == len(q) and all(close(s, t) for s, t in zip(p, q)) for p, q in zip(x, y))
    return same(ours, theirs) or same(sorted(ours, key=key), sorted(theirs, key=key))


def main():
    p = arguments("tpcds", __doc__)
    p.add_argument("--queries", default="all", help="numbers, comma between, or all")
    args = p.parse_args()
    folder = os.path.join(TOP, "build", "data", "tpcds", "sf" + args.scale.replace(".", ""))
    subprocess.run([os.path.join(TOP, "tests", "support", "tpcds-data"), os.path.join(TOP, "build", "tpcds"), args.scale, folder], check=True)
    views = {name[:-8]: os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".parquet")}
    with open(os.path.join(folder, "queries.json")) as f:
        texts = json.load(f)
    wanted = list(texts) if args.queries == "all" else args.queries.split(",")
    queries = {f"Q{n}": (texts[n].strip().rstrip(";").replace('"', "`"), texts[n]) for n in wanted if not args.only or args.only in f"Q{n}"}
    warm_cache(views.values())
    berth, duck = Berth(args.berth, views, args.threads, folder), DuckDB(views, args.threads)
    runs = max(args.runs, 5)
    report = interleave(berth, duck, queries, runs, same_multiset)
    berth.close()
    return show("tpcds", f"TPC-DS SF{args.scale} Parquet, {args.threads} threads, hot, {runs} interleaved rounds, medians; user CPU as mean "
                f"per run; DuckDB {duck.version}", report, args.json)


if __name__ == "__main__":
    sys.exit(main())
