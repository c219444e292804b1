#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One tenant of the benchmark `tenants`: connects, says "ready", waits for "go SECONDS SEED", asks queries until the time is over, prints
one object with what it got, and waits again. Its argument is a JSON object: system, data, queries (names to texts), and how to connect."""

import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from side_by_side import Berth, DuckDB, tpch_views  # noqa: E402


class Spark:
    def __init__(self, url, views):
        from pyspark.sql import SparkSession
        self.session = SparkSession.builder.remote(url).create()
        for name, path in views.items():
            self.session.sql(f"create or replace temporary view {name} as select * from parquet.`{path}`").collect()

    def run(self, statement):
        start = time.perf_counter()
        rows = self.session.sql(statement).collect()
        return [list(r) for r in rows], time.perf_counter() - start


def connect(o):
    views = tpch_views(o["data"])
    if o["system"] == "berth":
        return Berth(o["program"], views, 0)
    if o["system"] == "spark":
        return Spark(o["url"], views)
    duck = DuckDB(views, o["threads"])
    duck.connection.execute(f"set memory_limit='{o['memory_mib']}MiB'")
    duck.connection.execute(f"set temp_directory='{o['scratch']}'")
    return duck


def main():
    o = json.loads(sys.argv[1])
    engine = connect(o)
    print("ready", flush=True)
    for line in sys.stdin:
        _, seconds, seed = line.split()
        order = random.Random(f"{seed} {o['tenant']}")
        end = time.monotonic() + float(seconds)
        done, errors, left = [], [], []
        while time.monotonic() < end:
            if not left:
                left = list(o["queries"])
                order.shuffle(left)
            name = left.pop()
            begun = time.monotonic()
            try:
                rows, _ = engine.run(o["queries"][name])
                done.append([name, time.monotonic() - begun, len(rows), time.monotonic() <= end])
            except Exception as e:  # noqa: BLE001: whatever it is, the tenant did not get its rows
                errors.append([name, str(e).split("\n")[0][:200]])
                if o["system"] == "berth":
                    engine = connect(o)
        print(json.dumps({"done": done, "errors": errors}), flush=True)


if __name__ == "__main__":
    main()
