# SPDX-License-Identifier: Apache-2.0
"""A berthd of a test's own, with a private D-Bus, a gateway made of Python, and tests/support/fake_executor.c."""

import array
import glob
import os
import pwd
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HELLO, IDENTIFY, OPEN, CLOSE, RETRY = 1, 2, 3, 4, 5
IDENTITY, READY, REFUSED, LOST, NOTICE = 32, 33, 34, 35, 36
CAUSES = ["none", "closed", "oom", "crash", "seccomp", "killed", "admin", "quota", "protocol", "spawn",
          "no-identity", "shutdown"]
BUILD = os.environ.get("BERTH_BUILD", "build")
BERTHD = os.environ.get("BERTHD_UNDER_TEST", os.path.join(BUILD, "daemon/berthd"))
CGROUP = "/sys/fs/cgroup"

passed = failed = 0


def shown(token):
    """ControlToken: (id, secret) as bytes; None: none is given."""
    return struct.pack("<II8s32s", token is not None, 0, *(token or (b"", b"")))


def check(what, ok, detail=""):
    """One assertion of the test; printed, counted."""
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print(f"{'ok' if ok else 'FAILED'}: {what}{'' if ok else '   ' + str(detail)}", flush=True)
    return ok


def close():
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    return condition()


def text(raw):
    return raw.split(b"\0")[0].decode()


class Frame:
    def __init__(self, raw, fds):
        self.version, self.type, self.size, self.serial = struct.unpack_from("<IHHQ", raw)
        self.fds = fds
        body = raw[16:]
        if self.type == IDENTITY:
            self.result, self.uid, user = struct.unpack("<iI32s", body)
            self.user = text(user)
        elif self.type == READY:
            self.session, self.uid, self.generation, self.has_channel, _, version = struct.unpack("<QIIII32s", body)
            self.executor_version = text(version)
        elif self.type == REFUSED:
            self.session, cause, _, reason = struct.unpack("<QII512s", body)
            self.cause, self.reason = CAUSES[cause], text(reason)
        elif self.type == LOST:
            (self.session, self.generation, cause, self.may_retry, self.signal, self.peak, self.limit, operator,
             reason) = struct.unpack("<QIIIIQQ48s512s", body)
            self.cause, self.operator, self.reason = CAUSES[cause], text(operator), text(reason)
        elif self.type == NOTICE:
            self.session, self.query, self.position, _, reason = struct.unpack("<QQII512s", body)
            self.reason = text(reason)

    def __repr__(self):
        return repr({k: v for k, v in self.__dict__.items() if k != "fds"})


class Gateway:
    """What berth-gateway says to berthd, and no more."""

    def __init__(self, path, greet=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.connect(path)
        self.socket.settimeout(30)
        self.serial = 0
        self.kept = []
        if greet:
            self.send(HELLO)

    def send(self, kind, body=b"", fds=(), serial=None):
        if serial is None:
            self.serial += 1
            serial = self.serial
        head = struct.pack("<IHHQ", 1, kind, 16 + len(body), serial)
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([head + body], extra)
        return serial

    def receive(self, timeout=30):
        self.socket.settimeout(timeout)
        raw, extra, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(16))
        if not raw:
            return None
        fds = array.array("i")
        for level, kind, data in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
        return Frame(raw, list(fds))

    def wait(self, *kinds, session=None, serial=None, timeout=30):
        """The next frame of one of these kinds; others are kept for a later call."""
        def fits(f):
            return (f.type in kinds and (session is None or f.session == session) and
                    (serial is None or f.serial == serial))
        for f in self.kept:
            if fits(f):
                self.kept.remove(f)
                return f
        end = time.monotonic() + timeout
        while True:
            f = self.receive(max(0.01, end - time.monotonic()))
            if f is None:
                raise EOFError("berthd closed the connection")
            if fits(f):
                return f
            self.kept.append(f)

    def identify(self, client, token=None):
        return self.wait(IDENTITY, serial=self.send(IDENTIFY, shown(token), fds=[client.fileno()]))

    def open(self, client, name, profile=0, performance=0, token=None):
        """READY or REFUSED."""
        body = struct.pack("<64sII", name.encode(), profile, performance) + shown(token)
        return self.wait(READY, REFUSED, serial=self.send(OPEN, body, [client.fileno()]))

    def close_session(self, session):
        self.send(CLOSE, struct.pack("<Q", session))

    def retry(self, session):
        return self.wait(READY, REFUSED, serial=self.send(RETRY, struct.pack("<Q", session)))

    def close(self):
        self.socket.close()


