#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pyhl/LICENSES.md names each library that the linker takes something from, and no other; the packages are those that the
# archives belong to.
set -u
cd "$(dirname "$0")/../.." || exit 2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The command that links the program, with a map of what came from where.
link=$(make -n -B build/pyhl 2>/dev/null | grep -E -- ' -o build/pyhl ' | tail -n 1)
[ -n "$link" ] || { echo "make -n shows no link of build/pyhl"; exit 1; }
bash -c "${link/-o build\/pyhl /-o $scratch/pyhl -Wl,-Map=$scratch/map }" || exit 1
sed -n '/^Archive member/,/^Discarded/p' "$scratch/map" | grep -oE '[^ /]+\.a\(' | tr -d '(' | grep -vx 'lib\(vmm\|pyhl\)\.a' | sort -u >"$scratch/linked"
sed -n 's/^| \(lib[^|]*\.a\) *|.*/\1/p' pyhl/LICENSES.md | tr -d ' ' | tr , '\n' | sort -u >"$scratch/named"
[ -s "$scratch/linked" ] || { echo "the map names no archive"; exit 1; }
diff "$scratch/linked" "$scratch/named" >"$scratch/diff" ||
    { echo "linked (<) and named (>) differ:"; cat "$scratch/diff"; exit 1; }
make -s -o all install DESTDIR="$scratch/root" PREFIX=/usr || exit 1
while read -r package; do
    [ -s "$scratch/root/usr/share/doc/pyhl/copyright/$package" ] ||
        { echo "make install has left out the copyright file of $package"; exit 1; }
done < <(sed -nE 's/^\| lib.*\| ([a-z0-9.+-]+)[^|]*\|$/\1/p' pyhl/LICENSES.md | grep -v '^libgcc-')
