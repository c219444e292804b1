# SPDX-License-Identifier: Apache-2.0
"""Berth and DuckDB side by side: what the benchmarks share.

Both engines run in one long-lived process each, with the same number of threads, on the same files, with the
page cache warm. Runs are interleaved: in each round every query runs once in Berth and once in DuckDB. What counts is
the time from the statement's text to the last row in the client: for Berth as `berth sql --embedded --timing` says it
(through the client's socket, parsing and printing included), for DuckDB execute() and fetchall() in Python. Start-up, the
first round and the definition of the views are not counted. User CPU is that of the executor and of the DuckDB process.
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

TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]
TICKS = os.sysconf("SC_CLK_TCK")
TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))


class Berth:
    """One `berth sql --embedded` process, spoken to as a shell."""

    def __init__(self, program, views, threads, data=None, options=()):
        """@views: names to Parquet files. @data: the folder that the sandbox may read."""
        where = ["--embedded", f"--threads={threads}", f"--data={data}"] if data else []
        self.process = subprocess.Popen(
            [program, "sql", *where, "--json", "--timing", "--quiet", "--no-progress", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name, path in views.items():
            self.run(f"create or replace temporary view {name} as select * from parquet.`{path}`")

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
    def __init__(self, views, threads):
        import duckdb
        self.version = duckdb.__version__
        self.connection = duckdb.connect(config={"threads": threads})
        self.connection.execute("set parquet_metadata_cache = true")
        for name, path in views.items():
            self.connection.execute(f"create view {name} as select * from read_parquet('{path}')")

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


def tpch_data(scale):
    """The folder with TPC-H at @scale, generated once."""
    folder = os.path.join(TOP, "build", "data", "tpch", "sf001" if scale == "0.01" else "sf" + scale.replace(".", ""))
    subprocess.run([os.path.join(TOP, "tests", "support", "tpch-data"), "--venv",
                    os.path.dirname(os.path.dirname(sys.executable)), scale, folder], check=True)
    return folder


def tpch_views(folder):
    return {table: os.path.join(folder, table + ".parquet") for table in TABLES}


def warm_cache(paths):
    for path in paths:
        with open(path, "rb") as f:
            while f.read(1 << 22):
                pass


def interleave(berth, duck, queries, runs, same=same_rows):
    """@queries: name to a statement, or to a pair (Berth's, DuckDB's). @same: are these the same rows? Returns a report per query."""
    report = []
    times = {q: {"berth": [], "duckdb": [], "berth_user": [], "duckdb_user": [], "equal": True, "rows": 0}
             for q in queries}
    for turn in range(runs + 1):
        for q, text in queries.items():
            texts = (text, text) if isinstance(text, str) else text
            answers = []
            for engine, name, statement in ((berth, "berth", texts[0]), (duck, "duckdb", texts[1])):
                before = engine.cpu_user()
                result, seconds = engine.run(statement)
                user = engine.cpu_user() - before
                answers.append(result)
                if turn:
                    times[q][name].append(seconds)
                    times[q][name + "_user"].append(user)
            times[q]["rows"] = len(answers[1])
            if not same(*answers):
                if times[q]["equal"]:
                    print(f"{q}: answers differ:\n  berth  {answers[0][:2]}\n  duckdb {answers[1][:2]}", file=sys.stderr)
                times[q]["equal"] = False
    for q, r in times.items():
        b, d = statistics.median(r["berth"]), statistics.median(r["duckdb"])
        report.append({"query": q, "rows": r["rows"], "equal": r["equal"], "ratio": b / d,
                       "berth_ms": b * 1000, "duckdb_ms": d * 1000,
                       "berth_user_ms": statistics.mean(r["berth_user"]) * 1000,
                       "duckdb_user_ms": statistics.mean(r["duckdb_user"]) * 1000})
    return report


def geometric_mean(report):
    return math.exp(sum(math.log(r["ratio"]) for r in report) / len(report))


def show(name, what, report, as_json):
    """Prints the report. Returns the exit status: 1 when an answer differed."""
    mean = geometric_mean(report)
    if as_json:
        print(json.dumps({"benchmark": name, "what": what, "geometric_mean_ratio": mean, "queries": report}))
    else:
        width = max(6, *(len(r["query"]) for r in report))
        print(what)
        print(f"{'query':<{width}} {'berth ms':>10} {'duckdb ms':>10} {'ratio':>7} {'user ms':>9} {'user ms':>9} {'rows':>8} equal")
        for r in report:
            print(f"{r['query']:<{width}} {r['berth_ms']:>10.1f} {r['duckdb_ms']:>10.1f} {r['ratio']:>7.2f} "
                  f"{r['berth_user_ms']:>9.0f} {r['duckdb_user_ms']:>9.0f} {r['rows']:>8} {'yes' if r['equal'] else 'NO'}")
        print(f"geometric mean of the ratios: {mean:.2f}")
    return 0 if all(r["equal"] for r in report) else 1


def arguments(name, doc, scale="1"):
    """A parser with what all of these benchmarks take."""
    p = argparse.ArgumentParser(prog=f"tests/bench/run {name}", description=doc,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--runs", type=int, default=7, help="counted rounds, at least 5 (default: 7)")
    p.add_argument("--threads", type=int, default=2)
    if scale:
        p.add_argument("--scale", default=scale, help="scale factor of TPC-H (default: %(default)s)")
    p.add_argument("--only", help="queries whose name contains this")
    p.add_argument("--berth", default=os.environ.get("BERTH", "berth"), help=argparse.SUPPRESS)
    p.add_argument("--json", action="store_true", help="one JSON object")
    return p


def on_tpch(name, doc, queries):
    """The whole of a benchmark that asks @queries of TPC-H. Returns the exit status."""
    args = arguments(name, doc).parse_args()
    runs = max(args.runs, 5)
    views = tpch_views(tpch_data(args.scale))
    folder = os.path.dirname(views["lineitem"])
    if args.only:
        queries = {q: t for q, t in queries.items() if args.only in q}
    warm_cache(views.values())
    berth = Berth(args.berth, views, args.threads, folder)
    duck = DuckDB(views, args.threads)
    report = interleave(berth, duck, queries, runs)
    berth.close()
    return show(name, f"{name}: TPC-H SF{args.scale} Parquet, {args.threads} threads, hot, {runs} interleaved rounds, medians; "
                f"user CPU as mean per run; DuckDB {duck.version}", report, args.json)
