# SPDX-License-Identifier: Apache-2.0
"""What both beds share: the job, its folder, the program that runs the machine, and how a job ends."""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

EXIT_BED = 125
CHECKOUT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
GUEST = os.path.join(CHECKOUT, "packaging", "vm", "guest")


class BedError(Exception):
    pass


def parse_size(text):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in units else (text, "")
    try:
        return int(float(number) * units.get(unit, 1))
    except ValueError:
        raise ValueError(f"not a size: {text}") from None


def need_program(name, package):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise BedError(f"{name} is missing: apt-get install {package}")
    return path


class Lock:
    """An exclusive flock on a file, for the time of a with block."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self.file = open(self.path, "w")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.file.close()


class Job:
    """One command to run: its environment, and a folder build/vm/run/... of its own."""

    def __init__(self, args):
        if os.geteuid() != 0:
            raise BedError("must run as root")
        if any(c.isspace() for c in CHECKOUT):
            raise BedError(f"the checkout's path holds a blank: {CHECKOUT}")
        self.args = args
        self.build = os.path.realpath(args.build or os.path.join(CHECKOUT, "build"))
        self.cache = os.path.join(CHECKOUT, "build", "vm")
        os.makedirs(os.path.join(self.cache, "run"), exist_ok=True)
        self.dir = tempfile.mkdtemp(prefix=f"{args.bed}-", dir=os.path.join(self.cache, "run"))
        os.chmod(self.dir, 0o755)
        self.out = os.path.realpath(args.out) if args.out else os.path.join(self.dir, "out")
        os.makedirs(self.out, exist_ok=True)
        self.venv = os.path.realpath(args.venv) if args.venv else ""
        self.console = os.path.join(self.dir, "console.log")
        self.env = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb",
            "BERTH_BED": args.bed, "BERTH_CHECKOUT": CHECKOUT, "BERTH_BUILD": self.build,
        }
        if self.venv:
            self.env["BERTH_VENV"] = self.venv
        for item in args.env:
            name, eq, value = item.partition("=")
            if not eq or not name.isidentifier():
                raise BedError(f"--env wants NAME=VALUE, not {item!r}")
            self.env[name] = value

    def write_script(self, path, out):
        lines = ["#!/bin/sh"]
        lines += [f"export {k}={shlex.quote(v)}" for k, v in {**self.env, "BERTH_OUT": out}.items()]
        lines.append(f"cd {shlex.quote(os.path.realpath(self.args.cwd) if self.args.cwd else CHECKOUT)} || exit 125")
        lines.append("exec " + shlex.join(self.args.command))
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        os.chmod(path, 0o755)

    def run_machine(self, argv, **popen):
        """Runs the machine's program in a process group of its own until it ends or the time is up."""
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True, **popen)
        old = {s: signal.signal(s, lambda *_: sys.exit(130)) for s in (signal.SIGTERM, signal.SIGHUP)}
        try:
            child.wait(timeout=self.args.timeout)
        except subprocess.TimeoutExpired:
            raise BedError(f"{self.args.bed} bed: no end after {self.args.timeout:g} s; "
                           f"console log: {self.console}") from None
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
            for s, handler in old.items():
                signal.signal(s, handler)

    def finish(self, code_text):
        """The job's exit code from what the bed wrote; without one the bed has failed."""
        try:
            code = int(code_text)
        except (TypeError, ValueError):
            raise BedError(f"{self.args.bed} bed: ended without an exit code; "
                           f"console log: {self.console}") from None
        if code == EXIT_BED or self.args.keep:
            print(f"packaging/vm/run: console log: {self.console}", file=sys.stderr)
        else:
            if os.path.dirname(self.out) == self.dir and os.listdir(self.out):
                print(f"packaging/vm/run: files of the job: {self.out}", file=sys.stderr)
                os.unlink(self.console)
            else:
                shutil.rmtree(self.dir, ignore_errors=True)
        return code


def remove_old_runs(cache, days=2):
    """Folders of runs that failed stay for reading; after some days nobody reads them."""
    top = os.path.join(cache, "run")
    for name in os.listdir(top):
        path = os.path.join(top, name)
        if time.time() - os.stat(path).st_mtime > days * 86400:
            shutil.rmtree(path, ignore_errors=True)
