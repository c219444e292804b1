#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Session start beside bubblewrap: cold spawn until HELLO and until LOCKED, pooled hand-out until LOCKED. Options: --json, --runs=N, --stand-in
# (measure the sandbox with a program that does nothing else, even if berth-executor is there).
set -eu
build=${BERTH_BUILD:-$(dirname "$0")/../../../build}
build=$(realpath "$build")
executor=$build/exec/berth-executor
for option; do
    shift
    case $option in
    --stand-in) executor= ;;
    *) set -- "$@" "$option" ;;
    esac
done
[ ! -x "$executor" ] || set -- --executor="$executor" "$@"
exec "$build/tests/bench/bench_start" "$@"
