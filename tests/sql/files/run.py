#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records that need files: NAME.test begins with the files, and $DIR is where they lie.

  file PATH         the lines up to `end` (a last `\\` line: no line feed at the end)
  gzip|zstd|bzip2 PATH  the same, compressed
  base64 PATH       bytes
  empty PATH        a folder

run.py SQLTEST NAME.test runs the records with one worker and with three, over pread and over the ring.
run.py --write NAME.test asks JVM Spark instead and puts its answers into the file.
"""

import base64
import bz2
import gzip
import os
import re
import subprocess
import sys
import tempfile


def parse(path):
    """The head with the files, [(kind, path, text)], and the records."""
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    files, at = [], 0
    head_end = 0
    while at < len(lines):
        words = lines[at].split(" ", 1)
        if words[0] in ("file", "gzip", "zstd", "bzip2", "base64"):
            end = lines.index("end", at)
            body = lines[at + 1:end]
            text = "\n".join(body[:-1]) if body and body[-1] == "\\" else "".join(line + "\n" for line in body)
            files.append((words[0], words[1], text))
            at = end + 1
            head_end = at
        elif words[0] == "empty":
            files.append(("empty", words[1], ""))
            at += 1
            head_end = at
        elif lines[at] == "" or lines[at].startswith("#"):
            at += 1
        else:
            break
    return "\n".join(lines[:head_end]), files, "\n".join(lines[head_end:])


def create(folder, files):
    for kind, name, text in files:
        path = os.path.join(folder, name)
        if kind == "empty":
            os.makedirs(path)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = text.encode()
        if kind == "base64":
            data = base64.b64decode(text)
        elif kind == "gzip":
            data = gzip.compress(data, mtime=0)
        elif kind == "bzip2":  # two streams, one behind the other
            data = bz2.compress(data[:7]) + bz2.compress(data[7:])
        elif kind == "zstd":
            data = subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
        with open(path, "wb") as f:
            f.write(data)


def run(program, path):
    _, files, records = parse(path)
    failed = 0
    for options in (["--threads", "1"], ["--threads", "3"], ["--ring", "--threads", "2"]):
        with tempfile.TemporaryDirectory(prefix="berth-files-") as folder:
            create(folder, files)
            script = os.path.join(folder, "_" + os.path.basename(path))
            with open(script, "w", encoding="utf-8") as f:
                f.write(records.replace("$DIR", folder))
            r = subprocess.run([program, *options, script], timeout=120)
            if r.returncode != 0:
                print(f"{path}: failed with {' '.join(options)}", file=sys.stderr)
                failed = 1
    return failed


def statements(records):
    """(header, sql) of each record, comments in between kept as (None, line)."""
    lines, at = records.split("\n"), 0
    while at < len(lines):
        line = lines[at]
        if not line or line.startswith("#"):
            if line:
                yield None, line
            at += 1
            continue
        sql = []
        at += 1
        while at < len(lines) and lines[at] and lines[at] != "----":
            sql.append(lines[at])
            at += 1
        while at < len(lines) and lines[at]:
            at += 1
        yield line, "\n".join(sql)


def write(path):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "random"))
    import engines
    head, files, records = parse(path)
    spark = engines.Spark()
    out = [head, ""]
    with tempfile.TemporaryDirectory(prefix="berth-files-") as folder:
        create(folder, files)
        for header, sql in statements(records):
            if header is None:
                out.append(sql)
                continue
            kind, first, rest = spark.ask(sql.replace("$DIR", folder))
            if kind == "error":
                if first == "Py4JJavaError":  # says its class only in the text
                    try:
                        spark.session.sql(sql.replace("$DIR", folder)).collect()
                    except Exception as e:  # noqa: BLE001
                        first = (re.findall(r"Exception: \[([A-Z_.]+)\]", str(e)) or [first])[0]
                print(first, rest[:300].replace(folder, "$DIR"))
                out += [f"statement error {first}", sql, ""]
            elif header.startswith("statement"):
                out += ["statement ok", sql, ""]
            else:
                rows = [row.replace(folder, "$DIR") for row in rest]
                order = "" if "order by" in sql.lower() else " rowsort"
                out += [f"query {first}{order}", sql, "----", *rows, ""]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(out))
    return 0


if __name__ == "__main__":
    sys.exit(write(sys.argv[2]) if sys.argv[1] == "--write" else run(sys.argv[1], sys.argv[2]))
