#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 300
"""Databases, tables and views through an unmodified PySpark, over two servers one after the other: what the first session makes the second
one has. Expected values were asked of Spark 4.0.1; createOrReplace() and writeTo() beyond create() go further than it does."""
import os
import sys
import tempfile
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _local import check, end, fails, served

from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def rows(frame):
    return sorted(tuple(r) for r in frame.collect())


def listed(frame):
    return [tuple(r) for r in frame.collect()]


def databases(spark):
    sql, cat = spark.sql, spark.catalog
    check("one database", [(d.name, d.catalog, d.description) for d in cat.listDatabases()], [("default", "spark_catalog", "default database")])
    sql("CREATE DATABASE d1 COMMENT 'first' WITH DBPROPERTIES ('a' = 'b')")
    fails("twice", "SCHEMA_ALREADY_EXISTS", lambda: sql("CREATE DATABASE d1"))
    sql("CREATE DATABASE IF NOT EXISTS d1")
    check("SHOW DATABASES", listed(sql("SHOW DATABASES")), [("d1",), ("default",)])
    check("LIKE", listed(sql("SHOW SCHEMAS LIKE '*1'")), [("d1",)])
    check("DESCRIBE DATABASE", [r[1] for r in sql("DESCRIBE DATABASE EXTENDED d1").collect() if r[0] in ("Comment", "Properties")],
          ["first", "((a,b))"])
    sql("ALTER DATABASE d1 SET DBPROPERTIES ('e' = 'f')")
    sql("COMMENT ON DATABASE d1 IS 'dd'")
    check("altered", [r[1] for r in sql("DESCRIBE DATABASE EXTENDED d1").collect() if r[0] in ("Comment", "Properties")],
          ["dd", "((a,b), (e,f))"])
    cat.setCurrentDatabase("d1")
    check("current", (cat.currentDatabase(), listed(sql("SELECT current_database(), current_schema()"))), ("d1", [("d1", "d1")]))
    fails("USE of none", "SCHEMA_NOT_FOUND", lambda: cat.setCurrentDatabase("nope"))
    check("databaseExists", [cat.databaseExists(n) for n in ("d1", "nope", "spark_catalog.d1")], [True, False, True])
    fails("a bad name", "INVALID_SCHEMA_OR_RELATION_NAME", lambda: sql("CREATE DATABASE `a-b`"))
    fails("default stays", "UNSUPPORTED_FEATURE.DROP_DATABASE", lambda: sql("DROP DATABASE default"))


