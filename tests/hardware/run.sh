#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the programs of programs.txt in two emulated machines with hardware KVM (README.md) and sums up.
#
# usage: tests/hardware/run.sh [quick|full]      --list prints the two
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib.sh

choose "quick full" "$@"
readonly set=${1:-quick}
[ "$set" = quick ] && seconds=1200 || seconds=36000
readonly seconds=${HARDWARE_TIMEOUT:-$seconds}

# What a program's log says of its tests is taken as it is; without numbers it is one test.
count() {
    local name=$1 status=$2 took=$3 log=$4 counts
    counts=$(tail -n 1 "$log" | grep -aE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$')
    [ -n "$counts" ] || counts="$((status == 0)) passed, $((status != 0)) failed, 0 skipped"
    printf '%-10s %s (%d s)\n' "$name" "$counts" "$took"
    grep -a '^skip' "$log"
    # shellcheck disable=SC2086 # three numbers
    set -- ${counts//[!0-9 ]/}
    [ "$status" = 0 ] || [ "$2" -gt 0 ] || set -- "$1" 1 "$3"
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    [ "$2" = 0 ] && return
    echo "FAIL $name: status $status; in $log:"
    grep -aE -A 4 '^(FAIL|[0-9]+ passed)' "$log" | tail -n 40 | cut -c1-300 | sed 's/^/    /'
}

machine() {
    local out=build/hardware/$1
    rm -rf "$out"
    mkdir -p "$out"
    # The first machine runs nothing that gathers (boot.sh), and tests of all vector registers.
    [ "$1" = 1 ] && export HARDWARE_CPU=${HARDWARE_CPU:-max}
    tests/hardware/boot.sh -o "$out" -t "$seconds" tests/hardware/inside.sh "$set" "$1" >"$out/said" 2>&1
}

for number in 1 2; do
    machine $number &
done
wait
while read -r in number name _; do
    case $in in
    "$set" | both) ;;
    *) continue ;;
    esac
    out=build/hardware/$number
    if read -r _ status took < <(grep "^$name " "$out/ended" 2>/dev/null); then
        count "$name" "$status" "$took" "$out/$name.log"
    else
        failed=$((failed + 1))
        echo "FAIL $name: the machine did not come to its end: $(tail -n 3 "$out/said" | tr '\n' ' ')"
    fi
done < <(sed '/^#/d' tests/hardware/programs.txt)
summary
