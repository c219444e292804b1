#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TPC-H where the kernel enforces the limit: Berth and DuckDB with a grant, each in a cgroup of the grant plus 10 %.

In the user-mode-linux bed, which has cgroup v2. Every query gets a process of its own in a cgroup of its own (memory.max is the grant and
a tenth of it, no swap) and runs once as a warm-up of nothing but the process: three times in turn, by Berth's executor with
--memory=GRANT, by one without a limit, by DuckDB with memory_limit=GRANT. Answers are compared with those of a DuckDB without limits.
Peak is memory.peak of the executor's cgroup, page cache and all. "killed" is the kernel's doing, "refused" the engine's own word.
"""

import json
import multiprocessing
import os
import shlex
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from side_by_side import TOP, Berth, DuckDB, arguments, same_rows, tpch_data, tpch_views  # noqa: E402

ROOT = "/sys/fs/cgroup/bench"
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def put(path, text):
    with open(path, "w") as f:
        f.write(text)


def get(path):
    with open(path) as f:
        return f.read()


class Leaf:
    """A cgroup with a limit, or without."""

    number = 0

    def __init__(self, limit):
        Leaf.number += 1
        self.path = f"{ROOT}/{Leaf.number}"
        os.mkdir(self.path)
        if limit:
            put(f"{self.path}/memory.max", str(limit))

    def peak_mib(self):
        return int(get(f"{self.path}/memory.peak")) / (1 << 20)

    def killed(self):
        return dict(line.split() for line in get(f"{self.path}/memory.events").splitlines())["oom_kill"] != "0"

    def remove(self):
        put(f"{self.path}/cgroup.kill", "1")
        for _ in range(200):
            try:
                return os.rmdir(self.path)
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.path} stays")


def berth(args, views, folder, text, limit, grant):
    """(rows or None, seconds, peak in MiB, what happened)"""
    leaf = Leaf(limit)
    wrapper = f"{args.scratch}/executor"
    put(wrapper, f"#!/bin/sh\necho $$ > {leaf.path}/cgroup.procs\nexec {shlex.quote(args.executor)} \"$@\"\n")
    os.chmod(wrapper, 0o755)
    rows, seconds, word = None, float("nan"), "finished"
    engine = Berth(args.berth, views, args.threads, folder, [f"--executor={wrapper}", f"--spill-dir={args.scratch}", *([f"--memory={grant}"] if grant else [])])
    try:
        rows, seconds = engine.run(text)
    except RuntimeError as e:
        word = "killed" if leaf.killed() else f"refused ({e})"
    peak = leaf.peak_mib()
    try:
        engine.close()
    except (OSError, subprocess.TimeoutExpired):
        engine.process.kill()
    leaf.remove()
    return rows, seconds, peak, word


def duck_child(pipe, leaf, views, threads, grant, scratch, text):
    if leaf:
        put(f"{leaf}/cgroup.procs", str(os.getpid()))
    duck = DuckDB(views, threads)
    if grant:
        duck.connection.execute(f"set memory_limit='{grant >> 20}MiB'")
        duck.connection.execute(f"set temp_directory='{scratch}/duckdb'")
    try:
        pipe.send(duck.run(text))
    except Exception as e:  # whatever DuckDB raises is its word
        pipe.send(str(e).split("\n")[0])


def duckdb(args, views, text, limit, grant):
    """The same of DuckDB."""
    leaf = Leaf(limit)
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(
        target=duck_child, args=(theirs, leaf.path, views, args.threads, grant, args.scratch, text))
    child.start()
    theirs.close()
    rows, seconds, word = None, float("nan"), "finished"
    try:
        if not ours.poll(args.patience):
            word = f"no end after {args.patience} s"
            child.kill()
        else:
            answer = ours.recv()
            if isinstance(answer, str):
                word = f"refused ({answer[:80]})"
            else:
                rows, seconds = answer
    except EOFError:
        word = "killed" if leaf.killed() else "died"
    child.join()
    peak = leaf.peak_mib()
    leaf.remove()
    return rows, seconds, peak, word


def inside(args):
    grant = int(args.memory[:-1]) * UNITS[args.memory[-1]]
    limit = grant + grant // 10
    folder = tpch_data(args.scale)
    views = tpch_views(folder)
    put("/sys/fs/cgroup/cgroup.subtree_control", "+memory")
    os.mkdir(ROOT)
    put(f"{ROOT}/cgroup.subtree_control", "+memory")
    args.scratch = "/var/lib/berth/bench"  # on a disk of the host; the rest of the bed is in memory
    os.makedirs(args.scratch, exist_ok=True)
    numbers = range(1, 23) if args.queries == "all" else [int(n) for n in args.queries.split(",")]
    report = []
    if not args.json:
        print(f"TPC-H SF{args.scale} Parquet in user-mode linux, one CPU, memory.max {limit >> 20} MiB for a grant of {args.memory}, first runs")
        print(f"{'query':<6} {'berth s':>8} {'unlimited':>9} {'ratio':>6} {'peak MiB':>9}  {'duckdb s':>8} {'peak MiB':>9}  what happened", flush=True)
    for n in numbers:
        with open(os.path.join(os.path.dirname(HERE), "tpch", f"q{n:02d}.sql")) as f:
            text = "".join(line for line in f if not line.startswith("--"))
        free = berth(args, views, folder, text, 0, None)
        small = berth(args, views, folder, text, limit, args.memory)
        duck = duckdb(args, views, text, limit, grant)
        wanted = duck[0] if duck[0] is not None else duckdb(args, views, text, 0, 0)[0]
        wanted = wanted if wanted is not None else free[0]  # DuckDB has no answer at all
        equal = all(r[0] is not None and wanted is not None and same_rows(r[0], wanted) for r in (free, small))
        line = {"query": f"Q{n}", "berth_s": small[1], "unlimited_s": free[1], "ratio": small[1] / free[1], "peak_mib": small[2],
                "duckdb_s": duck[1], "duckdb_peak_mib": duck[2], "berth": small[3], "duckdb": duck[3], "equal": equal}
        report.append(line)
        if not args.json:
            print(f"Q{n:<5} {small[1]:>8.2f} {free[1]:>9.2f} {line['ratio']:>6.2f} {small[2]:>9.1f}  {duck[1]:>8.2f} {duck[2]:>9.1f}  "
                  f"berth {small[3]}{', equal' if equal else ', NOT EQUAL'}; duckdb {duck[3]}", flush=True)
    os.rmdir(ROOT)
    good = sum(r["equal"] for r in report)
    if args.json:
        print(json.dumps({"benchmark": "limits", "scale": args.scale, "grant": args.memory, "queries": report}))
    else:
        print(f"berth: {good} of {len(report)} right; duckdb: {sum(r['duckdb'] == 'finished' for r in report)} finished")
    return 0 if good == len(report) else 1


def main():
    p = arguments("limits", __doc__)
    p.add_argument("--memory", default="64M", help="the grant, with K, M or G (default: %(default)s)")
    p.add_argument("--queries", default="all", help="numbers, comma between, or all")
    p.add_argument("--patience", type=int, default=300, help="seconds for a query of DuckDB (default: %(default)s)")
    p.add_argument("--bed-memory", default="8G", help="memory of the bed (default: %(default)s)")
    p.add_argument("--executor", default=os.path.join(os.environ.get("BERTH_BUILD", ""), "exec", "berth-executor"), help="the executor's program")
    p.add_argument("--inside", action="store_true", help="this is the bed")
    args = p.parse_args()
    if args.memory[-1:] not in UNITS or not args.memory[:-1].isdigit():
        p.error("--memory is a number with K, M or G behind it")
    if args.inside:
        return inside(args)
    tpch_data(args.scale)
    command = [os.environ["BERTH_VENV"] + "/bin/python", "-B", os.path.join(HERE, "bench.py"), "--inside", f"--scale={args.scale}",
               f"--threads={args.threads}", f"--memory={args.memory}", f"--queries={args.queries}", f"--patience={args.patience}",
               f"--berth={args.berth}", f"--executor={args.executor}"] + (["--json"] if args.json else [])
    return subprocess.run([os.path.join(TOP, "packaging", "vm", "run"), "--bed=uml", f"--build={os.environ['BERTH_BUILD']}",
                           f"--mem={args.bed_memory}", "--timeout=7200", f"--venv={os.environ['BERTH_VENV']}", "--", *command]).returncode


if __name__ == "__main__":
    sys.exit(main())
