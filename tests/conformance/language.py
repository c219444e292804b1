#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# needs: venv
# timeout: 300
"""Grouping sets, pivots, set operations, subqueries, lateral joins and samples of DataFrames, through an unmodified PySpark.

language_programs.json holds DataFrame expressions and what Spark 4.0 gives for them: schema and rows.
"""

import json
import os
import sys

VENV = os.environ["BERTH_VENV"]
if not sys.executable.startswith(VENV):
    os.execv(f"{VENV}/bin/python", [f"{VENV}/bin/python", *sys.argv])

from pyspark.sql import SparkSession, functions as F  # noqa: E402

TABLES = {
    "t": "SELECT * FROM VALUES (1,'a',10),(1,'b',20),(2,'a',30),(2,NULL,40),(3,'c',5) AS t(a,b,c)",
    "u": "SELECT * FROM VALUES (1,'x',5),(1,'y',25),(3,'z',35),(5,'w',45),(NULL,'n',1) AS u(a,name,v)",
}


def main():
    spark = SparkSession.builder.remote(os.environ.get("BERTH_URL", "sc://127.0.0.1:15002")).getOrCreate()
    names = {"spark": spark, "F": F, **{name: spark.sql(text) for name, text in TABLES.items()}}
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(f"{folder}/language_programs.json") as file:
        programs = json.load(file)
    failed = 0
    for item in programs:
        df = eval(item["program"], names)
        got = str(df) if isinstance(df, (int, float, list)) else f"{df.schema.simpleString()} {[tuple(r) for r in df.collect()]}"
        if got != item["expected"]:
            failed += 1
            print(f"FAIL {item['program']}\n  wanted {item['expected']}\n  got    {got}")
    print(f"{len(programs) - failed} of {len(programs)} programs gave what Spark gives")
    spark.stop()
    sys.exit(1 if failed else 0)


main()
