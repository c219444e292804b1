#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 180
"""What clients can do to the gateway that are broken or malicious, and what happens when things around it die.

The attacks are written as HTTP/2 frames by hand, since no client library sends them. Each test asks the same of the
gateway: it lives, its memory and descriptors stay bounded, and somebody else's query runs meanwhile.
Usage: test_gateway_faults.py [unittest arguments]
"""
import os
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import uuid

from _gateway import Case, program, sql_request, wait_until

import grpc
import pyspark.sql.connect.proto as pb
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pyspark.sql.connect.proto import base_pb2_grpc

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
SERVICE = "/spark.connect.SparkConnectService/"
MIB = 1 << 20


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(value):
    value = value.encode() if isinstance(value, str) else value
    assert len(value) < 127
    return bytes([len(value)]) + value


def literal(name, value):
    return b"\0" + text(name) + text(value)


def head(method="Config"):
    return b"\x83\x86\x04" + text(SERVICE + method) + b"\x01" + text("localhost") + literal("te", "trailers") + \
        literal("content-type", "application/grpc")


def settings(**values):
    numbers = {"table": 1, "streams": 3, "window": 4}
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", numbers[k], v) for k, v in values.items()))


class Attack(Case):
    """One connection misbehaves; the others do not notice."""

    def setUp(self):
        self.stub = self.raw()
        self.id = str(uuid.uuid4())
        self.query()
        self.before, self.cpu_before = self.memory(), self.cpu()

    def tearDown(self):
        self.assertIsNone(self.gateway.poll())
        self.query()
        self.stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=self.id))

    def query(self):
        replies = list(self.stub.ExecutePlan(sql_request(self.id, "select 1"), timeout=20))
        self.assertTrue(replies[-1].HasField("result_complete"))

    def connect(self, opening=PREFACE + frame(SETTINGS)):
        s = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(s.close)
        s.settimeout(20)
        s.sendall(opening)
        return s

    def send(self, s, data):
        """Return: whether the gateway still took it."""
        try:
            s.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            return False

    def read_to_end(self, s):
        data = b""
        try:
            while part := s.recv(65536):
                data += part
        except ConnectionResetError:
            pass
        return data

    def grown(self):
        return self.memory() - self.before

    def test_what_is_not_http2(self):
        hello = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ssl.create_default_context().wrap_bio(*hello, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        for opening in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", hello[1].read(), os.urandom(4096), b"\0" * 4096,
                        PREFACE + os.urandom(4096), PREFACE + frame(DATA, 0, 1, b"x"),
                        PREFACE + frame(SETTINGS) + struct.pack(">I", 1 << 24)[1:] + b"\xff\xff\xff\xff\xff\xff" * 10,
                        PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS, 1, os.urandom(100))):
            start = time.monotonic()
            self.read_to_end(self.connect(opening))
            self.assertLess(time.monotonic() - start, 5)

    def test_tls_client_is_told_soon(self):
        channel = grpc.secure_channel("127.0.0.1:%d" % self.port, grpc.ssl_channel_credentials())
        with self.assertRaises(grpc.RpcError) as caught:
            channel.unary_unary(SERVICE + "Config")(b"", timeout=10)
        self.assertEqual(caught.exception.code().name, "UNAVAILABLE")
        channel.close()

    def test_slow_headers(self):
        # A byte of headers a quarter of a second: ten seconds, and not one more for each byte.
        s = self.connect()
        s.settimeout(0.25)
        whole = head()
        s.sendall(frame(HEADERS, 0, 1, whole[:1]))
        start, at = time.monotonic(), 1
        while time.monotonic() - start < 20 and self.send(s, frame(CONTINUATION, 0, 1, whole[at:at + 1])):
            at += 1
            try:
                if s.recv(65536) == b"":
                    break
            except socket.timeout:
                pass
            except ConnectionResetError:
                break
        self.assertLess(time.monotonic() - start, 15)

    def test_continuation_flood(self):
        s = self.connect()
        s.sendall(frame(HEADERS, 0, 1, head()))
        sent = 0
        while sent < 200 * MIB and self.send(s, frame(CONTINUATION, 0, 1, literal("x", "y" * 100) * 100) * 10):
            sent += 100 * 1000
        self.assertLess(sent, 100 * MIB)
        self.assertLess(self.grown(), 8 * MIB)

    def test_header_bomb(self):
        # One entry of 4,000 bytes in the table, then 16,000 references to it in one block: 64 MB of headers.
        s = self.connect()
        value = b"v" * 3900
        entry = b"\x40" + text("x") + b"\x7f" + bytes([(3900 - 127) & 127 | 128, (3900 - 127) >> 7]) + value
        s.sendall(frame(HEADERS, END_HEADERS, 1, head() + entry) + frame(HEADERS, END_HEADERS, 3, head() + b"\xbe" * 16000))
        reply = b""
        while frame(RST_STREAM, 0, 3)[3:9] not in reply and b"grpc-status" not in reply:
            part = s.recv(65536)
            if not part:
                break
            reply += part
        self.assertLess(self.grown(), 8 * MIB)
        self.assertLess(self.cpu() - self.cpu_before, 2)

    def test_rapid_reset(self):
        s = self.connect()
        opened, cpu = 0, self.cpu()
        for first in range(1, 400000, 400):
            burst = b"".join(frame(HEADERS, END_HEADERS, n, head("ExecutePlan")) + frame(RST_STREAM, 0, n, struct.pack(">I", 8))
                             for n in range(first, first + 400, 2))
            if not self.send(s, burst):
                break
            opened += 200
        self.assertLess(opened, 100000) # told to go away
        self.assertLess(self.grown(), 16 * MIB)
        self.assertLess(self.cpu() - cpu, 5)

    def test_thousands_of_streams(self):
        s = self.connect()
        s.sendall(b"".join(frame(HEADERS, END_HEADERS, n, head("ExecutePlan")) for n in range(1, 8001, 2)))
        time.sleep(0.5)
        self.query()
        self.assertLess(self.grown(), 16 * MIB)

    def test_refusals_that_nobody_reads(self):
        # Streams beyond the limit, settings never acknowledged, nothing ever read: what is queued for it is bounded.
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.connect(str(self.dir / "sock"))
        s.settimeout(2)
        s.sendall(PREFACE + settings())
        number, sent = 1, 0
        while sent < 64 * MIB:
            burst = b"".join(frame(HEADERS, END_HEADERS, n, head("ExecutePlan")) for n in range(number, number + 2000, 2))
            number += 2000
            if not self.send(s, burst):
                break
            sent += len(burst)
        self.query()
        self.assertLess(self.grown(), 24 * MIB)

    def test_floods_of_small_frames(self):
        for kind, flags, payload in ((PING, 0, b"12345678"), (SETTINGS, 0, b""), (SETTINGS, 0, struct.pack(">HI", 4, 1)),
                                     (PRIORITY, 0, b"\0\0\0\0\1"), (WINDOW_UPDATE, 0, struct.pack(">I", 1))):
            with self.subTest(kind=kind):
                s = self.connect()
                s.settimeout(1)
                stream = 1 if kind == PRIORITY else 0
                for _ in range(100):
                    if not self.send(s, frame(kind, flags, stream, payload) * 2000):
                        break
                self.query()
                s.close()
                self.assertLess(self.grown(), 24 * MIB)

    def test_answers_that_nobody_reads(self):
        # A window of zero: the answers of 256 calls wait, on the account of the one who asked.
        s = self.connect(PREFACE + settings(window=0))
        body = pb.ConfigRequest(session_id=self.id, operation=pb.ConfigRequest.Operation(get_all=pb.ConfigRequest.GetAll())).SerializeToString()
        message = b"\0" + struct.pack(">I", len(body)) + body
        for n in range(1, 4001, 2):
            if not self.send(s, frame(HEADERS, END_HEADERS, n, head()) + frame(DATA, END_STREAM, n, message)):
                break
        time.sleep(0.5)
        self.query()
        self.assertLess(self.grown(), 32 * MIB)

    def test_fifteen_hundred_connections(self):
        before = self.fds()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        sockets = [self.connect() for _ in range(1500)]
        self.query() # on the connection that was there before
        self.wish(uid=4001) # one user's crowd is not another's
        channel = grpc.insecure_channel("127.0.0.1:%d" % self.port, [("grpc.use_local_subchannel_pool", 1)])
        other = base_pb2_grpc.SparkConnectServiceStub(channel)
        list(other.ExecutePlan(sql_request(str(uuid.uuid4()), "select 1"), timeout=20))
        channel.close()
        self.wish(uid=os.getuid())
        self.assertLess(self.fds(), before + 300)
        for s in sockets:
            s.close()
        wait_until(lambda: self.fds() <= before + 3)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_no_descriptor_left(self):
        pid = self.gateway.pid
        old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (self.fds() + 2, old[1]))
        sockets = [self.connect() for _ in range(20)]
        time.sleep(0.2)
        cpu = self.cpu()
        time.sleep(2)
        self.assertLess(self.cpu() - cpu, 0.2) # it does not spin on what it cannot accept
        self.query()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
        for s in sockets: # those that waited are served after all
            reply = b""
            while len(reply) < 9:
                reply += s.recv(4096)
            self.assertEqual(reply[3], SETTINGS)


