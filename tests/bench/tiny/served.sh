#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: served.sh FOLDER COMMAND...: as root, runs COMMAND beside berthd and the gateway of $BERTH_BUILD, with FOLDER at
# /srv/berth-bench, in a mount namespace where nothing stays. berthd goes on without cgroup v2 where the host has none.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../../.." && pwd)
if [ "${BERTH_BENCH_NAMESPACE:-}" = "" ]; then
    BERTH_BENCH_NAMESPACE=yes exec unshare --mount --propagation private "$0" "$@"
fi
folder=$1
shift
mount -t tmpfs tmpfs /mnt
for d in usr/local usr/share etc var; do
    mkdir -p "/mnt/upper/$d" "/mnt/work/$d"
    mount -t overlay overlay -o "lowerdir=/$d,upperdir=/mnt/upper/$d,workdir=/mnt/work/$d" "/$d"
done
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /srv
mkdir /srv/berth-bench
mount --bind "$folder" /srv/berth-bench
printf '[Daemon]\nRequireCgroup=no\n%s' "${BERTH_BENCH_CONFIG:-}" >/run/bench.conf
"$top/packaging/vm/start-berth" start --config /run/bench.conf >&2
code=0
"$@" || code=$?
"$top/packaging/vm/start-berth" stop >&2
exit $code
