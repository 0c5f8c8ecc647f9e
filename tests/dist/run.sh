#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make dist` has left in build/dist: what is in the archives, whether a second `make dist` elsewhere gives the same
# bytes, and whether it is all that a bare Debian needs; and the same of the wheels (wheels.sh). As root: a chroot and
# mounts. `make test-dist` calls it.
#
# usage: tests/dist/run.sh [CASE...]      --list prints their names
set -u
cd "$(dirname "$0")/../.." || exit 2
TEST_TIMEOUT=${TEST_TIMEOUT:-900} # of a whole `make dist`
. tests/lib.sh

version=$(sed -n 's/^#define PYHL_VERSION "\(.*\)"/\1/p' pyhl/pyhl.h)
readonly version dist=$PWD/build/dist
readonly command_name=pyhl-$version-x86_64 image_name=pyhl-image-python-$version
readonly command_archive=$dist/$command_name.tar.gz image_archive=$dist/$image_name.tar.zst
readonly unpacked=$scratch/$command_name most=$((160 << 20))
. tests/dist/wheels.sh

# members ARCHIVE: a line `MODE OWNER SIZE TIME NAME` each, times as seconds since 1970.
members() {
    TZ=UTC tar -tv --numeric-owner --full-time -f "$1" | while read -r mode owner size day time name; do
        echo "$mode $owner $size $(date -ud "$day $time" +%s) $name"
    done
}

case_contents() {
    local archive file
    begin "checksums of both archives"
    (cd "$dist" && sha256sum -c SHA256SUMS) >"$scratch/out" 2>&1 || problem "$(cat "$scratch/out")"
    [ "$(wc -l <"$dist/SHA256SUMS")" = 2 ] || problem "not two: $(cat "$dist/SHA256SUMS")"
    [ "$(cd "$dist" && echo *)" = "SHA256SUMS $command_name.tar.gz $image_name.tar.zst" ] ||
        problem "build/dist has: $(ls -A "$dist")"
    begin "what is in the command's archive"
    for file in bin/pyhl share/man/man1/pyhl.1 share/bash-completion/completions/pyhl lib/libvmm.a lib/libpyhl.a \
        lib/pkgconfig/libvmm.pc lib/pkgconfig/libpyhl.pc include/vmm/{vmm,doors,abi}.h include/pyhl/pyhl.h \
        share/doc/pyhl/{README,INSTALL,SECURITY,CHANGELOG,LICENSES}.md share/doc/pyhl/{LICENSE,BUILT}; do
        [ -s "$unpacked/$file" ] || problem "no $file"
    done
    [ "$(cd "$unpacked" && echo *)" = 'bin include lib share' ] || problem "at its top: $(ls "$unpacked")"
    cmp -s "$unpacked/bin/pyhl" "$pyhl" || problem "bin/pyhl is not build/pyhl"
    [ "$("$unpacked/bin/pyhl" completion bash)" = "$(cat "$unpacked/share/bash-completion/completions/pyhl")" ] ||
        problem "the completion is another version's"
    grep -q "^commit [0-9a-f]\{40\}" "$unpacked/share/doc/pyhl/BUILT" || problem "$(cat "$unpacked/share/doc/pyhl/BUILT")"
    begin "what is in the image's archive, and its size"
    tar -tf "$image_archive" | grep -v /copyright/. | grep -v /common-licenses/. | xargs >"$scratch/out"
    [ "$(cat "$scratch/out")" = "$(echo "$image_name"/{image.ini,kernel,initrd.cpio,copyright/,common-licenses/})" ] ||
        problem "$(cat "$scratch/out")"
    [ "$(stat -c %s "$image_archive")" -le "$most" ] || problem "$(stat -c %s "$image_archive") bytes, at most $most"
    begin "one time, owner 0:0, plain modes, names in order"
    for archive in "$command_archive" "$image_archive"; do
        members "$archive" >"$scratch/members"
        [ "$(cut -d' ' -f4 "$scratch/members" | sort -u)" = "$(git log -1 --format=%ct)" ] ||
            problem "times: $(cut -d' ' -f4 "$scratch/members" | sort -u | xargs)"
        grep -vE '^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--) 0/0 ' "$scratch/members" >"$scratch/odd" && problem "$(cat "$scratch/odd")"
    done
    tar -tf "$command_archive" | LC_ALL=C sort -c 2>"$scratch/err" || problem "$(cat "$scratch/err")"
}

