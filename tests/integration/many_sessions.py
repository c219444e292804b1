#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# daemon: no
# needs: build
# timeout: 240
"""500 sessions opened and closed with the real executor: what berthd holds after them is what it held before, and so is what
the kernel holds for it (descriptors, threads, memory, processes, cgroups, mounts, spill files). Then some through the whole chain
for the gateway's part. Prints how long a client waits for its session."""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import _real  # noqa: E402
from _berthd import CGROUP, BUILD, Clients, Gateway, READY, check, close, run, wait_for  # noqa: E402

RUNS = int(os.environ.get("SESSION_RUNS", "500"))
CHAIN = 30
ALICE, BOB = 2001, 2002


def status(pid, key):
    return next(line.split()[1] for line in _real.read(f"/proc/{pid}/status").splitlines() if line.startswith(key + ":"))


def children(pid):
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        text = _real.read(f"/proc/{p}/stat")
        if text and text.rsplit(")", 1)[1].split()[1] == str(pid):
            found.append(int(p))
    return found


def n_warm(b):
    said = b.busctl("get-property", "org.berth.Berth1", "/org/berth/Berth1", "org.berth.Berth1.Manager", "NWarm")[1]
    return int(said.split()[1]) if said.startswith("u ") else 0


def holdings(b):
    """What it holds for its own, once the pool is warm again."""
    pid = b.process.pid
    # The manager and two executors.
    wait_for(lambda: n_warm(b) == 2 and len(b.leaves()) == 2 and len(children(pid)) == 3, 30)
    manager, = [p for p in children(pid) if _real.read(f"/proc/{p}/comm").strip() == "berth-manager"]
    links = []
    for process in (pid, manager):
        for fd in os.listdir(f"/proc/{process}/fd"):
            try:
                links.append(os.readlink(f"/proc/{process}/fd/{fd}").split(":")[0])
            except OSError:
                pass
    with open(f"/proc/{pid}/mountinfo") as f:
        mounts = len(f.readlines())
    return {"descriptors": len(links), "threads": int(status(pid, "Threads")), "children": len(children(pid)),
            "leaves": len(b.leaves()), "mounts": mounts, "spill": len(os.listdir(b.folder + "/spill"))}, int(status(pid, "VmRSS")) + int(status(manager, "VmRSS"))


def main(b):
    executor = os.path.abspath(os.path.join(BUILD, "exec/berth-executor"))
    b.start("Budget=70%\n[Sessions]\nWarmPool=2\n", head="ExecutorPath=" + executor)
    clients = Clients(b.folder)
    g = Gateway(b.socket)
    users = [clients.connect(ALICE), clients.connect(BOB)]
    waits, wrong = [], 0

    def one(i):
        nonlocal wrong
        begin = time.monotonic()
        ready = g.open(users[i % 2], f"session-{i}")
        waits.append(time.monotonic() - begin)
        wrong += ready.type != READY
        for fd in getattr(ready, "fds", []):
            os.close(fd)
        if ready.type == READY:
            g.close_session(ready.session)

    for i in range(20):  # what is allocated once has been allocated
        one(i)
    before, rss = holdings(b)
    waits.clear()
    for i in range(20, 40):  # with time for the pool in between
        one(i)
        wait_for(lambda: n_warm(b) == 2, 10)
    print(f"open to ready with a warm executor: p50 {_real.quantile(waits, 0.5) * 1e3:.2f} ms, max {max(waits) * 1e3:.2f} ms")
    waits.clear()
    begin = time.monotonic()
    for i in range(40, 40 + RUNS):
        one(i)
    seconds = time.monotonic() - begin
    after, rss_after = holdings(b)
    print(f"{RUNS} sessions in {seconds:.1f} s; open to ready, one after the other: p50 {_real.quantile(waits, 0.5) * 1e3:.2f} ms, "
          f"p99 {_real.quantile(waits, 0.99) * 1e3:.2f} ms")
    print(f"berthd holds {after}; resident {rss} KiB before, {rss_after} KiB after")
    dying = [line for line in _real.read(CGROUP + "/berth-test/cgroup.stat").splitlines() if "dying" in line]
    print(f"kernel: {dying}")
    check(f"{RUNS} sessions were ready", wrong == 0, wrong)
    check("berthd holds what it held before", before == after, (before, after))
    check("and no more memory", rss_after - rss < 1024, (rss, rss_after))
    g.close()
    clients.done()
    check("clean end: all charges are back (asserted at exit)", b.stop() == 0 and "left nothing behind" in b.log())
    chain()
    return close()


def chain():
    """The gateway, too, and clients."""
    if not check("Berth starts", _real.start()):
        return
    gateway, = _real.processes("berth-gateway")

    def held():
        wait_for(lambda: not _real.sessions() and len(_real.processes("berth-executor")) == 2, 30)
        return len(os.listdir(f"/proc/{gateway}/fd"))

    _real.sql("alice", "select 1 as x")
    before = held()
    good = sum(_real.rows(_real.sql("alice", "select 1 as x")) == [{"x": 1}] for _ in range(CHAIN))
    check(f"{CHAIN} clients got their row", good == CHAIN, good)
    check("the gateway holds what it held before", held() == before, (before, held()))
    check("and stops cleanly", _real.start("stop"))


if __name__ == "__main__":
    run(main)
