# SPDX-License-Identifier: Apache-2.0
"""What the suites share: folders, commands with a log, and the build variants."""

import os
import subprocess
import threading
import time

from results import Results, say

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))

# Each variant is a build folder of its own below build/, which is the first.
VARIANTS = {
    "gcc": {"dir": "", "cc": "gcc", "options": ["-Dwerror=true"]},
    "sanitize": {"dir": "sanitize", "cc": "clang",
                 "options": ["-Dwerror=true", "-Db_sanitize=address,undefined", "-Db_lundef=false"]},
    "thread": {"dir": "thread", "cc": "gcc", "options": ["-Db_sanitize=thread", "-Db_lundef=false"]},
    "fuzz": {"dir": "fuzz", "cc": "clang",
             "options": ["-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false"]},
}


class Context:
    def __init__(self, args):
        self.args = args
        self.top = TOP
        self.build = os.path.join(TOP, "build")  # also holds the environment, data, logs
        self.product = self.build  # the programs under test: another folder for a mutation
        self.logs = os.path.join(self.build, "tests", "log")
        self.venv = os.path.join(self.build, "venv")
        self.results = Results()
        self.built = {}
        self.build_lock = threading.Lock()
        self.deb = None
        self.suites = []  # those of this run, in order
        self.at_end = []  # called before the count: what goes on beside later suites

    def more_follows(self, suite):
        return suite in self.suites and self.suites[-1] != suite

    def log_path(self, *parts):
        path = os.path.join(self.logs, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def relative(self, path):
        return os.path.relpath(path, self.top)

    def command(self, argv, log, timeout=1800, env=None, cwd=None):
        """Runs a command with its output in a log. Returns its exit code; 124 when the time was up."""
        with open(log, "ab") as f:
            f.write(("+ " + " ".join(argv) + "\n").encode())
            f.flush()
            try:
                return subprocess.run(argv, cwd=cwd or self.top, stdin=subprocess.DEVNULL, stdout=f,
                                      stderr=subprocess.STDOUT, timeout=timeout,
                                      env=dict(os.environ, **(env or {}))).returncode
            except subprocess.TimeoutExpired:
                return 124

    def variant_dir(self, name):
        return os.path.join(self.build, VARIANTS[name]["dir"]).rstrip("/")

    def need_build(self, name, extra=(), folder=None, targets=()):
        """Builds a variant once. Returns whether it built; a failure has then been counted."""
        key = folder or name
        with self.build_lock:
            if key in self.built:
                return self.built[key]
            variant = VARIANTS[name]
            where = folder or self.variant_dir(name)
            log = self.log_path("build", os.path.basename(where) + ".log")
            open(log, "w").close()
            start = time.monotonic()
            options = [*variant["options"], *extra]
            ok = True
            if not os.path.exists(os.path.join(where, "build.ninja")):
                ok = self.command(["meson", "setup", where, *options], log, env={"CC": variant["cc"]}) == 0
            elif "-Dwerror=true" in options:
                ok = self.command(["meson", "configure", where, *options], log) == 0
            ok = ok and self.command(["ninja", "-C", where, *targets], log, timeout=2400) == 0
            say(f"build {os.path.basename(where)}: {'done' if ok else 'FAILED'} "
                f"in {time.monotonic() - start:.0f} s")
            if not ok:
                self.results.fail("build", os.path.basename(where), "does not build", self.relative(log))
            self.built[key] = ok
            return ok
