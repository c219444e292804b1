#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# daemon: no
# timeout: 300
"""Tables outlive the session and belong to their user: another session of hers has them, another user neither sees nor reaches them. A
group shares a database. An executor that is killed in the middle of INSERT OVERWRITE leaves the old rows or the new ones."""

import glob
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import (Work, check, close, executors_of, finish, rows, sql, start, start_sql, uid_of, wait_for,  # noqa: E402
                   wait_running)

ROOT = "/srv/berth-catalog/warehouse"
CONFIG = "/run/berth-catalog.conf"
LONG = Work(40)


def prepare():
    shutil.rmtree(os.path.dirname(ROOT), ignore_errors=True)
    os.makedirs(ROOT)
    os.chmod(ROOT, 0o1777)
    with open(CONFIG, "w") as f:
        f.write(f"[Data]\nWritePaths={ROOT}\n")


def good(what, user, text, wanted=None):
    done = sql(user, text)
    seen = rows(done) if wanted is not None else None
    check(what, done.returncode == 0 and (wanted is None or seen == wanted), (done.returncode, seen, done.stderr))


def bad(what, user, text, error_class):
    done = sql(user, text)
    check(what, done.returncode != 0 and error_class in done.stderr, (done.returncode, done.stdout[:200], done.stderr))


def own():
    good("alice makes a table", "alice", "create table t using parquet as select id from range(1000)")
    good("another session of hers has it", "alice", "select count(*) as n from t", [{"n": 1000}])
    good("and a database", "alice", "create database d")
    good("with a table in it", "alice", "create table d.p (v int, k int) using parquet partitioned by (k)")
    good("and rows", "alice", "insert into d.p values (1, 1), (2, 2)")
    good("one partition is replaced", "alice", "insert overwrite d.p partition (k = 1) select 10")
    good("the other is not", "alice", "select v, k from spark_catalog.d.p order by k", [{"v": 10, "k": 1}, {"v": 2, "k": 2}])
    good("and a view", "alice", "create view d.v as select sum(v) as s from d.p")
    good("which answers later", "alice", "select s from d.v", [{"s": 12}])
    folder = f"{ROOT}/{uid_of('alice')}"
    check("all of it is hers alone", os.stat(folder).st_uid == uid_of("alice") and os.stat(folder).st_mode & 0o777 == 0o700)
    bad("bob has no such table", "bob", "select * from t", "TABLE_OR_VIEW_NOT_FOUND")
    bad("nor the database", "bob", "use d", "SCHEMA_NOT_FOUND")
    bad("nor gets at it", "bob", f"select * from parquet.`{folder}/t`", "")
    good("and may have his own of that name", "bob", "create table t using parquet as select 1 as x")
    good("hers is as it was", "alice", "select count(*) as n from t", [{"n": 1000}])


def taken():
    """A folder that another has made first is not used."""
    os.makedirs(f"{ROOT}/{uid_of('carol')}")
    os.chown(f"{ROOT}/{uid_of('carol')}", uid_of("bob"), uid_of("bob"))
    bad("carol's folder is bob's: she is told", "carol", "create table t (a int) using parquet", "BERTH_CATALOG_FILE")
    shutil.rmtree(f"{ROOT}/{uid_of('carol')}")


def shared():
    subprocess.run(["groupadd", "-f", "berthlab"], check=True)
    gid = int(subprocess.run(["getent", "group", "berthlab"], capture_output=True, text=True, check=True).stdout.split(":")[2])
    for folder in (f"{ROOT}/shared", f"{ROOT}/shared/lab.db", f"{ROOT}/shared/lab.db/_catalog"):
        os.makedirs(folder, exist_ok=True)
        os.chown(folder, 0, gid)
        os.chmod(folder, 0o2775 if folder.endswith("shared") else 0o2770)
    os.chmod(f"{ROOT}/shared", 0o755)
    os.chown(f"{ROOT}/shared/lab.db", uid_of("alice"), gid)
    os.chown(f"{ROOT}/shared/lab.db/_catalog", uid_of("alice"), gid)
    good("alice writes into the shared database", "alice", "create table lab.s using parquet as select 7 as a")
    bad("bob is not of the group", "bob", "select * from lab.s", "TABLE_OR_VIEW_NOT_FOUND")
    os.chmod(f"{ROOT}/shared/lab.db", 0o2775)
    os.chmod(f"{ROOT}/shared/lab.db/_catalog", 0o2775)
    good("once all may read, he does", "bob", "select a from lab.s", [{"a": 7}])
    bad("but may not drop it", "bob", "drop table lab.s", "BERTH_CATALOG_FILE")
    good("it is still there", "alice", "select a from lab.s", [{"a": 7}])


def killed():
    query = f"insert overwrite t select id from range({LONG.n}) where sqrt(id) < 0 or id % 1000000 = 0"
    child = start_sql("alice", query)
    if not check("an overwrite runs", wait_running("alice"), lambda: finish(child, 5)):
        return
    folder = f"{ROOT}/{uid_of('alice')}"
    check("into a folder of its own", wait_for(lambda: glob.glob(f"{folder}/_temporary-*")))
    pid, = executors_of("alice")
    os.kill(pid, signal.SIGKILL)
    done = finish(child)
    after = rows(sql("alice", "select count(*) as n from t"))
    new = [{"n": LONG.n // 1000000 + (LONG.n % 1000000 > 0)}]
    check("kill -9 of the executor: the old rows, or after a second try the new", after in ([{"n": 1000}], new),
          (done.returncode, after))
    good("the table is whole", "alice", "insert overwrite t select id from range(10)")
    good("and goes on", "alice", "select count(*) as n from t", [{"n": 10}])
    check("nothing is left over", not glob.glob(f"{folder}/_temporary-*"), os.listdir(folder))


def damaged():
    path = f"{ROOT}/{uid_of('alice')}/_catalog/t.table"
    text = open(path, "rb").read()
    with open(path, "r+b") as f:
        f.write(b"x")
    bad("a damaged entry says so", "alice", "select * from t", "BERTH_CATALOG_DAMAGED")
    good("others are not touched", "alice", "select s from d.v", [{"s": 12}])
    with open(path, "r+b") as f:
        f.write(text)
    good("put back, it is there again", "alice", "select count(*) as n from t", [{"n": 10}])
    good("dropped", "alice", "drop table t")
    good("with all of a database", "alice", "drop database d cascade")
    left = sorted(os.listdir(f"{ROOT}/{uid_of('alice')}"))
    check("nothing remains", left == ["_catalog"], left)


def main():
    prepare()
    if not check("Berth starts", start("start", "--config", CONFIG)):
        return close()
    try:
        own()
        taken()
        shared()
        killed()
        damaged()
    finally:
        start("stop")
        shutil.rmtree(os.path.dirname(ROOT), ignore_errors=True)
    return close()


if __name__ == "__main__":
    sys.exit(main())