class Channel:
    """The data channel to a fake executor."""

    def __init__(self, ready):
        self.socket = socket.socket(fileno=ready.fds[0])
        self.socket.settimeout(30)
        self.file = self.socket.makefile("rb")

    def tell(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def ask(self, line):
        self.tell(line)
        return self.file.readline().decode().strip()

    def close(self):
        self.file.close()
        self.socket.close()


class Clients:
    """Connected sockets whose other end belongs to a given user, as the gateway would have accepted them."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "clients.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listener.listen(64)
        self.children = []

    def connect(self, uid, address=None):
        """The server's end. @address: a TCP listener instead of the unix one."""
        listener = address or self.listener
        family = listener.family
        target = self.path if address is None else address.getsockname()
        go, done = os.pipe()
        child = os.fork()
        if child == 0:
            for fd in map(int, os.listdir("/proc/self/fd")):  # nothing of the test's may live on in here
                if fd > 2 and fd != go:
                    try:
                        os.close(fd)
                    except OSError:
                        pass
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            s = socket.socket(family)
            s.connect(target)
            os.read(go, 1)  # until the parent closes its end
            os._exit(0)
        os.close(go)
        server, _ = listener.accept()
        self.children.append((child, done))
        return server

    def done(self):
        for child, done in self.children:
            os.close(done)
            os.waitpid(child, 0)
        self.listener.close()


BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
<allow user="*"/></policy></busconfig>
"""


class Berthd:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="berthd-test-")
        os.chmod(self.folder, 0o755)
        self.bus = None
        self.process = None
        self.socket = self.folder + "/gateway.sock"
        self.config = self.folder + "/berthd.conf"
        self.env = dict(os.environ)
        self.log_begin = 0  # of the last start()

    def write(self, more, roots="/tmp", head=""):
        executor = os.path.abspath(os.path.join(BUILD, "tests/support/fake_executor"))
        with open(self.config, "w") as f:
            f.write(f"[Daemon]\nGatewayUser=root\nGatewayGroup=root\nGatewaySocket={self.socket}\n"
                    f"ExecutorPath={executor}\nCgroupRoot=/berth-test\nLogLevel=debug\n{head}\n"
                    f"[Data]\nReadPaths=\nReadPaths={roots}\nSpillDirectory={self.folder}/spill\n"
                    f"[Memory]\n{more}")

    def start_bus(self):
        with open(self.folder + "/bus.conf", "w") as f:
            f.write(BUS_CONFIG.format(folder=self.folder))
        self.bus = subprocess.Popen(["dbus-daemon", "--nofork", "--nopidfile",
                                     f"--config-file={self.folder}/bus.conf"])
        self.env["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={self.folder}/bus"
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self.env["DBUS_SYSTEM_BUS_ADDRESS"]
        wait_for(lambda: os.path.exists(self.folder + "/bus"))

    def start(self, more="", bus=True, **kw):
        """@more: configuration, beginning in section [Memory]."""
        self.write(more, **kw)
        if bus and not self.bus:
            self.start_bus()
        self.log_begin = os.path.getsize(self.folder + "/log") if os.path.exists(self.folder + "/log") else 0
        self.log_file = open(self.folder + "/log", "ab")
        self.process = subprocess.Popen([BERTHD, "--config=" + self.config], stderr=self.log_file, env=self.env)
        said = ["is ready"] + (["on the bus as"] if self.bus else [])
        wait_for(lambda: all(s in self.log() for s in said) or self.process.poll() is not None, 30)
        return self.process.poll() is None

    def log(self):
        with open(self.folder + "/log", errors="replace") as f:
            f.seek(self.log_begin)
            return f.read()

    def wait_log(self, what, seconds=15):
        return wait_for(lambda: what in self.log(), seconds)

    def warm(self, n=1, seconds=20):
        return wait_for(lambda: len(self.leaves()) >= n, seconds)

    def leaves(self):
        return sorted(glob.glob(CGROUP + "/berth-test/executor-*"))

    def stop(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(40)
        if self.bus and sig != signal.SIGKILL:
            self.bus.terminate()
            self.bus.wait()
            self.bus = None
        return self.process.returncode if self.process else None

    def busctl(self, *args, user=None):
        """(exit code, output) of busctl on the private bus."""
        command = ["busctl", "--system", "--no-pager", "--allow-interactive-authorization=no", *args]
        if user:
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        r = subprocess.run(command, capture_output=True, text=True, env=self.env)
        return r.returncode, (r.stdout + r.stderr).strip()

    def call(self, method, *args, user=None):
        return self.busctl("call", "org.berth.Berth1", "/org/berth/Berth1", "org.berth.Berth1.Manager", method, *args,
                           user=user)


def make_accounts():
    """The runner has made them; by hand they may be missing. dbus-daemon refuses a uid without an account."""
    for name, uid in (("alice", 2001), ("bob", 2002)):
        try:
            pwd.getpwuid(uid)
        except KeyError:
            subprocess.run(["useradd", "-u", str(uid), "-m", name], check=False, capture_output=True)
    try:
        pwd.getpwnam("berth")
    except KeyError:
        subprocess.run(["useradd", "--system", "--user-group", "berth"], check=False, capture_output=True)


def run(main):
    """main(Berthd) with everything stopped after it, and the log shown when something failed."""
    make_accounts()
    b = Berthd()
    code = 1
    try:
        code = main(b)
    finally:
        if b.process and b.process.poll() is None:
            b.stop()
        if code != 0 or os.environ.get("VERBOSE"):
            print(b.log())
    sys.exit(code)
