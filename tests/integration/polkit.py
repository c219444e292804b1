#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: qemu
# timeout: 120
"""The system's own D-Bus and polkit, with the policies that the package has installed: who may end whose session.

A user without rights may not touch another's session; root may, and so may an administrator who is no root, because a
polkit rule says so - and only what it says."""

import json
import os
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _real import (CHECKOUT, Work, as_user, berth_json, check, close, finish, log, run, sessions, start_sql,  # noqa: E402
                   uid_of, wait_for, wait_running)

NAME, PATH, MANAGER = "org.berth.Berth1", "/org/berth/Berth1", "org.berth.Berth1.Manager"
RULE = """polkit.addRule(function(action, subject) {
    if (action.id == "org.berth.Berth1.kill-session" && subject.user == "carol") {
        return polkit.Result.YES;
    }
});
"""
RULE_FILE = "/etc/polkit-1/rules.d/50-berth-test.rules"


def bus(user, *words):
    done = run(*as_user(user, "busctl", "--system", "--no-pager", "--allow-interactive-authorization=no", *words))
    return done.returncode, (done.stdout + done.stderr).strip()


def call(user, method, *args):
    return bus(user, "call", NAME, PATH, MANAGER, method, *args)


def members(root):
    return {(i.get("name"), m.tag, m.get("name"), tuple((a.get("type"), a.get("direction")) for a in m.findall("arg")),
             m.get("type")) for i in root.iter("interface") if i.get("name").startswith("org.berth.")
            for m in i if m.tag in ("method", "signal", "property")}


def introspection(session):
    with open(os.path.join(CHECKOUT, "packaging/dbus/org.berth.Berth1.xml")) as f:
        documented = members(ElementTree.fromstring(f.read()))
    seen = set()
    for path in (PATH, f"{PATH}/session/{session}"):
        code, said = bus("alice", "call", "--json=short", NAME, path, "org.freedesktop.DBus.Introspectable", "Introspect")
        if code == 0:
            seen |= members(ElementTree.fromstring(json.loads(said)["data"][0]))
    check("busctl introspection shows the documented API", seen == documented, sorted(map(str, seen ^ documented))[:10])


def session_id(user):
    return next((s["session"] for s in sessions() if s["uid"] == uid_of(user)), "0")


def main():
    work = Work(120)
    child = start_sql("bob", work.sql)
    if not check("bob runs a query", wait_running("bob"), lambda: berth_json("queries")):
        return close()
    bobs = session_id("bob")
    introspection(bobs)

    code, said = call("alice", "KillSession", "sst", bobs, "spite", "0")
    check("alice may not kill bob's session", code != 0 and ("nteractive" in said or "may not" in said or "ccess" in said), said)
    check("berth kill says so in one line", (r := run(*as_user("alice", "berth", "kill", bobs))).returncode == 1 and
          r.stderr.count("\n") == 1, r)
    code, said = call("alice", "SetLimit", "sa{sv}", bobs, "1", "MemoryMaxBytes", "t", str(1 << 30))
    check("nor set its limit", code != 0, said)
    check("nor reload berthd", call("alice", "Reload")[0] != 0)
    check("nor read its details", call("alice", "DescribeSession", "s", bobs)[0] != 0)
    check("nor own the name", bus("alice", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "RequestName", "su", NAME, "4")[0] != 0)
    check("carol may not either, yet", call("carol", "KillSession", "sst", bobs, "x", "0")[0] != 0)
    check("bob's query has not noticed", child.poll() is None and session_id("bob") == bobs)

    with open(RULE_FILE, "w") as f:
        f.write(RULE)
    os.chmod(RULE_FILE, 0o644)
    try:
        killed = wait_for(lambda: call("carol", "KillSession", "sst", bobs, "by the administrator", "0")[0] == 0, 20)
        check("an administrator by polkit's rule may kill it", killed)
        check("but not set limits, which the rule does not name",
              call("carol", "SetLimit", "sa{sv}", bobs, "1", "MemoryMaxBytes", "t", str(1 << 30))[0] != 0)
    finally:
        os.unlink(RULE_FILE)
    done = finish(child, 60)
    check("bob is told by whom and why", done.returncode == 1 and "by the administrator" in done.stderr, done.stderr)
    check("who did it is on record", f"uid {uid_of('carol')} may org.berth.Berth1.kill-session" in log() and
          f"uid {uid_of('alice')} may not org.berth.Berth1.kill-session" in log())

    child = start_sql("bob", work.sql)
    wait_running("bob")
    check("root is an administrator", run("berth", "kill", "--reason=maintenance", session_id("bob")).returncode == 0)
    done = finish(child, 60)
    check("bob is told", done.returncode == 1 and "maintenance" in done.stderr, done.stderr)
    child = start_sql("bob", work.sql)
    wait_running("bob")
    check("and bob may end his own", run(*as_user("bob", "berth", "kill", session_id("bob"))).returncode == 0)
    finish(child, 60)
    return close()


if __name__ == "__main__":
    sys.exit(main())
