#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 90
"""The cases of the draft compatibility kit for Spark Connect 1.0 (spark-connect-tck, which no registry has), written anew from
what each is said to check: sixteen with messages made by hand, eighteen through PySpark. One case counts as one."""
import contextlib
import decimal
import io
import math
import os
import sys
import traceback
import uuid
import zlib

from _stack import Stack, in_venv

in_venv()
import grpc
import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.connect import proto as pb
from pyspark.sql.connect.proto import base_pb2_grpc, expressions_pb2, relations_pb2

Expression, Relation = expressions_pb2.Expression, relations_pb2.Relation
ZONE = "spark.sql.session.timeZone"


# ---- messages by hand ----

def column(name):
    return Expression(unresolved_attribute=Expression.UnresolvedAttribute(unparsed_identifier=name))


def number(n):
    return Expression(literal=Expression.Literal(long=n))


def call(name, *arguments):
    return Expression(unresolved_function=Expression.UnresolvedFunction(function_name=name, arguments=arguments))


def named(expression, name):
    return Expression.Alias(expr=expression, name=[name])


def alias(expression, name):
    return Expression(alias=named(expression, name))


def numbers(start, end):
    return Relation(range=relations_pb2.Range(start=start, end=end, step=1, num_partitions=1))


def ordered(relation, *names, down=False):
    way = Expression.SortOrder.SORT_DIRECTION_DESCENDING if down else Expression.SortOrder.SORT_DIRECTION_ASCENDING
    order = [Expression.SortOrder(child=column(n), direction=way, null_ordering=Expression.SortOrder.SORT_NULLS_LAST) for n in names]
    return Relation(sort=relations_pb2.Sort(input=relation, order=order, is_global=True))


def local(**columns):
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Relation(local_relation=relations_pb2.LocalRelation(data=sink.getvalue().to_pybytes()))


class Wire:
    def __init__(self, stub):
        self.stub = stub
        self.head = {"session_id": str(uuid.uuid4()), "user_context": pb.UserContext(user_id="kit"), "client_type": "kit"}

    def is_mine(self, reply):
        assert reply.session_id == self.head["session_id"] and uuid.UUID(reply.server_side_session_id)
        return reply

    def config(self, **operation):
        return self.is_mine(self.stub.Config(pb.ConfigRequest(operation=pb.ConfigRequest.Operation(**operation), **self.head), timeout=30))

    def begin(self):
        return self.config(get=pb.ConfigRequest.Get(keys=[ZONE])).server_side_session_id

    def execute(self, relation, **more):
        operation = str(uuid.uuid4())
        replies = list(self.stub.ExecutePlan(pb.ExecutePlanRequest(operation_id=operation, plan=pb.Plan(root=relation), **self.head, **more),
                                             timeout=30))
        for r in replies:
            self.is_mine(r)
            assert r.operation_id == operation and uuid.UUID(r.response_id)
        assert replies
        return operation, replies

    @staticmethod
    def rows(replies, *names):
        found = []
        for r in replies:
            if r.HasField("arrow_batch"):
                table = pa.ipc.open_stream(r.arrow_batch.data).read_all()
                assert table.num_rows == r.arrow_batch.row_count and table.column_names == list(names)
                found += zip(*(table[n].to_pylist() for n in names))
        return found

    def check(self, relation, names, wanted):
        seen = self.rows(self.execute(relation)[1], *names)
        assert seen == wanted, seen


def wire_execute_range(w):
    replies = w.execute(numbers(0, 2))[1]
    schema = [r.schema for r in replies if r.HasField("schema")][-1]
    assert [(f.name, f.data_type.WhichOneof("kind")) for f in schema.struct.fields] == [("id", "long")]
    assert w.rows(replies, "id") == [(0,), (1,)]


def wire_analyze_schema(w):
    request = pb.AnalyzePlanRequest(**w.head)
    request.schema.plan.root.CopyFrom(numbers(0, 2))
    reply = w.is_mine(w.stub.AnalyzePlan(request, timeout=30))
    assert [(f.name, f.data_type.WhichOneof("kind")) for f in reply.schema.schema.struct.fields] == [("id", "long")]


