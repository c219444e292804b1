#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The 22 TPC-H queries on Berth and on JVM Spark over the same Parquet files: rows, their order, types.

Where ORDER BY leaves ties the rows of a tie may come in any order; a sum of doubles may differ in its last digits."""

import argparse
import math
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
from engines import Berth, Spark  # noqa: E402

TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]
QUERIES = os.path.join(HERE, "..", "..", "bench", "tpch")


def statement(number):
    with open(os.path.join(QUERIES, f"q{number:02d}.sql")) as f:
        text = "".join(line for line in f if not line.startswith("--"))
    return re.sub(r"\s+", " ", text).strip().rstrip(";")


def same_cell(a, b, kind):
    if a == b:
        return True
    if kind not in ("double", "float"):
        return False
    try:
        return math.isclose(float(a), float(b), rel_tol=1e-9)
    except ValueError:
        return False


def same_rows(a, b, types):
    kinds = re.split(r",(?![^(]*\))", types)
    return len(a) == len(b) and all(all(same_cell(x, y, k) for x, y, k in zip(r.split("\t"), s.split("\t"), kinds)) for r, s in zip(a, b))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--program", required=True, help="tests/sql/sqltest of a build")
    p.add_argument("--data", required=True, help="folder with the eight Parquet files")
    args = p.parse_args()
    spark, berth = Spark(), Berth(args.program)
    for table in TABLES:
        view = f"CREATE OR REPLACE TEMPORARY VIEW {table} AS SELECT * FROM parquet.`{args.data}/{table}.parquet`"
        for engine in (spark, berth):
            answer = engine.ask(view)
            assert answer[0] == "ok", answer
    differ = 0
    for number in range(1, 23):
        ours, theirs = berth.ask(statement(number)), spark.ask(statement(number))
        word = "equal"
        if ours[0] != "ok" or theirs[0] != "ok" or ours[1] != theirs[1]:
            word = f"DIFFERS: {ours[:2]} for {theirs[:2]}"
        elif not same_rows(ours[2], theirs[2], theirs[1]):
            if same_rows(sorted(ours[2]), sorted(theirs[2]), theirs[1]):
                word = "equal but for the order (ties?)"
            else:
                pair = next(((a, b) for a, b in zip(ours[2], theirs[2]) if a != b), (len(ours[2]), len(theirs[2])))
                word = f"DIFFERS: {pair[0]!r} for {pair[1]!r}"
        differ += word.startswith("DIFFERS")
        print(f"Q{number}: {len(ours[2]) if ours[0] == 'ok' else 0} rows, types {ours[1]}: {word}", flush=True)
    print(f"{22 - differ} of 22 equal")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
