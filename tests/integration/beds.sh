#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bed: host
# daemon: no
# timeout: 500
#
# The beds themselves (packaging/README.md, invariants 1 and 2): exit codes, output, files, what they offer, and that a bed
# which does not start or end is an error that names its console log.
set -u
passed=0
failed=0
run=packaging/vm/run

same() { # WHAT EXPECTED ACTUAL
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
    fi
}

for bed in uml qemu; do
    # shellcheck disable=SC2016 # for the shell inside
    said=$($run --bed=$bed --timeout=200 --out "$TMPDIR/$bed" --env COLOUR=blue -- sh -c '
        echo out; echo err >&2; echo "$COLOUR $BERTH_BED"; echo kept >"$BERTH_OUT/file"; touch /etc/berth-was-here; exit 7' 2>"$TMPDIR/err")
    same "$bed: the exit code comes through" 7 $?
    same "$bed: both outputs come through" "out err blue $bed" "$(echo "$said" | tr -d '\r' | tr '\n' ' ' | sed 's/ $//')"
    same "$bed: files come back" kept "$(cat "$TMPDIR/$bed/file")"
    same "$bed: the host is unchanged" no "$([ -e /etc/berth-was-here ] && echo yes || echo no)"
done

same "uml: every controller is enabled" "cpu io memory pids" \
    "$($run --bed=uml -- cat /sys/fs/cgroup/cgroup.subtree_control | tr -d '\r')"
same "qemu: four nodes" 4 "$($run --bed=qemu --nodes=4 -- sh -c 'ls -d /sys/devices/system/node/node* | wc -l' | tr -d '\r')"

$run --bed=uml --timeout=4 -- sleep 60 >"$TMPDIR/out" 2>&1
same "a job without end is 125" 125 $?
log=$(sed -n 's/.*console log: //p' "$TMPDIR/out")
same "and names the console log" yes "$([ -s "$log" ] && echo yes || echo no)"
rm -rf "$(dirname "${log:-/nowhere/x}")"

# The guest's kernel goes down under the job.
$run --bed=uml --timeout=60 -- sh -c 'echo 1 >/proc/sys/kernel/sysrq; echo o >/proc/sysrq-trigger; sleep 20' >"$TMPDIR/out" 2>&1
same "a bed that ends too early is 125" 125 $?
log=$(sed -n 's/.*console log: //p' "$TMPDIR/out")
rm -rf "$(dirname "${log:-/nowhere/x}")"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
