#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TPC-H queries on Parquet, Berth beside DuckDB.

Both engines run in one long-lived process each, with the same number of threads, on the same files, with the
page cache warm. Runs are interleaved: in each round every query runs once in Berth and once in DuckDB. What counts is
the time from the statement's text to the last row in the client: for Berth as `berth sql --embedded --timing` says it
(through the client's socket, parsing and printing included), for DuckDB execute() and fetchall() in Python. Start-up, the first
round and the definition of the views are not counted. User CPU is that of the executor and of the DuckDB process.
"""

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from decimal import Decimal, InvalidOperation

HERE = os.path.dirname(os.path.realpath(__file__))
TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]
TICKS = os.sysconf("SC_CLK_TCK")


class Berth:
    """One `berth sql --embedded` process, spoken to as a shell."""

    def __init__(self, program, data, threads):
        self.process = subprocess.Popen(
            [program, "sql", "--embedded", "--json", "--timing", "--quiet", "--no-progress",
             f"--threads={threads}", f"--data={data}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pending = ""
        for table in TABLES:
            self.run(f"create or replace temporary view {table} as "
                     f"select * from parquet.`{os.path.join(data, table)}.parquet`")

    def cpu_user(self):
        """Seconds of user time of the executor, a descendant of the client; its threads are in it."""
        todo, total = [self.process.pid], 0
        while todo:
            pid = todo.pop()
            with open(f"/proc/{pid}/task/{pid}/children") as f:
                todo += [int(p) for p in f.read().split()]
            if pid != self.process.pid:
                with open(f"/proc/{pid}/stat") as f:
                    total += int(f.read().rsplit(")", 1)[1].split()[11])
        return total / TICKS

    def run(self, statement):
        """Returns (rows as lists of values, seconds)."""
        self.process.stdin.write(statement.rstrip() + "\n;\n")
        self.process.stdin.flush()
        text = ""
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"berth ended with {self.process.wait()}")
            text += line
            if line.startswith('{"rows"') and '"elapsed_ms"' in line:
                timing = json.loads(line)
                body = text[:-len(line)].strip()
                if not body:  # even no rows are an array: it failed, and the reason went to standard error
                    raise RuntimeError(f"the statement failed: {statement.strip()[:200]}")
                rows = decode(body)
                if timing["rows"] != len(rows):
                    raise RuntimeError(f"{timing['rows']} rows were announced, {len(rows)} came")
                return rows, timing["elapsed_ms"] / 1000

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


def decode(body):
    """The rows of one statement: an array of objects, or one object a line."""
    decoder = json.JSONDecoder(parse_float=Decimal)
    rows, at = [], 0
    while at < len(body):
        while at < len(body) and body[at].isspace():
            at += 1
        if at == len(body):
            break
        value, at = decoder.raw_decode(body, at)
        rows += value if isinstance(value, list) else [value]
    return [list(r.values()) if isinstance(r, dict) else r for r in rows]


class DuckDB:
    def __init__(self, data, threads):
        import duckdb
        self.version = duckdb.__version__
        self.connection = duckdb.connect(config={"threads": threads})
        self.connection.execute("set parquet_metadata_cache = true")
        for table in TABLES:
            path = os.path.join(data, table + ".parquet")
            self.connection.execute(f"create view {table} as select * from read_parquet('{path}')")

    def cpu_user(self):
        return resource.getrusage(resource.RUSAGE_SELF).ru_utime

    def run(self, statement):
        start = time.perf_counter()
        rows = self.connection.execute(statement).fetchall()
        return [list(r) for r in rows], time.perf_counter() - start


def same_value(a, b):
    """Equal, where a number may be a decimal on one side and a double (or a rounded average) on the other."""
    if a is None or b is None:
        return a is None and b is None
    try:
        x, y = Decimal(str(a)), Decimal(str(b))
    except InvalidOperation:
        return str(a) == str(b)
    return x == y or (not isinstance(b, Decimal) and abs(x - y) <= max(Decimal("0.000001"), abs(y) * Decimal("1e-9")))


def same_rows(ours, theirs):
    return len(ours) == len(theirs) and all(
        len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b)) for a, b in zip(ours, theirs))


def warm_cache(data):
    for table in TABLES:
        with open(os.path.join(data, table + ".parquet"), "rb") as f:
            while f.read(1 << 22):
                pass


def measure(args, queries):
    data = os.path.realpath(args.data)
    warm_cache(data)
    berth = Berth(args.berth, data, args.threads)
    duck = DuckDB(data, args.threads)
    rows = {q: {"berth": [], "duckdb": [], "berth_user": [], "duckdb_user": [], "equal": True, "rows": 0} for q in queries}
    for turn in range(args.runs + 1):
        for q, text in queries.items():
            for engine, name in ((berth, "berth"), (duck, "duckdb")):
                before = engine.cpu_user()
                result, seconds = engine.run(text)
                user = engine.cpu_user() - before
                if name == "berth":
                    ours = result
                if turn:
                    rows[q][name].append(seconds)
                    rows[q][name + "_user"].append(user)
            rows[q]["rows"] = len(result)
            if not same_rows(ours, result):
                if rows[q]["equal"]:
                    print(f"q{q}: answers differ:\n  berth  {ours[:2]}\n  duckdb {result[:2]}", file=sys.stderr)
                rows[q]["equal"] = False
    berth.close()
    return rows, duck.version


def main():
    p = argparse.ArgumentParser(prog="tests/bench/run tpch", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--queries", default="1,3,5,6,10,12,14,19", help="numbers, comma between, or all (default: the eight of %(default)s)")
    p.add_argument("--runs", type=int, default=7, help="counted rounds, at least 5 (default: 7)")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--scale", default="1", help="scale factor (default: 1)")
    p.add_argument("--data", help="folder with the eight Parquet files (default: generated)")
    p.add_argument("--berth", default=os.environ.get("BERTH", "berth"), help=argparse.SUPPRESS)
    p.add_argument("--json", action="store_true", help="one JSON object")
    args = p.parse_args()
    args.runs = max(args.runs, 5)
    if not args.data:
        top = os.path.realpath(os.path.join(HERE, "..", "..", ".."))
        name = "sf001" if args.scale == "0.01" else f"sf{args.scale}"
        args.data = os.path.join(top, "build", "data", "tpch", name)
        subprocess.run([os.path.join(top, "tests", "support", "tpch-data"), "--venv", os.path.dirname(os.path.dirname(sys.executable)),
                        args.scale, args.data], check=True)
    queries = {}
    for number in range(1, 23) if args.queries == "all" else args.queries.split(","):
        with open(os.path.join(HERE, f"q{int(number):02d}.sql")) as f:
            queries[int(number)] = "".join(line for line in f if not line.startswith("--"))

    rows, version = measure(args, queries)
    report = []
    for q, r in rows.items():
        b, d = statistics.median(r["berth"]), statistics.median(r["duckdb"])
        report.append({"query": q, "rows": r["rows"], "equal": r["equal"], "ratio": b / d,
                       "berth_ms": b * 1000, "duckdb_ms": d * 1000,
                       "berth_user_ms": statistics.mean(r["berth_user"]) * 1000,
                       "duckdb_user_ms": statistics.mean(r["duckdb_user"]) * 1000})
    mean = math.exp(sum(math.log(r["ratio"]) for r in report) / len(report))
    what = (f"TPC-H SF{args.scale} Parquet, {args.threads} threads, hot, {args.runs} interleaved rounds, medians; "
            f"user CPU as mean per run; DuckDB {version}")
    if args.json:
        print(json.dumps({"benchmark": "tpch", "what": what, "geometric_mean_ratio": mean, "queries": report}))
    else:
        print(what)
        print(f"{'query':>6} {'berth ms':>10} {'duckdb ms':>10} {'ratio':>7} {'user ms':>9} {'user ms':>9}  {'rows':>5} equal")
        for r in report:
            print(f"{'Q' + str(r['query']):>6} {r['berth_ms']:>10.1f} {r['duckdb_ms']:>10.1f} {r['ratio']:>7.2f} "
                  f"{r['berth_user_ms']:>9.0f} {r['duckdb_user_ms']:>9.0f}  {r['rows']:>5} {'yes' if r['equal'] else 'NO'}")
        print(f"geometric mean of the ratios: {mean:.2f}")
    return 0 if all(r["equal"] for r in report) else 1


if __name__ == "__main__":
    sys.exit(main())