# common DIR: each text that a copyright file names is there, if the host has it.
common() {
    local name
    for name in $(grep -rhoE '/usr/share/common-licenses/[A-Za-z0-9.+-]*[A-Za-z0-9]' "$1/copyright" | sort -u); do
        [ ! -e "$name" ] || [ -s "$1/common-licenses/${name##*/}" ] || problem "no text of ${name##*/}"
    done
    [ -s "$1/common-licenses/LGPL-2.1" ] || problem "no text of LGPL-2.1"
}

case_licences() {
    local package doc=$unpacked/share/doc/pyhl
    begin "licences of what is linked into the command"
    while read -r package; do
        [ -s "$doc/copyright/$package" ] || problem "no copyright file of $package"
        grep -q "^$package [0-9]" "$doc/BUILT" || problem "BUILT has no version of $package"
    done < <(sed -nE 's/^\| lib.*\| ([a-z0-9.+-]+)[^|]*\|$/\1/p' "$doc/LICENSES.md" | grep -v '^libgcc-')
    common "$doc"
    begin "licences of what is in the image"
    tar -xf "$image_archive" -C "$scratch" --exclude=initrd.cpio || problem "tar failed"
    [ "$(grep -c . "$scratch/$image_name/image.ini")" -gt 50 ] || problem "image.ini: $(cat "$scratch/$image_name/image.ini")"
    while IFS='=' read -r package _; do
        [ -s "$scratch/$image_name/copyright/$package" ] || problem "no copyright file of $package"
    done < <(sed -n '/^\[packages\]/,/^$/{/=/p}' "$scratch/$image_name/image.ini")
    common "$scratch/$image_name"
}

# A program that embeds VMs, built against the unpacked archive wherever that lies.
case_libraries() {
    local flags
    begin "the libraries of the archive, by pkg-config"
    flags=$(env PKG_CONFIG_PATH="$unpacked/lib/pkgconfig" pkg-config --cflags --libs libpyhl) || problem "pkg-config failed"
    [[ $flags == *"$unpacked"* ]] || problem "flags: $flags"
    # shellcheck disable=SC2086 # one word a flag
    "${CC:-cc}" -o "$scratch/result" pyhl/examples/result.c $flags >"$scratch/out" 2>&1 || problem "$(cat "$scratch/out")"
    run "$scratch/result" "$scratch/none" 1
    expect_error 1 "no home in '$scratch/none'"
}

# The tree as it is now, elsewhere, with what was downloaded.
copy_tree() {
    git clone -q . "$scratch/copy" && { git diff --binary HEAD | git -C "$scratch/copy" apply --allow-empty; } &&
        mkdir "$scratch/copy/build" && cp -al build/cache "$scratch/copy/build/"
}

case_deterministic() {
    local copy=$scratch/copy
    begin "another directory, the same bytes"
    copy_tree || problem "the tree cannot be copied"
    run env -u MAKEFLAGS -u MAKELEVEL make -C "$copy" dist
    expect_status 0
    diff "$dist/SHA256SUMS" "$copy/build/dist/SHA256SUMS" >"$scratch/diff" || problem "$(cat "$scratch/diff")"
    same_wheels "$copy"
    begin "no time to be had"
    run env -u MAKEFLAGS -u MAKELEVEL SOURCE_DATE_EPOCH=today make -s -C "$copy" dist
    expect_status 2
    expect_err "^dist: SOURCE_DATE_EPOCH 'today' is not a number of seconds since 1970$"
    rm -rf "$copy/.git"
    run env -u MAKEFLAGS -u MAKELEVEL -u SOURCE_DATE_EPOCH make -s -C "$copy" dist
    expect_status 2
    expect_err '^dist: the files. time is that of the last commit, and there is none; set SOURCE_DATE_EPOCH=SECONDS$'
    rm -rf "$copy"
}

# A release with a small image: packing the real one takes half a minute.
case_epoch() {
    local image=$scratch/image/python out=$scratch/epoch archive
    begin "SOURCE_DATE_EPOCH is the time of all files"
    mkdir -p "$image" "$out" && cp -r "$unpacked" "$out/stage" && head -n 1 build/images/python/root.list >"$image/root.list" &&
        touch "$image"/{image.ini,kernel,initrd.cpio} || problem "no small image"
    run env SOURCE_DATE_EPOCH=86400 pyhl/dist.sh "$out" "$version" "$image" build/cache/deb
    expect_status 0
    for archive in "$out/$command_name.tar.gz" "$out/$image_name.tar.zst"; do
        members "$archive" >"$scratch/members"
        [ "$(cut -d' ' -f4 "$scratch/members" | sort -u)" = 86400 ] || problem "$(head -n 3 "$scratch/members")"
    done
    begin "and of those of a wheel, from 1980 on"
    run env SOURCE_DATE_EPOCH=86400 pyhl/python/wheel.py pyhl "$out" "$unpacked"
    expect_status 0
    run python3 -c "$look_into" "$out/${command_wheel##*/}" "$(date -ud 1980-01-01 +%s)"
    expect_status 0
    run env SOURCE_DATE_EPOCH=today pyhl/python/wheel.py pyhl "$out" "$unpacked"
    expect_error 1 "^wheel: SOURCE_DATE_EPOCH 'today' is not a number of seconds since 1970$"
}

