#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the root of a guest, OUT/root, from the packages of OUT/root.list, and runs its node once in a chroot.

. images/python/lib.sh
. images/python/tree.sh

in_root() {
    env -i PATH=/usr/bin:/usr/sbin HOME=/root LANG=C.UTF-8 "$(command -v chroot)" "$ROOT" "$@"
}

main() {
    local version
    images/python/unpack.sh root
    newest_file "$ROOT" >"$OUT/epoch"
    make_etc
    rm "$ROOT/etc/localtime" # of the package tzdata: node's time zones are ICU's
    prune
    in_root /usr/sbin/ldconfig || die "ldconfig failed"
    rm -rf "$ROOT/var/cache/ldconfig"
    version=$(in_root /usr/bin/node -p 'JSON.stringify([process.version, new Intl.NumberFormat("de").format(1234.5)])') ||
        die "the image's node fails (above)"
    say "root: $(du -sm "$ROOT" | cut -f1) MiB in $ROOT; node says $version"
}

main
