#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the root of a guest, OUT/root, from the packages of OUT/root.list, and runs its git once in a chroot.

. images/python/lib.sh
. images/python/tree.sh

in_root() {
    env -i PATH=/usr/bin:/usr/sbin HOME=/root "$(command -v chroot)" "$ROOT" "$@"
}

main() {
    local version
    images/python/unpack.sh root
    newest_file "$ROOT" >"$OUT/epoch"
    make_etc
    rm "$ROOT/etc/localtime" # of the package tzdata, which is not here
    ln -sf mawk "$ROOT/usr/bin/awk"
    prune
    in_root /usr/sbin/ldconfig || die "ldconfig failed"
    rm -rf "$ROOT/var/cache/ldconfig"
    mknod -m 666 "$ROOT/dev/null" c 1 3 # git opens it
    version=$(in_root /usr/bin/git --version) || die "the image's git fails (above)"
    rm "$ROOT/dev/null" # the kernel makes it
    say "root: $(du -sm "$ROOT" | cut -f1) MiB in $ROOT; $version"
}

main
