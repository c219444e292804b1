#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build clients
# timeout: 120
"""Spark's JDBC driver for Connect in a JDBC shell (BeeLine): a script of SQL and of the shell's own questions to the driver."""
import subprocess
import sys

from _stack import Checks, Stack, client

STATEMENTS = [ # what is typed, and the rows of the answer as CSV without its head; None: only that there is no error
    ("select 1 as a, 'x' as b;", ["1,x"]),
    ("select * from values (1,'a'),(2,'b'),(3,null) t(n,s) order by n;", ["1,a", "2,b", "3,NULL"]),
    ("select cast(1 as tinyint) a, cast(2 as smallint) b, 3L c, float(1.5) d, 2.5d e, 1.50 f, true g;", ["1,2,3,1.5,2.5,1.50,true"]),
    ("select date'2024-02-29' d, timestamp_ntz'2024-02-29 01:02:03' t;", None),
    ("select x'00ff' b;", None),
    ("select 1 as a where false;", []),
    ("create temporary view three as select * from values (1,'a'),(2,'b'),(3,'a') t(n,s);", None),
    ("select s, sum(n) t from three group by s order by s;", ["a,4", "b,2"]),
    ("select count(*) c from three a join three b on a.s = b.s;", ["5"]),
    ("select n, row_number() over (partition by s order by n desc) r from three order by n;", ["1,2", "2,1", "3,1"]),
    ("with c as (select max(n) m from three) select m + 1 as m from c;", ["4"]),
    ("select n from three where n > (select avg(n) from three);", ["3"]),
    ("select n from three where exists (select 1 from three b where b.s = three.s and b.n > three.n);", ["1"]),
    ("select s from three except select 'a';", ["b"]),
    ("select s from three union select 'c' order by s;", ["a", "b", "c"]),
    ("select upper(s) u, length(s) l, concat(s, n) c from three where n = 2;", ["B,1,b2"]),
    ("select case n when 1 then 'one' else 'more' end k from three order by n;", ["one", "more", "more"]),
    ("select coalesce(s, '-') s, count(*) c from three group by rollup (s) order by c, s;", ["b,1", "a,2", "-,3"]),
    ("select s from three group by s having count(*) > 1;", ["a"]),
    ("select distinct s from three order by s desc;", ["b", "a"]),
    ("select n from three order by n limit 1 offset 1;", ["2"]),
    ("select year(date'2024-02-29') y, date_add(date'2024-02-29', 1) d;", ["2024,2024-03-01"]),
    ("select explode(array(3, 4)) e;", ["3", "4"]),
    ("select named_struct('p', 5).p p, map('k', 7)['k'] k, array(1, 2)[1] a;", ["5,7,2"]),
    ("select transform(array(1, 2), x -> x * 10)[1] t;", ["20"]),
    ("set spark.sql.session.timeZone=Europe/Berlin;", None),
    ("select string(timestamp_seconds(0)) t;", ["1970-01-01 01:00:00"]),
    ("select current_database() d;", ["default"]),
    ("show databases;", ["default"]),
    ("select n from three tablesample (100 percent) order by n;", ["1", "2", "3"]),
    ("select sum(id) s, count(*) c from range(100000);", ["4999950000,100000"]),
    ("describe three;", None),
    ("drop view three;", None),
]
ERRORS = [("selec 1;", "PARSE_SYNTAX_ERROR"), ("select * from nowhere;", "TABLE_OR_VIEW_NOT_FOUND"), ("select 1 / 0 as x;", "DIVIDE_BY_ZERO")]
SHELL = ["!tables", "!metadata getSchemas", "!metadata getTableTypes"]

check = Checks()
folder = client("jdbc")
MARK = "select '@@{}' as mark;"


def shell(url, lines):
    command = ["java", "-Xshare:auto", "--add-opens=java.base/java.nio=ALL-UNNAMED",
               "--add-opens=java.base/sun.util.calendar=ALL-UNNAMED", "-XX:TieredStopAtLevel=1", "-cp", f"{folder}/first/*:{folder}/jars/*",
               "org.apache.hive.beeline.BeeLine", "-u", url.replace("sc://", "jdbc:sc://"),
               "-d", "org.apache.spark.sql.connect.client.jdbc.SparkConnectDriver", "--outputformat=csv2", "--silent=true", "--force=true"]
    done = subprocess.run(command, input="\n".join(lines) + "\n!quit\n", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)
    return done.stdout


with Stack() as stack:
    typed = [s for s, _ in STATEMENTS + ERRORS] + SHELL
    lines = [line for i, s in enumerate(typed) for line in (MARK.format(i), s)] + [MARK.format(len(typed))]
    output = shell(stack.url, lines).splitlines()

# Between two marks stands what one line gave. What was typed is shown again, broken where a line of a terminal would end.
def squeeze(text):
    return "".join(text.split())


parts, current, typed_left = {}, None, ""
for line in output:
    text = line.replace('"', "").replace("'", "").strip()
    if "jdbc:sc:" in line:
        shown = squeeze(line.split("> ", 1)[-1])
        typed_left = next((squeeze(t)[len(shown):] for t in lines if squeeze(t).startswith(shown)), "")
    elif typed_left and typed_left.startswith(squeeze(line)):
        typed_left = typed_left[len(squeeze(line)):]
    elif text.startswith("@@") and text[2:].isdigit():
        current = int(text[2:])
        parts[current] = []
    elif current is not None and text and text != "mark":
        parts[current].append(text)
for i, (sql, wanted) in enumerate(STATEMENTS):
    seen = parts.get(i, ["no answer"])
    if wanted is None:
        check(sql, [s for s in seen if "Error" in s or "no answer" in s], [])
    else:
        check(sql, seen[1:] if wanted or len(seen) == 1 else seen, wanted)
for i, (sql, wanted) in enumerate(ERRORS, len(STATEMENTS)):
    text = " ".join(parts.get(i, []))
    check(sql, wanted if wanted in text else text, wanted)
for i, line in enumerate(SHELL, len(STATEMENTS) + len(ERRORS)):
    text = " ".join(parts.get(i, ["no answer"]))
    check(line, "Error" in text or "no answer" in text, False)
if check.failed:
    print("\n".join(output[:400]))
sys.exit(check.end())
