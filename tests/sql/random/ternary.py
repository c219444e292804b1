#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ternary-logic partitioning: the rows of a query are those for which a further condition is true, false or null,
together, whatever the condition is (Rigger and Su, OOPSLA 2020). Needs no other engine."""

import argparse
import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from engines import Berth  # noqa: E402
from queries import Generator, views  # noqa: E402


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--program", required=True, help="tests/sql/sqltest of a build")
    p.add_argument("--queries", type=int, default=10000)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    berth = Berth(args.program)
    for statement in views():
        answer = berth.ask(statement)
        assert answer[0] == "ok", answer
    n_equal = n_refused = n_failed = 0
    for i in range(args.queries):
        whole, parts = Generator(args.seed * 1_000_003 + i).partitions()
        answers = [berth.ask(q) for q in [whole] + parts]
        errors = [a for a in answers if a[0] == "error"]
        if errors:
            n_refused += 1
            if errors[0][1].startswith(("INTERNAL", "?")):
                n_failed += 1
                print(f"seed {i}: {errors[0]}\n    {whole}\n    {parts[0]}")
            continue
        rows = collections.Counter(answers[0][2])
        together = collections.Counter(row for a in answers[1:] for row in a[2])
        if rows == together:
            n_equal += 1
            continue
        n_failed += 1
        print(f"seed {i}: {sum(rows.values())} rows, in parts {sum(together.values())}\n    {whole}\n    {parts[0]}")
    berth.close()
    print(f"{n_equal} queries equal to their parts, {n_refused} refused or failed at run time")
    if n_refused * 10 > args.queries:
        n_failed += 1
        print("more than a tenth did not run: the generator tests too little")
    print(f"{n_equal} passed, {n_failed} failed")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
