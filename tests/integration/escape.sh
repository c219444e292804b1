#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bed: host uml qemu
# daemon: no
# timeout: 180
#
# The 58 escape attempts inside the real sandbox (D-6), then with layers left out: a test that cannot fail shows nothing.
set -u
escape=$BERTH_BUILD/tests/integration/escape
passed=0
failed=0

check() {
    if [ "$2" -eq "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1: exit code $2 instead of $3"
    fi
}

"$escape"
code=$?
check "nothing escapes" $code 0

"$escape" --without=seccomp >"$TMPDIR/without" 2>&1
code=$?
grep -E '^SUCCEEDED|attempts in' "$TMPDIR/without"
check "without the filter something escapes" $code 1

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
