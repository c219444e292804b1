#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""D-5: at most 6,000 lines of ours run as root.

Those are the source files that are linked into berthd, the core, as its debug information names them, and the headers of ours that they
include. Counted are lines that hold code, not blank ones and comments.

usage: check_root_size.py BERTHD
"""

import os
import re
import subprocess
import sys

import files

MOST = 6000
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def code_lines(text):
    def blank(m):
        t = m.group(0)
        return "\n" * t.count("\n") if t.startswith("/") else t
    return sum(1 for line in TOKEN.sub(blank, text).splitlines() if line.strip())


def linked_sources(program):
    out = subprocess.run(["readelf", "--debug-dump=info", "--dwarf-depth=1", program], capture_output=True, text=True,
                         check=True).stdout
    found = set()
    for name in re.findall(r"DW_AT_name\s*:.*?(\S+\.c)$", out, re.M):
        parts = name.split("/")
        for start in range(len(parts)):
            path = "/".join(parts[start:])
            if parts[start] in files.PRODUCT and os.path.exists(os.path.join(files.TOP, path)):
                found.add(path)
                break
    return found


def with_headers(sources):
    todo, seen = list(sources), set()
    while todo:
        path = todo.pop()
        if path in seen or not os.path.exists(os.path.join(files.TOP, path)):
            continue
        seen.add(path)
        todo += INCLUDE.findall(files.read(path))
    return seen


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sources = linked_sources(sys.argv[1])
    if not sources:
        sys.exit(f"{sys.argv[1]} has no debug information")
    sizes = {}
    for path in with_headers(sources):
        folder = path.split("/")[0]
        sizes[folder] = sizes.get(folder, 0) + code_lines(files.read(path))
    total = sum(sizes.values())
    for folder, n in sorted(sizes.items()):
        print(f"{folder:<10} {n:>6}")
    print(f"{'':<10} {total:>6}")
    faults = [f"{total} lines of code run as root, {MOST} may"] if total > MOST else []
    faults += [f"{folder}/ is linked into berthd" for folder in sizes if folder in ("exec", "connect", "client")]
    files.close(len(sources), faults)


if __name__ == "__main__":
    main()
