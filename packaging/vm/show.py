#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The part of packaging/try that runs inside the bed: two users at once, their sandboxes, memory that grows, an
out-of-memory kill that the user does not notice, and a table of what worked.

usage: show.py --data FOLDER [--venv FOLDER] [--sessions-only]

Without a Python environment the two users use the `berth` client instead of PySpark. --sessions-only leaves the queries
about memory out.
"""

import argparse
import json
import os
import pwd
import re
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.realpath(os.path.join(HERE, "..", ".."))
START_BERTH = os.path.join(HERE, "start-berth")
FIRST_QUERY = os.path.join(TOP, "tests", "conformance", "first_query.py")
USERS = ["berth-alice", "berth-bob"]
BUS = ["busctl", "--system", "--json=short"]
SHARED = "/srv/berth-try"

# Groups nearly as many as there are rows, so its hash table needs far more than a session's floor. The rows in all
# groups together are the rows of the table, whatever happens on the way.
LARGE = """select count(*) as n_groups, sum(n) as n_rows, max(c) as last from
 (select l_orderkey, l_partkey, l_extendedprice, max(l_comment) as c, count(*) as n
  from parquet.`{0}/lineitem.parquet` group by l_orderkey, l_partkey, l_extendedprice) t"""

# The same on our own, smaller tables: what max() keeps is made longer than the planner can know.
LARGE_OWN = """select count(*) as n_groups, sum(n) as n_rows, max(c) as last, max(length(d)) as longest from
 (select l_orderkey, l_partkey, l_extendedprice, max(l_comment) as c, max(concat(l_comment, '{1}')) as d, count(*) as n
  from parquet.`{0}/lineitem.parquet` group by l_orderkey, l_partkey, l_extendedprice) t"""

OK, FAILED, PARTLY = "ok", "FAILED", "not here"


class Show:
    def __init__(self, args):
        self.args = args
        self.rows = []
        self.env = {}
        self.undo = []  # commands that take back what prepare() did to the machine, last first

    def say(self, text=""):
        print(text, flush=True)

    def title(self, text):
        self.say(f"\n== {text}")

    def result(self, what, state, note=""):
        self.rows.append((what, state, note))
        if state != OK:
            self.say(f"   {what}: {state}: {note}")

    # What berthd says on D-Bus.

    def call(self, method, *args):
        argv = BUS + ["call", "org.berth.Berth1", "/org/berth/Berth1", "org.berth.Berth1.Manager", method, *args]
        out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return json.loads(out)["data"][0]

    def property(self, name):
        argv = BUS + ["get-property", "org.berth.Berth1", "/org/berth/Berth1", "org.berth.Berth1.Manager", name]
        out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return json.loads(out)["data"]

    def sessions(self):
        """user -> description, for the sessions of our users."""
        found = {}
        for row in self.call("ListSessions"):
            if row[2] in USERS or row[1] in [pwd.getpwnam(u).pw_uid for u in USERS]:
                raw = self.call("DescribeSession", "s", row[0])
                found[pwd.getpwuid(row[1]).pw_name] = {k: v["data"] for k, v in raw.items()}
        return found

    def log(self):
        return subprocess.run([START_BERTH, "log"], capture_output=True, text=True).stdout.splitlines()

    def limit(self, session, what):
        with open(f"/sys/fs/cgroup{session['Cgroup']}/{what}") as f:
            return f.read().strip()

    # Users.

    def as_user(self, user, argv, **popen):
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin", "HOME": f"/home/{user}", "LANG": "C.UTF-8", "PYTHONWARNINGS": "ignore",
               **self.env}
        # As the real user, whose own rights must be enough to reach the programs.
        return subprocess.Popen(["runuser", "-u", user, "--", *argv], env=env, cwd="/", text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **popen)

    def sql(self, user, statement):
        """One statement through the berth client. Returns (answer or None, what it printed)."""
        child = self.as_user(user, [self.env["BERTH"], "sql", "--json", "--no-progress", statement])
        out, _ = child.communicate(timeout=300)
        m = re.search(r"\{.*?\}", out, re.S)
        return (json.loads(m.group(0)) if child.returncode == 0 and m else None), out

    def bind(self, source, target):
        os.makedirs(target, exist_ok=True)
        subprocess.run(["mount", "--bind", source, target], check=True)
        self.undo.insert(0, ["umount", "--lazy", target])

    def prepare(self):
        self.title("users and daemons")
        for user in USERS:
            try:
                pwd.getpwnam(user)
            except KeyError:
                subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", user], check=True)
                self.undo.insert(0, ["userdel", "--remove", "--force", user])
        self.bind(self.args.data, SHARED)
        if self.args.venv:
            # The checkout may lie where other users cannot look; the environment and the script are shown to them here.
            for name, source in (("venv", self.args.venv), ("script", os.path.dirname(FIRST_QUERY))):
                self.bind(source, f"/opt/berth-try/{name}")
        r = subprocess.run([START_BERTH, "start"], stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        out = subprocess.run([START_BERTH, "env"], capture_output=True, text=True, check=True).stdout
        self.env = dict(line.split("=", 1) for line in out.splitlines())
        if r.returncode:
            self.say(r.stdout)
            self.result("berthd and berth-gateway start", FAILED, "see above")
            return False
        self.say(f"berthd {self.property('Version')} and berth-gateway run; users {', '.join(USERS)}")
        self.result("berthd and berth-gateway start", OK)
        return True

    # 1. Two users at once.

    def first_queries(self):
        pyspark = bool(self.args.venv)
        what = "unmodified PySpark, two users at once" if pyspark else "berth client, two users at once"
        self.title(what)
        if pyspark:
            argv = ["/opt/berth-try/venv/bin/python", "/opt/berth-try/script/first_query.py", "--data", SHARED, "--wait"]
        else:
            argv = [self.env["BERTH"], "sql", "--json", "--no-progress"]
        children = {u: self.as_user(u, argv) for u in USERS}
        output = {u: [] for u in USERS}
        ready = {u: threading.Event() for u in USERS}
        readers = [threading.Thread(target=self.collect, args=(children[u].stdout, "waiting" if pyspark else '"total"', output[u], ready[u]))
                   for u in USERS]
        for reader in readers:
            reader.start()
        if not pyspark:
            for child in children.values():
                child.stdin.write(f"select count(*) as n, sum(o_totalprice) as total from parquet.`{SHARED}/orders.parquet`;\n")
                child.stdin.flush()
        deadline = time.monotonic() + 180
        for user in USERS:
            ready[user].wait(max(0, deadline - time.monotonic()))
        self.show_sessions()
        for user, child in children.items():
            try:
                child.stdin.close() # what they wait for
                child.wait(timeout=120)
            except (subprocess.TimeoutExpired, BrokenPipeError):
                child.kill()
                output[user].append("no end")
        for reader in readers:
            reader.join()
        for line in output[USERS[0]]:
            self.say(f"   {USERS[0]}: {line}")
        answers = [[line for line in output[u] if line.startswith("answer") or '"total"' in line] for u in USERS]
        good = all(c.returncode == 0 for c in children.values()) and answers[0] == answers[1] and answers[0]
        if not good:
            for line in output[USERS[1]]:
                self.say(f"   {USERS[1]}: {line}")
        self.result(what, OK if good else FAILED,
                    f"{len(answers[0])} answers each, equal" if good else "the scripts failed or disagree")

    def collect(self, stream, last, lines, ready):
        """All lines of one user's script; @ready when @last has come, or the end."""
        for line in stream:
            lines.append(line.rstrip())
            if last in line:
                ready.set()
        ready.set()

    def show_sessions(self):
        self.title("what confines each session (berthd on D-Bus, and the kernel in /proc)")
        try:
            sessions = self.sessions()
        except (subprocess.CalledProcessError, ValueError, KeyError) as e:
            self.result("the two sessions are shown", FAILED, str(e))
            return
        lines = [("", *USERS)]
        kernel = {u: self.kernel_view(s) for u, s in sessions.items()}
        for key in ("uid", "pid", "cgroup", "namespaces", "seccomp", "no new privileges", "capabilities", "Landlock",
                    "io ring", "NUMA node", "slots", "CPUs", "memory limit"):
            lines.append((key, *(kernel.get(u, {}).get(key, "-") for u in USERS)))
        width = [max(len(str(row[i])) for row in lines) for i in range(len(lines[0]))]
        for row in lines:
            self.say("   " + "  ".join(str(v).ljust(w) for v, w in zip(row, width)).rstrip())
        both = len(sessions) == len(USERS)
        self.result("the two sessions are shown", OK if both else FAILED,
                    "" if both else f"{len(sessions)} of {len(USERS)} sessions were found")
        if not both:
            return
        a, b = (sessions[u] for u in USERS)
        self.result("each under its user's uid, in a cgroup of its own",
                    OK if [kernel[u]["uid"] for u in USERS] == [str(pwd.getpwnam(u).pw_uid) for u in USERS]
                    and a["Cgroup"] != b["Cgroup"] and all(kernel[u]["cgroup"] == sessions[u]["Cgroup"] for u in USERS)
                    else FAILED)
        own = self.namespaces("self")
        separate = all(kernel[u]["ns"][n] != own[n] for u in USERS for n in own if n != "user") and \
            all(kernel[USERS[0]]["ns"][n] != kernel[USERS[1]]["ns"][n] for n in own if n != "user")
        self.result("namespaces of its own (mnt pid net ipc uts cgroup)", OK if separate else FAILED)
        self.result("seccomp filter, no capability, no new privileges",
                    OK if all(kernel[u]["seccomp"].startswith("filter") and kernel[u]["capabilities"] == "none"
                              and kernel[u]["no new privileges"] == "yes" for u in USERS) else FAILED)
        has_landlock = "landlock" in self.read("/sys/kernel/security/lsm") or a["LandlockAbi"] > 0
        self.result("Landlock", OK if a["LandlockAbi"] and b["LandlockAbi"] else FAILED if has_landlock else PARTLY,
                    "" if a["LandlockAbi"] else "this kernel has no Landlock; mounts and permissions remain")
        rings = all(s["IoMode"] == "ring" and s["RingRestricted"] for s in (a, b))
        self.result("restricted io_uring ring", OK if rings else PARTLY,
                    "" if rings else f"io mode {a['IoMode']}: the kernel gives no ring; reads go through pread")
        nodes = len([n for n in os.listdir("/sys/devices/system/node") if re.match(r"node\d+$", n)]) \
            if os.path.isdir("/sys/devices/system/node") else 1
        apart = a["NumaNode"] != b["NumaNode"]
        self.result("sessions on different NUMA nodes", OK if apart else PARTLY if nodes < 2 else FAILED,
                    "" if apart else f"{nodes} node in this bed")

    def read(self, path):
        try:
            with open(path) as f:
                return f.read()
        except OSError:
            return ""

    def namespaces(self, pid):
        return {n: os.readlink(f"/proc/{pid}/ns/{n}") for n in ("mnt", "pid", "net", "ipc", "uts", "cgroup")}

    def kernel_view(self, session):
        """What /proc says of a session's process; only what it cannot say is berthd's word."""
        pid = session["Pid"]
        status = dict(line.split(":", 1) for line in self.read(f"/proc/{pid}/status").splitlines() if ":" in line)
        status = {k: v.strip() for k, v in status.items()}
        capabilities = {status.get(f"Cap{x}", "?").lstrip("0") for x in ("Inh", "Prm", "Eff", "Bnd", "Amb")}
        try:
            ns = self.namespaces(pid)
        except OSError:
            ns = {}
        slots = session["Slots"]
        return {
            "uid": status.get("Uid", "?").split()[0],
            "pid": str(pid),
            "cgroup": self.read(f"/proc/{pid}/cgroup").strip().split("::", 1)[-1],
            "ns": ns,
            "namespaces": " ".join(f"{n}:{v.split('[')[-1].rstrip(']')[-4:]}" for n, v in ns.items()),
            "seccomp": {"2": "filter", "0": "none"}.get(status.get("Seccomp"), "?") + f", {session['SeccompCalls']} calls",
            "no new privileges": "yes" if status.get("NoNewPrivs") == "1" else "NO",
            "capabilities": "none" if capabilities == {""} else " ".join(sorted(capabilities)),
            "Landlock": f"ABI {session['LandlockAbi']}" if session["LandlockAbi"] else "none",
            "io ring": f"{session['IoMode']}{', restricted' if session['RingRestricted'] else ''}",
            "NUMA node": str(session["NumaNode"]),
            "slots": " ".join(map(str, slots)) if slots else "none (idle)",
            "CPUs": session["Cpus"] or "all",
            "memory limit": f"{session['MemoryLimitBytes'] >> 20} MiB",
        }

    # 2. and 3. Memory.

    def large(self, folder):
        return LARGE.format(folder) if self.args.venv else LARGE_OWN.format(folder, "." * 300)

    def reference(self):
        if not self.args.venv:
            return None
        code = ("import duckdb, sys, json; c = duckdb.connect(); c.execute('set enable_progress_bar = false'); "
                "print(json.dumps(c.execute(sys.argv[1]).fetchall()[0], default=str))")
        statement = self.large(self.args.data).replace("parquet.`", "'").replace("`", "'")
        r = subprocess.run([os.path.join(self.args.venv, "bin", "python"), "-c", code, statement], capture_output=True, text=True)
        return [str(v) for v in json.loads(r.stdout.strip().splitlines()[-1])] if r.returncode == 0 else None

    def grows(self):
        self.title("a query that outgrows its grant")
        before = len(self.log())
        slots = {}
        stop = threading.Event()
        watcher = threading.Thread(target=self.watch_slots, args=(USERS[0], slots, stop))
        watcher.start()
        answer, out = self.sql(USERS[0], self.large(SHARED))
        stop.set()
        watcher.join()
        self.result("the running session holds slots", OK if slots else FAILED,
                    f"slots {slots['Slots']} of node {slots['NumaNode']}, CPUs {slots['Cpus'] or 'all'}" if slots else "none seen")
        if slots:
            self.say(f"   while it ran: slots {slots['Slots']} of node {slots['NumaNode']}")
        resized = [line for line in self.log()[before:] if "limit resized" in line]
        raised = [line for line in resized if re.search(r", (request|trip-wire), ", line)]
        for line in resized[:12]:
            self.say(f"   {line}")
        if len(resized) > 12:
            self.say(f"   ... and {len(resized) - 12} more")
        if answer is None:
            self.say(out)
        else:
            self.say(f"   answer: {answer}")
        lost = [line for line in self.log()[before:] if "BERTH_CAUSE=oom" in line]
        self.result("limit raised in place while the query ran", OK if answer and raised and not lost else FAILED,
                    f"{len(raised)} raises while it ran in berthd's log" if raised else "no raise in berthd's log")
        return [str(v) for v in answer.values()] if answer else None

    def watch_slots(self, user, seen, stop):
        while not stop.is_set() and not seen:
            try:
                session = self.sessions().get(user)
                if session and session["Slots"]:
                    seen.update(session)
            except (subprocess.CalledProcessError, ValueError, KeyError):
                pass
            time.sleep(0.02)

    def killed(self, expected):
        self.title("a query whose executor the kernel kills for memory")
        before = len(self.log())
        squeezed = {}
        stop = threading.Event()
        watcher = threading.Thread(target=self.squeeze, args=(squeezed, stop))
        watcher.start()
        answer, out = self.sql(USERS[1], self.large(SHARED))
        stop.set()
        watcher.join()
        lines = [line for line in self.log()[before:] if "oom" in line.lower() or "memory" in line.lower()]
        for line in lines[:12]:
            self.say(f"   {line}")
        if squeezed:
            self.say(f"   memory.max of {squeezed['cgroup']} written from outside: {squeezed['from']} -> {squeezed['to']}; "
                     f"memory.current was {squeezed['current'] >> 20} MiB; kernel: {squeezed.get('events', 'leaf gone')}")
        kills = [line for line in subprocess.run(["dmesg"], capture_output=True, text=True).stdout.splitlines()
                 if "emory cgroup out of memory" in line and "berth" in line]
        for line in kills[-1:]:
            self.say(f"   kernel: {line.strip()}")
        got = [str(v) for v in answer.values()] if answer else None
        if got is None:
            self.say(out)
        else:
            self.say(f"   answer: {answer}")
        real = bool(kills) or any("oom" in line.lower() for line in lines)
        self.result("executor killed by the kernel for memory, query restarted", OK if got and real and squeezed else FAILED,
                    "" if got and real else "no kill happened" if got else "the client saw a failure")
        return got

    def squeeze(self, squeezed, stop):
        """Takes the memory away from under the second user's running query, once, as an administrator could."""
        cgroup = None
        while not stop.is_set():
            try:
                if cgroup is None:
                    session = self.sessions().get(USERS[1])
                    cgroup = session["Cgroup"] if session else None
                    continue
                path = f"/sys/fs/cgroup{cgroup}"
                current = int(self.read(f"{path}/memory.current") or 0)
                if current < 160 << 20:
                    time.sleep(0.002)
                    continue
                before = self.read(f"{path}/memory.max").strip()
                with open(f"{path}/memory.max", "w") as f:
                    f.write(str(32 << 20))
                squeezed.update(cgroup=cgroup, current=current, to=str(32 << 20))
                squeezed["from"] = before
                squeezed["events"] = " ".join(self.read(f"{path}/memory.events").split()) or "leaf gone"
                return
            except (OSError, ValueError, KeyError, subprocess.CalledProcessError):
                cgroup = None
                time.sleep(0.02)

    def run(self):
        if not self.prepare():
            return
        try:
            self.first_queries()
            if not self.args.sessions_only:
                self.memory()
            for sentence in self.property("Unenforced"):
                self.result("not enforced in this bed", PARTLY, sentence)
        finally:
            r = subprocess.run([START_BERTH, "stop"], capture_output=True, text=True)
            self.result("stopped, nothing left behind", OK if r.returncode == 0 else FAILED, r.stdout.strip())
            for command in self.undo:
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def memory(self):
        first = self.grows()
        second = self.killed(first)
        reference = self.reference()
        same = first is not None and first == second and (reference is None or first == reference)
        self.result("both answers right", OK if same else FAILED,
                    f"equal to each other{' and to DuckDB' if reference else ''}: {first}" if same
                    else f"{first} and {second}, expected {reference}")

    def close(self):
        self.title("summary")
        width = max(len(r[0]) for r in self.rows) if self.rows else 0
        for what, state, note in self.rows:
            self.say(f"   {what.ljust(width)}  {state:<8}  {note}".rstrip())
        return 1 if not self.rows or any(r[1] == FAILED for r in self.rows) else 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--venv")
    p.add_argument("--sessions-only", action="store_true")
    show = Show(p.parse_args())
    show.run()
    return show.close()


if __name__ == "__main__":
    sys.exit(main())
