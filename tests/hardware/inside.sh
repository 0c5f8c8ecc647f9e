#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the emulated machine: the programs of one machine (programs.txt). The log of each, and a line `NAME STATUS
# SECONDS` about it in `ended`, are left in /out.
#
# usage: tests/hardware/inside.sh SET MACHINE
set -u
cd "$(dirname "$0")/../.." || exit 2
export TEST_TIMEOUT=${TEST_TIMEOUT:-600} SUITE_TIMEOUT=${SUITE_TIMEOUT:-3600}

while read -r set machine name seconds command; do
    case $set,$machine in
    "$1,$2" | "both,$2") ;;
    *) continue ;;
    esac
    began=$SECONDS
    timeout -k 10 "$seconds" bash -c "$command" >"/out/$name.log" 2>&1 </dev/null
    echo "$name $? $((SECONDS - began))" >>/out/ended
done < <(sed '/^#/d' tests/hardware/programs.txt)
