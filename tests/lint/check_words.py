#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Words that do not belong in a finished file: open ends, and paths of the machine where it was written."""

import re

import files

# Put together from pieces, so that this file does not find itself.
OPEN_ENDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
MACHINE = re.compile(r"(?<![\w.$}/-])/(" + "|".join(["wor" + "k", "home/(?!\\w*(alice|bob|carol|USER|NAME)\\b)[a-z]\\w*", "User" + "s"])
                     + r")/[\w.]")
TEXT = (".c", ".h", ".py", ".sh", ".md", ".txt", ".build", ".conf", ".service", ".socket", ".xml", ".policy", ".rules",
        ".test", ".sql", ".yml", ".json", ".in")
NO_SUFFIX = ("run", "try", "install", "build", "start-berth", "dependencies", "rules", "control", "uml-init", "qemu-job")


def main():
    faults = []
    paths = [p for p in files.tracked() if p.endswith(TEXT) or p.split("/")[-1] in NO_SUFFIX]
    for path in paths:
        for number, line in enumerate(files.read(path).splitlines(), start=1):
            if OPEN_ENDS.search(line):
                faults.append(f"{path}:{number}: {OPEN_ENDS.search(line).group(0)}: finish it or file it")
            if MACHINE.search(line):
                faults.append(f"{path}:{number}: a path of one machine: {MACHINE.search(line).group(0)}")
    files.close(len(paths), faults)


if __name__ == "__main__":
    main()
