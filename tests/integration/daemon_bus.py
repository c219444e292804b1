#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml qemu
# daemon: no
# needs: build
# timeout: 180
"""org.berth.Berth1: the documented interface, who may do what with and without polkit, signals, life without a bus."""

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _berthd import BUILD, Channel, Clients, Gateway, LOST, READY, check, close, run, wait_for  # noqa: E402

ALICE, BOB = 2001, 2002
HERE = os.path.dirname(os.path.abspath(__file__))
XML = os.path.join(HERE, "../../packaging/dbus/org.berth.Berth1.xml")

def interfaces(root):
    """What is in the XML, without order of attributes or comments."""
    found = {}
    for i in root.iter("interface"):
        if not i.get("name").startswith("org.berth."):
            continue
        members = {}
        for m in i:
            if m.tag not in ("method", "signal", "property"):
                continue
            args = [(a.get("name"), a.get("type"), a.get("direction")) for a in m.findall("arg")]
            notes = sorted((a.get("name"), a.get("value")) for a in m.findall("annotation"))
            members[m.get("name")] = (m.tag, m.get("type"), m.get("access"), args, notes)
        found[i.get("name")] = members
    return found


def main(b):
    b.start("Budget=60%\n[Sessions]\nWarmPool=1\n")
    clients = Clients(b.folder)
    check("on the bus", b.wait_log("on the bus"))
    monitor = subprocess.Popen(["busctl", "--system", "monitor", "--json=short", "org.berth.Berth1"], env=b.env,
                               stdout=open(b.folder + "/signals", "w"), stderr=subprocess.DEVNULL)
    time.sleep(1)
    g = Gateway(b.socket)
    alice = g.open(clients.connect(ALICE), "secret-of-alice")
    bob = g.open(clients.connect(BOB), "secret-of-bob")
    if not check("two sessions", alice.type == bob.type == READY):
        return close()
    a, bo = str(alice.session), str(bob.session)
    channels = Channel(alice), Channel(bob)

    documented = interfaces(ElementTree.parse(XML).getroot())
    seen = {}
    for path in ["/org/berth/Berth1", "/org/berth/Berth1/session/" + a]:
        said = b.busctl("call", "org.berth.Berth1", path, "org.freedesktop.DBus.Introspectable", "Introspect")[1]
        seen.update(interfaces(ElementTree.fromstring(json.loads(said[2:]))))
    check("introspection is what packaging/dbus says", seen == documented,
          [(i, m, seen.get(i, {}).get(m), documented[i].get(m)) for i in documented
           for m in {**documented[i], **seen.get(i, {})} if seen.get(i, {}).get(m) != documented[i].get(m)])
    check("the tree has an object for each session", b.busctl("tree", "--list", "org.berth.Berth1")[1].count(
        "/session/") == 2)

    for verb in ["ListSessions", "ListPools", "ListSlots", "ListQueries"]:
        code, said = b.call(verb)
        check(f"{verb} answers", code == 0 and said.startswith("a("), said)
    code, said = b.call("ListSessions")
    check("root sees all of every session", "secret-of-alice" in said and "secret-of-bob" in said, said)
    code, said = b.call("ListSessions", user=ALICE)
    check("alice sees that there are others, and no more", "secret-of-alice" in said and "secret-of-bob" not in said and
          said.startswith("a(sussssittttuuto) 2"), said)
    channels[1].ask("estimate 7 10")
    check("a query of bob is listed", "operation-7" in b.call("ListQueries")[1])
    check("without its operation for alice", "operation-7" not in b.call("ListQueries", user=ALICE)[1])
    code, said = b.call("DescribeSession", "s", a, user=ALICE)
    wanted = ["SeccompMode", "LandlockAbi", "RingRestricted", "NamespacePid", "NumaNode", "Slots", "Cgroup", "Pid"]
    check("alice may read her own", code == 0 and all(w in said for w in wanted), said)
    check("the namespaces are not berthd's", f"NamespaceNet\" t {os.stat('/proc/self/ns/net').st_ino} " not in said and
          "NamespaceNet\" t 0" not in said, said)
    check("but not bob's", b.call("DescribeSession", "s", bo, user=ALICE)[0] != 0)

    # Without polkit on the bus: the owner and root.
    code, said = b.call("KillSession", "sst", bo, "spite", "0", user=ALICE)
    check("alice may not kill bob's", code != 0 and "may not" in said, said)
    check("nor by the object", b.busctl("call", "org.berth.Berth1", "/org/berth/Berth1/session/" + bo,
                                        "org.berth.Berth1.Session", "Kill", "st", "x", "0", user=ALICE)[0] != 0)
    check("nor set limits, her own either", b.call("SetLimit", "sa{sv}", a, "1", "MemoryMaxBytes", "t", "200000000",
                                                   user=ALICE)[0] != 0)
    check("nor reload", b.call("Reload", user=ALICE)[0] != 0)
    check("bob's session lives", channels[1].ask("who").startswith(str(BOB)))
    code, said = b.call("SetLimit", "sa{sv}", a, "1", "MemoryMaxBytes", "t", str(300 << 20))
    check("root sets a limit", code == 0, said)
    check("a limit that is too small is refused", b.call("SetLimit", "sa{sv}", a, "1", "MemoryMaxBytes", "t", "5")[0])
    check("so is an unknown one", "Unknown limit" in b.call("SetLimit", "sa{sv}", a, "1", "Nope", "t", "5")[1])
    check("so are flags", "flags" in b.call("KillSession", "sst", a, "x", "1")[1])
    for name in ["999", "01", "", "x", "18446744073709551616", a + " "]:
        code, said = b.call("KillSession", "sst", name, "x", "0")
        check(f"no session '{name}'", code != 0 and "no such session" in said, said)
    code, said = b.call("KillSession", "sst", a, "my own", "0", user=ALICE)
    lost = g.wait(LOST, session=alice.session)
    check("alice kills her own", code == 0 and lost.cause == "admin" and "my own" in lost.reason, (said, lost))
    check("root reloads", b.call("Reload")[0] == 0)

    # With a polkit: its word counts, for root too, and any failure is a no.
    asked = b.folder + "/asked"
    polkit = subprocess.Popen([os.path.join(BUILD, "tests/support/fake_polkit"), asked], env=b.env)
    wait_for(lambda: "PolicyKit1" in b.busctl("list")[1])
    code, said = b.call("SetLimit", "sa{sv}", bo, "1", "MemoryMaxBytes", "t", str(300 << 20))
    check("an error of polkit is a no, even for root", code != 0, said)
    check("polkit refuses reload", b.call("Reload")[0] != 0)
    code, said = b.call("KillSession", "sst", bo, "allowed", "0", user=ALICE)
    check("and lets alice kill bob's", code == 0 and g.wait(LOST, session=bob.session).cause == "admin", said)
    with open(asked) as f:
        lines = f.read().splitlines()
    check("it was asked by bus name, without interaction", lines and all(
        line.startswith("system-bus-name :") and line.endswith(" 0") for line in lines), lines)
    polkit.terminate()
    polkit.wait()

    monitor.terminate()
    monitor.wait()
    with open(b.folder + "/signals") as f:
        signals = f.read()
    for name in ["SessionAdded", "SessionRemoved", "LimitResized", "PropertiesChanged", "InterfacesAdded",
                 "InterfacesRemoved"]:
        check(f"signal {name}", f'"member":"{name}"' in signals)

    # The bus goes away and comes back; sessions do not care.
    ready = g.open(clients.connect(ALICE), "survivor")
    channel = Channel(ready)
    b.bus.kill()
    b.bus.wait()
    check("without its bus berthd runs on", channel.ask("who").startswith(str(ALICE)) and b.process.poll() is None)
    check("and says so", b.wait_log("connection to D-Bus was lost"))
    os.unlink(b.folder + "/bus")
    b.start_bus()
    check("and finds it again", wait_for(lambda: b.call("ListSessions")[0] == 0, 20))
    check("clean end", b.stop() == 0)
    clients.done()
    return close()


if __name__ == "__main__":
    run(main)
