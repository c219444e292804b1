# SPDX-License-Identifier: Apache-2.0
"""What came out: one record per test program or script, each worth one or more counts."""

import re
import sys
import threading
from dataclasses import dataclass

COUNT_LINE = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\.?\s*$", re.M)
UNITTEST_RUN = re.compile(r"^Ran (\d+) tests? in ", re.M)
UNITTEST_REST = re.compile(r"(failures|errors|skipped)=(\d+)")
CMOCKA_RUN = re.compile(r"^\[==========\] .*?(\d+) test\(s\) run\.", re.M)
CMOCKA_LINE = re.compile(r"^\[  (PASSED|FAILED |SKIPPED) \] (.*?)(\d+) test\(s\)", re.M)


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def counts_of_output(text):
    """Sums the lines `N passed, N failed[, N skipped]`; None when there is none."""
    found = COUNT_LINE.findall(text)
    if not found:
        return None
    return Counts(*(sum(int(row[i] or 0) for row in found) for i in range(3)))


def counts_of_cmocka(text):
    """cmocka's own closing lines, as its standard output has them; None when there are none."""
    if not CMOCKA_RUN.search(text):
        return None
    c = Counts()
    for kind, _, number in CMOCKA_LINE.findall(text):
        if kind == "PASSED":
            c.passed += int(number)
        elif kind == "SKIPPED":
            c.skipped += int(number)
        else:
            c.failed += int(number)
    return c


def counts_of_unittest(text):
    """The closing lines of Python's unittest; None when there are none."""
    m = UNITTEST_RUN.search(text)
    if not m:
        return None
    c = Counts()
    for kind, number in UNITTEST_REST.findall(text[m.end():]):
        if kind == "skipped":
            c.skipped += int(number)
        else:
            c.failed += int(number)
    c.passed = max(0, int(m.group(1)) - c.failed - c.skipped)
    return c


def settle(ok, skipped, output):
    """The counts of one program from how it ended and what it printed; the end has the last word."""
    if skipped:
        return Counts(skipped=1)
    c = counts_of_output(output) or counts_of_cmocka(output) or counts_of_unittest(output) or Counts()
    if not ok:
        c.failed = max(c.failed, 1)
    elif c.failed:
        pass  # it said that something failed, whatever its exit code
    elif not c.passed and not c.skipped:
        c.passed = 1
    return c


class Results:
    def __init__(self):
        self.total = Counts()
        self.by_part = {}
        self.failures = []
        self.skips = []
        self.lock = threading.Lock()

    def add(self, part, name, counts, log="", reason=""):
        """Records one program; says so at once when it failed."""
        with self.lock:
            self.total.add(counts)
            self.by_part.setdefault(part, Counts()).add(counts)
            if counts.failed:
                self.failures.append((part, name, log, reason))
                say(f"FAILED {part} {name}: {reason or 'see the log'}{' (' + log + ')' if log else ''}")
            elif counts.skipped and not counts.passed:
                self.skips.append((part, name, reason))

    def fail(self, part, name, reason, log=""):
        self.add(part, name, Counts(failed=1), log, reason)

    def close(self):
        """The report; its last line is the count. Returns the exit code."""
        print()
        for part, c in self.by_part.items():
            print(f"  {part:<24} {c.passed:>6} ok {c.failed:>4} failed {c.skipped:>4} skipped")
        for part, name, reason in self.skips:
            print(f"skipped {part} {name}: {reason or 'no reason given'}")
        for part, name, log, reason in self.failures:
            print(f"FAILED {part} {name}: {reason or 'see the log'}{' (' + log + ')' if log else ''}")
        t = self.total
        ran = t.passed + t.failed
        if not ran:
            print("nothing was run")
        print(f"{t.passed} passed, {t.failed} failed, {t.skipped} skipped")
        sys.stdout.flush()
        return 0 if ran and not t.failed else 1


def say(text):
    print(text, flush=True)
