# SPDX-License-Identifier: Apache-2.0
"""tests/run, after the packages are there: picks the suites, runs them, closes with the count."""

import argparse
import importlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import mutation  # noqa: E402
import scripts  # noqa: E402
from context import Context  # noqa: E402
from results import say  # noqa: E402

# Cheap ones first: a mistake in the format shows before anything is booted.
SUITES = ["lint", "unit", "sim", "fuzz", "sql", "package", "integration", "conformance"]
BEDS = ["host", "uml", "qemu"]


def parse():
    p = argparse.ArgumentParser(prog="tests/run", add_help=False, allow_abbrev=False)
    p.add_argument("--suite", action="append", choices=SUITES)
    p.add_argument("--bed", action="append", choices=BEDS)
    p.add_argument("--only")
    p.add_argument("--distro", choices=["bookworm", "trixie"], default="bookworm")
    p.add_argument("--no-install", action="store_true")
    p.add_argument("--mutation")
    p.add_argument("--list", action="store_true")
    return p.parse_args()


def main():
    args = parse()
    context = Context(args)
    if args.list:
        for name in SUITES:
            module = importlib.import_module("suite_" + name)
            print(f"{name}: {' '.join(module.__doc__.split())}")
            if name in ("integration", "conformance"):
                for script in scripts.find(context, name):
                    print(f"    {script.name:<32} {' '.join(script.beds)}")
        return 0
    if args.mutation:
        return mutation.run(context, args.mutation)
    start = time.monotonic()
    modules = {name: importlib.import_module("suite_" + name) for name in SUITES if not args.suite or name in args.suite}
    if args.bed:
        modules = {name: m for name, m in modules.items() if set(args.bed) & set(m.BEDS)}
    context.suites = list(modules)
    for module in modules.values():
        module.run(context)
    for finish in context.at_end:
        finish()
    say(f"all in {(time.monotonic() - start) / 60:.1f} minutes")
    return context.results.close()


if __name__ == "__main__":
    sys.exit(main())
