#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# mem: 2G
# needs: build tpch1
# timeout: 400
"""A session that is granted 64 MiB (SessionMax) runs queries that need several times as much: they go to disk.

The answers are those of a session without a limit; what the kernel counts as the executor's own memory (anon in memory.stat of its
cgroup, looked at all the time) stays within the limit, all of it with the page cache (memory.peak) within memory.max, and nobody is
killed. No spill file is left. Where spilling is switched off the same query fails with OUT_OF_MEMORY, and the session goes on.
"""

import glob
import json
import os
import re
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import BERTH, MIB, as_user, check, close, leaves, log, read, start, uid_of, wait_for  # noqa: E402

LIMIT = 64 * MIB
SLACK = 56 * MIB  # that berthd leaves between a grant and memory.max, for page cache
DATA = os.path.join(os.environ["BERTH_DATA"], "sf1")
SPILL = "/var/lib/berth/spill"
TABLES = ["customer", "lineitem", "nation", "orders", "part", "partsupp", "supplier"]
QUERIES = {
    "sort": "select count(*) as n, sum(k) as s, max(c) as m from (select o_orderkey as k, o_comment as c from orders "
            "order by o_comment, o_orderkey limit 700000) t",
    "aggregate": "select count(*) as n, sum(c) as s, max(m) as m from (select l_orderkey, l_suppkey, count(*) as c, max(l_comment) as m "
                 "from lineitem group by l_orderkey, l_suppkey) t",
    "distinct": "select count(distinct l_partkey, l_suppkey) as a, count(distinct l_orderkey) as b from lineitem",
    "join": "select count(*) as n, sum(l_quantity) as q, max(o_comment) as m from lineitem join orders on l_orderkey = o_orderkey",
    "outer join": "select count(*) as n, count(o_orderkey) as k, max(c_comment) as m from customer left join orders on c_custkey = o_custkey",
}


class Session:
    """A `berth sql` of a user that takes statements one by one."""

    def __init__(self, user):
        self.user = user
        self.process = subprocess.Popen(
            as_user(user, BERTH, "sql", "--json", "--timing", "--quiet", "--no-progress", "--keep-going"), text=True, cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for t in TABLES:
            self.ask(f"create temporary view {t} as select * from parquet.`{DATA}/{t}.parquet`")

    def ask(self, statement):
        """The rows as text, or None when it failed."""
        self.process.stdin.write(statement + "\n;\n")
        self.process.stdin.flush()
        text = ""
        for line in self.process.stdout:
            if line.startswith('{"rows"') and '"elapsed_ms"' in line:
                return text.strip() or None
            text += line
        return None

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        return self.process.stderr.read()


def restart(lines):
    with open("/run/berth-spill.conf", "w") as f:
        f.write(f"[Memory]\nSessionMax={(LIMIT + SLACK) // MIB}M\n" + lines)
    return start("restart", "--config", "/run/berth-spill.conf")


def leaf_of(user):
    return wait_for(lambda: [p for p in leaves() if read(p + "/pids.current") not in ("", "0") and any(
        f"Uid:\t{uid_of(user)}\t" in read(f"/proc/{pid}/status") for pid in read(p + "/cgroup.procs").split())])


class Watch(threading.Thread):
    """The largest anon of a cgroup while it runs."""

    def __init__(self, leaf):
        super().__init__(daemon=True)
        self.leaf, self.largest, self.over = leaf, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.01):
            m = re.search(r"^anon (\d+)", read(self.leaf + "/memory.stat"), re.M)
            self.largest = max(self.largest, int(m[1]) if m else 0)

    def end(self):
        self.over.set()
        self.join()
        return self.largest


def open_files(leaf):
    """Nameless files that the executor has open, by where they were made."""
    found = []
    for pid in read(leaf + "/cgroup.procs").split():
        for fd in glob.glob(f"/proc/{pid}/fd/*"):
            try:
                found += [os.readlink(fd)] if "(deleted)" in os.readlink(fd) else []
            except OSError:
                pass
    return found


def main():
    free = Session("alice")
    wanted = {name: free.ask(q) for name, q in QUERIES.items()}
    check("without a limit all queries have an answer", all(wanted.values()), wanted)
    free.end()

    if not check("berthd starts with a limit for each session", restart(""), log):
        return close()
    limited = Session("bob")
    leaf = leaf_of("bob")
    if not check("it has a cgroup", leaf):
        return close()
    leaf = leaf[0]
    watch = Watch(leaf)
    for name, q in QUERIES.items():
        got = limited.ask(q)
        check(f"{name}: the right answer in {LIMIT // MIB} MiB", got is not None and got == wanted[name], (got, wanted[name]))
    anon = watch.end()
    check("its own memory stayed within the limit", 0 < anon <= LIMIT, lambda: f"{anon}\n" + "\n".join(
        line[:140] for line in log().splitlines() if "done after" in line or "resized" in line))
    peak = int(read(leaf + "/memory.peak") or 0)
    print(f"anon {anon // 1024} KiB, memory.peak {peak // 1024} KiB, memory.max {int(read(leaf + '/memory.max')) // 1024} KiB, "
          f"{json.dumps(dict(line.split() for line in read(leaf + '/memory.events').splitlines()))}")
    check("all of it within memory.max", 0 < peak <= int(read(leaf + "/memory.max")), peak)
    check("nobody was killed", "oom_kill 0" in read(leaf + "/memory.events"), read(leaf + "/memory.events"))
    check("no spill file is left open", not open_files(leaf), open_files(leaf))
    check("and none has a name", not [f for d, _, fs in os.walk(SPILL) for f in fs], os.listdir(SPILL))
    plan = limited.ask("explain analyze " + QUERIES["join"]) or ""
    check("EXPLAIN ANALYZE says what was spilled", "spilled" in plan, plan[-1500:])
    limited.end()

    if check("berthd starts without a spill directory", restart("[Data]\nSpillDirectory=\n"), log):
        poor = Session("bob")
        check("the query that does not fit fails", poor.ask(QUERIES["aggregate"]) is None)
        check("the session goes on", '"n"' in (poor.ask("select count(*) as n from nation") or ""))
        said = poor.end()
        check("and says why", "OUT_OF_MEMORY" in said, said[-800:])
    return close()


if __name__ == "__main__":
    sys.exit(main())
