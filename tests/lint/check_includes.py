#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the table of docs/ARCHITECTURE.md: which folder may include which.

Every include of ours is root-relative. A folder may always include itself. Inside exec/ and scheduler/ the folders are
ordered, and one sees only those before it.
"""

import os
import re

import files

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)

# folder -> prefixes of ours that it may include. The longest matching folder decides.
MAY = {
    "base": [],
    "connect/proto": ["base"],
    "connect/arrow": ["base"],
    "connect/grpc": ["base"],
    "connect/gateway": ["connect", "base"],
    "scheduler": ["base"],
    "sandbox": ["base"],
    "daemon": ["sandbox", "scheduler", "base"],
    "daemon/config": ["base"],
    "daemon/core": ["sandbox", "base", "daemon/config"],  # runs as root; nothing that decides
    "exec": ["base", "connect/proto", "connect/arrow"],
    "client": ["base", "connect"],
}

# Ours that one file may include beyond its folder's line.
ALSO = {"exec/main.c": ["sandbox"]}
# Files of a folder that another folder may see without seeing the folder.
SHARED = {"daemon/core": ["daemon/log.h", "daemon/worker.h"]}
# Folders that link less than the folder above them.
LESS = {"systemd/": ["daemon/core", "daemon/config"]}

# From the bottom up; folders in one tuple do not see each other, except as noted in PAIRS.
ORDER = {
    "exec": [("memory",), ("vec",), ("io",), ("kernel",), ("parquet", "text"), ("arrow",), ("plan",), ("expr",), ("op",), ("write", "sql", "catalog"),
             ("connect",), ("session",), ("",)],
}

# Libraries of others by the folders that link them; what is not listed is for nobody.
LIBRARIES = {
    "systemd/": ["daemon", "client", "connect/gateway"],
    "nghttp2/": ["connect/grpc", "connect/gateway", "client"],
    "seccomp.h": ["sandbox"],
    "sys/capability.h": ["sandbox", "daemon"],
    "liburing": ["sandbox", "exec/io"],
    "zstd": ["exec", "connect"],
    "lz4": ["exec", "connect"],
    "libdeflate": ["exec"],
    "bzlib.h": ["exec/text"],
    "pcre2": ["exec/expr", "exec/kernel"],
    "xxhash": ["exec", "scheduler", "base"],
    "sqlite3": ["daemon"],
    "libsmartcols": ["client"],
    "openssl/": ["connect/grpc", "connect/gateway"],
}

# D-11: the scheduler makes no system call and reads no clock, so it has no use for other headers.
PURE = {"scheduler": {"assert.h", "errno.h", "float.h", "stdarg.h", "inttypes.h", "limits.h", "math.h", "stdbool.h", "stddef.h",
                      "stdint.h", "stdio.h", "stdlib.h", "string.h"}}


def folder_of(path, table):
    """The longest key of @table that @path lies in."""
    found = [f for f in table if path == f or path.startswith(f + "/")]
    return max(found, key=len) if found else None


def rank(folder, path):
    """Position of @path in the order of @folder; files directly in it come last."""
    parts = path.split("/")
    sub = parts[1] if len(parts) > 2 else ""
    for position, names in enumerate(ORDER[folder]):
        if sub in names:
            return position, sub
    return None, sub


def fault(path, kind, target):
    own = folder_of(path, MAY)
    if kind == "<":
        for prefix, folders in LIBRARIES.items():
            less = any(path.startswith(f + "/") for f in LESS.get(prefix, []))
            if target.startswith(prefix) and (less or not any(path.startswith(f + "/") for f in folders)):
                return f"{own} does not link the library of <{target}>"
        allowed = PURE.get(own)
        if allowed and target not in allowed:
            return f"{own} is pure and has no use for <{target}>"
        return None
    if not os.path.exists(os.path.join(files.TOP, target)):
        return f'"{target}" is not a path from the root of the sources'
    if target.startswith("tests/"):
        return f'the product does not include "{target}"'
    allowed = [own, *MAY[own], *ALSO.get(path, [])]
    if target in SHARED.get(own, []):
        return None
    if own == "daemon" and target.startswith("daemon/core/"):
        return "what decides sees the core by its frames only"
    if not any(target.startswith(f + "/") for f in allowed):
        return f'{own} may not include "{target}"'
    top = own.split("/")[0]
    if top in ORDER and target.startswith(top + "/"):
        (mine, _), (other, name) = rank(top, path), rank(top, target)
        if other is None or mine is None:
            return f'{top}/{name} has no place in the order of {top}'
        if other > mine or (other == mine and path.split("/")[1] != target.split("/")[1] and mine != len(ORDER[top]) - 1):
            return f'"{target}" comes after this folder in the order of {top}'
    return None


def main():
    faults = []
    checked = 0
    for path in files.tracked(".c", ".h", ".inc"):
        if path.split("/")[0] not in files.PRODUCT:
            continue
        if not folder_of(path, MAY):
            faults.append(f"{path}: its folder is not in the table")
            continue
        checked += 1
        text = files.read(path)
        for m in INCLUDE.finditer(text):
            message = fault(path, m.group(1), m.group(2))
            if message:
                line = text.count("\n", 0, m.start(2)) + 1
                faults.append(f"{path}:{line}: {message}")
    files.close(checked, faults)


if __name__ == "__main__":
    main()
