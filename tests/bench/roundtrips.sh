#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# roundtrips.sh [TURNS]: what roundtrips.c prints, natively and in the guest by turns; "native" or "guest" begins a line.
# It needs only `make`, no image. The figures are printed, not judged.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/"{bin,dev,proc}
"${CC:-cc}" -std=c17 -D_GNU_SOURCE -O2 -static -pthread -o "$work/root/bin/roundtrips" tests/bench/roundtrips.c
"$build/images/sites" "$work/root"
"$build/images/mkcpio" "$work/root" "$work/initrd.cpio"
for ((turn = 0; turn < ${1:-1}; turn++)); do
    "$work/root/bin/roundtrips" | sed 's/^/native /'
    timeout -s9 60 "$build/pyhl" boot "$build/kernel/kernel.elf" --initrd "$work/initrd.cpio" -- /bin/roundtrips | sed 's/^/guest /'
done
