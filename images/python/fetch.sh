#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Downloads the packages of the lock file, exactly those versions:
#     fetch.sh [PACKAGE...]
# Writes OUT/root.list and OUT/dev.list with one line `package version file` each, sorted, and leaves the files in
# CACHE/deb (dev: if the image has a dev.txt). What is named as an argument comes into the root as well, with what it depends on, in the mirror's versions.
# What lies in CACHE/deb is not downloaded again; if all does, neither network nor apt is needed.

. images/python/lib.sh
. images/python/apt.sh

DEBS=$(realpath -m "$CACHE/deb")

check_lock() {
    [ -e "$LOCK" ] || die "there is no $LOCK; \`make image-lock IMAGE_SUITE=$SUITE\` makes it"
    [ "$(lock_inputs)" = "$(sed -n 's/^# from //p' "$LOCK")" ] ||
        die "the lists of packages are not what $LOCK was made from; \`make image-lock\` renews it"
}

# locked NAME: the lock's packages for it (root, dev), one line `package version file` each. A file's name has the
# version with an escaped colon, as apt writes it.
locked() {
    awk -v name="$1" '$1 == name { v = $3; gsub(":", "%3a", v); print $2, $3, $2 "_" v "_" $4 ".deb" }' "$LOCK"
}

# The lines of the list $1 whose file is not there yet.
missing() {
    local package version file
    while read -r package version file; do
        [ -e "$DEBS/$file" ] || echo "$package $version"
    done <"$1"
}

# Those lines of its input whose version the mirror does not have.
gone() {
    local wanted
    wanted=$(sort -u)
    comm -23 <(echo "$wanted") <(cut -d' ' -f1 <<<"$wanted" | xargs apt-cache madison 2>/dev/null |
        awk '{ print $1, $3 }' | sort -u)
}

check_versions() {
    local lost
    [ -n "$(gone <<<"$1")" ] || return 0
    # the mirror may have moved on since the lists were fetched
    apt_update
    lost=$(gone <<<"$1")
    [ -z "$lost" ] || die "$LOCK: the mirror does not have ${lost//$'\n'/, } (any more); \`make image-lock\` takes" \
        "the versions that it has: look at the change, test and commit it"
}

# Files get their name in CACHE/deb when they are complete.
download() {
    local wanted
    wanted=$(missing "$OUT/$1.list.new")
    [ -n "$wanted" ] || return 0
    [ -n "${APT_CONFIG:-}" ] || apt_begin
    check_versions "$wanted"
    mapfile -t wanted < <(tr ' ' = <<<"$wanted")
    apt_uris "${wanted[@]}"
    say "$1: ${#wanted[@]} packages to download ($(awk '{ n += $3 } END { print int(n / 1048576) }' "$APT/uris") MiB)"
    rm -rf "$DEBS/partial"
    mkdir -p "$DEBS/partial"
    (cd "$DEBS/partial" && apt-get -qq download "${wanted[@]}") >"$APT/log" 2>&1 ||
        { cat "$APT/log" >&2; die "download failed (no network, or disk full?)"; }
    mv "$DEBS/partial/"*.deb "$DEBS/"
}

# An unchanged list keeps its time, so that make redoes nothing for it.
keep_list() {
    if cmp -s "$OUT/$1.list.new" "$OUT/$1.list"; then
        rm "$OUT/$1.list.new"
    else
        mv "$OUT/$1.list.new" "$OUT/$1.list"
    fi
}

# fetch NAME [PACKAGE...]
fetch() {
    local name=$1 pinned
    shift
    locked "$name" >"$OUT/$name.list.new"
    if [ $# -gt 0 ]; then
        apt_begin
        mapfile -t pinned < <(awk '{ print $1 "=" $2 }' "$OUT/$name.list.new")
        check_versions "$(cut -d' ' -f1,2 "$OUT/$name.list.new")"
        apt_resolve "${pinned[@]}" "$@"
        apt_list >"$OUT/$name.list.new"
    fi
    download "$name"
    say "$name: $(wc -l <"$OUT/$name.list.new") packages"
    keep_list "$name"
}

main() {
    need_root # later steps do: said before anything is downloaded
    check_lock
    mkdir -p "$OUT"
    fetch root "$@"
    [ ! -e $RECIPE/dev.txt ] || fetch dev
}

main "$@"
