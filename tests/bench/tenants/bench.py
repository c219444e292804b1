#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ten tenants who ask TPC-H queries without a pause, and one amount of memory for all of them: Berth (ten users, berthd and the gateway), ten
DuckDB processes with a tenth of the memory each, one Spark Connect server of the JVM with ten sessions.

--bed host (the default) has each engine keep its own limit; --bed uml sets memory.max of --memory around berthd's executors, around all
DuckDB processes, around Spark's server, on one CPU. DuckDB and the JVM's heap get four fifths of their share, as they need more than they count.
Each system is up alone; in each round each serves its tenants for --seconds, in turn. A query that ends after the time counts as the part of
it that lay within. Every tenant asks all of the 22 queries in an order of its own. Rows are counted and compared with DuckDB's count.
Spark and a Java runtime are fetched when they are not there (build/spark). Needs root; leaves nothing outside of build/.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from side_by_side import TOP, DuckDB, arguments, tpch_data, tpch_views, warm_cache  # noqa: E402

SERVED = os.path.join(os.path.dirname(HERE), "tiny", "served.sh")
SHOWN = "/srv/berth-bench"
SPARK = os.path.join(TOP, "build", "spark")
SPARK_VERSION = "4.0.1"
BENCH = "/sys/fs/cgroup/bench"
SYSTEMS = ["berth", "duckdb", "spark"]


def queries():
    result = {}
    for n in range(1, 23):
        with open(os.path.join(os.path.dirname(HERE), "tpch", f"q{n:02d}.sql")) as f:
            result[f"Q{n}"] = "".join(line for line in f if not line.startswith("--")).rstrip().rstrip(";")
    return result


def install_spark():
    """A Python with the JVM's Spark in it, once, and a Java for it."""
    if not shutil.which("java"):
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "openjdk-17-jre-headless"], check=True, stdout=sys.stderr)
    if not os.path.exists(f"{SPARK}/done"):
        subprocess.run(["/usr/bin/python3", "-m", "venv", SPARK], check=True)
        subprocess.run([f"{SPARK}/bin/pip", "install", "-q", f"pyspark[connect]=={SPARK_VERSION}", "duckdb"], check=True, stdout=sys.stderr)
        open(f"{SPARK}/done", "w").close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process):
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("the Spark Connect server did not start")
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the Spark Connect server does not listen")


def limit(folder, mib):
    """A cgroup with this limit, where the bed is one that has them."""
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/memory.max", "w") as f:
        f.write(str(mib << 20))


def join(folder, pid):
    with open(f"{folder}/cgroup.procs", "w") as f:
        f.write(str(pid))