# make_bare RELEASE ROOT: ROOT.python, of a Debian release the essential packages and python3-venv, and ROOT, as it was
# before that; from the mirror that the host's apt has, reached as that reaches it.
make_bare() {
    local mirror options
    # shellcheck disable=SC2016 # apt's variables, not the shell's
    mirror=${IMAGE_MIRROR:-$(apt-get indextargets --no-release-info --format '$(REPO_URI)' | grep -m 1 -E '/debian(\.list)?/?$')}
    mapfile -t options < <(apt-config dump | sed -nE 's/^Acquire::(https?|Check-Valid-Until|Check-Date)(::| )/--aptopt=&/p')
    # shellcheck disable=SC2016 # a variable of the hook
    mmdebstrap --quiet --variant=essential "${options[@]}" --include=python3-venv \
        --essential-hook="cp -ax \"\$1\" '$2' && rm -rf '$2/var/cache/apt' '$2/var/lib/apt'" \
        "$1" "$2.python" "$mirror" >"$2.said" 2>&1
}

# bare ROOT LINE: in the chroot, with proc and /dev/kvm, and an environment of its own.
# shellcheck disable=SC2016 # variables of the inner shell
bare() {
    run unshare -m --propagation private bash -c 'mount -t proc proc "$0/proc" && touch "$0/dev/kvm" &&
        mount --bind /dev/kvm "$0/dev/kvm" && exec chroot "$0" env -i PATH=/usr/local/bin:/usr/bin HOME=/root bash -c "$1"' "$1" "$2"
}

# Installing as INSTALL.md says: each of its lines must do, and the last one prints 1. The second argument is the process
# that makes the root.
try_bare() {
    local release=$1 root=$scratch/$1 line
    begin "bare Debian $release: made"
    wait "$2" || problem "$(tail -n 5 "$root.said")"
    bare "$root" 'command -v cc gcc python3 zstd xz'
    expect_out ''
    mkdir "$root/release" && cp "$dist"/* tests/demo.py "$root/release"
    sed -n '/^## From a release/,/^## /s/^    //p' INSTALL.md | sed "s/VERSION/$version/g" >"$scratch/lines"
    [[ "$(wc -l <"$scratch/lines")" = [3-5] ]] || problem "INSTALL.md: $(cat "$scratch/lines")"
    while IFS= read -r line; do
        begin "bare Debian $release: $line"
        bare "$root" "cd /release && $line"
        expect_status 0
    done <"$scratch/lines"
    expect_out 1
    begin "bare Debian $release: a pandas script"
    bare "$root" 'cd /release && pyhl run demo.py 2024'
    expect_status 0
    grep -qE '^2024-06 ' "$scratch/out" && grep -qE "^Python 3[.0-9]*, pandas [.0-9]*, .*arguments \['2024'\]" "$scratch/out" ||
        problem "$(cat "$scratch/out")"
    begin "bare Debian $release: verify"
    bare "$root" 'pyhl verify && pyhl --version'
    expect_status 0
    grep -qx "pyhl $version" "$scratch/out" || problem "$(cat "$scratch/out")"
    rm -rf "$root"
    try_wheels "$release" "$root.python"
    [ "$release" != bookworm ] || try_renewal "$root.python"
    rm -rf "$root.python"
}

# The roots have been made beside the other cases: most of the time for that goes by in waiting for packages.
case_bare() {
    try_bare bookworm "$bookworm"
    try_bare trixie "$trixie"
}

choose "$(declare -F | sed -n 's/^declare -f case_//p' | grep -vx bare) bare" "$@"
for file in "$dist/SHA256SUMS" "$command_archive" "$image_archive" "$command_wheel" "$image_wheel"; do
    [ -e "$file" ] || { echo "$0: $file is missing; run make dist wheel wheel-image first" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "$0: must be root, for a chroot and mounts; make test-dist is the whole of it" >&2; exit 2; }
tar -xzf "$command_archive" -C "$scratch" || exit 2
if is_chosen bare; then
    make_bare bookworm "$scratch/bookworm" &
    bookworm=$!
    make_bare trixie "$scratch/trixie" &
    trixie=$!
fi
for case in "${chosen[@]}"; do
    "case_$case"
done
summary
