#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: qemu
# nodes: 2
# mem: 3G
# timeout: 150
"""Two NUMA nodes: sessions of two users land on different ones, and the kernel says so: cpuset.cpus, cpuset.mems, the CPUs
that the threads may use, and in numa_maps the node of every page that the query has made."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import (MIB, Work, berth_json, check, close, finish, read, rows, session_of, start_sql, wait_for,  # noqa: E402
                   wait_running)

TAKEN = 128 * MIB
WORK = Work(20)
USERS = ("alice", "bob")


def parse_list(text):
    found = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def pages_by_node(pid):
    """Anonymous pages of the process: node -> bytes."""
    found = {}
    for line in read(f"/proc/{pid}/numa_maps").splitlines():
        if "anon=" not in line:
            continue
        size = int(re.search(r"kernelpagesize_kB=(\d+)", line)[1]) << 10
        for node, n in re.findall(r"\bN(\d+)=(\d+)", line):
            found[int(node)] = found.get(int(node), 0) + int(n) * size
    return found


def allowed(pid):
    """What the kernel lets each of its threads use: (CPUs, memory nodes)."""
    threads = os.listdir(f"/proc/{pid}/task")
    texts = [read(f"/proc/{pid}/task/{t}/status") for t in threads]
    return ([parse_list(re.search(r"Cpus_allowed_list:\t(.*)", t)[1]) for t in texts if "Cpus_allowed_list" in t],
            [parse_list(re.search(r"Mems_allowed_list:\t(.*)", t)[1]) for t in texts if "Mems_allowed_list" in t])


def look(user):
    session = session_of(user)
    pid, folder = session["Pid"], "/sys/fs/cgroup" + session["Cgroup"]
    node = session["NumaNode"]
    cpus_of_node = parse_list(read(f"/sys/devices/system/node/node{node}/cpulist"))
    cpus, mems = parse_list(read(folder + "/cpuset.cpus")), parse_list(read(folder + "/cpuset.mems"))
    print(f"   {user}: session {session['Id'] if 'Id' in session else ''} pid {pid} node {node}, cpuset.cpus {sorted(cpus)}, "
          f"cpuset.mems {sorted(mems)}, slots {session['Slots']}")
    check(f"{user}: cpuset.cpus is of node {node}", cpus and cpus <= cpus_of_node, (cpus, cpus_of_node))
    check(f"{user}: cpuset.mems is node {node}", mems == {node}, mems)
    effective = read(folder + "/cpuset.mems.effective")
    check(f"{user}: and in force", parse_list(effective) == {node}, effective)
    thread_cpus, thread_mems = allowed(pid)
    check(f"{user}: so it is for each of its threads", thread_cpus and all(c <= cpus_of_node for c in thread_cpus) and
          all(m == {node} for m in thread_mems), (thread_cpus, thread_mems))
    pages = wait_for(lambda: (p := pages_by_node(pid)) and sum(p.values()) > TAKEN and p, 60) or pages_by_node(pid)
    total = sum(pages.values())
    print(f"   {user}: anonymous pages by node: " + ", ".join(f"N{n} {b / MIB:.1f} MiB" for n, b in sorted(pages.items())))
    check(f"{user}: numa_maps shows what the query took", total > TAKEN, pages)
    # A warm executor's own few pages were made before anybody knew the node; the kernel moves what it can (memory_migrate).
    check(f"{user}: at least 99 in 100 pages are on node {node}", pages.get(node, 0) >= 0.99 * total, pages)
    return node


def main():
    nodes = [n for n in os.listdir("/sys/devices/system/node") if re.fullmatch(r"node\d+", n)]
    if not check("the machine has two nodes", len(nodes) == 2, nodes):
        return close()
    clients = {u: start_sql(u, f"--conf=spark.berth.test.overrunBytes={TAKEN}", WORK.sql) for u in USERS}
    placed = []
    for user in USERS:
        if check(f"a query of {user} runs", wait_running(user), lambda: berth_json("queries")):
            placed.append(look(user))
    check("the two sessions are on different nodes", len(set(placed)) == 2, placed)
    for user, child in clients.items():
        done = finish(child)
        check(f"{user} has the right answer", rows(done) == WORK.answer, (done.returncode, done.stderr))
    return close()


if __name__ == "__main__":
    sys.exit(main())
