#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for berthd and berth-executor, so that the gateway can be tested alone.

The daemon half speaks base/control.h on a seqpacket socket: it names the owner of sockets (SO_PEERCRED, or its
own uid for TCP), opens sessions, reports lost executors. The executor half is a forked child that speaks
base/data_frame.h, runs SQL with DuckDB and answers with what Spark Connect clients expect. Nothing here is a
model of the real ones beyond the two channels.

SQL texts may begin with a comment that asks for something special:
  /* sleep=5 */            wait that long, or until cancelled
  /* rows=N batch=M pad=B slow=S die=K det refuse */  N generated rows in batches of M, each with B more bytes;
                           S seconds between batches; SIGKILL itself before batch K in its first generation;
                           det: flagged deterministic; bigger=X: batches of X rows in later generations
  /* error=KIND class=C state=S */  fail with the rest of the text as message
  /* set=KEY:VALUE */      report a changed configuration
  create /* poison */ ... kill itself whenever this statement is replayed
With BERTH_REAL_EXECUTOR=PATH the executor half is the real program instead, which may read and write below
BERTH_EXECUTOR_FILES.
Usage: fake_berthd.py CONTROL_SOCKET   (a JSON line per event on stdout)
"""
import array
import base64
import json
import os
import re
import select
import signal
import socket
import struct
import sys
import threading
import time

import duckdb
import pyarrow as pa
import pyspark.sql.connect.proto as pb
from pyspark.sql.connect.types import pyspark_types_to_proto_types
from pyspark.sql.pandas.types import from_arrow_schema

HEADER = struct.Struct("<IHHQ")
(GATEWAY_HELLO, IDENTIFY, SESSION_OPEN, SESSION_CLOSE, SESSION_RETRY) = range(1, 6)
(IDENTITY, SESSION_READY, SESSION_REFUSED, SESSION_LOST, SESSION_NOTICE) = range(32, 37)
CAUSE_OOM, CAUSE_CRASH, CAUSE_KILLED, CAUSE_ADMIN, CAUSE_QUOTA, CAUSE_NO_IDENTITY = 2, 3, 5, 6, 7, 10

DATA = struct.Struct("<IHHQQIIQ")
MAGIC = 0x42455254
EXECUTE, ANALYZE, CONFIG, CANCEL, CREDIT = range(1, 6)
RESPONSE, COMPLETE, ANALYZED, ERROR = range(32, 36)
FLAG_REPLAY, FLAG_DETERMINISTIC, FLAG_EFFECT = 1, 2, 4
CREDIT_INITIAL = 16 << 20
KINDS = ["ANALYSIS", "PARSE", "ARITHMETIC", "RUNTIME", "ILLEGAL", "UNSUPPORTED", "CANCELLED", "MEMORY", "CAST",
         "DATETIME", "INDEX", "FILE"]


def log(**event):
    print(json.dumps(event), flush=True)


class QueryFailed(Exception):
    def __init__(self, kind, error_class, state, message, parameters=None, line=0, column=0):
        self.payload = self.encode(kind, error_class, state, message, parameters, line, column)

    @staticmethod
    def encode(kind, error_class, state, message, parameters, line, column):
        texts = [t.encode() for t in (error_class, state, message, json.dumps(parameters) if parameters else "")]
        return struct.pack("<9I", KINDS.index(kind), *map(len, texts), line, column, 0, 0) + b"".join(texts)


class Executor:
    def __init__(self, channel, generation):
        self.channel = channel
        self.generation = generation
        self.lock = threading.Lock()
        self.more = threading.Condition()
        self.credit = {}
        self.cancelled = set()
        self.config = {}
        self.db = duckdb.connect()

    # -- frames

    def send(self, kind, operation, payload=b"", rows=0, flags=0):
        with self.lock:
            self.channel.sendall(DATA.pack(MAGIC, kind, flags, operation, rows, len(payload), 0, 0) + payload)

    def respond(self, operation, message, rows=0, flags=0):
        payload = message.SerializeToString()
        with self.more:
            while self.credit[operation] <= 0 and operation not in self.cancelled:
                self.more.wait()
            self.credit[operation] -= len(payload)
        self.check(operation)
        self.send(RESPONSE, operation, payload, rows, flags)

    def check(self, operation):
        if operation in self.cancelled:
            raise QueryFailed("CANCELLED", "OPERATION_CANCELED", "HY008", "Operation has been canceled.")

    def receive(self, n):
        data = b""
        while len(data) < n:
            part = self.channel.recv(min(n - len(data), 1 << 20))
            if not part:
                os._exit(0)
            data += part
        return data

    def run(self):
        while True:
            magic, kind, flags, operation, rows, n, _, _ = DATA.unpack(self.receive(DATA.size))
            assert magic == MAGIC
            payload = self.receive(n)
            if kind == CONFIG:
                texts = payload.decode().split("\0")[:-1]
                for key, value in zip(texts[::2], texts[1::2]):
                    self.config.pop(key, None) if value == "\x01" else self.config.update({key: value})
            elif kind == CANCEL:
                with self.more:
                    self.cancelled.add(operation)
                    self.more.notify_all()
            elif kind == CREDIT:
                with self.more:
                    if operation in self.credit:
                        self.credit[operation] += rows
                    self.more.notify_all()
            else:
                self.credit[operation] = CREDIT_INITIAL
                threading.Thread(target=self.operate, args=(kind, flags, operation, payload), daemon=True).start()

    def operate(self, kind, flags, operation, payload):
        if flags & FLAG_REPLAY and b"/* poison */" in payload:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            try:
                if kind == ANALYZE:
                    self.send(ANALYZED, operation, self.analyze(operation, payload).SerializeToString())
                else:
                    replay = self.execute(operation, pb.Plan.FromString(payload))
                    self.send(COMPLETE, operation, flags=FLAG_REPLAY if replay else 0)
            except duckdb.ParserException as e:
                raise QueryFailed("PARSE", "PARSE_SYNTAX_ERROR", "42601", str(e), {"error": "x"}, 1, 8)
            except (duckdb.BinderException, duckdb.CatalogException) as e:
                raise QueryFailed("ANALYSIS", "TABLE_OR_VIEW_NOT_FOUND", "42P01", str(e))
            except duckdb.Error as e:
                raise QueryFailed("RUNTIME", "INTERNAL_ERROR", "XX000", str(e))
            except (QueryFailed, BrokenPipeError):
                raise
            except Exception as e:
                raise QueryFailed("ILLEGAL", "FAKE_EXECUTOR", "XX000", repr(e))
        except QueryFailed as e:
            self.send(ERROR, operation, e.payload)
        except BrokenPipeError:
            os._exit(0)

    # -- plans

    def table(self, operation, relation):
        """The Arrow table of a relation, enough of them for the tests."""
        kind = relation.WhichOneof("rel_type")
        db = self.db.cursor()
        if kind == "sql":
            return db.sql(self.special(operation, relation.sql.query)).to_arrow_table()
        if kind == "range":
            r = relation.range
            return pa.table({"id": pa.array(range(r.start, r.end, r.step), pa.int64())})
        if kind == "local_relation":
            return pa.ipc.open_stream(relation.local_relation.data).read_all()
        if kind == "to_df":
            return self.table(operation, relation.to_df.input).rename_columns(list(relation.to_df.column_names))
        if kind == "limit":
            return self.table(operation, relation.limit.input).slice(0, relation.limit.limit)
        if kind == "read":
            return db.sql("select * from " + relation.read.named_table.unparsed_identifier).to_arrow_table()
        if kind == "show_string":
            t = self.table(operation, relation.show_string.input).slice(0, relation.show_string.num_rows)
            lines = ["|".join(t.column_names)] + ["|".join(map(str, r.values())) for r in t.to_pylist()]
            return pa.table({"show_string": ["\n".join(lines) + "\n"]})
        raise QueryFailed("UNSUPPORTED", "UNSUPPORTED_FEATURE", "0A000", "relation %s" % kind)

    def special(self, operation, query):
        m = re.match(r"\s*/\*(.*?)\*/(.*)", query, re.S)
        if not m:
            return query
        words = dict((w.split("=", 1) + [""])[:2] for w in m[1].split())
        if "sleep" in words:
            end = time.monotonic() + float(words["sleep"])
            while time.monotonic() < end:
                self.check(operation)
                time.sleep(0.02)
        if "set" in words:
            key, value = words["set"].split(":")
            self.send(CONFIG, 0, ("%s\0%s\0" % (key, value)).encode())
        if "rows" in words: # only its schema is asked for
            return "select 1::bigint as id" + (", '' as pad" if "pad" in words else "")
        if "error" in words:
            raise QueryFailed(words["error"], words.get("class", "SOME_CLASS"), words.get("state", "22000"),
                              m[2].strip(), {"a": "b"}, int(words.get("line", 0)), 3)
        return m[2]

    def generated(self, operation, words):
        n, size, pad = int(words["rows"]), int(words.get("batch", 1000)), int(words.get("pad", 0))
        if self.generation > 1 and "bigger" in words:
            size = int(words["bigger"])
        flags = FLAG_DETERMINISTIC if "det" in words else 0
        schema = pa.schema([("id", pa.int64())] + ([("pad", pa.string())] if pad else []))
        self.respond(operation, pb.ExecutePlanResponse(schema=pyspark_types_to_proto_types(from_arrow_schema(schema))))
        for i, first in enumerate(range(0, n, size)):
            if self.generation == 1 and words.get("die") == str(i):
                time.sleep(0.2)
                os.kill(os.getpid(), signal.SIGKILL)
            count = min(size, n - first)
            columns = [pa.array(range(first, first + count), pa.int64())] + ([pa.array(["x" * pad] * count)] if pad else [])
            self.batch(operation, pa.record_batch(columns, schema=schema), first, flags)
            time.sleep(float(words.get("slow", 0)))

    def batch(self, operation, batch, first, flags=0):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as w:
            w.write_batch(batch)
        message = pb.ExecutePlanResponse()
        message.arrow_batch.row_count = batch.num_rows
        message.arrow_batch.data = sink.getvalue().to_pybytes()
        message.arrow_batch.start_offset = first
        self.respond(operation, message, batch.num_rows, flags)

    def execute(self, operation, plan):
        """Return: whether it changed the session."""
        if plan.WhichOneof("op_type") == "command":
            return self.command(operation, plan.command)
        root = plan.root
        if root.WhichOneof("rel_type") == "sql":
            m = re.match(r"\s*/\*(.*rows=.*?)\*/", root.sql.query)
            if m:
                self.generated(operation, dict((w.split("=", 1) + [""])[:2] for w in m[1].split()))
                return False
        t = self.table(operation, root)
        self.respond(operation, pb.ExecutePlanResponse(schema=pyspark_types_to_proto_types(from_arrow_schema(t.schema))))
        first = 0
        for b in t.combine_chunks().to_batches() or [pa.record_batch([pa.array([], f.type) for f in t.schema], schema=t.schema)]:
            self.batch(operation, b, first)
            first += b.num_rows
        return False

    def command(self, operation, command):
        kind = command.WhichOneof("command_type")
        if kind == "create_dataframe_view":
            v = command.create_dataframe_view
            t = self.table(operation, v.input)
            db = self.db.cursor()
            db.register("incoming", t)
            db.execute("create or replace table %s as select * from incoming" % v.name)
            return True
        if kind == "sql_command":
            relation = command.sql_command.input
            if command.sql_command.sql: # Spark 3.5's form
                relation.sql.query = command.sql_command.sql
            query = relation.sql.query
            message = pb.ExecutePlanResponse()
            changes = re.match(r"\s*(create|drop|set)\b", query, re.I)
            if changes:
                self.db.execute(query)
                sink = pa.BufferOutputStream()
                empty = pa.schema([])
                with pa.ipc.new_stream(sink, empty) as w:
                    w.write_batch(pa.record_batch([], schema=empty))
                message.sql_command_result.relation.local_relation.data = sink.getvalue().to_pybytes()
            else:
                message.sql_command_result.relation.CopyFrom(relation)
            self.respond(operation, message)
            return bool(changes)
        raise QueryFailed("UNSUPPORTED", "UNSUPPORTED_FEATURE", "0A000", "command %s" % kind)

    def analyze(self, operation, payload):
        request = pb.AnalyzePlanRequest.FromString(payload)
        reply = pb.AnalyzePlanResponse()
        kind = request.WhichOneof("analyze")
        if kind == "schema":
            schema = from_arrow_schema(self.table(operation, request.schema.plan.root).schema)
            reply.schema.schema.CopyFrom(pyspark_types_to_proto_types(schema))
        elif kind == "explain":
            reply.explain.explain_string = "fake plan"
        else:
            raise QueryFailed("UNSUPPORTED", "UNSUPPORTED_FEATURE", "0A000", "analyze %s" % kind)
        return reply


class Session:
    def __init__(self, handle, uid):
        self.handle, self.uid, self.generation, self.pid = handle, uid, 0, 0


class Daemon:
    def __init__(self, path):
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen(4)
        self.link = None
        self.sessions = {}
        self.owners = {}
        self.last_handle = int(time.time()) << 20
        # What the tests want next, as lines on standard input: {"refuse": "text"} until {"refuse": ""}, {"no_retry": 1}, {"admin": 1}
        self.wishes = {}

    def send(self, kind, serial, body, fds=()):
        frame = HEADER.pack(1, kind, HEADER.size + len(body), serial) + body
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.link.sendmsg([frame], rights)

    @staticmethod
    def become_real(channel):
        """berth-executor as the embedded mode has it: the same frames on descriptor 3, nobody above it to ask."""
        program = os.environ["BERTH_REAL_EXECUTOR"]
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(2, 1)
        os.dup2(channel.fileno(), 3)
        os.closerange(4, 1024)
        os.set_inheritable(3, True)
        files = os.environ.get("BERTH_EXECUTOR_FILES")
        roots = ["--read=" + files, "--write=" + files] if files else ["--read=/tmp"]
        os.execv(program, [program, "--embedded", "--quiet", "--memory=1G", *roots])

    def spawn(self, session, serial):
        session.generation += 1
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            theirs.close()
            self.link.close()
            self.listener.close()
            # The descriptors of its elder brothers would keep their channels open.
            if os.environ.get("BERTH_REAL_EXECUTOR"):
                self.become_real(ours)
            try:
                Executor(ours, session.generation).run()
            finally:
                os._exit(1)
        ours.close()
        session.pid = pid
        self.send(SESSION_READY, serial, struct.pack("<QIIII32s", session.handle, session.uid, session.generation, 1,
                                                     0, b"fake"), [theirs.fileno()])
        theirs.close()
        log(event="executor", pid=pid, session=session.handle, generation=session.generation)

    def on_frame(self, data, fds):
        version, kind, size, serial = HEADER.unpack_from(data)
        body = data[HEADER.size:]
        if kind in (IDENTIFY, SESSION_OPEN):
            s = socket.socket(fileno=fds[0])
            uid = os.getuid()
            if s.family == socket.AF_UNIX:
                uid = struct.unpack("iii", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
            uid = self.wishes.get("uid", uid)
            shown, _, secret = struct.unpack_from("<II40s", body, 0 if kind == IDENTIFY else 72)
            known = True
            if shown: # {"tokens": {text: uid}}
                uid = {self.token_bytes(t): u for t, u in self.wishes.get("tokens", {}).items()}.get(secret)
                known = uid is not None
                uid = uid if known else 0
            # As the kernel has it: a socket does not change its owner.
            socket_number = os.fstat(s.fileno()).st_ino
            uid = self.owners.setdefault(socket_number, uid) if kind == SESSION_OPEN and not shown else uid
            self.owners[socket_number] = uid
            s.close()
        if kind == IDENTIFY:
            log(event="identify")
            result = 0 if known and not self.wishes.pop("unknown", None) else -3
            self.send(IDENTITY, serial, struct.pack("<iI32s", result, uid, b"someone"))
        elif kind == SESSION_OPEN:
            session_id = body[:64].split(b"\0")[0].decode()
            profile, performance = struct.unpack_from("<II", body, 64)
            log(event="open", id=session_id, profile=profile, performance=performance, uid=uid)
            if not known:
                self.send(SESSION_REFUSED, serial, struct.pack("<QII512s", 0, CAUSE_NO_IDENTITY, 0, b"no such token"))
                return
            if self.wishes.get("refuse"):
                self.send(SESSION_REFUSED, serial, struct.pack("<QII512s", 0, CAUSE_QUOTA, 0, self.wishes["refuse"].encode()))
                return
            self.last_handle += 1
            session = self.sessions[self.last_handle] = Session(self.last_handle, uid)
            self.spawn(session, serial)
        elif kind == SESSION_CLOSE:
            session = self.sessions.pop(struct.unpack("<Q", body)[0], None)
            log(event="close", known=session is not None)
            if session and session.pid:
                os.kill(session.pid, signal.SIGKILL)
        elif kind == SESSION_RETRY:
            log(event="retry")
            self.spawn(self.sessions[struct.unpack("<Q", body)[0]], serial)

    @staticmethod
    def token_bytes(text):
        """Of a token's text: its id and its secret."""
        _, name, secret = text.split("_", 2)
        return bytes.fromhex(name) + base64.urlsafe_b64decode(secret + "=")

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for session in list(self.sessions.values()):
                if session.pid != pid:
                    continue
                session.pid = 0
                oom = self.wishes.pop("oom", None)
                retry = 0 if self.wishes.pop("no_retry", None) else 1
                cause = CAUSE_ADMIN if self.wishes.pop("admin", None) else CAUSE_OOM if oom else CAUSE_KILLED
                log(event="lost", session=session.handle, retry=retry)
                if self.link:
                    self.send(SESSION_LOST, 0, struct.pack("<QIIIIQQ48s512s", session.handle, session.generation, cause, retry,
                                                           9, 3 << 30, 2 << 30, b"HashJoin" if oom else b"", b"a reason"))
                if cause == CAUSE_ADMIN or not retry:
                    del self.sessions[session.handle]

    def drop(self):
        self.link.close()
        self.link = None
        for session in self.sessions.values():
            if session.pid:
                os.kill(session.pid, signal.SIGKILL)
        self.sessions.clear()

    def run(self):
        log(event="ready")
        stdin = sys.stdin.buffer
        os.set_blocking(stdin.fileno(), False)
        while True:
            inputs = [self.listener, stdin] + ([self.link] if self.link else [])
            ready, _, _ = select.select(inputs, [], [], 0.05)
            self.reap()
            if stdin in ready:
                text = stdin.read()
                if text == b"":
                    break
                for line in (text or b"").decode().splitlines():
                    wish = json.loads(line)
                    if wish.pop("drop", None):
                        self.drop()
                    self.wishes.update(wish)
                    log(event="wish")
            if self.listener in ready:
                link, _ = self.listener.accept()
                if self.link:
                    link.close()
                else:
                    self.link = link
            elif self.link in ready:
                try:
                    data, ancillary, _, _ = self.link.recvmsg(4096, socket.CMSG_SPACE(16))
                except ConnectionResetError:
                    data, ancillary = b"", []
                fds = [fd for _, _, d in ancillary for fd in array.array("i", d[:len(d) - len(d) % 4])]
                if data:
                    self.on_frame(data, fds)
                else:
                    self.drop()
        for session in self.sessions.values():
            if session.pid:
                os.kill(session.pid, signal.SIGKILL)


if __name__ == "__main__":
    Daemon(sys.argv[1]).run()
