#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# daemon: no
# needs: venv
# timeout: 1500
# mem: 4G
"""PySpark's own doctests, as they stand in the installed package, against Berth.

One docstring is one test: it passes when every example in it prints what PySpark's documentation says. Names and option flags
are those of the `_test()` function of each module. A docstring is skipped for a reason that its examples show: REASONS below,
looked for in the text that is run, and nothing else. FLOORS holds, for each module, the share of the rest that must pass.

On a host without the daemon, which is how one works on it:

    BERTH_BED=host tests/conformance/doctests.py [--module dataframe] [--only NAME] [--verbose]
"""
import argparse
import collections
import contextlib
import doctest
import importlib
import io
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
VENV = os.environ.get("BERTH_VENV") or str(HERE.parents[1] / "build" / "venv")
if os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    os.execv(os.path.join(VENV, "bin", "python"), [os.path.join(VENV, "bin", "python"), *sys.argv])

import warnings

warnings.filterwarnings("ignore")

# Results of collect() in local time are printed as the documentation has them.
os.environ["TZ"] = "UTC"
time.tzset()

COMMON = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
USUAL = COMMON | doctest.IGNORE_EXCEPTION_DETAIL
# Module as it is called here: where its docstrings are, and the flags of its _test().
MODULES = {
    "dataframe": ("pyspark.sql.dataframe", USUAL),
    "column": ("pyspark.sql.column", USUAL),
    "functions": ("pyspark.sql.connect.functions.builtin", USUAL),
    "catalog": ("pyspark.sql.connect.catalog", USUAL),
    "readwriter": ("pyspark.sql.connect.readwriter", USUAL),
    "group": ("pyspark.sql.connect.group", COMMON),
    "window": ("pyspark.sql.window", USUAL),
    "session": ("pyspark.sql.connect.session", USUAL),
    "types": ("pyspark.sql.types", COMMON),
    "conf": ("pyspark.sql.connect.conf", USUAL),
    "tvf": ("pyspark.sql.connect.tvf", USUAL),
    "observation": ("pyspark.sql.connect.observation", USUAL),
    "table_arg": ("pyspark.sql.table_arg", USUAL),
}
# Percent of the docstrings that are not skipped.
FLOORS = {"dataframe": 82, "column": 100, "functions": 86, "catalog": 91, "readwriter": 79, "group": 100, "window": 100,
          "session": 100, "types": 88, "conf": 100, "tvf": 69, "observation": 100, "all": 86}
# Why a docstring is not run. The first that is found in its code counts.
REASONS = [
    ("streaming", r"readStream|writeStream|withWatermark|WithinWatermark|\.streams\b|format\(.rate.\)"),
    ("Python function", r"\budf\(|@udf|_udf\(|@\w+_udf|\budtf\(|@\w*udtf|\.udf\.|\.udtf\.|InPandas|InArrow|foreach\(|"
                        r"foreachPartition\(|DataSource\b|dataSource\."),
    ("pandas on Spark", r"pandas_api|pyspark\.pandas"),
    ("machine learning", r"pyspark\.ml|Vectors\."),
    ("JVM", r"sparkContext|\.rdd\b|_jvm|_jdf|_jsparkSession|_parse_datatype_json_string|\.toJSON\(|newSession|\.master\(|"
            r"java_method|reflect\(|CREATE FUNCTION"),
    ("another server", r"jdbc\(|local-cluster|SPARK_REMOTE"),
    ("file of Spark's source tree", r"examples/src|python/test_support"),
]
SECONDS_EACH = 60


class TooLong(Exception):
    pass


def too_long(*_):
    raise TooLong(f"took more than {SECONDS_EACH} s")


def reason_to_skip(test):
    if all(e.options.get(doctest.SKIP) for e in test.examples):
        return "PySpark skips it"
    code = "\n".join(e.source for e in test.examples if not e.options.get(doctest.SKIP))
    for reason, pattern in REASONS:
        if re.search(pattern, code):
            return reason
    return None


def run_one(test, flags):
    """What went wrong first, as text; None when nothing did."""
    out = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=flags, verbose=False)
    old = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS_EACH)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            result = runner.run(test, out=out.write, clear_globs=True)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
    return out.getvalue() if result.failed else None


def last_error(text):
    """One line of a failure: the error, or that the output differs."""
    lines = [line.strip() for line in text.splitlines() if re.match(r"^\s+[\w.]*(Error|Exception|TooLong)\b", line)]
    return lines[-1][:200] if lines else "another output"


