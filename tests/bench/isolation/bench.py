#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small question beside tenants who saturate the CPU: its p50 and p99 over those that it has alone, and what the others still get.

In user-mode linux, which has one CPU and a real cpu controller. One user asks the same small question again and again, with a pause; first alone, then
beside one batch tenant who sums a table without a pause, then beside nine. The batch tenants' share is the CPU time of their
cgroups over what the questions and everything else in the bed left of the wall time.
"""

import json
import os
import shlex
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from side_by_side import TOP, Berth, arguments, tpch_data, tpch_views, warm_cache  # noqa: E402

SHOWN = "/srv/berth-bench"
SMALL = "select count(*) from orders where o_orderkey between 100000 and 101000"
HEAVY = ("select l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_tax), count(distinct l_suppkey) "
         "from lineitem group by l_returnflag, l_linestatus")


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def connect(program, user, views, profile):
    """A session of @user, through the gateway."""
    script = f"/run/bench-{user}"
    with open(script, "w") as f:
        f.write(f"#!/bin/sh\nexec runuser -u {user} -- {shlex.quote(program)} \"$@\"\n")
    os.chmod(script, 0o755)
    return Berth(script, views, 0, options=[f"--profile={profile}"])


def leaf_of(program, user):
    """The cgroup of the only session of @user."""
    def ask(*words):
        return json.loads(subprocess.run([program, "--json", "sessions", *words], capture_output=True, text=True, check=True).stdout)
    session = [s for s in ask() if s["user"] == user][0]
    return "/sys/fs/cgroup/" + ask(str(session["session"]))["Cgroup"].removeprefix("/sys/fs/cgroup").lstrip("/")


def cpu_usec(leaf):
    with open(f"{leaf}/cpu.stat") as f:
        return int(f.readline().split()[1])


def busy_usec():
    """CPU time of the whole bed."""
    with open("/sys/fs/cgroup/cpu.stat") as f:
        return int(f.readline().split()[1])


class Batch:
    """A tenant who asks HEAVY without a pause."""

    def __init__(self, program, user, views):
        self.engine = connect(program, user, views, "batch")
        self.engine.run(HEAVY)
        self.leaf = leaf_of(program, user)
        self.stop, self.done, self.error = False, 0, None
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        try:
            while not self.stop:
                self.engine.run(HEAVY)
                self.done += 1
        except RuntimeError as e:
            self.error = str(e)

    def close(self):
        self.stop = True
        self.thread.join(120)
        self.engine.close()


def ask(engine, n, pause):
    times = []
    for _ in range(n):
        begun = time.perf_counter()
        engine.run(SMALL)
        times.append((time.perf_counter() - begun) * 1000)
        time.sleep(pause)
    return times


def inside(args):
    views = tpch_views(SHOWN)
    users = [f"tenant{i}" for i in range(10)]
    for user in users:
        subprocess.run(["useradd", "--create-home", user], check=False, stderr=subprocess.DEVNULL)
    warm_cache(views.values())
    small = connect(args.berth, users[0], views, "interactive")
    ask(small, 20, 0)
    report = []
    for n in (0, 1, 9):
        batch = [Batch(args.berth, u, views) for u in users[1:1 + n]]
        time.sleep(3 if n else 0)
        begun, cpu, all_cpu = time.monotonic(), [cpu_usec(b.leaf) for b in batch], busy_usec()
        times = ask(small, args.questions, args.pause)
        wall = (time.monotonic() - begun) * 1e6
        got = sum(cpu_usec(b.leaf) for b in batch) - sum(cpu)
        others = busy_usec() - all_cpu - got
        for b in batch:
            b.close()
        report.append({"batch": n, "p50_ms": statistics.median(times), "p99_ms": percentile(times, 0.99), "batch_cpu_share": got / max(wall - others, 1) if n else None,
                       "errors": [b.error for b in batch if b.error]})
        report[-1]["p99_ratio"] = report[-1]["p99_ms"] / report[0]["p99_ms"]
    small.close()
    what = f"a question of TPC-H SF{args.scale}, {args.questions} times, alone and beside batch tenants, one CPU of user-mode linux"
    if args.json:
        print(json.dumps({"benchmark": "isolation", "what": what, "rows": report}))
    else:
        print(what)
        print(f"{'batch tenants':>13} {'p50 ms':>8} {'p99 ms':>8} {'p99 over alone':>14} {'batch gets of the spare CPU':>28}")
        for r in report:
            share = f"{r['batch_cpu_share'] * 100:.0f} %" if r["batch"] else ""
            print(f"{r['batch']:>13} {r['p50_ms']:>8.2f} {r['p99_ms']:>8.2f} {r['p99_ratio']:>14.2f} {share:>28}{' ERRORS' if r['errors'] else ''}")
    return 1 if any(r["errors"] for r in report) else 0


def main():
    p = arguments("isolation", __doc__)
    p.add_argument("--questions", type=int, default=300)
    p.add_argument("--pause", type=float, default=0.05, help="seconds between questions (default: %(default)s)")
    p.add_argument("--bed-memory", default="6G")
    p.add_argument("--inside", action="store_true", help="this is the bed")
    args = p.parse_args()
    if args.inside:
        return inside(args)
    folder = tpch_data(args.scale)
    command = [sys.executable, "-B", f"{HERE}/bench.py", "--inside", f"--questions={args.questions}", f"--pause={args.pause}", f"--scale={args.scale}",
               f"--berth={args.berth}"] + (["--json"] if args.json else [])
    quoted = " ".join(shlex.quote(c) for c in command)
    return subprocess.run([os.path.join(TOP, "packaging", "vm", "run"), "--bed=uml", f"--build={os.environ['BERTH_BUILD']}", "--timeout=3600",
                           f"--mem={args.bed_memory}", f"--venv={os.environ['BERTH_VENV']}", "--", "sh", "-c",
                           f"mkdir -p {SHOWN} && mount --bind {folder} {SHOWN} && packaging/vm/start-berth start >&2 && {quoted}"]).returncode


if __name__ == "__main__":
    sys.exit(main())
