#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tests of tests/vmm, shared out between the two machines: the first has three of five, because the other has more to
# do besides; it also has those that use AVX2, which the other's CPU may lack. Left out is fault-ioctls, which makes each
# system call of each step fail: it takes minutes here, and shows the library and not the CPU.
#
# usage: tests/hardware/share.sh first|second
set -u
cd "$(dirname "$0")/../.." || exit 2
mapfile -t names < <(tests/vmm/run.sh --list | awk -v which="$1" '/^fault-ioctls$/ { next } (NR % 5 < 3 || /^slots/) == (which == "first")')
exec tests/vmm/run.sh "${names[@]}"
