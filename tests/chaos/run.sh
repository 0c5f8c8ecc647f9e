#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Chaos: random hostile runs. Each is followed by a rewind, after which memory, vCPU and an honest run have to be those of
# a fresh machine (chaos.c). Most seeds run on a small kernel of the test's own, a fifth in Python processes of the real
# image, half of these as a cell of a session. Then each of some parts of the rewind is left out, by name (faults.c): the test has to notice that.
#
# usage: tests/chaos/run.sh [PART...]      --list prints their names
#
# CHAOS_SEEDS says how many seeds (200), CHAOS_FIRST the first one (any). A seed that failed is run again by its number:
# `build/tests/chaos/chaos -n 1 -s SEED`, with `-k python` for those of Python. `make chaos SEEDS=10000` is the long way.
set -u
cd "$(dirname "$0")/../.." || exit 2
readonly seeds=${CHAOS_SEEDS:-200}
TEST_TIMEOUT=${TEST_TIMEOUT:-$((seeds * 4 + 300))}
. tests/lib.sh
choose "bare python faults" "$@"

readonly chaos=build/tests/chaos/chaos
readonly home=${PYHL_HOME:-.pyhl}
readonly first=${CHAOS_FIRST:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
readonly fault_seeds=500 # so many show each fault; 20 show most

# seeds KIND COUNT
seeds() {
    begin "$1: $2 seeds from $first on"
    run "$chaos" -k "$1" -n "$2" -s "$first" -H "$home"
    expect_status 0
    [ "$status" = 0 ] || problem "$(head -c 6000 "$scratch/out")"
    grep -E "^$1: seeds" "$scratch/out"
}

part_bare() {
    seeds bare $((seeds - seeds / 5))
}

part_python() {
    tests/home.sh "$home" || exit 2
    seeds python $((seeds / 5))
}

# fault NAME SHOWS WHAT: leaves the part NAME out; SHOWS must be among the differences.
fault() {
    begin "the rewind without a part, $1: $3"
    run "$chaos" -f "$1" -n $fault_seeds
    expect_status 1
    grep -v '^    ' "$scratch/out" | grep -Eq "$2" || # the acts are indented
        problem "missed by $fault_seeds seeds: $(head -n 8 "$scratch/out")"
}

part_faults() {
    local name shows what
    "$chaos" -f list >"$scratch/faults"
    while IFS=$'\t' read -r name shows what; do
        fault "$name" "$shows" "$what"
    done <"$scratch/faults"
}

if ! make -s $chaos >"$scratch/make" 2>&1; then
    begin "chaos builds"
    problem "$(tail -n 10 "$scratch/make")"
    summary
    exit
fi
for part in "${chosen[@]}"; do
    "part_$part"
done
summary
