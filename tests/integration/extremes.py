#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build
# timeout: 600
"""What nobody writes by hand: texts of a MiB, 10,000 columns, 100,000 items, expressions 10,000 deep, a thousand joins.

Each gives the right answer or a clear error, and the process lives on, within SECONDS of CPU in user mode (a page fault is dear on
some machines, and another's load is no fault of ours). As SQL through sqltest, as Connect plans through service_peer.
"""
import os
import resource
import subprocess
import sys
import tempfile

venv = os.environ.get("BERTH_VENV")
if venv and not sys.prefix.startswith(venv):
    os.execv(os.path.join(venv, "bin", "python"), [os.path.join(venv, "bin", "python")] + sys.argv)

import pyarrow as pa
import pyarrow.parquet as pq

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "conformance"))
import local_server

BUILD = os.environ.get("BERTH_BUILD", os.path.join(here, "..", "..", "build"))
SECONDS = 5.0 * float(os.environ.get("BERTH_SLOW", "1"))
COMPLEX = "FAILED_TO_PARSE_TOO_COMPLEX"
UNSUPPORTED = "UNSUPPORTED_FEATURE"
K = 1000


def many(n, form, glue=","):
    return glue.join(form.replace("#", str(i)) for i in range(n))


def joins(n, kind):
    return "SELECT count(*) FROM range(2) t0 " + " ".join(f"{kind} range(2) t{i} ON t{i}.id = t{i - 1}.id" for i in range(1, n))


