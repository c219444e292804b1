#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small questions to a file of 100 columns: count, minimum, maximum, point look-ups, a few rows. Berth beside DuckDB.

--bed host (the default, as root) asks through berthd and the gateway on this host, which may be without cgroup v2; --bed uml in
user-mode linux, with DuckDB in the same bed; --bed embedded asks an embedded executor. The file has a million rows in row groups of 100,000, ordered by id."""

import os
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from side_by_side import TOP, Berth, DuckDB, arguments, interleave, show, warm_cache  # noqa: E402

ROWS = 1_000_000
FILE = os.path.join(TOP, "build", "data", "tiny", "wide.parquet")
SHOWN = "/srv/berth-bench"  # the same folder in the bed, below a data root
QUERIES = {
    "count": "select count(*) from wide",
    "count of a column": "select count(n7) from wide",
    "min, max": "select min(n3), max(n3), min(d1), max(d1) from wide",
    "min, max of the key": "select min(id), max(id) from wide",
    "count in a range": "select count(*) from wide where id between 400000 and 400999",
    "look-up, one column": "select s5 from wide where id = 123456",
    "look-up, ten columns": "select id, n1, n2, n3, s1, s2, s3, d1, f1, f2 from wide where id = 654321",
    "look-up, all columns": "select * from wide where id = 777777",
    "look-up, absent": "select n1 from wide where id = -1",
    "look-up by string": "select id, n1 from wide where s0 = 'key-00500000'",
    "three look-ups": "select id, n4 from wide where id in (5, 500005, 999995) order by id",
    "ten rows": "select id, n1, s1 from wide limit 10",
    "no table": "select 1 + 1",
}


def make_file():
    if os.path.exists(FILE):
        return
    import numpy
    import pyarrow
    import pyarrow.parquet
    os.makedirs(os.path.dirname(FILE), exist_ok=True)
    random = numpy.random.default_rng(1)
    columns = {"id": numpy.arange(ROWS, dtype=numpy.int64), "s0": [f"key-{i:08d}" for i in range(ROWS)]}
    for i in range(58):
        columns[f"n{i}"] = random.integers(0, 10 ** (i % 8 + 1), ROWS)
    for i in range(1, 20):
        columns[f"s{i}"] = pyarrow.array(numpy.char.add(f"value {i} ", random.integers(0, 7 ** (i % 5 + 1), ROWS).astype(str)))
    for i in range(11):
        columns[f"f{i}"] = random.random(ROWS)
    for i in range(10):
        columns[f"d{i}"] = pyarrow.array(random.integers(8000, 8000 + 300 * (i + 1), ROWS).astype(numpy.int32)).cast(pyarrow.date32())
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table, FILE + ".part", row_group_size=100_000, compression="snappy")
    os.chmod(FILE + ".part", 0o644)
    os.rename(FILE + ".part", FILE)


class Served(Berth):
    """Through the gateway: the executor is no child of the client, but the only one there."""

    def cpu_user(self):
        total = 0
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            try:
                with open(f"/proc/{pid}/stat") as f:
                    text = f.read()
            except OSError:
                continue
            if "(berth-executor)" in text:
                total += int(text.rsplit(")", 1)[1].split()[11])
        return total / os.sysconf("SC_CLK_TCK")


def main():
    p = arguments("tiny", __doc__, scale=None)
    p.add_argument("--bed", choices=["host", "uml", "embedded"], default="host")
    p.add_argument("--inside", action="store_true", help="this is the bed")
    args = p.parse_args()
    make_file()
    if args.bed != "embedded" and not args.inside:
        command = [os.environ["BERTH_VENV"] + "/bin/python", "-B", os.path.join(HERE, "bench.py"), "--inside", f"--bed={args.bed}",
                   f"--runs={args.runs}", f"--threads={args.threads}"] + (["--json"] if args.json else [])
        if args.only:
            command.append(f"--only={args.only}")
        folder = os.path.dirname(FILE)
        if args.bed == "host":
            return subprocess.run([os.path.join(HERE, "served.sh"), folder, *command]).returncode
        quoted = " ".join(shlex.quote(c) for c in command)
        return subprocess.run([os.path.join(TOP, "packaging", "vm", "run"), "--bed=uml", f"--build={os.environ['BERTH_BUILD']}",
                               "--mem=3G", f"--venv={os.environ['BERTH_VENV']}", "--", "sh", "-c",
                               f"mkdir -p {SHOWN} && mount --bind {folder} {SHOWN} && "
                               f"packaging/vm/start-berth start >&2 && {quoted}"]).returncode
    queries = {q: t for q, t in QUERIES.items() if not args.only or args.only in q}
    warm_cache([FILE])
    views = {"wide": os.path.join(SHOWN, os.path.basename(FILE)) if args.inside else FILE}
    if args.inside:
        berth = Served(os.environ.get("BERTH", args.berth), views, args.threads)
    else:
        berth = Berth(args.berth, views, args.threads, os.path.dirname(FILE))
    duck = DuckDB(views, args.threads)
    report = interleave(berth, duck, queries, max(args.runs, 5))
    berth.close()
    where = "through berthd and the gateway" + (" in user-mode linux" if args.bed == "uml" else "") if args.inside else "embedded executor"
    return show("tiny", f"tiny: 100 columns, {ROWS} rows, {where}, {args.threads} threads, hot, medians; DuckDB {duck.version}",
                report, args.json)


if __name__ == "__main__":
    sys.exit(main())
