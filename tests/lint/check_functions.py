#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/FUNCTIONS.md is what the tables of functions say. usage: check_functions.py function_page"""

import os
import subprocess
import sys

import files


def main():
    made = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout
    path = os.path.join("docs", "FUNCTIONS.md")
    current = os.path.exists(os.path.join(files.TOP, path)) and files.read(path) == made
    files.close(1, [] if current else ["docs/FUNCTIONS.md: make it again: "
                                       "build/tests/support/function_page > docs/FUNCTIONS.md"])


if __name__ == "__main__":
    main()
