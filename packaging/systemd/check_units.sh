#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: check_units.sh BUILD_FOLDER SOURCE_FOLDER
# The units, sysusers, tmpfiles and the catalogue, checked by systemd's own tools, which need no running systemd.
set -eu
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "FAILED: $*"
    failed=1
}

mkdir -p "$work/units" "$work/bin"
cp "$build"/*.service "$source"/*.socket "$work/units/"
# verify wants the programs to be there
sed -i "s#^ExecStart=.*/#ExecStart=$work/bin/#" "$work"/units/*.service
for name in berthd berth-gateway; do
    printf '#!/bin/sh\n' >"$work/bin/$name"
    chmod +x "$work/bin/$name"
done
said=$(SYSTEMD_UNIT_PATH="$work/units:" systemd-analyze verify --man=no "$work"/units/* 2>&1 |
    grep -E 'berth' || true)
[ -z "$said" ] || fail "systemd-analyze verify: $said"

# Exposure in tenths. berthd makes namespaces and mounts for others, which costs most of its points.
while read -r unit most; do
    systemd-analyze security --offline=true --threshold="$most" --no-pager "$work/units/$unit" >"$work/score" 2>&1 ||
        fail "$unit is more exposed than $most of 100: $(tail -1 "$work/score")"
    tail -1 "$work/score"
done <<LIST
berthd.service 51
berth-gateway.service 10
LIST

systemd-sysusers --root="$work/root" --dry-run "$source/berth.sysusers" >/dev/null 2>"$work/said" ||
    fail "sysusers: $(cat "$work/said")"
mkdir -p "$work/root/etc"
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$work/root/etc/passwd"
printf 'root:x:0:\n' >"$work/root/etc/group"
systemd-tmpfiles --root="$work/root" --create "$source/berth.tmpfiles" >"$work/said" 2>&1 ||
    fail "tmpfiles: $(cat "$work/said")"
[ "$(stat -c %a "$work/root/var/lib/berth/spill")" = 700 ] || fail "tmpfiles: spill is not 0700"

mkdir -p "$work/root/usr/lib/systemd/catalog" "$work/root/var/lib/systemd/catalog"
cp "$source/berth.catalog" "$work/root/usr/lib/systemd/catalog/"
journalctl --root="$work/root" --update-catalog >"$work/said" 2>&1 || fail "catalogue: $(cat "$work/said")"
# Every MESSAGE_ID in the code has an entry, and no entry is without code.
ids=$(grep -oE '"[0-9a-f]{32}"' "$source/../../daemon/log.c" | tr -d '"' | sort)
entries=$(journalctl --root="$work/root" --list-catalog 2>/dev/null | grep -oE '^[0-9a-f]{32}' | sort)
[ "$ids" = "$entries" ] || fail "the catalogue and daemon/log.c name different messages"
[ $failed = 0 ] && echo "1 passed, 0 failed"
exit $failed
