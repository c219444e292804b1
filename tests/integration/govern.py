#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# timeout: 300
"""Quotas of users and groups that are set while berthd runs, time-outs, drain, and "would this fit?"."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import (Work, as_user, berth_json, check, close, finish, kill, log, rows, run, session_of, sessions, sql, start,  # noqa: E402
                   start_sql, uid_of, wait_for, wait_running, BERTH, START_BERTH)

ONE = [{"one": 1}]
CONFIG = "/run/govern.conf"


def berth(*words, user=None):
    return run(*(as_user(user, BERTH, *words) if user else [BERTH, *words]))


def ok(what, done):
    check(what, done.returncode == 0, done)


def one(user):
    return sql(user, "select 1 as one")


def restart(config=None):
    run(START_BERTH, "stop")
    return start(*(["start", "--config", config] if config else ["start"]))


def hold(user):
    """A session that does nothing."""
    child = subprocess.Popen(as_user(user, BERTH, "sql", "--json", "--quiet", "--no-progress"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, cwd="/", start_new_session=True)
    child.stdin.write("select 1 as one;\n")
    child.stdin.flush()
    child.stdout.readline()
    return child


def end_sessions():
    """A client that is killed leaves its session: it might come back."""
    for s in sessions():
        berth("kill", str(s["session"]))
    check("nobody is there", wait_for(lambda: not sessions()), sessions)


def quotas():
    ok("root sets a quota", berth("quota", "alice", "sessions=1", "memory=1G"))
    listed = berth_json("quota")
    check("it is listed", len(listed) == 1 and listed[0]["who"] == "alice" and listed[0]["sessions_max"] == 1 and
          listed[0]["memory_max_bytes"] == 1 << 30 and listed[0]["running_max"] is None, listed)
    done = berth("quota", "alice", "sessions=9", user="alice")
    check("a user may not", done.returncode == 1 and "may not" in done.stderr, done)
    for wrong in (["quota", "nobody-here", "sessions=1"], ["quota", "alice", "session=1"], ["quota", "alice", "sessions=many"], ["quota", "alice"],
                  ["drain", "soon"], ["fit", "memory=much"], ["quota", "alice", "weight=2000"]):
        done = berth(*wrong)
        check(f"berth {' '.join(wrong)} is refused in words", done.returncode in (1, 2) and "berth" in done.stderr, done)
    child = hold("alice")
    check("the first session is there", wait_for(lambda: session_of("alice")))
    done = one("alice")
    check("the second is one too many, and says so", done.returncode != 0 and "session" in done.stderr, done)
    check("others are not concerned", rows(one("bob")) == ONE)
    ok("one key changes, the others stay", berth("quota", "alice", "sessions=2"))
    check("and counts at once", rows(one("alice")) == ONE and berth_json("quota")[0]["memory_max_bytes"] == 1 << 30, berth_json("quota"))
    kill(child)
    finish(child)
    check("it starts again", restart())
    check("a quota outlives a restart", wait_for(lambda: berth_json("quota")) and berth_json("quota")[0]["sessions_max"] == 2, berth_json("quota"))
    ok("none takes all bounds away", berth("quota", "alice", "none"))
    check("nothing is left", berth_json("quota") == [], berth_json("quota"))


def running():
    ok("one query at a time", berth("quota", "alice", "running=1"))
    first = start_sql("alice", Work(15).sql)
    wait_running("alice")
    second = start_sql("alice", Work(1).sql)
    queue = wait_for(lambda: berth_json("queue"), 20)
    check("the second waits, and is told why", queue and queue[0]["user"] == "alice" and queue[0]["reason"], queue)
    kill(first)
    finish(first)
    check("and comes next", rows(finish(second)) == Work(1).answer)
    berth("quota", "alice", "none")


def groups():
    ok("there is a group", run("groupadd", "--gid", "4711", "readers"))
    for user in ("alice", "bob"):
        ok(f"with {user}", run("usermod", "-aG", "readers", user))
    check("for the system, too", "4711" in run("id", "-G", "bob").stdout.split(), run("id", "bob"))
    end_sessions()
    time.sleep(5.5)  # so long may a look-up of before count
    ok("a group has a quota", berth("quota", "@readers", "sessions=1"))
    child = hold("alice")
    check("its member has a session", wait_for(lambda: session_of("alice")))
    done = one("bob")
    check("which is the group's only one", done.returncode != 0 and "session" in done.stderr, done)
    kill(child)
    finish(child)
    end_sessions()
    check("until it ends", rows(one("bob")) == ONE)
    berth("quota", "@readers", "none")


def timeouts():
    with open(CONFIG, "w") as f:
        f.write("[Sessions]\nQueryTimeout=4s\nIdleTimeout=6s\nTimeoutWarning=2s\n")
    check("it starts with time-outs", restart(CONFIG))
    begun = time.monotonic()
    done = sql("alice", Work(120).sql)
    check("a query that takes too long is cancelled in time", done.returncode != 0 and 3 < time.monotonic() - begun < 40, (done, time.monotonic() - begun))
    check("and its client reads why", "time is over" in done.stderr, done.stderr)
    check("a short one is not", rows(one("alice")) == ONE)
    child = hold("alice")
    check("a session is there", wait_for(lambda: session_of("alice")))
    check("which is ended when nobody uses it", wait_for(lambda: not session_of("alice"), 30), session_of("alice"))
    kill(child)
    finish(child)
    check("it starts without", restart())


def drained():
    child = hold("alice")
    wait_for(lambda: session_of("alice"))
    ok("the host is drained", berth("drain", "8s"))
    done = one("bob")
    check("no session is opened, in words", done.returncode != 0 and "drain" in done.stderr, done)
    check("the one that is there goes on", session_of("alice"))
    check("until its time is over", wait_for(lambda: not session_of("alice"), 30))
    check("then it is said", wait_for(lambda: "is drained" in log(), 20), lambda: log()[-500:])
    kill(child)
    finish(child)
    ok("the drain ends", berth("drain", "off"))
    check("and sessions are opened", wait_for(lambda: rows(one("bob")) == ONE, 30))
    done = berth("drain", user="alice")
    check("a user may not drain", done.returncode == 1 and "may not" in done.stderr, done)


def fit():
    small, large = berth_json("fit", "memory=10M", "scan=1M"), berth_json("fit", "memory=900G")
    check("a small query would begin now", small and small["fit"] == "now" and small["grant_bytes"] > 0, small)
    check("a huge one would not, with a reason", large and (large["fit"] != "now" or large["grant_bytes"] < 900 << 30), large)
    ok("everybody may ask", berth("fit", user="alice"))


def main():
    for part in (quotas, running, groups, timeouts, drained, fit):
        print(f"-- {part.__name__}")
        part()
    check("alice is still somebody", uid_of("alice") > 0)
    return close()


if __name__ == "__main__":
    sys.exit(main())
