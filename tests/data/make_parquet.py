# SPDX-License-Identifier: Apache-2.0
"""Parquet files over all types, encodings, codecs, page versions and densities of nulls.

Generated, so nothing of them is stored here: `files(folder)` writes them with pyarrow, duckdb and polars and
yields (path, table). `refused(folder)` yields (path, word): files with a column that is not read, where the message
must contain the word. The values come from a fixed seed.
"""
import datetime
import decimal
import os

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 9000


def with_nulls(values, type_, share, rng):
    mask = rng.random(len(values)) < share
    return pa.array(values, type=type_, mask=mask, from_pandas=False)


def numbers(rng, kind, low, high, n):
    """Integers: few different, many different, sorted, in runs."""
    if kind == "few":
        return rng.choice(rng.integers(low, high, 7, endpoint=True), n)
    if kind == "sorted":
        return np.sort(rng.integers(low, high, n, endpoint=True))
    if kind == "runs":
        return np.repeat(rng.integers(low, high, n // 100 + 1, endpoint=True), 100)[:n]
    return rng.integers(low, high, n, endpoint=True)


def texts(rng, kind, n):
    words = ["", "a", "twelve bytes", "thirteen byte", "a rather longer piece of text than that",
             "ünïcödé", "x" * 300]
    if kind in ("few", "runs"):
        return rng.choice(words, n)
    made = ["%s-%08d" % (words[i % len(words)][:40], i * 7919 % 100000007) for i in range(n)]
    return np.array(sorted(made) if kind == "sorted" else made)


def decimals(rng, kind, precision, scale, n):
    limit = min(10 ** precision - 1, 2 ** 62)
    whole = numbers(rng, kind, -limit, limit, n)
    factor = 10 ** (precision - 19) if precision > 19 else 1
    with decimal.localcontext() as context:
        context.prec = 60
        return [decimal.Decimal(int(v) * factor).scaleb(-scale) for v in whole]


def table(kind, nulls, seed, n=ROWS):
    rng = np.random.default_rng(seed)
    columns = {}

    def add(name, values, type_):
        columns[name] = with_nulls(values, type_, nulls, rng)

    add("bool", numbers(rng, kind, 0, 1, n).astype(bool), pa.bool_())
    for bits in (8, 16, 32, 64):
        add("int%d" % bits, numbers(rng, kind, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, n),
            getattr(pa, "int%d" % bits)())
        high = 2 ** bits - 1
        values = numbers(rng, kind, 0, min(high, 2 ** 63 - 1), n)
        if bits == 64:
            values = values.astype(np.uint64) * np.uint64(2) + np.uint64(1)
        add("uint%d" % bits, values, getattr(pa, "uint%d" % bits)())
    add("float", numbers(rng, kind, -1000000, 1000000, n).astype(np.float32) / 8, pa.float32())
    add("double", numbers(rng, kind, -10 ** 12, 10 ** 12, n).astype(np.float64) / 7, pa.float64())
    for precision, scale in ((5, 2), (9, 0), (15, 2), (18, 18), (20, 0), (38, 10)):
        add("decimal%d" % precision, decimals(rng, kind, precision, scale, n),
            pa.decimal128(precision, scale))
    strings = texts(rng, kind, n)
    add("string", strings, pa.string())
    add("binary", [s.encode()[::-1] for s in strings], pa.binary())
    add("fixed", [b"%05d" % (v % 100000) for v in numbers(rng, kind, 0, 10 ** 6, n)], pa.binary(5))
    add("date", numbers(rng, kind, -100000, 100000, n).astype(np.int32), pa.int32())
    columns["date"] = columns["date"].cast(pa.date32())
    for unit, factor in (("ms", 1), ("us", 1000), ("ns", 10 ** 6)):
        values = numbers(rng, kind, -10 ** 12, 3 * 10 ** 12, n) * factor
        add("time_" + unit, values.astype("datetime64[%s]" % unit), pa.timestamp(unit, tz="UTC"))
    add("local_us", (numbers(rng, kind, -10 ** 15, 10 ** 15, n)).astype("datetime64[us]"),
        pa.timestamp("us"))
    return pa.table(columns)


ENCODINGS = {
    "delta": {"int32": "DELTA_BINARY_PACKED", "int64": "DELTA_BINARY_PACKED",
              "uint32": "DELTA_BINARY_PACKED", "int8": "DELTA_BINARY_PACKED",
              "date": "DELTA_BINARY_PACKED", "time_us": "DELTA_BINARY_PACKED",
              "string": "DELTA_BYTE_ARRAY", "binary": "DELTA_LENGTH_BYTE_ARRAY",
              "fixed": "DELTA_BYTE_ARRAY", "decimal20": "DELTA_BYTE_ARRAY", "bool": "RLE"},
    "split": {"float": "BYTE_STREAM_SPLIT", "double": "BYTE_STREAM_SPLIT",
              "int32": "BYTE_STREAM_SPLIT", "int64": "BYTE_STREAM_SPLIT",
              "fixed": "BYTE_STREAM_SPLIT", "decimal15": "BYTE_STREAM_SPLIT",
              "decimal38": "BYTE_STREAM_SPLIT", "string": "DELTA_LENGTH_BYTE_ARRAY",
              "binary": "DELTA_BYTE_ARRAY"},
}


def arrow_files(folder):
    seed = 0
    for kind in ("few", "many", "sorted", "runs"):
        for nulls in (0, 0.01, 0.5, 1):
            t = table(kind, nulls, seed)
            for page in ("1.0", "2.0"):
                for encoding in ("dictionary", "plain", "delta", "split"):
                    codec = ("none", "snappy", "gzip", "zstd", "lz4")[seed % 5]
                    path = os.path.join(folder, "%s-%s-v%s-%s-%s.parquet" %
                                        (kind, nulls, page[0], encoding, codec))
                    pq.write_table(
                        t, path, compression=codec, data_page_version=page,
                        use_dictionary=encoding == "dictionary",
                        column_encoding=ENCODINGS.get(encoding),
                        row_group_size=(ROWS, 4500, 5000)[seed % 3],
                        data_page_size=(1 << 20, 2000, 20000)[seed % 3],
                        dictionary_pagesize_limit=(1 << 20, 3000)[seed % 2],
                        write_page_checksum=seed % 4 == 0,
                        store_decimal_as_integer=seed % 2 == 1)
                    seed += 1
                    yield path, t


def odd_files(folder):
    t = table("many", 0.1, 1000)
    path = os.path.join(folder, "int96.parquet")
    pq.write_table(t.select(["int32", "time_us", "local_us"]), path,
                   use_deprecated_int96_timestamps=True)
    yield path, t.select(["int32", "time_us", "local_us"])

    required = pa.schema([pa.field(f.name, f.type, nullable=False) for f in t.schema])
    full = table("many", 0, 1001).cast(required)
    for page in ("1.0", "2.0"):
        path = os.path.join(folder, "required-v%s.parquet" % page[0])
        pq.write_table(full, path, data_page_version=page, row_group_size=4097)
        yield path, full

    path = os.path.join(folder, "one-row.parquet")
    pq.write_table(t.slice(5, 1), path)
    yield path, t.slice(5, 1)

    path = os.path.join(folder, "no-rows.parquet")
    pq.write_table(t.slice(0, 0), path)
    yield path, t.slice(0, 0)

    path = os.path.join(folder, "no-row-groups.parquet")
    pq.ParquetWriter(path, t.schema).close()
    yield path, t.slice(0, 0)

    # Empty row groups between full ones.
    path = os.path.join(folder, "empty-row-groups.parquet")
    with pq.ParquetWriter(path, t.schema) as writer:
        for piece in (t.slice(0, 0), t.slice(0, 100), t.slice(0, 0), t.slice(100, 77), t.slice(0, 0)):
            writer.write_table(piece)
    yield path, t.slice(0, 177)

    # Pages of a few values, and pages as large as pyarrow makes them.
    for kind, nulls in (("few", 0.3), ("many", 0), ("runs", 0.02)):
        t = table(kind, nulls, 1002, 3000)
        for page in ("1.0", "2.0"):
            path = os.path.join(folder, "tiny-pages-%s-v%s.parquet" % (kind, page[0]))
            pq.write_table(t, path, data_page_version=page, data_page_size=1, write_batch_size=3,
                           use_dictionary=kind == "few")
            yield path, t
    t = table("many", 0.05, 1003, 60000).select(["int32", "int64", "double", "decimal38", "string", "fixed"])
    path = os.path.join(folder, "huge-pages.parquet")
    pq.write_table(t, path, data_page_size=1 << 27, use_dictionary=False, compression="zstd")
    yield path, t

    # Text of every length around the twelve bytes that fit into a value.
    lengths = pa.array([None if i % 11 == 0 else ("%d" % i * 9)[:i % 40] for i in range(5000)])
    for encoding in ("PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", None):
        path = os.path.join(folder, "lengths-%s.parquet" % encoding)
        t = pa.table({"s": lengths, "b": lengths.cast(pa.binary())})
        pq.write_table(t, path, use_dictionary=encoding is None,
                       column_encoding=encoding and {"s": encoding, "b": encoding})
        yield path, t

    n = 6000
    nested = pa.table({"a": pa.array(range(n)),
                       "l": pa.array([[[1], [], None, list(range(i % 5))][i % 4] for i in range(n)]),
                       "flag": pa.array([i % 3 == 0 if i % 5 else None for i in range(n)]),
                       "s": pa.array([[{"x": 1, "y": "q"}, None, {"x": None, "y": "r"}][i % 3] for i in range(n)]),
                       "m": pa.array([[[("k", 1)], [], None][i % 3] for i in range(n)],
                                     pa.map_(pa.string(), pa.int64())),
                       "deep": pa.array([[[{"p": [i]}], []][i % 2] for i in range(n)]),
                       "z": pa.array([["last", None, "one"][i % 3] for i in range(n)])})
    for page in ("1.0", "2.0"):
        path = os.path.join(folder, "nested-v%s.parquet" % page[0])
        pq.write_table(nested, path, data_page_version=page, row_group_size=2500, data_page_size=500)
        yield path, nested.select(["a", "flag", "z"])


def duckdb_files(folder):
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    for codec in ("uncompressed", "snappy", "gzip", "zstd", "lz4_raw"):
        for version in ("V1", "V2"):
            path = os.path.join(folder, "duckdb-%s-%s.parquet" % (codec, version))
            connection.execute(
                "copy (select i, i %% 7 as few, i * 1.5 as dbl, 'text ' || (i %% 1000) as txt, "
                "case when i %% 3 = 0 then null else 'long long long long ' || i end as maybe, "
                "date '2020-01-01' + (i %% 500)::int as d, i %% 2 = 0 as b, "
                "timestamp '2020-01-01' + interval (i) second as ts, "
                "(i * 37 %% 100000)::decimal(12, 3) as dec, "
                "(i::hugeint * 1000000000000)::decimal(30, 5) as wide "
                "from range(30000) t(i)) to '%s' (format parquet, codec '%s', "
                "parquet_version '%s', row_group_size 12288)" % (path, codec, version))
            yield path, pq.read_table(path)


def polars_files(folder):
    whole = table("few", 0.1, 1004)
    names = [n for n in whole.column_names if n not in ("uint64", "decimal38", "decimal20")]
    frame = polars.from_arrow(whole.select(names))
    for codec in ("uncompressed", "snappy", "gzip", "zstd", "lz4"):
        path = os.path.join(folder, "polars-%s.parquet" % codec)
        frame.write_parquet(path, compression=codec, row_group_size=4000, data_page_size=3000)
        yield path, pq.read_table(path)
    path = os.path.join(folder, "polars-no-rows.parquet")
    frame.clear().write_parquet(path)
    yield path, pq.read_table(path)


def files(folder):
    yield from arrow_files(folder)
    yield from odd_files(folder)
    yield from duckdb_files(folder)
    yield from polars_files(folder)


def small_files(folder):
    """A few rows, with all that a footer, a page and an index can say: each number of it is damaged."""
    for seed, (kind, page, encoding, codec) in enumerate((
            ("few", "1.0", "dictionary", "snappy"), ("many", "2.0", "delta", "zstd"), ("runs", "2.0", "plain", "gzip"),
            ("sorted", "1.0", "split", "lz4"))):
        t = table(kind, 0.2, 2000 + seed, 48)
        t = t.append_column("l", pa.array([[[i], [], None, [1, None]][i % 4] for i in range(48)]))
        t = t.append_column("m", pa.array([[[("k", {"x": i})], [], None][i % 3] for i in range(48)],
                                          pa.map_(pa.string(), pa.struct([("x", pa.int32())]))))
        path = os.path.join(folder, "small-%s.parquet" % kind)
        pq.write_table(t, path, compression=codec, data_page_version=page, use_dictionary=encoding == "dictionary",
                       column_encoding=ENCODINGS.get(encoding), row_group_size=30, max_rows_per_page=10,
                       write_batch_size=5, write_page_index=seed != 3, write_page_checksum=seed == 1,
                       bloom_filter_options={n: {"ndv": 20} for n in ("int32", "int64", "string", "double")})
        yield path


def write_encrypted(path, table_, plaintext_footer):
    """With a key for the footer, which is readable or not, and one for column a."""
    import base64
    import pyarrow.parquet.encryption as pe

    class Keys(pe.KmsClient):
        def wrap_key(self, key_bytes, master_key_identifier):
            return base64.b64encode(key_bytes)

        def unwrap_key(self, wrapped_key, master_key_identifier):
            return base64.b64decode(wrapped_key)

    factory = pe.CryptoFactory(lambda _: Keys())
    encryption = pe.EncryptionConfiguration(footer_key="f", column_keys={"c": ["a"]}, plaintext_footer=plaintext_footer)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), encryption)
    with pq.ParquetWriter(path, table_.schema, encryption_properties=properties) as writer:
        writer.write_table(table_)


def refused(folder):
    t = pa.table({"a": pa.array(range(1000))})
    path = os.path.join(folder, "brotli.parquet")
    pq.write_table(t, path, compression="brotli")
    yield path, "BROTLI"
    for plain in (False, True):
        path = os.path.join(folder, "encrypted-%d.parquet" % plain)
        write_encrypted(path, t, plain)
        yield path, "encrypted"


if __name__ == "__main__":
    import sys

    os.makedirs(sys.argv[1], exist_ok=True)
    started = datetime.datetime.now()
    print(sum(1 for _ in files(sys.argv[1])), "files in", datetime.datetime.now() - started)
