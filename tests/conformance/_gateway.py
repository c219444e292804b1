# SPDX-License-Identifier: Apache-2.0
"""What the tests of the gateway share: a gateway with tests/support/fake_berthd.py behind it, one pair for each class.

Importing it leaves the system's Python for the environment's.
"""
import json
import logging
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
import warnings
from concurrent import futures

VENV = os.environ.get("BERTH_VENV")
if VENV and os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    # Its own path as argv[0] too: Python finds its prefix by that, and a `python` elsewhere in PATH would be taken.
    os.execv(os.path.join(VENV, "bin", "python"), [os.path.join(VENV, "bin", "python"), *sys.argv])

warnings.filterwarnings("ignore")

import grpc
import pyspark.sql.connect.proto as pb
from pyspark.sql import SparkSession
from pyspark.sql.connect.proto import base_pb2_grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BERTH_BUILD", ROOT / "build"))
GATEWAY = os.environ.get("BERTH_GATEWAY", BUILD / "connect" / "gateway" / "berth-gateway")
LARGE = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError("did not happen within %s s" % seconds)
        time.sleep(0.02)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        cls.port = free_port()
        cls.start_daemon()
        cls.start_gateway()

    @classmethod
    def start_gateway(cls):
        cls.gateway_log = open(cls.dir / "gateway.log", "w")
        cls.gateway = subprocess.Popen(
            [GATEWAY, "--listen", "unix:%s" % (cls.dir / "sock"), "--listen", "tcp:127.0.0.1:%d" % cls.port,
             "--control", cls.dir / "control"], stderr=cls.gateway_log)
        wait_until(lambda: (cls.dir / "sock").exists())
        wait_until(lambda: "connected" in (cls.dir / "gateway.log").read_text())

    @classmethod
    def start_daemon(cls):
        cls.daemon_log = open(cls.dir / "daemon.log", "a")
        before = len(cls.events("ready"))
        cls.daemon = subprocess.Popen([sys.executable, "-W", "ignore", ROOT / "tests/support/fake_berthd.py", cls.dir / "control"],
                                      stdin=subprocess.PIPE, stdout=cls.daemon_log)
        wait_until(lambda: len(cls.events("ready")) > before, 30)

    @classmethod
    def stop_daemon(cls):
        cls.daemon.stdin.close()
        cls.daemon.wait(10)
        cls.daemon_log.close()

    @classmethod
    def tearDownClass(cls):
        cls.gateway.terminate()
        code = cls.gateway.wait(10)
        cls.gateway_log.close()
        cls.stop_daemon()
        log = (cls.dir / "gateway.log").read_text()
        cls.folder.cleanup()
        if code != 0:
            raise AssertionError("berth-gateway ended with %d:\n%s" % (code, log))

    @classmethod
    def wish(cls, **wishes):
        before = len(cls.events("wish"))
        cls.daemon.stdin.write((json.dumps(wishes) + "\n").encode())
        cls.daemon.stdin.flush()
        wait_until(lambda: len(cls.events("wish")) > before)

    @classmethod
    def events(cls, name):
        lines = (cls.dir / "daemon.log").read_text().splitlines()
        return [e for e in map(json.loads, lines) if e["event"] == name]

    @classmethod
    def session(cls, extra=""):
        SparkSession._default_session = None
        return SparkSession.builder.remote("sc://127.0.0.1:%d%s" % (cls.port, extra)).create()

    def memory(self):
        with open("/proc/%d/status" % self.gateway.pid) as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))

    def cpu(self):
        with open("/proc/%d/stat" % self.gateway.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.gateway.pid))

    def raw(self, target=None):
        channel = grpc.insecure_channel(target or "127.0.0.1:%d" % self.port, LARGE)
        self.addCleanup(channel.close)
        return base_pb2_grpc.SparkConnectServiceStub(channel)


def sql_request(session_id, query, operation_id=None, reattachable=True):
    r = pb.ExecutePlanRequest(session_id=session_id, operation_id=operation_id or str(uuid.uuid4()))
    r.plan.root.sql.query = query
    if reattachable:
        r.request_options.add().reattach_options.reattachable = True
    return r


def program(script):
    """Without arguments each class runs in a process of its own, four at a time: most of them wait most of the time."""
    logging.disable(logging.CRITICAL)
    module = sys.modules["__main__"]
    names = [n for n, c in vars(module).items() if isinstance(c, type) and issubclass(c, unittest.TestCase) and c is not Case]
    if len(sys.argv) > 1 or len(names) == 1:
        r = unittest.main(exit=False, verbosity=int(os.environ.get("VERBOSE", "1"))).result
        bad = len(r.failures) + len(r.errors)
        print("%d passed, %d failed, %d skipped" % (r.testsRun - bad - len(r.skipped), bad, len(r.skipped)))
        return 1 if bad else 0

    def one(name):
        return subprocess.run([sys.executable, script, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    code = 0
    with futures.ThreadPoolExecutor(4) as pool:
        for name, done in zip(names, pool.map(one, names)):
            print("%s:\n%s" % (name, done.stdout), flush=True)
            if done.returncode != 0:
                code = 1
                if "passed," not in done.stdout:
                    print("0 passed, 1 failed")
    return code
