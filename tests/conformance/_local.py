# SPDX-License-Identifier: Apache-2.0
"""What scripts share that ask the executor's service alone, by local_server.py: checks that are counted, a server, the end.

Importing it leaves the system's Python for the environment's.
"""
import contextlib
import os
import pathlib
import sys

VENV = os.environ.get("BERTH_VENV")
if VENV and os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    os.execv(os.path.join(VENV, "bin", "python"), [os.path.join(VENV, "bin", "python"), *sys.argv])

import local_server

BUILD = pathlib.Path(os.environ.get("BERTH_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
counts = {True: 0, False: 0}


def check(what, seen, wanted):
    counts[seen == wanted] += 1
    if seen != wanted:
        print(f"FAILED  {what}: {seen!r}, wanted {wanted!r}", flush=True)


def fails(what, condition, call):
    """@condition is the error's, or begins its message in brackets."""
    try:
        seen = f"no error: {call()!r}"
    except Exception as e:  # each layer of PySpark has its own
        named = getattr(e, "getCondition", lambda: None)()
        seen = condition if named == condition or f"[{condition}]" in str(e) else (named or str(e)[:200])
    check(what, seen, condition)


@contextlib.contextmanager
def served():
    """The address of a server with one session of its own."""
    server, peer, url = local_server.start(str(BUILD / "tests" / "support" / "service_peer"))
    try:
        yield url
    finally:
        server.stop(None)
        peer.close()


def end():
    """The line that tests/run reads, and no ordinary exit: PySpark's would wait for a server that is gone."""
    print(f"{counts[True]} passed, {counts[False]} failed", flush=True)
    os._exit(1 if counts[False] else 0)
