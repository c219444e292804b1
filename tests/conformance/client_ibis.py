#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build clients
# timeout: 90
"""ibis with its PySpark backend: expressions of its own, which it turns into Spark's SQL."""
import sys

from _stack import Checks, Stack, client, in_venv

in_venv()
sys.path.insert(1, str(client("ibis")))

import ibis
import pandas as pd
from pyspark.sql import SparkSession

check = Checks()


def rows(expression):
    return [tuple(r) for r in expression.to_pandas().itertuples(index=False)]


def main(stack):
    spark = SparkSession.builder.remote(stack.url).getOrCreate()
    con = ibis.pyspark.connect(spark)
    check("version", con.version.startswith("4."), True)
    check("sql", rows(con.sql("select 1 as a, 'x' as b")), [(1, "x")])
    con.create_view("t", con.sql("select * from values (1,'a',1.5d),(2,'b',2.5d),(3,'a',null) v(n,s,w)"), overwrite=True)
    check("tables", "t" in con.list_tables(), True)
    t = con.table("t")
    check("schema", [(n, str(d)) for n, d in t.schema().items()], [("n", "int32"), ("s", "string"), ("w", "float64")])
    check("filter", rows(t.filter(t.n > 1).select("n", "s").order_by("n")), [(2, "b"), (3, "a")])
    check("mutate", rows(t.mutate(d=t.n * 2).select("n", "d").order_by("n")), [(1, 2), (2, 4), (3, 6)])
    check("group", rows(t.group_by("s").aggregate(total=t.n.sum(), c=t.count()).order_by("s")), [("a", 4, 2), ("b", 2, 1)])
    check("having", rows(t.group_by("s").having(t.count() > 1).aggregate(c=t.count())), [("a", 2)])
    check("order", rows(t.order_by(ibis.desc("n")).limit(2).select("n")), [(3,), (2,)])
    check("distinct", sorted(rows(t.select("s").distinct())), [("a",), ("b",)])
    check("count", t.count().execute(), 3)
    check("scalar", t.n.max().execute(), 3)
    check("mean", t.w.mean().execute(), 2.0)
    check("fill", rows(t.select(w=t.w.fill_null(0)).order_by("w")), [(0.0,), (1.5,), (2.5,)])
    check("null", rows(t.filter(t.w.isnull()).select("n")), [(3,)])
    check("case", rows(t.select(k=ibis.cases((t.n == 1, "one"), else_="more"), n=t.n).order_by("n").select("k")), [("one",), ("more",), ("more",)])
    check("text", rows(t.select(u=t.s.upper() + "-" + t.n.cast("string")).order_by("u")), [("A-1",), ("A-3",), ("B-2",)])
    check("like", rows(t.filter(t.s.like("a%")).select("n").order_by("n")), [(1,), (3,)])
    check("substring", rows(t.filter(t.n == 1).select(x=(t.s + "bcd").substr(1, 2))), [("bc",)])
    check("is in", rows(t.filter(t.n.isin([1, 3])).select("n").order_by("n")), [(1,), (3,)])
    check("between", rows(t.filter(t.n.between(2, 3)).select("n").order_by("n")), [(2,), (3,)])
    check("arithmetic", rows(t.select(r=(t.n + 0.5).round().cast("int64"), n=t.n).order_by("n").select("r"))[0], (2,))
    check("window", rows(t.mutate(r=ibis.row_number().over(group_by="s", order_by=ibis.desc("n"))).select("n", "r").order_by("n")),
          [(1, 1), (2, 0), (3, 0)])
    check("lag", rows(t.mutate(p=t.n.lag().over(order_by="n")).select("p").order_by(ibis.asc("p", nulls_first=True)))[1:], [(1,), (2,)])
    check("running sum", rows(t.mutate(c=t.n.sum().over(order_by="n", rows=(None, 0))).select("c").order_by("c")), [(1,), (3,), (6,)])
    u = con.sql("select 'a' as s, 10 as k")
    check("join", rows(t.join(u, "s").select("n", "k").order_by("n")), [(1, 10), (3, 10)])
    check("left join", rows(t.left_join(u, "s").select("n", "k").order_by("n").filter(ibis._.k.isnull()).select("n")), [(2,)])
    check("anti join", rows(t.anti_join(u, "s").select("n")), [(2,)])
    check("union", t.union(t).count().execute(), 6)
    check("difference", rows(t.select("s").difference(u.select("s"))), [("b",)])
    check("date", rows(con.sql("select date'2024-02-29' as d").mutate(y=ibis._.d.year(), m=ibis._.d.month()).select("y", "m")), [(2024, 2)])
    check("array", rows(con.sql("select array(3, 4) as a").select(x=ibis._.a.unnest()).order_by("x")), [(3,), (4,)])
    check("struct", rows(con.sql("select named_struct('p', 5) as st").select(p=ibis._.st["p"])), [(5,)])
    check("pivot", sorted(rows(t.select("n", "s").pivot_wider(names_from="s", values_from="n", names_sort=True, names=["a", "b"], values_agg="sum"))), [(4, 2)])
    memory = ibis.memtable(pd.DataFrame({"s": ["a", "b"], "z": [7, 8]}))
    check("a table of the client's", rows(t.join(memory, "s").select("n", "z").order_by("n")), [(1, 7), (2, 8), (3, 7)])
    check("arrow", t.select("n").order_by("n").to_pyarrow()["n"].to_pylist(), [1, 2, 3])
    t.to_parquet(str(stack.files / "ibis.parquet"))
    check("parquet", con.read_parquet(str(stack.files / "ibis.parquet")).count().execute(), 3)
    check("explain sql", "GROUP BY" in ibis.to_sql(t.group_by("s").aggregate(c=t.count()), dialect="pyspark"), True)
    check.fails("a missing table", "nowhere", con.table, "nowhere")
    check.fails("an error of the query", "DIVIDE_BY_ZERO", lambda: con.sql("select 1 / 0 as x").to_pandas())
    con.drop_view("t")
    check("drop", "t" in con.list_tables(), False)
    spark.stop()
    return check.end()


with Stack() as stack:
    sys.exit(main(stack))
