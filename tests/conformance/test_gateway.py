#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 180
"""The unmodified PySpark client through the real berth-gateway, with tests/support/fake_berthd.py behind it.

What is checked is the gateway's part: identifiers, order of replies, configuration, errors as exceptions, interrupt,
reattach, restart of a dead executor without the client noticing, and that clients who misbehave cost little.
Usage: test_gateway.py [unittest arguments]
"""
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

from _gateway import GATEWAY, Case, program, sql_request, wait_until

import grpc
import pyspark.sql.connect.proto as pb
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pyspark import errors
from pyspark.sql.connect.proto import base_pb2_grpc


class Client(Case):
    """What a user does with PySpark."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.spark = cls.session()

    @classmethod
    def tearDownClass(cls):
        cls.spark.stop()
        super().tearDownClass()

    def test_collect_show_pandas(self):
        df = self.spark.sql("select 1 as a, 'x' as b union all select 2, null order by 1")
        self.assertEqual([tuple(r) for r in df.collect()], [(1, "x"), (2, None)])
        self.assertEqual(df.columns, ["a", "b"])
        self.assertEqual(list(df.toPandas()["a"]), [1, 2])
        df.show()
        self.assertEqual(self.spark.range(7).limit(3).toPandas().shape, (3, 1))
        self.assertEqual(self.spark.sql("select 1 as a where false").collect(), [])

    def test_version(self):
        self.assertTrue(self.spark.version.startswith("4."))

    def test_create_data_frame(self):
        df = \
            self.spark.createDataFrame([(1, "x"), (2, None)], ["a", "b"])
        self.assertEqual([tuple(r) for r in df.collect()], [(1, "x"), (2, None)])

    def test_many_rows(self):
        df = self.spark.sql("/* rows=100000 batch=777 */ generated")
        t = df.toArrow()
        self.assertEqual(t.num_rows, 100000)
        self.assertEqual(t["id"].to_pylist(), list(range(100000)))

    def test_more_bytes_than_any_buffer(self):
        t = self.spark.sql("/* rows=20000 batch=500 pad=5000 */ generated").toArrow() # 100 MB, 2.5 MB a batch
        self.assertEqual(t.num_rows, 20000)
        self.assertEqual(len(t["pad"][19999].as_py()), 5000)

    def test_view_and_temp_state(self):
        self.spark.range(4).createOrReplaceTempView("four")
        self.assertEqual(len(self.spark.sql("select * from four").collect()), 4)

    def test_conf(self):
        conf = self.spark.conf
        self.assertEqual(conf.get("spark.sql.session.timeZone"), "UTC")
        conf.set("spark.sql.session.timeZone", "Europe/Berlin")
        self.assertEqual(conf.get("spark.sql.session.timeZone"), "Europe/Berlin")
        conf.unset("spark.sql.session.timeZone")
        self.assertEqual(conf.get("spark.sql.session.timeZone"), "UTC")
        self.assertEqual(conf.get("no.such.key", "fallback"), "fallback")
        self.assertIsNone(conf.get("no.such.key", None))
        with self.assertRaises(errors.SparkNoSuchElementException):
            conf.get("no.such.key")
        with self.assertRaises(errors.AnalysisException):
            conf.set("spark.sql.warehouse.dir", "/x")
        for key, value in (("spark.sql.ansi.enabled", "maybe"), ("spark.sql.shuffle.partitions", "many"),
                           ("spark.sql.session.timeZone", "No where!")):
            with self.assertRaises(errors.IllegalArgumentException):
                conf.set(key, value)
        self.assertTrue(conf.isModifiable("spark.sql.shuffle.partitions"))
        self.assertFalse(conf.isModifiable("spark.sql.warehouse.dir"))
        self.assertFalse(conf.isModifiable("no.such.key"))
        conf.set("my.own", "ü=1")
        self.assertEqual(conf.getAll["my.own"], "ü=1")
        self.assertEqual(conf.getAll["spark.sql.ansi.enabled"], "true")

    def test_conf_set_by_sql_comes_back(self):
        self.spark.sql("/* set=some.key:seven */ select 1").collect()
        self.assertEqual(self.spark.conf.get("some.key"), "seven")

    def test_error_classes(self):
        for kind, error_class, state, exception in (
                ("ANALYSIS", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", errors.AnalysisException),
                ("PARSE", "PARSE_SYNTAX_ERROR", "42601", errors.ParseException),
                ("ARITHMETIC", "DIVIDE_BY_ZERO", "22012", errors.ArithmeticException),
                ("RUNTIME", "USER_RAISED_EXCEPTION", "P0001", errors.SparkRuntimeException),
                ("ILLEGAL", "INVALID_PARAMETER_VALUE", "22023", errors.IllegalArgumentException),
                ("UNSUPPORTED", "UNSUPPORTED_FEATURE", "0A000", errors.UnsupportedOperationException),
                ("CAST", "CAST_INVALID_INPUT", "22018", errors.NumberFormatException),
                ("CAST", "CAST_OVERFLOW", "22003", errors.ArithmeticException),
                ("DATETIME", "CAST_INVALID_INPUT", "22018", errors.DateTimeException),
                ("INDEX", "INVALID_ARRAY_INDEX", "22003", errors.ArrayIndexOutOfBoundsException),
                ("MEMORY", "BERTH_OUT_OF_MEMORY", "53200", errors.exceptions.connect.SparkConnectException),
                ("FILE", "FAILED_READ_FILE", "KD001", errors.exceptions.connect.SparkConnectException)):
            with self.subTest(kind=kind, error_class=error_class):
                with self.assertRaises(exception) as caught:
                    self.spark.sql("/* error=%s class=%s state=%s line=2 */ It went wrong." % (kind, error_class, state)).collect()
                e = caught.exception
                self.assertEqual(e.getCondition(), error_class)
                self.assertEqual(e.getSqlState(), state)
                self.assertEqual(e.getMessageParameters(), {"a": "b"})
                self.assertIn("[%s] It went wrong. SQLSTATE: %s" % (error_class, state), str(e))

    def test_error_of_analysis(self):
        with self.assertRaises(errors.AnalysisException):
            self.spark.sql("select * from no_such_table").schema

    def test_long_and_odd_error_text(self):
        text = "50% größer €\n\"quoted\" " * 500
        with self.assertRaises(errors.AnalysisException) as caught:
            self.spark.sql("/* error=ANALYSIS class=LONG_ONE */ " + text).collect()
        self.assertIn(text.strip(), str(caught.exception)) # whole, by FetchErrorDetails

    def test_interrupt_all(self):
        ended = []
        def query():
            try:
                self.spark.sql("/* sleep=30 */ select 1").collect()
            except Exception as e:
                ended.append(e)
        t = threading.Thread(target=query)
        t.start()
        counts = []
        # spark.sql() is an operation of its own, which may end before it hears of the interrupt: then once more.
        wait_until(lambda: counts.append(len(self.spark.interruptAll())) or ended)
        t.join(10)
        self.assertIn(1, counts)
        self.assertIn("OPERATION_CANCELED", str(ended[0]))
        self.assertEqual(self.spark.interruptAll(), [])

    def test_interrupt_tag(self):
        ended = []
        def query(tag):
            self.spark.addTag(tag)
            try:
                self.spark.sql("/* sleep=5 */ select 1").collect()
                ended.append(tag + " done")
            except Exception as e:
                ended.append(tag + " interrupted")
        threads = [threading.Thread(target=query, args=(tag,)) for tag in ("one", "two")]
        for t in threads:
            t.start()
        wait_until(lambda: self.spark.interruptTag("one") is not None and "one interrupted" in ended)
        for t in threads:
            t.join(15)
        self.assertEqual(sorted(ended), ["one interrupted", "two done"])

    def test_concurrent_queries(self):
        results = []
        def query(n):
            results.append(len(self.spark.range(n).collect()) == n)
        threads = [threading.Thread(target=query, args=(i * 10,)) for i in range(1, 20)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(30)
        self.assertEqual(results, [True] * 19)

    def test_clone(self):
        self.spark.conf.set("cloned.key", "1")
        self.spark.range(3).createOrReplaceTempView("three")
        other = self.spark.cloneSession()
        self.assertNotEqual(other.session_id, self.spark.session_id)
        self.assertEqual(other.conf.get("cloned.key"), "1")
        self.assertEqual(len(other.sql("select * from three").collect()), 3)
        other.conf.set("cloned.key", "2")
        self.assertEqual(self.spark.conf.get("cloned.key"), "1")
        other._client.release_session()

    def test_unix_socket_names_the_user(self):
        # No URL form exists for it; the channel is what matters.
        stub = self.raw("unix:%s" % (self.dir / "sock"))
        session_id = str(uuid.uuid4())
        replies = list(stub.ExecutePlan(sql_request(session_id, "select 42")))
        self.assertEqual(replies[0].session_id, session_id)
        stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id))

    def test_add_artifacts(self):
        self.spark.addArtifacts(__file__, file=True)


class Stop(Case):
    def test_stop_closes_the_session(self):
        spark = self.session()
        spark.range(1).collect()
        session_id = spark.session_id
        before = len(self.events("close"))
        spark.stop()
        wait_until(lambda: len(self.events("close")) == before + 1)
        stub = self.raw()
        with self.assertRaises(grpc.RpcError) as caught:
            stub.Config(pb.ConfigRequest(session_id=session_id, operation=pb.ConfigRequest.Operation(get_all=pb.ConfigRequest.GetAll())))
        self.assertIn("INVALID_HANDLE.SESSION_CLOSED", caught.exception.details())
        # Once more is no error.
        self.assertEqual(stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=session_id)).session_id, session_id)

    def test_hints_in_the_url_reach_berthd(self):
        spark = self.session("/;berth-profile=batch;berth-performance=true")
        spark.range(1).collect()
        self.assertEqual((self.events("open")[-1]["profile"], self.events("open")[-1]["performance"]), (2, 1))
        spark.stop()

    def test_refused_session(self):
        self.wish(refuse="the host has no memory left for user someone")
        spark = self.session()
        with self.assertRaises(errors.exceptions.connect.SparkConnectException) as caught:
            spark.range(1).collect()
        self.assertIn("the host has no memory left", str(caught.exception))
        self.wish(refuse="")
        self.assertEqual(len(spark.range(2).collect()), 2) # the next try gets one
        spark.stop()


class Protocol(Case):
    """The rules of the reply stream, without PySpark in between."""

    def setUp(self):
        self.stub = self.raw()
        self.id = str(uuid.uuid4())

    def tearDown(self):
        self.stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=self.id))

    def details(self, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        status = rpc_status.from_call(caught.exception)
        info = error_details_pb2.ErrorInfo()
        if status and status.details and status.details[0].Unpack(info):
            return caught.exception.code().name, info.metadata.get("errorClass")
        return caught.exception.code().name, caught.exception.details()

    def test_order_and_ids(self):
        operation = str(uuid.uuid4())
        replies = list(self.stub.ExecutePlan(sql_request(self.id, "select 1", operation)))
        kinds = [r.WhichOneof("response_type") for r in replies]
        self.assertEqual(kinds, [None, "arrow_batch", "result_complete"])
        self.assertTrue(replies[0].HasField("schema"))
        self.assertEqual({r.session_id for r in replies}, {self.id})
        self.assertEqual({r.operation_id for r in replies}, {operation})
        self.assertEqual(len({r.server_side_session_id for r in replies}), 1)
        self.assertEqual(len({r.response_id for r in replies}), 3)
        for r in replies:
            uuid.UUID(r.response_id)

    def test_signs_of_life_on_a_quiet_stream(self):
        replies = list(self.stub.ExecutePlan(sql_request(self.id, "/* sleep=12 */ select 1")))
        # A message without a type (nor a schema, which has none either): clients pass over it.
        signs = [i for i, r in enumerate(replies) if r.WhichOneof("response_type") is None and not r.HasField("schema")]
        self.assertTrue(signs)
        self.assertTrue(replies[-1].HasField("result_complete"))

    def test_result_complete_without_reattach(self):
        replies = list(self.stub.ExecutePlan(sql_request(self.id, "select 1", reattachable=False)))
        self.assertTrue(replies[-1].HasField("result_complete"))

    def test_reattach(self):
        request = sql_request(self.id, "select 1")
        replies = list(self.stub.ExecutePlan(request))
        def again(last):
            return self.stub.ReattachExecute(pb.ReattachExecuteRequest(
                session_id=self.id, operation_id=request.operation_id, last_response_id=last))
        self.assertEqual([r.response_id for r in again(replies[0].response_id)], [r.response_id for r in replies[1:]])
        self.assertEqual([r.response_id for r in again("")], [r.response_id for r in replies])
        self.assertEqual(self.details(lambda: list(again(str(uuid.uuid4()))))[1], "INVALID_CURSOR.POSITION_NOT_FOUND")
        release = pb.ReleaseExecuteRequest(session_id=self.id, operation_id=request.operation_id)
        release.release_until.response_id = replies[1].response_id
        self.stub.ReleaseExecute(release)
        self.assertEqual(self.details(lambda: list(again(replies[0].response_id)))[1], "INVALID_CURSOR.POSITION_NOT_AVAILABLE")
        self.assertEqual([r.response_id for r in again(replies[1].response_id)], [replies[2].response_id])
        release.release_all.SetInParent()
        self.stub.ReleaseExecute(release)
        self.assertEqual(self.details(lambda: list(again("")))[1], "INVALID_HANDLE.OPERATION_ABANDONED")
        # The same operation never runs twice (D-8).
        self.assertEqual(self.details(lambda: list(self.stub.ExecutePlan(request)))[1], "INVALID_HANDLE.OPERATION_ABANDONED")

    def test_a_dropped_stream_is_taken_up_again(self):
        request = sql_request(self.id, "/* rows=50 batch=1 slow=0.02 */ generated")
        stream = self.stub.ExecutePlan(request)
        first = [next(stream) for _ in range(5)]
        stream.cancel()
        time.sleep(0.3)
        rest = list(self.stub.ReattachExecute(pb.ReattachExecuteRequest(
            session_id=self.id, operation_id=request.operation_id, last_response_id=first[-1].response_id)))
        rows = [r.arrow_batch.start_offset for r in first + rest if r.HasField("arrow_batch")]
        self.assertEqual(rows, list(range(50)))
        self.assertTrue(rest[-1].HasField("result_complete"))

    def test_second_stream_takes_over(self):
        request = sql_request(self.id, "/* rows=50 batch=1 slow=0.05 */ generated")
        stream = self.stub.ExecutePlan(request)
        first = next(stream)
        second = self.stub.ReattachExecute(pb.ReattachExecuteRequest(
            session_id=self.id, operation_id=request.operation_id, last_response_id=first.response_id))
        self.assertTrue(list(second)[-1].HasField("result_complete"))
        self.assertEqual(self.details(lambda: list(stream))[1], "INVALID_CURSOR.DISCONNECTED")

    def test_not_reattachable(self):
        request = sql_request(self.id, "/* rows=50 batch=1 slow=0.05 */ generated", reattachable=False)
        stream = self.stub.ExecutePlan(request)
        next(stream)
        self.assertEqual(self.details(lambda: list(self.stub.ReattachExecute(pb.ReattachExecuteRequest(
            session_id=self.id, operation_id=request.operation_id))))[1], "INVALID_CURSOR.NOT_REATTACHABLE")
        stream.cancel()

    def test_session_matrix(self):
        other = str(uuid.uuid4())
        self.assertEqual(self.details(lambda: self.stub.GetStatus(pb.GetStatusRequest(session_id=other)))[1], "INVALID_HANDLE.SESSION_NOT_FOUND")
        self.assertEqual(self.details(lambda: self.stub.CloneSession(pb.CloneSessionRequest(session_id=other)))[1], "INVALID_HANDLE.SESSION_NOT_FOUND")
        self.assertEqual(self.details(lambda: list(self.stub.ReattachExecute(pb.ReattachExecuteRequest(session_id=other, operation_id=other))))[1], "INVALID_HANDLE.SESSION_NOT_FOUND")
        self.assertEqual(self.details(lambda: self.stub.Interrupt(pb.InterruptRequest(session_id="nonsense")))[1], "INVALID_HANDLE.FORMAT")
        self.assertEqual(self.stub.Interrupt(pb.InterruptRequest(session_id=self.id, interrupt_type=1)).session_id, self.id)
        changed = pb.InterruptRequest(session_id=self.id, interrupt_type=1, client_observed_server_side_session_id="x")
        self.assertEqual(self.details(lambda: self.stub.Interrupt(changed))[1], "INVALID_HANDLE.SESSION_CHANGED")

    def test_get_status(self):
        request = sql_request(self.id, "select 1")
        list(self.stub.ExecutePlan(request))
        status = pb.GetStatusRequest(session_id=self.id)
        status.operation_status.operation_ids.extend([request.operation_id, str(uuid.uuid4())])
        reply = self.stub.GetStatus(status)
        self.assertEqual([s.state for s in reply.operation_statuses], [4, 1])

    def test_config_forms(self):
        op = pb.ConfigRequest.Operation
        def config(operation):
            return self.stub.Config(pb.ConfigRequest(session_id=self.id, operation=operation))
        reply = config(op(get_option=pb.ConfigRequest.GetOption(keys=["no.such", "spark.sql.ansi.enabled"])))
        self.assertEqual([(p.key, p.HasField("value")) for p in reply.pairs], [("no.such", False), ("spark.sql.ansi.enabled", True)])
        reply = config(op(set=pb.ConfigRequest.Set(pairs=[pb.KeyValue(key="spark.sql.warehouse.dir", value="x"), pb.KeyValue(key="a", value="b")], silent=True)))
        self.assertEqual(len(reply.warnings), 1)
        reply = config(op(get_all=pb.ConfigRequest.GetAll(prefix="spark.sql.repl.")))
        self.assertIn("eagerEval.enabled", [p.key for p in reply.pairs])

    def test_unknown_method_and_garbage(self):
        channel = grpc.insecure_channel("127.0.0.1:%d" % self.port)
        for path, body, code in (("/x.Y/Z", b"", "UNIMPLEMENTED"),
                                 ("/spark.connect.SparkConnectService/Nothing", b"", "UNIMPLEMENTED"),
                                 ("/spark.connect.SparkConnectService/Config", b"\xff\xff", "INVALID_ARGUMENT"),
                                 ("/spark.connect.SparkConnectService/Config", b"", "INTERNAL")):
            with self.assertRaises(grpc.RpcError) as caught:
                channel.unary_unary(path)(body)
            self.assertEqual(caught.exception.code().name, code)
        channel.close()

    def test_deadline(self):
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.stub.ExecutePlan(sql_request(self.id, "/* sleep=20 */ select 1"), timeout=1))
        self.assertEqual(caught.exception.code().name, "DEADLINE_EXCEEDED")

    def test_client_that_never_releases(self):
        for _ in range(140):
            self.assertEqual(len(list(self.stub.ExecutePlan(sql_request(self.id, "select 1")))), 3)

    def test_minimal_client(self):
        # No options, no operation id, no client string, no user.
        request = pb.ExecutePlanRequest(session_id=self.id)
        request.plan.root.sql.query = "select 1"
        self.assertTrue(list(self.stub.ExecutePlan(request))[-1].HasField("result_complete"))


    def test_older_client(self):
        # PySpark 3.5 sends SQL as text in the command itself, and no options that came later.
        request = pb.ExecutePlanRequest(session_id=self.id, client_type="_SPARK_CONNECT_PYTHON spark/3.5.5 os/linux python/3.11.2")
        request.plan.command.sql_command.sql = "select 1 as a"
        relation = list(self.stub.ExecutePlan(request))[0].sql_command_result.relation
        request.plan.root.CopyFrom(relation)
        self.assertEqual(sum(r.arrow_batch.row_count for r in self.stub.ExecutePlan(request)), 1)


class Restart(Case):
    def setUp(self):
        self.spark = self.session()

    def tearDown(self):
        self.spark.stop()

    def test_killed_before_a_row_is_not_noticed(self):
        self.spark.conf.set("kept", "yes")
        self.spark.range(4).createOrReplaceTempView("kept_view")
        retries = len(self.events("retry"))
        rows = self.spark.sql("/* rows=1000 batch=100 die=0 */ generated").collect()
        self.assertEqual([r.id for r in rows], list(range(1000)))
        self.assertEqual(len(self.events("retry")), retries + 1)
        self.assertEqual(len(self.spark.sql("select * from kept_view").collect()), 4) # replayed
        self.assertEqual(self.spark.conf.get("kept"), "yes")

    def test_killed_between_deterministic_rows_is_not_noticed(self):
        rows = self.spark.sql("/* rows=1000 batch=100 die=5 det */ generated").collect()
        self.assertEqual([r.id for r in rows], list(range(1000)))

    def test_killed_between_other_rows_fails_once(self):
        with self.assertRaises(errors.exceptions.connect.SparkConnectException) as caught:
            self.spark.sql("/* rows=1000 batch=100 die=5 */ generated").collect()
        self.assertIn("BERTH_EXECUTOR_LOST", str(caught.exception))
        self.assertEqual(len(self.spark.range(3).collect()), 3) # the session goes on

    def test_other_batches_in_the_second_run(self):
        with self.assertRaises(errors.exceptions.connect.SparkConnectException) as caught:
            self.spark.sql("/* rows=1000 batch=100 die=5 det bigger=333 */ generated").collect()
        self.assertIn("BERTH_RESULT_CHANGED", str(caught.exception))

    def test_idle_executor_dies(self):
        self.spark.range(4).createOrReplaceTempView("idle_view")
        os.kill(self.events("executor")[-1]["pid"], 9)
        time.sleep(0.2)
        self.assertEqual(len(self.spark.sql("select * from idle_view").collect()), 4)

    def test_out_of_memory_without_retry_says_what_to_do(self):
        self.wish(no_retry=1, oom=1)
        with self.assertRaises(errors.exceptions.connect.SparkConnectException) as caught:
            self.spark.sql("/* rows=1000 batch=100 die=0 */ generated").collect()
        for words in ("BERTH_OUT_OF_MEMORY", "3.0 GiB", "2.0 GiB", "HashJoin", "limit of your account"):
            self.assertIn(words, str(caught.exception))
        self.assertEqual(len(self.spark.range(3).collect()), 3)

    def test_killed_by_the_administrator(self):
        self.spark.range(1).collect()
        self.wish(admin=1)
        os.kill(self.events("executor")[-1]["pid"], 9)
        time.sleep(0.3)
        with self.assertRaises(errors.exceptions.connect.SparkConnectException) as caught:
            self.spark.range(1).collect()
        self.assertIn("INVALID_HANDLE.SESSION_CLOSED", str(caught.exception))

    def test_poisoned_history_ends_the_session(self):
        self.spark.sql("create /* poison */ table poison as select 1 as x")
        before = len(self.events("retry"))
        os.kill(self.events("executor")[-1]["pid"], 9)
        with self.assertRaises(errors.exceptions.connect.SparkConnectException) as caught:
            self.spark.range(1).collect()
        self.assertTrue("could not be restored" in str(caught.exception) or "SESSION_CLOSED" in str(caught.exception))
        self.assertLess(len(self.events("retry")) - before, 6)

    def test_berthd_restarts(self):
        self.spark.range(4).createOrReplaceTempView("over_restart")
        result = []
        t = threading.Thread(target=lambda: result.append(self.spark.sql("/* sleep=2 */ select 7 as x").collect()))
        t.start()
        time.sleep(0.5)
        self.wish(drop=1)
        t.join(30)
        self.assertEqual(result[0][0].x, 7)
        self.assertEqual(len(self.spark.sql("select * from over_restart").collect()), 4)

    def test_berthd_away_is_unavailable(self):
        stub = self.raw()
        type(self).stop_daemon()
        try:
            time.sleep(0.3)
            with self.assertRaises(grpc.RpcError) as caught:
                list(stub.ExecutePlan(sql_request(str(uuid.uuid4()), "select 1")))
            self.assertEqual(caught.exception.code().name, "UNAVAILABLE")
        finally:
            type(self).start_daemon()
        self.assertEqual(len(self.spark.range(3).collect()), 3) # the client retries by itself


class Misbehaviour(Case):
    def setUp(self):
        self.stub = self.raw()
        self.id = str(uuid.uuid4())

    def tearDown(self):
        self.stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=self.id))

    def test_never_reading_client_costs_little(self):
        # 2 GB wanted, nothing read: the executor's credit is the bound.
        streams = [self.stub.ExecutePlan(sql_request(self.id, "/* rows=400000 batch=200 pad=5000 */ generated")) for _ in range(3)]
        before = self.memory()
        sizes = []
        for _ in range(8):
            time.sleep(0.5)
            sizes.append(self.memory() - before)
        self.assertLess(max(sizes), 3 * (24 << 20))
        for s in streams:
            s.cancel()

    def test_large_message_is_refused_without_being_held(self):
        before = self.memory()
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.stub.ExecutePlan(sql_request(self.id, "x" * (200 << 20))))
        self.assertEqual(caught.exception.code().name, "RESOURCE_EXHAUSTED")
        self.assertIn("209715", caught.exception.details())
        self.assertLess(self.memory() - before, 32 << 20)
        self.assertEqual(len(list(self.stub.ExecutePlan(sql_request(self.id, "select 1")))), 3)

    def test_deep_plan_passes_the_envelope(self):
        # 5,000 levels, written by hand: Python's own protobuf stops at 100.
        inner = b""
        for _ in range(5000):
            n = len(inner)
            length = bytes([n & 0x7f | (0x80 if n > 0x7f else 0)]) + (bytes([n >> 7 & 0x7f | (0x80 if n > 0x3fff else 0)]) if n > 0x7f else b"") + \
                (bytes([n >> 14]) if n > 0x3fff else b"")
            inner = b"\x0a" + length + inner
        request = pb.ExecutePlanRequest(session_id=self.id).SerializeToString() + self.field(3, inner)
        channel = grpc.insecure_channel("127.0.0.1:%d" % self.port)
        with self.assertRaises(grpc.RpcError):
            list(channel.unary_stream("/spark.connect.SparkConnectService/ExecutePlan")(request, timeout=2))
        channel.close()
        self.assertIsNone(self.gateway.poll())

    @staticmethod
    def field(number, data):
        n, length = len(data), b""
        while True:
            length += bytes([n & 0x7f | (0x80 if n > 0x7f else 0)])
            n >>= 7
            if not n:
                return bytes([number << 3 | 2]) + length + data

    def test_half_open_connections_are_closed(self):
        sockets = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(5)]
        sockets[1].sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        for s in sockets:
            s.settimeout(20)
            while s.recv(4096):
                pass
            s.close()

    def test_not_http2(self):
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            s.settimeout(5)
            while s.recv(4096):
                pass

    def test_disappearing_clients_leave_nothing(self):
        time.sleep(0.5)
        before = self.fds()
        for _ in range(10):
            channel = grpc.insecure_channel("127.0.0.1:%d" % self.port, [("grpc.use_local_subchannel_pool", 1)])
            stub = base_pb2_grpc.SparkConnectServiceStub(channel)
            stream = stub.ExecutePlan(sql_request(self.id, "/* rows=100000 batch=10 slow=0.01 */ generated", reattachable=False))
            next(stream)
            channel.close()
        wait_until(lambda: self.fds() <= before + 1)
        status = pb.GetStatusRequest(session_id=self.id)
        status.operation_status.SetInParent()
        wait_until(lambda: len(self.stub.GetStatus(status).operation_statuses) == 0)

    def test_too_many_sessions(self):
        ids = [str(uuid.uuid4()) for _ in range(70)]
        refused = 0
        for i in ids:
            try:
                self.stub.Interrupt(pb.InterruptRequest(session_id=i, interrupt_type=1))
            except grpc.RpcError as e:
                self.assertEqual(e.code().name, "RESOURCE_EXHAUSTED")
                refused += 1
        self.assertGreaterEqual(refused, 6)
        for i in ids:
            self.stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=i))

    def test_sessions_that_were_left_make_room(self):
        # Scripts that end without stop(): the 65th is not refused, and what is in use stays.
        self.stub.Interrupt(pb.InterruptRequest(session_id=self.id, interrupt_type=1))
        running = self.stub.ExecutePlan(sql_request(self.id, "/* sleep=60 */ select 1"))
        left = []
        for _ in range(80):
            channel = grpc.insecure_channel("127.0.0.1:%d" % self.port, [("grpc.use_local_subchannel_pool", 1)])
            left.append(str(uuid.uuid4()))
            base_pb2_grpc.SparkConnectServiceStub(channel).Interrupt(pb.InterruptRequest(session_id=left[-1], interrupt_type=1), timeout=20)
            channel.close()
        with self.assertRaises(grpc.RpcError) as caught:
            self.stub.Interrupt(pb.InterruptRequest(session_id=left[0], interrupt_type=1))
        self.assertIn("SESSION_CLOSED", caught.exception.details())
        status = pb.GetStatusRequest(session_id=self.id)
        status.operation_status.SetInParent()
        self.assertEqual(len(self.stub.GetStatus(status).operation_statuses), 1)
        running.cancel()
        for i in left:
            self.stub.ReleaseSession(pb.ReleaseSessionRequest(session_id=i))

    def test_too_many_operations_ask_to_come_again(self):
        requests = [sql_request(self.id, "/* sleep=30 */ select 1") for _ in range(128)]
        streams = [self.stub.ExecutePlan(r) for r in requests]
        status = pb.GetStatusRequest(session_id=self.id)
        status.operation_status.SetInParent()
        wait_until(lambda: len(self.stub.GetStatus(status).operation_statuses) == 128)
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.stub.ExecutePlan(sql_request(self.id, "select 1")))
        details = rpc_status.from_call(caught.exception).details
        self.assertTrue(any(d.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for d in details))
        self.assertEqual(len(self.stub.Interrupt(pb.InterruptRequest(session_id=self.id, interrupt_type=1)).interrupted_ids), 128)
        for s in streams:
            s.cancel()


class Start(unittest.TestCase):
    """Activation, notification and the command line, without berthd."""

    def test_activation_and_notification(self):
        with tempfile.TemporaryDirectory() as folder:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(folder + "/sock")
            listener.listen(5)
            notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            notify.bind(folder + "/notify")
            notify.settimeout(10)
            child = subprocess.Popen(["sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=x exec %s --control %s/none 3<&%d" % (
                GATEWAY, folder, listener.fileno())], pass_fds=[listener.fileno()], env=dict(os.environ, NOTIFY_SOCKET=folder + "/notify"))
            try:
                self.assertEqual(notify.recv(100), b"READY=1")
                with open("/proc/%d/status" % child.pid) as f:
                    self.assertIn("NoNewPrivs:\t1", f.read())
                stub = base_pb2_grpc.SparkConnectServiceStub(grpc.insecure_channel("unix:%s/sock" % folder))
                with self.assertRaises(grpc.RpcError) as caught:
                    stub.Config(pb.ConfigRequest(session_id=str(uuid.uuid4())), timeout=5)
                self.assertEqual(caught.exception.code().name, "UNAVAILABLE")
                self.assertIn("berthd is not running", caught.exception.details())
            finally:
                child.terminate()
                self.assertEqual(child.wait(10), 0)
            self.assertEqual(notify.recv(100), b"STOPPING=1")
            listener.close()
            notify.close()

    def run_gateway(self, *args):
        return subprocess.run([GATEWAY, *args], capture_output=True, text=True, timeout=10)

    def test_command_line(self):
        self.assertEqual(self.run_gateway("--help").returncode, 0)
        self.assertEqual(self.run_gateway("--version").returncode, 0)
        self.assertEqual(self.run_gateway("--nonsense").returncode, 2)
        self.assertEqual(self.run_gateway().returncode, 2)
        for where in ("tcp:0.0.0.0:15002", "tcp:8.8.8.8:1", "tcp:127.0.0.1:99999", "tcp:127.0.0.1", "udp:x", "unix:" + "x" * 200):
            with self.subTest(where=where):
                done = self.run_gateway("--listen", where)
                self.assertEqual(done.returncode, 1)
                self.assertIn(where, done.stderr)

    def test_a_file_in_the_place_of_the_socket_is_kept(self):
        with tempfile.NamedTemporaryFile() as f:
            self.assertEqual(self.run_gateway("--listen", "unix:" + f.name).returncode, 1)
            self.assertTrue(os.path.exists(f.name))


if __name__ == "__main__":
    sys.exit(program(__file__))
