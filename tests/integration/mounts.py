#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml qemu
# daemon: yes
# timeout: 120
"""A file system that is mounted below a data root while warm executors wait is seen by the next session; one mounted
elsewhere is no reason to replace them; a reload replaces them."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import (CHECKOUT, check, close, log, processes, rows, sql, wait_for)  # noqa: E402

NEW = "/srv/berth-new disk"
ELSEWHERE = "/var/berth-elsewhere"


def mount(path):
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path], check=True)


def count(path):
    done = sql("alice", f"select count(*) as n from parquet.`{path}`")
    return done, rows(done)


def warm():
    """pids of executors that nobody has yet."""
    return {pid for pid, uid in processes("berth-executor").items() if uid == 0}


def main():
    first = wait_for(lambda: len(warm()) == 2 and warm(), 60)
    check("two executors wait", first, lambda: log())
    mount(ELSEWHERE)
    done, answer = count(NEW + "/orders.parquet")
    check("nothing is there before", done.returncode == 1 and "PATH_NOT_FOUND" in done.stderr, (done.stdout, done.stderr))
    waiting = wait_for(lambda: len(warm()) == 2 and warm(), 60)
    check("what is mounted elsewhere replaces nobody", waiting and len(waiting & first) >= 1, (first, waiting))

    mount(NEW)
    subprocess.run([os.path.join(CHECKOUT, "tests/support/make_parquet.py"), NEW, "1000"], check=True, capture_output=True)
    fresh = wait_for(lambda: len(warm()) == 2 and not (warm() & waiting) and warm(), 60)
    check("both that waited are replaced", fresh, (waiting, warm()))
    done, answer = count(NEW + "/orders.parquet")
    check("the next session sees what has been mounted", answer and answer[0]["n"] > 0, (done.stdout, done.stderr))

    waiting = wait_for(lambda: len(warm()) == 2 and warm(), 60)
    subprocess.run(["pkill", "-HUP", "-x", "berthd"], check=True)
    fresh = wait_for(lambda: len(warm()) == 2 and not (warm() & waiting) and warm(), 60)
    check("a reload replaces those that wait", fresh, (waiting, warm()))

    for path in (NEW, ELSEWHERE):
        subprocess.run(["umount", path], check=True)
        shutil.rmtree(path)
    return close()


if __name__ == "__main__":
    sys.exit(main())