def wire_config(w):
    first = w.config(set=pb.ConfigRequest.Set(pairs=[pb.KeyValue(key=ZONE, value="UTC")]))
    second = w.config(get=pb.ConfigRequest.Get(keys=[ZONE]))
    assert [(p.key, p.value) for p in second.pairs] == [(ZONE, "UTC")]
    assert first.server_side_session_id == second.server_side_session_id


def wire_artifacts(w):
    name, data = f"cache/{uuid.uuid4().hex}", b"some bytes"
    one = pb.AddArtifactsRequest.SingleChunkArtifact(name=name, data=pb.AddArtifactsRequest.ArtifactChunk(data=data, crc=zlib.crc32(data)))
    added = w.is_mine(w.stub.AddArtifacts(iter([pb.AddArtifactsRequest(batch=pb.AddArtifactsRequest.Batch(artifacts=[one]), **w.head)]), timeout=30))
    assert [(a.name, a.is_crc_successful) for a in added.artifacts] == [(name, True)]
    status = w.is_mine(w.stub.ArtifactStatus(pb.ArtifactStatusesRequest(names=[name], **w.head), timeout=30))
    assert status.statuses[name].exists and status.server_side_session_id == added.server_side_session_id


def wire_interrupt_and_status(w):
    w.begin()
    kind = pb.InterruptRequest.INTERRUPT_TYPE_ALL
    assert w.is_mine(w.stub.Interrupt(pb.InterruptRequest(interrupt_type=kind, **w.head), timeout=30)).interrupted_ids == []
    ask = pb.GetStatusRequest(operation_status=pb.GetStatusRequest.OperationStatusRequest(), **w.head)
    assert list(w.is_mine(w.stub.GetStatus(ask, timeout=30)).operation_statuses) == []


def wire_reattach_and_release(w):
    option = pb.ExecutePlanRequest.RequestOption(reattach_options=pb.ReattachOptions(reattachable=True))
    operation, first = w.execute(numbers(0, 2), request_options=[option])
    assert any(r.HasField("result_complete") for r in first)
    again = list(w.stub.ReattachExecute(pb.ReattachExecuteRequest(operation_id=operation, **w.head), timeout=30))
    assert w.rows(first, "id") == w.rows(again, "id") == [(0,), (1,)]
    request = pb.ReleaseExecuteRequest(operation_id=operation, release_all=pb.ReleaseExecuteRequest.ReleaseAll(), **w.head)
    assert w.is_mine(w.stub.ReleaseExecute(request, timeout=30)).operation_id == operation


def wire_release_session(w):
    server = w.begin()
    assert w.is_mine(w.stub.ReleaseSession(pb.ReleaseSessionRequest(**w.head), timeout=30)).server_side_session_id == server


def wire_unknown_error(w):
    w.begin()
    reply = w.stub.FetchErrorDetails(pb.FetchErrorDetailsRequest(error_id=str(uuid.uuid4()), **w.head), timeout=30)
    assert reply == pb.FetchErrorDetailsResponse(), reply # nothing at all, not even the session


def wire_clone(w):
    w.config(set=pb.ConfigRequest.Set(pairs=[pb.KeyValue(key=ZONE, value="UTC")]))
    other = str(uuid.uuid4())
    clone = w.is_mine(w.stub.CloneSession(pb.CloneSessionRequest(new_session_id=other, **w.head), timeout=30))
    assert clone.new_session_id == other and uuid.UUID(clone.new_server_side_session_id)
    w.head["session_id"] = other
    assert [(p.key, p.value) for p in w.config(get=pb.ConfigRequest.Get(keys=[ZONE])).pairs] == [(ZONE, "UTC")]


def wire_filter_project_sort_limit(w):
    r = Relation(filter=relations_pb2.Filter(input=numbers(0, 8), condition=call(">", column("id"), number(1))))
    r = Relation(project=relations_pb2.Project(input=r, expressions=[column("id"), alias(call("+", column("id"), number(10)), "value")]))
    r = Relation(limit=relations_pb2.Limit(input=ordered(r, "id", down=True), limit=3))
    w.check(r, ["id", "value"], [(7, 17), (6, 16), (5, 15)])


