#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nanoseconds of a call of a function of the host, of a record, and of a bare exit: toolcalls.c in the guest.
# It needs only `make`, no image. The figures are printed, not judged.
set -eu
cd "$(dirname "$0")/../.."

build=${BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/"{bin,dev,proc}
"${CC:-cc}" -std=c17 -D_GNU_SOURCE -O2 -I. -static -o "$work/root/bin/toolcalls" tests/bench/toolcalls.c
"$build/images/sites" "$work/root"
"$build/images/mkcpio" "$work/root" "$work/initrd.cpio"
timeout -s9 60 "$build/vmmrun" "$build/kernel/kernel.elf" "$work/initrd.cpio" --quiet -- /bin/toolcalls 2>/dev/null
