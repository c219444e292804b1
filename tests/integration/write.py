#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# daemon: no
# timeout: 300
"""Sessions write where the administrator lets them (WritePaths=) and their own rights reach, and nowhere else. An executor that is
killed while it writes leaves the old data; one that the kernel kills for memory writes once, on the second try."""

import glob
import os
import shutil
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import (MIB, Work, check, close, executors_of, finish, leaf_of, log, read, rows, sql, start,  # noqa: E402
                   start_sql, uid_of, wait_for, wait_running)

ROOT = "/srv/berth-out"
CONFIG = "/run/berth-write.conf"
LONG = Work(40)
SHORT = Work(8)


def overwrite(path, query):
    return f"insert overwrite directory '{path}' using parquet {query}"


def numbers(path, user="alice"):
    return rows(sql(user, f"select count(*) as n, sum(id) as s from parquet.`{path}`"))


def prepare():
    shutil.rmtree(ROOT, ignore_errors=True)
    for user in ("alice", "bob"):
        os.makedirs(f"{ROOT}/{user}")
        os.chown(f"{ROOT}/{user}", uid_of(user), uid_of(user))
    with open(CONFIG, "w") as f:
        f.write(f"[Data]\nWritePaths={ROOT}\n")


def rights():
    done = sql("alice", overwrite(f"{ROOT}/alice/t", "select id from range(1000)"))
    check("alice writes into her folder", done.returncode == 0, done.stderr)
    files = glob.glob(f"{ROOT}/alice/t/part-*")
    check("the file is hers", len(files) == 1 and os.stat(files[0]).st_uid == uid_of("alice") and
          os.stat(files[0]).st_mode & 0o777 == 0o644, files)
    check("and everybody may read it", numbers(f"{ROOT}/alice/t", "bob") == [{"n": 1000, "s": 499500}])
    for path, why in ((f"{ROOT}/bob/t", "Permission denied"), ("/home/alice/t", "Read-only file system"),
                      ("/etc/t", ""), ("/t", ""), (f"{ROOT}/alice/../../../home/alice/t", "Read-only file system")):
        done = sql("alice", overwrite(path, "select 1 as id"))
        check(f"alice may not write {path}", done.returncode == 1 and "TASK_WRITE_FAILED" in done.stderr and why in done.stderr,
              (done.returncode, done.stderr))
        check("and nothing is there", not os.path.exists(path) and not glob.glob(os.path.dirname(path) + "/_temporary-*"))
    done = sql("bob", overwrite(f"{ROOT}/alice/t", "select 1 as id"))
    check("bob may not replace what is alice's", done.returncode == 1 and "Permission denied" in done.stderr, done.stderr)
    done = sql("bob", f"insert into parquet.`{ROOT}/alice/t` select 1L")
    check("nor add to it", done.returncode == 1 and "Permission denied" in done.stderr, done.stderr)
    check("it is as it was", numbers(f"{ROOT}/alice/t") == [{"n": 1000, "s": 499500}])
    os.symlink("/home/alice", f"{ROOT}/alice/home")
    done = sql("alice", overwrite(f"{ROOT}/alice/home/t", "select 1 as id"))
    check("a link gives no right", done.returncode == 1 and "TASK_WRITE_FAILED" in done.stderr, done.stderr)
    done = sql("alice", f"insert into parquet.`{ROOT}/alice/t` select id from range(1000, 1003)")
    check("alice adds rows", done.returncode == 0 and numbers(f"{ROOT}/alice/t") == [{"n": 1003, "s": 502503}], done.stderr)


def killed():
    child = start_sql("alice", overwrite(f"{ROOT}/alice/t", f"select id from range({LONG.n}) where sqrt(id) < 0 or id % 1000000 = 0"))
    if not check("a write runs", wait_running("alice"), lambda: finish(child, 5)):
        return
    check("into a staging directory", wait_for(lambda: glob.glob(f"{ROOT}/alice/_temporary-*")))
    pid, = executors_of("alice")
    os.kill(pid, signal.SIGKILL)
    done = finish(child)
    check("kill -9 of the executor: an error, or a second try that went well", done.returncode in (0, 1, 3), done.returncode)
    after = numbers(f"{ROOT}/alice/t")
    check("the old data or the new", after in ([{"n": 1003, "s": 502503}], [{"n": LONG.n // 1000000 + (LONG.n % 1000000 > 0), "s": sum(
        range(0, LONG.n, 1000000))}]), after)
    done = sql("alice", overwrite(f"{ROOT}/alice/other", "select 1 as id"))
    check("the next write removes what was left", done.returncode == 0 and not glob.glob(f"{ROOT}/alice/_temporary-*"), done.stderr)


def out_of_memory():
    n = SHORT.n
    child = start_sql("alice", f"--conf=spark.berth.test.overrunBytes={200 * MIB}",
                      f"insert into parquet.`{ROOT}/alice/other` select id from range({n}) where id % 1000000 = 7")
    if not check("a write that takes memory runs", wait_running("alice"), lambda: finish(child, 5)):
        return
    pid, = executors_of("alice")
    folder = "/sys/fs/cgroup" + leaf_of(pid)
    wait_for(lambda: int(read(folder + "/memory.current") or 0) > 64 * MIB, 60)
    with open(folder + "/memory.max", "w") as f:
        f.write(str(48 * MIB))
    done = finish(child)
    check("killed by the kernel", "ran out of memory: it will be restarted with more" in log(), log()[-1500:])
    check("it goes on, and writes", done.returncode == 0, (done.returncode, done.stderr))
    wanted = range(7, n, 1000000)
    check("once", numbers(f"{ROOT}/alice/other") == [{"n": 1 + len(wanted), "s": 1 + sum(wanted)}], numbers(f"{ROOT}/alice/other"))
    left = glob.glob(f"{ROOT}/alice/other/_[tc]*")
    check("and leaves nothing over", not left, left)


def main():
    prepare()
    if not check("Berth starts", start("start", "--config", CONFIG)):
        return close()
    try:
        rights()
        killed()
        out_of_memory()
    finally:
        start("stop")
        shutil.rmtree(ROOT, ignore_errors=True)
    return close()


if __name__ == "__main__":
    sys.exit(main())