def wire_aggregate(w):
    r = Relation(project=relations_pb2.Project(input=numbers(0, 6), expressions=[alias(call("%", column("id"), number(2)), "k"), column("id")]))
    r = Relation(aggregate=relations_pb2.Aggregate(input=r, group_type=relations_pb2.Aggregate.GROUP_TYPE_GROUPBY,
                                                   grouping_expressions=[column("k")],
                                                   aggregate_expressions=[alias(call("sum", column("id")), "total")]))
    w.check(ordered(r, "k"), ["k", "total"], [(0, 6), (1, 9)])


def wire_join_and_union(w):
    join = relations_pb2.Join(left=numbers(0, 3), right=numbers(1, 4), using_columns=["id"], join_type=relations_pb2.Join.JOIN_TYPE_INNER)
    w.check(ordered(Relation(join=join), "id"), ["id"], [(1,), (2,)])
    union = relations_pb2.SetOperation(left_input=numbers(0, 3), right_input=numbers(2, 5), is_all=False,
                                       set_op_type=relations_pb2.SetOperation.SET_OP_TYPE_UNION)
    w.check(ordered(Relation(set_op=union), "id"), ["id"], [(i,) for i in range(5)])


def wire_offset_and_tail(w):
    r = Relation(offset=relations_pb2.Offset(input=ordered(numbers(0, 6), "id"), offset=2))
    w.check(Relation(tail=relations_pb2.Tail(input=r, limit=2)), ["id"], [(4,), (5,)])


def wire_conditions_and_casts(w):
    both = call("and", call(">=", column("id"), number(0)), call("<", column("id"), number(3)))
    r = Relation(filter=relations_pb2.Filter(input=numbers(0, 3), condition=both))
    text = Expression(cast=Expression.Cast(expr=column("id"), type_str="STRING"))
    when = call("when", call("==", column("id"), number(1)), number(100), number(-1))
    r = Relation(project=relations_pb2.Project(input=r, expressions=[column("id"), alias(when, "marked"), alias(text, "text")]))
    w.check(r, ["id", "marked", "text"], [(0, -1, "0"), (1, 100, "1"), (2, -1, "2")])


def wire_nulls(w):
    rows = local(label=pa.array([None, "keep", None]), score=pa.array([None, 2, 2], pa.int64()))
    names = ["label", "score"]
    filled = Relation(fill_na=relations_pb2.NAFill(input=rows, cols=names, values=[Expression.Literal(string="none"), Expression.Literal(long=0)]))
    w.check(ordered(filled, *names), names, [("keep", 2), ("none", 0), ("none", 2)])
    change = relations_pb2.NAReplace.Replacement(old_value=Expression.Literal(string="none"), new_value=Expression.Literal(string="other"))
    replaced = Relation(replace=relations_pb2.NAReplace(input=filled, cols=["label"], replacements=[change]))
    w.check(ordered(replaced, *names), names, [("keep", 2), ("other", 0), ("other", 2)])
    w.check(Relation(drop_na=relations_pb2.NADrop(input=rows, cols=["label"])), names, [("keep", 2)])


def wire_columns_and_duplicates(w):
    rows = local(label=["a", "a", "a", "b"], score=pa.array([1, 1, 3, 2], pa.int64()))
    more = relations_pb2.WithColumns(input=rows, aliases=[named(call("+", column("score"), number(10)), "score"),
                                                          named(call("*", column("score"), number(2)), "twice")])
    rename = relations_pb2.WithColumnsRenamed.Rename
    r = Relation(with_columns_renamed=relations_pb2.WithColumnsRenamed(
        input=Relation(with_columns=more), renames=[rename(col_name="label", new_col_name="kind"), rename(col_name="score", new_col_name="plus")]))
    less = Relation(drop=relations_pb2.Drop(input=r, column_names=["twice"]))
    w.check(ordered(less, "kind", "plus"), ["kind", "plus"], [("a", 11), ("a", 11), ("a", 13), ("b", 12)])
    by_name = Relation(deduplicate=relations_pb2.Deduplicate(input=less, column_names=["kind"]))
    seen = w.rows(w.execute(ordered(by_name, "kind"))[1], "kind", "plus")
    assert [k for k, _ in seen] == ["a", "b"], seen
    whole = Relation(deduplicate=relations_pb2.Deduplicate(input=r, all_columns_as_keys=True))
    w.check(ordered(whole, "kind", "plus"), ["kind", "plus", "twice"], [("a", 11, 2), ("a", 13, 6), ("b", 12, 4)])


