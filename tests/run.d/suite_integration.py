# SPDX-License-Identifier: Apache-2.0
"""Scripts of tests/integration in the beds they name."""

import scripts

BEDS = ["host", "uml", "qemu"]


def run(context):
    scripts.run(context, "integration")
