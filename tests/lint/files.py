# SPDX-License-Identifier: Apache-2.0
"""The files of the project as git sees them, for all checks in this folder."""

import os
import subprocess
import sys

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
PRODUCT = ["base", "connect", "scheduler", "sandbox", "daemon", "exec", "client"]


def tracked(*suffixes):
    """Paths relative to the checkout, with one of the suffixes if any is given."""
    try:
        out = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"], cwd=TOP,
                             capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        out = []
        for top, dirs, names in os.walk(TOP):
            dirs[:] = [d for d in dirs if not d.startswith(("build", ".git", "__pycache__"))]
            out += [os.path.relpath(os.path.join(top, n), TOP) for n in names]
    return sorted(p for p in out if (not suffixes or p.endswith(suffixes)) and os.path.isfile(os.path.join(TOP, p)))


def read(path):
    with open(os.path.join(TOP, path), errors="replace") as f:
        return f.read()


def close(checked, faults):
    """Prints the faults and ends the check."""
    for fault in faults:
        print(fault)
    print(f"{checked} checked, {len(faults)} faults")
    sys.exit(1 if faults else 0)