def tables(spark, folder):
    sql, cat = spark.sql, spark.catalog
    sql("""CREATE TABLE t (a INT COMMENT 'the a', b STRING NOT NULL, p DATE) USING parquet PARTITIONED BY (p) COMMENT 'tab'
           TBLPROPERTIES ('x' = 'y', 'k' = 'v')""")
    fails("twice", "TABLE_OR_VIEW_ALREADY_EXISTS", lambda: sql("CREATE TABLE t (a INT) USING parquet"))
    check("DESCRIBE", listed(sql("DESCRIBE t")),
          [("a", "int", "the a"), ("b", "string", None), ("p", "date", None), ("# Partition Information", "", ""),
           ("# col_name", "data_type", "comment"), ("p", "date", None)])
    about = {r[0]: r[1] for r in sql("DESCRIBE EXTENDED t").collect()}
    check("EXTENDED", [about.get(k) for k in ("Database", "Table", "Type", "Provider", "Comment", "Table Properties", "Location")],
          ["d1", "t", "MANAGED", "parquet", "tab", "[k=v, x=y]", f"file:{folder}/spark-warehouse/d1.db/t"])
    check("DESCRIBE a column", listed(sql("DESCRIBE t a")), [("col_name", "a"), ("data_type", "int"), ("comment", "the a")])
    check("SHOW CREATE TABLE", sql("SHOW CREATE TABLE t").first()[0],
          "CREATE TABLE spark_catalog.d1.t (\n  a INT COMMENT 'the a',\n  b STRING,\n  p DATE)\nUSING parquet\nPARTITIONED BY (p)\n"
          "COMMENT 'tab'\nTBLPROPERTIES (\n  'k' = 'v',\n  'x' = 'y')\n")
    sql("CREATE TABLE st (s STRUCT<a: INT, `b c`: STRING>, m MAP<STRING, ARRAY<DECIMAL(5,2)>>) USING parquet")
    check("nested types", sql("SHOW CREATE TABLE st").first()[0].split("\n")[1:3],
          ["  s STRUCT<a: INT, `b c`: STRING>,", "  m MAP<STRING, ARRAY<DECIMAL(5,2)>>)"])
    sql("DROP TABLE st")
    check("SHOW TBLPROPERTIES", listed(sql("SHOW TBLPROPERTIES t ('nope')")),
          [("nope", "Table spark_catalog.d1.t does not have property: nope")])
    sql("INSERT INTO t VALUES (1, 'x', DATE '2020-01-01'), (2, 'y', DATE '2020-01-02')")
    sql("INSERT INTO t PARTITION (p = '2020-01-03') VALUES (3, 'z')")
    sql("INSERT INTO t PARTITION (p) VALUES (4, 'w', DATE '2020-01-04')")
    check("SHOW PARTITIONS", listed(sql("SHOW PARTITIONS t")), [(f"p=2020-01-0{i}",) for i in (1, 2, 3, 4)])
    check("one of them", listed(sql("SHOW PARTITIONS t PARTITION (p = '2020-01-03')")), [("p=2020-01-03",)])
    sql("INSERT OVERWRITE t PARTITION (p = '2020-01-01') VALUES (10, 'n')")
    sql("INSERT OVERWRITE t PARTITION (p = '2020-01-01') IF NOT EXISTS VALUES (11, 'n')")
    check("one partition is replaced", rows(sql("SELECT a FROM t")), [(2,), (3,), (4,), (10,)])
    sql("INSERT OVERWRITE t PARTITION (p = '2020-01-01') SELECT 5, 'e' WHERE false")
    check("with no rows", rows(sql("SELECT a FROM t")), [(2,), (3,), (4,)])
    sql("TRUNCATE TABLE t PARTITION (p = '2020-01-02')")
    check("every name", rows(sql("SELECT t.a, d1.t.a, spark_catalog.d1.t.a FROM spark_catalog.d1.t")), [(3, 3, 3), (4, 4, 4)])
    fails("no such partition column", "PARTITIONS_NOT_FOUND", lambda: sql("INSERT INTO t PARTITION (z = 1) VALUES (1, 'x')"))
    sql("CREATE TABLE two (v INT, k INT, l INT) USING json PARTITIONED BY (k, l)")
    sql("INSERT INTO two VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1)")
    sql("INSERT OVERWRITE two PARTITION (k = 1, l) VALUES (4, 3)")
    check("static and dynamic", rows(sql("SELECT v, k, l FROM two")), [(3, 2, 1), (4, 1, 3)])
    sql("ALTER TABLE two DROP PARTITION (k = 2, l = 1)")
    fails("twice", "PARTITIONS_NOT_FOUND", lambda: sql("ALTER TABLE two DROP PARTITION (k = 2, l = 1)"))
    sql("ALTER TABLE two ADD PARTITION (k = 7, l = 7)")
    check("ADD PARTITION", listed(sql("SHOW PARTITIONS two")), [("k=1/l=3",), ("k=7/l=7",)])
    sql("DROP TABLE two")
    for text, condition in (
            ("CREATE TABLE dup (a INT, A INT) USING parquet", "COLUMN_ALREADY_EXISTS"),
            ("CREATE TABLE n (a INT) USING parquet PARTITIONED BY (b)", "COLUMN_NOT_DEFINED_IN_TABLE"),
            ("CREATE TABLE n (a INT) USING parquet PARTITIONED BY (a)", "ALL_PARTITION_COLUMNS_NOT_ALLOWED"),
            ("CREATE TABLE n USING parquet", "UNABLE_TO_INFER_SCHEMA"),
            ("CREATE TABLE `a b` (a INT) USING parquet", "INVALID_SCHEMA_OR_RELATION_NAME"),
            ("CREATE TABLE nodb.n (a INT) USING parquet", "SCHEMA_NOT_FOUND"),
            ("CREATE TABLE other.d1.n (a INT) USING parquet", "REQUIRES_SINGLE_PART_NAMESPACE"),
            ("SELECT * FROM a.b.c", "REQUIRES_SINGLE_PART_NAMESPACE"),
            ("SELECT * FROM nodb.n", "TABLE_OR_VIEW_NOT_FOUND"),
            ("DROP TABLE n", "TABLE_OR_VIEW_NOT_FOUND"),
            ("SHOW TABLES IN nodb", "SCHEMA_NOT_FOUND"),
            ("DROP DATABASE d1", "SCHEMA_NOT_EMPTY")):
        fails(text, condition, lambda t=text: sql(t))
    sql("CREATE TABLE Up (Aa INT) USING parquet")
    check("lower case", (cat.tableExists("uP"), spark.table("UP").columns), (True, ["Aa"]))
    sql("DROP TABLE up")
    sql(f"CREATE TABLE ext USING parquet LOCATION '{folder}/ext' AS SELECT 5 AS a")
    sql("DROP TABLE ext")
    sql(f"CREATE TABLE ext USING parquet LOCATION '{folder}/ext'")
    check("external: files stay, columns are read", rows(spark.table("ext")), [(5,)])


