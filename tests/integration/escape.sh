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

"$escape" >"$TMPDIR/with"
code=$?
cat "$TMPDIR/with"
check "nothing escapes" $code 0
# A skipped one counts as there: it needs what this kernel does not have.
awk '$1 ~ /^(ok|skipped)$/ && $2 > 0 { seen[$2] = 1 }
     END { for (i = 1; i <= 58; i++) if (!seen[i]) { print "attempt " i " is not there"; bad = 1 } exit bad }' "$TMPDIR/with"
code=$?
check "each of the attempts 1 to 58 is there under its number" $code 0

# The program stands in the executor's place; that its sandbox is the executor's is seen in the kernel.
executor=$BERTH_EXECUTOR
[ -e "$executor" ] || executor=$BERTH_BUILD/exec/berth-executor # uml: nothing has been started
"$BERTH_BUILD/tests/integration/sandbox_compare" "$executor" "$escape"
code=$?
check "the executor's own sandbox is the same" $code 0

"$escape" --without=seccomp >"$TMPDIR/without" 2>&1
code=$?
grep -E '^SUCCEEDED|attempts in' "$TMPDIR/without"
check "without the filter something escapes" $code 1

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