# ---- through PySpark ----

def rows(frame):
    return [tuple(r) for r in frame.collect()]


def client_analyze(s):
    r = s.range(2)
    assert r.schema.simpleString() == "struct<id:bigint>" and not r.isLocal() and not r.isStreaming and r.inputFiles() == []


def client_no_rows(s):
    r = s.sql("SELECT CAST(1 AS INT) AS value WHERE FALSE")
    assert r.schema.simpleString() == "struct<value:int>" and r.collect() == []


def client_parameters(s):
    assert s.sql("SELECT :n + 1 AS m, :t AS t", args={"n": 7, "t": "x"}).first().asDict() == {"m": 8, "t": "x"}


def client_sessions_apart(s):
    one, two = s.cloneSession(), s.cloneSession() # which the client lets nobody stop: the server does
    one.conf.set(ZONE, "UTC")
    two.conf.set(ZONE, "America/Los_Angeles")
    assert [x.sql("SELECT current_timezone()").first()[0] for x in (one, two)] == ["UTC", "America/Los_Angeles"]
    one.range(1).createOrReplaceTempView("mine")
    assert one.catalog.tableExists("mine") and not two.catalog.tableExists("mine")


def client_zone(s):
    s.conf.set(ZONE, "UTC")
    assert s.conf.get(ZONE) == "UTC" == s.sql("SELECT current_timezone()").first()[0]


def client_set_and_reset(s):
    s.sql(f"SET {ZONE}=Asia/Tokyo")
    assert s.conf.get(ZONE) == "Asia/Tokyo"
    s.sql(f"RESET {ZONE}")
    assert s.conf.get(ZONE) == s.sql("SELECT current_timezone()").first()[0] != "Asia/Tokyo"


def client_view(s):
    s.range(5).createOrReplaceTempView("five")
    assert s.catalog.tableExists("five") and any(t.name == "five" and t.isTemporary for t in s.catalog.listTables())
    assert s.sql("SELECT sum(id) FROM five").first()[0] == 10
    assert s.catalog.dropTempView("five") and not s.catalog.tableExists("five")


def client_database(s):
    assert s.catalog.currentDatabase() in [d.name for d in s.catalog.listDatabases()]


def client_relations(s):
    r = (s.range(10).where("id % 2 = 0").selectExpr("id % 3 AS k", "id * id AS q").groupBy("k").sum("q")
         .withColumnRenamed("sum(q)", "t").orderBy("k"))
    assert r.columns == ["k", "t"] and rows(r) == [(0, 36), (1, 16), (2, 68)]


def client_joins_and_sets(s):
    left, right = s.range(3).selectExpr("id", "concat('l', id) AS l"), s.range(1, 4).selectExpr("id", "id * 10 AS m")
    assert rows(left.join(right, on="id").orderBy("id")) == [(1, "l1", 10), (2, "l2", 20)]
    assert rows(left.select("id").unionByName(right.select("id")).distinct().orderBy("id")) == [(0,), (1,), (2,), (3,)]


def client_nulls(s):
    r = s.sql("SELECT CAST(NULL AS STRING) AS l, CAST(NULL AS INT) AS n UNION ALL SELECT 'keep', 2")
    full = r.na.fill({"l": "none", "n": 0})
    assert rows(full.orderBy("l")) == [("keep", 2), ("none", 0)] and rows(r.na.drop(subset=["l"])) == [("keep", 2)]
    assert rows(full.na.replace({"none": "other"}, subset=["l"]).orderBy("l")) == [("keep", 2), ("other", 0)]


