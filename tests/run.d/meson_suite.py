# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of one meson suite in one build variant and reads meson's JSON log."""

import json
import os
import re
import subprocess
import time

from results import Counts, say, settle


def known_tests(context, where):
    out = subprocess.run(["meson", "introspect", "--tests", where], capture_output=True, text=True, cwd=context.top)
    return json.loads(out.stdout) if out.returncode == 0 else []


def run(context, suite, variant, part, folder=None, only=None, env=None, timeout_factor=1, which=None, quiet=False):
    """Runs suite @suite; @only keeps tests whose name contains it; @which is a predicate on meson's record of it."""
    where = folder or context.variant_dir(variant)
    tests = [t for t in known_tests(context, where)
             if any(s == suite or s.endswith(":" + suite) for s in t["suite"])
             and (not only or only in t["name"]) and (not which or which(t))]
    if not tests:
        if not only:
            context.results.fail(part, "suite", f"no meson test in suite {suite}")
        return
    base = f"{part.replace('/', '-')}"
    log = context.log_path(part, "meson.log")
    open(log, "w").close()
    json_path = os.path.join(where, "meson-logs", base + ".json")
    if os.path.exists(json_path):
        os.unlink(json_path)
    start = time.monotonic()
    context.command(["meson", "test", "-C", where, "--no-rebuild", "--logbase", base, "--num-processes", "2",
                     "--timeout-multiplier", str(timeout_factor), *sorted({t["name"] for t in tests})],
                    log, env=env)
    seen = 0
    total = Counts()
    try:
        with open(json_path) as f:
            records = [json.loads(line) for line in f]
    except OSError:
        records = []
    for record in records:
        name = record["name"].split(" / ")[-1]
        output = record.get("stdout", "") + "\n" + record.get("stderr", "")
        result = record["result"]
        counts = settle(result in ("OK", "EXPECTEDFAIL"), result in ("SKIP", "IGNORED"), output)
        own_log = context.log_path(part, re.sub(r"[^\w.-]+", "_", name) + ".log")
        with open(own_log, "w") as f:
            f.write(output)
        reason = "" if not counts.failed else f"{result.lower()}{', ' + str(counts.failed) + ' cases' if counts.failed > 1 else ''}"
        if counts.skipped and not counts.passed:
            lines = output.strip().splitlines()
            reason = lines[-1] if lines else ""
        context.results.add(part, name, counts, context.relative(own_log), reason)
        total.add(counts)
        seen += 1
    if seen < len(tests):
        context.results.fail(part, "suite", f"{len(tests) - seen} tests gave no result", context.relative(log))
    if not quiet:
        say(f"{part}: {total.passed} ok, {total.failed} failed, {total.skipped} skipped in {time.monotonic() - start:.0f} s")
