# SPDX-License-Identifier: Apache-2.0
"""Runs integration scripts one after another inside a bed; see tests/README.md for what each may expect.

Its output is the scripts' output, with a line `@@berth-test {...}` before and after each.
"""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

MARK = "@@berth-test "
ACCOUNTS = {"alice": 2001, "bob": 2002, "carol": 2003}
DATA = "/srv/berth-data"
CHECKOUT = os.environ["BERTH_CHECKOUT"]
START_BERTH = os.path.join(CHECKOUT, "packaging", "vm", "start-berth")


def mark(**record):
    sys.stdout.flush()
    print("\n" + MARK + json.dumps(record), flush=True)


def make_accounts():
    """The bed forgets them; an account of the host with such a name, which uml would show, is replaced."""
    taken = {entry.pw_name for entry in pwd.getpwall() if entry.pw_name in ACCOUNTS or entry.pw_uid in ACCOUNTS.values()}
    for name in taken:
        subprocess.run(["userdel", "--force", name], check=True, stderr=subprocess.DEVNULL)
    for name, uid in ACCOUNTS.items():
        shutil.rmtree(f"/home/{name}", ignore_errors=True)
        subprocess.run(["useradd", "--create-home", "--uid", str(uid), "--shell", "/bin/sh", name], check=True)
    try:
        pwd.getpwnam("berth")
    except KeyError:  # ManagerUser=, where no package has made it
        subprocess.run(["useradd", "--system", "--user-group", "--home-dir", "/", "--shell", "/usr/sbin/nologin", "berth"], check=True)


def show_data(source):
    """Test data at a path that every user can reach, whatever the modes above the checkout."""
    if not os.path.isdir(os.path.join(source, "tpch")):
        return
    os.makedirs(DATA, exist_ok=True)
    subprocess.run(["mount", "--bind", os.path.join(source, "tpch"), DATA], check=True)


def berth_environment(bed):
    """What `start-berth env` says: where the programs, the socket and the log are."""
    out = subprocess.run([START_BERTH, "env"], check=True, capture_output=True, text=True,
                         env=dict(os.environ, BERTH_BED=bed)).stdout
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def start_berth(verb):
    r = subprocess.run([START_BERTH, verb], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, timeout=240)
    if r.returncode != 0 or verb != "start":
        sys.stdout.write(r.stdout)
    return r.returncode == 0


def run_script(item, env):
    """Returns the exit code, and a reason where the runner has one of its own."""
    daemon = item["daemon"] == "yes"
    if daemon and not start_berth("start"):
        start_berth("stop")
        return 1, "Berth did not start"
    temporary = tempfile.mkdtemp(prefix="berth-test-")
    os.chmod(temporary, 0o755)
    child = subprocess.Popen([item["path"]], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=CHECKOUT,
                             env=dict(env, TMPDIR=temporary), start_new_session=True)
    reason = ""
    try:
        code = child.wait(timeout=item["timeout"])
    except subprocess.TimeoutExpired:
        code, reason = 124, f"no end after {item['timeout']} s"
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    shutil.rmtree(temporary, ignore_errors=True)
    if daemon:
        if code not in (0, 77):
            print("\n--- log of Berth ---", flush=True)
            subprocess.run([START_BERTH, "log"], stdin=subprocess.DEVNULL)
        if not start_berth("stop"):
            reason = reason or "Berth did not stop cleanly or left something behind"
    return code, reason


def main():
    with open(sys.argv[1]) as f:
        plan = json.load(f)
    bed = plan["bed"]
    env = dict(os.environ, BERTH_BED=bed, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1",
               PYTHONPATH=os.path.join(CHECKOUT, "tests", "support"))
    if plan["venv"]:
        env["BERTH_VENV"] = plan["venv"]
    if bed == "host":
        env["BERTH_DATA"] = os.path.join(plan["data"], "tpch")
    else:
        make_accounts()
        show_data(plan["data"])
        if bed == "qemu":
            start_berth("stop")  # installing the package has started it
        env["BERTH_DATA"] = DATA
    env.update(berth_environment(bed))
    for item in plan["scripts"]:
        mark(what="begin", name=item["name"])
        try:
            code, reason = run_script(item, env)
        except (OSError, subprocess.SubprocessError) as e:
            code, reason = 1, str(e)
        mark(what="end", code=code, reason=reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())