def names_of(path, spark):
    module = importlib.import_module(path)
    names = module.__dict__.copy()
    names["spark"] = spark
    if path == "pyspark.sql.connect.session":
        from pyspark.sql import SparkSession
        names["SparkSession"] = SparkSession
        module.SparkSession.__doc__ = None
        if module.SparkSession.Builder.master.__doc__:
            del module.SparkSession.Builder.master.__doc__
    return module, names


def run_module(name, session, arguments):
    path, flags = MODULES[name]
    module, names = names_of(path, session())
    counts = collections.Counter()
    failures = []
    for test in sorted(doctest.DocTestFinder().find(module, globs=names, extraglobs=None), key=lambda t: t.name):
        short = test.name.removeprefix(path).lstrip(".") or name
        if not test.examples or (arguments.only and not re.search(arguments.only, short)):
            continue
        why = reason_to_skip(test)
        if why:
            counts[why] += 1
            continue
        test.globs["spark"] = session()
        text = run_one(test, flags)
        counts["fail" if text else "pass"] += 1
        if text:
            failures.append((short, text))
            print(f"  fail {name}: {short}: {last_error(text)}", flush=True)
            if arguments.verbose:
                print(text)
    return counts, failures


def table(all_counts):
    reasons = [r for r in ["PySpark skips it"] + [r for r, _ in REASONS] if any(c[r] for c in all_counts.values())]
    print(f"| module | pass | fail | % | {' | '.join(reasons)} |")
    print("|---|---|---|---|" + "---|" * len(reasons))
    total = sum(all_counts.values(), collections.Counter())
    for name, c in [*all_counts.items(), ("all", total)]:
        n = c["pass"] + c["fail"]
        share = f"{100 * c['pass'] / n:.1f}" if n else "-"
        print(f"| {name} | {c['pass']} | {c['fail']} | {share} | {' | '.join(str(c[r] or '') for r in reasons)} |")


@contextlib.contextmanager
def daemon():
    """Berth with a folder that sessions may write into, and that temporary files are made in."""
    start = str(HERE.parents[1] / "packaging" / "vm" / "start-berth")
    folder = "/srv/berth-doctests"
    os.makedirs(folder, exist_ok=True)
    pathlib.Path("/run/berth-doctests.conf").write_text(f"[Data]\nWritePaths={folder}\n")
    tempfile.tempdir = folder
    subprocess.run([start, "start", "--config", "/run/berth-doctests.conf"], check=True)
    try:
        yield
    finally:
        tempfile.tempdir = None
        subprocess.run([start, "stop"], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", action="append", choices=MODULES)
    parser.add_argument("--only", help="regular expression of docstrings")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    from pyspark.sql import SparkSession

    local = os.environ.get("BERTH_BED", "host") == "host" and "BERTH_URL" not in os.environ
    build = pathlib.Path(os.environ.get("BERTH_BUILD", HERE.parents[1] / "build"))
    url = os.environ.get("BERTH_URL", "sc://127.0.0.1:15002")

    def session():
        """The session of these tests; a docstring may have stopped it."""
        return SparkSession.builder.remote(url).getOrCreate()

    bed = contextlib.nullcontext if local or "BERTH_URL" in os.environ else daemon
    all_counts = {}
    with bed(), tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in arguments.module or MODULES:
            if local: # each module has a session of its own
                sys.path.insert(0, str(HERE))
                import local_server
                server, peer, url = local_server.start(str(build / "tests" / "support" / "service_peer"))
            os.environ["SPARK_REMOTE"] = url
            # Where tables without a LOCATION go: as Spark's, below the working directory.
            session().conf.set("spark.berth.directory", folder)
            all_counts[name], _ = run_module(name, session, arguments)
            session().stop()
            if local:
                server.stop(None)
                peer.close()
        os.chdir("/")
    table(all_counts)
    failed = 0
    if not arguments.module:
        all_counts["all"] = sum(all_counts.values(), collections.Counter())
    for name, c in all_counts.items():
        share = 100 * c["pass"] / max(c["pass"] + c["fail"], 1)
        if not arguments.only and share < FLOORS.get(name, 0):
            failed += 1
            print(f"FAIL {name}: {share:.1f} % passed, the floor is {FLOORS[name]} %")
    print(f"{len(all_counts) - failed} passed, {failed} failed")
    sys.stdout.flush()
    os._exit(1 if failed else 0)


try:
    main()
except BaseException:
    # An ordinary exit would wait for a server that is gone.
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)
