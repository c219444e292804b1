# SPDX-License-Identifier: Apache-2.0
"""Unit tests: with gcc, with clang under address and undefined-behaviour sanitizers, and with gcc under the
thread sanitizer for what has threads or queues (exec and scheduler)."""

import meson_suite

BEDS = ["host"]
SANITIZE = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
THREAD = {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}


def has_threads(test):
    return any(folder in test["cmd"][0] for folder in ("/unit/exec/", "/unit/scheduler/"))


def run(context):
    only = context.args.only
    if context.need_build("gcc"):
        meson_suite.run(context, "unit", "gcc", "unit/gcc", only=only)
    if context.need_build("sanitize"):
        meson_suite.run(context, "unit", "sanitize", "unit/sanitize", only=only, env=SANITIZE, timeout_factor=4)
    if context.need_build("thread"):
        meson_suite.run(context, "unit", "thread", "unit/thread", only=only, env=THREAD, timeout_factor=6,
                        which=has_threads)
