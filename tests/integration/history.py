#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# timeout: 240
"""What queries have used is kept over a restart, shown to whom it belongs, and never a reason to refuse work."""

import glob
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import (MIB, Work, as_user, berth_json, check, close, finish, kill, log, read, rows, run, sql, start,  # noqa: E402
                   start_sql, uid_of, wait_for, wait_running, BERTH, START_BERTH)

FOLDER = "/var/lib/berth/history"
FILE = f"{FOLDER}/history.sqlite"


def history(*words):
    return berth_json("history", *words)


def history_of(user, *words):
    import json
    done = run(*as_user(user, BERTH, "--json", "history", *words))
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None


def stop():
    done = run(START_BERTH, "stop")
    check("it stops and leaves nothing", done.returncode == 0, done)


def shown():
    sql("alice", Work(0.1).sql)
    n = Work(0.1).n
    sql("alice", f"select sum(10 / (id - {n - 1})) as s from range({n})")  # divides by zero at the end
    sql("bob", Work(0.1).sql)
    wait_for(lambda: len(history()) >= 3)
    all_rows = history()
    check("root sees the queries of all", {r["user"] for r in all_rows} >= {"alice", "bob"}, all_rows)
    mine = history_of("alice")
    check("a user sees the own ones only", mine and {r["user"] for r in mine} == {"alice"}, mine)
    first = [r for r in all_rows if r["user"] == "bob"][0]
    check("with what it used", first["state"] == "done" and first["rows"] == 1 and first["elapsed_usec"] > 0 and
          first["executor_version"] and first["workload"] != "0" * 16, first)
    failed = history("--failed")
    check("--failed shows those alone", failed and failed == [r for r in history() if r["state"] == "failed"], failed)
    check("-n bounds", len(history("-n", "1")) == 1)
    check("--since looks back", len(history("--since=1h")) == len(history()) and history("--since=0.001s") == [])
    for wrong in (["-n", "0"], ["--since=tomorrow"], ["extra"]):
        done = run(BERTH, "history", *wrong)
        check(f"history {' '.join(wrong)} is refused in words", done.returncode == 2 and "berth history" in done.stderr, done)


def queued():
    holders = [start_sql("alice", "--profile=batch", Work(20).sql)]
    wait_running("alice")
    waiting = [start_sql("bob", "--profile=batch", Work(20).sql) for _ in range(3)]
    queue = wait_for(lambda: berth_json("queue"), 30)
    for child in holders + waiting:
        kill(child)
        finish(child)
    check("who waits is in the queue with a reason", bool(queue) and all(q["reason"] and q["waited_usec"] >= 0 for q in queue), queue)


def killed():
    """A query whose executor is killed under it is in the history with the cause."""
    child = start_sql("alice", "--conf=spark.berth.test.overrunBytes=20m", Work(15).sql)
    wait_running("alice")
    import subprocess
    subprocess.run(["pkill", "-KILL", "-u", "alice", "berth-executor"], check=False)
    found = wait_for(lambda: [r for r in history("--failed") if r["cause"] == "killed"], 20)
    kill(child)
    finish(child)
    check("an executor's end is the cause of its query's", bool(found), lambda: history("-n", "5"))


def restarted():
    before = history("-n", "10000")
    stop()
    check("the file is the manager's alone", os.stat(FILE).st_mode & 0o077 == 0 and os.stat(FOLDER).st_mode & 0o777 == 0o700,
          oct(os.stat(FOLDER).st_mode))
    check("it starts", start("start"))
    after = wait_for(lambda: history("-n", "10000")) or []
    check("nothing is lost by a restart", len(after) >= len(before) > 0 and after[-1] == before[-1], (len(before), len(after)))
    check("the scheduler is told of the workloads", wait_for(lambda: "workloads are known from before" in log()))


def damaged():
    stop()
    with open(FILE, "r+b") as f:
        f.write(os.urandom(8192))
    check("it starts", start("start"))
    work = Work(0.1)
    check("a damaged file does not hinder", rows(sql("alice", work.sql)) == work.answer)
    check("it is put aside, and said", os.path.exists(FILE + ".damaged") and wait_for(lambda: "was damaged" in log()))
    check("the history begins again", wait_for(lambda: len(history()) == 1, 10), history)


def full():
    """A disk without room costs records and nothing else."""
    stop()
    uid = uid_of("berth")
    run("mount", "-t", "tmpfs", "-o", f"size=64k,mode=0700,uid={uid}", "tmpfs", FOLDER)
    with open(f"{FOLDER}/ballast", "wb", buffering=0) as f:
        try:
            while True:
                os.write(f.fileno(), b"x" * 4096)
        except OSError:
            pass
    check("it starts", start("start"))
    check("queries are answered on a full disk", rows(sql("alice", "select 2 as two")) == [{"two": 2}])
    time.sleep(1.5)
    check("it is said once", wait_for(lambda: log().count("cannot be kept") == 1), lambda: log()[-800:])
    done = run(BERTH, "history")
    check("the history says why it cannot be read", done.returncode == 1 and "cannot" in done.stderr, done)
    stop()
    run("umount", FOLDER)
    check("it starts", start("start"))


def main():
    for part in (shown, queued, killed, restarted, damaged, full):
        print(f"-- {part.__name__}")
        part()
    advice = berth_json("advise")
    check("advise is a list", isinstance(advice, list), advice)
    return close()


if __name__ == "__main__":
    sys.exit(main())
