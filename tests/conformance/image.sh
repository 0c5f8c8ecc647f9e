#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The Python image with CPython's own test suite in it, and a home of that: build/conformance/{root,image,home}. The image
# itself, build/images/python, stays as it is. `make conformance` calls it, which sets IMAGE_SUITE and IMAGE_PYTHON.

. images/python/lib.sh
. images/python/apt.sh

WHERE=$BUILD/conformance
SUITE_PACKAGE=lib$PYTHON-testsuite

# Of the same version as the image's standard library.
fetch_suite() {
    local version file
    version=$(awk -v name="lib$PYTHON-stdlib" '$1 == name { print $2 }' "$OUT/root.list")
    file=$CACHE/deb/${SUITE_PACKAGE}_${version//:/%3a}_all.deb
    if [ ! -e "$file" ]; then
        say "fetching $SUITE_PACKAGE $version"
        apt_begin
        rm -rf "$CACHE/deb/partial"
        mkdir -p "$CACHE/deb/partial"
        (cd "$CACHE/deb/partial" && apt-get -qq download "$SUITE_PACKAGE=$version") >"$APT/log" 2>&1 ||
            { cat "$APT/log" >&2; die "$SUITE_PACKAGE $version cannot be fetched (no network? the mirror has another?)"; }
        mv "$CACHE/deb/partial/"*.deb "$CACHE/deb/"
    fi
    [ -e "$file" ] || die "$file is not what apt has fetched"
    DEB=$file
}

main() {
    need_root
    mkdir -p "$WHERE/image"
    fetch_suite
    say "adding the suite to a copy of the image"
    rm -rf "$WHERE/root"
    cp -al "$OUT/root" "$WHERE/root"
    dpkg-deb --fsys-tarfile "$DEB" | tar -x -p --numeric-owner --keep-directory-symlink -C "$WHERE/root"
    rm -rf "$WHERE/root/usr/share/doc"
    "$BUILD/images/sites" "$WHERE/root"
    "$BUILD/images/mkcpio" -o -t "$(cat "$OUT/epoch")" "$WHERE/root" "$WHERE/image/initrd.cpio"
    cp "$OUT/kernel" "$OUT/image.ini" "$WHERE/image/"
    "$BUILD/pyhl" setup --from "$WHERE/image" --dest "$WHERE/home" --memory 2G --force
}

main
