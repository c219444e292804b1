#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml qemu
# daemon: no
# needs: build
# timeout: 240
"""How berthd starts, refuses to start, is told to reload, and treats executors and peers that do not play by the rules."""

import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _berthd import BERTHD, CGROUP, Channel, Clients, Gateway, READY, REFUSED, check, close, run, shown, wait_for  # noqa: E402

ALICE = 2001


def berthd(*args, **kw):
    r = subprocess.run([BERTHD, *args], capture_output=True, text=True, timeout=60, **kw)
    return r.returncode, r.stdout + r.stderr


def configuration(b):
    code, said = berthd("--version")
    check("--version", code == 0 and said.startswith("berthd "), said)
    check("--help names the options", "--check-config" in berthd("--help")[1])
    check("an unknown option is refused", berthd("--nope")[0] == 2)

    b.write("", head="Nope=1")
    code, said = berthd("--check-config", "--config=" + b.config)
    check("an unknown key is a warning with file and line", code == 0 and f"{b.config}:8: unknown key 'Nope'" in said,
          said)
    b.write("Budget=lots\n")
    for extra in (["--check-config"], []):
        code, said = berthd(*extra, "--config=" + b.config)
        check("an impossible value is refused with file, line and reason", code == 1 and
              f"{b.config}:14: Budget= is a size" in said and "refusing to start" in said, said)
    b.write("", head="GatewayUser=nobody-of-that-name")
    code, said = berthd("--config=" + b.config)
    check("so is a gateway user that does not exist", code == 1 and "GatewayUser=" in said, said)
    code, said = berthd("--config=/nowhere/berthd.conf")
    check("so is a file that is not there", code == 1 and "/nowhere/berthd.conf" in said, said)
    b.write("", head="TopologyDirectory=/tmp")
    code, said = berthd("--config=" + b.config)
    check("so is a host without CPUs", code == 1 and "/tmp" in said, said)
    check("nothing of that is left", not os.path.exists(CGROUP + "/berth-test") and not os.path.exists(b.socket))


def without_cgroup(b):
    """In a mount namespace where /sys/fs/cgroup is an empty folder, as on a host with the old hierarchy."""
    b.write("")
    command = f"mount -t tmpfs none /sys/fs/cgroup && exec {os.path.abspath(BERTHD)} --config={b.config}"
    r = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, timeout=60)
    check("without cgroup v2 it refuses and says what would be missing", r.returncode == 1 and
          "no limit on memory" in r.stderr, r.stderr)
    b.write("Budget=60%\n", head="RequireCgroup=no")
    b.process = subprocess.Popen(["unshare", "-m", "sh", "-c", command], stderr=open(b.folder + "/log", "ab"))
    check("with RequireCgroup=no it starts and says the same", b.wait_log("is ready") and
          "not enforced on this host: Memory" in b.log(), b.log())
    clients = Clients(b.folder)
    g = Gateway(b.socket)
    ready = g.open(clients.connect(ALICE), "free")
    check("a session works", ready.type == READY, ready)
    channel = Channel(ready)
    check("its executor, too", channel.ask("who").startswith(str(ALICE)))
    check("grants are still an agreement", channel.ask("estimate 1 100").startswith("grant "))
    g.close()
    check("clean end", b.stop() == 0)
    clients.done()


def notify_and_signals(b):
    path = b.folder + "/notify"
    n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    n.bind(path)
    n.settimeout(20)
    told = []

    def until(what):
        while not any(what in t for t in told):
            told.append(n.recv(4096).decode())
        return True

    b.env.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="2000000", WATCHDOG_PID="")
    del b.env["WATCHDOG_PID"]
    b.start("Budget=60%\n[Sessions]\nWarmPool=1\n")
    check("READY=1", until("READY=1"))
    check("STATUS=", until("STATUS=0 sessions"))
    check("WATCHDOG=1", until("WATCHDOG=1"))
    b.write("Budget=50%\n[Sessions]\nWarmPool=1\n")
    b.process.send_signal(signal.SIGHUP)
    check("SIGHUP: RELOADING=1", until("RELOADING=1"))
    check("the new configuration is taken", b.wait_log("configuration read again"))
    b.write("Budget=no\n")
    b.process.send_signal(signal.SIGHUP)
    check("a bad one is not", b.wait_log("stays as it was") and b.process.poll() is None)
    b.process.send_signal(signal.SIGTERM)
    check("STOPPING=1", until("STOPPING=1"))
    check("exit 0", b.process.wait(30) == 0)
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
        del b.env[name]


def activation(b):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(b.folder + "/passed.sock")
    s.listen(5)
    b.write("Budget=60%\n")
    b.process = subprocess.Popen(
        ["sh", "-c", f"exec 3<&{s.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec {BERTHD} --config={b.config}"],
        stderr=open(b.folder + "/log", "ab"), pass_fds=[s.fileno()])
    g = Gateway(b.folder + "/passed.sock")
    me = socket.socketpair()
    check("it serves a socket that was passed in", g.identify(me[0]).uid == 0)
    check("and makes none of its own", not os.path.exists(b.socket))
    check("clean end", b.stop() == 0)


def wrong_peer(b):
    b.start("Budget=60%\n", head="GatewayUser=daemon")
    g = Gateway(b.socket, greet=False)
    check("root is not the gateway's user: closed at once", g.receive(10) is None)
    check("and recorded", "refused: not daemon" in b.log())
    mode = os.stat(b.socket).st_mode & 0o777
    check("the socket is 0660", mode == 0o660, oct(mode))
    check("clean end", b.stop() == 0)


def bad_executors(b):
    for name, word in [("fake-silent", "no HELLO within"), ("fake-early", "query-estimate in state"),
                       ("fake-liar", "the kernel does not confirm")]:
        folder = f"{b.folder}/{name}"
        os.makedirs(folder, exist_ok=True)
        b.start("Budget=60%\n[Sessions]\nWarmPool=1\nStartTimeout=1s\n", roots=folder)
        clients = Clients(folder)
        g = Gateway(b.socket)
        client = clients.connect(ALICE)
        g.send(3, b"one".ljust(64, b"\0") + b"\0" * 8 + shown(None), [client.fileno()])
        check(f"{name} is found out", b.wait_log(word, 20), b.log()[-2000:])
        answer = g.wait(READY, REFUSED, timeout=60)
        check("the client is told", answer.type == REFUSED, answer)
        check("and berthd lives", b.process.poll() is None)
        g.close()
        check("clean end", b.stop() == 0)
        clients.done()
    b.start("Budget=60%\n[Sessions]\nWarmPool=1\n", head="ExecutorPath=/nowhere/executor")
    started = b.log().count("could not be started")
    time.sleep(3)
    n = b.log().count("could not be started") - started
    check("an executor that cannot be started is not tried in a tight loop", 1 <= n <= 12, n)
    check("clean end", b.stop() == 0)


def main(b):
    configuration(b)
    without_cgroup(b)
    notify_and_signals(b)
    activation(b)
    wrong_peer(b)
    bad_executors(b)
    return close()


if __name__ == "__main__":
    run(main)