TYPES = [("tinyint", "CAST(127 AS TINYINT)", 127), ("smallint", "CAST(32767 AS SMALLINT)", 32767), ("int", "2147483647", 2147483647),
         ("bigint", "9223372036854775807", 9223372036854775807), ("float", "CAST(1.25 AS FLOAT)", 1.25), ("double", "CAST(2.5 AS DOUBLE)", 2.5),
         ("decimal(4,2)", "CAST('12.34' AS DECIMAL(4, 2))", decimal.Decimal("12.34")), ("boolean", "TRUE", True), ("string", "'s'", "s"),
         ("binary", "X'00FF'", b"\0\xff"), ("date", "DATE '2024-01-02'", None), ("timestamp", "TIMESTAMP '2024-01-02 03:04:05'", None),
         ("timestamp_ntz", "TIMESTAMP_NTZ '2024-01-02 03:04:05'", None), ("array<int>", "array(1, CAST(NULL AS INT))", [1, None]),
         ("map<string,int>", "map('one', 1)", {"one": 1}), ("struct<name:string,count:int>", "named_struct('name', 'c', 'count', 2)", ("c", 2))]


def client_types(s):
    r = s.sql("SELECT " + ", ".join(t for _, t, _ in TYPES))
    assert [f.dataType.simpleString() for f in r.schema] == [t for t, _, _ in TYPES]
    for value, (kind, _, wanted) in zip(r.first(), TYPES):
        assert wanted is None or value == wanted, (kind, value)


def client_null_and_empty(s):
    assert tuple(s.sql("SELECT CAST(NULL AS STRING), '', array(), array(CAST(NULL AS INT))").first()) == (None, "", [], [None])


def client_odd_doubles(s):
    n, up, down, zero = s.sql("SELECT DOUBLE('NaN'), DOUBLE('Infinity'), DOUBLE('-Infinity'), DOUBLE('-0.0')").first()
    assert math.isnan(n) and (up, down) == (math.inf, -math.inf) and math.copysign(1, zero) == -1


def client_sql_query(s):
    text = "WITH c(v) AS (VALUES (3), (1), (2)) SELECT v FROM c WHERE v > 1 UNION ALL SELECT 0 ORDER BY v LIMIT 3"
    assert rows(s.sql(text)) == [(0,), (2,), (3,)]


def client_sql_sets(s):
    assert rows(s.sql("SELECT v FROM VALUES (1), (2) AS a(v) INTERSECT SELECT v FROM VALUES (2), (3) AS b(v)")) == [(2,)]
    assert rows(s.sql("SELECT v FROM VALUES (1), (2), (2) AS a(v) EXCEPT ALL SELECT v FROM VALUES (2) AS b(v) ORDER BY v")) == [(1,), (2,)]


def client_sql_having(s):
    text = ("SELECT a.k, sum(b.m) AS t FROM VALUES (1, 'a'), (2, 'a'), (3, 'b') AS a(id, k) JOIN VALUES (1, 10), (2, 20), (3, 5) AS b(id, m)"
            " ON a.id = b.id GROUP BY a.k HAVING sum(b.m) >= 15 ORDER BY k")
    assert rows(s.sql(text)) == [("a", 30)]


def client_show(s):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        s.range(2).show()
    assert out.getvalue() == "+---+\n| id|\n+---+\n|  0|\n|  1|\n+---+\n\n"


def main(stack):
    passed = failed = 0
    spark = SparkSession.builder.remote(stack.url).getOrCreate()
    channel = grpc.insecure_channel(stack.url.removeprefix("sc://"))
    for name, case in [(n, f) for n, f in globals().items() if n.startswith(("wire_", "client_"))]:
        try:
            case(Wire(base_pb2_grpc.SparkConnectServiceStub(channel)) if name.startswith("wire_") else spark)
            passed += 1
        except Exception:
            failed += 1
            print(f"FAILED  {name}: {traceback.format_exc(limit=-2)}", flush=True)
    channel.close()
    spark.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed != 34 else 0


if __name__ == "__main__":
    with Stack() as stack:
        code = main(stack)
    sys.stdout.flush()
    os._exit(code)  # at its exit PySpark asks for each client's models once more, for minutes where nobody answers
