#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The driver is for one version of CPython. A release with another one is refused before anything is made, in one line;
# so is a release that the recipe does not know; and so are another version's headers, however they got there.
set -u
cd "$(dirname "$0")/../.." || exit 2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset MAKEFLAGS MFLAGS IMAGE_SUITE

fail() {
    echo "$1"
    exit 1
}

# refused SUITE WHAT: what make says when it is asked for it, in one line; the tree's image stays what it is.
refused() {
    make -s "IMAGE_SUITE=$1" image driver >"$scratch/said" 2>&1 && fail "IMAGE_SUITE=$1 was taken"
    [ "$(wc -l <"$scratch/said")" = 1 ] || fail "IMAGE_SUITE=$1: not one line: $(cat "$scratch/said")"
    grep -qF "IMAGE_SUITE=$1: $2, and the driver supports 3.13; use IMAGE_SUITE=trixie" "$scratch/said" ||
        fail "IMAGE_SUITE=$1: $(cat "$scratch/said")"
}

before=$(stat -c %y build/images/python/settings 2>&1)
refused bookworm 'it has Python 3.11'
refused sarge 'no Debian release that the recipe knows'
[ "$(stat -c %y build/images/python/settings 2>&1)" = "$before" ] || fail "a refused release has changed the tree"
make -n IMAGE_SUITE=trixie driver >"$scratch/said" 2>&1 || fail "trixie was refused: $(cat "$scratch/said")"

# The headers as they are, but for their version.
mkdir "$scratch/include"
cat >"$scratch/include/Python.h" <<'END'
#include_next <Python.h>
#undef PY_VERSION_HEX
#define PY_VERSION_HEX 0x030b02f0
END
compile=$(make -n -B build/driver/reseed.o | grep -E -- ' -c -o build/driver/reseed.o ') || fail "make -n shows no compiler"
compile=${compile/-o build\/driver\/reseed.o/-o $scratch/reseed.o}
bash -c "${compile/ -isystem / -isystem $scratch/include -isystem }" >"$scratch/said" 2>&1 &&
    fail "the headers of another version were taken"
[ "$(grep -c error: "$scratch/said")" = 1 ] && grep -q 'the driver is written for CPython 3.13' "$scratch/said" ||
    fail "the headers of another version: $(cat "$scratch/said")"
