#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-format would change nothing in any C file."""

import re
import shutil
import subprocess
import sys

import files


def main():
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not program:
        sys.exit("clang-format is missing")
    paths = files.tracked(".c", ".h")
    out = subprocess.run([program, "--dry-run", *paths], cwd=files.TOP, capture_output=True, text=True)
    places = {}
    for m in re.finditer(r"^([^:\n]+):(\d+):\d+: (?:warning|error):", out.stderr, re.M):
        places.setdefault(m.group(1), []).append(m.group(2))
    files.close(len(paths), [f"{p}:{lines[0]}: clang-format would change {len(lines)} places"
                             for p, lines in sorted(places.items())])


if __name__ == "__main__":
    main()
