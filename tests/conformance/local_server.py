# SPDX-License-Identifier: Apache-2.0
"""A Spark Connect server around tests/support/service_peer: a real client against exec/connect alone.

It stands in for the gateway in tests of plans and results; sessions, reattaching and sandboxes are tested
with the real one.
"""
import json
import pathlib
import re
import struct
import subprocess
import threading
import uuid
from concurrent import futures

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc

HEADER = struct.Struct("<IHHQQIIQ")
MAGIC = 0x42455254
EXECUTE, ANALYZE, CONFIG, ARTIFACT, RESPONSE, COMPLETE, ANALYZED, ERROR, FETCH = 1, 2, 3, 6, 32, 33, 34, 35, 36
MISSING = 16
PIECE = 1 << 20
KINDS = ["org.apache.spark.sql.AnalysisException",
         "org.apache.spark.sql.catalyst.parser.ParseException",
         "org.apache.spark.SparkArithmeticException",
         "org.apache.spark.SparkRuntimeException",
         "java.lang.IllegalArgumentException",
         "org.apache.spark.SparkUnsupportedOperationException",
         "org.apache.spark.SparkException", "org.apache.spark.SparkException",
         "org.apache.spark.SparkNumberFormatException",
         "org.apache.spark.SparkDateTimeException",
         "org.apache.spark.SparkArrayIndexOutOfBoundsException",
         "org.apache.spark.SparkException"]
PARENTS = {"org.apache.spark.sql.catalyst.parser.ParseException": ["org.apache.spark.sql.AnalysisException"],
           "org.apache.spark.SparkArithmeticException": ["java.lang.ArithmeticException"],
           "org.apache.spark.SparkUnsupportedOperationException": ["java.lang.UnsupportedOperationException"],
           "org.apache.spark.SparkNumberFormatException": ["java.lang.NumberFormatException"],
           "org.apache.spark.SparkDateTimeException": ["java.time.DateTimeException"],
           "org.apache.spark.SparkRuntimeException": ["java.lang.RuntimeException"]}


# The gateway's own table.
CONFIG_C = pathlib.Path(__file__).resolve().parents[2] / "connect" / "gateway" / "config.c"
DEFAULTS = dict(re.findall(r'^    \{"([^"]+)", "([^"]*)"\},$', CONFIG_C.read_text(), re.M))


class Failure(Exception):
    def __init__(self, payload):
        head = struct.unpack_from("<9I", payload)
        self.kind = KINDS[head[0]]
        at, texts = 36, []
        for n in head[1:5]:
            texts.append(payload[at:at + n].decode())
            at += n
        self.error_class, self.state, self.message, self.parameters = texts
        self.line, self.column = head[5], head[6]


def no_element(key):
    failure = Failure.__new__(Failure)
    failure.kind = "org.apache.spark.SparkNoSuchElementException"
    failure.error_class, failure.state, failure.parameters = "SQL_CONF_NOT_FOUND", "42K0I", "{}"
    failure.message = f'The SQL config "{key}" cannot be found. Please verify that the config exists.'
    return failure


