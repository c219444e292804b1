#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Queries that need 0.5 to 20 times of what they were first granted, beside neighbours who must notice nothing.

In qemu (--bed uml: user-mode linux). Two users ask one query after the other, each in a session of its own, whose executor takes memory without
asking for it, as a bug in our accounting would: so only memory.high and the kernel's word for it lie between the query and its death. The need is
drawn log-uniformly between half of the first grant and twenty times of it. Two neighbours compute all the time. The figures: who got the right
answer, who was rescued in place (limits raised, same process), who by a restart, from the kernel's event to the new limit, and the slack:
limit minus use, integrated over the time of the queries, over the limit in the same way; use is memory.current less page cache. The same for memory.high.
"""

import json
import os
import random
import re
import shlex
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from side_by_side import TOP, arguments  # noqa: E402

MIB = 1 << 20
SQL = "SELECT count(*) AS n, sum(id) AS s FROM range(100000)"
ANSWER = [{"n": 100000, "s": 4999950000}]
PLACED = re.compile(r"session (\d+) has executor (\d+), generation (\d+)")
RAISED = re.compile(r"limit resized: executor (\d+) .*trip-wire, (\d+) usec")
KILLED = re.compile(r"session (\d+) ran out of memory")
STORM = ["storm0", "storm1"]
CALM = ["calm0", "calm1"]


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))] if values else 0


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def sql(program, user, statement, *options):
    done = subprocess.run(["runuser", "-u", user, "--", program, "sql", "--json", "--no-progress", "--quiet", *options, statement],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/", timeout=600)
    try:
        return json.loads(done.stdout) if done.returncode == 0 else None, done.stderr
    except ValueError:
        return None, done.stderr


class Slack(threading.Thread):
    """Looks at the leaves of the storm's executors every few milliseconds."""

    def __init__(self, parent):
        super().__init__()
        self.parent, self.stop = parent, False
        self.use = self.high = self.max = 0.0
        self.running = {}  # uid -> since when a query of it runs
        self.crossed = set()

    def leaf_numbers(self, leaf):
        stat = dict(line.split() for line in read(f"{leaf}/memory.stat").splitlines()[:20] if " " in line)
        values = [read(f"{leaf}/memory.{x}").strip() for x in ("current", "high", "max")]
        if not all(v.isdigit() for v in values):
            return None
        current, high, limit = map(int, values)
        return max(0, current - int(stat.get("file", 0))), high, limit

    def run(self):
        last = time.monotonic()
        while not self.stop:
            time.sleep(0.02)
            now = time.monotonic()
            span, last = now - last, now
            for leaf in os.listdir(self.parent):
                if not leaf.startswith("executor-"):
                    continue
                leaf = f"{self.parent}/{leaf}"
                crossings = re.search(r"^high (\d+)", read(f"{leaf}/memory.events"), re.M)
                if crossings and crossings[1] != "0":
                    self.crossed.add(leaf)
                pids = read(f"{leaf}/cgroup.procs").split()
                owner = re.search(r"Uid:\t(\d+)", read(f"/proc/{pids[0]}/status")) if pids else None
                numbers = self.leaf_numbers(leaf) if owner and int(owner[1]) in self.running else None
                if numbers:
                    self.use += numbers[0] * span
                    self.high += min(numbers[1], numbers[2]) * span
                    self.max += numbers[2] * span


