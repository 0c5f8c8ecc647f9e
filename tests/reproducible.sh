#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whether the same sources and packages give the same images, byte for byte, wherever the tree lies: builds them in two
# clones of HEAD, one after the other, and compares every file. Packages come from build/cache, so that both have the
# same; what is missing there is downloaded.
#
# usage: tests/reproducible.sh     as root; takes some minutes and 2 GiB in build/reproducible
set -eu
cd "$(dirname "$0")/.."

readonly out=build/reproducible
readonly first=$out/one second=$out/another/directory
unset MAKEFLAGS MFLAGS

die() {
    echo "tests/reproducible.sh: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || die "must be run as root: the image's own python runs in a chroot"
rm -rf $out
for tree in $first $second; do
    mkdir -p $tree
    git clone -q . $tree
    mkdir -p $tree/build build/cache
    cp -a build/cache $tree/build/
    echo "reproducible: building in $tree"
    make -s -C $tree -j2 all image >$out/log 2>&1 || { tail -n 20 $out/log; die "the image does not build in $tree"; }
done
same=0
for file in $first/build/images/*/{kernel,initrd.cpio,image.ini}; do
    cmp "$file" "$second${file#"$first"}" || die "${file#"$first"/} depends on the directory"
    same=$((same + 1))
done
[ "$same" -ge 6 ] || die "only $same files were compared"
echo "reproducible: $same files are the same; sha256 of the Python image:"
(cd $first/build/images/python && sha256sum kernel initrd.cpio image.ini)
rm -rf $out
