#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host uml
# needs: venv build
# mem: 3G
# timeout: 300
"""What clients upload: AddArtifacts and ArtifactStatus message by message, large DataFrames that are made from rows of the client
(cached local relations), compressed plans, Arrow batches in chunks.

On the host: a gateway with tests/support/fake_berthd.py and real executors behind it. In uml: Berth as it is installed.
"""
import hashlib
import os
import sys
import uuid
import zlib

import _gateway
from _gateway import pb

import grpc
import numpy
import pandas
import pyarrow
import zstandard
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pyspark.sql import SparkSession, functions as F

HOST = os.environ.get("BERTH_BED", "host") == "host"
os.environ["BERTH_REAL_EXECUTOR"] = os.environ.get("BERTH_EXECUTOR", str(_gateway.BUILD / "exec" / "berth-executor"))


def chunk(data, crc=None):
    return pb.AddArtifactsRequest.ArtifactChunk(data=data, crc=zlib.crc32(data) if crc is None else crc)


class Bed:
    """Which Berth it is; before _gateway.Case among the bases."""

    @classmethod
    def setUpClass(cls):
        if HOST:
            super().setUpClass()
        else:
            cls.port = 15002

    @classmethod
    def tearDownClass(cls):
        if HOST:
            super().tearDownClass()

    def refused(self, error_class, call):
        try:
            call()
        except grpc.RpcError as e:
            for detail in rpc_status.from_call(e).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    self.assertEqual(info.metadata["errorClass"], error_class)
                    return
            self.fail("no ErrorInfo: %s" % e)
        except Exception as e:  # noqa: BLE001
            self.assertIn("[%s]" % error_class, str(e))
            return
        self.fail("%s was expected" % error_class)


