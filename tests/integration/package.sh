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

# Of the files that the package lists, those that are there: documentation may have been left out.
existing() { # FIND-TEST...
    local name
    while read -r name; do
        [ ! -f "$name" ] || find "$name" -maxdepth 0 -type f "$@"
    done
}

check "the executor is root's and nobody else may read it (mode 0711)" \
    same "711 root root" "$(stat -c '%a %U %G' /usr/libexec/berth/berth-executor)"
check "no program is set-uid or set-gid" same "" "$(dpkg -L berth | existing -perm /6000)"
check "the gateway's account exists and cannot log in" \
    sh -c 'getent passwd berth-gateway | grep -q "nologin$"'
check "so does berthd's, for what decides" \
    sh -c 'getent passwd berth | grep -q "nologin$"'
check "the account is no member of other groups" same "berth-gateway" "$(id -Gn berth-gateway)"
check "every file of the package is root's" \
    same "" "$(dpkg -L berth | existing ! -user root)"
# --man=no: a system may have been told to leave manual pages out, as this bed's is; that they are shipped is the next check.
check "the units are well-formed" sh -c 'systemd-analyze verify --man=no berthd.service berth-gateway.service \
    berth-gateway.socket 2>&1 | grep -i berth; [ $? = 1 ]'
# shellcheck disable=SC2016 # for the shell inside
check "the manual pages that they name are in the package" sh -c '
    for page in $(sed -n "s/^Documentation=//p" /lib/systemd/system/berth*.service /lib/systemd/system/berth*.socket \
        /usr/lib/systemd/system/berth*.service /usr/lib/systemd/system/berth*.socket 2>/dev/null | tr " " "\n" | sort -u); do
        page=${page#man:}
        name=${page%%(*} section=${page#*(}
        dpkg -L berth | grep -q "/man/man${section%)}/$name\.${section%)}" || { echo "  $page is missing"; exit 1; }
    done'

check "berthd and the gateway start with systemctl" packaging/vm/start-berth start
check "berthd.service is active" same active "$(systemctl is-active berthd.service)"
check "berth-gateway.service is active" same active "$(systemctl is-active berth-gateway.service)"
check "berthd tells systemd that it is ready" same notify "$(unit_property berthd.service Type)"
check "the cgroup below berthd is delegated" same yes "$(unit_property berthd.service Delegate)"
check "the gateway does not run as root" \
    same berth-gateway "$(ps -o user:20= -p "$(unit_property berth-gateway.service MainPID)" | tr -d ' ')"
check "nor does what decides in berthd" same berth "$(ps -o user:20= -C berth-manager | tr -d ' ')"
check "the bus name is owned" sh -c 'busctl --no-pager status org.berth.Berth1 >/dev/null'
check "a user may ask for the status" runuser -u alice -- berth status

# An upgrade, to the same version: what was configured stays, what ran runs again, what was shut down in between is gone.
deb=$(ls /run/berth-bed*/job/deb/*.deb 2>/dev/null | head -n 1)
before=$(unit_property berthd.service MainPID)
mkdir -p /etc/berth/berthd.conf.d
printf '[Sessions]\nUserMax=7\n' >/etc/berth/berthd.conf.d/50-ours.conf
check "an upgrade works while it runs" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get -q -y install --reinstall "$1" \
    >"$TMPDIR/upgrade" 2>&1 || { cat "$TMPDIR/upgrade"; false; }' sh "$deb"
check "berthd runs after it" same active "$(systemctl is-active berthd.service)"
check "as a new process" [ "$(unit_property berthd.service MainPID)" != "$before" ]
check "so does the gateway" same active "$(systemctl is-active berth-gateway.service)"
check "and a query works" same '[{"x":1}]' "$(runuser -u alice -- berth sql --json -q 'select 1 as x' | tr -d ' \n')"
check "the drop-in of before is there" grep -q UserMax=7 /etc/berth/berthd.conf.d/50-ours.conf

check "stopping leaves nothing" packaging/vm/start-berth stop
check "the bus name is gone" sh -c '! busctl --no-pager --acquired list | grep -q org.berth'

check "purging works" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get -q -y purge berth >"$TMPDIR/purge" 2>&1 || { cat "$TMPDIR/purge"; false; }'
check "purging leaves nothing" nothing_of_berth
check "it installs again" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get -q -y install "$1" >"$TMPDIR/again" 2>&1 || { cat "$TMPDIR/again"; false; }' sh "$deb"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
