#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 120
"""TLS and tokens: the unmodified PySpark client with sc://host/;token=...;use_ssl=true, and those who have no token.

Whose token it is, tests/support/fake_berthd.py says; tests/integration/tokens.py asks the real one.
"""
import base64
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

from _gateway import GATEWAY, Case, free_port, program, wait_until

import grpc
import pyspark.sql.connect.proto as pb
from pyspark.sql import SparkSession
from pyspark.sql.connect.proto import base_pb2_grpc


def make_token():
    return "berth_%s_%s" % (os.urandom(8).hex(), base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("="))


class Tls(Case):
    @classmethod
    def setUpClass(cls):
        cls.token, cls.other = make_token(), make_token()
        super().setUpClass()
        cls.wish(tokens={cls.token: 2001, cls.other: 2002})
        SparkSession._default_session = None

    @classmethod
    def start_gateway(cls):
        cls.certificate, key = cls.dir / "certificate.pem", cls.dir / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
                        "-out", cls.certificate], check=True, stderr=subprocess.DEVNULL)
        os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(cls.certificate)
        cls.tls_port = free_port()
        cls.gateway_log = open(cls.dir / "gateway.log", "w")
        cls.gateway = subprocess.Popen(
            [GATEWAY, "--listen", "unix:%s" % (cls.dir / "sock"), "--listen", "tls:127.0.0.1:%d" % cls.tls_port,
             "--certificate", cls.certificate, "--key", key, "--control", cls.dir / "control"], stderr=cls.gateway_log)
        wait_until(lambda: "connected" in (cls.dir / "gateway.log").read_text())

    def spark(self, token):
        return self.session_of("use_ssl=true;token=%s" % token)

    def session_of(self, words):
        spark = SparkSession.builder.remote("sc://localhost:%d/;%s" % (self.tls_port, words)).create()
        self.addCleanup(spark.client.close) # at the end of the process there is no gateway any more
        return spark

    def stub(self, *metadata):
        """Every call of it shows these headers."""
        channel = grpc.secure_channel("localhost:%d" % self.tls_port, grpc.ssl_channel_credentials(self.certificate.read_bytes()))
        self.addCleanup(channel.close)
        stub = base_pb2_grpc.SparkConnectServiceStub(channel)
        return lambda more=metadata: stub.Config(self.request(), metadata=more, timeout=20)

    @staticmethod
    def request():
        r = pb.ConfigRequest(session_id=str(uuid.uuid4()))
        r.operation.get.keys.append("spark.sql.session.timeZone")
        return r

    def refused(self, call, code=grpc.StatusCode.UNAUTHENTICATED):
        time.sleep(1.1) # an address has 20 to lose, and gets one back each second
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code(), code)
        return caught.exception.details()

    def test_pyspark(self):
        spark = self.spark(self.token)
        self.assertEqual([tuple(r) for r in spark.sql("select 1 as a, 'x' as b").collect()], [(1, "x")])
        self.assertEqual(spark.sql("/* rows=20000 batch=500 pad=2000 */ generated").toArrow().num_rows, 20000) # 40 MB down
        self.assertEqual(len(spark.sql("select '%s' as s" % ("y" * 4000000)).collect()[0].s), 4000000) # and 4 MB up
        self.assertEqual({e["uid"] for e in self.events("open") if e["id"] == spark.session_id}, {2001})

    def test_two_users_have_two_sessions(self):
        same = str(uuid.uuid4())
        for token in (self.token, self.other):
            s = self.session_of("use_ssl=true;token=%s;session_id=%s" % (token, same))
            s.sql("create table mine as select '%s' as whose" % token[-8:]).collect() # fails if it were the other's session
        self.assertEqual(sorted(e["uid"] for e in self.events("open") if e["id"] == same), [2001, 2002])

    def test_both_spellings(self):
        for name in ("authorization", "authentication"):
            for scheme in ("Bearer", "bearer", "BEARER"):
                self.assertEqual(len(self.stub((name, "%s %s" % (scheme, self.token)))().pairs), 1)

    def test_no_token(self):
        self.assertIn("token", self.refused(self.stub()))
        self.assertIn("token", self.refused(self.stub(("authorization", "Basic " + self.token))))

    def test_bad_tokens(self):
        last = "A" if self.token[-5] != "A" else "B"
        for bad in (make_token(), self.token[:-5] + last + self.token[-4:], self.token[:-1], self.token + "A", "x", "x" * 5000):
            self.refused(self.stub(("authorization", "Bearer " + bad)))

    def test_pyspark_says_so_at_once(self):
        begin = time.monotonic()
        with self.assertRaises(Exception) as caught:
            self.spark(make_token()).sql("select 1").collect()
        self.assertIn("UNAUTHENTICATED", str(caught.exception))
        self.assertLess(time.monotonic() - begin, 5)

    def test_one_token_for_a_connection(self):
        call = self.stub(("authorization", "Bearer " + self.token))
        self.assertEqual(len(call().pairs), 1)
        self.refused(lambda: call((("authorization", "Bearer " + self.other),)))
        call = self.stub(("authorization", "Bearer " + self.token))
        self.assertEqual(len(call().pairs), 1)
        self.refused(lambda: call(()))

    def test_many_calls_before_the_first_answer(self):
        channel = grpc.secure_channel("localhost:%d" % self.tls_port, grpc.ssl_channel_credentials(self.certificate.read_bytes()))
        self.addCleanup(channel.close)
        stub = base_pb2_grpc.SparkConnectServiceStub(channel)
        header = (("authorization", "Bearer " + self.token),)
        calls = [stub.Config.future(self.request(), metadata=header, timeout=20) for _ in range(50)]
        self.assertEqual({len(c.result().pairs) for c in calls}, {1})

    def test_no_plain_text(self):
        channel = grpc.insecure_channel("127.0.0.1:%d" % self.tls_port)
        self.addCleanup(channel.close)
        self.refused(lambda: base_pb2_grpc.SparkConnectServiceStub(channel).Config(self.request(), timeout=3), grpc.StatusCode.UNAVAILABLE)

    def test_no_old_tls(self):
        time.sleep(1.1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", self.tls_port)) as s, self.assertRaises((ssl.SSLError, OSError)):
            context.wrap_socket(s)

    def test_the_log_knows_no_token(self):
        log = (self.dir / "gateway.log").read_text() + (self.dir / "daemon.log").read_text()
        for token in (self.token, self.other):
            self.assertNotIn(token[23:], log)
            self.assertNotIn(base64.urlsafe_b64decode(token[23:] + "=").hex(), log)


class Flood(Tls):
    """Bad logins from one address end at its door; who is in stays in, and other sockets do not notice."""
    for name in [n for n in dir(Tls) if n.startswith("test_")]:
        locals()[name] = None

    def test_flood(self):
        good = self.stub(("authorization", "Bearer " + self.token))
        self.assertEqual(len(good().pairs), 1)
        refused = served = 0
        end = time.monotonic() + 3
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", self.tls_port)) as s:
                    s.settimeout(0.05)
                    try:
                        refused += s.recv(1) == b""
                    except TimeoutError:
                        served += 1
                    except ConnectionResetError:
                        refused += 1
            except ConnectionResetError:
                refused += 1
        self.assertLessEqual(served, 30)
        self.assertGreater(refused, 100)
        self.assertEqual(len(good().pairs), 1)
        wait_until(lambda: self.fds() < 40, 20) # the silent ones have gone


if __name__ == "__main__":
    sys.exit(program(__file__))
