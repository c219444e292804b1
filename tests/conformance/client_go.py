#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# bed: host
# daemon: no
# needs: venv build clients
# timeout: 60
"""The client for Go, with the program of tests/conformance/clients/go."""
import subprocess
import sys

from _stack import Stack, client

with Stack() as stack:
    sys.exit(subprocess.run([client("go") / "client", stack.url, stack.files], timeout=50).returncode)