class Leaks(Case):
    def test_ten_thousand_requests(self):
        stub, session_id = self.raw(), str(uuid.uuid4())
        request = pb.ConfigRequest(session_id=session_id, operation=pb.ConfigRequest.Operation(
            get=pb.ConfigRequest.Get(keys=["spark.sql.session.timeZone"])))
        broken = pb.ExecutePlanRequest(session_id=session_id)
        broken.plan.root.sql.query = "/* error=ANALYSIS class=X */ no"

        def requests(n):
            for i in range(n):
                stub.Config(request)
                if i % 20 == 0:
                    list(stub.ExecutePlan(sql_request(session_id, "select 1")))
                if i % 50 == 0:
                    try:
                        list(stub.ExecutePlan(broken))
                    except grpc.RpcError:
                        pass
        requests(2000)
        before, fds = self.memory(), self.fds()
        requests(10000)
        print("10,000 requests: %d KiB" % ((self.memory() - before) >> 10))
        self.assertLess(self.memory() - before, 2 * MIB)
        self.assertLessEqual(self.fds(), fds + 1)
        stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id))

    def test_sessions_come_and_go(self):
        stub = self.raw()

        def sessions(n):
            for _ in range(n):
                session_id = str(uuid.uuid4())
                list(stub.ExecutePlan(sql_request(session_id, "select 1")))
                stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id))
        sessions(20)
        before, fds = self.memory(), self.fds()
        sessions(100)
        self.assertLess(self.memory() - before, 2 * MIB)
        self.assertLessEqual(self.fds(), fds + 1)
        wait_until(lambda: len(self.events("close")) >= 120)

    def test_clients_that_vanish_with_what_they_may_take_up_again(self):
        session_id = str(uuid.uuid4())
        stub = self.raw()
        requests = [sql_request(session_id, "/* rows=200 batch=1 slow=0.01 */ generated") for _ in range(5)]
        code = "import sys; sys.argv = ['x'] + sys.argv[1:]\nimport grpc, os\n" \
               "c = grpc.insecure_channel(sys.argv[1])\n" \
               "s = c.unary_stream('%sExecutePlan')(bytes.fromhex(sys.argv[2]))\nnext(s)\nos.kill(os.getpid(), 9)" % SERVICE
        for r in requests:
            done = subprocess.run([sys.executable, "-c", code, "127.0.0.1:%d" % self.port, r.SerializeToString().hex()])
            self.assertEqual(done.returncode, -9)
        for r in requests: # detached, not lost
            replies = list(stub.ReattachExecute(pb.ReattachExecuteRequest(session_id=session_id, operation_id=r.operation_id)))
            self.assertEqual([x.arrow_batch.start_offset for x in replies if x.HasField("arrow_batch")], list(range(200)))
        stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id))


