#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random queries on Berth and on JVM Spark (pyspark of the running Python, and a JVM): rows, types and error classes.

With --write FILE the answers of Spark become records in sqllogictest form. Needs only Spark then; Berth is left out when
--program is not given. Rows of queries without an order are compared as a multiset."""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from engines import Berth, Spark  # noqa: E402
from queries import Generator, views  # noqa: E402

ROWS_MAX = 400


def same(a, b, ordered):
    if a[0] != b[0]:
        return False
    if a[0] == "error":
        return a[1].split(".")[0] == b[1].split(".")[0]
    return a[1] == b[1] and (a[2] == b[2] if ordered else sorted(a[2]) == sorted(b[2]))


def record(statement, answer, ordered):
    if answer[0] == "error":
        return f"statement error {answer[1].split('.')[0]}\n{statement}\n\n"
    rows = answer[2] if ordered else sorted(answer[2])
    return f"query {answer[1]}{'' if ordered else ' rowsort'}\n{statement}\n----\n" + "".join(r + "\n" for r in rows) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--program", help="tests/sql/sqltest of a build")
    p.add_argument("--queries", type=int, default=2000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--features", default="", help="comma between: set-all, window")
    p.add_argument("--write", help="file for the records")
    args = p.parse_args()
    spark = Spark()
    berth = Berth(args.program) if args.program else None
    out = open(args.write, "w", encoding="utf-8") if args.write else None
    for statement in views():
        spark.ask(statement)
        if berth:
            answer = berth.ask(statement)
            assert answer[0] == "ok", answer
        if out:
            out.write(f"statement ok\n{statement}\n\n")
    n_equal = n_different = n_errors = n_crashes = 0
    for i in range(args.queries):
        seed = args.seed * 1_000_003 + i
        statement, ordered = Generator(seed, args.features.split(",")).query()
        theirs = spark.ask(statement)
        if theirs[0] == "ok" and len(theirs[2]) > ROWS_MAX:
            statement, ordered = f"SELECT count(*) AS k FROM ({statement}) AS counted", False
            theirs = spark.ask(statement)
        if theirs[:2] == ("error", "Py4JJavaError"):
            n_crashes += 1  # an internal failure of Spark is no answer
            continue
        n_errors += theirs[0] == "error"
        if out:
            out.write(record(statement, theirs, ordered))
        if not berth:
            continue
        ours = berth.ask(statement)
        if same(ours, theirs, ordered):
            n_equal += 1
            continue
        n_different += 1
        print(f"seed {seed}: {statement}\n    spark {str(theirs)[:600]}\n    berth {str(ours)[:600]}")
    if berth:
        berth.close()
    print(f"{n_errors} of {args.queries} are errors in Spark, {n_crashes} made it fail")
    print(f"{n_equal} passed, {n_different} failed")
    return 1 if n_different else 0


if __name__ == "__main__":
    sys.exit(main())
