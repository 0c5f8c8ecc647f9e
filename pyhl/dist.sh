#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The end of `make dist`: packs a release into OUT, which already has OUT/stage with what `make install` puts under a
# prefix. The command's archive is compressed with gzip, because a bare Debian has no other program for that; pyhl reads
# the image's itself. The same tree, compiler and libraries give the same bytes: names are in order, owners are numbers,
# and the time of all files is SOURCE_DATE_EPOCH, or else that of the last commit.
#
# usage: pyhl/dist.sh OUT VERSION IMAGE DEBS PACKAGE...
#     IMAGE     a directory with an image's files and root.list, the Debian packages in it
#     DEBS      the directory with the files of these packages
#     PACKAGE   the Debian packages that are linked into the command
set -euo pipefail
export LC_ALL=C
umask 022

readonly out=$1 version=$2 image=$3 debs=$4
shift 4
readonly command_name=pyhl-$version-x86_64 image_name=pyhl-image-${image##*/}-$version

die() {
    printf 'dist: %s\n' "$*" >&2
    exit 1
}

find_epoch() {
    epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || true)}
    [ -n "$epoch" ] || die "the files' time is that of the last commit, and there is none; set SOURCE_DATE_EPOCH=SECONDS"
    [ -z "${epoch//[0-9]/}" ] || die "SOURCE_DATE_EPOCH '$epoch' is not a number of seconds since 1970"
}

# pack NAME...: a tar archive of these entries of OUT, on standard output.
pack() {
    tar -c --format=gnu --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$epoch" \
        --hard-dereference -C "$out" "$@"
}

# licence_texts DIR: Debian's copyright files in DIR/copyright name texts that every Debian has: adds these to DIR.
licence_texts() {
    local text
    mkdir -p "$1/common-licenses"
    grep -rhoE '/usr/share/common-licenses/[A-Za-z0-9.+-]*[A-Za-z0-9]' "$1/copyright" | sort -u |
        while read -r text; do
            # Some name a text that Debian does not have.
            [ ! -e "$text" ] || cp -L "$text" "$1/common-licenses/"
        done
}

# What else a prefix has no place for: the documents, and from what the command was made.
documents() {
    local doc=$out/$command_name/share/doc/pyhl pc
    cp README.md INSTALL.md SECURITY.md CHANGELOG.md "$doc/"
    {
        echo "commit $(git describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null || echo unknown)"
        "${CC:-cc}" --version | head -n 1
        ld --version | head -n 1
        dpkg-query -W -f '${Package} ${Version}\n' "$@" 2>/dev/null || true # of libgcc there is another version
    } >"$doc/BUILT"
    licence_texts "$doc"
    # Wherever the archive is unpacked.
    for pc in "$out/$command_name"/lib/pkgconfig/*.pc; do
        # shellcheck disable=SC2016 # pkg-config's variables
        sed -i 's|^prefix=.*|prefix=${pcfiledir}/../..|; s|^libdir=.*|libdir=${prefix}/lib|' "$pc"
    done
}

# The copyright file of each Debian package of the image; it may be a link into another package's directory.
image_copyright() {
    local into=$out/$image_name/copyright unpacked=$out/doc package file
    mkdir -p "$into" "$unpacked"
    while read -r package _ file; do
        dpkg-deb --fsys-tarfile "$debs/$file" >"$out/data.tar" || die "$debs/$file cannot be read"
        tar -xf "$out/data.tar" -C "$unpacked" --wildcards './usr/share/doc/*' 2>/dev/null || true # it may have none
    done <"$image/root.list"
    while read -r package _; do
        cp -L "$unpacked/usr/share/doc/$package/copyright" "$into/$package" ||
            die "no copyright file of $package: it must be in that package, or in one that is in $image/root.list, too"
    done <"$image/root.list"
    rm -rf "$unpacked" "$out/data.tar"
}

pack_command() {
    mv "$out/stage" "$out/$command_name"
    documents "$@"
    pack "$command_name" | gzip -9n >"$out/$command_name.tar.gz"
}

# setup refuses a wrong kernel before it unpacks what comes after it.
pack_image() {
    local file
    mkdir "$out/$image_name"
    for file in image.ini kernel initrd.cpio; do
        cp -l "$image/$file" "$out/$image_name/"
    done
    image_copyright
    licence_texts "$out/$image_name"
    # A higher level than 12 makes it an eighth smaller, and takes six times as long.
    pack "$image_name"/{image.ini,kernel,initrd.cpio,copyright,common-licenses} |
        zstd -q -12 --long=27 -T2 -o "$out/$image_name.tar.zst"
}

find_epoch
pack_command "$@"
pack_image
rm -rf "${out:?}/$command_name" "${out:?}/$image_name"
(cd "$out" && sha256sum "$command_name.tar.gz" "$image_name.tar.zst" >SHA256SUMS)
(cd "$out" && ls -sh "$command_name.tar.gz" "$image_name.tar.zst" SHA256SUMS)
