# SPDX-License-Identifier: Apache-2.0
"""Builds with one key behaviour removed (-Dmutation=NAME) and shows which test notices.

A mutation that nothing notices is a hole in the tests, so the exit codes are the other way round: 0 when
the named suite failed.
"""

import contextlib
import importlib
import io
import os
from dataclasses import dataclass

import meson_suite
from context import Context
from results import say


@dataclass
class Mutation:
    what: str
    suite: str
    bed: str
    only: str = None


MUTATIONS = {
    "no-seccomp": Mutation("the executor does not load its system call filter", "integration", "uml", "escape"),
    "no-raise": Mutation("the scheduler never raises the limit of what runs", "unit", "host"),
    "no-drop": Mutation("the executor keeps its capabilities at hand-out", "integration", "uml", "escape"),
}


def names(wanted):
    if wanted == "all":
        return list(MUTATIONS)
    return [wanted]


def run(context, wanted):
    if wanted == "list":
        for name, m in MUTATIONS.items():
            print(f"{name:<14} {m.what}; noticed by: --suite {m.suite} --bed {m.bed}"
                  + (f" --only {m.only}" if m.only else ""))
        return 0
    passed = failed = 0
    for name in names(wanted):
        if name not in MUTATIONS:
            say(f"no mutation {name}; see --mutation list")
            return 2
        if noticed(context, name, MUTATIONS[name]):
            passed += 1
        else:
            failed += 1
    say(f"{passed} passed, {failed} failed, 0 skipped")
    return 0 if passed and not failed else 1


def noticed(context, name, mutation):
    args = context.args
    args.suite, args.bed, args.only = [mutation.suite], [mutation.bed], mutation.only
    mutant = Context(args)
    mutant.product = os.path.join(context.build, "mutation-" + name)
    mutant.logs = os.path.join(context.logs, "mutation-" + name)
    if not mutant.need_build("gcc", extra=["-Dmutation=" + name], folder=mutant.product):
        say(f"{name}: does not build")
        return False
    mutant.built["gcc"] = True
    with contextlib.redirect_stdout(io.StringIO()):
        if mutation.bed == "host":
            meson_suite.run(mutant, mutation.suite, "gcc", mutation.suite, folder=mutant.product, only=mutation.only)
        else:
            importlib.import_module("suite_" + mutation.suite).run(mutant)
    say(f"mutation {name} ({mutation.what}):")
    if not mutant.results.failures:
        t = mutant.results.total
        say(f"  NOT noticed: {t.passed} passed, {t.failed} failed in suite {mutation.suite}")
        return False
    for part, test, log, reason in mutant.results.failures:
        say(f"  noticed by {part} {test}: {reason} ({log})")
    return True
