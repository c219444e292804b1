#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/decisions/0013: what runs as root acts and does not decide.

berthd, the core, links libc and no other library; and of ours base, sandbox, daemon/core, and of the rest of daemon/ what
SHARED names. So there is no scheduler in it, no bus, no session, and no reader of a client's bytes.

usage: check_core_links.py BERTHD
"""

import re
import subprocess
import sys

import check_root_size
import files

FOLDERS = ("base/", "sandbox/", "daemon/core/")
SHARED = ["daemon/config/config.c", "daemon/log.c", "daemon/worker.c"]
# Sanitizers of a build for tests, and what they need.
LIBRARIES = re.compile(r"^(libc\.so|ld-linux|lib(a|ub|t|l)san\.|libgcc_s\.|libm\.so)")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sources = check_root_size.linked_sources(sys.argv[1])
    if "daemon/core/core.c" not in sources:
        sys.exit(f"{sys.argv[1]} has no debug information of daemon/core/core.c")
    out = subprocess.run(["readelf", "--dynamic", "--wide", sys.argv[1]], capture_output=True, text=True, check=True).stdout
    libraries = re.findall(r"\(NEEDED\).*\[(.*)\]", out)
    faults = [f"{path} is linked into berthd" for path in sorted(sources)
              if not path.startswith(FOLDERS) and path not in SHARED]
    faults += [f"berthd needs {name}" for name in libraries if not LIBRARIES.match(name)]
    files.close(len(sources) + len(libraries), faults)


if __name__ == "__main__":
    main()
