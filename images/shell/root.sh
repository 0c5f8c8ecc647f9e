#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the root of a guest, OUT/root, from the packages of OUT/root.list, and runs its shell once in a chroot.

. images/python/lib.sh
. images/python/tree.sh

in_root() {
    env -i PATH=/usr/bin:/usr/sbin HOME=/root LANG=C.UTF-8 "$(command -v chroot)" "$ROOT" "$@"
}

main() {
    local said
    images/python/unpack.sh root
    newest_file "$ROOT" >"$OUT/epoch"
    make_etc
    rm "$ROOT/etc/localtime" # of the package tzdata
    prune
    in_root /usr/sbin/ldconfig || die "ldconfig failed"
    rm -rf "$ROOT/var/cache/ldconfig"
    said=$(in_root /usr/bin/sh -c 'seq 9 | sort -r | head -n 1 | sed s/9/works/') || die "the image's shell fails (above)"
    [ "$said" = works ] || die "the image's shell says '$said' instead of 'works'"
    say "root: $(du -sm "$ROOT" | cut -f1) MiB in $ROOT"
}

main
