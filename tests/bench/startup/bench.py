#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From nothing to the first row: a session of berthd's warm pool beside a DuckDB in bubblewrap's sandbox, in turns.

As root, through berthd and the gateway on this host. Each time a new session is opened and asks one question of a Parquet file; between two
there is a pause, in which berthd makes a new warm executor. "session" is the client's own figure, from the first frame it sends to the
last row it has; "process" is `berth sql` as a whole, from its start. The other side is `bwrap --unshare-all` with a Python that imports
duckdb and asks the same; "import" of it is what remains with the Python already in memory, told by itself. Answers are compared.
"""

import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from side_by_side import TOP, arguments, tpch_data, warm_cache  # noqa: E402

SHOWN = "/srv/berth-bench"
FILE = f"{SHOWN}/orders.parquet"
QUESTION = "select o_orderkey, o_totalprice from {} where o_orderkey < 8 order by 1 limit 5"
DUCK = """
import time
begun = time.perf_counter()
import duckdb
rows = duckdb.connect().execute({question!r}).fetchall()
print(rows[0][0], (time.perf_counter() - begun) * 1000, len(rows))
"""


def berth(program):
    """(first key, ms of the session, ms of the process)"""
    begun = time.perf_counter()
    done = subprocess.run([program, "sql", "--json", "--timing", "--quiet", "--no-progress", QUESTION.format(f"parquet.`{FILE}`")],
                          capture_output=True, text=True, check=True)
    whole = (time.perf_counter() - begun) * 1000
    body, timing = done.stdout.rstrip().rsplit("\n", 1)
    return json.loads(body)[0]["o_orderkey"], json.loads(timing)["elapsed_ms"], whole


def duckdb():
    """(first key, ms from the import on, ms of the process)"""
    begun = time.perf_counter()
    done = subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/", sys.executable, "-c", DUCK.format(question=QUESTION.format(f"'{FILE}'"))],
                          capture_output=True, text=True, check=True)
    whole = (time.perf_counter() - begun) * 1000
    key, inner, _ = done.stdout.split()
    return int(key), float(inner), whole


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def inside(args):
    warm_cache([FILE])
    ours, theirs = [], []
    for turn in range(args.rounds + 2):
        time.sleep(args.pause)
        a, b = berth(args.berth), duckdb()
        if a[0] != b[0]:
            sys.exit(f"the answers differ: {a[0]} and {b[0]}")
        if turn >= 2:
            ours.append(a)
            theirs.append(b)
    rows = {"session": [r[1] for r in ours], "process": [r[2] for r in ours], "bwrap + import duckdb": [r[1] for r in theirs],
            "bwrap + python + duckdb": [r[2] for r in theirs]}
    median = {name: statistics.median(times) for name, times in rows.items()}
    ratio = {"session": median["bwrap + python + duckdb"] / median["session"], "process": median["bwrap + python + duckdb"] / median["process"]}
    what = f"new session to first row, TPC-H SF{args.scale} orders, {args.rounds} rounds in turns"
    if args.json:
        print(json.dumps({"benchmark": "startup", "what": what, "median_ms": median, "ratio": ratio,
                          "p99_ms": {name: percentile(times, 0.99) for name, times in rows.items()}}))
    else:
        print(what)
        for name, times in rows.items():
            print(f"{name:<24} p50 {median[name]:>8.2f} ms  p99 {percentile(times, 0.99):>8.2f} ms")
        print(f"a session is {ratio['session']:.1f} times faster than bwrap and DuckDB, the whole process of the client {ratio['process']:.1f} times")
    return 0


def main():
    p = arguments("startup", __doc__)
    p.add_argument("--rounds", type=int, default=30)
    p.add_argument("--pause", type=float, default=0.5, help="seconds before each session (default: %(default)s)")
    p.add_argument("--inside", action="store_true", help="berthd runs already")
    args = p.parse_args()
    if args.inside:
        return inside(args)
    folder = tpch_data(args.scale)
    command = [sys.executable, "-B", f"{HERE}/bench.py", "--inside", f"--rounds={args.rounds}", f"--pause={args.pause}", f"--scale={args.scale}",
               f"--berth={args.berth}"] + (["--json"] if args.json else [])
    return subprocess.run([os.path.join(TOP, "tests", "bench", "tiny", "served.sh"), folder, *command]).returncode


if __name__ == "__main__":
    sys.exit(main())