def neighbour(program, user, state):
    n = 2_000_000
    answer = [{"n": n, "s": n * (n - 1) // 2}]
    while not state["stop"]:
        got, error = sql(program, user, f"SELECT count(*) AS n, sum(id) AS s FROM range({n})")
        state["done"] += 1
        if got != answer:
            state["errors"].append(error[-200:])


def storm(args, slack, user, needs, results):
    import pwd
    uid = pwd.getpwnam(user).pw_uid
    while True:
        try:
            need = needs.pop()
        except IndexError:
            return
        begun = time.monotonic()
        slack.running[uid] = begun
        got, error = sql(args.berth, user, SQL, f"--conf=spark.berth.test.overrunBytes={need}")
        slack.running.pop(uid, None)
        results.append({"bytes": need, "right": got == ANSWER, "seconds": time.monotonic() - begun, "error": "" if got == ANSWER else error[-300:]})


def inside(args):
    for user in STORM + CALM:
        subprocess.run(["useradd", "--create-home", user], check=False, stderr=subprocess.DEVNULL)
    found = subprocess.run("find /sys/fs/cgroup -type d -name 'executor-*'", shell=True, capture_output=True, text=True, check=True).stdout.split()
    parent = os.path.dirname(found[0])
    grant = args.first_grant * MIB
    rng = random.Random(args.seed)
    needs = [int(grant * 0.5 * 40 ** rng.random()) for _ in range(args.queries)]
    states = [{"stop": False, "done": 0, "errors": []} for _ in CALM]
    calm = [threading.Thread(target=neighbour, args=(args.berth, user, state)) for user, state in zip(CALM, states)]
    results = []
    slack = Slack(parent)
    slack.start()
    for t in calm:
        t.start()
    storms = [threading.Thread(target=storm, args=(args, slack, user, needs, results)) for user in STORM]
    for t in storms:
        t.start()
    for t in storms:
        t.join()
    slack.stop = True
    for state in states:
        state["stop"] = True
    for t in [slack, *calm]:
        t.join()
    log = subprocess.run([f"{TOP}/packaging/vm/start-berth", "log"], capture_output=True, text=True, check=False).stdout
    session_of = {int(e): int(s) for s, e, _ in PLACED.findall(log)}
    killed = {int(s) for s in KILLED.findall(log)}
    raises = [(int(e), int(usec)) for e, usec in RAISED.findall(log)]
    raised = {session_of.get(e) for e, _ in raises}
    crossed = {session_of.get(int(leaf.rsplit("-", 1)[1])) for leaf in slack.crossed} - {None}
    needy = crossed | killed
    n = {"queries": len(results), "right": sum(r["right"] for r in results), "overran": len(needy),
         "rescued_in_place": len([s for s in needy if s in raised and s not in killed]), "restarted": len(killed),
         "raises": len(raises), "p50_usec": quantile([u for _, u in raises], 0.5), "p99_usec": quantile([u for _, u in raises], 0.99),
         "slack_of_max": 1 - slack.use / slack.max, "slack_of_high": 1 - slack.use / slack.high,
         "neighbour_queries": sum(s["done"] for s in states), "neighbour_errors": sum((s["errors"] for s in states), []),
         "failed": [r for r in results if not r["right"]]}
    what = f"{len(results)} queries that need 0.5 to 20 times of {args.first_grant} MiB, {args.bed} bed"
    if args.json:
        print(json.dumps({"benchmark": "oomstorm", "what": what, **n}))
    else:
        print(what)
        print(f"right answers           {n['right']} of {n['queries']}")
        print(f"rescued in place        {n['rescued_in_place']} of {n['overran']} that crossed memory.high or were killed; {n['restarted']} restarted larger")
        print(f"event to new limit      p50 {n['p50_usec'] / 1000:.1f} ms, p99 {n['p99_usec'] / 1000:.1f} ms, {n['raises']} raises")
        print(f"slack                   {n['slack_of_max'] * 100:.0f} % of memory.max, {n['slack_of_high'] * 100:.0f} % of memory.high")
        print(f"neighbours              {n['neighbour_queries']} queries, {len(n['neighbour_errors'])} errors {n['neighbour_errors'][:1] or ''}")
        for r in n["failed"][:5]:
            print(f"failed: {r['bytes'] // MIB} MiB: {r['error'].strip()}")
    return 0 if n["right"] == n["queries"] and not n["neighbour_errors"] else 1


def main():
    p = arguments("oomstorm", __doc__, scale=None)
    p.add_argument("--bed", choices=["qemu", "uml"], default="qemu")
    p.add_argument("--queries", type=int, default=200)
    p.add_argument("--seed", type=int, default=5)
    p.add_argument("--first-grant", type=int, default=64, help="MiB that a session has at first (default: %(default)s)")
    p.add_argument("--bed-memory", default="4G")
    p.add_argument("--inside", action="store_true", help="this is the bed")
    args = p.parse_args()
    if args.inside:
        return inside(args)
    command = [os.environ["BERTH_VENV"] + "/bin/python", "-B", f"{HERE}/bench.py", "--inside", f"--bed={args.bed}", f"--queries={args.queries}",
               f"--seed={args.seed}", f"--first-grant={args.first_grant}", f"--berth={args.berth}"] + (["--json"] if args.json else [])
    quoted = " ".join(shlex.quote(c) for c in command)
    return subprocess.run([os.path.join(TOP, "packaging", "vm", "run"), f"--bed={args.bed}", f"--build={os.environ['BERTH_BUILD']}", "--timeout=3600",
                           f"--mem={args.bed_memory}", f"--venv={os.environ['BERTH_VENV']}", "--", "sh", "-c",
                           f"packaging/vm/start-berth start >&2 && {quoted}"]).returncode


if __name__ == "__main__":
    sys.exit(main())
