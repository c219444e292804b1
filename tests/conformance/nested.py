#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# needs: venv
# timeout: 300
"""Arrays, maps and structs through an unmodified PySpark: local data, functions, lambdas, generators, results.

nested_programs.json holds DataFrame expressions and what Spark 4.0 gives for them: schema, column names, rows.
"""

import json
import os
import sys

VENV = os.environ["BERTH_VENV"]
if not sys.executable.startswith(VENV):
    os.execv(f"{VENV}/bin/python", [f"{VENV}/bin/python", *sys.argv])

from pyspark.sql import Row, SparkSession, functions as F  # noqa: E402


def main():
    spark = SparkSession.builder.remote(os.environ.get("BERTH_URL", "sc://127.0.0.1:15002")).getOrCreate()
    t = spark.createDataFrame([(1, [1, 2, None], {"a": 1}, (5, "x"))],
                              "id int, a array<int>, m map<string,int>, s struct<p:int,q:string>")
    names = {"spark": spark, "t": t, "F": F, "Row": Row}
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(f"{folder}/nested_programs.json") as file:
        programs = json.load(file)
    failed = 0
    for item in programs:
        df = eval(item["program"], names)
        got = f"{df.schema.simpleString()} {[f.name for f in df.schema]} {df.collect()}"
        if got != item["expected"]:
            failed += 1
            print(f"FAIL {item['program']}\n  wanted {item['expected']}\n  got    {got}")
    print(f"{len(programs) - failed} of {len(programs)} programs gave what Spark gives")
    spark.stop()
    sys.exit(1 if failed else 0)


main()
