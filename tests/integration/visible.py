#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml qemu
# daemon: no
# timeout: 180
"""What a session of the real executor sees of the host: the configured data roots with the user's own rights, read-only
unless they are configured for writing, and nothing else, by whatever path or link it is asked for."""

import os
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import (CHECKOUT, Work, berth_json, check, close, executors_of, finish, log, read, rows, sql, start,  # noqa: E402
                   start_sql, uid_of, wait_running)

SECRET = "only outside"
OUTSIDE = "/var/berth-outside"  # everybody may read it, and no session may
TABLE = "orders.parquet"
CONFIG = "/run/berth-visible.conf"
ZONES = "/usr/share/zoneinfo"  # the rules of time zones: read-only, the same for everybody


def count(path, user="alice"):
    return sql(user, f"select count(*) as n from parquet.`{path}`")


def sees(what, path, user="alice"):
    done = count(path, user)
    answer = rows(done)
    check(what, answer and answer[0]["n"] > 0, (done.returncode, done.stdout, done.stderr))


def sees_not(what, path, user="alice"):
    done = count(path, user)
    said = done.stdout + done.stderr
    check(what, done.returncode == 1 and done.stdout.strip() in ("", "[\n]", "[]") and SECRET not in said and "root:" not in said and
          len(done.stderr.strip().splitlines()) == 1, (done.returncode, said))


def give(path, user, mode):
    os.chown(path, uid_of(user), uid_of(user))
    os.chmod(path, mode)


def prepare():
    shutil.rmtree(OUTSIDE, ignore_errors=True)
    os.makedirs(OUTSIDE)
    os.chmod(OUTSIDE, 0o755)
    subprocess.run([os.path.join(CHECKOUT, "tests/support/make_parquet.py"), OUTSIDE, "4000"], check=True, capture_output=True)
    with open(OUTSIDE + "/secret", "w") as f:
        f.write(SECRET)
    for user in ("alice", "bob"):
        home = f"/home/{user}"
        os.chmod(home, 0o711)
        shutil.copy(f"{OUTSIDE}/{TABLE}", f"{home}/mine.parquet")
        give(f"{home}/mine.parquet", user, 0o600)
        shutil.copy(f"{OUTSIDE}/{TABLE}", f"{home}/shared.parquet")
        give(f"{home}/shared.parquet", user, 0o644)
    for name, target in (("inside", "/home/alice/mine.parquet"), ("beside", "mine.parquet"), ("bobs", "/home/bob/mine.parquet"),
                         ("out", f"{OUTSIDE}/{TABLE}"), ("up", f"../..{OUTSIDE}/{TABLE}"), ("passwd", "/etc/passwd"),
                         ("proc", "/proc/self/root" + OUTSIDE + "/" + TABLE)):
        link = f"/home/alice/to-{name}.parquet"
        if not os.path.lexists(link):
            os.symlink(target, link)
    if not os.path.lexists("/home/alice/folder"):
        os.symlink(OUTSIDE, "/home/alice/folder")
    for folder in ("/srv/berth-in", "/srv/berth-in/out"):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)


def paths():
    sees("alice reads her own file", "/home/alice/mine.parquet")
    sees("and what bob shows to everybody", "/home/bob/shared.parquet")
    sees_not("but not bob's own", "/home/bob/mine.parquet")
    sees("a link to a file within the roots", "/home/alice/to-inside.parquet")
    sees("a relative one", "/home/alice/to-beside.parquet")
    sees_not("a link gives no right to bob's file", "/home/alice/to-bobs.parquet")
    for name in ("out", "up", "passwd", "proc"):
        sees_not(f"a link out of the roots (to-{name}) leads nowhere", f"/home/alice/to-{name}.parquet")
    sees_not("nor does one to a folder", f"/home/alice/folder/{TABLE}")
    sees_not("the target itself is not there", f"{OUTSIDE}/{TABLE}")
    sees_not("nor by ..", f"/home/alice/../..{OUTSIDE}/{TABLE}")
    for path in ("/etc/passwd", "/etc", "/proc/self/status", "/proc/1/environ", "/proc", "/sys/kernel", "/dev/null", "/run/berth",
                 "/berth-executor", "/usr/bin/env", "/"):
        sees_not(f"{path} is not there or no table", path)
    everybody = count("/home/alice/mine.parquet", "bob")
    check("bob may not read alice's", everybody.returncode == 1, everybody.stdout)


