#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What one event costs the scheduler, against the size of the host. Options: --json, --events=N.
set -eu
build=${BERTH_BUILD:-$(dirname "$0")/../../../build}
exec "$build/tests/bench/bench_decide" "$@"
