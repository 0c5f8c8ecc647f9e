#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nanoseconds per system call: natively, and in the guest through a rewritten site and by the trap.
# It needs only `make`, no image. The figures are printed, not judged.
set -eu
cd "$(dirname "$0")/../.."

build=${BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/"{bin,dev,proc,lib64,lib/x86_64-linux-gnu}
"${CC:-cc}" -std=c17 -D_GNU_SOURCE -O2 -o "$work/root/bin/getppid" tests/bench/getppid.c
cp -L /lib/x86_64-linux-gnu/libc.so.6 "$work/root/lib/x86_64-linux-gnu/"
cp -L /lib64/ld-linux-x86-64.so.2 "$work/root/lib64/"
"$build/images/sites" "$work/root"
"$build/images/mkcpio" "$work/root" "$work/initrd.cpio"
echo "native:"
"$work/root/bin/getppid"
echo "guest:"
timeout -s9 60 "$build/pyhl" boot "$build/kernel/kernel.elf" --initrd "$work/initrd.cpio" -- /bin/getppid
