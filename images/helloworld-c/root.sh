#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Completes the root of the helloworld-c image:
#     root.sh ROOT
# copies the dynamic linker and the C library that ROOT/bin/hello-dynamic was linked for from the
# host, to where the program looks for them.

set -eu

root=$1
ldd "$root/bin/hello-dynamic" | grep -o '/[^ ]*' | while read -r library; do
    install -D -m 755 "$library" "$root$library"
done
[ -e "$root/lib64/ld-linux-x86-64.so.2" ] || {
    echo "image: the host's C library was not found by ldd" >&2
    exit 1
}
mkdir -p "$root"/dev "$root"/proc "$root"/tmp
chmod 1777 "$root/tmp"
