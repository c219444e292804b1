# SPDX-License-Identifier: Apache-2.0
"""Scripts of tests/conformance: unmodified clients against a running Berth."""

import scripts

BEDS = ["host", "uml", "qemu"]


def run(context):
    scripts.run(context, "conformance")
