#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build clients
# timeout: 240
"""PySpark as people have it installed: 3.5, 4.0 and the newest that has a client, each with the same program.

usage: client_pyspark.py [NAME...]   (pyspark35 pyspark40 newest)
"""
import os
import pathlib
import subprocess
import sys

from _stack import Stack, VENV, client

HERE = pathlib.Path(__file__).resolve().parent


def run(name):
    """The version's own folder stands before the environment's; the libraries below it are shared."""
    path = [str(HERE)] if name == "newest" else [str(client(name)), str(HERE)]
    with Stack() as stack:
        done = subprocess.run([VENV / "bin" / "python", HERE / "_pyspark_program.py", stack.url, stack.files], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, PYTHONPATH=os.pathsep.join(path)))
        log = stack.log()
    print(f"{name}:\n{done.stdout}", flush=True)
    if done.returncode != 0 and " passed," not in done.stdout:
        print(f"{log}\n0 passed, 1 failed")
    return done.returncode


if __name__ == "__main__":
    sys.exit(max([run(name) for name in sys.argv[1:] or ["pyspark35", "pyspark40", "newest"]]))
