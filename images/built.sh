#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints the section [build] of an image.ini: what decides about the bytes besides sources and packages.
#     CC=... KERNEL_CC=... CFLAGS=... built.sh

set -euo pipefail
export LC_ALL=C

# version COMMAND...: how the program calls itself, by the same name whether it was called cc or gcc
version() {
    "$@" --version | sed -E '1!d; s/^cc /gcc /'
}

read -ra cc <<<"$CC"
read -ra kernel_cc <<<"$KERNEL_CC"
compiler=$(version "${cc[@]}")
kernel_compiler=$(version "${kernel_cc[@]}")
printf '\n[build]\ncompiler=%s\n' "$compiler"
[ "$kernel_compiler" = "$compiler" ] || printf 'kernel_compiler=%s\n' "$kernel_compiler"
printf 'linker=%s\nflags=%s\n' "$(version ld)" "$CFLAGS"
