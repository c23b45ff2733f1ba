#!/bin/bash
# SPDX-License-Identifier: MIT
# packages.sh FOLDER - installs the packages that are in FOLDER in a Debian of their own, has valved
# serve there as its unit would start it, upgrades, removes and purges them. Needs root, and a mirror.
set -euo pipefail

folder=$(cd -- "$1" && pwd)
system=$folder/system
served=

fail() {
    printf 'packages: %s\n' "$*" >&2
    exit 1
}

inside() {
    chroot "$system" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

leave() {
    [ -z "$served" ] || kill "$served" 2>/dev/null || true
    umount "$system/proc" 2>/dev/null || true
    rm -rf --one-file-system "$system"
}
trap leave EXIT

# All there is but what dpkg, apt and the logs write down about themselves.
everything() {
    (cd "$system" && find . -xdev \( -path ./proc -o -path ./root -o -path ./var/lib/dpkg \
        -o -path ./var/lib/apt -o -path ./var/cache -o -path ./var/log -o -path ./tmp \
        -o -path './etc/*-' \) -prune \
        -o -print | sort)
}

# expect TEXT COMMAND...: runs the command inside and wants this on its stdout
expect() {
    local wanted=$1 got
    shift
    got=$(inside "$@") || fail "'$*' failed"
    [ "$got" = "$wanted" ] || fail "'$*' printed '$got', not '$wanted'"
}

echo "  a fresh system"
mmdebstrap --quiet --variant=apt \
    --include=systemd-standalone-sysusers,systemd-standalone-tmpfiles,pkgconf bookworm "$system"
mount -t proc proc "$system/proc"
cp "$folder"/valved_*.deb "$folder"/valvectl_*.deb "$folder"/libvalve0_*.deb \
    "$folder"/libvalve-dev_*.deb "$system/root/"
cp --dereference /etc/resolv.conf "$system/etc/resolv.conf" 2>/dev/null || true
find /etc/apt/apt.conf.d -name '*proxy*' -exec cp {} "$system/etc/apt/apt.conf.d/" \;
inside apt-get update -qq
# What they depend on may stay: it is others'.
needed=$(for package in "$folder"/{valved,valvectl,libvalve0}_*.deb; do
    dpkg-deb --field "$package" Depends | tr ',' '\n' | sed 's/[ (|].*//; /^$/d; /^libvalve/d'
    dpkg-deb --field "$package" Depends | tr ',' '\n' | sed 's/^ *//; s/[ (|].*//; /^libvalve/d'
done | sort -u | sed '/^$/d; /^systemd$/d')
# shellcheck disable=SC2086 # they are words
inside apt-get install -y -qq --no-install-recommends $needed >/dev/null
everything >"$folder/before"

echo "  installed"
inside sh -c 'apt-get install -y -qq --no-install-recommends /root/*.deb' >"$folder/install.log" 2>&1 ||
    fail "installing failed: $(tail -n 3 "$folder/install.log")"
expect 'valve' stat -c %U /srv/valve
expect '750' stat -c %a /srv/valve
inside pkg-config --print-errors --cflags valve | grep -q Werror= || fail "pkg-config does not tell what services are built with"

echo "  served"
inside sh -c 'echo inside > /srv/valve/file'
command=$(sed -n 's/^ExecStart=//p' "$system/lib/systemd/system/valved.service")
user=$(sed -n 's/^User=//p' "$system/lib/systemd/system/valved.service")
# shellcheck disable=SC2086 # the unit's words
chroot --userspec="$user:$user" "$system" $command 2>"$folder/valved.log" &
served=$!
for _ in $(seq 300); do
    [ -S "$system/run/valve/valve.sock" ] && break
    kill -0 "$served" 2>/dev/null || fail "valved ended: $(cat "$folder/valved.log")"
    sleep 0.1
done
expect 'file' valvectl list
expect 'inside' valvectl get -o - file
inside setpriv --reuid=65534 --regid=65534 --clear-groups valvectl list >/dev/null 2>&1 &&
    fail "somebody who is not in the group may list"
kill "$served" && wait "$served" || fail "valved did not end well: $(cat "$folder/valved.log")"
served=

echo "  upgraded, with a configuration that was changed"
inside sh -c 'echo "; changed here" >> /etc/valve.ini'
inside sh -c 'apt-get install -y -qq --reinstall --no-install-recommends /root/*.deb' >"$folder/upgrade.log" 2>&1 ||
    fail "upgrading failed: $(tail -n 3 "$folder/upgrade.log")"
expect '; changed here' tail -n 1 /etc/valve.ini

echo "  removed, and purged"
inside apt-get remove -y -qq valved valvectl libvalve0 libvalve-dev >/dev/null
expect '; changed here' tail -n 1 /etc/valve.ini
expect 'inside' cat /srv/valve/file
inside rm -r /srv/valve /run/valve # the files and the user are the administrator's
inside dpkg --purge valved valvectl libvalve0 libvalve-dev >/dev/null 2>&1
everything >"$folder/after"
left=$(comm -13 "$folder/before" "$folder/after")
[ -z "$left" ] || fail "left behind: $left"
echo "  nothing is left behind"
