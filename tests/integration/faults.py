#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml qemu
# daemon: no
# timeout: 300
"""Each of the processes is killed under a running query, the kernel takes the memory away, and everything is stopped while
queries run: the client gets the right rows or one clear error, and nothing is left."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import (BED, MIB, Work, berth_json, check, close, executors_of, finish, leaf_of, leaves, log, processes, read, rows,  # noqa: E402
                   running, sessions, sql, start, start_sql, uid_of, wait_for, wait_running)

LONG = Work(40)  # is always ended by what is done to it
SHORT = Work(8)


def one_clear_error(done):
    """One line for a person, with a class, and none of our insides."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return done.returncode in (1, 3) and len(lines) == 1 and ".c:" not in lines[0] and "0x" not in lines[0]


def nothing_of(user):
    return wait_for(lambda: not executors_of(user) and not sessions())


def wait_queries(*users):
    """Each of them has a query; on one CPU some of them wait for a slot."""
    uids = {uid_of(u) for u in users}
    return wait_for(lambda: uids <= {q["uid"] for q in berth_json("queries")} and any(map(running, users)), 60)


def executor_killed():
    child = start_sql("alice", SHORT.sql)
    if not check("a query runs", wait_running("alice"), lambda: finish(child, 5)):
        return
    pid, = executors_of("alice")
    os.kill(pid, signal.SIGKILL)
    done = finish(child)
    check("kill -9 of the executor: the right rows, or one clear error", rows(done) == SHORT.answer or one_clear_error(done),
          (done.returncode, done.stdout, done.stderr))
    print(f"   the client got {'the rows' if done.returncode == 0 else done.stderr.strip()}")
    check("the record says what ended it", "killed by SIGKILL" in log())
    check("and its session is gone with its executor", nothing_of("alice"), sessions())


def out_of_memory():
    child = start_sql("alice", f"--conf=spark.berth.test.overrunBytes={200 * MIB}", SHORT.sql)
    if not check("a query that takes memory runs", wait_running("alice"), lambda: finish(child, 5)):
        return
    pid, = executors_of("alice")
    folder = "/sys/fs/cgroup" + leaf_of(pid)
    wait_for(lambda: int(read(folder + "/memory.current") or 0) > 64 * MIB, 60)
    # Page by page the trip wire would rescue it; the kernel is told to have no patience.
    with open(folder + "/memory.max", "w") as f:
        f.write(str(48 * MIB))
    done = finish(child)
    check("a real OOM kill: the query runs again and the rows are right", rows(done) == SHORT.answer,
          (done.returncode, done.stdout, done.stderr))
    text = log()
    check("berthd saw the kernel's count of it", "ran out of memory: it will be restarted with more" in text, text[-2000:])
    check("and its executor was not the same", "generation 2" in text)
    check("nothing is left of either", nothing_of("alice"), sessions())


def gateway_killed():
    clients = [start_sql(u, LONG.sql) for u in ("alice", "bob")]
    if not check("two users have queries", wait_queries("alice", "bob"), lambda: berth_json("queries")):
        return
    before = set(processes("berth-executor"))
    pid, = processes("berth-gateway")
    os.kill(pid, signal.SIGKILL)
    for user, child in zip(("alice", "bob"), clients):
        done = finish(child, 30)
        check(f"kill -9 of the gateway: {user} gets UNAVAILABLE at once", done.returncode in (1, 3) and "UNAVAILABLE" in done.stderr,
              (done.returncode, done.stderr))
    check("berthd ends their executors", wait_for(lambda: not executors_of("alice") and not executors_of("bob")))
    check("and their leaves", wait_for(lambda: len(leaves()) == len(processes("berth-executor"))), leaves())
    check("no session is left in its books", nothing_of("alice"), sessions())
    time.sleep(1)
    fresh = {p: uid for p, uid in processes("berth-executor").items() if p not in before}
    check("and starts no orphan: what is new is warm", all(uid == 0 for uid in fresh.values()) and
          len(processes("berth-executor")) <= 2, fresh)
    if BED == "qemu":
        check("the unit restarts", wait_for(lambda: processes("berth-gateway"), 40))
    else:
        check("a new gateway starts", start("restart"))
    done = sql("alice", SHORT.sql)
    check("and serves", rows(done) == SHORT.answer, (done.returncode, done.stderr))


def daemon_killed():
    child = start_sql("alice", LONG.sql)
    if not check("a query runs again", wait_running("alice")):
        return
    pid, = processes("berthd")
    old = set(processes("berth-executor"))
    os.kill(pid, signal.SIGKILL)
    # What it left behind is ended by systemd, or else by the next berthd.
    if BED == "qemu":
        check("kill -9 of berthd: the unit restarts", wait_for(lambda: set(processes("berthd")) - {pid}, 40))
    else:
        check("kill -9 of berthd: a new one starts", start("restart"))
    done = finish(child, 60)
    check("one clear error", one_clear_error(done), (done.returncode, done.stdout, done.stderr))
    print(f"   the client got: {done.stderr.strip()}")
    check("no executor of before is left", wait_for(lambda: not old & set(processes("berth-executor"))), old)
    done = wait_for(lambda: (r := sql("bob", SHORT.sql)).returncode == 0 and r, 40)
    check("and serves, without a restart of the gateway where there is systemd", done and rows(done) == SHORT.answer,
          done or sql("bob", SHORT.sql).stderr)
    check("the leaves of before are gone", wait_for(lambda: len(leaves()) == len(processes("berth-executor"))), leaves())


def stopped():
    clients = [start_sql(u, LONG.sql) for u in ("alice", "bob", "carol")]
    check("three users have queries", wait_queries("alice", "bob", "carol"), lambda: berth_json("queries"))
    begin = time.monotonic()
    check("stopping leaves no process, cgroup, mount or socket", start("stop"))
    check("and takes no longer than 15 s", time.monotonic() - begin < 15, time.monotonic() - begin)
    for child in clients:
        done = finish(child, 20)
        check("its client gets one clear error", one_clear_error(done), (done.returncode, done.stdout, done.stderr))
    check("berthd said that nothing is left", "left nothing behind" in log())


def main():
    if not check("Berth starts", start()):
        return close()
    try:
        for part in [p for p in (executor_killed, out_of_memory, gateway_killed, daemon_killed, stopped)
                     if len(sys.argv) < 2 or p.__name__ in sys.argv[1:]]:
            part()
    finally:
        if running_daemon := processes("berthd"):
            print(f"berthd {running_daemon} is stopped")
            start("stop")
    code = close()
    if code:
        print(log()[-6000:])
    return code


if __name__ == "__main__":
    sys.exit(main())
