#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every member of the D-Bus interface is in its manual page, and every key of the configuration in its manual page and
sample file."""

import re
import sys
import xml.etree.ElementTree as ElementTree

TOP = sys.argv[1]


def read(path):
    with open(f"{TOP}/{path}") as f:
        return f.read()


page = read("docs/man/org.berth.Berth1.5")
names = [m.get("name") for i in ElementTree.fromstring(read("packaging/dbus/org.berth.Berth1.xml")).iter("interface")
         for m in i]
faults = [f"org.berth.Berth1(5) lacks {n}" for n in names if not re.search(rf"\b{n}\b", page)]
keys = re.findall(r'\{"(\w+)", "(\w+)", parse_', re.sub(r"\s+", " ", read("daemon/config/config.c")))
sample, manual = read("packaging/systemd/berthd.conf"), read("docs/man/berthd.conf.5")
for section, key in keys:
    part = sample.split(f"[{section}]")[1].split("\n[")[0]
    if f"\n#{key}=" not in part:
        faults.append(f"berthd.conf lacks {key}= in [{section}]")
    if not re.search(rf"\b{key}\b", manual.split(f".SH [{section.upper()}]")[1].split("\n.SH ")[0]):
        faults.append(f"berthd.conf(5) lacks {key}= in [{section}]")
print(*faults, sep="\n")
print(f"{len(names)} members, {len(keys)} keys, {len(faults)} faults")
sys.exit(bool(faults) or not names or not keys)