class Owners(Case):
    """GW-1: a session is its user's, whoever knows its id."""

    def tearDown(self):
        self.wish(uid=os.getuid())

    def error_class(self, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        info = error_details_pb2.ErrorInfo()
        rpc_status.from_call(caught.exception).details[0].Unpack(info)
        return info.metadata.get("errorClass")

    def as_user(self, uid):
        self.wish(uid=uid)
        channel = grpc.insecure_channel("127.0.0.1:%d" % self.port, [("grpc.use_local_subchannel_pool", 1)])
        self.addCleanup(channel.close)
        grpc.channel_ready_future(channel).result(10)
        stub = base_pb2_grpc.SparkConnectServiceStub(channel)
        stub.Interrupt(pb.InterruptRequest(session_id=str(uuid.uuid4()), interrupt_type=1)) # it has its name now
        return stub

    def test_another_users_session_id(self):
        one, other = self.as_user(2001), self.as_user(2002)
        session_id = str(uuid.uuid4())

        def conf(stub, **operation):
            return stub.Config(pb.ConfigRequest(session_id=session_id, operation=pb.ConfigRequest.Operation(**operation)))
        conf(one, set=pb.ConfigRequest.Set(pairs=[pb.KeyValue(key="secret", value="42")]))
        request = sql_request(session_id, "/* sleep=60 */ select 1")
        running = one.ExecutePlan(request)
        status = pb.GetStatusRequest(session_id=session_id)
        status.operation_status.SetInParent()
        wait_until(lambda: len(one.GetStatus(status).operation_statuses) == 1)

        for call in (lambda: other.GetStatus(status), lambda: other.CloneSession(pb.CloneSessionRequest(session_id=session_id)),
                     lambda: list(other.ReattachExecute(pb.ReattachExecuteRequest(session_id=session_id, operation_id=request.operation_id))),
                     lambda: other.ReleaseExecute(pb.ReleaseExecuteRequest(session_id=session_id, operation_id=request.operation_id))):
            self.assertEqual(self.error_class(call), "INVALID_HANDLE.SESSION_NOT_FOUND")
        other.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id)) # of a session that this user does not have
        self.assertEqual(len(one.GetStatus(status).operation_statuses), 1)
        # The same id is another session under another user.
        self.assertEqual(len(other.Interrupt(pb.InterruptRequest(session_id=session_id, interrupt_type=1)).interrupted_ids), 0)
        self.assertFalse(conf(other, get_option=pb.ConfigRequest.GetOption(keys=["secret"])).pairs[0].HasField("value"))
        other.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id))
        self.assertEqual(conf(one, get=pb.ConfigRequest.Get(keys=["secret"])).pairs[0].value, "42")
        self.assertEqual(list(one.Interrupt(pb.InterruptRequest(session_id=session_id, interrupt_type=1)).interrupted_ids), [request.operation_id])
        with self.assertRaises(grpc.RpcError):
            list(running)
        one.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id))

    def test_user_id_in_the_request_is_a_label(self):
        one, other = self.as_user(2001), self.as_user(2002)
        session_id = str(uuid.uuid4())
        one.Interrupt(pb.InterruptRequest(session_id=session_id, interrupt_type=1, user_context=pb.UserContext(user_id="x")))
        forged = pb.GetStatusRequest(session_id=session_id, user_context=pb.UserContext(user_id="2001", user_name="root"))
        self.assertEqual(self.error_class(lambda: other.GetStatus(forged)), "INVALID_HANDLE.SESSION_NOT_FOUND")
        one.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id))


