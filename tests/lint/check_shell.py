#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""shellcheck has nothing to say about any shell script."""

import os
import shutil
import subprocess
import sys

import files


def is_shell(path):
    with open(os.path.join(files.TOP, path), "rb") as f:
        first = f.readline(64)
    return first.startswith((b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash", b"#!/bin/dash"))


def main():
    program = shutil.which("shellcheck")
    if not program:
        sys.exit("shellcheck is missing")
    paths = [p for p in files.tracked() if is_shell(p)]
    out = subprocess.run([program, "--format=gcc", "--severity=warning", *paths], cwd=files.TOP, capture_output=True,
                         text=True)
    files.close(len(paths), out.stdout.splitlines() + out.stderr.splitlines())


if __name__ == "__main__":
    main()