# name: (statement, what the answer is: the last row, or the class of an error)
def statements():
    wide = "SELECT " + many(10 * K, "id + # AS a#") + " FROM range(2)"
    keys = many(100, "id + # AS c#")
    equal = many(100, "a.c# = b.c#", " AND ")
    yield "IN of 100,000 numbers", f"SELECT count(*) FROM range(1000) WHERE id IN ({many(100 * K, '#')})", "1000"
    yield "IN of 100,000 texts", f"SELECT count(*) FROM (SELECT string(id) s FROM range(1000)) WHERE s IN ({many(100 * K, chr(39) + '#' + chr(39))})", "1000"
    yield "NOT IN of 100,000", f"SELECT count(*) FROM range(1000) WHERE id NOT IN ({many(100 * K, '#')})", "0"
    yield "IN of 20,000 expressions", f"SELECT count(*) FROM range(10) WHERE id IN ({many(20 * K, 'id + #')})", UNSUPPORTED
    yield "10,000 parentheses", "SELECT " + "(" * 10 * K + "1" + ")" * 10 * K, COMPLEX
    yield "400 parentheses", "SELECT " + "(" * 400 + "1" + ")" * 400, "1"
    yield "10,000 OR", "SELECT count(*) FROM range(10) WHERE " + many(10 * K, "id = # + 5", " OR "), "5"
    yield "2,000 AND", "SELECT count(*) FROM range(10) WHERE " + many(2 * K, "id <> # + 100", " AND "), "10"
    yield "10,000 sums", "SELECT 1" + " + 1" * 10 * K, COMPLEX
    yield "10,000 NOT", "SELECT " + "NOT " * 10 * K + "true", COMPLEX
    yield "CASE of 10,000 branches", f"SELECT sum(CASE id {many(10 * K, 'WHEN # THEN #', ' ')} END) FROM range(100)", "4950"
    yield "CASE in CASE, 10,000 deep", "SELECT " + "CASE WHEN true THEN " * 10 * K + "1" + " END" * 10 * K, COMPLEX
    yield "CASE in CASE, 300 deep", "SELECT sum(x) FROM (SELECT " + "CASE WHEN id > 0 THEN " * 300 + "1" + " ELSE 0 END" * 300 + " x FROM range(3))", "2"
    yield "functions 10,000 deep", "SELECT " + "abs(" * 10 * K + "1" + ")" * 10 * K, COMPLEX
    yield "coalesce of 10,000", f"SELECT coalesce({'NULL,' * 10 * K}7)", "7"
    yield "greatest of 10,000", f"SELECT greatest({many(10 * K, '#')})", "9999"
    yield "concat of 10,000", f"SELECT length(concat({many(10 * K, chr(39) + 'a' + chr(39))}))", "10000"
    yield "subqueries 1,000 deep", "SELECT * FROM " + "(SELECT * FROM " * K + "range(3)" + ")" * K, COMPLEX
    yield "subqueries 200 deep", "SELECT * FROM " + "(SELECT * FROM " * 200 + "range(3)" + ")" * 200, "2"
    yield "1,000 joins", joins(K, "JOIN"), COMPLEX
    yield "300 joins", joins(300, "JOIN"), "2"
    yield "300 outer joins", joins(300, "LEFT JOIN"), "2"
    yield "a join on 100 columns", f"SELECT count(*) FROM (SELECT {keys} FROM range(5)) a JOIN (SELECT {keys} FROM range(3)) b ON {equal}", "3"
    yield "an intersection of 100 columns", f"SELECT count(*) FROM (SELECT {keys} FROM range(5) INTERSECT SELECT {keys} FROM range(3))", "3"
    yield "1,000 branches of UNION ALL", f"SELECT sum(a) FROM ({many(K, 'SELECT # a', ' UNION ALL ')})", "499500"
    yield "1,000 branches of UNION", f"SELECT count(*) FROM ({many(K, 'SELECT # a', ' UNION ')})", COMPLEX
    yield "VALUES of 100,000", f"SELECT sum(col1) FROM VALUES {many(100 * K, '(#, ' + chr(39) + 'x#' + chr(39) + ')')}", "4999950000"
    yield "a literal of 8 MiB", f"SELECT length('{'x' * (8 << 20)}')", str(8 << 20)
    yield "a name of 1 MiB", f"SELECT 1 AS `{'x' * (1 << 20)}`", UNSUPPORTED
    yield "a number of 1 MiB", f"SELECT {'9' * (1 << 20)}", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"
    yield "a comment of 1 MiB", f"SELECT /* {'x' * (1 << 20)} */ 1", "1"
    yield "10,000 columns made", wide, None
    yield "one of 10,000 columns made", f"SELECT sum(a9999) FROM ({wide})", "19999"
    yield "1,000 sums", f"SELECT {many(K, 'sum(id + #)')} FROM range(10)", None
    yield "1,000 group keys", f"SELECT count(*) FROM (SELECT count(*) FROM range(10) GROUP BY {many(K, 'id + #')})", "10"
    yield "1,000 order keys", f"SELECT max(id) FROM (SELECT id FROM range(10) ORDER BY {many(K, 'id % (# + 2)')} LIMIT 5)", None
    yield "500 windows", f"SELECT {many(500, 'sum(id) OVER (ORDER BY id % (# + 2))')} FROM range(10)", None
    yield "1,000 queries by name", "WITH c0 AS (SELECT 1 a)" + "".join(f", c{i} AS (SELECT a + 1 a FROM c{i - 1})" for i in range(1, K)) + f" SELECT * FROM c{K - 1}", UNSUPPORTED
    yield "queries by name that double", "WITH c0 AS (SELECT 1 a)" + "".join(f", c{i} AS (SELECT x.a FROM c{i - 1} x JOIN c{i - 1} y ON x.a = y.a)" for i in range(1, 25)) + " SELECT * FROM c24", COMPLEX
    yield "CUBE of 30", f"SELECT count(*) FROM VALUES ({many(30, '1')}) t({many(30, 'c#')}) GROUP BY CUBE({many(30, 'c#')})", UNSUPPORTED
    yield "a map of 10,000", f"SELECT size(map({many(10 * K, '#, #')}))", "10000"
    yield "arrays 300 deep", "SELECT " + "array(" * 300 + "1" + ")" * 300, UNSUPPORTED
    yield "a pattern that backtracks", "SELECT repeat('a', 40) RLIKE '(a+)+b'", "false"
    yield "100 subqueries in a filter", "SELECT count(*) FROM range(5) WHERE " + many(100, "id IN (SELECT id FROM range(200) WHERE id < # + 5)", " AND "), "5"


