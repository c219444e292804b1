#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# needs: venv
# timeout: 400
"""Nested columns of Parquet files, written by pyarrow in several ways, through an unmodified PySpark: what pyarrow reads.

Lists, structs and maps to a depth of four with nulls at every level; pages of both versions, with and without dictionaries,
smaller than a row and larger than a row group; with filters that leave rows out.
"""

import datetime
import decimal
import os
import random
import sys
import tempfile

VENV = os.environ["BERTH_VENV"]
if not sys.executable.startswith(VENV):
    os.execv(f"{VENV}/bin/python", [f"{VENV}/bin/python", *sys.argv])

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402

ROWS = 5000
TYPES = {
    "l": pa.list_(pa.int32()),
    "ls": pa.list_(pa.string()),
    "s": pa.struct([("a", pa.int64()), ("b", pa.string()), ("c", pa.list_(pa.float64()))]),
    "m": pa.map_(pa.string(), pa.int32()),
    "ll": pa.list_(pa.list_(pa.string())),
    "lst": pa.list_(pa.struct([("x", pa.int16()),
                               ("y", pa.list_(pa.struct([("z", pa.decimal128(12, 2)), ("d", pa.date32())]))),
                               ("b", pa.bool_())])),
    "ml": pa.map_(pa.int32(), pa.list_(pa.struct([("q", pa.timestamp("us")), ("r", pa.string())]))),
    "ss": pa.struct([("t", pa.struct([("u", pa.struct([("v", pa.int32())]))])),
                     ("w", pa.map_(pa.string(), pa.map_(pa.string(), pa.float32())))]),
}
FILTERS = (("true", lambda r: True),
           ("id % 3 = 0 and id > 2000", lambda r: r["id"] % 3 == 0 and r["id"] > 2000),
           ("l is not null and size(ls) > 2", lambda r: r["l"] is not None and len(r["ls"] or []) > 2))


def value(t):
    if random.random() < 0.15:
        return None
    if pa.types.is_list(t):
        return [value(t.value_type) for _ in range(random.choice([0, 1, 2, 3, 7]))]
    if pa.types.is_struct(t):
        return {t.field(i).name: value(t.field(i).type) for i in range(t.num_fields)}
    if pa.types.is_map(t):
        keys = random.sample(range(20), random.choice([0, 1, 3]))
        return [(k if pa.types.is_integer(t.key_type) else f"key{k}", value(t.item_type)) for k in keys]
    if pa.types.is_string(t):
        return random.choice(["", "a", "some longer string than twelve", "ü"]) + str(random.randrange(50))
    if pa.types.is_boolean(t):
        return random.random() < 0.5
    if pa.types.is_floating(t):
        return random.randrange(1000) / 8
    if pa.types.is_decimal(t):
        return decimal.Decimal(random.randrange(10**6)).scaleb(-2)
    if pa.types.is_date(t):
        return datetime.date(2020, 1, 1) + datetime.timedelta(days=random.randrange(1000))
    if pa.types.is_timestamp(t):
        return datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=random.randrange(10**6))
    return random.randrange(100)


def write_files(folder):
    random.seed(7)
    table = pa.table({"id": pa.array(range(ROWS), pa.int32()),
                      **{k: pa.array([value(t) for _ in range(ROWS)], t) for k, t in TYPES.items()}})
    ways = [dict(compression=c, data_page_version=v, use_dictionary=d, row_group_size=g, data_page_size=p)
            for c, v, d, g, p in (("snappy", "1.0", True, 1000, 500), ("none", "2.0", False, 5000, 700),
                                  ("zstd", "1.0", False, 2500, 1 << 20), ("none", "2.0", True, 3333, 20000))]
    ways.append(dict(use_dictionary=False, data_page_size=700, use_compliant_nested_type=False,
                     column_encoding={c: "DELTA_BYTE_ARRAY" for c in ("ls.list.item", "s.b")}))
    for i, way in enumerate(ways):
        path = os.path.join(folder, f"nested{i}.parquet")
        pq.write_table(table, path, **way)
        yield path, table.to_pylist()
    path = os.path.join(folder, "empty.parquet")
    pq.write_table(table.slice(0, 0), path)
    yield path, []


def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    return [plain(v) for v in x] if isinstance(x, (list, tuple)) else x


def main():
    spark = SparkSession.builder.remote(os.environ.get("BERTH_URL", "sc://127.0.0.1:15002")).getOrCreate()
    passed = failed = 0
    with tempfile.TemporaryDirectory(dir="/srv") as folder:
        os.chmod(folder, 0o755)
        for path, rows in write_files(folder):
            for condition, keep in FILTERS:
                got = spark.sql(f"SELECT * FROM parquet.`{path}` WHERE {condition}").toArrow().to_pylist()
                wanted = [r for r in rows if keep(r)]
                if plain(got) == plain(wanted):
                    passed += 1
                    continue
                failed += 1
                print(f"FAIL {path} WHERE {condition}: {len(got)} rows, {len(wanted)} wanted")
    print(f"{passed} of {passed + failed} readings are those of pyarrow")
    spark.stop()
    sys.exit(1 if failed else 0)


main()
