#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bed: qemu
# daemon: no
# timeout: 120
#
# The .deb on a Debian with systemd: what it installs and with which modes, that its units start and stop and
# leave nothing, and that purging it removes all of it. Leaves the package installed for the tests that follow.
set -u
passed=0
failed=0

check() { # WHAT COMMAND...
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
    fi
}

same() { # EXPECTED ACTUAL
    [ "$1" = "$2" ] || { echo "  expected: $1"; echo "  found:    $2"; false; }
}

unit_property() {
    systemctl show --property "$2" --value "$1"
}

nothing_of_berth() {
    local left
    left=$(find /usr /lib /etc /var/lib /run -path /var/lib/dpkg -prune -o -iname '*berth*' -print 2>/dev/null |
        grep -v -e '/berth-bed' -e '^/run/berth-bed' -e '/systemd/units/' -e '/var/lib/systemd/' -e 'deb-systemd-helper' || true)
    same "" "$left"
}

check "the executor is root's and nobody else may read it (mode 0711)" \
    same "711 root root" "$(stat -c '%a %U %G' /usr/libexec/berth/berth-executor)"
check "no program is set-uid or set-gid" same "" "$(dpkg -L berth | xargs -r -d '\n' sh -c 'find "$@" -maxdepth 0 -type f -perm /6000' sh)"
check "the gateway's account exists and cannot log in" \
    sh -c 'getent passwd berth-gateway | grep -q "nologin$"'
check "the account is no member of other groups" same "berth-gateway" "$(id -Gn berth-gateway)"
check "every file of the package is root's" \
    same "" "$(dpkg -L berth | xargs -r -d '\n' sh -c 'find "$@" -maxdepth 0 -type f ! -user root' sh)"
check "the units are well-formed" sh -c 'systemd-analyze verify berthd.service berth-gateway.service berth-gateway.socket 2>&1 |
    grep -i berth; [ $? = 1 ]'

check "berthd and the gateway start with systemctl" packaging/vm/start-berth start
check "berthd.service is active" same active "$(systemctl is-active berthd.service)"
check "berth-gateway.service is active" same active "$(systemctl is-active berth-gateway.service)"
check "berthd tells systemd that it is ready" same notify "$(unit_property berthd.service Type)"
check "the cgroup below berthd is delegated" same yes "$(unit_property berthd.service Delegate)"
check "the gateway does not run as root" \
    same berth-gateway "$(ps -o user:20= -p "$(unit_property berth-gateway.service MainPID)" | tr -d ' ')"
check "the bus name is owned" sh -c 'busctl --no-pager status org.berth.Berth1 >/dev/null'
check "a user may ask for the status" runuser -u alice -- berth status
check "stopping leaves nothing" packaging/vm/start-berth stop
check "the bus name is gone" sh -c '! busctl --no-pager --acquired list | grep -q org.berth'

deb=$(ls /run/berth-bed*/job/deb/*.deb 2>/dev/null | head -n 1)
check "purging works" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get -q -y purge berth >"$TMPDIR/purge" 2>&1 || { cat "$TMPDIR/purge"; false; }'
check "purging leaves nothing" nothing_of_berth
check "it installs again" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get -q -y install "$1" >"$TMPDIR/again" 2>&1 || { cat "$TMPDIR/again"; false; }' sh "$deb"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
