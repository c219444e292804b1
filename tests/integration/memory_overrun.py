#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: qemu
# mem: 3G
# timeout: 300
"""100 queries that take memory without asking for it, as a bug in our own accounting would (steps 2 and 4 of the ladder).

Each is a session of its own whose executor maps 160 to 320 MiB behind berthd's back. That each of them crossed memory.high
is read from the kernel (memory.events of its leaf), not from berthd. At least 99 must end with the right answer; at least 90
must be rescued in place, by memory.high and memory.max raised in time, the others by a restart in a larger slot. Prints p50 and
p99 from the kernel's event to the new limit, and leaves one line per query in $BERTH_OUT/memory_overrun.json.
"""

import glob
import json
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import MIB, check, close, finish, leaves, log, quantile, read, rows, start_sql  # noqa: E402

RUNS = int(os.environ.get("OVERRUN_RUNS", "100"))
ANSWER = [{"n": 100000, "s": 4999950000}]
PLACED = re.compile(r"session (\d+) has executor (\d+), generation (\d+)")
RAISED = re.compile(r"limit resized: executor (\d+) .*trip-wire, (\d+) usec")
KILLED = re.compile(r"session (\d+) ran out of memory")


def crossings(parent):
    """leaf -> how often its memory.high has been crossed, where it has been."""
    found = {}
    for path in glob.glob(parent + "/executor-*/memory.events"):
        m = re.search(r"^high (\d+)", read(path), re.M)
        if m and int(m[1]) > 0:
            found[path.split("/")[-2]] = int(m[1])
    return found


def run(overrun, parent):
    begin = time.monotonic()
    child = start_sql("alice", f"--conf=spark.berth.test.overrunBytes={overrun}",
                      "SELECT count(*) AS n, sum(id) AS s FROM range(100000)")
    high = {}
    while child.poll() is None:
        high.update(crossings(parent))
        time.sleep(0.01)
    done = finish(child)
    if rows(done) != ANSWER:
        print(f"   {overrun // MIB} MiB: status {done.returncode}: {done.stderr.strip()[-300:]}")
    return {"bytes": overrun, "right": rows(done) == ANSWER, "high": high, "seconds": round(time.monotonic() - begin, 2)}


def judge(runs, text):
    """Adds to each run what berthd's log says of the executors that crossed their wire in it."""
    session_of = {int(e): int(s) for s, e, _ in PLACED.findall(text)}
    killed = {int(s) for s in KILLED.findall(text)}
    raises = {}
    for executor, usec in RAISED.findall(text):
        raises.setdefault(int(executor), []).append(int(usec))
    told = set()
    for r in runs:
        executors = [int(leaf.rsplit("-", 1)[1]) for leaf in r["high"]]
        executors = [e for e in executors if e not in told]  # a leaf that was still there from the run before
        told |= set(executors)
        r["crossed"] = bool(executors)
        r["killed"] = any(session_of.get(e) in killed for e in executors)
        r["raises"] = [usec for e in executors for usec in raises.get(e, [])]
        r["in_place"] = r["right"] and r["crossed"] and bool(r["raises"]) and not r["killed"]


def main():
    rng = random.Random(5)
    parent = os.path.dirname(leaves()[0])
    runs = [run(rng.randrange(160, 320) * MIB, parent) for _ in range(RUNS)]
    judge(runs, log())
    n = {k: sum(r[k] for r in runs) for k in ("right", "crossed", "in_place", "killed")}
    latencies = [usec for r in runs for usec in r["raises"]]
    print(f"{RUNS} overruns, of which {n['crossed']} crossed memory.high by the kernel's count: {n['right']} right answers, "
          f"{n['in_place']} rescued in place, {n['killed']} killed and restarted")
    print(f"event to new limit: p50 {quantile(latencies, 0.5)} usec, p99 {quantile(latencies, 0.99)} usec, "
          f"{len(latencies)} raises")
    if os.environ.get("BERTH_OUT"):
        with open(os.path.join(os.environ["BERTH_OUT"], "memory_overrun.json"), "w") as f:
            json.dump({**n, "runs": RUNS, "p50_usec": quantile(latencies, 0.5), "p99_usec": quantile(latencies, 0.99),
                       "queries": runs}, f, indent=1)
    check("each overrun was a real one", n["crossed"] == RUNS, [r for r in runs if not r["crossed"]])
    check("at least 99 in 100 end with the right answer", n["right"] >= 0.99 * RUNS, n)
    check("at least 90 in 100 are rescued in place", n["in_place"] >= 0.9 * RUNS, n)
    return close()


if __name__ == "__main__":
    sys.exit(main())
