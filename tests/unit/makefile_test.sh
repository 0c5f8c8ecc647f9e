#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the Makefile promises, tried in two copies of the tree: the same bytes wherever it lies, a change of CFLAGS
# compiles again, `clean` keeps what was downloaded, `uninstall` removes all that `install` has put there.
set -u
cd "$(dirname "$0")/../.." || exit 2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset MAKEFLAGS MFLAGS CFLAGS

fail() {
    echo "$1"
    exit 1
}

readonly objects='build/vmm/err.o build/kernel/lib/string.c.o'
for copy in one 'two and more'; do
    mkdir "$scratch/$copy"
    cp -r --parents Makefile LICENSE pyhl vmm images python-agent-driver tests "$scratch/$copy" || exit 2
    # shellcheck disable=SC2086 # two words
    make -s -C "$scratch/$copy" $objects || fail "it does not build in '$copy'"
done
for object in $objects; do
    cmp "$scratch/one/$object" "$scratch/two and more/$object" || fail "$object depends on the directory"
done
cd "$scratch/one" || exit 2
make -n all | grep -E ' -g( |$)' | grep -v -- -ffile-prefix-map= >said && fail "the directory is in: $(head -n 2 said)"

made() {
    make --no-print-directory "$@" build/vmm/err.o
}
made | grep -q 'up to date' || fail "an object is compiled again without a reason"
made CFLAGS=-O1 | grep -q -- '-O1' || fail "other CFLAGS compile nothing again"
made CFLAGS=-O1 | grep -q 'up to date' || fail "the same CFLAGS compile again"
make BUILD=elsewhere all >said 2>&1 && fail "another BUILD was taken"
grep -q 'BUILD=elsewhere: everything is built in build/' said || fail "BUILD: $(cat said)"

mkdir -p build/cache .pyhl && touch build/cache/downloaded build/other .pyhl/pyhl.ini
make -s clean
[ "$(ls -A build)" = cache ] && [ -e build/cache/downloaded ] && [ -e .pyhl/pyhl.ini ] ||
    fail "after clean: $(find build .pyhl)"
make -s distclean
[ ! -e build ] && [ ! -e .pyhl ] || fail "after distclean: $(find build .pyhl)"

# Only what installing itself does: `all` is taken as built.
mkdir -p build/lib && printf '#!/bin/sh\necho "$@"\n' >build/pyhl && chmod +x build/pyhl && touch build/lib/lib{vmm,pyhl}.a
make -s -o all install DESTDIR="$scratch/root" PREFIX=/opt/of && [ -n "$(find "$scratch/root" -type f)" ] ||
    fail "install failed"
for file in "$scratch"/root/opt/of/lib/pkgconfig/*.pc; do
    grep -q '^prefix=/opt/of$' "$file" && ! grep -q "@\|$scratch" "$file" || fail "$file: $(cat "$file")"
done
make -s uninstall DESTDIR="$scratch/root" PREFIX=/opt/of
[ ! -e "$scratch/root/opt/of/include/vmm" ] || fail "uninstall left a directory of its own"
[ -z "$(find "$scratch/root" -type f)" ] || fail "uninstall left $(find "$scratch/root" -type f)"