class Calls(Bed, _gateway.Case):
    def setUp(self):
        self.stub = self.raw()
        self.id = str(uuid.uuid4())

    def request(self, **fields):
        return pb.AddArtifactsRequest(session_id=self.id, **fields)

    def batch(self, *artifacts):
        many = [pb.AddArtifactsRequest.SingleChunkArtifact(name=n, data=d) for n, d in artifacts]
        return self.request(batch=pb.AddArtifactsRequest.Batch(artifacts=many))

    def begin(self, name, n, total, data):
        return self.request(begin_chunk=pb.AddArtifactsRequest.BeginChunkedArtifact(
            name=name, total_bytes=total, num_chunks=n, initial_chunk=chunk(data)))

    def add(self, *requests):
        reply = self.stub.AddArtifacts(iter(requests))
        self.assertEqual(reply.session_id, self.id)
        return [(a.name, a.is_crc_successful) for a in reply.artifacts]

    def exist(self, *names):
        reply = self.stub.ArtifactStatus(pb.ArtifactStatusesRequest(session_id=self.id, names=names))
        return [reply.statuses[n].exists for n in names]

    def test_batches_and_chunks(self):
        self.assertEqual(self.exist("cache/a", "cache/b"), [False, False])
        self.assertEqual(self.add(self.batch(("cache/a", chunk(b"one")), ("files/x.txt", chunk(b""))),
                                  self.begin("cache/b", 3, 6, b"12"), self.request(chunk=chunk(b"34")), self.request(chunk=chunk(b"56"))),
                         [("cache/a", True), ("files/x.txt", True), ("cache/b", True)])
        self.assertEqual(self.exist("cache/a", "cache/b", "cache/c", "files/x.txt"), [True, True, False, False])
        # The same once more is no error, and neither is the same file.
        self.add(self.batch(("cache/a", chunk(b"one")), ("files/x.txt", chunk(b""))))
        self.refused("ARTIFACT_ALREADY_EXISTS", lambda: self.add(self.batch(("files/x.txt", chunk(b"other")))))

    def test_checksums(self):
        self.assertEqual(self.add(self.batch(("cache/a", chunk(b"one", 1)), ("cache/b", chunk(b"two")))), [("cache/a", False), ("cache/b", True)])
        self.assertEqual(self.add(self.begin("cache/c", 2, 4, b"12"), self.request(chunk=chunk(b"34", 5))), [("cache/c", False)])
        self.assertEqual(self.exist("cache/a", "cache/b", "cache/c"), [False, True, False])

    def test_refusals(self):
        for name, error_class in (("jars/a.jar", "UNSUPPORTED_FEATURE"), ("classes/A.class", "UNSUPPORTED_FEATURE"),
                                  ("forward_to_fs/tmp/x", "UNSUPPORTED_FEATURE"), ("files/../../x", "INVALID_ARTIFACT_PATH"),
                                  ("/etc/passwd", "INVALID_ARTIFACT_PATH"), ("files//x", "INVALID_ARTIFACT_PATH"),
                                  ("x", "UNSUPPORTED_ADD_FILE"), ("files/" + "x" * 2000, "BERTH_INVALID_ARTIFACT")):
            self.refused(error_class, lambda name=name: self.add(self.batch(("cache/before", chunk(b"1")), (name, chunk(b"2")))))
        for requests in ([self.request(chunk=chunk(b"1"))], [self.begin("cache/x", 2, 4, b"12")],
                         [self.begin("cache/x", 2, 5, b"12"), self.request(chunk=chunk(b"34"))],
                         [self.begin("cache/x", 2, 4, b"12"), self.batch(("cache/y", chunk(b"")))],
                         [self.begin("cache/x", 0, 0, b"")]):
            self.refused("BERTH_INVALID_ARTIFACT", lambda requests=requests: self.add(*requests))
        self.refused("BERTH_ARTIFACT_LIMIT", lambda: self.add(self.begin("cache/x", 1 << 20, 1 << 40, b"")))
        with self.assertRaises(grpc.RpcError) as e:
            self.stub.AddArtifacts(iter([]))
        self.assertEqual(e.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        # Of an upload that failed nothing is kept.
        self.assertEqual(self.exist("cache/before", "cache/x"), [False, False])

    def test_clone(self):
        self.add(self.batch(("cache/a", chunk(b"one"))))
        reply = self.stub.CloneSession(pb.CloneSessionRequest(session_id=self.id))
        self.id = reply.new_session_id
        self.assertEqual(self.exist("cache/a"), [True])

    def execute(self, plan):
        request = pb.ExecutePlanRequest(session_id=self.id)
        request.plan.CopyFrom(plan)
        rows = 0
        for reply in self.stub.ExecutePlan(request):
            rows += reply.arrow_batch.row_count if reply.HasField("arrow_batch") else 0
        return rows

    def test_cached_local_relation(self):
        """What clients before 4.1 send: a LocalRelation message as one artifact."""
        table = pyarrow.table({"a": list(range(1000))})
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        blob = pb.LocalRelation(data=sink.getvalue().to_pybytes(), schema="a BIGINT").SerializeToString()
        name = hashlib.sha256(blob).hexdigest()
        plan = pb.Plan()
        plan.root.cached_local_relation.hash = name
        self.refused("CONNECT_INVALID_PLAN.NOT_FOUND_CACHED_LOCAL_RELATION", lambda: self.execute(plan))
        self.add(self.batch(("cache/" + name, chunk(blob))))
        self.assertEqual(self.execute(plan), 1000)
        self.add(self.batch(("cache/bad", chunk(b"\xff" * 4 + b"\x08" * 100))))
        plan.root.cached_local_relation.hash = "bad"
        self.refused("CONNECT_INVALID_PLAN.FIELD_NOT_SUPPORTED", lambda: self.execute(plan))
        plan.root.chunked_cached_local_relation.dataHashes.append("bad")
        self.refused("CONNECT_INVALID_PLAN.FIELD_NOT_SUPPORTED", lambda: self.execute(plan))

    def test_chunks(self):
        request = pb.ExecutePlanRequest(session_id=self.id)
        request.plan.root.range.end = 5000
        request.plan.root.range.step = 1
        batches, parts = [], []
        for preferred in (None, 1000, 10_000, 2048):
            option = pb.ExecutePlanRequest.RequestOption()
            option.result_chunking_options.allow_arrow_batch_chunking = True
            if preferred:
                option.result_chunking_options.preferred_arrow_chunk_size = preferred
            del request.request_options[:]
            request.request_options.append(option)
            table, n_parts = [], 0
            for reply in self.stub.ExecutePlan(request):
                if not reply.HasField("arrow_batch"):
                    continue
                b = reply.arrow_batch
                if not b.HasField("num_chunks_in_batch"):
                    table.append(pyarrow.ipc.open_stream(b.data).read_all())
                    continue
                self.assertEqual(b.chunk_index, len(parts))
                self.assertLessEqual(len(b.data), max(preferred, 1024))
                parts.append(b.data)
                n_parts += 1
                if len(parts) == b.num_chunks_in_batch:
                    table.append(pyarrow.ipc.open_stream(b"".join(parts)).read_all())
                    self.assertEqual(table[-1].num_rows, b.row_count)
                    parts = []
            self.assertEqual(pyarrow.concat_tables(table)["id"].to_pylist(), list(range(5000)))
            batches.append(n_parts)
        self.assertEqual(batches[0], 0)
        self.assertGreater(batches[2], 3)
        self.assertEqual(batches[1], 0)  # below 1 KiB a preference does not count
        self.assertGreater(batches[3], batches[2])

    def compressed(self, data, op=pb.Plan.CompressedOperation.OP_TYPE_RELATION):
        plan = pb.Plan()
        plan.compressed_operation.data = data
        plan.compressed_operation.op_type = op
        plan.compressed_operation.compression_codec = pb.COMPRESSION_CODEC_ZSTD
        return plan

    def test_compressed_plans(self):
        relation = pb.Relation()
        relation.range.end = 7
        relation.range.step = 1
        packed = zstandard.compress(relation.SerializeToString())
        self.assertEqual(self.execute(self.compressed(packed)), 7)
        for data in (b"", b"garbage", packed[:-3], zstandard.compress(b"\xff" * 50)):
            self.refused("CONNECT_INVALID_PLAN.FIELD_NOT_SUPPORTED", lambda data=data: self.execute(self.compressed(data)))
        packer = zstandard.ZstdCompressor(level=1).compressobj(size=600 << 20)
        bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(600)) + packer.flush()
        self.refused("CONNECT_INVALID_PLAN.PLAN_SIZE_LARGER_THAN_MAX", lambda: self.execute(self.compressed(bomb)))
        plan = self.compressed(packed)
        plan.compressed_operation.compression_codec = 0
        self.refused("UNSUPPORTED_FEATURE", lambda: self.execute(plan))


