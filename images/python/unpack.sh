#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Unpacks the downloaded packages, without installing anything on the host:
#     unpack.sh NAME        reads OUT/NAME.list, replaces OUT/NAME (root or dev)
# The tree is usr-merged: the symbolic links /bin, /lib, ... come first and the packages' files fall
# through them. Maintainer scripts do not run; configure.sh does what they would have done.

. images/python/lib.sh

make_skeleton() {
    local dir
    mkdir -p "$1"
    for dir in bin sbin lib lib64; do
        mkdir -p "$1/usr/$dir"
        ln -s "usr/$dir" "$1/$dir"
    done
}

main() {
    local tree=$OUT/$1 package version file count=0 total
    need_root
    need_tool dpkg-deb dpkg
    [ -s "$OUT/$1.list" ] || die "$OUT/$1.list is missing: fetch.sh makes it"
    total=$(wc -l <"$OUT/$1.list")
    rm -rf "$tree"
    make_skeleton "$tree"
    while read -r package version file; do
        count=$((count + 1))
        [ $((count % 25)) -ne 0 ] || say "unpacked $count of $total packages"
        dpkg-deb --fsys-tarfile "$CACHE/deb/$file" |
            tar -x -p --numeric-owner --keep-directory-symlink -C "$tree" ||
            die "$file ($package $version) cannot be unpacked; if it is damaged, remove it from" \
                "$CACHE/deb and try again"
    done <"$OUT/$1.list"
    say "$1: $total packages unpacked, $(du -sm "$tree" | cut -f1) MiB"
}

main "$@"
