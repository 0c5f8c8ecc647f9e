# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what is set here is used by those that source it
#
# What the recipe's scripts share: messages, lists, and where things are. Sourced, never run.
# Every script of the recipe is called from the project's root, by images/rules.mk, which sets IMAGE to the name of
# the image that is made.

set -euo pipefail
export LC_ALL=C
umask 022

BUILD=${BUILD:-build}
IMAGE=${IMAGE:-python}
RECIPE=images/$IMAGE
OUT=$BUILD/images/$IMAGE
CACHE=$BUILD/cache
LOCK=$RECIPE/${IMAGE_SUITE:?}.lock
# From python/image.mk: the Debian release, and its Python, which the lists call @PYTHON@.
SUITE=$IMAGE_SUITE
PYTHON=python${IMAGE_PYTHON:?}

die() {
    printf 'image: %s\n' "$*" >&2
    exit 1
}

say() {
    printf 'image: %s\n' "$*"
}

need_root() {
    [ "$(id -u)" -eq 0 ] || die "must be made as root: files are unpacked with their" \
        "owners, and the image's own python is run in a chroot"
}

# need_tool PROGRAM PACKAGE
need_tool() {
    command -v "$1" >/dev/null || die "$1 not found; it is in the Debian package $2"
}

# words FILE: its words without comments, one per line
words() {
    sed "s/#.*//; s/@PYTHON@/$PYTHON/g" "$1" | tr -s ' \t' '\n' | sed '/^$/d'
}

# What a lock file was made from: a checksum of the lists, without comments.
lock_inputs() {
    local list
    for list in "$RECIPE"/{packages,present,dev}.txt; do
        [ -e "$list" ] || continue
        echo "${list##*/}:"
        words "$list"
    done | sha256sum | cut -c1-32
}