class Peer:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lock = threading.Lock()
        self.artifacts = {}

    def ask(self, kind, payload):
        with self.lock:
            self.process.stdin.write(HEADER.pack(MAGIC, kind, 0, 1, 0, len(payload), 0, 0) + payload)
            self.process.stdin.flush()
            while True:
                head = self.process.stdout.read(HEADER.size)
                if len(head) < HEADER.size:
                    raise RuntimeError("service_peer has died")
                _, kind, _, _, rows, n, _, _ = HEADER.unpack(head)
                body = self.process.stdout.read(n)
                if kind == ERROR:
                    raise Failure(body)
                if kind == FETCH:
                    whole = self.artifacts.get(body.decode())
                    piece = (whole or b"")[rows:rows + PIECE]
                    self.process.stdin.write(HEADER.pack(MAGIC, ARTIFACT, MISSING if whole is None else 0, 1, len(whole or b""), len(piece),
                                                         0, 0) + piece)
                    self.process.stdin.flush()
                    continue
                if kind == RESPONSE:
                    yield body
                    continue
                if kind == ANALYZED:
                    yield body
                return

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Service(base_pb2_grpc.SparkConnectServiceServicer):
    def __init__(self, peer):
        self.peer = peer
        self.conf = dict(DEFAULTS)
        self.given = set()
        self.server_side = str(uuid.uuid4())

    def fail(self, context, failure):
        classes = [failure.kind] + PARENTS.get(failure.kind, [])
        info = error_details_pb2.ErrorInfo(
            reason=failure.kind, domain="org.apache.spark",
            metadata={"classes": json.dumps(classes), "errorClass": failure.error_class,
                      "sqlState": failure.state, "messageParameters": failure.parameters or "{}"})
        detail = any_pb2.Any()
        detail.Pack(info)
        message = f"[{failure.error_class}] {failure.message} SQLSTATE: {failure.state}"
        context.abort_with_status(rpc_status.to_status(
            status_pb2.Status(code=grpc.StatusCode.INTERNAL.value[0], message=message, details=[detail])))

    def finish(self, reply, request):
        reply.session_id = request.session_id
        reply.server_side_session_id = self.server_side
        return reply

    def ExecutePlan(self, request, context):
        operation = request.operation_id or str(uuid.uuid4())

        def stamp(reply):
            reply.operation_id = operation
            reply.response_id = str(uuid.uuid4())
            return self.finish(reply, request)
        try:
            for body in self.peer.ask(EXECUTE, request.plan.SerializeToString()):
                yield stamp(base_pb2.ExecutePlanResponse.FromString(body))
        except Failure as failure:
            self.fail(context, failure)
        yield stamp(base_pb2.ExecutePlanResponse(result_complete=base_pb2.ExecutePlanResponse.ResultComplete()))

    def AnalyzePlan(self, request, context):
        try:
            body = b"".join(self.peer.ask(ANALYZE, request.SerializeToString()))
        except Failure as failure:
            self.fail(context, failure)
        return self.finish(base_pb2.AnalyzePlanResponse.FromString(body), request)

    def Config(self, request, context):
        reply = base_pb2.ConfigResponse()
        operation = request.operation
        kind = operation.WhichOneof("op_type")

        def send(key, value):
            try:
                list(self.peer.ask(CONFIG, key.encode() + b"\0" + value.encode() + b"\0"))
            except Failure as failure:
                self.fail(context, failure)
        if kind == "set":
            for pair in operation.set.pairs:
                send(pair.key, pair.value)
                self.conf[pair.key] = pair.value
                self.given.add(pair.key)
        elif kind == "unset":
            for key in operation.unset.keys:
                send(key, "\x01")
                self.conf.pop(key, None)
                self.given.discard(key)
                if key in DEFAULTS:
                    self.conf[key] = DEFAULTS[key]
        elif kind == "get":
            for key in operation.get.keys:
                if key not in self.conf:
                    self.fail(context, no_element(key))
                reply.pairs.add(key=key, value=self.conf[key])
        elif kind == "is_modifiable":
            for key in operation.is_modifiable.keys:
                reply.pairs.add(key=key, value="true" if key in DEFAULTS else "false")
        elif kind == "get_with_default":
            for pair in operation.get_with_default.pairs:
                reply.pairs.add(key=pair.key, value=self.conf[pair.key] if pair.key in self.given else pair.value)
        elif kind == "get_option":
            for key in operation.get_option.keys:
                found = reply.pairs.add(key=key)
                if key in self.conf:
                    found.value = self.conf[key]
        return self.finish(reply, request)

    def AddArtifacts(self, requests, context):
        reply = base_pb2.AddArtifactsResponse()
        for request in requests:
            for one in request.batch.artifacts:
                self.peer.artifacts[one.name] = one.data.data
                reply.artifacts.add(name=one.name, is_crc_successful=True)
            if request.HasField("begin_chunk"):
                whole = self.peer.artifacts[request.begin_chunk.name] = bytearray(request.begin_chunk.initial_chunk.data)
                reply.artifacts.add(name=request.begin_chunk.name, is_crc_successful=True)
            elif request.HasField("chunk"):
                whole += request.chunk.data
        return self.finish(reply, request)

    def ArtifactStatus(self, request, context):
        reply = base_pb2.ArtifactStatusesResponse()
        for name in request.names:
            reply.statuses[name].exists = name in self.peer.artifacts
        return self.finish(reply, request)

    def ReleaseExecute(self, request, context):
        return self.finish(base_pb2.ReleaseExecuteResponse(operation_id=request.operation_id), request)

    def ReleaseSession(self, request, context):
        return self.finish(base_pb2.ReleaseSessionResponse(), request)

    def Interrupt(self, request, context):
        return self.finish(base_pb2.InterruptResponse(), request)

    def FetchErrorDetails(self, request, context):
        return self.finish(base_pb2.FetchErrorDetailsResponse(), request)


def start(program):
    """Returns (server, peer, url)."""
    peer = Peer(program)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    base_pb2_grpc.add_SparkConnectServiceServicer_to_server(Service(peer), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, peer, f"sc://127.0.0.1:{port}"