def mounts():
    """From outside: every mount of a running executor."""
    child = start_sql("alice", Work(60).sql)
    if not check("a query runs", wait_running("alice"), lambda: berth_json("queries")):
        return
    pid, = executors_of("alice")
    lines = [line.split() for line in read(f"/proc/{pid}/mountinfo").splitlines()]
    at = {line[4]: set(line[5].split(",")) for line in lines}
    roots = {r for r in ("/home", "/srv", "/data", "/mnt", "/media", "/var/lib/berth/data") if os.path.isdir(r)}
    # What is mounted below a root comes with it.
    others = {m for m in at if m not in ("/", ZONES) and not any(m == r or m.startswith(r + "/") for r in roots)}
    check("its mounts are the data roots, the rules of time zones and an empty root", not others and "/" in at and roots <= set(at), sorted(at))
    check("/srv/berth-in/out is writable, as configured", "rw" in at.get("/srv/berth-in/out", ()), at)
    writable = {m for m, options in at.items() if "rw" in options}
    check("and nothing else is", writable == {"/srv/berth-in/out"}, writable)
    lax = {m: o for m, o in at.items() if not {"nosuid", "nodev", "noexec"} <= o}
    check("none has devices, set-uid files or programs", not lax, lax)
    top = set(os.listdir(f"/proc/{pid}/root"))
    check("the root holds nothing but the ways to them", top <= {r.split("/")[1] for r in roots} | {"berth-executor", "lib", "lib64",
                                                                                                      "usr", "proc"}, top)
    full = [name for name in ("lib", "lib64", "usr", "proc") if name in top and os.listdir(f"/proc/{pid}/root/{name}") and
            stat.S_ISDIR(os.stat(f"/proc/{pid}/root/{name}").st_mode)]
    files = [os.path.join(d, f) for name in full for d, _, fs in os.walk(f"/proc/{pid}/root/{name}") for f in fs
             if not d.startswith(f"/proc/{pid}/root{ZONES}") and os.path.getsize(os.path.join(d, f)) > 0]
    check("the libraries are unmounted: no file of the host is left there", not files, files[:5])
    links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    strange = {link for link in links if not link.startswith(("socket:", "anon_inode:[io_uring]", "/dev/null")) and link != "/null" and
               "executor-" not in link and link != "/"}
    check("no descriptor leads anywhere else", not strange, links)
    child.terminate()
    finish(child, 20)


def configuration():
    """The file of the real start, not of a test's own."""
    with open(CONFIG, "w") as f:
        f.write("[Sessions]\nUserMax=5\nNoSuchKey=1\n")
    check("an unknown key does not stop it", start("restart", "--config", CONFIG))
    check("and is a warning with file and line", "90-bed.conf:3: unknown key 'NoSuchKey'" in log(), log()[-1500:])
    with open(CONFIG, "w") as f:
        f.write("[Memory]\nBudget=-4\n")
    start("stop")
    done = subprocess.run([os.path.join(CHECKOUT, "packaging/vm/start-berth"), "start", "--config", CONFIG], capture_output=True,
                          text=True, check=False)
    check("an impossible value refuses to start", done.returncode != 0)
    said = done.stdout + done.stderr
    check("and says why, with file and line", "90-bed.conf:2: Budget=" in said and "refusing to start" in said, said[-1500:])
    start("stop")


def main():
    prepare()
    with open(CONFIG, "w") as f:
        f.write("[Data]\nWritePaths=/srv/berth-in/out\n")
    if not check("Berth starts", start("start", "--config", CONFIG)):
        return close()
    try:
        paths()
        mounts()
        check("it stops cleanly", start("stop"))
        configuration()
    finally:
        start("stop")
        shutil.rmtree(OUTSIDE, ignore_errors=True)
    return close()


if __name__ == "__main__":
    sys.exit(main())
