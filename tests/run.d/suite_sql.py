# SPDX-License-Identifier: Apache-2.0
"""sqllogictest files through the real executor in embedded mode."""

import meson_suite

BEDS = ["host"]


def run(context):
    if context.need_build("gcc"):
        meson_suite.run(context, "sql", "gcc", "sql", only=context.args.only)