def wide_files(folder):
    columns = 10 * K
    path = os.path.join(folder, "wide.parquet")
    pq.write_table(pa.table({f"c{i}": pa.array([i, None, i + 1], pa.int32()) for i in range(columns)}), path)
    yield "one of 10,000 columns of a file", f"SELECT sum(c{columns - 1}) FROM parquet.`{path}`", str(columns - 1 + columns)
    yield "10,000 columns of a file", f"SELECT * FROM parquet.`{path}`", None
    path = os.path.join(folder, "groups.parquet")
    pq.write_table(pa.table({"a": pa.array(range(20 * K)), "s": pa.array([f"text {i}" for i in range(20 * K)])}), path, row_group_size=2)
    yield "10,000 row groups", f"SELECT sum(a) FROM parquet.`{path}`", str(20 * K * (20 * K - 1) // 2)
    yield "one of 10,000 row groups", f"SELECT s FROM parquet.`{path}` WHERE a = 12345", "text 12345"


def varint(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def range_relation():
    return field(15, b"\x10\x05\x18\x01")  # Relation.range: end 5, step 1


def request(relation):
    return field(1, relation)  # Plan.root


def plans():
    def nested(n, wrap, inside):
        for _ in range(n):
            inside = wrap(inside)
        return inside

    literal = field(1, b"\x30\x07")  # Expression.literal.integer
    call = lambda e: field(3, field(1, b"abs") + field(2, e))  # Expression.unresolved_function
    project = lambda e: field(3, field(1, range_relation()) + field(3, e))  # Relation.project
    for n in (100, 10 * K, 100 * K):
        yield f"{n} limits", nested(min(n, 30 * K), lambda r: field(8, field(1, r) + b"\x10\x03"), range_relation()), n == 100
        yield f"{n} functions", project(nested(min(n, 30 * K), call, literal)), n == 100
    yield "10,000 expressions", field(3, field(1, range_relation()) + b"".join(field(3, call(literal)) for _ in range(10 * K))), True
    yield "bytes that are no relation", b"\xff" * 1000, False
    yield "a length of 2^63", b"\x0a" + b"\xff" * 9 + b"\x01", False


class Check:
    failures = passed = 0

    def __call__(self, name, problem):
        if problem:
            print(f"FAILED {name}: {problem}", flush=True)
        self.failures += bool(problem)
        self.passed += not problem


def ask(statement):
    """(what went wrong or None, first line, last row)"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    try:
        p = subprocess.run([os.path.join(BUILD, "tests", "sql", "sqltest"), "--stdin"], input=statement + "\nSELECT 'alive'\n",
                           capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "no answer in 120 s", "", ""
    took = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    lines = p.stdout.rstrip("\n").split("\n")
    if p.returncode or lines[-1] != "alive":
        return f"exit {p.returncode}: {p.stderr[-1000:]}", "", ""
    if took > SECONDS:
        return f"{took:.1f} s of CPU", "", ""
    return None, lines[0], lines[-3] if len(lines) > 3 else ""


def judge(statement, wanted):
    problem, head, last = ask(statement)
    if problem:
        return problem
    if wanted is None:
        return None if head.startswith("ok ") else head[:200]
    if wanted.isupper():
        return None if head.startswith("error " + wanted) else head[:200]
    return None if head.startswith("ok ") and last == wanted else f"{head[:200]} {last[:100]}"


def main():
    check = Check()
    with tempfile.TemporaryDirectory() as folder:
        for cases in (statements(), wide_files(folder)):
            for name, statement, wanted in cases:
                check(name, judge(statement, wanted))
    peer = local_server.Peer(os.path.join(BUILD, "tests", "support", "service_peer"))
    for name, relation, good in plans():
        try:
            answered = bool(list(peer.ask(local_server.EXECUTE, request(relation))))
            check("plan of " + name, None if answered and good else "it was not refused")
        except local_server.Failure as e:
            clear = e.error_class and e.error_class != "INTERNAL_ERROR"
            check("plan of " + name, f"{e.error_class} {e.message[:200]}" if good or not clear else None)
    peer.close()
    print(f"{check.passed} passed, {check.failures} failed")
    return 1 if check.failures else 0


sys.exit(main())
