#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml qemu
# daemon: no
# needs: build
# timeout: 180
"""Sessions from SESSION_OPEN to their end: who they belong to, what kills them, and that nothing is left (D-7, D-12)."""

import os
import re
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _berthd import (Channel, Clients, Gateway, LOST, READY, REFUSED, check, close, run, shown, wait_for)  # noqa: E402

ALICE, BOB, CAROL = 2001, 2002, 2003
CONFIG = "Budget=60%\n[Sessions]\nWarmPool=2\nUserMax=3\nStartTimeout=10s\n"


def leaf_of(pid):
    with open(f"/proc/{pid}/cgroup") as f:
        return f.read().strip().split("::")[1]


def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def executors():
    found = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            if "/berth-test/executor-" in leaf_of(p):
                found[int(p)] = leaf_of(p)
        except OSError:
            pass
    return found


def pid_of(b, ready):
    return int(re.search(r'"Pid" u (\d+)', b.call("DescribeSession", "s", str(ready.session))[1])[1])


def main(b):
    b.start(CONFIG)
    clients = Clients(b.folder)
    check("berthd is ready", b.process.poll() is None, b.log())
    check("two warm executors, each in a leaf of its own", wait_for(lambda: len(executors()) == 2) and
          len(set(executors().values())) == 2, b.log())

    g = Gateway(b.socket)
    alice, bob = clients.connect(ALICE), clients.connect(BOB)
    check("IDENTIFY names the owner of the socket", g.identify(alice).uid == ALICE)
    check("and of another", g.identify(bob).uid == BOB)
    tcp = socket.create_server(("127.0.0.1", 15002))
    answer = g.identify(clients.connect(ALICE, tcp))
    check("a loopback TCP client has an identity, too", answer.result == 0 and answer.uid == ALICE, answer)
    other = socket.create_server(("127.0.0.1", 0))
    answer = g.identify(clients.connect(ALICE, other))
    check("but not on another port, which a gateway could have dialled", answer.result < 0, answer)
    dialled = socket.socket(socket.AF_UNIX)
    dialled.connect(clients.path)
    answer = g.identify(dialled)
    check("nor does a unix socket that the gateway dialled", answer.result < 0, answer)
    r, w = os.pipe()
    answer = g.identify(os.fdopen(r, "rb"))
    check("a pipe has none", answer.result < 0, answer)
    os.close(w)

    one = g.open(alice, "session-a")
    check("OPEN gives a session with a channel", one.type == READY and one.has_channel == 1 and one.uid == ALICE and
          one.generation == 1, one)
    channel = Channel(one)
    check("the executor believes to be alice", channel.ask("who").split()[0] == str(ALICE))
    pid = int(next(p for p in executors() if status(p)["Uid"].split()[0] == str(ALICE)))
    s = status(pid)
    check("and the kernel says so: uid, no capability, filter", s["Uid"].split() == [str(ALICE)] * 4 and
          int(s["CapPrm"], 16) == int(s["CapBnd"], 16) == 0 and s["NoNewPrivs"] == "1" and s["Seccomp"] == "2", s)
    again = g.open(alice, "session-a")
    check("a second OPEN gives the same session without a channel", again.session == one.session and
          again.has_channel == 0, again)
    other = g.open(bob, "session-a")
    check("the same id of another user is another session", other.type == READY and other.session != one.session,
          other)
    check("the warm pool is filled up again", wait_for(lambda: len(executors()) == 4), executors())
    check("one executor and one leaf for each (D-7)", len(set(executors().values())) == 4, executors())

    check("two more for alice", g.open(alice, "b").type == READY and g.open(alice, "c").type == READY)
    refused = g.open(alice, "d")
    check("and the fourth exceeds UserMax=", refused.type == REFUSED and refused.cause == "quota", refused)

    os.kill(pid, signal.SIGKILL)
    lost = g.wait(LOST, session=one.session)
    check("kill -9 of an executor: LOST, cause killed", lost.cause == "killed" and lost.signal == 9, lost)
    if lost.may_retry:
        ready = g.retry(one.session)
        check("RETRY gives the next generation", ready.type == READY and ready.generation == 2 and
              ready.has_channel == 1, ready)
        channel = Channel(ready)
        check("which works", channel.ask("who").split()[0] == str(ALICE))
    else:
        check("without retry the session has ended", g.open(alice, "session-a").type == READY)

    for command, cause in [("segv", "crash"), ("sys", "seccomp"), ("exit 3", "crash"), ("garbage", "protocol"),
                           ("hello", "protocol"), ("hangup", "protocol")]:
        ready = g.open(bob, "dies-by-" + command)
        if not check(f"a session for {command}", ready.type == READY, ready):
            continue
        channel = Channel(ready)
        channel.tell(command)
        lost = g.wait(LOST, session=ready.session)
        check(f"an executor that does `{command}` is lost by {cause}", lost.cause == cause, lost)
        if lost.may_retry:
            g.close_session(ready.session)

    for frame in [b"", b"x", b"\0" * 16, b"\1\0\0\0\x03\0\x10\0" + b"\0" * 8, os.urandom(4096)]:
        bad = Gateway(b.socket)
        bad.socket.send(frame) if frame else bad.socket.shutdown(socket.SHUT_WR)
        check(f"a gateway that sends {len(frame)} bad bytes is closed", wait_for(lambda: bad.receive(5) is None))
    bad = Gateway(b.socket, greet=False)
    bad.identify_socket = alice
    bad.send(2, shown(None), fds=[alice.fileno()])
    check("one that does not say HELLO first is closed", bad.receive(5) is None)
    check("the good one is not", g.identify(bob).uid == BOB)

    n = len(executors())
    g.close()
    check("the gateway's end ends its sessions", wait_for(lambda: len(executors()) == 2 < n), executors())
    g = Gateway(b.socket)
    check("and a new gateway is served", g.open(alice, "after").type == READY)

    # Many at once, so that even on one CPU berthd has never read all that is there.
    clients.connect(CAROL)  # what `dialled` has left in the queue
    carol = clients.connect(CAROL)
    noisy = [g.open(who, f"noisy-{i}") for i, who in enumerate([carol] * 3)]
    victim = g.open(bob, "victim")
    if check("four sessions, three of them noisy", all(s.type == READY for s in [*noisy, victim]), [*noisy, victim]):
        pid = pid_of(b, victim)
        for session in noisy:
            Channel(session).tell("flood")
        time.sleep(1)
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        try:
            g.wait(LOST, session=victim.session, timeout=5)
            ended = True
        except (OSError, EOFError):
            ended = False
        check("executors that send without pause hide no other's end", ended, time.monotonic() - begin)
        check("nor keep D-Bus waiting", b.busctl("get-property", "org.berth.Berth1", "/org/berth/Berth1",
                                                 "org.berth.Berth1.Manager", "NSessions")[0] == 0)
    for session in [*noisy, victim]:
        if session.type == READY:
            g.close_session(session.session)

    # berthd itself is killed: its successor removes what it left, and what still runs in there.
    b.stop(signal.SIGKILL)
    check("kill -9 of berthd leaves cgroups", len(b.leaves()) >= 1)
    g.close()
    b.start(CONFIG)
    check("which the next one removes", b.wait_log("of an earlier berthd: done") and
          wait_for(lambda: len(executors()) == 2), (executors(), b.leaves()))
    g = Gateway(b.socket)
    check("and serves", g.open(alice, "after").type == READY)

    spill = os.listdir(b.folder + "/spill")
    check("one spill directory, for the one session", len(spill) == 1, spill)
    code = b.stop()
    check("SIGTERM: exit 0", code == 0, code)
    check("no executor is left", not executors(), executors())
    check("no cgroup is left", not os.path.exists("/sys/fs/cgroup/berth-test"))
    check("no socket is left", not os.path.exists(b.socket))
    check("no spill directory is left", os.listdir(b.folder + "/spill") == [])
    check("the log says that nothing is left", "left nothing behind" in b.log())
    clients.done()
    return close()


if __name__ == "__main__":
    run(main)
