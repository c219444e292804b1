# SPDX-License-Identifier: Apache-2.0
"""Corpora through the plain replay programs under the sanitizers, then a minute of libFuzzer for each target.

The minutes run beside the suites that follow, one target at a time and with what processor time those leave; what is
left at their end, as many at a time as there are processors.
"""

import glob
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import meson_suite
import suite_unit
from results import Counts, say

BEDS = ["host"]
SECONDS_PER_TARGET = 60


def run(context):
    if context.need_build("sanitize"):
        meson_suite.run(context, "fuzz", "sanitize", "fuzz/corpus", only=context.args.only, env=suite_unit.SANITIZE,
                        timeout_factor=8)
    if context.need_build("fuzz"):
        explore(context)


def explore_one(context, program, beside):
    name = os.path.basename(program)
    log = context.log_path("fuzz", name + ".log")
    open(log, "w").close()
    found = context.log_path("fuzz", "found", name, "")
    fresh = context.log_path("fuzz", "corpus", name, "")
    corpus = os.path.join(context.top, "tests", "fuzz", "corpus", name)
    argv = [program, f"-max_total_time={SECONDS_PER_TARGET}", "-rss_limit_mb=2048", "-timeout=10",
            f"-artifact_prefix={found}", fresh]
    if beside:
        argv = ["nice", "-n", "19", *argv]
    if os.path.isdir(corpus):
        argv.append(corpus)
    code = context.command(argv, log, timeout=SECONDS_PER_TARGET + 120, env=suite_unit.SANITIZE)
    counts = Counts(passed=1) if code == 0 else Counts(failed=1)
    context.results.add("fuzz/explore", name, counts, context.relative(log), f"exit code {code}")


def explore(context):
    """libFuzzer programs are those named fuzz_x in the fuzz variant."""
    where = os.path.join(context.variant_dir("fuzz"), "tests", "fuzz")
    programs = sorted(p for p in glob.glob(os.path.join(where, "fuzz_*"))
                      if os.access(p, os.X_OK) and os.path.isfile(p) and not p.endswith("_replay"))
    if context.args.only:
        programs = [p for p in programs if context.args.only in p]
    lanes = os.cpu_count() or 1
    beside = context.more_follows("fuzz")
    turn = threading.Semaphore(1 if beside else lanes)
    start = time.monotonic()

    def one(program):
        with turn:
            explore_one(context, program, beside)

    pool = ThreadPoolExecutor(lanes)
    running = [pool.submit(one, program) for program in programs]

    def finish():
        if beside:
            turn.release(lanes)
        for done in running:
            done.result()
        pool.shutdown()
        say(f"fuzz/explore: {len(programs)} targets in {time.monotonic() - start:.0f} s")

    if beside:
        context.at_end.append(finish)
    else:
        finish()
