#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The smallest image on hardware KVM: each way a program can be linked, booted.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh
readonly image=build/images/helloworld-c

for kind in static static-pie pie dynamic; do
    begin "helloworld, $kind"
    run "$pyhl" boot $image/kernel --initrd $image/initrd.cpio --repeat 2 -- /bin/hello-$kind 0 b
    expect_status 0
    [ "$(grep -c '^hello, stdout$' "$scratch/out") $(grep -c '^argv\[2\]=b$' "$scratch/out")" = "3 3" ] ||
        problem "$(head -c 300 "$scratch/out")"
    [ "$(grep -c '^hello, stderr$' "$scratch/err")" = 3 ] || problem "stderr: $(head -c 300 "$scratch/err")"
done
summary