def altering(spark):
    sql = spark.sql
    sql("ALTER TABLE t RENAME TO t2")
    fails("the old name", "TABLE_OR_VIEW_NOT_FOUND", lambda: spark.table("t").count())
    sql("ALTER TABLE t2 ADD COLUMNS (c DOUBLE COMMENT 'cc', d STRING)")
    check("added before the partitions", rows(spark.table("t2").drop("p")), [(3, "z", None, None), (4, "w", None, None)])
    fails("twice", "COLUMN_ALREADY_EXISTS", lambda: sql("ALTER TABLE t2 ADD COLUMNS (A INT)"))
    sql("ALTER TABLE t2 SET TBLPROPERTIES ('k' = 'v2', 'z' = '1')")
    sql("ALTER TABLE t2 UNSET TBLPROPERTIES ('x', 'never')")
    check("properties", rows(sql("SHOW TBLPROPERTIES t2")), [("k", "v2"), ("z", "1")])
    sql("ALTER TABLE t2 ALTER COLUMN a COMMENT 'new'")
    sql("COMMENT ON TABLE t2 IS 'again'")
    check("comments", [sql("DESCRIBE t2").first()[2], spark.catalog.getTable("t2").description], ["new", "again"])
    fails("RENAME COLUMN", "UNSUPPORTED_FEATURE.TABLE_OPERATION", lambda: sql("ALTER TABLE t2 RENAME COLUMN a TO aa"))
    fails("a type", "NOT_SUPPORTED_CHANGE_COLUMN", lambda: sql("ALTER TABLE t2 ALTER COLUMN a TYPE BIGINT"))
    sql("CREATE TABLE l LIKE t2")
    check("LIKE", (spark.table("l").columns, spark.table("l").count()), (["a", "b", "c", "d", "p"], 0))
    fails("not partitioned", "NOT_A_PARTITIONED_TABLE", lambda: sql("MSCK REPAIR TABLE ext"))
    fails("no partitions", "INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY", lambda: sql("SHOW PARTITIONS ext"))


