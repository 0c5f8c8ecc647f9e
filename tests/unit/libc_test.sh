#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The driver runs with the image's C library, whatever the host's is: the highest GLIBC version that each of its files
# asks for is not above the highest one that the image's libc.so.6 defines.
set -u
cd "$(dirname "$0")/../.." || exit 2

# versions FILE SECTION: of the symbols that it needs (.gnu.version_r) or defines (.gnu.version_d), the lowest first
versions() {
    readelf -W -V "$1" | awk -v section="'$2'" '/ section / { on = index($0, section) } on' |
        grep -oE 'Name: GLIBC_[0-9.]+' | sed 's/.*_//' | sort -V
}

readonly libc=build/images/python/root/usr/lib/x86_64-linux-gnu/libc.so.6
have=$(versions $libc .gnu.version_d | tail -n 1)
[ -n "$have" ] || { echo "$libc defines no GLIBC version: make image makes it"; exit 1; }
for file in build/driver/driver build/driver/driver.so; do
    wanted=$(versions $file .gnu.version_r | tail -n 1)
    [ -n "$wanted" ] || { echo "$file asks for no GLIBC version: make driver makes it"; exit 1; }
    [ "$(printf '%s\n' "$wanted" "$have" | sort -V | tail -n 1)" = "$have" ] ||
        { echo "$file asks for GLIBC_$wanted, and the image's C library has at most GLIBC_$have"; exit 1; }
done