class Tenants:
    """The processes of one system, and its server where it has one."""

    def __init__(self, system, args, data, texts):
        self.system, self.server, self.workers = system, None, []
        o = {"system": system, "data": data, "queries": texts, "threads": args.threads, "program": args.berth,
             "memory_mib": args.memory_mib * 4 // 5 // args.tenants}
        python = sys.executable
        if system == "spark":
            port = free_port()
            home = [d for d in os.listdir(f"{SPARK}/lib")][0]
            home = f"{SPARK}/lib/{home}/site-packages/pyspark"
            jar = [j for j in os.listdir(f"{home}/jars") if j.startswith("spark-connect_")][0]
            env = {**os.environ, "SPARK_HOME": home, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": f"{SPARK}/bin/python"}
            log = open(f"{TOP}/build/spark-server.log", "w")  # noqa: SIM115: the server's until its end
            self.server = subprocess.Popen(
                [f"{home}/bin/spark-submit", "--master", f"local[{args.threads}]", "--driver-memory", f"{args.memory_mib * 4 // 5}m",
                 "--conf", f"spark.connect.grpc.binding.port={port}", "--conf", "spark.ui.enabled=false",
                 "--conf", f"spark.sql.shuffle.partitions={args.threads}", "--conf", f"spark.local.dir={args.scratch}",
                 "--conf", "spark.scheduler.mode=FAIR", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", f"{home}/jars/{jar}"],
                env=env, stdout=log, stderr=log, start_new_session=True)
            if args.bed == "uml":
                join(BENCH, self.server.pid)
            wait_for_port(port, self.server)
            o["url"], python = f"sc://127.0.0.1:{port}", f"{SPARK}/bin/python"
        for t in range(args.tenants):
            user = ["runuser", "-u", f"tenant{t}", "--"] if system == "berth" else []
            scratch = f"{args.scratch}/{t}"
            command = [*user, python, "-B", f"{HERE}/worker.py", json.dumps({**o, "tenant": t, "scratch": scratch})]
            self.workers.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"))
            if args.bed == "uml" and system == "duckdb":
                join(BENCH, self.workers[-1].pid)
        for w in self.workers:
            line = w.stdout.readline()
            if line.strip() != "ready":
                raise RuntimeError(f"a tenant of {system} did not start: {line}")

    def round(self, seconds, seed):
        for w in self.workers:
            w.stdin.write(f"go {seconds} {seed}\n")
            w.stdin.flush()
        return [json.loads(w.stdout.readline()) for w in self.workers]

    def close(self):
        for w in self.workers:
            w.stdin.close()
        for w in self.workers:
            w.wait(60)
        if self.server:
            os.killpg(self.server.pid, signal.SIGTERM)
            self.server.wait(60)


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


def inside(args):
    args.memory_mib = int(args.memory[:-1]) * {"M": 1, "G": 1024}[args.memory[-1]]
    data = SHOWN
    args.scratch = os.path.join(TOP, "build", "tenants")
    os.makedirs(args.scratch, exist_ok=True)
    for t in range(args.tenants):
        subprocess.run(["useradd", "--create-home", f"tenant{t}"], check=False, stderr=subprocess.DEVNULL)
    if args.bed == "uml":
        limit("/sys/fs/cgroup/berth", args.memory_mib)
        limit(BENCH, args.memory_mib)
        args.scratch = "/var/lib/berth/tenants"  # on a disk of the host; the rest of the bed is in memory
        os.makedirs(args.scratch, exist_ok=True)
    texts = queries()
    warm_cache(tpch_views(data).values())
    duck = DuckDB(tpch_views(data), args.threads)
    wanted = {q: len(duck.run(t)[0]) for q, t in texts.items()}
    del duck
    got = {s: {"rounds": [], "latencies": [], "errors": [], "wrong": 0} for s in args.systems}
    for turn in range(args.rounds):
        for system in args.systems:
            tenants = Tenants(system, args, data, texts)
            tenants.round(args.warm_up, f"warm{turn}")
            answers = tenants.round(args.seconds, turn)
            tenants.close()
            n = 0.0
            for answer in answers:
                for name, seconds, rows, within in answer["done"]:
                    got[system]["wrong"] += rows != wanted[name]
                    got[system]["latencies"].append(seconds)
                    n += 1 if within else 0.5  # half of it on average
                got[system]["errors"] += answer["errors"]
            got[system]["rounds"].append(n * 3600 / args.seconds)
    report = {}
    for system, g in got.items():
        report[system] = {"queries_per_hour": statistics.median(g["rounds"]), "rounds": g["rounds"], "errors": len(g["errors"]), "wrong": g["wrong"],
                          "p50_s": percentile(g["latencies"], 0.5), "p99_s": percentile(g["latencies"], 0.99),
                          "first_errors": g["errors"][:3]}
    others = [r["queries_per_hour"] for s, r in report.items() if s != "berth"]
    ratio = report["berth"]["queries_per_hour"] / max(others) if "berth" in report and others else float("nan")
    what = (f"tenants: {args.tenants} of them, TPC-H SF{args.scale}, {args.memory} for all, {args.threads} threads, {args.rounds} rounds of "
            f"{args.seconds:.0f} s in turn, medians" + (", one CPU of user-mode linux" if args.bed == "uml" else ""))
    if args.json:
        print(json.dumps({"benchmark": "tenants", "what": what, "ratio": ratio, "systems": report}))
    else:
        print(what)
        print(f"{'system':<8} {'queries/h':>10} {'errors':>7} {'wrong':>6} {'p50 s':>7} {'p99 s':>7}")
        for system, r in report.items():
            print(f"{system:<8} {r['queries_per_hour']:>10.0f} {r['errors']:>7} {r['wrong']:>6} {r['p50_s']:>7.2f} {r['p99_s']:>7.2f}")
            for name, text in r["first_errors"]:
                print(f"    {name}: {text}")
        print(f"berth over the better of the others: {ratio:.2f}")
    return 0 if report.get("berth", {"errors": 0, "wrong": 0})["errors"] == 0 and not report.get("berth", {"wrong": 0})["wrong"] else 1


def main():
    p = arguments("tenants", __doc__)
    p.add_argument("--tenants", type=int, default=10)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=40, help="of one round of one system (default: %(default)s)")
    p.add_argument("--warm-up", type=float, default=15, help="seconds before that which do not count (default: %(default)s)")
    p.add_argument("--memory", default="4G", help="for all tenants of a system, with M or G (default: %(default)s)")
    p.add_argument("--systems", default=",".join(SYSTEMS), help="comma between (default: %(default)s)")
    p.add_argument("--bed", choices=["host", "uml"], default="host")
    p.add_argument("--bed-memory", default="9G", help="of the uml bed (default: %(default)s)")
    p.add_argument("--inside", action="store_true", help="this is the place")
    args = p.parse_args()
    args.systems = args.systems.split(",")
    if not set(args.systems) <= set(SYSTEMS):
        p.error(f"--systems are of {', '.join(SYSTEMS)}")
    if args.memory[-1:] not in "MG" or not args.memory[:-1].isdigit():
        p.error("--memory is a number with M or G behind it")
    if args.inside:
        return inside(args)
    folder = tpch_data(args.scale)
    if "spark" in args.systems:
        install_spark()
    command = [sys.executable, "-B", f"{HERE}/bench.py", "--inside", f"--tenants={args.tenants}", f"--rounds={args.rounds}",
               f"--seconds={args.seconds}", f"--warm-up={args.warm_up}", f"--memory={args.memory}", f"--systems={','.join(args.systems)}",
               f"--threads={args.threads}", f"--scale={args.scale}", f"--bed={args.bed}"] + (["--json"] if args.json else [])
    if args.bed == "uml":
        quoted = " ".join(shlex.quote(c) for c in command)
        return subprocess.run([os.path.join(TOP, "packaging", "vm", "run"), "--bed=uml", f"--build={os.environ['BERTH_BUILD']}", "--timeout=7200",
                               f"--mem={args.bed_memory}", f"--venv={os.environ['BERTH_VENV']}", "--", "sh", "-c",
                               f"mkdir -p {SHOWN} && mount --bind {folder} {SHOWN} && printf '[Memory]\\nBudget={args.memory}\\n' > /run/bench.conf && "
                               f"packaging/vm/start-berth start --config /run/bench.conf >&2 && {quoted}"]).returncode
    env = {**os.environ, "BERTH_BENCH_CONFIG": f"[Memory]\nBudget={args.memory}\n"}
    return subprocess.run([SERVED, folder, *command], env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
