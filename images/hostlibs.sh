#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Completes a root whose programs were linked on the host:
#     hostlibs.sh ROOT PROGRAM
# copies the dynamic linker and the libraries that ROOT/PROGRAM was linked for from the host, to where the program looks
# for them, and makes the directories that programs expect.

set -eu

root=$1 program=$2
ldd "$root/$program" | grep -o '/[^ ]*' | while read -r library; do
    install -D -m 755 "$library" "$root$library"
done
[ -e "$root/lib64/ld-linux-x86-64.so.2" ] || {
    echo "image: the host's C library was not found by ldd" >&2
    exit 1
}
mkdir -p "$root"/dev "$root"/proc "$root"/tmp
chmod 1777 "$root/tmp"
