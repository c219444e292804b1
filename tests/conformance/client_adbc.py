#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 90
"""The ADBC driver: from Python by its DB API here, from C by tests/conformance/clients/adbc.c."""
import pathlib
import subprocess
import sys

from _stack import ROOT, Checks, Stack, in_venv

in_venv()
import adbc_driver_spark
import adbc_driver_spark.dbapi as dbapi
import pyarrow as pa

check = Checks()


def python(url):
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        def rows(sql, parameters=None):
            cursor.execute(sql, parameters)
            return cursor.fetchall()

        check("select", rows("select 1 as a, 'x' as b, null"), [(1, "x", None)])
        check("description", [d[0] for d in cursor.description], ["a", "b", "NULL"])
        check("parameters", rows("select ? + 1, ?", (41, "it's")), [(42, "it's")])
        check("view", rows("create or replace temp view t as select * from values (1,'a'),(2,'b'),(3,'a') v(n,s)"), [])
        check("group", rows("select s, sum(n) from t group by s order by s"), [("a", 4), ("b", 2)])
        check("nested", rows("select array(1, 2), named_struct('p', 1), map('k', 'v')"), [([1, 2], {"p": 1}, [("k", "v")])])
        check("decimal", str(rows("select cast(1.50 as decimal(10,2))")[0][0]), "1.50")
        check("date", str(rows("select date'2024-02-29'")[0][0]), "2024-02-29")
        cursor.execute("select id from range(100000)")
        table = cursor.fetch_arrow_table()
        check("as Arrow", (table.num_rows, table.schema.field("id").type), (100000, pa.int64()))
        cursor.execute("select n from t order by n")
        check("one by one", (cursor.fetchone(), cursor.fetchmany(1), cursor.fetchall()), ((1,), [(2,)], [(3,)]))
        check("the schema of a table", connection.adbc_get_table_schema("t").names, ["n", "s"])
        check("kinds of tables", "VIEW" in " ".join(connection.adbc_get_table_types()), True)
        info = connection.adbc_get_info()
        check("info", "Spark" in str(info.get("vendor_name", info)), True)
        objects = connection.adbc_get_objects(depth="catalogs").read_all().to_pylist()
        check("objects", [c["catalog_name"] for c in objects], ["spark_catalog"])
        check.fails("no SQL", "PARSE_SYNTAX_ERROR", rows, "selec 1")
        check.fails("a missing column", "UNRESOLVED_COLUMN", rows, "select m from t")
        check("after errors", rows("select 1"), [(1,)])


def c(url, folder):
    program = pathlib.Path(folder) / "adbc"
    subprocess.run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O1", "-o", program,
                    ROOT / "tests" / "conformance" / "clients" / "adbc.c", "-ldl"], check=True)
    driver = pathlib.Path(adbc_driver_spark.__file__).parent / "libadbc_driver_spark.so"
    return subprocess.run([program, driver, url], timeout=60).returncode


with Stack() as stack:
    python(stack.url)
    print(f"{check.passed} passed, {check.failed} failed", flush=True)
    code = c(stack.url, stack.path)
sys.exit(code or check.failed > 0)