def views(spark):
    sql = spark.sql
    sql("CREATE TABLE c1 AS SELECT 1 AS x, 'a' AS y")
    sql("CREATE OR REPLACE VIEW v1 (m COMMENT 'mm', n) COMMENT 'vv' TBLPROPERTIES ('p' = 'q') AS SELECT x, y FROM c1")
    fails("twice", "TABLE_OR_VIEW_ALREADY_EXISTS", lambda: sql("CREATE VIEW v1 AS SELECT 1"))
    check("DESCRIBE", listed(sql("DESCRIBE v1")), [("m", "int", "mm"), ("n", "string", None)])
    check("SHOW CREATE TABLE", sql("SHOW CREATE TABLE v1").first()[0],
          "CREATE VIEW d1.v1 (\n  m COMMENT 'mm',\n  n)\nCOMMENT 'vv'\nTBLPROPERTIES (\n  'p' = 'q')\nWITH SCHEMA COMPENSATION\n"
          "AS SELECT x, y FROM c1\n")
    sql("CREATE VIEW star AS SELECT * FROM c1")
    sql("USE default")
    check("names are of where it was made", rows(sql("SELECT * FROM d1.v1")), [(1, "a")])
    sql("ALTER TABLE d1.c1 ADD COLUMNS (z INT)")
    check("and its columns", spark.table("d1.star").columns, ["x", "y"])
    sql("USE d1")
    sql("CREATE TEMPORARY VIEW c1 AS SELECT 99 AS x")
    check("a temporary view hides a table", rows(sql("SELECT * FROM c1")), [(99,)])
    check("but not from a view", rows(sql("SELECT m FROM v1")), [(1,)])
    fails("no view over it", "INVALID_TEMP_OBJ_REFERENCE", lambda: sql("CREATE VIEW bad AS SELECT * FROM c1"))
    spark.catalog.dropTempView("c1")
    sql("ALTER VIEW v1 AS SELECT y FROM c1")
    check("ALTER VIEW AS", rows(spark.table("v1")), [("a",)])
    sql("ALTER VIEW v1 RENAME TO v2")
    check("SHOW VIEWS", listed(sql("SHOW VIEWS")), [("d1", "star", False), ("d1", "v2", False)])
    for text, condition in (("DROP TABLE v2", "WRONG_COMMAND_FOR_OBJECT_TYPE"), ("DROP VIEW c1", "WRONG_COMMAND_FOR_OBJECT_TYPE"),
                            ("INSERT INTO v2 VALUES ('b')", "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE"),
                            ("CREATE OR REPLACE VIEW c1 AS SELECT 1", "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE"),
                            ("ALTER TABLE v2 ADD COLUMNS (a INT)", "EXPECT_TABLE_NOT_VIEW.USE_ALTER_VIEW"),
                            ("ALTER VIEW c1 RENAME TO c9", "EXPECT_VIEW_NOT_TABLE.USE_ALTER_TABLE"),
                            ("CREATE VIEW w4 (a) AS SELECT 1, 2", "CREATE_VIEW_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS"),
                            ("CREATE VIEW w5 AS SELECT 1 a, 2 a", "COLUMN_ALREADY_EXISTS")):
        fails(text, condition, lambda t=text: sql(t))
    sql("DROP VIEW star")


def frames(spark):
    cat = spark.catalog
    df = spark.range(3).selectExpr("id", "CAST(id % 2 AS INT) AS k")
    df.write.saveAsTable("s")
    fails("saveAsTable again", "TABLE_OR_VIEW_ALREADY_EXISTS", lambda: df.write.saveAsTable("s"))
    df.write.mode("ignore").saveAsTable("s")
    df.select("k", "id").write.mode("append").saveAsTable("s")
    check("appended by name", rows(spark.table("s").select("id")), [(0,), (0,), (1,), (1,), (2,), (2,)])
    fails("fewer columns", "_LEGACY_ERROR_TEMP_1161", lambda: spark.range(1).write.mode("append").saveAsTable("s"))
    fails("another format", "_LEGACY_ERROR_TEMP_1159", lambda: df.write.mode("append").format("csv").saveAsTable("s"))
    spark.range(5).write.mode("overwrite").saveAsTable("s")
    check("overwritten, with its columns", (spark.table("s").columns, spark.table("s").count()), (["id"], 5))
    df.write.partitionBy("k").saveAsTable("d1.p")
    fails("another partitioning", "_LEGACY_ERROR_TEMP_1163", lambda: df.write.partitionBy("id").mode("append").saveAsTable("d1.p"))
    df.write.insertInto("p")
    df.write.insertInto("p", overwrite=True)
    check("insertInto", rows(spark.table("p")), [(0, 0), (1, 1), (2, 0)])
    fails("insertInto with partitionBy", "_LEGACY_ERROR_TEMP_1309", lambda: df.write.partitionBy("k").insertInto("p"))
    fails("insertInto nothing", "TABLE_OR_VIEW_NOT_FOUND", lambda: df.write.insertInto("nope"))
    spark.range(1).createOrReplaceTempView("tv")
    check("listTables", [tuple(x) for x in cat.listTables("d1", "p|tv")],
          [("p", "spark_catalog", ["d1"], None, "MANAGED", False), ("tv", None, [], None, "TEMPORARY", True)])
    check("tableExists", [cat.tableExists(n) for n in ("s", "d1.s", "default.s", "spark_catalog.d1.s", "tv", "nope.s")],
          [True, True, False, True, True, False])
    check("listColumns", [tuple(x) for x in cat.listColumns("p")],
          [("id", None, "bigint", True, False, False, False), ("k", None, "int", True, True, False, False)])
    cat.dropTempView("tv")
    cat.createTable("ct", schema=spark.range(1).schema, source="parquet", description="dd")
    check("createTable", tuple(cat.getTable("ct")), ("ct", "spark_catalog", ["d1"], "dd", "MANAGED", False))