class Death(Case):
    def test_interrupt_of_what_has_lost_its_executor(self):
        # Between the death of an executor and berthd's word about it: the interrupt wins, nothing runs again.
        stub, session_id = self.raw(), str(uuid.uuid4())
        ended = []

        def query():
            try:
                ended.append(list(stub.ExecutePlan(sql_request(session_id, "/* sleep=30 */ select 1"))))
            except grpc.RpcError as e:
                ended.append(e.details())
        t = threading.Thread(target=query)
        t.start()
        wait_until(lambda: self.events("executor"))
        os.kill(self.daemon.pid, signal.SIGSTOP)
        try:
            os.kill(self.events("executor")[-1]["pid"], signal.SIGKILL)
            time.sleep(0.2)
            self.assertEqual(len(stub.Interrupt(pb.InterruptRequest(session_id=session_id, interrupt_type=1)).interrupted_ids), 1)
            t.join(10)
        finally:
            os.kill(self.daemon.pid, signal.SIGCONT)
        self.assertIn("OPERATION_CANCELED", ended[0])
        list(stub.ExecutePlan(sql_request(session_id, "select 1")))
        stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id))

    def test_killed_gateway(self):
        stub, session_id = self.raw(), str(uuid.uuid4())
        stream = stub.ExecutePlan(sql_request(session_id, "/* rows=1000 batch=1 slow=0.05 */ generated"))
        next(stream)
        executor = self.events("executor")[-1]["pid"]
        self.gateway.kill()
        self.gateway.wait()
        with self.assertRaises(grpc.RpcError) as caught:
            list(stream)
        self.assertEqual(caught.exception.code().name, "UNAVAILABLE")
        wait_until(lambda: not os.path.exists("/proc/%d" % executor)) # nobody's executor goes on
        type(self).start_gateway() # over the socket file that it left
        # What the client believes to be its session has gone, and it is told so.
        again = pb.ConfigRequest(session_id=session_id, client_observed_server_side_session_id=str(uuid.uuid4()))
        with self.assertRaises(grpc.RpcError) as caught:
            stub.Config(again, wait_for_ready=True, timeout=20)
        self.assertIn("SESSION_CHANGED", caught.exception.details())
        list(stub.ExecutePlan(sql_request(session_id, "select 1"), timeout=20))
        stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id))


if __name__ == "__main__":
    sys.exit(program(__file__))
