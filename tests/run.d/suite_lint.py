# SPDX-License-Identifier: Apache-2.0
"""Include law, format, sizes, words and shell scripts."""

import meson_suite

BEDS = ["host"]


def run(context):
    if context.need_build("gcc"):
        meson_suite.run(context, "lint", "gcc", "lint", only=context.args.only)
