#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml qemu
# daemon: no
# needs: build
# timeout: 180
"""berth's D-Bus verbs against the real berthd: what they show is what sessions have, and what they do is done."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _berthd import BUILD, LOST, Channel, Clients, Gateway, check, close, run, wait_for  # noqa: E402

ALICE, BOB = 2001, 2002
MIB = 1 << 20


class Berth:
    def __init__(self, b):
        self.env = b.env

    def __call__(self, *words, user=None):
        """(exit status, standard output, standard error)"""
        command = [os.path.join(BUILD, "client/berth"), *words]
        if user:
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        r = subprocess.run(command, capture_output=True, text=True, env=self.env, timeout=60)
        return r.returncode, r.stdout, r.stderr

    def json(self, *words, user=None):
        status, out, err = self("--json", *words, user=user)
        return json.loads(out) if status == 0 else {"status": status, "error": err}


def main(b):
    b.start("Budget=60%\n[Sessions]\nWarmPool=1\n")
    clients, berth = Clients(b.folder), Berth(b)
    g = Gateway(b.socket)
    status, out, err = berth("sessions")
    check("without sessions: no table, no error", (status, out, err) == (0, "", ""), (status, out, err))
    check("as JSON: an empty array", berth.json("sessions") == [])

    one = g.open(clients.connect(ALICE), "alice-1", profile=2)
    two = g.open(clients.connect(BOB), "bob-1")
    a, c = Channel(one), Channel(two)
    check("a query runs", a.ask("estimate 1 100").startswith("grant"))

    rows = {r["session"]: r for r in berth.json("sessions")}
    mine = rows[str(one.session)]
    check("both sessions are listed", set(rows) == {str(one.session), str(two.session)}, rows)
    check("uid, profile, generation", (mine["uid"], mine["profile"], mine["generation"]) == (ALICE, "batch", 1), mine)
    check("used <= limit, granted what was estimated", 0 < mine["memory_current_bytes"] <= mine["memory_limit_bytes"] and
          mine["memory_grant_bytes"] >= 100 * MIB and mine["queries"] == 1, mine)
    status, out, _ = berth("sessions")
    check("the table has a heading and two rows", status == 0 and len(out.splitlines()) == 3, out)
    status, out, _ = berth("--no-legend", "sessions")
    check("no heading with --no-legend", len(out.splitlines()) == 2, out)

    queries = berth.json("queries")
    check("the query is listed, running", len(queries) == 1 and queries[0]["state"] == "running" and
          queries[0]["session"] == str(one.session), queries)
    pools = berth.json("pools")
    check("pools of both classes", {p["class"] for p in pools} >= {"interactive", "batch"}, pools)
    slots = berth.json("pools", "--slots")
    check("a slot is leased to the session that runs", any(s["session"] == str(one.session) and s["uid"] == ALICE
                                                          for s in slots), slots)
    all_of_it = berth.json("sessions", str(one.session))
    check("one session: sandbox and place", all_of_it.get("Uid") == ALICE and all_of_it.get("SeccompMode") == 2 and
          all_of_it.get("NoNewPrivs") is True and all_of_it.get("NamespaceMount", 0) > 0, all_of_it)
    status, out, _ = berth("sessions", str(one.session))
    check("the same for people", status == 0 and "MemoryGrantBytes:" in out, out)
    overview = berth.json("status")
    check("status", overview.get("NSessions") == 2 and overview["MemoryBudgetBytes"] > 0, overview)
    check("status for people names what is not enforced", berth("status")[0] == 0)
    top = berth.json("top")
    check("top --json: one picture", [r["running"] for r in top if r["session"] == str(one.session)] == [1], top)
    status, out, _ = berth("top", "--once")
    check("top --once", status == 0 and "2 sessions, 1 queries" in out, out)
    doctor = json.loads(berth("doctor", "--json")[1])
    check("doctor finds berthd and cgroup v2", {d["check"]: d["result"] for d in doctor}["berthd"] == "ok" and
          {d["check"]: d["result"] for d in doctor}["cgroup v2"] == "ok", doctor)

    status, _, err = berth("limit", str(two.session), "memory=200M")
    check("an administrator sets a limit", status == 0, err)
    answer = c.ask("estimate 1 1000")
    check("and the grant keeps to it", answer.startswith("grant") and int(answer.split()[1]) < 200 * MIB, answer)
    check("limit none takes it away", berth("limit", str(two.session), "memory=none")[0] == 0)
    status, _, err = berth("limit", "999", "memory=1G")
    check("a session that is not there: one line, status 1", status == 1 and err.count("\n") == 1, err)

    status, _, err = berth("kill", str(two.session), user=ALICE)
    check("a user may not kill another's session", status == 1 and err.count("\n") == 1, err)
    status, _, err = berth("kill", "--reason=test", str(one.session), user=ALICE)
    check("but may kill their own", status == 0, err)
    lost = g.wait(LOST, session=one.session)
    check("it is lost by the administrator's way", lost.cause == "admin" and not lost.may_retry, lost)
    check("and gone from the list", wait_for(lambda: len(berth.json("sessions")) == 1))
    a.close()
    c.close()
    g.close()

    b.process.terminate()
    b.process.wait(40)
    status, out, err = berth("sessions")
    check("without berthd: one line, status 1", status == 1 and out == "" and "berthd is not running" in err and
          err.count("\n") == 1, err)
    clients.done()
    return close()


if __name__ == "__main__":
    run(main)
