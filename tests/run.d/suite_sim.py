# SPDX-License-Identifier: Apache-2.0
"""Seeded simulation of the scheduler; once plain, once under the sanitizers."""

import meson_suite
import suite_unit

BEDS = ["host"]


def run(context):
    if context.need_build("gcc"):
        meson_suite.run(context, "sim", "gcc", "sim/gcc", only=context.args.only)
    if context.need_build("sanitize"):
        meson_suite.run(context, "sim", "sanitize", "sim/sanitize", only=context.args.only,
                        env=suite_unit.SANITIZE, timeout_factor=8)
