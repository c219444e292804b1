#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bed: uml
# daemon: no
# needs: build
# timeout: 120
#
# A disk that is full while queries spill: the one that needs more than there is fails and says so, leaves no file and no byte
# behind; one beside it that has memory enough, and one afterwards that spills less, have their answers.
set -eu
run="$BERTH_BUILD/tests/support/query_run"
disk="$TMPDIR/disk"
mkdir "$disk"
mount -t tmpfs -o size=24m tmpfs "$disk"
trap 'umount "$disk"' EXIT
small="SELECT count(*), max(id) FROM (SELECT id, concat('text ', id) s FROM range(300000) ORDER BY s DESC)"
large="SELECT count(*), max(s) FROM (SELECT id, concat(repeat('text ', 40), id) s FROM range(3000000) ORDER BY s DESC)"

"$run" -t 1 -m 512 -r 5 -s "$disk" "$small" >"$TMPDIR/beside" 2>/dev/null &
beside=$!
if "$run" -t 1 -m 24 -s "$disk" "$large" >"$TMPDIR/out" 2>&1; then
    echo "a disk of 24 MiB was enough:"
    cat "$TMPDIR/out"
    exit 1
fi
grep -q "No space left on device" "$TMPDIR/out" || { echo "the error does not say why:"; cat "$TMPDIR/out"; exit 1; }
[ -z "$(ls -A "$disk")" ] || { echo "files are left:"; ls -lA "$disk"; exit 1; }
used=$(df -k "$disk" | awk 'NR == 2 { print $3 }')
[ "$used" -eq 0 ] || { echo "$used KiB are still taken"; exit 1; }
wait $beside
[ "$(sort -u "$TMPDIR/beside")" = "300000|299999" ] || { echo "beside it:"; cat "$TMPDIR/beside"; exit 1; }
answer=$("$run" -t 1 -m 12 -s "$disk" "$small")
[ "$answer" = "300000|299999" ] || { echo "afterwards: $answer"; exit 1; }
echo "disk full: one query failed, nothing left"
