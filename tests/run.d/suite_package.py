# SPDX-License-Identifier: Apache-2.0
"""The .deb: it builds from the checkout, and lintian has no error to report."""

import glob
import os
import time

from results import Counts, say

BEDS = ["host"]


def need_deb(context):
    """Builds the package once; returns its path, or None after counting the failure."""
    if context.deb is None:
        out = os.path.join(context.build, "deb")
        log = context.log_path("package", "deb.log")
        open(log, "w").close()
        start = time.monotonic()
        code = context.command([os.path.join(context.top, "packaging", "deb", "build"), "--out", out], log)
        found = sorted(p for p in glob.glob(os.path.join(out, "berth_*.deb")))
        ok = code == 0 and len(found) == 1
        context.results.add("package", "deb", Counts(passed=int(ok), failed=int(not ok)), context.relative(log),
                            f"packaging/deb/build ended with {code}")
        say(f"package: {'built' if ok else 'FAILED'} in {time.monotonic() - start:.0f} s")
        context.deb = found[0] if ok else ""
    return context.deb or None


def run(context):
    need_deb(context)
