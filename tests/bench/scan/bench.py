#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cold reads through the executor's ring beside fio on the same file, and page faults of hot queries beside DuckDB.

The page cache is dropped before each read (as root for the whole machine, else for the file). fio reads with io_uring,
1 MiB requests, as many under way as the executor has. Faults are minor and major ones of the executor and of the
DuckDB process, counted from the third run of a query on."""

import json
import os
import shutil
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from side_by_side import Berth, DuckDB, arguments, tpch_data, tpch_views, warm_cache  # noqa: E402

TPCH = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "tpch")


def drop_cache(path):
    with open(path, "rb") as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("1\n")
    except OSError:
        pass


def ours(program, path, backend):
    drop_cache(path)
    report = json.loads(subprocess.run([program, path, backend], check=True, capture_output=True, text=True).stdout)
    return report["bytes"] / report["seconds"], report


def fio(path):
    drop_cache(path)
    done = subprocess.run(["fio", "--name=scan", f"--filename={path}", "--readonly", "--rw=read", "--bs=1M", "--ioengine=io_uring",
                           "--iodepth=24", "--output-format=json"], check=True, capture_output=True, text=True)
    report = json.loads(done.stdout[done.stdout.index("{"):])
    return report["jobs"][0]["read"]["bw_bytes"]


def faults_of(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[7]) + int(fields[9])


def executor_of(berth):
    todo = [berth.process.pid]
    last = None
    while todo:
        pid = todo.pop()
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            children = [int(p) for p in f.read().split()]
        last = pid
        todo += children
    return last


def count_faults(args, views, folder):
    berth, duck = Berth(args.berth, views, args.threads, folder), DuckDB(views, args.threads)
    report = []
    for number in (1, 3, 6, 12, 14, 19):
        with open(os.path.join(TPCH, f"q{number:02d}.sql")) as f:
            text = "".join(line for line in f if not line.startswith("--"))
        counts = {"berth": [], "duckdb": []}
        for turn in range(args.runs + 2):
            for name, engine, pid in (("berth", berth, executor_of(berth)), ("duckdb", duck, os.getpid())):
                before = faults_of(pid)
                engine.run(text)
                if turn >= 2:
                    counts[name].append(faults_of(pid) - before)
        b, d = statistics.median(counts["berth"]), statistics.median(counts["duckdb"])
        report.append({"query": f"Q{number}", "berth": b, "duckdb": d, "ratio": b / max(d, 1)})
    berth.close()
    return report


def main():
    args = arguments("scan", __doc__).parse_args()
    args.runs = max(args.runs, 5)
    if not shutil.which("fio"):
        sys.exit("fio is not installed: apt-get install fio")
    folder = tpch_data(args.scale)
    views = tpch_views(folder)
    program = os.path.join(os.environ["BERTH_BUILD"], "tests", "bench", "bench_scan")
    rates = {"fio": [], "ring": [], "pread": []}
    for _ in range(args.runs):
        rates["fio"].append(fio(views["lineitem"]))
        rate, report = ours(program, views["lineitem"], "ring")
        if report["by_ring"] == 0:
            sys.exit("no request went through the ring")
        rates["ring"].append(rate)
        rates["pread"].append(ours(program, views["lineitem"], "pread")[0])
    medians = {name: statistics.median(r) / 1e6 for name, r in rates.items()}
    warm_cache(views.values())
    faults = count_faults(args, views, folder)
    what = f"scan: {views['lineitem'].rsplit('/', 1)[1]} of TPC-H SF{args.scale}, cold, {args.runs} rounds, medians"
    if args.json:
        print(json.dumps({"benchmark": "scan", "what": what, "megabytes_per_second": medians,
                          "ring_over_fio": medians["ring"] / medians["fio"], "page_faults": faults}))
    else:
        print(what)
        print("  ".join(f"{name} {rate:.0f} MB/s" for name, rate in medians.items()) + f"  ring over fio {medians['ring'] / medians['fio']:.2f}")
        print("page faults per hot query, medians:")
        for row in faults:
            print(f"{row['query']:>6} berth {row['berth']:>7.0f} duckdb {row['duckdb']:>7.0f} ratio {row['ratio']:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
