# SPDX-License-Identifier: Apache-2.0
"""Berth as it is shipped: queries of the accounts through `berth sql`, what berthd and the kernel say about their executors."""

import glob
import json
import os
import pwd
import signal
import subprocess
import time

CHECKOUT = os.environ["BERTH_CHECKOUT"]
BED = os.environ["BERTH_BED"]
BERTH = os.environ["BERTH"]
START_BERTH = os.path.join(CHECKOUT, "packaging", "vm", "start-berth")
SLOW = BED == "qemu"  # its processor is emulated
MIB = 1 << 20

passed = failed = 0


def check(what, ok, detail=""):
    """One assertion of the test; printed, counted. @detail may be a function, called when it failed."""
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok and callable(detail):
        detail = detail()
    print(f"{'ok' if ok else 'FAILED'}: {what}{'' if ok else f'   {detail}'}", flush=True)
    return bool(ok)


def close():
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    return condition()


def uid_of(user):
    return pwd.getpwnam(user).pw_uid


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read().strip()
    except OSError:
        return ""


def run(*argv, **kw):
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=kw.pop("timeout", 240),
                          check=False, **kw)


def as_user(user, *argv):
    return ["runuser", "-u", user, "--", *argv]


def start_sql(user, *words):
    """A `berth sql` in the background."""
    return subprocess.Popen(as_user(user, BERTH, "sql", "--json", "--no-progress", "--quiet", *words), text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
                            start_new_session=True)


def kill(child):
    """runuser and the client below it."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def sql(user, *words, timeout=240):
    return run(*as_user(user, BERTH, "sql", "--json", "--no-progress", "--quiet", *words), timeout=timeout, cwd="/")


def rows(done):
    """What a finished one-statement `berth sql` printed, or None."""
    try:
        return json.loads(done.stdout) if done.returncode == 0 else None
    except ValueError:
        return None


def finish(child, timeout=240):
    """The end of start_sql(): as sql() gives it; a client that does not end counts as status -1."""
    try:
        out, err = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill(child)
        out, err = child.communicate()
        return subprocess.CompletedProcess(child.args, -1, out, err + "\nthe client did not end")
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


class Work:
    """A query that computes for some seconds, and its answer."""

    def __init__(self, seconds):
        self.n = int(seconds * (2_000_000 if SLOW else 20_000_000))
        self.sql = f"select count(*) as n, sum(id % 7) as s from range({self.n})"
        self.answer = [{"n": self.n, "s": 21 * (self.n // 7) + sum(range(self.n % 7))}]


def berth_json(*words):
    done = run(BERTH, "--json", *words)
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout else []


def sessions():
    return berth_json("sessions")


def session_of(user):
    """All that berthd says about the only session of a user, or None."""
    uid = uid_of(user)
    ids = [s["session"] for s in sessions() if s["uid"] == uid]
    return berth_json("sessions", ids[0]) if len(ids) == 1 else None


def running(user):
    """Whether a query of the user has its grant and runs."""
    return any(q["uid"] == uid_of(user) and q["state"] == "running" for q in berth_json("queries"))


def wait_running(user, seconds=60):
    return wait_for(lambda: running(user), seconds)


def processes(name):
    """pid -> uid of the living processes of that name."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/status"):
        status = dict(line.split(":\t", 1) for line in read(path).splitlines() if ":\t" in line)
        if status.get("Name") == name[:15] and not status.get("State", "").startswith("Z"):
            found[int(path.split("/")[2])] = int(status["Uid"].split()[0])
    return found


def executors_of(user):
    uid = uid_of(user)
    return [pid for pid, owner in processes("berth-executor").items() if owner == uid]


def leaf_of(pid):
    """Below /sys/fs/cgroup; empty when the process is gone."""
    return read(f"/proc/{pid}/cgroup").split("::")[-1]


def leaves():
    return glob.glob("/sys/fs/cgroup/**/executor-*", recursive=True)


def log():
    return run(START_BERTH, "log").stdout


def start(*words):
    done = run(START_BERTH, *(words or ("start",)))
    if done.returncode:
        print(done.stdout + done.stderr)
    return done.returncode == 0


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))] if values else None
