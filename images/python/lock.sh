#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Writes the lock file of an image, images/IMAGE/SUITE.lock: the packages of packages.txt with all that they depend on,
# and those of dev.txt if the image has that file, in the versions that the mirror has now. One line `root|dev package version architecture` each.

. images/python/lib.sh
. images/python/apt.sh

# lines NAME
lines() {
    apt_list | sed -E "s/^([^ ]+ [^ ]+) .*_([a-z0-9]+)\\.deb\$/$1 \\1 \\2/"
}

main() {
    local packages
    need_root # files of the cache belong to whoever makes the image
    mkdir -p "$OUT"
    rm -f "$APT/updated"
    apt_begin
    {
        echo "# The packages that the image is made of, exactly. \`make image-lock\` writes this file."
        echo "# from $(lock_inputs)"
        if [ -e $RECIPE/dev.txt ]; then
            mapfile -t packages < <(words $RECIPE/dev.txt)
            apt_uris "${packages[@]}"
            lines dev
        fi
        mapfile -t packages < <(words $RECIPE/packages.txt)
        apt_resolve "${packages[@]}"
        lines root
    } >"$OUT/lock.new"
    [ ! -e "$LOCK" ] || diff <(grep -v '^#' "$LOCK") <(grep -v '^#' "$OUT/lock.new") | sed -n 's/^[<>]/image: &/p' || true
    mv "$OUT/lock.new" "$LOCK"
    say "$LOCK: $(grep -vc '^#' "$LOCK") packages"
}

main
