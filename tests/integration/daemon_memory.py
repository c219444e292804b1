#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml qemu
# daemon: no
# needs: build
# timeout: 180
"""The memory ladder as berthd carries it out: a reservation, the trip wire, a real OOM kill, the way down (D-1, D-2)."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _berthd import CGROUP, Channel, Clients, Gateway, LOST, READY, check, close, run, wait_for  # noqa: E402

ALICE = 2001
MIB = 1 << 20


def read(path):
    with open(path) as f:
        return f.read().strip()


def main(b):
    b.start("Budget=900M\nReserve=100M\nSessionFloor=32M\n[Sessions]\nWarmPool=1\n")
    clients = Clients(b.folder)
    g = Gateway(b.socket)
    ready = g.open(clients.connect(ALICE), "m")
    if not check("a session", ready.type == READY, ready):
        return close()
    channel = Channel(ready)
    leaf = wait_for(lambda: [p for p in b.leaves() if int(read(p + "/pids.current")) > 0])[0]

    def limit(name="memory.max"):
        return int(read(f"{leaf}/{name}"))

    def describe():
        said = b.call("DescribeSession", "s", str(ready.session))[1]
        return dict(re.findall(r'"(\w+)" [a-z]+ "?([^" ]+)"?', said))

    def granted():
        return int(re.search(r"t (\d+)", b.busctl("get-property", "org.berth.Berth1", "/org/berth/Berth1",
                                                  "org.berth.Berth1.Manager", "MemoryGrantedBytes")[1])[1])

    check("oom.group is on, the wire below the fence", read(leaf + "/memory.oom.group") == "1" and
          limit("memory.high") < limit("memory.max"))
    floor = limit()

    # 1. Reserve first: the limit is up before the answer leaves.
    answer = channel.ask("estimate 1 150").split()
    check("an estimate is granted", answer[0] == "grant" and answer[3] == "0" and int(answer[1]) >= 150 * MIB, answer)
    check("and memory.max was raised before", limit() > floor and limit() >= int(answer[1]), limit())
    check("the bus says the same", describe()["MemoryLimitBytes"] == str(limit()), describe())
    check("the executor fills its grant", channel.ask("grow 120") == "grown")
    before = limit()
    answer = channel.ask("request 1 260").split()
    check("a request is granted", answer[1] == "0" and int(answer[2]) >= 260 * MIB and limit() > before, answer)
    check("the sum of all memory.max is within the budget (D-1)",
          sum(int(read(p + "/memory.max")) for p in b.leaves()) <= 900 * MIB)
    check("MemoryGrantedBytes is that sum", granted() >= sum(int(read(p + "/memory.max")) for p in b.leaves()))

    # 2. Trip wire: it takes more than it was given, slowly enough to be seen.
    before = limit()
    grown = 120
    while grown < 330 and limit() == before:
        channel.ask("grow 5")
        grown += 5
    check("crossing memory.high raises both", wait_for(lambda: limit() > before), (before, limit(), grown))
    check("the record says why and how fast", re.search(r"BERTH_CAUSE=trip-wire BERTH_LATENCY_USEC=\d+", b.log()))

    # 3. The way down: never below use (D-2).
    check("the query ends", channel.ask("end 1") == "ended")
    channel.ask("return 32")
    wait_for(lambda: limit() < before, 15)
    check("memory.max is not below memory.current", limit() >= int(read(leaf + "/memory.current")), limit())
    check("the executor is alive", channel.ask("who").startswith(str(ALICE)))
    g.close_session(ready.session)
    check("its leaf is removed", wait_for(lambda: not os.path.exists(leaf)))

    # 4. A real OOM kill. The trip wire would rescue it again, so the test takes the wire away.
    ready = g.open(clients.connect(ALICE), "oom")
    channel = Channel(ready)
    channel.ask("estimate 1 40")
    leaf = [p for p in b.leaves() if int(read(p + "/memory.max")) > floor][0]
    with open(leaf + "/memory.high", "w") as f:
        f.write("max")
    channel.tell("grow 600")
    lost = g.wait(LOST, session=ready.session, timeout=60)
    check("the kernel kills it", lost.cause == "oom" and lost.signal == 9, lost)
    check("peak and limit are told", lost.limit > 0 and lost.peak > 0, lost)
    check("it may be tried again", lost.may_retry == 1, lost)
    again = g.retry(ready.session)
    check("with the next generation", again.type == READY and again.generation == 2, again)
    channel = Channel(again)
    answer = channel.ask("estimate 1 40").split()
    check("which gets more for the same estimate", int(answer[1]) > 40 * MIB, answer)
    check("the record of the OOM is there", re.search(r"ran out of memory.*BERTH_OUTCOME=restarting", b.log()))

    latencies = sorted(int(n) for n in re.findall(r"LATENCY_USEC=(\d+)", b.log()))
    print(f"event to new limit, {len(latencies)} resizes: p50 {latencies[len(latencies) // 2]} usec, "
          f"max {latencies[-1]} usec")
    check("berthd ends cleanly", b.stop() == 0 and not os.path.exists(CGROUP + "/berth-test"))
    clients.done()
    return close()


if __name__ == "__main__":
    run(main)
