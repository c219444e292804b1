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

# Numbers that succeed without some layers, each once: "7 18 20 "
succeed_without() {
    for layer in "$@"; do set -- "$@" "--without=$layer" && shift; done
    "$escape" "$@" 2>&1 | awk '$1 == "SUCCEEDED" && !seen[$2]++ { printf "%d ", $2 }'
}

# What only the filter stops (README of sandbox/, and the table of attempts in escape_attempts.c). Whatever else succeeds when it
# is left out was to be stopped by a second layer as well: namespaces, mounts, capabilities, Landlock, or the ring's restrictions.
only_filter="7 8 18 20 21 30 31 32 35 36 37 38 39 43 46 47 51 52 53 54 57"
without=$(succeed_without seccomp)
echo "without the filter: $without"
[ -n "$without" ]
check "without the filter something escapes" $? 0
code=0
for number in $without; do
    case " $only_filter " in *" $number "*) ;; *) echo "attempt $number has no second layer" && code=1 ;; esac
done
check "all others are stopped by a second layer" $code 0

# With the mounts gone, too, Landlock is what holds files and programs outside of the data roots.
landlock=$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))')
if [ "$landlock" -gt 0 ]; then
    without=$(succeed_without seccomp namespaces)
    echo "with Landlock alone: $without"
    code=0
    for number in 1 2 3 5 6; do
        case " $without " in *" $number "*) echo "attempt $number passes Landlock" && code=1 ;; esac
    done
    check "Landlock alone holds what lies outside" $code 0
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
