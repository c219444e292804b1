#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every folder with sources says what it is.

A folder of the product has a README.md, or the README.md of the folder above names it; the top folders and those
directly below connect/ and exec/ always have their own.
"""

import os

import files

OWN = {"connect", "exec"}


def main():
    folders = {os.path.dirname(p) for p in files.tracked(".c", ".h")}
    folders = {f for f in folders if f.split("/")[0] in files.PRODUCT}
    for f in list(folders):
        while "/" in f:
            f = os.path.dirname(f)
            folders.add(f)
    folders |= {"packaging", "tests", "docs/decisions"}
    faults = []
    for folder in sorted(folders):
        if os.path.exists(os.path.join(files.TOP, folder, "README.md")):
            continue
        above, name = os.path.split(folder)
        parent = os.path.join(above, "README.md")
        if "/" in folder and above not in OWN and os.path.exists(os.path.join(files.TOP, parent)) \
                and name in files.read(parent):
            continue
        faults.append(f"{folder}: no README.md")
    files.close(len(folders), faults)


if __name__ == "__main__":
    main()
