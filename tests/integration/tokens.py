#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# daemon: no
# needs: build
# timeout: 120
"""`berth token`, and berthd's answer to a token: the uid of whoever owns its file, and nobody's for any other bytes."""
import atexit
import base64
import json
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _berthd import BUILD, Clients, Gateway, check, close, run  # noqa: E402

ALICE, BOB = 2001, 2002
DIRECTORY = "/var/lib/berth/tokens"


def berth(*words, user):
    r = subprocess.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", os.path.join(BUILD, "client/berth"), "token", *words],
                       capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


def parts(text):
    _, name, secret = text.split("_", 2)
    return bytes.fromhex(name), base64.urlsafe_b64decode(secret + "=")


def main(b):
    os.makedirs(DIRECTORY, exist_ok=True)
    # In the uml bed the folder above is the host's, where all files are one user's.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tokens", DIRECTORY], check=True)
    atexit.register(subprocess.run, ["umount", "--lazy", DIRECTORY], check=False)
    code, out, err = berth("make", "--json", "laptop", user=ALICE)
    made = json.loads(out) if code == 0 else {}
    check("a user makes a token", code == 0 and len(made.get("token", "")) == 66, (code, out, err))
    alice = parts(made["token"])
    code, out, _ = berth("make", "--days=0", user=BOB)
    bob = parts(out.strip())
    check("it is the user's file, for the user alone", (os.stat(f"{DIRECTORY}/{made['id']}").st_uid, os.stat(f"{DIRECTORY}/{made['id']}").st_mode & 0o777)
          == (ALICE, 0o600))
    with open(f"{DIRECTORY}/{made['id']}", "rb") as f:
        kept = f.read()
    check("the secret is not kept", alice[1] not in kept and alice[1].hex().encode() not in kept and made["token"][23:].encode() not in kept)
    code, out, _ = berth("list", "--json", user=ALICE)
    check("each sees his own", [(r["id"], r["label"]) for r in json.loads(out)] == [(made["id"], "laptop")], out)
    check("root has none", berth("make", user=0)[0] == 1)
    check("root makes one for another", berth("make", "--user=alice", user=0)[0] == 0)
    check("nobody makes one for another", berth("make", "--user=alice", user=BOB)[0] == 1)

    b.start("Budget=60%\n[Sessions]\nWarmPool=1\n")
    g = Gateway(b.socket)
    clients = Clients(b.folder)
    far = socket.create_connection(("127.0.0.1", listening()))
    check("a token names its owner", g.identify(far, token=alice).uid == ALICE)
    check("another one another", g.identify(far, token=bob).uid == BOB)
    check("the token counts, not the socket", g.identify(clients.connect(BOB), token=alice).uid == ALICE)
    wrong = [(alice[0], bob[1]), (bob[0], alice[1]), (alice[0], bytes(32)), (bytes(8), alice[1]),
             (alice[0], alice[1][:-1] + bytes([alice[1][-1] ^ 1]))]
    check("no other bytes name anybody", [g.identify(far, token=t).result for t in wrong] == [-6] * 5)
    check("without one the kernel is asked, which does not know", g.identify(far).result != 0)
    ready = g.open(far, "by-token", token=alice)
    check("a session is its owner's", getattr(ready, "uid", None) == ALICE, ready)
    check("none is opened with a bad one", getattr(g.open(far, "by-none", token=wrong[0]), "cause", "") == "no-identity")
    check("nothing of it is in the log", alice[1].hex() not in b.log() and made["token"][23:] not in b.log())

    check("nobody takes back another's", berth("revoke", made["id"], user=BOB)[0] != 0)
    check("its owner does", berth("revoke", made["id"], user=ALICE)[0] == 0)
    check("then it names nobody", g.identify(far, token=alice).result == -6)
    path = f"{DIRECTORY}/{bob[0].hex()}"
    with open(path, "r+b") as f: # made and expires are two numbers behind two short ones
        f.seek(16)
        f.write(int((time.time() - 10) * 1e6).to_bytes(8, "little"))
    check("nor does one that has expired", g.identify(far, token=bob).result == -6)
    with open(path, "r+b") as f:
        f.seek(16)
        f.write(bytes(8))
    check("(without that it would)", g.identify(far, token=bob).uid == BOB)
    os.chown(path, 0, 0)
    check("nor does root's", g.identify(far, token=bob).result == -6)
    g.close()
    clients.done()
    return close()


listener = None


def listening():
    global listener
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    return listener.getsockname()[1]


if __name__ == "__main__":
    run(main)