def write_to(spark):
    df = spark.range(4).selectExpr("id", "CAST(id % 2 AS INT) AS k")
    df.writeTo("w").using("parquet").tableProperty("a", "b").partitionedBy("k").create()
    fails("create again", "TABLE_OR_VIEW_ALREADY_EXISTS", lambda: df.writeTo("w").using("parquet").create())
    check("partitioned", listed(spark.sql("SHOW PARTITIONS w")), [("k=0",), ("k=1",)])
    spark.range(10, 11).selectExpr("7 AS k", "id").writeTo("w").append()
    check("append by name", rows(spark.table("w").where("k = 7")), [(10, 7)])
    spark.createDataFrame([(100, 1)], "id LONG, k INT").writeTo("w").overwritePartitions()
    check("overwritePartitions", rows(spark.table("w")), [(0, 0), (2, 0), (10, 7), (100, 1)])
    spark.createDataFrame([(5, 5)], "id LONG, k INT").writeTo("w").overwrite(F.col("id") < 10)
    check("overwrite where", rows(spark.table("w")), [(5, 5), (10, 7), (100, 1)])
    before = spark.table("w")
    spark.range(2).writeTo("w").using("json").createOrReplace()
    check("createOrReplace", (spark.table("w").columns, rows(spark.table("w"))), (["id"], [(0,), (1,)]))
    check("a frame reads what is there now", before.columns, ["id"])
    fails("replace of none", "TABLE_OR_VIEW_NOT_FOUND", lambda: df.writeTo("w9").using("parquet").replace())
    spark.sql("CREATE OR REPLACE TABLE w USING parquet AS SELECT count(*) AS n FROM w")
    check("a table that replaces what it reads", rows(spark.table("w")), [(2,)])


def later(spark):
    """Another server: nothing but files is left of the first."""
    cat = spark.catalog
    check("the databases", [d.name for d in cat.listDatabases()], ["d1", "default"])
    check("the tables", [t.name for t in cat.listTables("d1")], ["c1", "ct", "ext", "l", "p", "s", "t2", "v2", "w"])
    check("rows", (rows(spark.table("d1.w")), rows(spark.table("d1.v2")), spark.table("d1.s").count()), ([(2,)], [("a",)], 5))
    check("what was said of them", [cat.getTable("d1.t2").description, cat.getTableProperties("d1.t2")], ["again", {"k": "v2", "z": "1"}])
    spark.sql("DROP DATABASE d1 CASCADE")
    check("dropped", listed(spark.sql("SHOW DATABASES")), [("default",)])


def session(folder, steps):
    with served() as url:
        spark = SparkSession.builder.remote(url).create()
        spark.conf.set("spark.berth.directory", folder)
        for step in steps:
            try:
                step(spark)
            except Exception:  # the other parts are asked all the same
                check(step.__name__, traceback.format_exc(), "its end")
        spark.stop()


def main():
    with tempfile.TemporaryDirectory() as folder:
        session(folder, (databases, lambda s: tables(s, folder), altering, views, frames, write_to))
        session(folder, (later,))
        check("nothing is left", sorted(os.listdir(f"{folder}/spark-warehouse")), ["_catalog"])
    end()


if __name__ == "__main__":
    main()
