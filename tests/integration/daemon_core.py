#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml qemu
# daemon: no
# needs: build
# timeout: 120
"""The core with a manager that has been taken over (tests/support/fake_manager.c): what it refuses, what the manager may do by
itself, and that nothing is left of either; and the real manager killed under a session."""

import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _berthd import BERTHD, BUILD, CGROUP, Channel, Clients, Gateway, READY, check, close, run, wait_for  # noqa: E402

ALICE = 2001
REFUSED = {  # BERTH_FAKE: what the log says
    "memory": "core-spawn for more memory than there is",
    "much": "core-spawn for more memory than there is",
    "grow": "core-resize for more memory than there is",
    "again": "core-spawn for a number that an executor has",
    "nobody": "core-place for an executor for somebody whom the kernel has not named",
    "second": "core-place for an executor a second time",
    "garbage": "a malformed frame",
    "notify": "core-notify for a status with a control character",
}


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def is_gone(pid):
    try:
        return status(pid)["State"].startswith("Z")
    except OSError:
        return True


def manager_of(b):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            s = status(pid)
        except OSError:
            continue
        if s["PPid"] == str(b.process.pid) and s["Name"] == "berth-manager":
            return int(pid)
    return None


def nothing_left(b):
    return not os.path.exists(CGROUP + "/berth-test") and not os.path.exists(b.socket) and os.listdir(b.folder + "/spill") == []


def faked(b):
    folder = b.folder + "/libexec"
    os.makedirs(folder)
    shutil.copy(BERTHD, folder + "/berthd")
    shutil.copy(os.path.join(BUILD, "tests/support/fake_manager"), folder + "/berth-manager")
    b.write("Budget=60%\n")

    def berthd(what):
        r = subprocess.run([folder + "/berthd", "--config=" + b.config], capture_output=True, text=True, timeout=90,
                           env=dict(b.env, BERTH_FAKE=what))
        return r.returncode, r.stderr

    for what, word in REFUSED.items():
        code, said = berthd(what)
        check(f"{what}: refused, recorded, ended", code == 1 and word in said and "fake manager:" not in said, (code, said))
        check("nothing is left", nothing_left(b), said)
        if what == "second":
            check("(what it may have it got first)", "it was locked" in said, said)
    code, said = berthd("rights")
    check("the manager is not root, has no group, and gains no privilege", "uid 1 groups 0 nnp 1" in said, said)
    check("it can read limits", "read 1" in said, said)
    check("it can write none, move, kill and make nothing", "write -13 -13 -13 -13 -1 -1" in said, said)
    check("a manager that ends untold is a failure, and nothing is left", code == 1 and nothing_left(b), (code, said))
    code, said = berthd("abort")
    check("so is one that dies", code == 1 and "manager was killed by signal 9" in said and nothing_left(b), (code, said))
    p = subprocess.Popen([folder + "/berthd", "--config=" + b.config], stderr=subprocess.PIPE, text=True,
                         env=dict(b.env, BERTH_FAKE="obey"))
    for line in p.stderr:
        if "it is ready" in line:
            break
    p.send_signal(signal.SIGTERM)
    check("one that stops when it is told is none", p.wait(60) == 0 and nothing_left(b))


def real(b):
    b.start("Budget=60%\n[Sessions]\nWarmPool=1\n")
    clients = Clients(b.folder)
    g = Gateway(b.socket)
    ready = g.open(clients.connect(ALICE), "one")
    check("a session", ready.type == READY, ready)
    channel = Channel(ready)
    check("works", channel.ask("who").startswith(str(ALICE)))
    pid = manager_of(b)
    s = status(pid)
    check("the manager has no right at all", s["Uid"].split()[0] != "0" and s["Groups"].strip() == "" and s["NoNewPrivs"] == "1" and
          all(int(s[c], 16) == 0 for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")), s)
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(pid, sig)
    check("signals of a terminal are not for it", channel.ask("who").startswith(str(ALICE)) and manager_of(b) == pid)
    os.kill(pid, signal.SIGKILL)
    check("its end ends berthd", wait_for(lambda: b.process.poll() is not None, 30) is True and b.process.returncode == 1)
    check("and leaves nothing", nothing_left(b), b.leaves())
    b.start("Budget=60%\n[Sessions]\nWarmPool=1\n")
    pid = manager_of(b)
    os.kill(b.process.pid, signal.SIGKILL)
    b.process.wait()
    check("kill -9 of the core takes its manager along", wait_for(lambda: is_gone(pid)))
    b.start("Budget=60%\n[Sessions]\nWarmPool=1\n")
    check("and the next one starts", b.process.poll() is None)
    check("clean end", b.stop() == 0 and nothing_left(b))
    clients.done()


def main(b):
    faked(b)
    real(b)
    return close()


if __name__ == "__main__":
    run(main)
