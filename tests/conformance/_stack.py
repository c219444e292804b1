# SPDX-License-Identifier: Apache-2.0
"""The real gateway and real executors on the host, for clients of every language: tests/support/fake_berthd.py stands between
them, since the real berthd wants cgroups of its own. Only what a client sees is tested so; limits are tested in the beds.

    with Stack() as stack:
        stack.url      # sc://127.0.0.1:PORT
        stack.socket   # the unix socket
"""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BERTH_BUILD", ROOT / "build"))
VENV = pathlib.Path(os.environ.get("BERTH_VENV") or ROOT / "build" / "venv")
CLIENTS = pathlib.Path(os.environ.get("BERTH_CLIENTS", ROOT / "build" / "clients"))


def in_venv():
    """Leaves the system's Python for the environment's."""
    if os.path.realpath(sys.prefix) != os.path.realpath(VENV):
        os.execv(VENV / "bin" / "python", [str(VENV / "bin" / "python"), *sys.argv])


def client(name):
    """The folder of a client that packaging/install has put there."""
    folder = CLIENTS / name
    if not (folder / ".ready").exists():
        sys.exit(f"{name} is not there: packaging/install --clients {CLIENTS} build")
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Stack:
    def __init__(self, *options):
        self.options = options

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="berth-stack-")
        self.path = pathlib.Path(self.folder.name)
        self.files = self.path / "files" # executors may read and write here
        self.files.mkdir()
        self.socket, self.port = self.path / "sock", free_port()
        self.url = f"sc://127.0.0.1:{self.port}"
        executor = os.environ.get("BERTH_EXECUTOR", BUILD / "exec" / "berth-executor")
        self.daemon_log, self.gateway_log = open(self.path / "daemon.log", "w"), open(self.path / "gateway.log", "w")
        self.daemon = subprocess.Popen(
            [VENV / "bin" / "python", "-W", "ignore", ROOT / "tests" / "support" / "fake_berthd.py", self.path / "control"],
            stdin=subprocess.PIPE, stdout=self.daemon_log,
            env=dict(os.environ, BERTH_REAL_EXECUTOR=str(executor), BERTH_EXECUTOR_FILES=str(self.files)))
        self.wait(lambda: (self.path / "control").exists())
        self.gateway = subprocess.Popen(
            [os.environ.get("BERTH_GATEWAY", BUILD / "connect" / "gateway" / "berth-gateway"), "--listen", f"unix:{self.socket}",
             "--listen", f"tcp:127.0.0.1:{self.port}", "--control", self.path / "control", *self.options], stderr=self.gateway_log)
        self.wait(lambda: "connected" in self.log())
        return self

    def log(self):
        return (self.path / "gateway.log").read_text()

    @staticmethod
    def wait(what, seconds=30):
        end = time.monotonic() + seconds
        while not what():
            if time.monotonic() > end:
                raise AssertionError("did not start")
            time.sleep(0.02)

    def __exit__(self, *unused):
        self.gateway.terminate()
        code = self.gateway.wait(20)
        self.daemon.stdin.close()
        self.daemon.wait(20)
        self.gateway_log.close()
        self.daemon_log.close()
        log = self.log()
        self.folder.cleanup()
        if code != 0:
            raise AssertionError(f"berth-gateway ended with {code}:\n{log}")


class Checks:
    """Counts; the last line is the one that tests/run reads."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, what, seen, wanted):
        good = seen == wanted
        self.passed += good
        self.failed += not good
        if not good:
            print(f"FAILED  {what}: {seen!r}, wanted {wanted!r}", flush=True)

    def fails(self, what, wanted, call, *arguments):
        """@wanted is part of the error's text."""
        try:
            self(what, f"no error: {call(*arguments)!r}", wanted)
        except Exception as e: # each client has its own
            text = f"{type(e).__name__}: {e}"
            self(what, wanted if wanted in text else text[:300], wanted)

    def end(self, least=30):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        if self.passed + self.failed < least:
            print(f"only {self.passed + self.failed} statements ran")
            return 1
        return 1 if self.failed else 0
