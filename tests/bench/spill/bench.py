#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TPC-H in little memory: every query with a grant of --memory and without a limit, answers compared with DuckDB's.

The grant is that of the whole executor (`berth sql --embedded --memory`): what its pool does not count is in it. Peak is the
executor's largest resident size while the query ran (VmHWM, without the pages of its binary); spilled is what it wrote, by /proc/PID/io.
Both want root, because an executor lets nobody else look. The two executors run in turns.
"""

import json
import os
import re
import statistics
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from side_by_side import Berth, DuckDB, arguments, same_rows, tpch_data, tpch_views, warm_cache  # noqa: E402

MIB = 1 << 20


def executor_of(berth):
    """The process below the client that is called berth-executor and has no such child."""
    pid = berth.process.pid
    while True:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            children = f.read().split()
        if not children:
            return pid
        pid = int(children[0])


def read_number(pid, name, pattern):
    try:
        with open(f"/proc/{pid}/{name}") as f:
            return int(re.search(pattern, f.read(), re.M)[1])
    except (OSError, TypeError):
        return None


def begin_peak(pid):
    try:
        with open(f"/proc/{pid}/clear_refs", "w") as f:
            f.write("5")
    except OSError:
        pass


def measure(berth, pid, statement):
    """(rows or None, seconds, peak in KiB, bytes written)"""
    begin_peak(pid)
    before = read_number(pid, "io", r"^wchar: (\d+)")
    try:
        rows, seconds = berth.run(statement)
    except RuntimeError as e:
        print(e, file=sys.stderr)
        rows, seconds = None, float("nan")
    after = read_number(pid, "io", r"^wchar: (\d+)")
    return rows, seconds, read_number(pid, "status", r"^VmHWM:\s+(\d+)"), None if after is None else after - before


def main():
    p = arguments("spill", __doc__)
    p.add_argument("--memory", default="64M", help="the grant (default: %(default)s)")
    p.add_argument("--queries", default="all", help="numbers, comma between, or all")
    p.set_defaults(runs=3)
    args = p.parse_args()
    views = tpch_views(tpch_data(args.scale))
    folder = os.path.dirname(views["lineitem"])
    warm_cache(views.values())
    numbers = range(1, 23) if args.queries == "all" else [int(n) for n in args.queries.split(",")]
    queries = {}
    for n in numbers:
        with open(os.path.join(os.path.dirname(HERE), "tpch", f"q{n:02d}.sql")) as f:
            queries[f"Q{n}"] = "".join(line for line in f if not line.startswith("--"))
    duck = DuckDB(views, args.threads)
    engines = {"limited": Berth(args.berth, views, args.threads, folder, [f"--memory={args.memory}"]),
               "unlimited": Berth(args.berth, views, args.threads, folder)}
    pids = {name: executor_of(e) for name, e in engines.items()}
    report = []
    for q, text in queries.items():
        wanted, _ = duck.run(text)
        line = {"query": q, "equal": True}
        got = {name: [] for name in engines}
        for turn in range(args.runs + 1):
            for name, engine in engines.items():
                m = measure(engine, pids[name], text)
                if m[0] is None:
                    engine.close()
                    engines[name] = Berth(args.berth, views, args.threads, folder,
                                          [f"--memory={args.memory}"] if name == "limited" else [])
                    pids[name] = executor_of(engines[name])
                line["equal"] &= m[0] is not None and same_rows(m[0], wanted)
                if turn:
                    got[name].append(m)
        for name, ms in got.items():
            line[name + "_ms"] = statistics.median(m[1] for m in ms) * 1000
            line[name + "_peak_mib"] = max(m[2] or 0 for m in ms) / 1024
        line["spilled_mib"] = max(m[3] or 0 for m in got["limited"]) / MIB
        line["ratio"] = line["limited_ms"] / line["unlimited_ms"]
        report.append(line)
    for engine in engines.values():
        engine.close()
    what = (f"TPC-H SF{args.scale} Parquet, {args.threads} threads, hot, {args.runs} rounds, medians: a grant of {args.memory} "
            f"beside no limit; answers compared with DuckDB {duck.version}")
    if args.json:
        print(json.dumps({"benchmark": "spill", "what": what, "queries": report}))
    else:
        print(what)
        print(f"{'query':<6} {'limited ms':>11} {'unlimited ms':>13} {'ratio':>6} {'peak MiB':>9} {'unlimited':>10} {'spilled MiB':>12} equal")
        for r in report:
            print(f"{r['query']:<6} {r['limited_ms']:>11.1f} {r['unlimited_ms']:>13.1f} {r['ratio']:>6.2f} "
                  f"{r['limited_peak_mib']:>9.1f} {r['unlimited_peak_mib']:>10.1f} {r['spilled_mib']:>12.1f} "
                  f"{'yes' if r['equal'] else 'NO'}")
    return 0 if all(r["equal"] for r in report) else 1


if __name__ == "__main__":
    sys.exit(main())
