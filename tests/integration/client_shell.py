#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: build tpch
# timeout: 150
"""`berth sql --embedded` as a person has it: the shell on a pseudo-terminal, and one-shot commands as an ordinary user.

Usage: client_shell.py; by hand BERTH_BUILD and BERTH_DATA may be left out.
"""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BERTH_BUILD", ROOT / "build"))
DATA = pathlib.Path(os.environ.get("BERTH_DATA", BUILD / "data" / "tpch"))
LINEITEM = DATA / "sf001" / "lineitem.parquet"
PROGRAMS = tempfile.TemporaryDirectory(dir="/tmp")
BERTH = pathlib.Path(PROGRAMS.name) / "client" / "berth"
LONG = "select sum(a.id * b.id) from range(3000000) a join range(3000000) b on a.id % 1000 = b.id % 1000;\r"
NOBODY = 65534
counts = {True: 0, False: 0}
os.environ.pop("BERTH_EXECUTOR", None)  # the client finds the one beside it


def check(what, good, seen=None):
    counts[bool(good)] += 1
    print("%s  %s%s" % ("ok    " if good else "FAILED", what, "" if good else ": %r" % (seen,)), flush=True)


class Shell:
    """berth sql on a terminal of its own."""

    def __init__(self, home, *options):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(HOME=home, TERM="xterm", LC_ALL="C.UTF-8", NO_COLOR="1")
            os.environ.pop("XDG_STATE_HOME", None)
            os.chdir(home)
            os.execv(BERTH, ["berth", "sql", "--embedded", "--memory=512M", *options])

    def type(self, text):
        self.text = ""
        os.write(self.fd, text.encode())

    def see(self, pattern, seconds=30):
        """Reads until the pattern has come. Return: whether it has."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                part = os.read(self.fd, 65536) if ready else b""
            except OSError: # the other side is closed
                part = b""
            if not part:
                return False
            self.text += part.decode(errors="replace")
        return True

    def ask(self, text, pattern):
        self.type(text)
        return self.see(pattern)

    def executor(self):
        out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, text=True).stdout
        return int(out.split()[0])

    def end(self):
        self.see("no such text ever", 5)
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def shell(home):
    s = Shell(home)
    check("the prompt comes after the notice about limits", s.see(r"berth> ") and "does not let" in s.text.split("berth> ")[0], s.text)
    check("a statement over two lines", s.ask("select 40 +\r", r"    -> ") and s.ask("2 as answer;\r", r"answer(.|\n)*42(.|\n)*1 row"), s.text)
    check("\\? is help", s.ask("\\?\r", r"Ctrl-C cancels(.|\n)*\.timing"), s.text)
    check("an error is told, the shell goes on", s.ask("select nope;\r", r"UNRESOLVED_COLUMN(.|\n)*berth> "), s.text)
    check("a syntax error shows where", s.ask("selec 1;\r", r"PARSE_SYNTAX_ERROR(.|\n)*\^\^\^(.|\n)*berth> "), s.text)
    s.type("select 'half")
    s.see("half")
    check("Ctrl-C empties the line", s.ask("\x03", r"\n.*berth> "), s.text)
    check("and the statement that was begun", s.ask("select 1 as\r", r"    -> ") and s.ask("\x03", r"\n.*berth> ") and
          s.ask("select 7 as seven;\r", r"seven(.|\n)*7(.|\n)*1 row"), s.text)
    s.type(LONG)
    check("a long query shows how far it is", s.see(r"%.*read .* s", 20), s.text[-300:])
    begun = time.monotonic()
    check("Ctrl-C cancels it", s.ask("\x03", r"OPERATION_CANCELED(.|\n)*berth> "), s.text[-300:])
    check("at once", time.monotonic() - begun < 5, time.monotonic() - begun)
    check("and the shell lives", s.ask("select 8 as eight;\r", r"eight(.|\n)*8(.|\n)*1 row"), s.text)
    check("up brings the last line back", s.ask("\x1b[A\r", r"eight(.|\n)*8(.|\n)*1 row"), s.text)
    check(".format json", s.ask(".format json\r", r"berth> ") and s.ask("select 1 as a;\r", r'\[\s*\{"a": ?1\}\s*\]'), s.text)
    check(".timing", s.ask(".format box\r", r"berth> ") and s.ask(".timing on\r", r"berth> ") and s.ask("select 1;\r", r"Time: \d+\.\d+ s"), s.text)
    check("an unknown command says what there is", s.ask(".nonsense\r", r"not understood(.|\n)*\.quit"), s.text)
    check("control characters of a message do not reach the terminal",
          s.ask("select * from `\x16\x1b[31mred`;\r", r"berth> $") and "\x1b[31m" not in s.text.split("\n", 1)[-1], s.text)
    os.kill(s.executor(), signal.SIGKILL)
    time.sleep(0.3)
    check("an executor that died is named", s.ask("select 9;\r", r"BERTH_EXECUTOR_LOST(.|\n)*Connected again(.|\n)*berth> "), s.text)
    check("and replaced", s.ask("select 9 as nine;\r", r"nine(.|\n)*9(.|\n)*1 row"), s.text)
    s.type("exit\r")
    check("exit leaves with 0", s.end() == 0)
    s = Shell(home, "--quiet")
    check("--quiet: the prompt and nothing else", s.see("berth> ") and "limits" not in s.text and "help" not in s.text, s.text)
    check("the history is still there", s.ask("\x1b[A\x1b[A\r", r"nine(.|\n)*1 row(.|\n)*berth> "), s.text)
    time.sleep(0.2) # a Ctrl-D that is typed before the prompt is another character
    s.type("\x04")
    check("Ctrl-D leaves with 0", s.end() == 0)


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def sql(*words, cwd="/", embedded=True, user=True, **more):
    r = subprocess.run([BERTH, "sql", *(["--embedded"] if embedded else []), *words], cwd=cwd, capture_output=True, text=True, timeout=60,
                       env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
                       preexec_fn=as_nobody if user and os.geteuid() == 0 else None, **more)
    return r.returncode, r.stdout, r.stderr


def one_shot(folder):
    os.chmod(folder, 0o755)
    place = pathlib.Path(folder) / "with a space"
    place.mkdir()
    shutil.copy(LINEITEM, place / "lineitem.parquet")
    shutil.copy(LINEITEM, place / "my lines.parquet")
    shutil.copy(LINEITEM, place / "private.parquet")
    os.chmod(place / "private.parquet", 0o600)
    (place / "text.parquet").write_text("this is no Parquet file, whatever its name says")

    code, out, err = sql("select count(*) from 'lineitem.parquet'", cwd=place)
    check("a relative path, as an ordinary user without a daemon", code == 0 and out.split() == ["count(1)", "60175"], (code, out, err))
    check("one line names the limits that could not be set", err.count("\n") == 1 and "limits of memory" in err, err)
    for name in ("my lines.parquet", str(place / "my lines.parquet"), "./my lines.parquet", "../with a space/my lines.parquet"):
        code, out, err = sql("-q", "select count(*) as n from '%s'" % name, cwd=place)
        check("the path %s" % name.replace(folder, "..."), (code, out, err) == (0, "n\n60175\n", ""), (code, out, err))
    code, out, err = sql("-q", "select count(*) from parquet.`my lines.parquet`", cwd=place)
    check("Spark's way to write it", code == 0 and "60175" in out, (code, out, err))
    for what, name, words in (("a missing file", "absent.parquet", ("PATH_NOT_FOUND", "absent.parquet")),
                              ("a file of another user", "private.parquet", ("private.parquet", "ermission")),
                              ("a file that is no Parquet", "text.parquet", ("text.parquet", "Parquet"))):
        code, out, err = sql("-q", "select count(*) from '%s'" % name, cwd=place)
        check("%s: one error that says so, exit status 1" % what, code == 1 and out == "" and all(w in err for w in words), (code, out, err))
    code, out, err = sql("-q", "select count(*) from '/etc/passwd'")
    check("nothing outside the places for data is there", code == 1 and "root:" not in err, (code, out, err))

    code, out, err = sql("-q", "--json", "select 1 as a, cast(null as string) as b")
    check("--json", code == 0 and json.loads(out) == [{"a": 1, "b": None}], out)
    code, out, err = sql("-q", "--json", "select 1 as a where false")
    check("--json of nothing", code == 0 and json.loads(out) == [], out)
    code, out, err = sql("-q", "--format=csv", "select 'a,\"b' as x, '' as y, null as z")
    check("csv quotes", code == 0 and out == 'x,y,z\n"a,""b","",\n', out)
    (place / "script.sql").write_text("create or replace temp view v as select 5 as five;\n-- a comment; with a semicolon\nselect five from v;\nselect ';' as s")
    code, out, err = sql("-q", "-f", "script.sql", cwd=place)
    check("-f FILE", (code, out) == (0, "five\n5\ns\n;\n"), (code, out, err))
    code, out, err = sql("-q", input="select 1 as a;select 2 as b")
    check("standard input", (code, out) == (0, "a\n1\nb\n2\n"), (code, out, err))
    code, out, err = sql("-q", "select 1 as a; select nope; select 2 as b")
    check("the first failure ends it, exit status 1", (code, out) == (1, "a\n1\n"), (code, out, err))
    code, out, err = sql("-q", "--keep-going", "select nope; select 2 as b")
    check("--keep-going does not", (code, out) == (1, "b\n2\n"), (code, out, err))
    check("a file that is not there", sql("-q", "-f", "/no/such.sql")[0] == 1)
    check("wrong usage is 2", sql("--nonsense")[0] == 2 and sql("--format=xml", "select 1")[0] == 2 and sql("--conf=x", "select 1")[0] == 2)
    for option in ("--memory=lots", "--memory=0", "--threads=0", "--threads=many", "--io=magic", "--data=/no/such", "--output=/etc/passwd"):
        code, out, err = sql(option, "select 1")
        check("%s: wrong usage, one line that names it" % option, code == 2 and err.count("\n") == 1 and option in err, (code, err))
    code, out, err = sql("--host=unix:/nowhere/sock", "select 1", embedded=False)
    check("no gateway: exit status 3, and what to do", code == 3 and "systemctl status" in err and "--embedded" in err, (code, err))
    code, out, err = sql("--executor=/nowhere", "select 1")
    check("no executor: exit status 3", code == 3 and "/nowhere" in err, (code, err))
    child = subprocess.Popen([BERTH, "sql", "--embedded", "-q", LONG.strip()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    check("SIGINT of a one-shot command: 130", child.wait(20) == 130, child.returncode)
    child.stdout.close()
    child.stderr.close()


def install():
    """Where anybody may start them: the checkout may lie in somebody's home."""
    os.chmod(PROGRAMS.name, 0o755)
    for program in ("client/berth", "exec/berth-executor"):
        to = pathlib.Path(PROGRAMS.name) / program
        to.parent.mkdir()
        shutil.copy(BUILD / program, to)
        os.chmod(to, 0o755)


def main():
    os.umask(0o022)
    install()
    with tempfile.TemporaryDirectory(dir="/tmp") as home, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        one_shot(folder)
        shell(home)
    print("%d passed, %d failed" % (counts[True], counts[False]))
    return 1 if counts[False] else 0


sys.exit(main())
