#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the records of this folder (*.test.xz, made by ../random/differential.py with JVM Spark) through sqltest."""

import lzma
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))


def main():
    program, options = sys.argv[1], sys.argv[2:]
    n_ok = n_failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted(os.listdir(HERE)):
            if not name.endswith(".test.xz"):
                continue
            path = os.path.join(folder, name[:-3])
            with lzma.open(os.path.join(HERE, name)) as packed, open(path, "wb") as plain:
                plain.write(packed.read())
            done = subprocess.run([program, *options, path], capture_output=True, text=True)
            sys.stderr.write(done.stderr[:20000])
            counts = re.search(r": (\d+) ok, (\d+) failed", done.stdout)
            if not counts:
                print(f"{name}: sqltest ended with {done.returncode}")
                n_failed += 1
                continue
            print(f"{name}: {counts[1]} as expected, {counts[2]} not")
            n_ok += int(counts[1])
            n_failed += int(counts[2])
    if n_ok < 20000:
        print("fewer than 20,000 records")
        n_failed += 1
    print(f"{n_ok} passed, {n_failed} failed")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
