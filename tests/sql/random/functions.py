#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random calls of Spark's scalar functions on Berth and on JVM Spark: values, types and error classes.

Which functions there are is asked of Spark; one that Berth does not know is counted as missing. Arguments are literals and columns
of any type, so many calls are wrong on purpose."""

import argparse
import collections
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from engines import Berth, Spark  # noqa: E402

POOL = {
    "int": ["0", "1", "-1", "7", "12", "2147483647", "CAST(NULL AS INT)", "i"],
    "long": ["5L", "-9223372036854775807L", "1700000000L", "l"],
    "double": ["0.5D", "-2.25D", "CAST('NaN' AS DOUBLE)", "1e300D", "x"],
    "decimal": ["1.50", "-12.345", "CAST(99 AS DECIMAL(10,3))", "c"],
    "string": ["'abc'", "''", "'Straße 12'", "'a,b,,c'", "'2024-02-29'", "'2024-02-29 12:34:56.789'", "' 42 '", "'yyyy-MM-dd'", "'%a%'", "'[a-c]+'",
               "CAST(NULL AS STRING)", "s", "'{\"a\":[1,2],\"b\":\"x\"}'", "'YEAR'", "'UTC'"],
    "binary": ["X'CAFE'", "CAST('abc' AS BINARY)", "X''"],
    "boolean": ["true", "false", "CAST(NULL AS BOOLEAN)", "b"],
    "date": ["DATE '2024-02-29'", "DATE '1969-12-31'", "d"],
    "timestamp": ["TIMESTAMP '2024-02-29 12:34:56.789'", "TIMESTAMP '1969-12-31 23:59:59.999999'", "t"],
    "ntz": ["TIMESTAMP_NTZ '2024-02-29 12:34:56'"],
    "interval": ["INTERVAL 3 DAYS", "INTERVAL '1-2' YEAR TO MONTH", "INTERVAL 90 MINUTES"],
    "array": ["array(1, 2, NULL, 3)", "array('a', NULL, 'b')", "array()", "array(array(1), array(2, 3))", "CAST(NULL AS ARRAY<INT>)"],
    "map": ["map('a', 1, 'b', NULL)", "map(1, 'x')"],
    "struct": ["struct(1 AS a, 'x' AS b)"],
    "lambda": ["x -> x IS NOT NULL", "(x, y) -> x", "(k, v) -> v"],
    "null": ["NULL"],
}
WEIGHTS = {"int": 8, "string": 10, "double": 4, "decimal": 3, "long": 3, "array": 4, "date": 4, "timestamp": 4, "lambda": 1}
OPERATORS = ("and", "or", "not", "between", "in", "case", "when", "div", "like", "ilike", "rlike", "regexp", "struct", "mod")
VIEW = ("CREATE OR REPLACE TEMPORARY VIEW v AS SELECT * FROM VALUES (3, 40L, 1.5D, CAST(2.50 AS DECIMAL(10,2)), 'abc', true, DATE '2020-01-31', "
        "TIMESTAMP '2020-01-31 10:20:30'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (-3, -1L, -0.0D, CAST(-0.01 AS DECIMAL(10,2)), 'Zoë %', false, "
        "DATE '1582-10-01', TIMESTAMP '1900-01-01 00:00:00') AS v(i, l, x, c, s, b, d, t)")


def call(r, name):
    kinds = list(POOL)
    weights = [WEIGHTS.get(k, 2) for k in kinds]
    args = [r.choice(POOL[k]) for k in r.choices(kinds, weights, k=r.choices([0, 1, 2, 3, 4], [1, 8, 8, 4, 1])[0])]
    return f"{name}({', '.join(args)})"


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--program", required=True, help="tests/sql/sqltest of a build")
    p.add_argument("--calls", type=int, default=20, help="of each function (default: 20)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", help="this function")
    p.add_argument("--skip", default="", help="functions to leave out, comma between")
    args = p.parse_args()
    spark, berth = Spark(), Berth(args.program)
    names = [row.split("\t")[0] for row in spark.ask("SHOW FUNCTIONS")[2]]
    names = [n for n in names if n.isidentifier() and n not in OPERATORS and n not in args.skip.split(",") and (not args.only or n == args.only)]
    for engine in (spark, berth):
        assert engine.ask(VIEW)[0] == "ok"
    counts, missing = collections.Counter(), []
    for name in names:
        r = random.Random(f"{args.seed}/{name}")
        for i in range(args.calls):
            expression = call(r, name)
            statement = f"SELECT typeof({expression}) AS y, string({expression}) AS r FROM v"
            mine = berth.ask(statement)
            if mine[:2] == ("error", "UNRESOLVED_ROUTINE"):
                missing.append(name)
                break
            theirs = spark.ask(statement)
            if theirs[:2] == ("error", "Py4JJavaError"):
                counts["crash"] += 1
                continue
            wrong_call = "error" == theirs[0]
            same = mine[0] == theirs[0] and (mine[1].split(".")[0] == theirs[1].split(".")[0] or theirs[1].startswith("_LEGACY")
                                             if wrong_call else (mine[1], sorted(mine[2])) == (theirs[1], sorted(theirs[2])))
            counts["equal error" if same and wrong_call else "equal" if same else "different"] += 1
            if not same:
                print(f"DIFFERENT {statement}\n  berth {mine}\n  spark {theirs}", flush=True)
    print(dict(counts), f"{len(missing)} of {len(names)} functions missing:", " ".join(missing))
    sys.exit(1 if counts["different"] else 0)


main()