class Frames(Bed, _gateway.Case):
    def test_large_local_relation(self):
        """120 MB of pandas (24 MB in uml, whose client is slow), which go as artifacts, once."""
        spark = self.session()
        n = 5_000_000 if HOST else 1_000_000
        rows = pandas.DataFrame({"i": numpy.arange(n), "d": numpy.arange(n) / 2, "s": numpy.char.add("r", numpy.arange(n).astype(str))})
        df = spark.createDataFrame(rows)
        self.assertEqual(df.schema.simpleString(), "struct<i:bigint,d:double,s:string>")
        got = df.agg(F.count("*"), F.sum("i"), F.sum("d"), F.max("s"), F.countDistinct(F.col("i") % 1000)).first()
        self.assertEqual(tuple(got), (n, n * (n - 1) // 2, n * (n - 1) / 4, "r999999", 1000))
        self.assertEqual(df.where(F.col("i") == n - 1).collect()[0].asDict(), {"i": n - 1, "d": (n - 1) / 2, "s": "r%d" % (n - 1)})
        self.assertEqual(spark.createDataFrame(rows).count(), n)  # found by their hashes
        spark.stop()

    def test_types_and_schema(self):
        """Across several chunks, with nulls, nested values and a schema that differs from what Arrow has."""
        spark = self.session()
        spark.conf.set("spark.sql.session.localRelationCacheThreshold", "1")
        spark.conf.set("spark.sql.session.localRelationChunkSizeRows", "3")
        rows = [(i, None if i % 3 else "x" * i, [i, None], {"k": i}) for i in range(10)]
        df = spark.createDataFrame(rows, "a INT, s STRING, l ARRAY<INT>, m MAP<STRING, BIGINT>")
        self.assertEqual([tuple(r) for r in df.collect()], rows)
        self.assertEqual(df.schema.simpleString(), "struct<a:int,s:string,l:array<int>,m:map<string,bigint>>")
        df.createOrReplaceTempView("uploaded")
        self.assertEqual(spark.sql("SELECT sum(a) FROM uploaded").first()[0], 45)
        if HOST:
            # The executor dies, the rows do not: they are in the gateway.
            os.kill(self.events("executor")[-1]["pid"], 9)
            self.assertEqual(spark.sql("SELECT count(*), max(length(s)) FROM uploaded").first()[:], (10, 9))
        self.assertEqual(df.join(df.select(F.col("a").alias("b")), F.expr("a = b")).count(), 10)
        empty = spark.createDataFrame([], "a INT")
        self.assertEqual(empty.count(), 0)
        spark.stop()

    def test_every_plan_compressed(self):
        spark = self.session()
        spark.conf.set("spark.connect.session.planCompression.threshold", "20")
        wanted = list(range(0, 50000, 7))
        df = spark.range(50000).where(F.col("id").isin(wanted))
        self.assertEqual(df.count(), len(wanted))
        self.assertEqual(df.schema.simpleString(), "struct<id:bigint>")
        df.createOrReplaceTempView("packed")
        self.assertEqual(spark.sql("SELECT max(id) FROM packed").first()[0], wanted[-1])
        if HOST:
            os.kill(self.events("executor")[-1]["pid"], 9)
            self.assertEqual(spark.sql("SELECT min(id) FROM packed").first()[0], 0)
        self.refused("UNRESOLVED_COLUMN.WITH_SUGGESTION", lambda: df.select(*[F.col("nothing%d" % i) for i in range(50)]).collect())
        spark.stop()


if __name__ == "__main__":
    sys.exit(_gateway.program(__file__))
