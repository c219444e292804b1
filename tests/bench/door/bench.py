# SPDX-License-Identifier: Apache-2.0
"""The door: what berth-gateway itself costs, with real executors behind it and no berthd (tests/conformance/_stack.py).

usage: tests/bench/run door [--json] [--seconds N] [--rows N]

  unary     one Config.Get after the other over the unix socket: p50 and p99, the client's own time included
  idle      what a session that has set a few options holds in the gateway
  calls     5,000 Config.Get a second over 200 connections of four users, by h2load: errors, p99
  reader    what a client that stops reading a large result costs the gateway
  collect   rows as Arrow through the gateway, MB/s at the client
"""
import argparse
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "conformance"))
from _stack import Stack

import grpc
import pyspark.sql.connect.proto as pb
from pyspark.sql.connect.proto import base_pb2_grpc

MIB = 1 << 20
WIDE = [("grpc.max_receive_message_length", -1)]


def ask(session):
    r = pb.ConfigRequest(session_id=session)
    r.operation.get.keys.append("spark.sql.session.timeZone")
    return r


def query(session, text):
    r = pb.ExecutePlanRequest(session_id=session, operation_id=str(uuid.uuid4()))
    r.plan.root.sql.query = text
    return r


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def unary(stack):
    with grpc.insecure_channel(f"unix:{stack.socket}") as channel:
        stub, session = base_pb2_grpc.SparkConnectServiceStub(channel), str(uuid.uuid4())
        times = []
        for _ in range(3000):
            begin = time.perf_counter()
            stub.Config(ask(session))
            times.append(time.perf_counter() - begin)
    times = sorted(times[500:])
    return {"p50_usec": round(times[len(times) // 2] * 1e6), "p99_usec": round(times[len(times) * 99 // 100] * 1e6)}


def idle(stack):
    with grpc.insecure_channel(f"unix:{stack.socket}") as channel:
        stub = base_pb2_grpc.SparkConnectServiceStub(channel)
        stub.Config(ask(str(uuid.uuid4())))
        before, n = resident(stack.gateway.pid), 60
        for i in range(n):
            r = pb.ConfigRequest(session_id=str(uuid.uuid4()))
            for k in range(5):
                r.operation.set.pairs.add(key=f"key.{k}", value="some value")
            stub.Config(r)
        return {"sessions": n, "bytes_each": (resident(stack.gateway.pid) - before) // n}


def calls(stack, seconds):
    with tempfile.TemporaryDirectory() as folder:
        users = []
        for i in range(4):
            body = ask(str(uuid.uuid4())).SerializeToString()
            path = pathlib.Path(folder) / str(i)
            path.write_bytes(struct.pack(">BI", 0, len(body)) + body)
            command = ["h2load", "--connection-active-timeout=600", "-c", "50", "-m", "1", f"--rps={1250 / 50}", "-D", str(seconds),
                       "-d", path, "-H", "content-type: application/grpc", "-H", "te: trailers",
                       f"http://127.0.0.1:{stack.port}/spark.connect.SparkConnectService/Config"]
            users.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        outputs = [u.communicate()[0] for u in users]
    total = sum(int(re.search(r"requests: (\d+) total", o)[1]) for o in outputs)
    good = sum(int(re.search(r"status codes: (\d+) 2xx", o)[1]) for o in outputs)
    slow = max(re.search(r"time for request:\s+\S+\s+(\S+)", o)[1] for o in outputs)
    return {"per_second": round(good / seconds), "errors": total - good, "slowest": slow}


def reader(stack, rows):
    with grpc.insecure_channel(f"unix:{stack.socket}", WIDE) as channel:
        stub = base_pb2_grpc.SparkConnectServiceStub(channel)
        before = resident(stack.gateway.pid)
        stream = stub.ExecutePlan(query(str(uuid.uuid4()), f"select id, repeat('x', 100) as s from range({rows})"))
        next(stream)
        time.sleep(5)
        held = resident(stack.gateway.pid) - before
        stream.cancel()
    return {"bytes": held}


def collect(stack, rows):
    with grpc.insecure_channel(f"unix:{stack.socket}", WIDE) as channel:
        stub = base_pb2_grpc.SparkConnectServiceStub(channel)
        begin, n_bytes, n_rows = time.perf_counter(), 0, 0
        for r in stub.ExecutePlan(query(str(uuid.uuid4()), f"select id, repeat('x', 100) as s from range({rows})")):
            n_bytes += len(r.arrow_batch.data)
            n_rows += r.arrow_batch.row_count
        seconds = time.perf_counter() - begin
    assert n_rows == rows
    return {"bytes": n_bytes, "mib_per_second": round(n_bytes / MIB / seconds)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", action="store_true")
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("--rows", type=int, default=10_000_000)
    a = p.parse_args()
    with Stack() as stack:
        found = {"unary": unary(stack), "calls": calls(stack, a.seconds), "reader": reader(stack, a.rows), "collect": collect(stack, a.rows)}
    with Stack() as stack: # nothing has been freed there that sessions could reuse
        found["idle"] = idle(stack)
    if a.json:
        print(json.dumps(found))
    else:
        for name, figures in found.items():
            print(f"{name:8}", "  ".join(f"{k} {v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
